/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_SUMMARY_H
#define L1TUNE_SUMMARY_H

#include <jansson.h>
#include <stddef.h>

/* What a report begins with, whatever it is written as. */
struct fact {
	const char *name;
	/* NULL where it is not known. */
	char *value;
	/* What the value is of, or why it is not known; or "". */
	char *detail;
};

#define FACTS_MOST	16

struct facts_list {
	struct fact v[FACTS_MOST];
	size_t num;
};

/* The figures of the interval, and what machine this is; free both. */
void summary_figures(const json_t *report, struct facts_list *list);
void summary_machine(const json_t *report, struct facts_list *list);
void facts_free(struct facts_list *list);

/* "2026-11-26 03:10:00 UTC to 03:15:00, 5m, from the history": a copy. */
char *summary_when(const json_t *report);

/* What doctor says in all: "ok", "warning" or "problem", and in words. */
const char *summary_state(const json_t *report);
char *summary_verdict(const json_t *report);

/* Why a document is not there: "" if it is. */
const char *summary_missing(const json_t *report, const char *document);

#endif
