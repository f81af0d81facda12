/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one place that knows kernels differ. Kbuild asks the headers and
 * defines L1T_HAVE_*: stable and vendor kernels carry backports that a
 * version number does not tell.
 */
#ifndef L1TUNE_COMPAT_H
#define L1TUNE_COMPAT_H

#include <linux/cpu.h>
#include <linux/ftrace.h>
#include <linux/kvm_host.h>
#include <linux/sysfs.h>

/* cpuid() has had headers of its own since 6.16 */
#ifdef L1T_HAVE_CPUID_API
#include <asm/cpuid/api.h>
#else
#include <asm/processor.h>
#endif

/* class and device_type callbacks take a const device since 6.2 */
#ifdef L1T_HAVE_CONST_DEVICE
#define L1T_CONST_DEVICE	const
#else
#define L1T_CONST_DEVICE
#endif

/* the read callback of a binary attribute takes it const since 6.16 */
#ifdef L1T_HAVE_CONST_BIN_ATTRIBUTE
#define L1T_CONST_BIN_ATTR	const
#else
#define L1T_CONST_BIN_ATTR
#endif

/* and an attribute group points to const binary attributes since then */
#ifdef L1T_HAVE_CONST_BIN_ATTRS
#define L1T_CONST_BIN_ATTRS	const
#else
#define L1T_CONST_BIN_ATTRS
#endif

/*
 * 5.10 hands an ftrace callback pt_regs, and those only if all registers are
 * saved. Later kernels have ftrace_regs, in which the arguments always are;
 * from 6.13 on they do not show what that is. And 5.10 protects a callback
 * against recursion unless told not to, later ones only if told to.
 */
#ifndef L1T_HAVE_FTRACE_REGS
#define l1t_ftrace_regs			pt_regs
#define l1t_ftrace_pt_regs(fregs)	(fregs)
#define L1T_FTRACE_ARGUMENTS		FTRACE_OPS_FL_SAVE_REGS
#define L1T_FTRACE_NO_RECURSION		FTRACE_OPS_FL_RECURSION_SAFE
#else
#define l1t_ftrace_regs			ftrace_regs
#ifdef L1T_HAVE_ARCH_FTRACE_REGS
#define l1t_ftrace_pt_regs(fregs)	(&arch_ftrace_regs(fregs)->regs)
#else
#define l1t_ftrace_pt_regs(fregs)	(&(fregs)->regs)
#endif
#define L1T_FTRACE_ARGUMENTS		0
#define L1T_FTRACE_NO_RECURSION		0
#endif

/* memslots became a tree, with a bucket for its iterator, in 5.17 */
#ifdef L1T_HAVE_MEMSLOT_BKT
#define l1t_for_each_memslot(slot, bkt, slots) \
	kvm_for_each_memslot(slot, bkt, slots)
#else
#define l1t_for_each_memslot(slot, bkt, slots) \
	for (bkt = 0; bkt < 1; bkt++) \
		kvm_for_each_memslot(slot, slots)
#endif

/* the number of a VM's memory address spaces got its present name in 6.8 */
#ifdef L1T_HAVE_KVM_MAX_NR_ADDRESS_SPACES
#define L1T_ADDRESS_SPACES	KVM_MAX_NR_ADDRESS_SPACES
#else
#define L1T_ADDRESS_SPACES	KVM_ADDRESS_SPACE_NUM
#endif

/*
 * What a VM's halt polling is at most: its own value if that overrides the
 * parameter of KVM's, since 6.1; before, always its own, which begins as the
 * parameter was. In the order in which KVM_CAP_HALT_POLL writes them.
 */
static inline bool l1t_halt_poll_overridden(const struct kvm *kvm)
{
#ifdef L1T_HAVE_HALT_POLL_OVERRIDE
	/* KVM writes it plainly. */
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
#ifdef L1T_HAVE_HALT_POLL_OVERRIDE
	if (!override)
		WRITE_ONCE(kvm->override_halt_poll_ns, false);
	/* Who sees that it overrides sees the value that does. */
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

/* Which exits a VM does without became bits of one word in 6.17. */
static inline void l1t_pause_in_guest(struct kvm *kvm)
{
#ifdef L1T_HAVE_DISABLED_EXITS
	kvm->arch.disabled_exits |= KVM_X86_DISABLE_EXITS_PAUSE;
#else
	kvm->arch.pause_in_guest = true;
#endif
}

static inline void l1t_hlt_in_guest(struct kvm *kvm)
{
#ifdef L1T_HAVE_DISABLED_EXITS
	kvm->arch.disabled_exits |= KVM_X86_DISABLE_EXITS_HLT;
#else
	kvm->arch.hlt_in_guest = true;
#endif
}

/* VMs have types since 6.8: software-protected ones, TDX, SEV and its kin */
static inline bool l1t_vm_is_plain(const struct kvm *kvm)
{
#ifdef L1T_HAVE_VM_TYPE
	return kvm->arch.vm_type == KVM_X86_DEFAULT_VM;
#else
	return true;
#endif
}

/* Kernels that do not know of that bug do not look for it. */
static inline bool l1t_cpu_has_smt_rsb(void)
{
#ifdef X86_BUG_SMT_RSB
	return boot_cpu_has_bug(X86_BUG_SMT_RSB) && cpu_smt_possible();
#else
	return false;
#endif
}

/* a memory slot knows its address space since 5.11 */
static inline int l1t_slot_as_id(const struct kvm_memory_slot *slot)
{
#ifdef L1T_HAVE_SLOT_AS_ID
	return slot->as_id;
#else
	return 0;
#endif
}

#endif
