/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What L0 offers: capability registers as they were read, and their meaning. Decoding
 * is plain arithmetic on the registers, so this header, vmx_caps.c and svm_caps.c also
 * build outside the kernel, where the tests use registers of machines that are not
 * available.
 */
#ifndef L1TUNE_CAPS_H
#define L1TUNE_CAPS_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stdint.h>
typedef uint32_t u32;
typedef uint64_t u64;
#endif

/* VMX capability registers. */
enum l1t_vmx_register {
	L1T_VMX_FEATURE_CONTROL,
	L1T_VMX_BASIC,
	L1T_VMX_PIN,
	L1T_VMX_PROC,
	L1T_VMX_EXIT,
	L1T_VMX_ENTRY,
	L1T_VMX_MISC,
	L1T_VMX_CR0_FIXED0,
	L1T_VMX_CR0_FIXED1,
	L1T_VMX_CR4_FIXED0,
	L1T_VMX_CR4_FIXED1,
	L1T_VMX_VMCS_ENUM,
	L1T_VMX_PROC2,
	L1T_VMX_EPT,
	L1T_VMX_TRUE_PIN,
	L1T_VMX_TRUE_PROC,
	L1T_VMX_TRUE_EXIT,
	L1T_VMX_TRUE_ENTRY,
	L1T_VMX_VMFUNC,
	L1T_VMX_PROC3,
	L1T_VMX_EXIT2,
	L1T_VMX_REGISTERS
};

/* A register's MSR, and the file that shows it. */
struct l1t_vmx_msr {
	u32 index;
	const char *file;
};

extern const struct l1t_vmx_msr l1t_vmx_msrs[L1T_VMX_REGISTERS];

struct l1t_vmx_caps {
	/* CPUID has the flag VMX */
	bool offered;
	/* one bit per register that could be read */
	u32 present;
	u64 value[L1T_VMX_REGISTERS];
};

/*
 * A feature by its file's name. For PIN, PROC and PROC2 @bit is the control's, and the
 * upper half of the register tells whether it may be 1.
 */
struct l1t_vmx_feature {
	const char *name;
	enum l1t_vmx_register reg;
	unsigned int bit;
};

#define L1T_VMX_FEATURES	33
extern const struct l1t_vmx_feature l1t_vmx_features[L1T_VMX_FEATURES];

struct l1t_svm_caps {
	/* CPUID has the flag SVM */
	bool offered;
	/* MSR VM_CR could be read, and its value */
	bool has_vm_cr;
	u64 vm_cr;
	/* CPUID leaf 0x8000000a; zero if there is none */
	u32 eax, ebx, edx;
};

/* A feature by its file's name, and its bit in EDX of the leaf. */
struct l1t_svm_feature {
	const char *name;
	unsigned int bit;
};

#define L1T_SVM_FEATURES	17
extern const struct l1t_svm_feature l1t_svm_features[L1T_SVM_FEATURES];

/* Hyper-V's leaves, if L0 is Hyper-V: EAX of 0x40000004 and 0x4000000a. */
struct l1t_hyperv_caps {
	u32 hints;
	u32 nested;
};

bool l1t_vmx_has(const struct l1t_vmx_caps *caps, const struct l1t_vmx_feature *feature);
bool l1t_svm_has(const struct l1t_svm_caps *caps, const struct l1t_svm_feature *feature);

/* May it be enabled, or has firmware disabled it? */
bool l1t_vmx_allowed(const struct l1t_vmx_caps *caps);
bool l1t_svm_allowed(const struct l1t_svm_caps *caps);

u32 l1t_vmx_revision(const struct l1t_vmx_caps *caps);
bool l1t_enlightened_vmcs(const struct l1t_hyperv_caps *caps);

#endif
