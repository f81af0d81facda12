// SPDX-License-Identifier: GPL-2.0
/* Decodes the capability registers of VMX. */
#include "caps.h"

#define FEATURE_CONTROL_LOCKED		(1ull << 0)
#define FEATURE_CONTROL_VMX_OUTSIDE_SMX	(1ull << 2)
#define PROC_HAS_PROC3			17
#define PROC_HAS_PROC2			31
#define HYPERV_EVMCS_RECOMMENDED	(1u << 14)
#define HYPERV_EVMCS_VERSION		0xffu

const struct l1t_vmx_msr l1t_vmx_msrs[L1T_VMX_REGISTERS] = {
	[L1T_VMX_FEATURE_CONTROL] = { 0x3a, "msr_0x3a" },
	[L1T_VMX_BASIC] = { 0x480, "msr_0x480" },
	[L1T_VMX_PIN] = { 0x481, "msr_0x481" },
	[L1T_VMX_PROC] = { 0x482, "msr_0x482" },
	[L1T_VMX_EXIT] = { 0x483, "msr_0x483" },
	[L1T_VMX_ENTRY] = { 0x484, "msr_0x484" },
	[L1T_VMX_MISC] = { 0x485, "msr_0x485" },
	[L1T_VMX_CR0_FIXED0] = { 0x486, "msr_0x486" },
	[L1T_VMX_CR0_FIXED1] = { 0x487, "msr_0x487" },
	[L1T_VMX_CR4_FIXED0] = { 0x488, "msr_0x488" },
	[L1T_VMX_CR4_FIXED1] = { 0x489, "msr_0x489" },
	[L1T_VMX_VMCS_ENUM] = { 0x48a, "msr_0x48a" },
	[L1T_VMX_PROC2] = { 0x48b, "msr_0x48b" },
	[L1T_VMX_EPT] = { 0x48c, "msr_0x48c" },
	[L1T_VMX_TRUE_PIN] = { 0x48d, "msr_0x48d" },
	[L1T_VMX_TRUE_PROC] = { 0x48e, "msr_0x48e" },
	[L1T_VMX_TRUE_EXIT] = { 0x48f, "msr_0x48f" },
	[L1T_VMX_TRUE_ENTRY] = { 0x490, "msr_0x490" },
	[L1T_VMX_VMFUNC] = { 0x491, "msr_0x491" },
	[L1T_VMX_PROC3] = { 0x492, "msr_0x492" },
	[L1T_VMX_EXIT2] = { 0x493, "msr_0x493" },
};

const struct l1t_vmx_feature l1t_vmx_features[L1T_VMX_FEATURES] = {
	{ "virtual_nmi", L1T_VMX_PIN, 5 },
	{ "preemption_timer", L1T_VMX_PIN, 6 },
	{ "posted_interrupts", L1T_VMX_PIN, 7 },
	{ "tpr_shadow", L1T_VMX_PROC, 21 },
	{ "msr_bitmaps", L1T_VMX_PROC, 28 },
	{ "apic_access", L1T_VMX_PROC2, 0 },
	{ "ept", L1T_VMX_PROC2, 1 },
	{ "rdtscp", L1T_VMX_PROC2, 3 },
	{ "x2apic_virtualization", L1T_VMX_PROC2, 4 },
	{ "vpid", L1T_VMX_PROC2, 5 },
	{ "unrestricted_guest", L1T_VMX_PROC2, 7 },
	{ "apic_register_virtualization", L1T_VMX_PROC2, 8 },
	{ "virtual_interrupt_delivery", L1T_VMX_PROC2, 9 },
	{ "pause_loop_exiting", L1T_VMX_PROC2, 10 },
	{ "invpcid", L1T_VMX_PROC2, 12 },
	{ "vm_functions", L1T_VMX_PROC2, 13 },
	{ "vmcs_shadowing", L1T_VMX_PROC2, 14 },
	{ "pml", L1T_VMX_PROC2, 17 },
	{ "ept_violation_ve", L1T_VMX_PROC2, 18 },
	{ "xsaves", L1T_VMX_PROC2, 20 },
	{ "mode_based_execute", L1T_VMX_PROC2, 22 },
	{ "tsc_scaling", L1T_VMX_PROC2, 25 },
	{ "user_wait_pause", L1T_VMX_PROC2, 26 },
	{ "bus_lock_exiting", L1T_VMX_PROC2, 30 },
	{ "notify_exiting", L1T_VMX_PROC2, 31 },
	{ "ipi_virtualization", L1T_VMX_PROC3, 4 },
	{ "ept_execute_only", L1T_VMX_EPT, 0 },
	{ "ept_5level", L1T_VMX_EPT, 7 },
	{ "ept_2m", L1T_VMX_EPT, 16 },
	{ "ept_1g", L1T_VMX_EPT, 17 },
	{ "ept_ad", L1T_VMX_EPT, 21 },
	{ "invvpid", L1T_VMX_EPT, 32 },
	{ "eptp_switching", L1T_VMX_VMFUNC, 0 },
};

