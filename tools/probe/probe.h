/* SPDX-License-Identifier: GPL-2.0 */
/* What KVM promises here against what works: tried by a tiny guest. */
#ifndef L1TUNE_PROBE_H
#define L1TUNE_PROBE_H

#include <time.h>

#include "base/env.h"
#include "model/machine.h"
#include "probe/features.h"

enum probe_verdict {
	/* Also of files that do not say. */
	VERDICT_UNKNOWN,
	VERDICT_NOT_PROMISED,
	VERDICT_OK,
	VERDICT_SLOW,
	/* It failed, and worked when it was tried again; the detail is of the failure. */
	VERDICT_UNSTEADY,
	/* It could not be tried, for what it needs does not work. */
	VERDICT_UNTRIED,
	VERDICT_FAULTS,
	VERDICT_WRONG,
	VERDICT_DIES,
	VERDICT_HANGS,
	NUM_VERDICTS,
};

struct probe_result {
	enum probe_verdict verdict;
	/* How it failed; empty when it did not. */
	char detail[192];
	/* TSC ticks of the fastest of a few tries, in the guest; 0 is unknown. */
	uint64_t ticks;
};

struct probe {
	struct machine machine;
	struct timespec time;
	bool svm;
	uint64_t tsc_khz;
	/* By the number of the row. */
	struct probe_result *results;
	/* Of KVM's list of MSRs: which a guest could not read. */
	bool has_msrs;
	uint32_t num_msrs;
	uint32_t *faulting_msrs;
	size_t num_faulting;
};

/*
 * Tries all of them; progress, which may be NULL, is called with each row before it
 * is tried, and with NULL at the end. STATUS_OK, or another after a message: then
 * there are no results. probe_free() in every case.
 */
int probe_run(const struct env *env, void (*progress)(const char *name, size_t done, size_t all),
	      struct probe *probe);
void probe_free(struct probe *probe);

const char *probe_verdict_name(enum probe_verdict verdict);
/* Whether a guest that goes by the promise comes to harm. */
bool probe_is_bad(enum probe_verdict verdict);
/* What comes of a row's verdict for guests; NULL for nothing, or nothing known. */
const char *probe_means(const struct probe *probe, size_t i);

/*
 * Judges by their times those that work: for tests. A row that is as long as
 * exits are, and that is to have none, is slow; of rows that exit one that takes
 * many times what the others take.
 */
void probe_judge_times(struct probe *probe);

#endif
