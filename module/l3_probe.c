// SPDX-License-Identifier: GPL-2.0
/* Entries into L3 that KVM refuses: a guest can cause one at every exit. */
#include <linux/preempt.h>

#include "find.h"
#include "l3_probe.h"

static void count_failed(struct l1t_account *acct, u32 message, u32 error)
{
	acct->l3_failed++;
	if (acct->l3) {
		l1t_l3_failed(acct->l3, message, error);
		return;
	}
	/* Kept here until there is an @l3: it may be the only one. */
	if (acct->l3_failed == 1)
		acct->l3_first = (struct l1t_failed){ message, error, 1 };
	l1t_account_ask_for_more(acct);
}

/**
 * l1t_probe_entry_failed() - probe of kvm:kvm_nested_vmenter_failed
 * @data: not used
 * @message: which of KVM's checks failed
 * @error: the error that KVM passes
 *
 * The tracepoint does not pass the vCPU: it is the one whose exit this CPU handles.
 */
notrace void l1t_probe_entry_failed(void *data, const char *message, u32 error)
{
	struct l1t_account *acct;
	u32 place;

	preempt_disable_notrace();
	acct = l1t_account_here();
	if (acct && acct->open && l1t_account_vcpu_here(acct)) {
		place = l1t_l3_message_place(message);
		l1t_account_write_begin(acct);
		count_failed(acct, place, error);
		l1t_account_write_end(acct);
	}
	preempt_enable_notrace();
}
