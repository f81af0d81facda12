/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A minimal VMM whose guests take exactly known VM exits.
 *
 *	struct vmm_config cfg = { .vcpus = 2, .rounds = 1 };
 *	struct vmm *vm;
 *
 *	cfg.count[VMM_CPUID] = 1000;
 *	vm = vmm_create(&cfg);
 *	if (!vm || vmm_start(vm) || vmm_wait(vm))
 *		errx(1, "%s", vmm_error());
 *	n = vmm_expect(vm, 0, exits, ARRAY_SIZE(exits));
 *	vmm_destroy(vm);
 *
 * Functions that return int return 0, or -1 with the reason in vmm_error().
 */
#ifndef VMM_H
#define VMM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define VMM_MAX_VCPUS	240
#define VMM_MAX_EXITS	32

/* What a guest can do; README.md lists the exits that each kind takes. */
enum vmm_kind {
	VMM_CPUID,
	VMM_OUT,
	VMM_IN,
	VMM_MMIO,
	VMM_RDMSR,
	VMM_WRMSR,
	VMM_HLT,		/* exits to the VMM, which resumes at once */
	VMM_HALT,		/* sleeps in KVM until the guest's timer fires */
	VMM_NAP,		/* five times as long */
	VMM_PAUSE,		/* a spinning loop; exits as the CPU finds */
	VMM_VMCALL,
	VMM_EPT,		/* first write to a fresh page */
	VMM_OFF,		/* stops being a hypervisor */
	VMM_L3,			/* L3's CPUID, reflected to L2 */
	VMM_L3OUT,		/* the other L3 kinds are handled by L1 */
	VMM_L3RDMSR,
	VMM_L3EPT,
	VMM_KINDS,
};

enum vmm_isa { VMM_VMX, VMM_SVM };

#define VMM_MAX_MISTAKES	24
#define VMM_MAX_CONTROLS	16

/* Bits that L2 sets in addition, in a field of the VMCS or 64 bits of the VMCB. */
struct vmm_control {
	uint32_t where;			/* encoding, or offset */
	uint64_t bits;
};

struct vmm_config {
	unsigned int vcpus;		/* 0: a VM without vCPUs */
	uint32_t count[VMM_KINDS];	/* per vCPU and round */
	bool mixed;			/* one of each in turn, not in blocks */
	bool nested;			/* L2 becomes a hypervisor even without l3 work */
	unsigned int mistakes;		/* entries into L3 that KVM refuses, each in its own way */
	uint32_t failures;		/* rounds of VMX instructions that fail */
	struct vmm_control controls[VMM_MAX_CONTROLS];
	unsigned int ncontrols;
	uint64_t rounds;		/* 0: until vmm_stop() */
	uint32_t halt_period_us;	/* VMM_HALT sleeps that long, default 1000 */
	bool halt_deadline;		/* until then on the TSC, not on the timer's count */
	uint32_t user_spin_us;		/* CPU time the VMM burns for each VMM_OUT */
	uint32_t slow_every;		/* the VMM sleeps in each Nth VMM_OUT; 0: in none */
	uint32_t slow_us;		/* how long that sleep lasts */
	bool ioeventfd;			/* KVM serves VMM_OUT and signals an eventfd */
	bool huge_pages;		/* the largest pages available, kept when made fresh */
};

/* Part of KVM's message for the ith mistake; NULL after the last. */
const char *vmm_mistake(enum vmm_isa isa, unsigned int i);

/* The ith error number of a round of failures and how often it occurs; 0 after the last. */
unsigned int vmm_failure(enum vmm_isa isa, unsigned int i, unsigned int *count);

/* One line of the table of exits that a vCPU must have taken. */
struct vmm_exits {
	const char *reason;		/* as KVM's trace events name it */
	uint32_t code;
	unsigned int level;		/* 2, or 3 for exits of the nested guest */
	uint64_t count;
};

struct vmm_result {
	pid_t tid;
	uint64_t rounds;		/* completed ones */
	uint64_t wall_ns;		/* from the first KVM_RUN to the end of the last */
	uint64_t wall_tsc;
	uint64_t cpu_ns;		/* time on CPU of the vCPU's thread in wall_ns */
	uint64_t user_exits;		/* returns of KVM_RUN */
	uint64_t outs, slow_outs;	/* VMM_OUT, and those in which the VMM slept */
	bool complete;			/* false: killed or failed within a round */
};

struct vmm;

const char *vmm_error(void);
/* Is the CPU KVM runs on Intel's or AMD's? */
enum vmm_isa vmm_isa(void);

/* Names of the kinds as on the command line; NULL after the last. */
const char *vmm_kind_name(enum vmm_kind kind);
const char *vmm_kind_help(enum vmm_kind kind);

/* Creates VM, memory and vCPUs, runs nothing. NULL on failure. */
struct vmm *vmm_create(const struct vmm_config *cfg);
/* Starts one thread per vCPU. */
int vmm_start(struct vmm *vm);
/* Ends all vCPUs when their round is done. */
void vmm_stop(struct vmm *vm);
/* Ends all vCPUs now: their counts are no longer exact. */
void vmm_kill(struct vmm *vm);
/* Waits until all vCPUs are done. */
int vmm_wait(struct vmm *vm);
void vmm_destroy(struct vmm *vm);

void vmm_result(struct vmm *vm, unsigned int vcpu, struct vmm_result *res);
/* Instructions of the guest that raised #UD. */
uint32_t vmm_undefined(struct vmm *vm, unsigned int vcpu);
/* Halts whose timer was armed again because the interrupt came before HLT. */
uint32_t vmm_early(struct vmm *vm, unsigned int vcpu);
/*
 * The exits the vCPU must have taken in the rounds it completed, all but those
 * the host causes (vmm_host_caused()). Returns the number of lines, 0 for a
 * vCPU that did not complete.
 */
unsigned int vmm_expect(struct vmm *vm, unsigned int vcpu, struct vmm_exits *exits,
			unsigned int max);
/* The ith control that L2 has written into its VMCS or VMCB; false after the last. */
bool vmm_written(struct vmm *vm, unsigned int vcpu, unsigned int i, struct vmm_control *control);
/* The exits that depend on the host's timing (reason and code); false after the last. */
bool vmm_host_caused(unsigned int i, struct vmm_exits *exits);

/* KVM's own statistics of a vCPU (KVM_GET_STATS_FD): calls @fn for each one. */
typedef void (*vmm_stat_fn)(const char *name, uint64_t value, void *data);
bool vmm_has_stats(const struct vmm *vm);	/* kernels from 5.14 have them */
int vmm_read_stats(struct vmm *vm, unsigned int vcpu, vmm_stat_fn fn, void *data);
/* One of them by name, for instance "exits". */
int vmm_stat(struct vmm *vm, unsigned int vcpu, const char *name, uint64_t *value);

#endif
