/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_EVENT_SHOW_H
#define L1TUNE_EVENT_SHOW_H

#include <jansson.h>

#include "record/event.h"
#include "ui/table.h"

/* One line for people, without its end, and with colours on a terminal. */
char *event_line(const struct event *event, const struct table_style *style);
json_t *event_to_json(const struct event *event);

#endif
