/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_LOAD_H
#define L1TUNE_LOAD_H

#include "explain/facts.h"
#include "model/cell.h"

#define MAX_NAMES	24

/* Reasons that mean the same, by the names of both ISAs. */
struct reasons {
	const char *names[MAX_NAMES];
};

extern const struct reasons all_reasons;
extern const struct reasons halts;

bool reasons_have(const struct reasons *reasons, const char *name);

/* One by the name that a CPU's exits have, and those that mean the same. */
struct reasons reasons_like(const char *name);

/* Exits of some reasons per second, and the CPU time spent on them. */
struct load {
	double rate;
	double parts[NUM_PARTS];
};

struct load load_of(const struct facts *f, const struct reasons *reasons,
		    uint32_t level);

/* Levels 2 and 3 together: a vCPU waits and sleeps at either level. */
struct load load_of_both(const struct facts *f, const struct reasons *reasons);

/*
 * How often the busiest vCPU of a guest exits for them in a second. Each vCPU of a large
 * guest has a timer, is woken and interrupted: what is little for one adds up.
 */
double busiest_rate(const struct facts *f, const struct reasons *reasons);
double mean_of_vcpus(const struct facts *facts, double rate_of_guest);

/*
 * Can these be what a hypervisor inside it does as it enters its guests and leaves them?
 * That is a few of a kind for each entry.
 */
bool can_be_of_entries(const struct facts *f, double rate, char **seen);

/*
 * Which part of these exits of guests inside it KVM did not leave to their hypervisor;
 * false if there are no counts of them.
 */
bool l3_share_handled(const struct facts *f, const struct reasons *reasons, double *share);

/* What was counted, for each ns. */
double in_interval(const struct facts *f, uint64_t count);

/*
 * What this machine did, for each second that it was looked at: on average, and the
 * most that it can have been while the guest was there, if it was not all the time.
 */
double rate_of_machine(const struct facts *f, uint64_t count);
double most_of_machine(const struct facts *f, uint64_t count);

/* @rate exits fewer per second save KVM's time for them, and their transit to L0. */
struct gain gain_of(const struct facts *f, double kernel, double rate);
struct gain gain_at_most(double cpus);
/* Against thresholds that are lower for one of many guests. */
bool is_worth_it(const struct facts *f, const struct gain *gain);
bool is_often(const struct facts *f, double rate, double threshold);
bool is_often_on_vcpu(const struct facts *f, const struct reasons *reasons,
		      double threshold);
/* Is that share of a CPU a symptom, however rare the exits are? */
bool takes_much(const struct facts *f, double cpus);
/* Is it often on the busiest vCPU, or does KVM take much of its CPU for them? */
bool is_much_on_vcpu(const struct facts *f, const struct reasons *reasons,
		     double threshold);
/* The same of levels 2 and 3, for what is the same to a vCPU at either. */
bool is_much_of_both(const struct facts *f, const struct reasons *reasons, double threshold);
bool is_often_of_both(const struct facts *f, const struct reasons *reasons, double threshold);

#endif
