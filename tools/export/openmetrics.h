/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_OPENMETRICS_H
#define L1TUNE_OPENMETRICS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/util.h"
#include "model/exits.h"

enum metric_type {
	METRIC_GAUGE,
	METRIC_COUNTER,
	METRIC_HISTOGRAM,
	METRIC_INFO,
};

/*
 * Writes OpenMetrics, or the older text format of Prometheus, which collectors
 * of files read: there a counter's family is called like its samples, and
 * there is neither an end nor a type for infos.
 */
struct metrics {
	FILE *out;
	bool is_text;
	/* The family that samples belong to. */
	const char *name;
	const char *suffix;
};

/* The samples that follow are of this one; a counter's name without _total. */
void metrics_family(struct metrics *metrics, enum metric_type type,
		    const char *name, const char *help);

/*
 * One sample; labels as 'guest="web",level="2"' or empty. Strings of others
 * have been escaped before.
 */
__printf(3, 4) void metrics_number(struct metrics *metrics, uint64_t value,
				   const char *labels, ...);
__printf(3, 4) void metrics_seconds(struct metrics *metrics, uint64_t ns,
				    const char *labels, ...);
/* A number whose maximum means no bound. */
__printf(3, 4) void metrics_bound(struct metrics *metrics, uint64_t value,
				  const char *labels, ...);
/* All buckets of what the exits of a cell took. */
void metrics_histogram(struct metrics *metrics, const struct exit_cell *cell,
		       const char *labels);

void metrics_end(struct metrics *metrics);

/* A copy that can stand between the quotes of a label. */
char *metrics_escape(const char *s);

#endif
