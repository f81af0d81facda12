// SPDX-License-Identifier: GPL-2.0
/*
 * Another owner of a function: takes the right to change where control goes
 * at its entry, as a livepatch does, and does not use it.
 */
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/module.h>

static char *function = "";
module_param(function, charp, 0);
MODULE_PARM_DESC(function, "whose entry to own");

#ifdef CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS
static void entered(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
		    struct ftrace_regs *regs)
#else
static void entered(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
		    struct pt_regs *regs)
#endif
{
}

static struct ftrace_ops ops = {
	.func = entered,
	.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY,
};

static void forget(void)
{
	ftrace_set_filter(&ops, NULL, 0, 1);
}

/* A disabled kprobe has its address. By name ftrace would look at each function of the kernel. */
static int own(void)
{
	struct kprobe kp = { .symbol_name = function, .flags = KPROBE_FLAG_DISABLED };
	int err = register_kprobe(&kp);

	if (err)
		return err;
	err = ftrace_set_filter_ip(&ops, (unsigned long)kp.addr, 0, 1);
	unregister_kprobe(&kp);
	return err;
}

static int __init rival_init(void)
{
	int err;

	err = own();
	if (err)
		return err;
	err = register_ftrace_function(&ops);
	if (err)
		forget();
	return err;
}

static void __exit rival_exit(void)
{
	unregister_ftrace_function(&ops);
	forget();
}

module_init(rival_init);
module_exit(rival_exit);

MODULE_DESCRIPTION("Owns a function, for tests");
MODULE_LICENSE("GPL");
