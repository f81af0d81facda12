/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_PAGE_H
#define L1TUNE_PAGE_H

#include <jansson.h>
#include <stdio.h>

#define PAGE_MAX_BYTES	500000

/*
 * Writes a report as one HTML page that needs nothing else, of at most
 * PAGE_MAX_BYTES. The document is inside, without what was left out to fit.
 * STATUS_OK, or STATUS_FAILED after a message.
 */
int page_write(FILE *out, json_t *report);

#endif
