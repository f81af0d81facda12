/* SPDX-License-Identifier: GPL-2.0 */
/* What KVM promises to guests, and how each promise is tried. */
#ifndef L1TUNE_PROBE_FEATURES_H
#define L1TUNE_PROBE_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum probe_group {
	PROBE_ENTRY,	/* that a guest runs at all */
	PROBE_STATE,	/* components of XCR0 */
	PROBE_CR4,
	PROBE_INSTRUCTIONS,
	PROBE_MSR,
	PROBE_KVM,	/* KVM's own interface for guests */
	PROBE_WAKE,	/* interrupts, timers, doorbells */
	PROBE_NESTING,
	NUM_PROBE_GROUPS,
};

enum probe_register { REG_EAX, REG_EBX, REG_ECX, REG_EDX };

/* A bit of CPUID as KVM offers it; no leaf for what it offers otherwise. */
struct probe_promise {
	uint32_t leaf, sub;
	enum probe_register reg;
	uint32_t mask;
	/* KVM_CAP_..., or 0. */
	int cap;
};

enum probe_isa { PROBE_ANY_ISA, PROBE_VMX_ONLY, PROBE_SVM_ONLY };

struct probe_feature {
	const char *name;
	enum probe_group group;
	enum probe_isa isa;
	struct probe_promise promise;
	/* What is tried: guest's code, or the bytes of an instruction. */
	const unsigned char *fn;
	const char *code;
	size_t code_size;
	/* What it needs, and what it is tried with. */
	uint64_t cr4, xcr0, value;
	uint32_t msr;
	/* Times a try repeats the operation, to divide its time by; 0 is 1. */
	unsigned int repeated;
	/* It always exits, which is not reported as slow. */
	bool exits;
	bool la57;
	/* The VMM must request permission for this guest state from the kernel first. */
	bool asks_permission;
	/* A try that takes more than the guest alone, or more than one exit; see run.c. */
	enum { TRY_PLAIN, TRY_SHARED, TRY_DOORBELL, TRY_INTERRUPT, TRY_TIMER, TRY_NESTED } how;
	/* What comes of it for guests when it does not work; or NULL. */
	const char *means;
};

extern const struct probe_feature probe_features[];
extern const size_t num_probe_features;

const char *probe_group_name(enum probe_group group);

#endif
