/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module's header probes look at, in the form of kernel KERNEL: 510,
 * 613, 616 or 702. UNKNOWN_* turns one of it into a form that no kernel has.
 */
#ifndef KERNEL_H
#define KERNEL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef u64 gfn_t;
typedef long ssize_t, loff_t;
typedef unsigned long size_t;
typedef struct { int v; } kuid_t, kgid_t;
#define bool			_Bool
#define true			1
#define false			0
#define NULL			((void *)0)
#define static_assert(expr, ...)	__static_assert(expr, ##__VA_ARGS__, #expr)
#define __static_assert(expr, msg, ...)	_Static_assert(expr, msg)
#define container_of(p, type, member) \
	((type *)((char *)(p) - __builtin_offsetof(type, member)))
#define READ_ONCE(x)		(x)
#define WRITE_ONCE(x, value)	((x) = (value))
#define data_race(x)		(x)
#define smp_wmb()		do { } while (0)
#define BIT(n)			(1UL << (n))
#define test_bit(n, bits)	(!!((bits)[0] & BIT(n)))
#define KERNEL_VERSION(a, b, c)	(((a) << 16) + ((b) << 8) + (c))
#define LINUX_VERSION_CODE	KERNEL_VERSION(KERNEL / 100, KERNEL % 100, 0)

#define SINCE_613		(KERNEL >= 613)
#define SINCE_616		(KERNEL >= 616)
#define SINCE_702		(KERNEL >= 702)
#if SINCE_616
#define CONST_616		const
#else
#define CONST_616
#endif
#if SINCE_613
#define CONST_613		const
#else
#define CONST_613
#endif

struct pt_regs { unsigned long di, si, dx, cx, r8; };
struct rb_node { int i; };
struct rb_root { struct rb_node *rb_node; };
struct rb_node *rb_next(const struct rb_node *node);

/* <linux/sched.h> */
#define TASK_RUNNING		0
struct task_struct {
#if SINCE_613
	unsigned int __state;
#else
	long state;
#endif
};
#if SINCE_613
#define task_is_running(task)	(READ_ONCE((task)->__state) == TASK_RUNNING)
#endif

/* <linux/device.h>, <linux/sysfs.h> */
struct device;
struct file;
struct kobject;
struct kobj_uevent_env;
struct bin_attribute;
struct class {
#ifdef UNKNOWN_OWNERSHIP
	int (*get_ownership)(const struct device *dev, kuid_t *uid, kgid_t *gid);
#else
	void (*get_ownership)(CONST_613 struct device *dev, kuid_t *uid, kgid_t *gid);
#endif
};
struct kobj_type {
#ifdef UNKNOWN_KOBJECT_OWNERSHIP
	int (*get_ownership)(const struct kobject *kobj, kuid_t *uid, kgid_t *gid);
#else
	void (*get_ownership)(CONST_613 struct kobject *kobj, kuid_t *uid, kgid_t *gid);
#endif
};
struct device_type {
#ifdef UNKNOWN_UEVENT
	int (*uevent)(struct kobj_uevent_env *env);
#else
	int (*uevent)(CONST_613 struct device *dev, struct kobj_uevent_env *env);
#endif
};
struct attribute_group {
#ifdef UNKNOWN_BIN_ATTRS
	struct bin_attribute *bin_attrs;
#else
	union {
#if SINCE_616
		const struct bin_attribute *const *bin_attrs;
#else
		struct bin_attribute **bin_attrs;
#endif
#if SINCE_613
		const struct bin_attribute *const *bin_attrs_new;
#endif
	};
#endif
};
struct bin_attribute {
#ifdef UNKNOWN_BIN_READ
	ssize_t (*read)(struct kobject *kobj, char *buf);
#else
	ssize_t (*read)(struct file *file, struct kobject *kobj,
			CONST_616 struct bin_attribute *attr, char *buf, loff_t pos, size_t size);
#endif
#if SINCE_613
	ssize_t (*read_new)(struct file *file, struct kobject *kobj,
			    const struct bin_attribute *attr, char *buf, loff_t pos, size_t size);
#endif
};

/* <linux/ftrace.h> */
struct ftrace_ops;
struct ftrace_regs;
#if SINCE_613
typedef void (*ftrace_func_t)(unsigned long ip, unsigned long parent_ip,
			      struct ftrace_ops *ops, struct ftrace_regs *fregs);
enum { FTRACE_OPS_FL_SAVE_REGS = 1, FTRACE_OPS_FL_RECURSION = 2 };
struct __arch_ftrace_regs { struct pt_regs regs; };
#ifndef UNKNOWN_FTRACE
#define arch_ftrace_regs(fregs)	((struct __arch_ftrace_regs *)(fregs))
#endif
#else
typedef void (*ftrace_func_t)(unsigned long ip, unsigned long parent_ip,
			      struct ftrace_ops *ops, struct pt_regs *regs);
