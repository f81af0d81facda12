/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_BENCH_VM_H
#define L1TUNE_BENCH_VM_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/kvm.h>

#include "bench/kvm.h"

/* Offsets in the guest's code are differences of these. */
extern const unsigned char bench_guest_start[], bench_guest_end[];
extern const unsigned char bench_guest_main[], bench_guest_nothing[],
	bench_guest_cpuid[], bench_guest_vmcall[], bench_guest_vmmcall[],
	bench_guest_pio_kvm[], bench_guest_pio_user[], bench_guest_mmio_kvm[],
	bench_guest_mmio_user[], bench_guest_rdmsr[], bench_guest_wrmsr[],
	bench_guest_fresh[], bench_guest_hlt_timer[], bench_guest_hlt_ipi[],
	bench_guest_sleeper[], bench_guest_irq[], bench_guest_l3_launch[],
	bench_guest_vmx_on[], bench_guest_l3_cpuid_vmx[], bench_guest_l3_exit[],
	bench_guest_svm_on[], bench_guest_l3_cpuid_svm[];

struct bench_vcpu {
	struct bench_vm *vm;
	int fd;
	struct kvm_run *run;
	struct kvm_sregs sregs;
	pthread_t thread;
	bool started;
};

/* bench's own guest: no firmware, no devices, one program. */
struct bench_vm {
	/* Why a call failed, and whether that is for want of rights to /dev/kvm. */
	char error[KVM_ERROR_SIZE];
	bool is_withheld;
	bool svm;
	int kvm_fd, fd;
	/* Written to by KVM itself when the guest writes to PORT_KVM. */
	int event_fd;
	size_t run_size;
	uint8_t *memory;
	/* Fresh pages, aligned to 2 MB; what is mapped is a bit more. */
	void *mapped;
	size_t mapped_size;
	uint8_t *fresh;
	size_t fresh_size;
	bool fresh_is_huge;
	struct kvm_cpuid2 *cpuid;
	struct bench_vcpu vcpu[2];
	unsigned int num_vcpus;
};

/* 0, or -1 with vm->error; bench_vm_close() in every case. */
int bench_vm_open(struct bench_vm *vm, const char *dev, unsigned int num_vcpus);
void bench_vm_close(struct bench_vm *vm);

/* Memory for pages that the guest touches for the first time, again. */
int bench_vm_fresh(struct bench_vm *vm, bool huge);

/*
 * Lets the guest take count samples with the code at fn; they are in
 * bench_vm_samples() then. done_by_mmio: it says so by MMIO, not by port I/O.
 */
int bench_vm_run(struct bench_vm *vm, const unsigned char *fn,
		 uint32_t count, bool done_by_mmio);
const uint64_t *bench_vm_samples(const struct bench_vm *vm);
const uint64_t *bench_vm_cycles(const struct bench_vm *vm);
void bench_vm_set_delay(struct bench_vm *vm, uint64_t ticks);

/* The other vCPU sleeps until it is woken, in a thread of its own. */
int bench_vm_start_sleeper(struct bench_vm *vm);
/*
 * Ends it by a signal, for which the caller has a handler that does nothing much:
 * a halted vCPU is not woken by anything else.
 */
#define BENCH_VM_WAKE_SIGNAL	SIGUSR1
void bench_vm_stop_sleeper(struct bench_vm *vm);
int bench_vm_join_sleeper(struct bench_vm *vm);

/* bench-nested.c: a guest inside this guest. */
bool bench_nested_is_on(const struct bench_vm *vm);
int bench_nested_init(struct bench_vm *vm);

/* For bench-nested.c. */
__attribute__((format(printf, 2, 3)))
int bench_vm_fail(struct bench_vm *vm, const char *fmt, ...);
uint32_t bench_vm_code(const unsigned char *label);
void bench_vm_set_param(struct bench_vm *vm, unsigned int offset,
			uint64_t value, size_t size);

#endif
