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

static struct callback_head *
no_cancel_match(struct task_struct *task,
		bool (*match)(struct callback_head *work, void *data), void *data)
{
	return NULL;
}

static struct callback_head *no_cancel_func(struct task_struct *task,
					    task_work_func_t func)
{
	return NULL;
}

DEFINE_STATIC_CALL(l1t_task_work_cancel_match, no_cancel_match);
DEFINE_STATIC_CALL(l1t_task_work_cancel_func, no_cancel_func);

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

static bool has_func(struct callback_head *work, void *func)
{
	return work->func == func;
}

/**
 * l1t_task_work_cancel() - take back something that a task has yet to run
 * @task: kept by the caller
 * @func: of the work
 *
 * Context: any but NMI. Return: one of the task's works with that function,
 * which will not run now, or NULL if there is none.
 */
struct callback_head *l1t_task_work_cancel(struct task_struct *task,
					   task_work_func_t func)
{
	return static_call(l1t_task_work_cancel_match)(task, has_func, func) ?:
	       static_call(l1t_task_work_cancel_func)(task, func);
}

/* By any work's function since 5.12; before, and under another name since, by one. */
static int find_task_work_cancel(void)
{
	unsigned long addr = l1t_symbol(NULL, "task_work_cancel_match");

	if (addr) {
		static_call_update(l1t_task_work_cancel_match,
				   (typeof(no_cancel_match) *)addr);
		return 0;
	}
	addr = l1t_symbol(NULL, "task_work_cancel_func") ?:
	       l1t_symbol(NULL, "task_work_cancel");
	if (!addr)
		return -ENOENT;
	static_call_update(l1t_task_work_cancel_func,
			   (typeof(no_cancel_func) *)addr);
	return 0;
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
	if (!addr || find_task_work_cancel()) {
		pr_err("cannot find task_work_add() and task_work_cancel() in this kernel\n");
		return -ENOENT;
	}
	static_call_update(l1t_do_task_work_add,
			   (typeof(no_task_work) *)addr);
	return 0;
}
