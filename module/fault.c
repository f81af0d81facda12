// SPDX-License-Identifier: GPL-2.0
/*
 * Records the last exception that KVM injected. A guest that uses an MSR or sets a bit of
 * XCR0 that its KVM does not support gets an exception, and often ends because of it,
 * sooner or later. The probe is on KVM's tracepoint where it injects exceptions: exits
 * that KVM handles successfully do not get there.
 */
#include <linux/preempt.h>

#include "box.h"
#include "fault.h"
#include "find.h"

static __always_inline void probe_fault(unsigned int vector, u32 error_code)
{
	const struct kvm_vcpu *vcpu;
	struct l1t_refused *refused;
	struct l1t_account *acct;

	preempt_disable_notrace();
	acct = l1t_account_here();
	if (!acct || !acct->box || !acct->open)
		goto out;
	vcpu = l1t_account_vcpu_here(acct);
	if (!vcpu)
		goto out;
	refused = &acct->box->refused;
	refused->at_ticks = acct->since_ticks;
	refused->key = acct->open->key;
	refused->vector = vector;
	refused->error_code = error_code;
	refused->rax = vcpu->arch.regs[VCPU_REGS_RAX];
	refused->rcx = vcpu->arch.regs[VCPU_REGS_RCX];
	refused->rdx = vcpu->arch.regs[VCPU_REGS_RDX];
out:
	preempt_enable_notrace();
}

#ifdef L1T_PROBES_TYPED

/**
 * l1t_probe_fault() - probe of kvm:kvm_inj_exception, with exactly its prototype
 * @data: not used
 * @vector: the exception
 * @has_error: it has an error code
 * @error_code: the error code
 * @reinjected: not used
 */
notrace void l1t_probe_fault(void *data, unsigned int vector, bool has_error,
			     u32 error_code, bool reinjected)
{
	probe_fault(vector, has_error ? error_code : 0);
}

#else

/**
 * l1t_probe_fault() - probe of kvm:kvm_inj_exception
 * @data: not used
 * @vector: the exception
 * @has_error: it has an error code
 * @error_code: the error code
 *
 * Later kernels pass more arguments, which are not used.
 */
notrace void l1t_probe_fault(void *data, unsigned int vector, bool has_error,
			     u32 error_code)
{
	probe_fault(vector, has_error ? error_code : 0);
}

#endif
