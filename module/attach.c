// SPDX-License-Identifier: GPL-2.0
/*
 * The one file that knows KVM's private names.
 *
 * kvm and kvm_intel or kvm_amd may be there, come, go and come back. Module
 * notifiers tell; attach_kvm() and friends take what can be had and note per
 * hook what became of it. Observers change nothing in KVM, so they stay as
 * long as KVM does; refusals may, so they are there while a limit needs them
 * and do not stand in the way of a livepatch else.
 *
 * Pointers to a VM are only safe to hold while its end is heard of. So
 * without the two hooks on the end of VMs and vCPUs nothing enters the registry,
 * and it is emptied before they go.
 */
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/tracepoint.h>
#include <asm/cpufeature.h>

#include "attach.h"
#include "attach_reason.h"
#include "compat.h"
#include "exit.h"
#include "guest.h"
#include "limit.h"
#include "nested.h"
#include "refuse.h"
#include "split.h"
#include "tell.h"
#include "tune.h"

/* Protects all below, and the text and data of KVM from going meanwhile. */
static DEFINE_MUTEX(attach_lock);
static enum l1t_isa isa;
static struct mutex *vms_mutex;
static struct list_head *vms;
static bool unloading;

/**
 * l1t_isa() - whose exit reasons are counted
 *
 * Keeps its answer when the vendor module goes: the counts stay.
 */
enum l1t_isa l1t_isa(void)
{
	return READ_ONCE(isa);
}

/* Observers: functions of KVM whose entry is told. */

/* kvm_arch_init_vm(kvm, type) */
static void vm_created(struct pt_regs *regs)
{
	l1t_guest_missing(l1t_argument(regs, 0));
}

/* kvm_arch_free_vm(kvm): once for every VM, however far it got */
static void vm_freed(struct pt_regs *regs)
{
	l1t_guest_gone(l1t_argument(regs, 0));
}

/* kvm_arch_vcpu_postcreate(vcpu): creation has succeeded */
static void vcpu_created(struct pt_regs *regs)
{
	const struct kvm_vcpu *vcpu = l1t_argument(regs, 0);

	l1t_guest_missing(vcpu->kvm);
}

/* kvm_arch_vcpu_destroy(vcpu) */
static void vcpu_destroyed(struct pt_regs *regs)
{
	l1t_vcpu_gone(l1t_argument(regs, 0));
}

/* kvm_arch_commit_memory_region(kvm, ...): a slot has changed */
static void memory_changed(struct pt_regs *regs)
{
	struct kvm *kvm = l1t_argument(regs, 0);

	/* A VM on its way out drops its internal slots. */
	if (refcount_read(&kvm->users_count))
		l1t_memory_changed(kvm);
}

/* kvm_arch_vcpu_precreate(kvm, id): nothing of the vCPU is there yet */
static void vcpu_asked_for(struct pt_regs *regs)
{
	l1t_tune_new(l1t_argument(regs, 0));
}

static struct l1t_function observed[] = {
	{ L1T_HOOK_VM_FREE, "kvm_arch_free_vm", NULL, vm_freed },
	{ L1T_HOOK_VCPU_DESTROY, "kvm_arch_vcpu_destroy", NULL, vcpu_destroyed },
	{ L1T_HOOK_VM_CREATE, "kvm_arch_init_vm", NULL, vm_created },
	{ L1T_HOOK_VCPU_CREATE, "kvm_arch_vcpu_postcreate", NULL, vcpu_created },
	{ L1T_HOOK_MEMORY, "kvm_arch_commit_memory_region", NULL, memory_changed },
	{ L1T_HOOK_TUNE, "kvm_arch_vcpu_precreate", NULL, vcpu_asked_for },
};

static struct l1t_functions observers = L1T_OBSERVERS(observed);

static const char *kvm_module(void)
{
	return IS_BUILTIN(CONFIG_KVM) ? NULL : "kvm";
}

static bool hook_ok(enum l1t_hook hook)
{
	return l1t_hook_state(hook) == L1T_HOOK_OK;
}

static void attach_observers(void)
{
	int err, found = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(observed); i++) {
		err = l1t_function_find(&observers, &observed[i], kvm_module());
		l1t_hook_result(observed[i].hook, err);
		found += !err;
	}
	if (!found)
		return;
	err = l1t_functions_register(&observers, false);
	if (!err)
		return;
	for (i = 0; i < ARRAY_SIZE(observed); i++)
		l1t_hook_result(observed[i].hook, err);
}

static void detach_observers(void)
{
	size_t i;

	l1t_functions_release(&observers);
	for (i = 0; i < ARRAY_SIZE(observed); i++)
		l1t_hook_gone(observed[i].hook);
}

/* Refusals: functions of KVM that may be kept from running. */

static struct l1t_function vm_refusal[] = {
	{ L1T_HOOK_REFUSE_VM, "kvm_arch_init_vm", NULL, l1t_refuse_vm },
};

