// SPDX-License-Identifier: GPL-2.0
/*
 * The one file that knows KVM's private names.
 *
 * kvm and kvm_intel or kvm_amd may be there, come, go and come back. Module
 * notifiers tell; attach_kvm() and friends take what can be had and note per
 * hook what became of it. All hooks here observe: none changes the path of
 * KVM, so none stands in the way of a livepatch.
 *
 * Pointers to a VM are only safe to hold while its end is heard of. So the
 * without the two hooks on the end of VMs and vCPUs nothing enters the registry,
 * and it is emptied before they go.
 */
#include <linux/ftrace.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/static_call.h>
#include <linux/tracepoint.h>
#include <asm/svm.h>

#include "attach.h"
#include "compat.h"
#include "exit.h"
#include "guest.h"
#include "split.h"

enum hook_state { WAITING, OK, UNAVAILABLE, DETACHED };

static const char * const hook_state_names[] = {
	[WAITING] = "waiting",
	[OK] = "ok",
	[UNAVAILABLE] = "unavailable",
	[DETACHED] = "detached",
};

static const char * const hook_names[L1T_HOOKS] = {
	[L1T_HOOK_KVM_EXIT] = "kvm_exit",
	[L1T_HOOK_KVM_ENTRY] = "kvm_entry",
	[L1T_HOOK_EXIT_REASON] = "exit_reason",
	[L1T_HOOK_VM_LIST] = "vm_list",
	[L1T_HOOK_VM_CREATE] = "vm_create",
	[L1T_HOOK_VM_FREE] = "vm_free",
	[L1T_HOOK_VCPU_CREATE] = "vcpu_create",
	[L1T_HOOK_VCPU_DESTROY] = "vcpu_destroy",
	[L1T_HOOK_MEMORY] = "memory",
	[L1T_HOOK_RUN] = "run",
	[L1T_HOOK_PUT] = "put",
	[L1T_HOOK_SCHED_OUT] = "sched_out",
	[L1T_HOOK_SCHED_IN] = "sched_in",
};

/* Protects all below, and the text and data of KVM from going meanwhile. */
static DEFINE_MUTEX(attach_lock);
static enum hook_state states[L1T_HOOKS];
static enum l1t_isa isa;
static struct mutex *vms_mutex;
static struct list_head *vms;
static bool functions_attached;
static bool splits __read_mostly;

#define ENDBR_BYTES	4

static void set_state(enum l1t_hook hook, int err)
{
	WRITE_ONCE(states[hook], err ? UNAVAILABLE : OK);
	if (err)
		pr_warn("hook %s is unavailable: %pe\n", hook_names[hook],
			ERR_PTR(err));
}

static void set_detached(enum l1t_hook hook)
{
	if (states[hook] != WAITING)
		WRITE_ONCE(states[hook], DETACHED);
}

/**
 * l1t_hook_state() - what became of a hook, as one word
 * @hook: which
 */
const char *l1t_hook_state(enum l1t_hook hook)
{
	return hook_state_names[READ_ONCE(states[hook])];
}

/**
 * l1t_isa() - whose exit reasons are counted
 *
 * Keeps its answer when the vendor module goes: the counts stay.
 */
enum l1t_isa l1t_isa(void)
{
	return READ_ONCE(isa);
}

/* Functions of KVM whose entry is told. They get their first argument. */

/* kvm_arch_init_vm(kvm, type) */
static void vm_created(void *kvm)
{
	l1t_guest_missing(kvm);
}

/* kvm_arch_free_vm(kvm): once for every VM, however far it got */
static void vm_freed(void *kvm)
{
	l1t_guest_gone(kvm);
}

/* kvm_arch_vcpu_postcreate(vcpu): creation has succeeded */
static void vcpu_created(void *vcpu)
{
	l1t_guest_missing(((struct kvm_vcpu *)vcpu)->kvm);
}

/* kvm_arch_vcpu_destroy(vcpu) */
static void vcpu_destroyed(void *vcpu)
{
	l1t_vcpu_gone(vcpu);
}

/* kvm_arch_commit_memory_region(kvm, ...): a slot has changed */
static void memory_changed(void *kvm)
{
	/* A VM on its way out drops its internal slots. */
	if (refcount_read(&((struct kvm *)kvm)->users_count))
		l1t_guest_missing(kvm);
}

