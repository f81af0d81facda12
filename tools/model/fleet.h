/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_FLEET_H
#define L1TUNE_FLEET_H

#include "model/json-load.h"
#include "model/snapshot.h"

/* What one machine did in one load of the module: a file of stat --json. */
struct fleet_file {
	char *name;
	struct json_machine machine;
	struct snapshot snapshot;
	/* Of all its guests but the canary's. */
	struct exit_stats stats;
	uint64_t busy_ns;
};

struct fleet {
	const char *directory;
	struct fleet_file *v;
	size_t num;
	/* Files that are earlier ones of the same load as another, and left out. */
	size_t num_earlier;
};

/* What two fleets are compared by, of a reason on one type of instance. */
enum fleet_measure {
	/* CPU time of an exit in KVM and the VMM, in ns. */
	FLEET_COST,
	/* Exits per second of a machine. */
	FLEET_RATE,
	NUM_FLEET_MEASURES
};

enum fleet_verdict {
	FLEET_SAME, FLEET_HIGHER, FLEET_LOWER, FLEET_TOO_FEW, FLEET_ONE_SIDE,
};

struct fleet_side {
	size_t num;
	double low, median, high;
};

struct fleet_row {
	const char *type;
	struct exit_key key;
	enum fleet_measure measure;
	struct fleet_side sides[2];
	/* 0.1 is 10 % more; NAN if there is nothing to compare with. */
	double change;
	/* The p-value of the test, with Holm's correction for all rows. */
	double p;
	enum fleet_verdict verdict;
};

struct fleet_rows {
	struct fleet_row *v;
	size_t num;
	/* Files a side with which one of these rows could be significant. */
	size_t enough;
};

/* STATUS_OK, or another after a message; an unsuitable file is skipped with a message. */
int fleet_load(struct fleet *fleet, const char *directory);
void fleet_free(struct fleet *fleet);

/* By type, cost before rate, the most significant first. Borrows from both. */
struct fleet_rows fleet_compare(const struct fleet *a, const struct fleet *b);
void fleet_rows_free(struct fleet_rows *rows);

#endif
