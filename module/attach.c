// SPDX-License-Identifier: GPL-2.0
/*
 * Finds the running KVM and attaches the hooks of a table to it.
 *
 * kvm and kvm_intel or kvm_amd may be loaded before us, later, or again, as module
 * notifiers report. attach_kvm() and friends attach what they can and record the state
 * of each hook. Observers change nothing in KVM, so they stay attached as long as KVM is
 * loaded.
 *
 * KVM's private names are here, and in the tables of life.c, split.c, refuse.c and
 * throttle.c.
 */
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/tracepoint.h>
#include <asm/cpufeature.h>

#include "attach.h"
#include "attach_reason.h"
#include "box.h"
#include "cfi.h"
#include "controls.h"
#include "exit.h"
#include "symbol.h"

/*
 * Protects everything below, and keeps KVM from being unloaded. It is held while hooks
 * are released, which may take seconds, so nothing that a VMM waits for takes it.
 */
static DEFINE_MUTEX(attach_lock);
static const struct l1t_kvm_hooks *hooks;
static bool unloading;

static const char *kvm_module(void)
{
	return IS_BUILTIN(CONFIG_KVM) ? NULL : "kvm";
}

/* Observers. */

static void attach_observers(void)
{
	struct l1t_functions *set = hooks->observers;
	unsigned int i, found = 0;
	int err;

	for (i = 0; i < set->nr; i++) {
		err = l1t_function_find(set, &set->list[i], kvm_module());
		l1t_hook_result(set->list[i].hook, err);
		found += !err;
	}
	if (!found)
		return;
	err = l1t_functions_register(set, false);
	if (!err)
		return;
	for (i = 0; i < set->nr; i++)
		l1t_hook_result(set->list[i].hook, err);
}

static void detach_observers(void)
{
	struct l1t_functions *set = hooks->observers;
	unsigned int i;

	l1t_functions_release(set);
	for (i = 0; i < set->nr; i++)
		l1t_hook_gone(set->list[i].hook);
}

/* Functions that are called often: all are hooked, or none. */

static void attach_direct(void)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < hooks->nr_direct && !err; i++)
		err = l1t_functions_find(&hooks->direct[i], kvm_module());
	for (i = 0; i < hooks->nr_direct && !err; i++)
		err = l1t_functions_register(&hooks->direct[i], false);
	for (i = 0; i < hooks->nr_direct; i++) {
		if (err)
			l1t_functions_release(&hooks->direct[i]);
		l1t_hook_result(hooks->direct[i].list->hook, err);
	}
}

static void detach_direct(void)
{
	unsigned int i;

	for (i = 0; i < hooks->nr_direct; i++) {
		l1t_functions_release(&hooks->direct[i]);
		l1t_hook_gone(hooks->direct[i].list->hook);
	}
}

/* Functions that are hooked only while needed. */

static bool is_usable(const struct l1t_optional *o)
{
	return !o->usable || o->usable();
}

static int attach_optional(struct l1t_optional *o, enum l1t_need need)
{
	int err;

	if (!is_usable(o))
		return -EOPNOTSUPP;
	if (o->target) {
		*o->target_ip = l1t_symbol(o->module, o->target);
		if (!*o->target_ip)
			return -ENOENT;
	}
	err = l1t_functions_find(&o->set, o->module);
	if (err)
		return err;
	err = l1t_functions_register(&o->set, need == L1T_NEED_REFUSE);
	if (err)
		return err;
	o->serves = need;
	if (o->attached)
		o->attached(true);
	return 0;
}

static void release_optional(struct l1t_optional *o)
{
	if (o->serves == L1T_NEED_NONE)
		return;
	l1t_functions_release(&o->set);
	o->serves = L1T_NEED_NONE;
	if (o->attached)
		o->attached(false);
}

/* Attach it if it is needed, and release it if it is not and @may_release. */
static void update_optional(struct l1t_optional *o, bool may_release)
{
	enum l1t_need need = o->need(o->hook);
	enum l1t_hook_state before = l1t_hook_state(o->hook);

	if (!o->there) {
		if (before != L1T_HOOK_DETACHED || need == L1T_NEED_NONE)
			l1t_hook_wait(o->hook, need != L1T_NEED_NONE);
	} else if (need == L1T_NEED_NONE && !may_release) {
		return;
	} else if (need != o->serves || before == L1T_HOOK_UNAVAILABLE || !is_usable(o)) {
		release_optional(o);
		if (need == L1T_NEED_NONE)
			l1t_hook_off(o->hook);
		else
			l1t_hook_result(o->hook, attach_optional(o, need));
	}
	if (l1t_hook_state(o->hook) != before)
		hooks->changed(o->hook);
}

/* Two ISAs may share a hook, and at most one of their modules is loaded: one shows the state. */
static bool shows_its_hook(const struct l1t_optional *o)
{
	unsigned int i;

	if (o->there || o->isa == L1T_ISA_NONE)
		return true;
	for (i = 0; i < hooks->nr_optional; i++)
		if (hooks->optional[i]->hook == o->hook && hooks->optional[i]->there)
			return false;
	return o->isa == L1T_ISA_VMX;
}