/* kvm_arch_vcpu_ioctl_run(vcpu) */
static void vcpu_runs(void *vcpu)
{
	if (splits)
		l1t_split_run(vcpu);
}

/* kvm_arch_vcpu_put(vcpu) */
static void vcpu_unloaded(void *vcpu)
{
	if (splits)
		l1t_split_put(vcpu);
}

static struct kvm_vcpu *notified_vcpu(void *notifier)
{
	return container_of((struct preempt_notifier *)notifier,
			    struct kvm_vcpu, preempt_notifier);
}

/* kvm_sched_out(notifier, next) */
static void vcpu_sched_out(void *notifier)
{
	if (splits)
		l1t_split_sched_out(notified_vcpu(notifier));
}

/* kvm_sched_in(notifier, cpu) */
static void vcpu_sched_in(void *notifier)
{
	if (splits)
		l1t_split_sched_in(notified_vcpu(notifier));
}

/* Those that are told most often come first. */
static struct function_hook {
	enum l1t_hook hook;
	const char *function;
	void (*tell)(void *arg);
	unsigned long ip;
} function_hooks[] = {
	{ L1T_HOOK_PUT, "kvm_arch_vcpu_put", vcpu_unloaded },
	{ L1T_HOOK_RUN, "kvm_arch_vcpu_ioctl_run", vcpu_runs },
	{ L1T_HOOK_SCHED_OUT, "kvm_sched_out", vcpu_sched_out },
	{ L1T_HOOK_SCHED_IN, "kvm_sched_in", vcpu_sched_in },
	{ L1T_HOOK_VM_FREE, "kvm_arch_free_vm", vm_freed },
	{ L1T_HOOK_VCPU_DESTROY, "kvm_arch_vcpu_destroy", vcpu_destroyed },
	{ L1T_HOOK_VM_CREATE, "kvm_arch_init_vm", vm_created },
	{ L1T_HOOK_VCPU_CREATE, "kvm_arch_vcpu_postcreate", vcpu_created },
	{ L1T_HOOK_MEMORY, "kvm_arch_commit_memory_region", memory_changed },
};

static void function_entered(unsigned long ip, unsigned long parent_ip,
			     struct ftrace_ops *ops,
			     struct l1t_ftrace_regs *fregs)
{
	void *arg = (void *)l1t_ftrace_pt_regs(fregs)->di;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(function_hooks); i++) {
		const struct function_hook *fh = &function_hooks[i];

		/* The call to here stands behind an ENDBR if there is one. */
		if (fh->ip && ip - fh->ip <= ENDBR_BYTES) {
			fh->tell(arg);
			return;
		}
	}
}

/*
 * One for all functions: to unregister waits for every task in the kernel to
 * have been somewhere harmless, which takes a while.
 *
 * PERMANENT: turning ftrace off by sysctl is refused rather than heard of by
 * nobody.
 */
static struct ftrace_ops function_ops = {
	.func = function_entered,
	.flags = FTRACE_OPS_FL_SAVE_REGS | L1T_FTRACE_RECURSION |
		 FTRACE_OPS_FL_PERMANENT,
};

static const char *kvm_module(void)
{
	return IS_BUILTIN(CONFIG_KVM) ? NULL : "kvm";
}

static int find_function(struct function_hook *fh)
{
	unsigned long ip = l1t_symbol(kvm_module(), fh->function);
	int err;

	if (!ip)
		return -ENOENT;
	err = ftrace_set_filter_ip(&function_ops, ip, 0, 0);
	if (!err)
		fh->ip = ip;
	return err;
}

static void forget_functions(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(function_hooks); i++) {
		struct function_hook *fh = &function_hooks[i];

		if (fh->ip)
			ftrace_set_filter_ip(&function_ops, fh->ip, 1, 0);
		fh->ip = 0;
	}
}

