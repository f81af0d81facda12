/* SPDX-License-Identifier: GPL-2.0 */
/* The state of each hook on KVM, and how functions are hooked. */
#ifndef L1TUNE_HOOK_H
#define L1TUNE_HOOK_H

#include <linux/ftrace.h>
#include <linux/ptrace.h>

#include "compat.h"

enum l1t_hook {
	L1T_HOOK_KVM_EXIT,
	L1T_HOOK_KVM_ENTRY,
	L1T_HOOK_FAULT,
	L1T_HOOK_NESTED_FAILED,
	L1T_HOOK_NESTED_VMFAIL,
	L1T_HOOK_EXIT_REASON,
	L1T_HOOK_ADOPT,
	L1T_HOOK_VM_CREATE,
	L1T_HOOK_VM_FREE,
	L1T_HOOK_VCPU_CREATE,
	L1T_HOOK_VCPU_DESTROY,
	L1T_HOOK_MEMORY,
	L1T_HOOK_RUN,
	L1T_HOOK_PUT,
	L1T_HOOK_SCHED_IN,
	L1T_HOOK_REFUSE_VM,
	L1T_HOOK_REFUSE_VCPU,
	L1T_HOOK_REFUSE_MEMORY,
	L1T_HOOK_REFUSE_NESTED,
	L1T_HOOK_REFUSE_RUN,
	L1T_HOOK_THROTTLE,
	L1T_HOOK_TIMER,
	L1T_HOOK_TUNE,
	L1T_HOOK_SCHED_SWITCH,
	L1T_HOOKS
};

/* What is needed of a hook that may refuse, in ascending order. */
enum l1t_need { L1T_NEED_NONE, L1T_NEED_AUDIT, L1T_NEED_REFUSE };

enum l1t_hook_state {
	L1T_HOOK_WAITING,	/* for KVM */
	L1T_HOOK_OFF,		/* nothing needs it */
	L1T_HOOK_OK,
	L1T_HOOK_UNAVAILABLE,
	L1T_HOOK_DETACHED	/* KVM has been unloaded */
};

enum l1t_hook_state l1t_hook_state(enum l1t_hook hook);
const char *l1t_hook_state_name(enum l1t_hook hook);
const char *l1t_hook_name(enum l1t_hook hook);
void l1t_hook_result(enum l1t_hook hook, int err);
void l1t_hook_off(enum l1t_hook hook);
void l1t_hook_wait(enum l1t_hook hook, bool needed);
void l1t_hook_gone(enum l1t_hook hook);
void l1t_hook_like(enum l1t_hook hook, enum l1t_hook other);

/**
 * struct l1t_function - a hooked function
 * @hook: the hook that it is part of
 * @name: of the function
 * @old_name: its name in older kernels, if different
 * @entered: called with preemption disabled; gets the function's arguments in @regs. The
 *	other registers are valid only if the set is L1T_MODIFIERS. If the set modifies, the
 *	function continues at regs->ip. Not used by L1T_DIRECT_OBSERVER
 * @optional: not an error if missing: kernels without it do not need it
 * @is_of_kernel: it is in the kernel itself, whatever module the others are in
 * @ip: its address; 0 while not looked up or not found
 */
struct l1t_function {
	enum l1t_hook hook;
	const char *name;
	const char *old_name;
	void (*entered)(struct pt_regs *regs);
	bool optional;
	bool is_of_kernel;
	unsigned long ip;
};

/**
 * struct l1t_functions - functions that are hooked and released together
 * @ops: ftrace's
 * @list: the functions
 * @nr: number of functions
 * @registered: the hooks are attached
 */
struct l1t_functions {
	struct ftrace_ops ops;
	struct l1t_function *list;
	unsigned int nr;
	bool registered;
};

void l1t_function_entered(unsigned long ip, unsigned long parent_ip,
			  struct ftrace_ops *ops, struct l1t_ftrace_regs *fregs);

/*
 * PERMANENT: disabling ftrace by sysctl fails, instead of silently disabling the
 * hooks. There is no recursion protection, which costs time at each call, because no
 * callback calls a hooked function.
 */
#define L1T_FTRACE_FLAGS	(L1T_FTRACE_NO_RECURSION | FTRACE_OPS_FL_PERMANENT)

#define __L1T_FUNCTIONS(_list, _func, _flags)				\
{									\
	.ops = {							\
		.func = _func,						\
		.flags = L1T_FTRACE_FLAGS | (_flags),			\
	},								\
	.list = _list,							\
	.nr = ARRAY_SIZE(_list),					\
}

/* Observers need only the arguments; saving all registers takes longer. */
#define L1T_OBSERVERS(_list)						\
	__L1T_FUNCTIONS(_list, l1t_function_entered, L1T_FTRACE_ARGUMENTS)
#define L1T_MODIFIERS(_list)						\
	__L1T_FUNCTIONS(_list, l1t_function_entered, FTRACE_OPS_FL_SAVE_REGS)

/*
 * For a single function that is called often: ftrace calls _func directly, with
 * preemption as in the function's caller.
 */
#define L1T_DIRECT_OBSERVER(_list, _func)				\
	__L1T_FUNCTIONS(_list, _func, L1T_FTRACE_ARGUMENTS)

int l1t_function_find(struct l1t_functions *set, struct l1t_function *fn,
		      const char *module);
int l1t_functions_find(struct l1t_functions *set, const char *module);
int l1t_functions_register(struct l1t_functions *set, bool modify);
void l1t_functions_release(struct l1t_functions *set);

/* The nth argument, from 0, of a function just entered. */
static inline void *l1t_argument(const struct pt_regs *regs, unsigned int n)
{
	const unsigned long arguments[] = {
		regs->di, regs->si, regs->dx, regs->cx, regs->r8,
	};

	return (void *)arguments[n];
}

#endif
