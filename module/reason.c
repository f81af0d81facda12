// SPDX-License-Identifier: GPL-2.0
/* What a slot is called: the kernel's own names, as its trace events have them. */
#include <linux/kernel.h>
#include <linux/kvm_host.h>
#include <linux/string.h>
#include <asm/svm.h>
#include <asm/vmx.h>

#include "reason.h"

struct reason_name {
	u64 code;
	const char *name;
};

static const struct reason_name vmx_names[] = { VMX_EXIT_REASONS };
static const struct reason_name svm_names[] = { SVM_EXIT_REASONS };

static enum l1t_isa isa_now;

/**
 * l1t_isa() - whose exit reasons are counted
 *
 * Keeps its answer when the vendor module goes: the counts stay.
 */
enum l1t_isa l1t_isa(void)
{
	return READ_ONCE(isa_now);
}

/**
 * l1t_isa_set() - a vendor module is there
 * @isa: its ISA
 */
void l1t_isa_set(enum l1t_isa isa)
{
	WRITE_ONCE(isa_now, isa);
}

/**
 * l1t_slot_code() - KVM's number for a slot
 * @slot: below L1T_SLOTS
 */
u32 l1t_slot_code(unsigned int slot)
{
	switch (slot) {
	case L1T_SLOT_UNKNOWN:
		return L1T_CODE_UNKNOWN;
	case L1T_SLOT_OTHER:
		return L1T_CODE_OTHER;
	case L1T_SLOT_SVM_ERR:
		return (u32)-1;
	default:
		return slot < L1T_SLOT_SVM_400 ?
			slot : slot - L1T_SLOT_SVM_400 + 0x400;
	}
}

/**
 * l1t_slot_host_caused() - is an exit the host's doing and not its guest's
 * @isa: whose reasons they are
 * @slot: below L1T_SLOTS
 *
 * Interrupts, NMIs, and the windows KVM opens to deliver them. Among interrupts
 * may be the guest's own timer, for which see throttle.c. VMX' preemption timer
 * is the guest's: KVM sets it to the deadline of the guest's.
 * EXCEPTION_NMI of VMX can be either; it is counted as the guest's, for only
 * an exception comes often.
 */
bool l1t_slot_host_caused(enum l1t_isa isa, unsigned int slot)
{
	if (isa == L1T_ISA_VMX) {
		switch (slot) {
		case EXIT_REASON_EXTERNAL_INTERRUPT:
		case EXIT_REASON_INTERRUPT_WINDOW:
		case EXIT_REASON_NMI_WINDOW:
			return true;
		}
	} else if (isa == L1T_ISA_SVM) {
		switch (slot) {
		case SVM_EXIT_INTR:
		case SVM_EXIT_NMI:
		case SVM_EXIT_SMI:
		case SVM_EXIT_VINTR:
			return true;
		}
	}
	return false;
}

/**
 * l1t_slot_loses_state() - does KVM reset the vCPU before it tells the VMM
 * @isa: whose reasons they are
 * @slot: below L1T_SLOTS
 *
 * What there is to know of such an exit has to be taken when it happens.
 */
bool l1t_slot_loses_state(enum l1t_isa isa, unsigned int slot)
{
	return isa == L1T_ISA_SVM && slot == SVM_EXIT_SHUTDOWN;
}

static const char *lookup(const struct reason_name *names, size_t n, u32 code)
{
	size_t i;

	for (i = 0; i < n; i++)
		if ((u32)names[i].code == code)
			return names[i].name;
	return NULL;
}

/**
 * l1t_slot_name() - name of a slot, as one word
 * @isa: whose reasons they are
 * @slot: below L1T_SLOTS
 * @buf: where to
 * @len: size of @buf
 *
 * A reason this kernel has no name for is called "reason_<code>". Returns
 * the length written.
 */
int l1t_slot_name(enum l1t_isa isa, unsigned int slot, char *buf, size_t len)
{
	u32 code = l1t_slot_code(slot);
	const char *name = NULL;

	if (slot == L1T_SLOT_UNKNOWN)
		name = "UNKNOWN";
	else if (slot == L1T_SLOT_OTHER)
		name = "OTHER";
	else if (isa == L1T_ISA_VMX)
		name = lookup(vmx_names, ARRAY_SIZE(vmx_names), code);
	else if (isa == L1T_ISA_SVM)
		name = lookup(svm_names, ARRAY_SIZE(svm_names), code);

	if (!name)
		return scnprintf(buf, len, "reason_%u", code);
	if (strscpy(buf, name, len) < 0)
		return len - 1;
	strreplace(buf, ' ', '_');
	return strlen(buf);
}
