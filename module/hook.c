// SPDX-License-Identifier: GPL-2.0
/*
 * Functions are hooked by ftrace. A set of functions shares one ftrace_ops, because
 * unregistering waits for an RCU-tasks grace period.
 */
#include "hook.h"
#include "symbol.h"

/* Hooks that refuse, pace or log are off until something needs them. */
static enum l1t_hook_state states[L1T_HOOKS] = {
	[L1T_HOOK_REFUSE_VM] = L1T_HOOK_OFF,
	[L1T_HOOK_REFUSE_VCPU] = L1T_HOOK_OFF,
	[L1T_HOOK_REFUSE_MEMORY] = L1T_HOOK_OFF,
	[L1T_HOOK_REFUSE_NESTED] = L1T_HOOK_OFF,
	[L1T_HOOK_REFUSE_RUN] = L1T_HOOK_OFF,
	[L1T_HOOK_THROTTLE] = L1T_HOOK_OFF,
	[L1T_HOOK_TIMER] = L1T_HOOK_OFF,
	[L1T_HOOK_SCHED_SWITCH] = L1T_HOOK_OFF,
};

static const char * const state_names[] = {
	[L1T_HOOK_WAITING] = "waiting",
	[L1T_HOOK_OFF] = "off",
	[L1T_HOOK_OK] = "ok",
	[L1T_HOOK_UNAVAILABLE] = "unavailable",
	[L1T_HOOK_DETACHED] = "detached",
};

static const char * const names[L1T_HOOKS] = {
	[L1T_HOOK_KVM_EXIT] = "kvm_exit",
	[L1T_HOOK_KVM_ENTRY] = "kvm_entry",
	[L1T_HOOK_FAULT] = "fault",
	[L1T_HOOK_NESTED_FAILED] = "nested_failed",
	[L1T_HOOK_NESTED_VMFAIL] = "nested_vmfail",
	[L1T_HOOK_EXIT_REASON] = "exit_reason",
	[L1T_HOOK_ADOPT] = "adopt",
	[L1T_HOOK_VM_CREATE] = "vm_create",
	[L1T_HOOK_VM_FREE] = "vm_free",
	[L1T_HOOK_VCPU_CREATE] = "vcpu_create",
	[L1T_HOOK_VCPU_DESTROY] = "vcpu_destroy",
	[L1T_HOOK_MEMORY] = "memory",
	[L1T_HOOK_RUN] = "run",
	[L1T_HOOK_PUT] = "put",
	[L1T_HOOK_SCHED_IN] = "sched_in",
	[L1T_HOOK_REFUSE_VM] = "refuse_vm",
	[L1T_HOOK_REFUSE_VCPU] = "refuse_vcpu",
	[L1T_HOOK_REFUSE_MEMORY] = "refuse_memory",
	[L1T_HOOK_REFUSE_NESTED] = "refuse_nested",
	[L1T_HOOK_REFUSE_RUN] = "refuse_run",
	[L1T_HOOK_THROTTLE] = "throttle",
	[L1T_HOOK_TIMER] = "timer",
	[L1T_HOOK_TUNE] = "tune",
	[L1T_HOOK_SCHED_SWITCH] = "sched_switch",
};

/**
 * l1t_hook_state() - state of a hook
 * @hook: which
 *
 * Return: the state.
 */
enum l1t_hook_state l1t_hook_state(enum l1t_hook hook)
{
	return READ_ONCE(states[hook]);
}

/**
 * l1t_hook_state_name() - state of a hook, as one word
 * @hook: which
 *
 * Return: the word.
 */
const char *l1t_hook_state_name(enum l1t_hook hook)
{
	return state_names[l1t_hook_state(hook)];
}

/**
 * l1t_hook_result() - a hook has been attached, or could not be
 * @hook: which
 * @err: 0 or the error
 */
void l1t_hook_result(enum l1t_hook hook, int err)
{
	WRITE_ONCE(states[hook], err ? L1T_HOOK_UNAVAILABLE : L1T_HOOK_OK);
	if (err)
		pr_warn("hook %s is unavailable: %pe\n", names[hook],
			ERR_PTR(err));
}

/**
 * l1t_hook_off() - a hook could be attached, but nothing needs it
 * @hook: which
 */
void l1t_hook_off(enum l1t_hook hook)
{
	WRITE_ONCE(states[hook], L1T_HOOK_OFF);
}

/**
 * l1t_hook_wait() - KVM, which a hook is for, is not loaded yet
 * @hook: which
 * @needed: does anything need the hook
 */
void l1t_hook_wait(enum l1t_hook hook, bool needed)
{
	WRITE_ONCE(states[hook], needed ? L1T_HOOK_WAITING : L1T_HOOK_OFF);
}

/**
 * l1t_hook_gone() - KVM, which a hook was attached to, is unloaded
 * @hook: which
 */
void l1t_hook_gone(enum l1t_hook hook)
{
	if (states[hook] != L1T_HOOK_WAITING && states[hook] != L1T_HOOK_OFF)
		WRITE_ONCE(states[hook], L1T_HOOK_DETACHED);
}

