// SPDX-License-Identifier: GPL-2.0
/*
 * A kprobe that is registered disabled patches nothing and tells an address;
 * that gives kallsyms_lookup_name(), which gives the rest. Before 6.2 it goes
 * through every symbol of the kernel, expanding each, before it looks at
 * modules; so what is in a module is asked for where modules are looked at.
 *
 * Calls go through static_call, which patches a direct call into this
 * module: such a call may land on a function whose ENDBR is sealed, where an
 * indirect one is a #CP on machines with Indirect Branch Tracking.
 */
#include <linux/kprobes.h>
#include <linux/static_call.h>

#include "symbol.h"

static unsigned long no_lookup(const char *name)
{
	return 0;
}

static int no_task_work(struct task_struct *task, struct callback_head *work,
			enum task_work_notify_mode mode)
{
	return -ESRCH;
}

DEFINE_STATIC_CALL(l1t_kallsyms_lookup_name, no_lookup);
DEFINE_STATIC_CALL(l1t_module_kallsyms_lookup_name, no_lookup);
DEFINE_STATIC_CALL(l1t_do_task_work_add, no_task_work);

/**
 * l1t_symbol() - address of a symbol
 * @module: where it is; NULL for the kernel's own
 * @name: of a function or variable
 *
 * Also of a module that is just coming. Return: the address, 0 for none.
 */
unsigned long l1t_symbol(const char *module, const char *name)
{
	char full[MODULE_NAME_LEN + KSYM_NAME_LEN];

	if (!module)
		return static_call(l1t_kallsyms_lookup_name)(name);
	scnprintf(full, sizeof(full), "%s:%s", module, name);
	return static_call(l1t_module_kallsyms_lookup_name)(full);
}

/**
 * l1t_task_work_add() - have something run on a task's way out of the kernel
 * @task: the task
 * @work: from init_task_work()
 *
 * Context: any but NMI. Return: 0, or -ESRCH if the task is exiting.
 */
int l1t_task_work_add(struct task_struct *task, struct callback_head *work)
{
	return static_call(l1t_do_task_work_add)(task, work, TWA_RESUME);
}

/**
 * l1t_symbol_init() - find what everything else is found with
 *
 * Return: 0, or an error if this kernel does not tell.
 */
int l1t_symbol_init(void)
{
	struct kprobe kp = {
		.symbol_name = "kallsyms_lookup_name",
		.flags = KPROBE_FLAG_DISABLED,
	};
	unsigned long addr;
	int err;

	err = register_kprobe(&kp);
	if (err) {
		pr_err("cannot look up kernel symbols (%pe); CONFIG_KPROBES and CONFIG_KALLSYMS are needed\n",
		       ERR_PTR(err));
		return err;
	}
	addr = (unsigned long)kp.addr;
	unregister_kprobe(&kp);
	static_call_update(l1t_kallsyms_lookup_name,
			   (typeof(no_lookup) *)addr);

	/* Without it, slowly: the other one knows modules, too. */
	addr = l1t_symbol(NULL, "module_kallsyms_lookup_name") ?: addr;
	static_call_update(l1t_module_kallsyms_lookup_name,
			   (typeof(no_lookup) *)addr);

	addr = l1t_symbol(NULL, "task_work_add");
	if (!addr) {
		pr_err("this kernel has no task_work_add()\n");
		return -ENOENT;
	}
	static_call_update(l1t_do_task_work_add,
			   (typeof(no_task_work) *)addr);
	return 0;
}
