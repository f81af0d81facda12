// SPDX-License-Identifier: GPL-2.0
/* Names of slots: the kernel's own, as in its trace events. */
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
 * l1t_isa() - the ISA whose exit reasons are counted
 *
 * Does not change when the vendor module is unloaded, because the counts stay.
 *
 * Return: the ISA; L1T_ISA_NONE before a vendor module is loaded.
 */
enum l1t_isa l1t_isa(void)
{
	return READ_ONCE(isa_now);
}

/**
 * l1t_isa_set() - a vendor module is loaded
 * @isa: its ISA
 */
void l1t_isa_set(enum l1t_isa isa)
{
	WRITE_ONCE(isa_now, isa);
}

/**
 * l1t_slot_code() - KVM's number for a slot
 * @slot: below L1T_SLOTS
 *
 * Return: the number; L1T_CODE_OTHER or L1T_CODE_UNKNOWN for those slots.
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
 * l1t_slot_is_window() - did KVM ask for the exit, to deliver an interrupt or NMI
 * @isa: of the reason
 * @slot: below L1T_SLOTS
 */
bool l1t_slot_is_window(enum l1t_isa isa, unsigned int slot)
{
	if (isa == L1T_ISA_VMX)
		return slot == EXIT_REASON_INTERRUPT_WINDOW || slot == EXIT_REASON_NMI_WINDOW;
	return isa == L1T_ISA_SVM && slot == SVM_EXIT_VINTR;
}

/**
 * l1t_slot_host_caused() - is an exit caused by the host rather than its guest
 * @isa: of the reason
 * @level: of what exited
 * @slot: below L1T_SLOTS
 *
 * True for interrupts, NMIs, and the windows that KVM opens to deliver them; L3's
 * windows are opened by L2. An interrupt may come from the guest's own timer, see
 * throttle.c. VMX's preemption timer is the guest's: KVM sets it to the deadline of
 * the guest's timer. EXCEPTION_NMI of VMX can be either; it counts as the guest's,
 * because only exceptions are frequent.
 *
 * Return: true if the host causes it.
 */
bool l1t_slot_host_caused(enum l1t_isa isa, enum l1t_level level, unsigned int slot)
{
	if (l1t_slot_is_window(isa, slot))
		return level == L1T_LEVEL2;
	if (isa == L1T_ISA_VMX)
		return slot == EXIT_REASON_EXTERNAL_INTERRUPT;
	return isa == L1T_ISA_SVM &&
	       (slot == SVM_EXIT_INTR || slot == SVM_EXIT_NMI || slot == SVM_EXIT_SMI);
}

/**
 * l1t_slot_loses_state() - does KVM reset the vCPU before it returns to the VMM
 * @isa: of the reason
 * @slot: below L1T_SLOTS
 *
 * The state at such an exit has to be saved when it happens.
 *
 * Return: true if it does.
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
 * @isa: of the reason
 * @slot: below L1T_SLOTS
 * @buf: buffer
 * @len: size of @buf
 *
 * A reason without a name in this kernel is called "reason_<code>".
 *
 * Return: the length written.
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
