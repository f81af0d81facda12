// SPDX-License-Identifier: GPL-2.0
/*
 * Each part of this file compiles only on kernels that have one known form of an
 * interface. forms.sh compiles all parts while the module is built, and the build
 * fails unless exactly one form of each interface matches. This file has only what C
 * cannot check in place: see L1T_ONE_FORM() in compat.h for the rest.
 *
 * To check that a member does not exist, a macro renames a member that must exist to
 * its name: a struct with two members of one name does not compile. A newer kernel may
 * have renamed the member, so absence is accepted only from older kernels.
 */
#include <linux/build_bug.h>
#include <linux/version.h>

#ifdef L1T_HALT_POLL_ALWAYS
#define override_halt_poll_ns max_halt_poll_ns
#endif

#ifdef L1T_VM_TYPE_NONE
#define vm_type vpit
#endif

#include <linux/ftrace.h>
#include <linux/kvm_host.h>

#define HAS_TYPE(expression, type) \
	static_assert(__builtin_types_compatible_p(typeof(expression), type))

#define OLDER_THAN(major, minor) \
	static_assert(KERNEL_VERSION(major, minor, 0) - LINUX_VERSION_CODE > 0)

#define MEMBER(type, member)	(((type *)0)->member)

/* FTRACE: what an ftrace callback takes */
#ifdef L1T_FTRACE_PT_REGS
typedef void (*callback)(unsigned long ip, unsigned long parent_ip,
			 struct ftrace_ops *ops, struct pt_regs *regs);
HAS_TYPE((ftrace_func_t)0, callback);
static_assert(FTRACE_OPS_FL_RECURSION_SAFE);
#endif

#if defined(L1T_FTRACE_REGS_MEMBER) || defined(L1T_FTRACE_REGS_HIDDEN)
typedef void (*callback)(unsigned long ip, unsigned long parent_ip,
			 struct ftrace_ops *ops, struct ftrace_regs *fregs);
HAS_TYPE((ftrace_func_t)0, callback);
static_assert(FTRACE_OPS_FL_RECURSION);
#endif

#ifdef L1T_FTRACE_REGS_MEMBER
HAS_TYPE(MEMBER(struct ftrace_regs, regs), struct pt_regs);
#endif

#ifdef L1T_FTRACE_REGS_HIDDEN
HAS_TYPE(arch_ftrace_regs((struct ftrace_regs *)0)->regs, struct pt_regs);
#endif

/* MEMSLOTS: how the memory slots of an address space are stored */
#ifdef L1T_MEMSLOTS_ARRAY
HAS_TYPE(MEMBER(struct kvm_memslots, used_slots), int);
HAS_TYPE(&MEMBER(struct kvm_memslots, memslots)[0], struct kvm_memory_slot *);
#endif

#ifdef L1T_MEMSLOTS_TREE
HAS_TYPE(MEMBER(struct kvm_memslots, node_idx), int);
HAS_TYPE(MEMBER(struct kvm_memslots, gfn_tree), struct rb_root);
HAS_TYPE(MEMBER(struct kvm_memory_slot, gfn_node[0]), struct rb_node);
HAS_TYPE(MEMBER(struct kvm_memory_slot, as_id), u16);
HAS_TYPE(MEMBER(struct kvm_memslot_iter, slot), struct kvm_memory_slot *);
HAS_TYPE(MEMBER(struct kvm, nr_memslot_pages), unsigned long);
#endif

/* HALT_POLL: when a VM's own upper bound of halt polling applies */
#if defined(L1T_HALT_POLL_ALWAYS) || defined(L1T_HALT_POLL_OVERRIDE)
HAS_TYPE(MEMBER(struct kvm, max_halt_poll_ns), unsigned int);
#endif

#ifdef L1T_HALT_POLL_ALWAYS
OLDER_THAN(6, 1);
#endif

#ifdef L1T_HALT_POLL_OVERRIDE
HAS_TYPE(MEMBER(struct kvm, override_halt_poll_ns), bool);
#endif

/* EXITS: how exits are disabled for a VM */
#ifdef L1T_EXITS_BOOLS
HAS_TYPE(MEMBER(struct kvm_arch, pause_in_guest), bool);
HAS_TYPE(MEMBER(struct kvm_arch, hlt_in_guest), bool);
#endif

#ifdef L1T_EXITS_MASK
HAS_TYPE(MEMBER(struct kvm_arch, disabled_exits), u64);
static_assert(KVM_X86_DISABLE_EXITS_PAUSE && KVM_X86_DISABLE_EXITS_HLT);
#endif

/* VM_TYPE: whether VMs have types */
#ifdef L1T_VM_TYPE_NONE
OLDER_THAN(6, 8);
HAS_TYPE(MEMBER(struct kvm_arch, vpit), struct kvm_pit *);
#endif

#ifdef L1T_VM_TYPE_MEMBER
static_assert((typeof(MEMBER(struct kvm_arch, vm_type)))-1 > 0);
static_assert(!KVM_X86_DEFAULT_VM);
#endif

/* REGS: how a vCPU's cached registers are stored */
#ifdef L1T_REGS_WORD
HAS_TYPE(MEMBER(struct kvm_vcpu_arch, regs_avail), u32);
HAS_TYPE(MEMBER(struct kvm_vcpu_arch, regs[VCPU_REGS_RIP]), unsigned long);
static_assert(VCPU_EXREG_EXIT_INFO_1 < 32);
#endif

#ifdef L1T_REGS_BITMAP
HAS_TYPE(MEMBER(struct kvm_vcpu_arch, regs_avail[0]), unsigned long);
HAS_TYPE(MEMBER(struct kvm_vcpu_arch, rip), unsigned long);
static_assert(VCPU_REG_EXIT_INFO_1 > VCPU_REG_RIP);
#endif

/* EXCEPTION: what the vector of a queued exception is called */
#ifdef L1T_EXCEPTION_NR
HAS_TYPE(MEMBER(struct kvm_vcpu_arch, exception.nr), u8);
#endif

#ifdef L1T_EXCEPTION_VECTOR
HAS_TYPE(MEMBER(struct kvm_vcpu_arch, exception.vector), u8);
#endif

/* CPUID: which header has cpuid() */
#ifdef L1T_CPUID_PROCESSOR
#include <asm/processor.h>
#if __has_include("asm/cpuid/api.h")
#error "cpuid() has a header of its own"
#endif
#endif

#ifdef L1T_CPUID_API
#include <asm/cpuid/api.h>
#endif

#if defined(L1T_CPUID_PROCESSOR) || defined(L1T_CPUID_API)
static inline void call_cpuid(u32 *regs)
{
	cpuid(0, &regs[0], &regs[1], &regs[2], &regs[3]);
}
#endif
