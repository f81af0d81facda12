// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel takes to call an observer: probes on the tracepoints, and callbacks on
 * the functions, that l1tune has on the way of an exit, all of which do nothing. What
 * l1tune adds beyond that is its own.
 */
#include <linux/ftrace.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/tracepoint.h>

static bool tracepoints;
module_param(tracepoints, bool, 0);
MODULE_PARM_DESC(tracepoints, "observe the tracepoints");

static bool functions;
module_param(functions, bool, 0);
MODULE_PARM_DESC(functions, "observe the functions");

static notrace void probe(void *data)
{
}

static struct {
	const char *name;
	struct tracepoint *tp;
} probes[] = {
	{ "kvm_exit" },
	{ "kvm_entry" },
};

static void detach(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		if (probes[i].tp)
			tracepoint_probe_unregister(probes[i].tp, probe, NULL);
		probes[i].tp = NULL;
	}
	tracepoint_synchronize_unregister();
}

static int notify(struct notifier_block *nb, unsigned long state, void *data)
{
	const struct module *kvm = ((struct tp_module *)data)->mod;
	struct tracepoint *tp;
	unsigned int n, i;

	if (strcmp(kvm->name, "kvm") || state != MODULE_STATE_COMING)
		return NOTIFY_OK;
	for (n = 0; n < kvm->num_tracepoints; n++) {
		tp = tracepoint_ptr_deref(&kvm->tracepoints_ptrs[n]);
		for (i = 0; i < ARRAY_SIZE(probes); i++)
			if (!strcmp(tp->name, probes[i].name) &&
			    !tracepoint_probe_register(tp, probe, NULL))
				probes[i].tp = tp;
	}
	return NOTIFY_OK;
}

static struct notifier_block nb = { .notifier_call = notify };

#ifdef CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS
static notrace void entered(unsigned long ip, unsigned long parent_ip,
			    struct ftrace_ops *ops, struct ftrace_regs *regs)
#else
static notrace void entered(unsigned long ip, unsigned long parent_ip,
			    struct ftrace_ops *ops, struct pt_regs *regs)
#endif
{
}

/* Each has its own, so that ftrace calls it directly. */
static struct {
	const char *name;
	struct ftrace_ops ops;
	bool registered;
} callbacks[] = {
	{ "kvm_arch_vcpu_put", { .func = entered } },
	{ "kvm_arch_vcpu_ioctl_run", { .func = entered } },
	{ "kvm_sched_in", { .func = entered } },
};

static void release(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(callbacks); i++) {
		if (callbacks[i].registered)
			unregister_ftrace_function(&callbacks[i].ops);
		callbacks[i].registered = false;
		ftrace_set_filter(&callbacks[i].ops, NULL, 0, 1);
	}
}

static int observe_functions(void)
{
	unsigned int i;
	char name[32];
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(callbacks) && !err; i++) {
		strscpy(name, callbacks[i].name, sizeof(name));
		err = ftrace_set_filter(&callbacks[i].ops, name, strlen(name), 1);
		if (!err)
			err = register_ftrace_function(&callbacks[i].ops);
		callbacks[i].registered = !err;
	}
	return err;
}

static int observe_tracepoints(void)
{
	int err = register_tracepoint_module_notifier(&nb);

	if (!err && (!probes[0].tp || !probes[1].tp))
		err = -ENOENT;
	return err;
}

static void end(void)
{
	unregister_tracepoint_module_notifier(&nb);
	detach();
	release();
}

static int __init hooks_init(void)
{
	int err = 0;

	if (tracepoints)
		err = observe_tracepoints();
	if (functions && !err)
		err = observe_functions();
	if (err)
		end();
	return err;
}

static void __exit hooks_exit(void)
{
	end();
}

module_init(hooks_init);
module_exit(hooks_exit);

MODULE_DESCRIPTION("Hooks on KVM that do nothing, for the benchmark");
MODULE_LICENSE("GPL");