static u64 value(const struct l1t_vmx_caps *caps, enum l1t_vmx_register reg)
{
	return caps->present >> reg & 1 ? caps->value[reg] : 0;
}

/* Bit n of the upper half: control n may be 1. */
static bool may_set(const struct l1t_vmx_caps *caps, enum l1t_vmx_register reg, unsigned int bit)
{
	return value(caps, reg) >> (32 + bit) & 1;
}

/**
 * l1t_vmx_has() - is a feature offered
 * @caps: registers as read
 * @feature: of l1t_vmx_features
 *
 * Return: true if it is.
 */
bool l1t_vmx_has(const struct l1t_vmx_caps *caps, const struct l1t_vmx_feature *feature)
{
	if (!caps->offered)
		return false;
	switch (feature->reg) {
	case L1T_VMX_PIN:
	case L1T_VMX_PROC:
		return may_set(caps, feature->reg, feature->bit);
	case L1T_VMX_PROC2:
		return may_set(caps, L1T_VMX_PROC, PROC_HAS_PROC2) &&
		       may_set(caps, feature->reg, feature->bit);
	case L1T_VMX_PROC3:
		return may_set(caps, L1T_VMX_PROC, PROC_HAS_PROC3) &&
		       (value(caps, feature->reg) >> feature->bit & 1);
	default:
		/* EPT, VMFUNC: 0 unless controls of PROC2 make them meaningful. */
		return value(caps, feature->reg) >> feature->bit & 1;
	}
}

/**
 * l1t_vmx_allowed() - may VMX be enabled
 * @caps: registers as read
 *
 * Return: false if there is no VMX, or firmware has disabled and locked it. If it is
 * not locked, the kernel enables VMX and locks it.
 */
bool l1t_vmx_allowed(const struct l1t_vmx_caps *caps)
{
	u64 control = value(caps, L1T_VMX_FEATURE_CONTROL);

	if (!caps->offered || !(caps->present >> L1T_VMX_FEATURE_CONTROL & 1))
		return false;
	return !(control & FEATURE_CONTROL_LOCKED) || (control & FEATURE_CONTROL_VMX_OUTSIDE_SMX);
}

/**
 * l1t_vmx_revision() - the VMCS revision
 * @caps: registers as read
 *
 * Return: the revision with which a VMCS of this machine begins, 0 without VMX.
 */
u32 l1t_vmx_revision(const struct l1t_vmx_caps *caps)
{
	return caps->offered ? value(caps, L1T_VMX_BASIC) & 0x7fffffff : 0;
}

/**
 * l1t_enlightened_vmcs() - does L0, if it is Hyper-V, offer an enlightened VMCS
 * @caps: Hyper-V's leaves, 0 if L0 is not Hyper-V
 *
 * Return: true if L0 offers and recommends it.
 */
bool l1t_enlightened_vmcs(const struct l1t_hyperv_caps *caps)
{
	return (caps->hints & HYPERV_EVMCS_RECOMMENDED) && (caps->nested & HYPERV_EVMCS_VERSION);
}
