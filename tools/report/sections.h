/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_SECTIONS_H
#define L1TUNE_SECTIONS_H

#include <jansson.h>
#include <stdio.h>

#include "report/tables.h"

/* The sections of a page: in the order that they stand in. */
extern const struct section {
	/* The target of links to it. */
	const char *id;
	const char *title;
	/* Under the title, or NULL. */
	const char *about;
	void (*print)(FILE *page, const json_t *report);
} sections[];
extern const unsigned int num_sections;

#endif