static struct l1t_function vcpu_refusal[] = {
	{ L1T_HOOK_REFUSE_VCPU, "kvm_arch_vcpu_precreate", NULL, l1t_refuse_vcpu },
};

static struct l1t_function memory_refusal[] = {
	{ L1T_HOOK_REFUSE_MEMORY, "kvm_arch_prepare_memory_region", NULL,
	  l1t_refuse_memory },
};

static struct l1t_function vmx_refusal[] = {
	{ L1T_HOOK_REFUSE_NESTED, "handle_vmxon", "handle_vmon", l1t_refuse_vmxon },
	{ L1T_HOOK_REFUSE_NESTED, "vmx_set_nested_state", NULL,
	  l1t_refuse_vmx_state },
	{ L1T_HOOK_REFUSE_NESTED, "enter_vmx_operation", NULL, l1t_vmx_entered },
	{ L1T_HOOK_REFUSE_NESTED, "free_nested", NULL, l1t_nested_left },
};

static struct l1t_function svm_refusal[] = {
	{ L1T_HOOK_REFUSE_NESTED, "vmrun_interception", NULL, l1t_refuse_vmrun },
	{ L1T_HOOK_REFUSE_NESTED, "svm_set_nested_state", NULL,
	  l1t_refuse_svm_state },
	{ L1T_HOOK_REFUSE_NESTED, "svm_free_nested", NULL, l1t_nested_left },
};

/**
 * struct refusal - functions that a limit needs together
 * @hook: what they are called in sysfs
 * @set: the functions
 * @undefined: KVM's own handler of an instruction that the guest may not use;
 *	control goes there
 * @module: where they are; NULL for the kernel itself
 * @there: that module is
 * @serves: what they are attached for
 */
struct refusal {
	enum l1t_hook hook;
	struct l1t_functions set;
	const char *undefined;
	const char *module;
	bool there;
	enum l1t_need serves;
};

#define REFUSAL(_hook, _functions, _undefined)				\
	{								\
		.hook = _hook,						\
		.set = L1T_MODIFIERS(_functions),			\
		.undefined = _undefined,				\
	}

static struct refusal refusals[] = {
	REFUSAL(L1T_HOOK_REFUSE_VM, vm_refusal, NULL),
	REFUSAL(L1T_HOOK_REFUSE_VCPU, vcpu_refusal, NULL),
	REFUSAL(L1T_HOOK_REFUSE_MEMORY, memory_refusal, NULL),
};

static struct refusal vmx_nested_refusal =
	REFUSAL(L1T_HOOK_REFUSE_NESTED, vmx_refusal, "handle_vmx_instruction");
static struct refusal svm_nested_refusal =
	REFUSAL(L1T_HOOK_REFUSE_NESTED, svm_refusal, "skinit_interception");

static int attach_refusal(struct refusal *r, enum l1t_need need)
{
	int err;

	if (r->undefined) {
		l1t_undefined_ip = l1t_symbol(r->module, r->undefined);
		if (!l1t_undefined_ip)
			return -ENOENT;
	}
	err = l1t_functions_find(&r->set, r->module);
	if (err)
		return err;
	err = l1t_functions_register(&r->set, need == L1T_NEED_REFUSE);
	if (err)
		return err;
	r->serves = need;
	if (r->hook == L1T_HOOK_REFUSE_NESTED)
		l1t_nested_track(true);
	return 0;
}

static void release_refusal(struct refusal *r)
{
	if (r->serves == L1T_NEED_NONE)
		return;
	l1t_functions_release(&r->set);
	r->serves = L1T_NEED_NONE;
	if (r->hook == L1T_HOOK_REFUSE_NESTED)
		l1t_nested_track(false);
}

/* Bring a refusal in line with what the limits need. */
static void update_refusal(struct refusal *r)
{
	enum l1t_need need = l1t_limit_need(r->hook);
	enum l1t_hook_state before = l1t_hook_state(r->hook);

	if (!r->there) {
		if (before != L1T_HOOK_DETACHED || need == L1T_NEED_NONE)
			l1t_hook_wait(r->hook, need != L1T_NEED_NONE);
	} else if (need != r->serves || before == L1T_HOOK_UNAVAILABLE) {
		release_refusal(r);
		if (need == L1T_NEED_NONE)
			l1t_hook_off(r->hook);
		else
			l1t_hook_result(r->hook, attach_refusal(r, need));
	}
	if (l1t_hook_state(r->hook) != before)
		l1t_tell_effective(r->hook);
}

static void refusal_comes(struct refusal *r, const char *module)
{
	r->module = module;
	r->there = true;
	l1t_hook_off(r->hook);
	update_refusal(r);
}

static void refusal_goes(struct refusal *r)
{
	if (!r->there)
		return;
	release_refusal(r);
	r->there = false;
	l1t_hook_gone(r->hook);
	l1t_tell_effective(r->hook);
}

