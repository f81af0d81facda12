/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only header that knows that kernels differ. A version number does not tell what
 * a kernel has, because stable and vendor kernels carry backports: the compiler is
 * asked instead. If a kernel has an unknown form of an interface, the build fails.
 * l1t_forms.h is generated, see forms.c.
 */
#ifndef L1TUNE_COMPAT_H
#define L1TUNE_COMPAT_H

#include <linux/build_bug.h>
#include <linux/cpu.h>
#include <linux/device.h>
#include <linux/ftrace.h>
#include <linux/kvm_host.h>
#include <linux/sched.h>
#include <linux/sysfs.h>
#include <linux/version.h>
#include <asm/svm.h>

#include "l1t_forms.h"

/* cpuid() has its own headers since 6.16 */
#ifdef L1T_CPUID_API
#include <asm/cpuid/api.h>
#else
#include <asm/processor.h>
#endif

#define L1T_IS(_expression, _type) \
	__builtin_types_compatible_p(typeof(_expression), _type)

#define L1T_MEMBER(_type, _member)	(((_type *)NULL)->_member)

/* Exactly one of _a and _b, two forms of an interface, must be what the kernel has. */
#define L1T_ONE_FORM(_a, _b, _what) \
	static_assert((_a) + (_b) == 1, \
		      "l1tune: unknown form of " _what " in this kernel")

/* _type, const if _condition. */
#define L1T_CONST_IF(_condition, _type) \
	typeof(*__builtin_choose_expr(_condition, (const _type *)NULL, \
				      (_type *)NULL))

/* get_ownership() of a class takes a const device since 6.4 */
#define L1T_OWNERSHIP(_device) \
	L1T_IS(L1T_MEMBER(struct class, get_ownership), \
	       void (*)(_device * dev, kuid_t *uid, kgid_t *gid))
L1T_ONE_FORM(L1T_OWNERSHIP(struct device), L1T_OWNERSHIP(const struct device),
	     "get_ownership() in struct class");
#define l1t_ownership_device \
	L1T_CONST_IF(L1T_OWNERSHIP(const struct device), struct device)

/* uevent() of a device type takes a const device since 6.3 */
#define L1T_UEVENT(_device) \
	L1T_IS(L1T_MEMBER(const struct device_type, uevent), \
	       int (*)(_device * dev, struct kobj_uevent_env *env))
L1T_ONE_FORM(L1T_UEVENT(struct device), L1T_UEVENT(const struct device),
	     "uevent() in struct device_type");
#define l1t_uevent_device \
	L1T_CONST_IF(L1T_UEVENT(const struct device), struct device)

/*
 * read() of a binary attribute takes it const since 6.16. 6.13 to 6.15 also have a
 * read_new() that does.
 */
#define L1T_BIN_READ(_attribute) \
	L1T_IS(L1T_MEMBER(struct bin_attribute, read), \
	       ssize_t (*)(struct file *file, struct kobject *kobj, \
			   _attribute * attr, char *buf, loff_t pos, \
			   size_t size))
L1T_ONE_FORM(L1T_BIN_READ(struct bin_attribute),
	     L1T_BIN_READ(const struct bin_attribute),
	     "read() in struct bin_attribute");
#define l1t_read_bin_attribute \
	L1T_CONST_IF(L1T_BIN_READ(const struct bin_attribute), \
		     struct bin_attribute)

/*
 * An attribute group points to const binary attributes since 6.16. 6.13 to 6.15 also
 * have bin_attrs_new, which does.
 */
#define L1T_BIN_ATTRS(_pointer) \
	L1T_IS(L1T_MEMBER(struct attribute_group, bin_attrs), _pointer *)
L1T_ONE_FORM(L1T_BIN_ATTRS(struct bin_attribute *),
	     L1T_BIN_ATTRS(const struct bin_attribute *const),
	     "bin_attrs in struct attribute_group");
#define l1t_group_bin_attribute \
	L1T_CONST_IF(L1T_BIN_ATTRS(const struct bin_attribute *const), \
		     struct bin_attribute)

/*
 * KVM's get_exit_info() reports the exit reason since 5.14; before that the kvm_exit
 * tracepoint passes it.
 */