enum { FTRACE_OPS_FL_SAVE_REGS = 1, FTRACE_OPS_FL_RECURSION_SAFE = 2 };
#endif

/* <linux/kvm_host.h> */
enum kvm_mr_change { KVM_MR_CREATE, KVM_MR_MOVE };
struct kvm;
struct kvm_vcpu;
struct kvm_userspace_memory_region { u32 slot; };
struct kvm_memory_slot {
	gfn_t base_gfn;
	unsigned long npages;
#if SINCE_613
	struct rb_node gfn_node[2];
	u16 as_id;
#else
	short id;
#endif
};
struct kvm_memslots {
#ifdef UNKNOWN_MEMSLOTS
	int maple_tree;
#elif SINCE_613
	struct rb_root gfn_tree;
	int node_idx;
#else
	int used_slots;
	struct kvm_memory_slot memslots[];
#endif
};
#if SINCE_613
struct kvm_memslot_iter { struct kvm_memory_slot *slot; struct rb_node *node; };
void kvm_memslot_iter_start(struct kvm_memslot_iter *iter, struct kvm_memslots *slots, gfn_t gfn);
#else
struct kvm_memslots *__kvm_memslots(struct kvm *kvm, int as_id);
struct kvm_memory_slot *id_to_memslot(struct kvm_memslots *slots, int id);
#endif

#ifdef UNKNOWN_PREPARE
int kvm_arch_prepare_memory_region(struct kvm *kvm, struct kvm_memory_slot *new);
#elif SINCE_613
int kvm_arch_prepare_memory_region(struct kvm *kvm, const struct kvm_memory_slot *old,
				   struct kvm_memory_slot *new, enum kvm_mr_change change);
#else
int kvm_arch_prepare_memory_region(struct kvm *kvm, struct kvm_memory_slot *new,
				   const struct kvm_userspace_memory_region *mem,
				   enum kvm_mr_change change);
#endif
#ifdef UNKNOWN_COMMIT
void kvm_arch_commit_memory_region(struct kvm *kvm, const struct kvm_memory_slot *new,
				   struct kvm_memory_slot *old, enum kvm_mr_change change);
#elif SINCE_613
void kvm_arch_commit_memory_region(struct kvm *kvm, struct kvm_memory_slot *old,
				   const struct kvm_memory_slot *new, enum kvm_mr_change change);
#else
void kvm_arch_commit_memory_region(struct kvm *kvm, const struct kvm_userspace_memory_region *mem,
				   struct kvm_memory_slot *old,
				   const struct kvm_memory_slot *new, enum kvm_mr_change change);
#endif

#ifdef UNKNOWN_EXIT_INFO
#define REASON			u64 *reason,
#elif SINCE_613
#define REASON			u32 *reason,
#else
#define REASON
#endif
struct kvm_x86_ops {
	void (*get_exit_info)(struct kvm_vcpu *vcpu, REASON u64 *info1, u64 *info2,
			      u32 *intr_info, u32 *error_code);
};

struct kvm_arch {
	struct kvm_pit *vpit;
#ifdef UNKNOWN_EXITS
	u32 disabled_exits;
#elif SINCE_616
	u64 disabled_exits;
#else
	bool pause_in_guest, hlt_in_guest;
#endif
#if SINCE_613 && !defined(UNKNOWN_VM_TYPE)
	u8 vm_type;
#endif
};
enum { KVM_X86_DISABLE_EXITS_PAUSE = 1, KVM_X86_DISABLE_EXITS_HLT = 2 };
#if SINCE_613
#define KVM_X86_DEFAULT_VM	0
#endif

#if SINCE_702
enum { VCPU_REG_RIP = 16, VCPU_REG_EXIT_INFO_1 };
#else
enum { VCPU_REGS_RIP = 16, VCPU_EXREG_EXIT_INFO_1 };
#endif
struct kvm_vcpu_arch {
#ifdef UNKNOWN_REGS
	u64 regs_avail;
#elif SINCE_702
	unsigned long regs[16], rip, regs_avail[1];
#else
	unsigned long regs[17];
	u32 regs_avail;
#endif
	struct {
#ifdef UNKNOWN_EXCEPTION
		u16 vector;
#elif SINCE_613
		u8 vector;
#else
		u8 nr;
#endif
	} exception;
};
struct kvm_vcpu { struct kvm_vcpu_arch arch; };

struct kvm {
	unsigned int max_halt_poll_ns;
#if SINCE_613
	unsigned long nr_memslot_pages;
#endif
#if SINCE_613 && !defined(UNKNOWN_HALT_POLL)
	bool override_halt_poll_ns;
#endif
	struct kvm_arch arch;
};

/* <asm/processor.h>, <asm/cpuid/api.h> */
#ifndef UNKNOWN_CPUID
static inline void cpuid(u32 leaf, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx) { }
#endif

#endif
