/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ADVISE_H
#define L1TUNE_ADVISE_H

#include "explain/facts.h"

/* What was seen of guests in an interval, or since their start. */
struct observation {
	const struct host *host;
	/* All guests, and a selection of those to advise on: NULL for all. */
	const struct snapshot *snapshot;
	const struct selection *guests;
	/* What KVM counted meanwhile, one for each guest. */
	const struct kvm_counts *counts;
	/* What else this machine did; NULL if that was not looked at. */
	const struct activity *activity;
	/* What they accessed at its end, NULL if that was not looked at. */
	const struct sample *sample;
};

/* What of KVM's counts may have been needed, and could not be read. */
struct unread {
	/* -errno: kvm_count_why_not() has words for it. */
	int err;
	/* The counts' names with commas between them, a copy. */
	char *names;
	/* The guests that it is about, those with little to explain left out. */
	size_t num_guests;
};

struct findings {
	/* Most gain first. */
	struct advice *list;
	size_t num;
	struct unread *unread;
	size_t num_unread;
	/* That were asked for. */
	size_t num_guests;
};

void advise(const struct env *env, const struct observation *seen,
	    struct findings *findings);
void findings_free(struct findings *findings);

/* Whether a sample of accesses would make advice better. */
bool advise_wants_sample(const struct env *env,
			 const struct observation *seen);

/* "0.12 CPUs", "at least 0.12 CPUs", a copy. */
char *gain_text(const struct gain *gain);

#endif
