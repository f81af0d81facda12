// SPDX-License-Identifier: GPL-2.0
/*
 * Registering a kprobe as disabled patches nothing, but gives the address of
 * kallsyms_lookup_name(), which finds all other symbols. Before 6.2 that function
 * expands every symbol of the kernel before it searches modules; so symbols of a
 * module are looked up with module_kallsyms_lookup_name().
 *
 * Calls use static_call, which patches a direct call into this module: a direct call
 * may target a function whose ENDBR is sealed, where an indirect call raises #CP on
 * machines with Indirect Branch Tracking.
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

static struct module *no_module(const char *name)
{
	return NULL;
}

DEFINE_STATIC_CALL(l1t_find_module, no_module);
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
 * @module: its module; NULL for the kernel itself
 * @name: of a function or variable
 *
 * Finds symbols of a module that is just being loaded, too.
 *
 * Return: the address or 0.
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
 * l1t_module_goes() - is a module being unloaded
 * @name: its name; NULL for the kernel itself
 *
 * Its symbols are found until its memory is freed, but a notifier that is registered too late
 * is not called for it. If this returns false, notifiers that were registered before will be.
 *
 * Context: may sleep.
 * Return: true if it is.
 */
bool l1t_module_goes(const char *name)
{
	struct mutex *lock = (struct mutex *)l1t_symbol(NULL, "module_mutex");
	const struct module *mod;
	bool goes;

	if (!name || !lock)
		return false;
	mutex_lock(lock);
	mod = static_call(l1t_find_module)(name);
	goes = mod && mod->state == MODULE_STATE_GOING;
	mutex_unlock(lock);
	return goes;
}

/**
 * l1t_task_work_add() - run a work when a task returns to user space or its guest
 * @task: the task
 * @work: from init_task_work()
 *
 * Context: any but NMI.
 * Return: 0, or -ESRCH if the task is exiting.
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
 * l1t_task_work_cancel() - cancel a work that a task has not run yet
 * @task: the caller holds a reference
 * @func: the work's function
 *
 * Context: any but NMI.
 * Return: one of the task's works with that function, which will not run now; NULL if there
 * is none.
 */
struct callback_head *l1t_task_work_cancel(struct task_struct *task,
					   task_work_func_t func)
{
	return static_call(l1t_task_work_cancel_match)(task, has_func, func) ?:
	       static_call(l1t_task_work_cancel_func)(task, func);
}

/*
 * task_work_cancel_match() exists since 5.12. Before, task_work_cancel() takes a
 * function; in later kernels that one is called task_work_cancel_func().
 */
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
 * l1t_symbol_init() - find the functions that all other look-ups use
 *
 * Return: 0, or an error if they are not found.
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

	/* Without it use the slower one, which finds symbols of modules, too. */
	addr = l1t_symbol(NULL, "module_kallsyms_lookup_name") ?: addr;
	static_call_update(l1t_module_kallsyms_lookup_name,
			   (typeof(no_lookup) *)addr);

	addr = l1t_symbol(NULL, "find_module");
	if (addr)
		static_call_update(l1t_find_module, (typeof(no_module) *)addr);

	addr = l1t_symbol(NULL, "task_work_add");
	if (!addr || find_task_work_cancel()) {
		pr_err("cannot find task_work_add() and task_work_cancel() in this kernel\n");
		return -ENOENT;
	}
	static_call_update(l1t_do_task_work_add,
			   (typeof(no_task_work) *)addr);
	return 0;
}