#define L1T_EXIT_INFO_REASON \
	L1T_IS(L1T_MEMBER(struct kvm_x86_ops, get_exit_info), \
	       void (*)(struct kvm_vcpu *vcpu, u32 *reason, u64 *info1, \
			u64 *info2, u32 *intr_info, u32 *error_code))
#define L1T_EXIT_INFO_NO_REASON \
	L1T_IS(L1T_MEMBER(struct kvm_x86_ops, get_exit_info), \
	       void (*)(struct kvm_vcpu *vcpu, u64 *info1, u64 *info2, \
			u32 *intr_info, u32 *error_code))
L1T_ONE_FORM(L1T_EXIT_INFO_REASON, L1T_EXIT_INFO_NO_REASON,
	     "get_exit_info() in struct kvm_x86_ops");

/*
 * 5.10 passes pt_regs to an ftrace callback, and only if all registers are saved.
 * Later kernels have ftrace_regs, which always has the arguments; from 6.13 on its
 * members are hidden. 5.10 protects a callback against recursion unless a flag
 * says otherwise, later kernels only if a flag asks for it.
 */
#ifdef L1T_FTRACE_PT_REGS
#define l1t_ftrace_regs			pt_regs
#define l1t_ftrace_pt_regs(fregs)	(fregs)
#define L1T_FTRACE_ARGUMENTS		FTRACE_OPS_FL_SAVE_REGS
#define L1T_FTRACE_NO_RECURSION		FTRACE_OPS_FL_RECURSION_SAFE
#else
#define l1t_ftrace_regs			ftrace_regs
#ifdef L1T_FTRACE_REGS_HIDDEN
#define l1t_ftrace_pt_regs(fregs)	(&arch_ftrace_regs(fregs)->regs)
#else
#define l1t_ftrace_pt_regs(fregs)	(&(fregs)->regs)
#endif
#define L1T_FTRACE_ARGUMENTS		0
#define L1T_FTRACE_NO_RECURSION		0
#endif

/* 5.14 renamed a task's state, and has this macro since */
static inline bool l1t_task_is_running(const struct task_struct *task)
{
#ifdef task_is_running
	return task_is_running(task);
#else
	return READ_ONCE(task->state) == TASK_RUNNING;
#endif
}

/* The number of a VM's memory address spaces got its present name in 6.8 */
#ifdef KVM_MAX_NR_ADDRESS_SPACES
#define L1T_ADDRESS_SPACES	KVM_MAX_NR_ADDRESS_SPACES
#else
#define L1T_ADDRESS_SPACES	KVM_ADDRESS_SPACE_NUM
#endif

/*
 * The upper bound of a VM's halt polling. Since 6.1 it is the VM's own value only if
 * that overrides KVM's parameter; before, it is always the VM's own, which is
 * initialized from the parameter. Written in the same order as by KVM_CAP_HALT_POLL.
 */
static inline bool l1t_halt_poll_overridden(const struct kvm *kvm)
{
#ifdef L1T_HALT_POLL_OVERRIDE
	/* KVM writes it without WRITE_ONCE(). */
	return data_race(READ_ONCE(kvm->override_halt_poll_ns));
#else
	return false;
#endif
}

static inline unsigned int l1t_halt_poll_ns(const struct kvm *kvm)
{
	/* Likewise. */
	return data_race(READ_ONCE(kvm->max_halt_poll_ns));
}

static inline void l1t_halt_poll_set(struct kvm *kvm, bool override,
				     unsigned int ns)
{
#ifdef L1T_HALT_POLL_OVERRIDE
	if (!override)
		WRITE_ONCE(kvm->override_halt_poll_ns, false);
	/* A reader that sees the override sees the value, too. */
	smp_wmb();
	WRITE_ONCE(kvm->max_halt_poll_ns, ns);
	/* Pairs with the read barrier in kvm_vcpu_max_halt_poll_ns(). */
	smp_wmb();
	if (override)
		WRITE_ONCE(kvm->override_halt_poll_ns, true);
#else
	WRITE_ONCE(kvm->max_halt_poll_ns, ns);
#endif
}