static void attach_functions(void)
{
	static const enum l1t_hook split_hooks[] = {
		L1T_HOOK_RUN, L1T_HOOK_PUT,
		L1T_HOOK_SCHED_OUT, L1T_HOOK_SCHED_IN,
	};
	bool split_all = true;
	int err, found = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(function_hooks); i++) {
		err = find_function(&function_hooks[i]);
		set_state(function_hooks[i].hook, err);
		found += !err;
	}
	/* Half of what splits an exit's time would split it wrongly. */
	for (i = 0; i < ARRAY_SIZE(split_hooks); i++)
		if (states[split_hooks[i]] != OK)
			split_all = false;
	WRITE_ONCE(splits, split_all);
	/* Without a filter it would be told of every function there is. */
	if (!found)
		return;
	err = register_ftrace_function(&function_ops);
	if (!err) {
		functions_attached = true;
		return;
	}
	forget_functions();
	for (i = 0; i < ARRAY_SIZE(function_hooks); i++)
		set_state(function_hooks[i].hook, err);
}

static void detach_functions(void)
{
	size_t i;

	if (functions_attached)
		unregister_ftrace_function(&function_ops);
	functions_attached = false;
	forget_functions();
	for (i = 0; i < ARRAY_SIZE(function_hooks); i++)
		set_detached(function_hooks[i].hook);
}

static bool hears_of_the_end(void)
{
	return states[L1T_HOOK_VM_FREE] == OK &&
	       states[L1T_HOOK_VCPU_DESTROY] == OK;
}

static int attach_vm_list(void)
{
	struct mutex *lock;
	struct list_head *list;

	if (!hears_of_the_end())
		return -EOPNOTSUPP;
	lock = (struct mutex *)l1t_symbol(kvm_module(), "kvm_lock");
	list = (struct list_head *)l1t_symbol(kvm_module(), "vm_list");
	if (!lock || !list)
		return -ENOENT;
	vms_mutex = lock;
	WRITE_ONCE(vms, list);
	return 0;
}

static void attach_kvm(void)
{
	/* KVM may have come between our notifier and our look for it. */
	if (functions_attached)
		return;
	attach_functions();
	set_state(L1T_HOOK_VM_LIST, attach_vm_list());
}

/* Nothing of KVM's is looked at any more when its end is no longer told. */
static void detach_kvm(void)
{
	if (vms) {
		WRITE_ONCE(vms, NULL);
		set_detached(L1T_HOOK_VM_LIST);
	}
	l1t_guests_abandon();
	detach_functions();
}

/**
 * l1t_vms() - KVM's list of VMs, or NULL if that cannot be walked
 */
struct list_head *l1t_vms(void)
{
	return READ_ONCE(vms);
}

/**
 * l1t_vms_lock() - keep KVM and the VMs on its list
 *
 * Context: may sleep. Nothing may be allocated while it is held, for KVM's
 * shrinker takes this lock too. Return: 0, or -ENODEV without KVM.
 */
int l1t_vms_lock(void)
{
	mutex_lock(&attach_lock);
	if (!vms) {
		mutex_unlock(&attach_lock);
		return -ENODEV;
	}
	mutex_lock(vms_mutex);
	return 0;
}

/**
 * l1t_vms_unlock() - undo l1t_vms_lock()
 */
void l1t_vms_unlock(void)
{
	mutex_unlock(vms_mutex);
	mutex_unlock(&attach_lock);
}

/*
 * The exit reason. Headers packages do not say where KVM keeps it, but its
 * own get_exit_info() knows: run once on an image of a vCPU in which every
 * word says where it stands, it answers with the place.
 */

#ifdef L1T_HAVE_EXIT_INFO_REASON

#define IMAGE_BYTES	(32 * 1024)
#define IMAGE_MARK	0x80000000u

static void no_exit_info(struct kvm_vcpu *vcpu, u32 *reason, u64 *info1,
			 u64 *info2, u32 *intr_info, u32 *error_code)
{
}

DEFINE_STATIC_CALL(l1t_get_exit_info, no_exit_info);

static int ask_exit_info(const char *module, const char *function,
			 struct kvm_vcpu *image, u32 *reason, u64 *info1)
{
	unsigned long addr = l1t_symbol(module, function);
	u32 intr_info, error_code;
	u64 info2;

	if (!addr)
		return -ENOENT;
	static_call_update(l1t_get_exit_info, (typeof(no_exit_info) *)addr);
	static_call(l1t_get_exit_info)(image, reason, info1, &info2,
				       &intr_info, &error_code);
	static_call_update(l1t_get_exit_info, no_exit_info);
	return 0;
}

/*
 * With every register marked as available and with the mark, bit 31, being
 * VMX's "failed VM entry", the function reads no VMCS.
 */
