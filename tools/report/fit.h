/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_FIT_H
#define L1TUNE_FIT_H

#include <jansson.h>
#include <stddef.h>

/*
 * Leaves out of a report what matters least until it takes no more than so many
 * bytes: histograms, then reasons, then whole guests, of the least busy guests
 * first. "left_out" of its "report" says how many guests lack what. Returns the
 * text of the document, in ASCII, without characters that mean something in HTML.
 */
char *report_fit(json_t *report, size_t bytes);

#endif
