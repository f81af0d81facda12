/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TERMINAL_H
#define L1TUNE_TERMINAL_H

#include <stdbool.h>

/* Colours only for a terminal that has them, and not with NO_COLOR. */
bool terminal_has_colors(void);

/* Escape sequences for stdout, empty without colours. */
const char *terminal_bold(void);
const char *terminal_warning(void);
const char *terminal_alarm(void);
const char *terminal_normal(void);

/* How wide it is; 0 when stdout is none. */
unsigned int terminal_columns(void);

/* Whether what was printed arrived; a reader that went away is no failure. */
int terminal_flush(void);

#endif
