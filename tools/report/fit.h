/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_FIT_H
#define L1TUNE_FIT_H

#include <jansson.h>
#include <stddef.h>

/*
 * Shortens a report to at most @bytes: drops histograms, then reasons, then whole
 * guests, of the least busy guests first. "left_out" of its "report" counts the
 * guests that lack each. Returns the text of the document, in ASCII, without
 * characters that are special in HTML.
 */
char *report_fit(json_t *report, size_t bytes);

#endif
