/* SPDX-License-Identifier: GPL-2.0 */
/* The first steps of a VMM. What failed is in error, and its errno, or 0, in errno. */
#ifndef L1TUNE_BENCH_KVM_H
#define L1TUNE_BENCH_KVM_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/kvm.h>

/* Enough for any of their messages. */
#define KVM_ERROR_SIZE	256

/* KVM's device below dev, with the one interface that is known here; or -1. */
int kvm_open(const char *dev, char *error);
int kvm_create_vm(int kvm_fd, char *error);
/* All that KVM offers to guests, to free; or NULL. */
struct kvm_cpuid2 *kvm_supported_cpuid(int kvm_fd, char *error);
/* The size of a vCPU's mapping; 0 after an error. */
size_t kvm_run_size(int kvm_fd, char *error);

bool cpu_has_svm(void);

#endif
