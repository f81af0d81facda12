/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_SAMPLE_H
#define L1TUNE_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"

enum access_kind {
	ACCESS_PORT, ACCESS_MMIO, ACCESS_MSR,
	/* Not of a device: by its number; what KVM has flushed at an entry, by the vCPU's. */
	ACCESS_HYPERCALL, ACCESS_TLB_FLUSH,
};

/* How often in a second the vCPU of a thread read or wrote a port, address or MSR, or called. */
struct access {
	/* In the initial PID namespace, as the module has it. */
	uint64_t tid;
	enum access_kind kind;
	enum {
		ACCESS_READ,
		ACCESS_WRITE,
		/* Which of those writes KVM left to the VMM: not an ioeventfd. */
		ACCESS_WRITE_TO_VMM,
	} type;
	uint64_t address;
	double rate;
};

#define SAMPLE_EVENTS	7

/* What KVM served of such accesses in a while. */
struct sample {
	uint64_t time_ns;
	struct access *list;
	size_t num;
	/* There were more different ones than are counted. */
	bool is_cut;
	/* Why nothing can be counted and what that needs; NULL when it can. */
	char *why_not;

	int counts_fd, last_fd;
	int event_fds[SAMPLE_EVENTS];
	/* 0 of an event that is not counted. */
	uint64_t since_ns[SAMPLE_EVENTS];
};

/*
 * Starts counting in the kernel, hypercalls and TLB flushes too if those are asked for;
 * false if it cannot, with why_not.
 */
bool sample_start(struct sample *sample, const struct env *env, bool with_paravirt);

/* Waits until END_NS, or a signal; longer if counting began too late for that. */
void sample_wait(const struct sample *sample, uint64_t end_ns);

/*
 * Ends it and takes what was counted. A process that dies before has ended it
 * as well: the kernel counts as long as its files are open.
 */
void sample_stop(struct sample *sample);

/* Was this kind counted? */
bool sample_has(const struct sample *sample, enum access_kind kind);
void sample_free(struct sample *sample);

#endif