/* The exits that are disabled for a VM became bits of one word in 6.17. */
static inline void l1t_pause_in_guest(struct kvm *kvm)
{
#ifdef L1T_EXITS_MASK
	kvm->arch.disabled_exits |= KVM_X86_DISABLE_EXITS_PAUSE;
#else
	kvm->arch.pause_in_guest = true;
#endif
}

static inline void l1t_hlt_in_guest(struct kvm *kvm)
{
#ifdef L1T_EXITS_MASK
	kvm->arch.disabled_exits |= KVM_X86_DISABLE_EXITS_HLT;
#else
	kvm->arch.hlt_in_guest = true;
#endif
}

/* VMs have types since 6.8: software-protected, TDX, SEV and variants */
static inline bool l1t_vm_is_plain(const struct kvm *kvm)
{
#ifdef L1T_VM_TYPE_MEMBER
	return kvm->arch.vm_type == KVM_X86_DEFAULT_VM;
#else
	return true;
#endif
}

/* Kernels that do not know this bug do not detect it. */
static inline bool l1t_cpu_has_smt_rsb(void)
{
#ifdef X86_BUG_SMT_RSB
	return boot_cpu_has_bug(X86_BUG_SMT_RSB) && cpu_smt_possible();
#else
	return false;
#endif
}

/*
 * A vCPU's registers became a bitmap and separate members in 7.2. On VMX a register
 * that is not marked as available is stale.
 */
static inline bool l1t_vcpu_has_rip(const struct kvm_vcpu *vcpu)
{
#ifdef L1T_REGS_BITMAP
	return test_bit(VCPU_REG_RIP, vcpu->arch.regs_avail);
#else
	return vcpu->arch.regs_avail & BIT(VCPU_REGS_RIP);
#endif
}

static inline unsigned long l1t_vcpu_rip(const struct kvm_vcpu *vcpu)
{
#ifdef L1T_REGS_BITMAP
	return vcpu->arch.rip;
#else
	return vcpu->arch.regs[VCPU_REGS_RIP];
#endif
}

static inline bool l1t_vcpu_has_qualification(const struct kvm_vcpu *vcpu)
{
#ifdef L1T_REGS_BITMAP
	return test_bit(VCPU_REG_EXIT_INFO_1, vcpu->arch.regs_avail);
#else
	return vcpu->arch.regs_avail & BIT(VCPU_EXREG_EXIT_INFO_1);
#endif
}

/* The vector of a queued exception got its present name in 6.1 */
static inline u8 l1t_vcpu_exception(const struct kvm_vcpu *vcpu)
{
#ifdef L1T_EXCEPTION_VECTOR
	return vcpu->arch.exception.vector;
#else
	return vcpu->arch.exception.nr;
#endif
}

/* get_ownership() of a kobj_type takes a const kobject since 6.2 */
#define L1T_KOBJECT_OWNERSHIP(_kobject) \
	L1T_IS(L1T_MEMBER(const struct kobj_type, get_ownership), \
	       void (*)(_kobject * kobj, kuid_t *uid, kgid_t *gid))
L1T_ONE_FORM(L1T_KOBJECT_OWNERSHIP(struct kobject),
	     L1T_KOBJECT_OWNERSHIP(const struct kobject),
	     "get_ownership() in struct kobj_type");
#define l1t_ownership_kobject \
	L1T_CONST_IF(L1T_KOBJECT_OWNERSHIP(const struct kobject), struct kobject)

#include "compat_memslot.h"

/* KVM uses the CPU's exit for HLT with no interrupt pending since 6.16 */
#ifndef SVM_EXIT_IDLE_HLT
#define SVM_EXIT_IDLE_HLT	0x0a6
#endif

/*
 * Older kernels refuse VMRUN without a tracepoint, which no header shows. If a
 * backport has the tracepoint, a count of 0 is still reported as unknown.
 */
#define L1T_SVM_TELLS_FAILED	(KERNEL_VERSION(5, 13, 0) <= LINUX_VERSION_CODE)

/*
 * Older kernels look for KVM's CPUID leaf at 0x40000001 only, where a VMM that also
 * offers Hyper-V's interface has that one. If a backport searches further, an empty set
 * of features is still reported as unknown.
 */
#define L1T_KVM_FINDS_FEATURES	(KERNEL_VERSION(5, 17, 0) <= LINUX_VERSION_CODE)

#endif
