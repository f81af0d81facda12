// SPDX-License-Identifier: GPL-2.0
/*
 * How a guest ended, by the boxes of its vCPUs: by what KVM_RUN last returned, otherwise
 * by what its last exit asked the VMM for, otherwise by what happened to the VMM.
 */
#include "gone_record.h"
#include "reason.h"

const char * const l1t_end_names[L1T_END_COUNTS] = {
	[L1T_END_SHUTDOWN] = "shutdown",
	[L1T_END_RESET] = "reset",
	[L1T_END_INTERNAL_ERROR] = "internal_error",
	[L1T_END_FAIL_ENTRY] = "fail_entry",
	[L1T_END_SYSTEM_EVENT] = "system_event",
	[L1T_END_RUN_ERROR] = "run_error",
	[L1T_END_KILLED] = "killed",
	[L1T_END_EXITED] = "exited",
	[L1T_END_CLOSED] = "closed",
	[L1T_COUNT_YOUNG] = "young",
	[L1T_COUNT_UNKEPT] = "unkept",
};

static bool is_error(const struct l1t_run_end *run)
{
	return run->has_error && run->error && run->error != -EINTR &&
	       run->error != -EAGAIN;
}

static bool run_ended(const struct l1t_box *box, enum l1t_end *end)
{
	const struct l1t_run_end *run = &box->run;

	if (!box->is_final)
		return false;
	/* After an error the reason may be that of an earlier KVM_RUN. */
	if (is_error(run)) {
		*end = L1T_END_RUN_ERROR;
		return true;
	}
	switch (run->reason) {
	case KVM_EXIT_SHUTDOWN:
		*end = L1T_END_SHUTDOWN;
		return true;
	case KVM_EXIT_INTERNAL_ERROR:
		*end = L1T_END_INTERNAL_ERROR;
		return true;
	case KVM_EXIT_FAIL_ENTRY:
		*end = L1T_END_FAIL_ENTRY;
		return true;
	case KVM_EXIT_SYSTEM_EVENT:
		*end = (u32)run->words[0] == KVM_SYSTEM_EVENT_RESET ?
		       L1T_END_RESET : L1T_END_SYSTEM_EVENT;
		return true;
	case KVM_EXIT_UNKNOWN:
	case KVM_EXIT_EXCEPTION:
		*end = L1T_END_RUN_ERROR;
		return !run->has_error || !run->error;
	default:
		return false;
	}
}

#define KBC_PORT	0x64
#define KBC_RESET	0xfe
#define PCI_RESET_PORT	0xcf9
#define PCI_RESET	BIT(2)
#define SVM_IO		0x7b
#define VMX_IO		30

/* Its last exit, after which it was not entered again, asks the VMM for a reset. */
static bool asked_for_reset(const struct l1t_box *box)
{
	u32 io = l1t_isa() == L1T_ISA_VMX ? VMX_IO : SVM_IO;
	const struct l1t_past *past = &box->past;

	if (!past->open || past->exits[past->nr - 1].key != l1t_key(L1T_LEVEL2, io) ||
	    !box->port.size || box->port.is_in)
		return false;
	return (box->port.port == KBC_PORT && (u8)box->port.value == KBC_RESET) ||
	       (box->port.port == PCI_RESET_PORT && box->port.value & PCI_RESET);
}

static enum l1t_end vmm_ended(const struct l1t_box *box)
{
	if (box->vmm.is != L1T_VMM_EXITS)
		return L1T_END_CLOSED;
	return box->vmm.code & 0x7f ? L1T_END_KILLED : L1T_END_EXITED;
}

/**
 * l1t_find_end() - find how a guest ended
 * @r: its record, with at least one box; the box that shows it becomes the first
 *
 * Return: how it ended.
 */
enum l1t_end l1t_find_end(struct l1t_record *r)
{
	struct l1t_box *box;
	enum l1t_end end;

	list_for_each_entry(box, &r->boxes, link) {
		if (run_ended(box, &end)) {
			list_move(&box->link, &r->boxes);
			return end;
		}
	}
	list_for_each_entry(box, &r->boxes, link) {
		if (asked_for_reset(box)) {
			list_move(&box->link, &r->boxes);
			return L1T_END_RESET;
		}
	}
	return vmm_ended(list_first_entry(&r->boxes, struct l1t_box, link));
}