static int find_vmx_reason(const char *module)
{
	u32 offset, reason = 0, word, *words;
	struct kvm_vcpu *image;
	u64 info1 = 0;
	int err;

	image = kzalloc(IMAGE_BYTES, GFP_KERNEL);
	if (!image)
		return -ENOMEM;
	memset(&image->arch.regs_avail, 0xff, sizeof(image->arch.regs_avail));
	words = (u32 *)image;
	for (word = DIV_ROUND_UP(sizeof(*image), sizeof(u32));
	     word < IMAGE_BYTES / sizeof(u32); word++)
		words[word] = IMAGE_MARK | (u32)(word * sizeof(u32));

	err = ask_exit_info(module, "vmx_get_exit_info", image, &reason, &info1);
	kfree(image);
	if (err)
		return err;

	offset = reason & ~IMAGE_MARK;
	if (!(reason & IMAGE_MARK) || offset % sizeof(u32) ||
	    offset < sizeof(*image) || offset >= IMAGE_BYTES)
		return -EPROTO;
	/* The exit qualification, read the same way, has two such words. */
	if (upper_32_bits(info1) != lower_32_bits(info1) + sizeof(u32) ||
	    !(lower_32_bits(info1) & IMAGE_MARK))
		return -EPROTO;
	WRITE_ONCE(l1t_vmx_reason_offset, offset);
	return 0;
}

/* SVM has it in the VMCB, whose address follows struct kvm_vcpu. */
static int find_svm_reason(const char *module)
{
	const u32 code = 0x5a5, info = 0xa5a5;
	struct kvm_vcpu *image;
	u32 reason = 0;
	u64 info1 = 0;
	int err = -ENOMEM;
	struct vmcb *vmcb;

	vmcb = kzalloc(sizeof(*vmcb), GFP_KERNEL);
	if (!vmcb)
		return err;
	image = kzalloc(IMAGE_BYTES, GFP_KERNEL);
	if (!image)
		goto free_vmcb;
	vmcb->control.exit_code = code;
	vmcb->control.exit_info_1 = info;
	*(struct vmcb **)(image + 1) = vmcb;

	err = ask_exit_info(module, "svm_get_exit_info", image, &reason, &info1);
	if (!err && (reason != code || info1 != info))
		err = -EPROTO;
	WRITE_ONCE(l1t_svm_reason_known, !err);
	kfree(image);
free_vmcb:
	kfree(vmcb);
	return err;
}

#else /* the kvm_exit tracepoint hands the reason over */

static int find_vmx_reason(const char *module)
{
	return l1t_symbol(module, "vmx_get_exit_info") ? 0 : -ENOENT;
}

static int find_svm_reason(const char *module)
{
	return l1t_symbol(module, "svm_get_exit_info") ? 0 : -ENOENT;
}

#endif

static const struct vendor {
	const char *module;
	bool builtin;
	const char *mark;	/* a function that only this vendor's has */
	enum l1t_isa isa;
	int (*find_reason)(const char *module);
} vendors[] = {
	{ "kvm_intel", IS_BUILTIN(CONFIG_KVM_INTEL), "vmx_get_exit_info",
	  L1T_ISA_VMX, find_vmx_reason },
	{ "kvm_amd", IS_BUILTIN(CONFIG_KVM_AMD), "svm_get_exit_info",
	  L1T_ISA_SVM, find_svm_reason },
};

static void attach_vendor(const struct vendor *vendor)
{
	const char *module = vendor->builtin ? NULL : vendor->module;

	if (!l1t_symbol(module, vendor->mark))
		return;
	WRITE_ONCE(isa, vendor->isa);
	set_state(L1T_HOOK_EXIT_REASON, vendor->find_reason(module));
}

static void detach_vendor(void)
{
	WRITE_ONCE(l1t_vmx_reason_offset, 0);
	WRITE_ONCE(l1t_svm_reason_known, false);
	set_detached(L1T_HOOK_EXIT_REASON);
}

/* Tracepoints of KVM. */

static struct tracepoint_hook {
	enum l1t_hook hook;
	const char *name;
	void *probe;
	struct tracepoint *tp;
} tracepoint_hooks[] = {
	{ L1T_HOOK_KVM_ENTRY, "kvm_entry", l1t_probe_entry },
	{ L1T_HOOK_KVM_EXIT, "kvm_exit", l1t_probe_exit },
};

