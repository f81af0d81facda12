// SPDX-License-Identifier: GPL-2.0
/*
 * A livepatch of a function of KVM: kvm_arch_init_vm() counts its calls, and is
 * otherwise what it was.
 */
#include <linux/ftrace.h>
#include <linux/kvm_host.h>
#include <linux/livepatch.h>
#include <linux/module.h>

static unsigned int calls;
module_param(calls, uint, 0444);
MODULE_PARM_DESC(calls, "of the function since it is patched");

typedef int (*init_vm_fn)(struct kvm *kvm, unsigned long type);

static int patched_init_vm(struct kvm *kvm, unsigned long type);

static struct klp_func functions[] = {
	{ .old_name = "kvm_arch_init_vm", .new_func = patched_init_vm },
	{ }
};

/* Before the call of ftrace there may be an ENDBR. */
#define ENTRY_BYTES	((IS_ENABLED(CONFIG_X86_KERNEL_IBT) ? 4 : 0) + MCOUNT_INSN_SIZE)

/* All of the old function but its call of ftrace, which would lead back to here. */
static int patched_init_vm(struct kvm *kvm, unsigned long type)
{
	init_vm_fn rest = functions[0].old_func + ENTRY_BYTES;

	WRITE_ONCE(calls, calls + 1);
	return rest(kvm, type);
}

static struct klp_object objects[] = {
	{ .name = IS_BUILTIN(CONFIG_KVM) ? NULL : "kvm", .funcs = functions },
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

static int __init livepatch_init(void)
{
	return klp_enable_patch(&patch);
}

/* It is unloaded when it has been disabled: the kernel sees to that. */
static void __exit livepatch_exit(void)
{
}

module_init(livepatch_init);
module_exit(livepatch_exit);

MODULE_DESCRIPTION("Patches a function of KVM, for tests");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