/* A hook that nothing needs is off, and not missed. */
static bool is_missed(enum l1t_hook hook)
{
	enum l1t_hook_state state = l1t_hook_state(hook);

	return state != L1T_HOOK_OK && state != L1T_HOOK_OFF;
}

static void update_combined(void)
{
	const struct l1t_combined *c = hooks->combined;
	enum l1t_hook_state before = l1t_hook_state(c->hook);
	unsigned int i = 0;

	while (i < c->nr - 1 && !is_missed(c->by[i]))
		i++;
	if (c->need(c->hook) == L1T_NEED_NONE)
		l1t_hook_off(c->hook);
	else
		l1t_hook_like(c->hook, c->by[i]);
	if (l1t_hook_state(c->hook) != before)
		hooks->changed(c->hook);
}

static void optional_comes(enum l1t_isa isa, const char *module)
{
	unsigned int i;

	for (i = 0; i < hooks->nr_optional; i++) {
		struct l1t_optional *o = hooks->optional[i];

		if (o->isa != isa || o->there)
			continue;
		o->module = module;
		o->there = true;
		l1t_hook_off(o->hook);
		update_optional(o, true);
	}
}

static void optional_goes(enum l1t_isa isa)
{
	unsigned int i;

	for (i = 0; i < hooks->nr_optional; i++) {
		struct l1t_optional *o = hooks->optional[i];

		if (o->isa != isa || !o->there)
			continue;
		release_optional(o);
		o->there = false;
		l1t_hook_gone(o->hook);
		hooks->changed(o->hook);
	}
}

static void update_all(bool may_release)
{
	unsigned int i;

	mutex_lock(&attach_lock);
	/* What is needed before l1t_attach() is attached by it. */
	if (hooks && !unloading) {
		for (i = 0; i < hooks->nr_optional; i++)
			if (shows_its_hook(hooks->optional[i]))
				update_optional(hooks->optional[i], may_release);
		update_combined();
	}
	mutex_unlock(&attach_lock);
}

/**
 * l1t_attach_update() - attach what is needed, after needs have changed
 *
 * Context: may sleep, like l1t_attach_release() if a hook has to be attached in another way.
 */
void l1t_attach_update(void)
{
	update_all(false);
}

/**
 * l1t_attach_release() - also release what nothing needs any more
 *
 * Context: may sleep until Tasks RCU has seen each thread that is ready to run, which takes
 * seconds, and longer if some get hardly any CPU time. So call it when all that was asked
 * for is in force.
 */
void l1t_attach_release(void)
{
	update_all(true);
}

/* kvm, kvm_intel, kvm_amd. */

/* A module that is being unloaded may have called its notifiers before ours was registered. */
static bool is_there(const char *module, const char *mark)
{
	return l1t_symbol(module, mark) && !l1t_module_goes(module);
}

static int let_adopt(void)
{
	unsigned long lock = l1t_symbol(kvm_module(), "kvm_lock");
	unsigned long list = l1t_symbol(kvm_module(), "vm_list");

	if (!lock || !list)
		return hooks->came(NULL, NULL);
	return hooks->came((struct mutex *)lock, (struct list_head *)list);
}

static bool kvm_there;

static void attach_kvm(void)
{
	/* KVM may have been loaded between our notifier and our search for it. */
	if (kvm_there || !is_there(kvm_module(), "kvm_get_kvm"))
		return;
	kvm_there = true;
	attach_observers();
	attach_direct();
	l1t_hook_result(L1T_HOOK_ADOPT, let_adopt());
	optional_comes(L1T_ISA_NONE, kvm_module());
	update_combined();
}

/* No memory of KVM's may be accessed once its freeing is no longer observed. */
static void detach_kvm(void)
{
	optional_goes(L1T_ISA_NONE);
	l1t_hook_gone(L1T_HOOK_ADOPT);
	/* Accounts may be closed only after their last writer is gone. */
	detach_direct();
	hooks->leaves();
	detach_observers();
	kvm_there = false;
}

static const struct vendor {
	const char *module;
	bool builtin;
	u16 feature;		/* of the CPUs that it supports */
	const char *mark;	/* a function that only this vendor's module has */
	enum l1t_isa isa;
	int (*find_reason)(const char *module);
} vendors[] = {
	{ "kvm_intel", IS_BUILTIN(CONFIG_KVM_INTEL), X86_FEATURE_VMX,
	  "vmx_get_exit_info", L1T_ISA_VMX, l1t_find_vmx_reason },
	{ "kvm_amd", IS_BUILTIN(CONFIG_KVM_AMD), X86_FEATURE_SVM,
	  "svm_get_exit_info", L1T_ISA_SVM, l1t_find_svm_reason },
};

/* The attached vendor: at most one of them supports this CPU. */
static const struct vendor *vendor_there;