static void attach_tracepoint(struct tracepoint *tp, void *unused)
{
	size_t i;
	int err;

	for (i = 0; i < ARRAY_SIZE(tracepoint_hooks); i++) {
		struct tracepoint_hook *th = &tracepoint_hooks[i];

		if (th->tp || strcmp(tp->name, th->name))
			continue;
		err = tracepoint_probe_register(tp, th->probe, NULL);
		if (!err)
			th->tp = tp;
		set_state(th->hook, err);
	}
}

static void detach_tracepoints(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tracepoint_hooks); i++) {
		struct tracepoint_hook *th = &tracepoint_hooks[i];

		if (!th->tp)
			continue;
		tracepoint_probe_unregister(th->tp, th->probe, NULL);
		th->tp = NULL;
		set_detached(th->hook);
	}
	tracepoint_synchronize_unregister();
}

static int tracepoint_notify(struct notifier_block *nb, unsigned long state,
			     void *data)
{
	struct tp_module *tp_module = data;
	struct module *mod = tp_module->mod;
	unsigned int i;

	if (strcmp(mod->name, "kvm"))
		return NOTIFY_OK;

	mutex_lock(&attach_lock);
	if (state == MODULE_STATE_COMING) {
		for (i = 0; i < mod->num_tracepoints; i++)
			attach_tracepoint(tracepoint_ptr_deref(&mod->tracepoints_ptrs[i]),
					  NULL);
	} else if (state == MODULE_STATE_GOING) {
		detach_tracepoints();
	}
	mutex_unlock(&attach_lock);
	return NOTIFY_OK;
}

static struct notifier_block tracepoint_nb = {
	.notifier_call = tracepoint_notify,
};

static int module_notify(struct notifier_block *nb, unsigned long state,
			 void *data)
{
	struct module *mod = data;
	size_t i;

	if (state != MODULE_STATE_COMING && state != MODULE_STATE_GOING)
		return NOTIFY_OK;

	mutex_lock(&attach_lock);
	if (!strcmp(mod->name, "kvm")) {
		if (state == MODULE_STATE_COMING)
			attach_kvm();
		else
			detach_kvm();
	}
	for (i = 0; i < ARRAY_SIZE(vendors); i++) {
		if (strcmp(mod->name, vendors[i].module))
			continue;
		if (state == MODULE_STATE_COMING)
			attach_vendor(&vendors[i]);
		else
			detach_vendor();
	}
	mutex_unlock(&attach_lock);
	return NOTIFY_OK;
}

static struct notifier_block module_nb = {
	.notifier_call = module_notify,
};

/**
 * l1t_attach() - attach to KVM, now and whenever it comes
 *
 * Return: 0 or an error of the notifiers'; a KVM that is not there or that
 * does not have everything is not an error.
 */
int l1t_attach(void)
{
	size_t i;
	int err;

	err = register_module_notifier(&module_nb);
	if (err)
		return err;

	mutex_lock(&attach_lock);
	if (l1t_symbol(kvm_module(), "kvm_arch_init_vm"))
		attach_kvm();
	for (i = 0; i < ARRAY_SIZE(vendors); i++)
		attach_vendor(&vendors[i]);
	mutex_unlock(&attach_lock);

	/* Known before they are heard of: no exit goes unattributed. */
	l1t_birth_adopt();

	/* Calls back for KVM if that is there. */
	err = register_tracepoint_module_notifier(&tracepoint_nb);
	if (err)
		goto detach;
	if (IS_BUILTIN(CONFIG_KVM)) {
		mutex_lock(&attach_lock);
		for_each_kernel_tracepoint(attach_tracepoint, NULL);
		mutex_unlock(&attach_lock);
	}
	return 0;

detach:
	unregister_module_notifier(&module_nb);
	mutex_lock(&attach_lock);
	detach_kvm();
	mutex_unlock(&attach_lock);
	return err;
}

/**
 * l1t_detach() - let go of KVM
 *
 * No hook or probe runs when this returns; tickets may.
 */
void l1t_detach(void)
{
	unregister_module_notifier(&module_nb);
	unregister_tracepoint_module_notifier(&tracepoint_nb);
	mutex_lock(&attach_lock);
	detach_tracepoints();
	detach_kvm();
	detach_vendor();
	mutex_unlock(&attach_lock);
}