/**
 * l1t_hook_like() - give a hook the state of another one
 * @hook: which
 * @other: the other one
 */
void l1t_hook_like(enum l1t_hook hook, enum l1t_hook other)
{
	WRITE_ONCE(states[hook], states[other]);
}

/**
 * l1t_hook_name() - name of a hook in sysfs
 * @hook: which
 *
 * Return: the name.
 */
const char *l1t_hook_name(enum l1t_hook hook)
{
	return names[hook];
}

#define ENDBR_BYTES	4

/**
 * l1t_function_entered() - ftrace's callback for all sets
 * @ip: in the function
 * @parent_ip: in its caller
 * @ops: of the set
 * @fregs: registers at its entry
 */
void notrace l1t_function_entered(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops,
				  struct l1t_ftrace_regs *fregs)
{
	struct l1t_functions *set = container_of(ops, struct l1t_functions, ops);
	struct pt_regs *regs = l1t_ftrace_pt_regs(fregs);
	unsigned int i;

	preempt_disable_notrace();
	for (i = 0; i < set->nr; i++) {
		const struct l1t_function *fn = &set->list[i];

		/* If the function begins with an ENDBR, the call to here comes after it. */
		if (fn->ip && ip - fn->ip <= ENDBR_BYTES) {
			fn->entered(regs);
			break;
		}
	}
	preempt_enable_notrace();
}

static unsigned long find_ip(const struct l1t_function *fn, const char *module)
{
	unsigned long ip;

	if (fn->is_of_kernel)
		module = NULL;
	ip = l1t_symbol(module, fn->name);
	return !ip && fn->old_name ? l1t_symbol(module, fn->old_name) : ip;
}

/**
 * l1t_function_find() - find a function and add it to its set's filter
 * @set: not registered
 * @fn: in @set
 * @module: the function's module; NULL for the kernel itself
 *
 * Full link-time optimization inlines any function into its only caller and leaves
 * the symbol, so nothing is hooked there. ThinLTO, as the kernel uses it, inlines
 * functions of only a few instructions.
 *
 * Return: 0, or an error if it is not found or ftrace cannot trace it.
 */
int l1t_function_find(struct l1t_functions *set, struct l1t_function *fn,
		      const char *module)
{
	unsigned long ip;
	int err;

	if (IS_ENABLED(CONFIG_LTO_CLANG_FULL))
		return -EOPNOTSUPP;
	ip = find_ip(fn, module);
	if (!ip)
		return fn->optional ? 0 : -ENOENT;
	err = ftrace_set_filter_ip(&set->ops, ip, 0, 0);
	if (!err)
		fn->ip = ip;
	return err;
}

/*
 * Empty the filter of a set. The addresses are not removed one by one, because ftrace does not
 * know them once their module is unloaded. If ftrace cannot allocate memory, they stay in the
 * filter; the callback then finds none of the set's functions there, and does nothing.
 */
static void forget(struct l1t_functions *set)
{
	bool found = false;
	unsigned int i;

	for (i = 0; i < set->nr; i++) {
		found |= set->list[i].ip;
		set->list[i].ip = 0;
	}
	if (found)
		ftrace_set_filter(&set->ops, NULL, 0, 1);
}

/**
 * l1t_functions_find() - find all functions of a set
 * @set: not registered
 * @module: their module; NULL for the kernel itself
 *
 * Return: 0, or an error; then the set is empty again.
 */
int l1t_functions_find(struct l1t_functions *set, const char *module)
{
	unsigned int i;
	int err;

	for (i = 0; i < set->nr; i++) {
		err = l1t_function_find(set, &set->list[i], module);
		if (err) {
			forget(set);
			return err;
		}
	}
	return 0;
}

/**
 * l1t_functions_register() - attach a set's hooks
 * @set: at least one of its functions has been found: with an empty filter ftrace
 *	would trace every function
 * @modify: the callbacks may redirect the call. Only one ftrace_ops that does so,
 *	including those of livepatches, can be attached to a function at a time
 *
 * Return: 0, or an error, -EBUSY if another one modifies one of them; then the set is
 * empty again.
 */
int l1t_functions_register(struct l1t_functions *set, bool modify)
{
	int err;

	if (modify)
		set->ops.flags |= FTRACE_OPS_FL_IPMODIFY;
	else
		set->ops.flags &= ~FTRACE_OPS_FL_IPMODIFY;
	err = register_ftrace_function(&set->ops);
	if (err)
		forget(set);
	else
		set->registered = true;
	return err;
}

/**
 * l1t_functions_release() - detach a set's hooks
 * @set: registered or not
 *
 * Context: may sleep. When this returns, none of its callbacks is running.
 */
void l1t_functions_release(struct l1t_functions *set)
{
	if (set->registered)
		unregister_ftrace_function(&set->ops);
	set->registered = false;
	forget(set);
}