/*
 * A pace needs no hook of its own: it works by that on exits, and by those
 * that tell when a thread is in KVM_RUN.
 */
static void update_throttle(void)
{
	static const enum l1t_hook needed[] = {
		L1T_HOOK_RUN, L1T_HOOK_PUT, L1T_HOOK_KVM_EXIT
	};
	enum l1t_hook_state before = l1t_hook_state(L1T_HOOK_THROTTLE);
	size_t i = 0;

	while (i < ARRAY_SIZE(needed) - 1 && hook_ok(needed[i]))
		i++;
	if (l1t_limit_need(L1T_HOOK_THROTTLE) == L1T_NEED_NONE)
		l1t_hook_off(L1T_HOOK_THROTTLE);
	else
		l1t_hook_like(L1T_HOOK_THROTTLE, needed[i]);
	if (l1t_hook_state(L1T_HOOK_THROTTLE) != before)
		l1t_tell_effective(L1T_HOOK_THROTTLE);
}

/**
 * l1t_attach_limits() - what limits need of KVM has changed
 *
 * Context: may sleep, for long where a hook is released.
 */
void l1t_attach_limits(void)
{
	size_t i;

	mutex_lock(&attach_lock);
	if (!unloading) {
		for (i = 0; i < ARRAY_SIZE(refusals); i++)
			update_refusal(&refusals[i]);
		/* One of them is there, or neither. */
		update_refusal(svm_nested_refusal.there ? &svm_nested_refusal :
							  &vmx_nested_refusal);
		update_throttle();
	}
	mutex_unlock(&attach_lock);
}

static bool hears_of_the_end(void)
{
	return hook_ok(L1T_HOOK_VM_FREE) && hook_ok(L1T_HOOK_VCPU_DESTROY);
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
	size_t i;

	/* KVM may have come between our notifier and our look for it. */
	if (observers.registered)
		return;
	attach_observers();
	l1t_split_attach(kvm_module());
	l1t_hook_result(L1T_HOOK_VM_LIST, attach_vm_list());
	for (i = 0; i < ARRAY_SIZE(refusals); i++)
		refusal_comes(&refusals[i], kvm_module());
	update_throttle();
}

/* Nothing of KVM's is looked at any more when its end is no longer told. */
static void detach_kvm(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(refusals); i++)
		refusal_goes(&refusals[i]);
	if (vms) {
		WRITE_ONCE(vms, NULL);
		l1t_hook_gone(L1T_HOOK_VM_LIST);
	}
	/* An account is closed when nobody writes to it any more. */
	l1t_split_detach();
	l1t_guests_abandon();
	detach_observers();
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

static const struct vendor {
	const char *module;
	bool builtin;
	u16 feature;		/* of the CPUs that it is for */
	const char *mark;	/* a function that only this vendor's has */
	enum l1t_isa isa;
	int (*find_reason)(const char *module);
	struct refusal *nested;
} vendors[] = {
	{ "kvm_intel", IS_BUILTIN(CONFIG_KVM_INTEL), X86_FEATURE_VMX,
	  "vmx_get_exit_info", L1T_ISA_VMX, l1t_find_vmx_reason,
	  &vmx_nested_refusal },
	{ "kvm_amd", IS_BUILTIN(CONFIG_KVM_AMD), X86_FEATURE_SVM,
	  "svm_get_exit_info", L1T_ISA_SVM, l1t_find_svm_reason,
	  &svm_nested_refusal },
};

static void attach_vendor(const struct vendor *vendor)
{
	const char *module = vendor->builtin ? NULL : vendor->module;

	/* A kernel may have both built in, of which one has found its CPU. */
	if (vendor->builtin && !boot_cpu_has(vendor->feature))
		return;
	if (!l1t_symbol(module, vendor->mark))
		return;
	WRITE_ONCE(isa, vendor->isa);
	l1t_hook_result(L1T_HOOK_EXIT_REASON, vendor->find_reason(module));
	refusal_comes(vendor->nested, module);
}

static void detach_vendor(void)
{
	refusal_goes(&vmx_nested_refusal);
	refusal_goes(&svm_nested_refusal);
	WRITE_ONCE(l1t_vmx_reason_offset, 0);
	WRITE_ONCE(l1t_svm_reason_known, false);
	l1t_hook_gone(L1T_HOOK_EXIT_REASON);
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
		err = L1T_PROBES_FIT ?
			tracepoint_probe_register(tp, th->probe, NULL) : -EOPNOTSUPP;
		if (!err)
			th->tp = tp;
		l1t_hook_result(th->hook, err);
	}
	update_throttle();
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
		l1t_hook_gone(th->hook);
	}
	update_throttle();
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
	detach_vendor();
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
	unloading = true;
	detach_tracepoints();
	detach_vendor();
	detach_kvm();
	mutex_unlock(&attach_lock);
}
