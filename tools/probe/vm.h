/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_PROBE_VM_H
#define L1TUNE_PROBE_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/kvm.h>

#include "base/util.h"
#include "bench/kvm.h"

/* Offsets in the guest's code are differences of these. */
extern const unsigned char probe_guest_start[], probe_guest_end[], probe_guest_main[],
	probe_guest_nothing[], probe_guest_cpuid[], probe_guest_xsetbv[], probe_guest_cr4[],
	probe_guest_rdmsr[], probe_guest_wrmsr[], probe_guest_shared[], probe_guest_vmcall[],
	probe_guest_vmmcall[], probe_guest_doorbell[], probe_guest_pause[],
	probe_guest_timer[], probe_guest_halt[], probe_guest_irq[], probe_guest_exceptions[];

/* probe's guest: one vCPU with all that KVM promises for it. */
struct probe_vm {
	/* Why a call failed, and with what error; 0 if that was no system call's. */
	char error[KVM_ERROR_SIZE];
	int err;
	bool svm, has_apic;
	int kvm_fd, fd, vcpu_fd;
	int doorbell_fd, irq_fd;
	size_t run_size;
	struct kvm_run *run;
	struct kvm_sregs sregs;
	struct kvm_lapic_state lapic;
	uint8_t *memory;
	struct kvm_cpuid2 *cpuid;
	uint64_t tsc_khz;
};

/* 0, or -1 with vm->error; probe_vm_close() in every case. */
int probe_vm_open(struct probe_vm *vm, const char *dev, bool with_apic);
void probe_vm_close(struct probe_vm *vm);

/* What a guest that is to try something begins with. */
struct probe_start {
	const unsigned char *fn;
	/* Bytes to try instead of fn. */
	const char *code;
	size_t code_size;
	uint64_t cr4, xcr0, value;
	uint32_t msr, count;
	/* Paging with five levels. */
	bool la57;
	/* An interrupt comes by the irqfd just before it begins. */
	bool interrupt;
};

/* How a try ended. */
struct probe_end {
	enum {
		PROBE_DONE,
		PROBE_FAULT,
		PROBE_WRONG,
		PROBE_SHUTDOWN,
		PROBE_EMULATION,
		PROBE_REFUSED_ENTRY,
		PROBE_HANGS,
		PROBE_OTHER,
	} how;
	/* Was what it needs switched on before that? */
	bool ready;
	unsigned int vector;
	uint64_t hardware_reason;
	uint32_t exit_reason;
	int err;
	uint64_t ticks;
};

/*
 * Resets the vCPU and lets it try, at most timeout_ms. 0 with *end, or -1 with
 * vm->error if it could not begin.
 */
int probe_vm_try(struct probe_vm *vm, const struct probe_start *start,
		 unsigned int timeout_ms, struct probe_end *end);

/* Whether the guest has rung since the last call. */
bool probe_vm_has_rung(const struct probe_vm *vm);

bool probe_vm_has_cap(const struct probe_vm *vm, int cap);
/* A register of what KVM promises, 0 for a leaf that it does not have: 0 eax … 3 edx. */
uint32_t probe_vm_cpuid(const struct probe_vm *vm, uint32_t leaf, uint32_t sub,
			unsigned int reg);
/* The MSRs that KVM lists, to free; NULL when it does not say. */
struct kvm_msr_list *probe_vm_msrs(const struct probe_vm *vm);

/*
 * From one call to the next SIGALRM interrupts this thread's system calls every
 * few milliseconds after timeout_ms; 0 ends that.
 */
void probe_watchdog(unsigned int timeout_ms);

#endif
