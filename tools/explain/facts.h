/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_FACTS_H
#define L1TUNE_FACTS_H

#include "base/env.h"
#include "explain/access.h"
#include "explain/kvm-counts.h"
#include "explain/transit.h"
#include "model/host.h"
#include "model/snapshot.h"

/* What rules look at: one guest in an interval, and this machine. */
struct facts {
	const struct env *env;
	const struct host *host;
	const struct guest_snapshot *guest;
	/* Of that interval; memory as it is at its end. */
	struct kvm_counts kvm;
	struct transit transit;
	/* What waking from HLT takes beyond an exit; 0 if not measured. */
	double wake_ns;
	uint64_t num_cpus;
	/* Of all guests. */
	uint64_t num_vcpus;
	/* What its VMM's guests accessed; empty if that was not looked at. */
	struct access_groups accesses;
	bool is_sampled;
};

/* In CPUs: seconds of a CPU in a second. */
struct gain {
	enum { GAIN_UNKNOWN, GAIN_RANGE, GAIN_AT_LEAST, GAIN_AT_MOST } kind;
	double low, high;
};

/* Texts are copies. */
struct advice {
	const struct rule *rule;
	uint64_t guest_id;
	char *guest_name;
	char *evidence;
	char *change;
	struct gain gain;
	/* What the evidence names. */
	struct access_group *accesses;
	size_t num_accesses;
};

struct rule {
	const char *name;
	const char *title;
	/* Who can change it: L0, L1, VMM, guest. */
	const char *owner;
	const char *risk;
	/* How sure the gain is. */
	const char *confidence;
	/* Fills in evidence, change and gain; false if there is no reason to. */
	bool (*applies)(const struct facts *facts, struct advice *advice);
};

/* What is less is not worth a change. */
#define MIN_GAIN	0.01

#endif
