/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_EVENT_NAME_H
#define L1TUNE_EVENT_NAME_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The module does not know what guests are called. The recorder adds the name to the line
 * of an event, as what has happened is read when the guest may have ended long ago.
 */

/* Is the line about a guest? Not cut up. */
bool event_name_is_missing(const char *line, uint64_t *id);
/* The line with a name, to free; an empty name, and one that is too long, is left out. */
char *event_name_add(const char *line, const char *name);
/* Removes the name from a line and returns it, to free; NULL if there is none. */
char *event_name_take(char *line);

#endif