static void attach_vendor(const struct vendor *vendor)
{
	const char *module = vendor->builtin ? NULL : vendor->module;

	/* Both may be built in; only one of them supports this CPU. */
	if (vendor->builtin && !boot_cpu_has(vendor->feature))
		return;
	/* It may have been loaded between our notifier and our search for it. */
	if (vendor_there || !is_there(module, vendor->mark))
		return;
	vendor_there = vendor;
	l1t_isa_set(vendor->isa);
	l1t_hook_result(L1T_HOOK_EXIT_REASON, vendor->find_reason(module));
	optional_comes(vendor->isa, module);
}

static void detach_vendor(void)
{
	vendor_there = NULL;
	l1t_controls_forget();
	optional_goes(L1T_ISA_VMX);
	optional_goes(L1T_ISA_SVM);
	WRITE_ONCE(l1t_vmx_reason_offset, 0);
	WRITE_ONCE(l1t_vmx_qualification_offset, 0);
	WRITE_ONCE(l1t_svm_reason_known, false);
	l1t_hook_gone(L1T_HOOK_EXIT_REASON);
}

/*
 * A module that does not support this CPU is attached until its initialization fails. If the
 * other vendor's was loaded meanwhile, attach that one.
 */
static void vendor_goes(const struct vendor *vendor)
{
	size_t i;

	if (vendor_there != vendor)
		return;
	detach_vendor();
	for (i = 0; i < ARRAY_SIZE(vendors); i++)
		if (&vendors[i] != vendor)
			attach_vendor(&vendors[i]);
}

/* Tracepoints of KVM. */

static void attach_tracepoint(struct tracepoint *tp, void *unused)
{
	unsigned int i;
	int err;

	for (i = 0; i < hooks->nr_probes; i++) {
		struct l1t_probe *p = &hooks->probes[i];

		if (p->tp || strcmp(tp->name, p->name))
			continue;
		err = l1t_cfi_fits(p->name, p->probe, kvm_module()) ?
		      tracepoint_probe_register(tp, p->probe, NULL) : -EOPNOTSUPP;
		if (!err)
			p->tp = tp;
		l1t_hook_result(p->hook, err);
	}
	update_combined();
}

static void detach_tracepoints(void)
{
	unsigned int i;

	for (i = 0; i < hooks->nr_probes; i++) {
		struct l1t_probe *p = &hooks->probes[i];

		if (!p->tp)
			continue;
		tracepoint_probe_unregister(p->tp, p->probe, NULL);
		p->tp = NULL;
		l1t_hook_gone(p->hook);
	}
	update_combined();
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

static const struct vendor *vendor_of(const struct module *mod)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(vendors); i++)
		if (!strcmp(mod->name, vendors[i].module))
			return &vendors[i];
	return NULL;
}

static int module_notify(struct notifier_block *nb, unsigned long state,
			 void *data)
{
	const struct vendor *vendor = vendor_of(data);
	bool is_kvm = !strcmp(((struct module *)data)->name, "kvm");
	bool comes = state == MODULE_STATE_COMING;

	if (!vendor && !is_kvm)
		return NOTIFY_OK;
	if (!comes && state != MODULE_STATE_GOING)
		return NOTIFY_OK;

	mutex_lock(&attach_lock);
	if (is_kvm && comes)
		attach_kvm();
	else if (is_kvm)
		detach_kvm();
	else if (comes)
		attach_vendor(vendor);
	else
		vendor_goes(vendor);
	mutex_unlock(&attach_lock);
	return NOTIFY_OK;
}

static struct notifier_block module_nb = {
	.notifier_call = module_notify,
};

/**
 * l1t_attach() - attach to KVM, now and whenever it is loaded
 * @what: what to hook; must stay valid
 *
 * Return: 0, or an error of the notifiers. It is not an error if KVM is not loaded or
 * lacks something.
 */
int l1t_attach(const struct l1t_kvm_hooks *what)
{
	size_t i;
	int err;

	mutex_lock(&attach_lock);
	hooks = what;
	mutex_unlock(&attach_lock);
	err = register_module_notifier(&module_nb);
	if (err)
		return err;

	mutex_lock(&attach_lock);
	attach_kvm();
	for (i = 0; i < ARRAY_SIZE(vendors); i++)
		attach_vendor(&vendors[i]);
	mutex_unlock(&attach_lock);

	/*
	 * Calls back for KVM if it is loaded. All vCPUs are known by now, so no exit is
	 * unattributed.
	 */
	err = register_tracepoint_module_notifier(&tracepoint_nb);
	if (err)
		goto detach;
	if (IS_BUILTIN(CONFIG_KVM)) {
		mutex_lock(&attach_lock);
		for_each_kernel_tracepoint(attach_tracepoint, NULL);
		mutex_unlock(&attach_lock);
	}
	/* Limits of the module's parameters: without KVM their hooks wait for it. */
	l1t_attach_update();
	return 0;

detach:
	unregister_module_notifier(&module_nb);
	mutex_lock(&attach_lock);
	unloading = true;
	detach_vendor();
	detach_kvm();
	mutex_unlock(&attach_lock);
	return err;
}

/**
 * l1t_detach() - detach from KVM
 *
 * When this returns, no hook or probe is running.
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
