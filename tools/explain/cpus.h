/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CPUS_H
#define L1TUNE_CPUS_H

#include "explain/cause.h"
#include "model/affinity.h"
#include "model/cgroup.h"

/* The CPUs of this machine that a guest's vCPUs may use. */
struct guest_cpus {
	/* By the threads that run its vCPUs; false if not all of these are known. */
	bool is_known;
	struct affinity affinity;
	/* One of these threads is a real-time task. */
	bool is_realtime;
	/* One of them is SCHED_IDLE; the largest nice value of them. */
	bool is_idle;
	int nice;
	/* One of these threads may use more than one CPU. */
	bool may_move;
};

/* Those of all guests of a snapshot; read when they are first asked for. */
struct cpus_of_guests {
	const struct snapshot *snapshot;
	struct guest_cpus *v;
	struct cgroup_mounts mounts;
};

void cpus_of_guests_free(struct cpus_of_guests *cpus);

/* The CPUs of a guest's vCPUs, and what else may use them. */
struct shared_cpus {
	uint64_t num;
	/* vCPUs that may use one of these, its own among them... */
	uint64_t num_vcpus;
	/* ...and vCPUs that may or may not: their CPUs are not known. */
	uint64_t num_unknown;
	/* vCPUs that may use no other, and for how many CPUs they ran and waited. */
	uint64_t num_confined;
	double wanted;
};

/* False if it is not known which CPUs its vCPUs may use. */
bool shared_cpus_of(const struct facts *facts, struct shared_cpus *shared);

/* False where they are not known. */
bool cpus_are_known(const struct facts *facts, struct guest_cpus *cpus);

/*
 * A CPU that is idle, or must take its task away first, takes some time for that. Others on
 * the CPU keep it for longer.
 */
#define WAKE_UP_S	100e-6

/* For how many CPUs its vCPUs waited, without short waits after halts. */
double waited_for_others(const struct facts *facts);

/* For how many CPUs the vCPUs of all guests ran and waited. */
double cpus_wanted(const struct facts *facts);

/*
 * Has each vCPU that may use this guest's CPUs one for itself? Not if the guest
 * waited for a CPU, or has a quota, nor on a machine that L0 holds to a baseline.
 * Unknown where its threads or its cgroup are.
 */
enum answer has_own_cpus(const struct facts *facts, char **seen);
/* How to find that out. */
#define OWN_CPUS_BY	"Cpus_allowed_list in /proc/PID/task/TID/status of the vCPUs of all guests; cpu.max of its cgroups; RUNQ in l1tune list"
/* Is that known? */
bool owns_cpus(const struct facts *facts);
/* What a change begins with that takes CPUs from others; "" if there are none. */
const char *only_on_own_cpus(const struct facts *facts);

/*
 * "cpu.max of /a/b.scope is 0.20 CPUs": the tightest quota on the way from the
 * cgroup of its vCPUs to the root, and the longest of their periods. A copy, or
 * NULL: there is none, or, where *is_known is false, it cannot be read.
 */
char *quota_of(const struct facts *facts, double *longest_us, bool *is_known);

/*
 * What gives its vCPUs less of their CPUs than others: their threads' policy or nice value,
 * or what cgroup_least_weight() says of that way. A copy, or NULL.
 */
char *low_weight_of(const struct facts *facts);

/* What cgroup_isolated_partition() says of its vCPUs; a copy, or NULL. */
char *isolated_partition_of(const struct facts *facts);

#endif
