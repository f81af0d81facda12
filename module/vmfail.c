// SPDX-License-Identifier: GPL-2.0
/*
 * KVM reports a failed VMX instruction to a guest's own hypervisor by an error number.
 * One function of KVM does so, while it handles the exit for that instruction.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "find.h"
#include "lines.h"
#include "vmfail.h"

#define LINE_BYTES	32

static void count(u64 *n)
{
	WRITE_ONCE(*n, *n + 1);
}

static void vmx_failed(struct pt_regs *regs)
{
	const struct kvm_vcpu *vcpu = l1t_argument(regs, 0);
	unsigned long error = (u32)(unsigned long)l1t_argument(regs, 1);
	struct l1t_account *acct = l1t_account_here();
	struct l1t_vcpu *v;

	if (!acct || l1t_account_vcpu_here(acct) != vcpu)
		return;
	v = container_of(acct, struct l1t_vcpu, acct);
	/* An undefined number counts as 0, which is not an error number. */
	count(&v->vmfails[error < L1T_VMFAILS ? error : 0]);
}

static struct l1t_function vmx_functions[] = {
	{ L1T_HOOK_NESTED_VMFAIL, "nested_vmx_fail", NULL, vmx_failed },
};

static enum l1t_need always(enum l1t_hook hook)
{
	return L1T_NEED_AUDIT;
}

/* SVM's instructions have no error numbers. */
static enum l1t_need never(enum l1t_hook hook)
{
	return L1T_NEED_NONE;
}

struct l1t_optional l1t_vmfail[] = {
	{
		.hook = L1T_HOOK_NESTED_VMFAIL,
		.isa = L1T_ISA_VMX,
		.set = L1T_OBSERVERS(vmx_functions),
		.need = always,
	},
	{
		.hook = L1T_HOOK_NESTED_VMFAIL,
		.isa = L1T_ISA_SVM,
		.need = never,
	},
};

static bool print_line(char *line, unsigned int n, const void *arg)
{
	const struct l1t_vcpu *v = arg;

	if (l1t_hook_state(L1T_HOOK_NESTED_VMFAIL) != L1T_HOOK_OK &&
	    !memchr_inv(v->vmfails, 0, sizeof(v->vmfails))) {
		snprintf(line, LINE_BYTES, "unknown");
		return n == 0;
	}
	if (n >= L1T_VMFAILS)
		return false;
	snprintf(line, LINE_BYTES, "%u %llu", n, READ_ONCE(v->vmfails[n]));
	return true;
}

/**
 * l1t_vmfail_read() - read from a vCPU's file "nested_vmfail"
 * @v: the vCPU
 * @buf: buffer
 * @pos: offset in the file
 * @count: bytes wanted
 *
 * Context: may sleep.
 * Return: bytes read; 0 at the end.
 */
ssize_t l1t_vmfail_read(struct l1t_vcpu *v, char *buf, loff_t pos, size_t count)
{
	char line[LINE_BYTES];

	if (l1t_isa() != L1T_ISA_VMX)
		return 0;
	return l1t_lines_read(buf, pos, count, line, sizeof(line), print_line, v);
}
