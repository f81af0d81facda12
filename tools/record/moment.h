/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_MOMENT_H
#define L1TUNE_MOMENT_H

#include "model/host.h"
#include "model/snapshot.h"
#include "record/codec.h"
#include "record/machine-files.h"

/* What a record has: this machine and its guests at one time. */
struct moment {
	/* When the next record is due. */
	uint64_t interval_ns;
	struct host host;
	struct snapshot snapshot;
	struct machine_files files;
	/* Lines of l1/events that no record before has. */
	char **events;
	size_t num_events;
	/* How many moments share all but the events and the interval; NULL for one. */
	unsigned int *shared;
};

/*
 * Writes a moment, or reads one into an empty one: values as differences from
 * those of an earlier moment, which is NULL for none. Free what was read with
 * moment_free() in every case.
 */
void moment_code(struct codec *codec, struct moment *moment,
		 const struct moment *before);
/*
 * The events alone, and taken_ns if there are any: a record begins with them, and
 * they need no record before it.
 */
void moment_code_events(struct codec *codec, struct moment *moment);
void moment_free(struct moment *moment);
void moment_copy(struct moment *copy, const struct moment *moment);
/* Shares all but the events of a moment that does not change; free both. */
void moment_share(struct moment *other, struct moment *moment);

/* CLOCK_REALTIME. */
uint64_t moment_time_ns(const struct moment *moment);

#endif
