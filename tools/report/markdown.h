/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_MARKDOWN_H
#define L1TUNE_MARKDOWN_H

#include <jansson.h>
#include <stdio.h>

/* Writes a report as Markdown, for an issue tracker: what matters most, in tables. */
void markdown_write(FILE *out, const json_t *report);

#endif
