/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_HEAT_H
#define L1TUNE_HEAT_H

#include <time.h>

#include "model/exits.h"

/*
 * A heat map: a line for each interval, and in it a column for each bucket of the
 * histogram, the darker the more exits there were. The heading comes first.
 */
void heat_print_heading(const struct exit_cell *cell);
void heat_print_line(const struct exit_cell *cell, const struct timespec *time);

#endif
