/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_BENCH_H
#define L1TUNE_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/env.h"
#include "bench/stats.h"
#include "model/machine.h"

enum bench_kind_id {
	BENCH_CPUID, BENCH_VMCALL, BENCH_PIO_KVM, BENCH_PIO_USER, BENCH_MMIO_KVM,
	BENCH_MMIO_USER, BENCH_RDMSR, BENCH_WRMSR, BENCH_HLT_TIMER,
	BENCH_HLT_IPI, BENCH_EPT_4K, BENCH_EPT_2M, BENCH_L3_CPUID, NUM_BENCH_KINDS
};

/* What is measured: its name in JSON and in the table, and what it is. */
struct bench_kind {
	const char *name;
	const char *text;
	/* A round trip of one exit, which KVM and L0 share; else a wake-up. */
	bool is_round_trip;
};

extern const struct bench_kind bench_kinds[NUM_BENCH_KINDS];

/* In cycles; without a count it was not measured; skipped is the reason. */
struct bench_result {
	char skipped[256];
	struct bench_summary cycles;
	/* For a wake-up: all of it, from arming the timer to running again. */
	struct bench_summary whole;
	/* The parts of the median: known if the module was loaded. */
	bool is_split;
	double kvm_ns, vmm_ns;
};

enum bench_shadow {
	BENCH_SHADOW_UNKNOWN, BENCH_SHADOW_NOT_APPLICABLE, BENCH_SHADOW_YES,
	BENCH_SHADOW_NO, BENCH_SHADOW_UNCLEAR
};

struct measurement {
	struct machine machine;
	char module[64];
	struct timespec time;
	uint64_t tsc_khz;
	/* The cost of taking a sample; it is subtracted from the results. */
	uint64_t clock_cycles;
	uint64_t halt_delay_ns;
	struct bench_result results[NUM_BENCH_KINDS];
	/*
	 * Whether L0 shadows the VMCS: a CPUID exit as it is, with a trace event
	 * that reads no VMCS, and with one that does.
	 */
	enum bench_shadow shadow;
	uint64_t plain_cycles, event_cycles, vmread_event_cycles;
	char shadow_text[256];
};

struct bench_options {
	const char *dev;
	/* Those to measure, all without any. */
	bool wanted[NUM_BENCH_KINDS];
	bool has_selection;
	/* Told of each kind before it is measured; or NULL. */
	void (*progress)(const char *name, size_t done, size_t all);
};

/* STATUS_OK, or another exit status after a message. */
int bench_measure(const struct env *env, const struct bench_options *options,
		  struct measurement *m);

double bench_ns(const struct measurement *m, double cycles);
/* What is neither KVM's nor the VMM's: the hardware and L0. */
double bench_rest_ns(const struct measurement *m, const struct bench_result *r);
/* From what was measured with and without trace events. */
void bench_judge_shadow(struct measurement *m);
const char *bench_shadow_name(enum bench_shadow shadow);

#endif
