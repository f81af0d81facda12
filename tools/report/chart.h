/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CHART_H
#define L1TUNE_CHART_H

#include <jansson.h>
#include <stdio.h>

/* The parts of an exit's time that a page has colors for, as keys have them. */
extern const struct chart_part {
	const char *key, *name, *color;
} chart_parts[];
extern const unsigned int num_chart_parts;

/*
 * Charts of a timeline, each a figure whose width is that of the page: who spent the
 * exits' time, how many exits there were, and how long they took.
 */
void chart_time(FILE *page, const json_t *points);
void chart_exits(FILE *page, const json_t *points);
void chart_heat(FILE *page, const json_t *points);

/* A legend of the colors that these rows use: points, or guests. */
void chart_key(FILE *page, const json_t *rows);

/* Which parts one guest's time has, as a small bar. */
void chart_bar(FILE *page, const json_t *guest);

#endif
