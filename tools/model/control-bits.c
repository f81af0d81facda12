// SPDX-License-Identifier: GPL-2.0
/*
 * The bits of a VMCS's and a VMCB's controls. Names that l1tune caps has are the
 * same here.
 */
#include <string.h>

#include "base/util.h"
#include "model/controls.h"

#define USES_SECONDARY	31

static const struct control_bits vmcs_bits[] = {
	{ "pin_based_vm_exec_control", 0, "pin", {
		[0] = "external_interrupt_exiting", [3] = "nmi_exiting", [5] = "virtual_nmi",
		[6] = "preemption_timer", [7] = "posted_interrupts" } },
	{ "cpu_based_vm_exec_control", 0, "processor", {
		[2] = "interrupt_window_exiting", [3] = "tsc_offset", [7] = "hlt_exiting",
		[9] = "invlpg_exiting", [10] = "mwait_exiting", [11] = "rdpmc_exiting",
		[12] = "rdtsc_exiting", [15] = "cr3_load_exiting", [16] = "cr3_store_exiting",
		[17] = "tertiary", [19] = "cr8_load_exiting", [20] = "cr8_store_exiting",
		[21] = "tpr_shadow", [22] = "nmi_window_exiting", [23] = "mov_dr_exiting",
		[24] = "unconditional_io_exiting", [25] = "io_bitmaps", [27] = "monitor_trap_flag",
		[28] = "msr_bitmaps", [29] = "monitor_exiting", [30] = "pause_exiting",
		[USES_SECONDARY] = "secondary" } },
	{ "secondary_vm_exec_control", 0, "secondary", {
		[0] = "apic_access", [1] = "ept", [2] = "descriptor_exiting", [3] = "rdtscp",
		[4] = "x2apic_virtualization", [5] = "vpid", [6] = "wbinvd_exiting",
		[7] = "unrestricted_guest", [8] = "apic_register_virtualization",
		[9] = "virtual_interrupt_delivery", [10] = "pause_loop_exiting",
		[11] = "rdrand_exiting", [12] = "invpcid", [13] = "vm_functions",
		[14] = "vmcs_shadowing", [15] = "encls_exiting", [16] = "rdseed_exiting",
		[17] = "pml", [18] = "ept_violation_ve", [19] = "conceal_vmx", [20] = "xsaves",
		[22] = "mode_based_execute", [24] = "pt_physical", [25] = "tsc_scaling",
		[26] = "user_wait_pause", [28] = "enclv_exiting", [30] = "bus_lock_exiting",
		[31] = "notify_exiting" } },
	{ "vm_exit_controls", 0, "exit", {
		[2] = "save_debug_controls", [9] = "host_64bit", [12] = "load_perf_global_ctrl",
		[15] = "acknowledge_interrupt", [18] = "save_pat", [19] = "load_pat",
		[20] = "save_efer", [21] = "load_efer", [22] = "save_preemption_timer",
		[23] = "clear_bndcfgs", [24] = "conceal_vmx", [25] = "clear_rtit_ctl",
		[28] = "load_cet_state", [29] = "load_pkrs" } },
	{ "vm_entry_controls", 0, "entry", {
		[2] = "load_debug_controls", [9] = "guest_64bit", [10] = "smm",
		[11] = "deactivate_dual_monitor", [13] = "load_perf_global_ctrl",
		[14] = "load_pat", [15] = "load_efer", [16] = "load_bndcfgs",
		[17] = "conceal_vmx", [18] = "load_rtit_ctl", [20] = "load_cet_state",
		[22] = "load_pkrs" } },
	{ "exception_bitmap", 0, "exceptions", {
		"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", NULL, "#TS", "#NP",
		"#SS", "#GP", "#PF", NULL, "#MF", "#AC", "#MC", "#XM", "#VE", "#CP" } },
};

static const struct control_bits vmcb_bits[] = {
	{ "intercepts", 0, "registers", {
		[0] = "read_cr0", [2] = "read_cr2", [3] = "read_cr3", [4] = "read_cr4",
		[8] = "read_cr8", [16] = "write_cr0", [18] = "write_cr2", [19] = "write_cr3",
		[20] = "write_cr4", [24] = "write_cr8" } },
	{ "intercepts", 1, "debug", {
		"read_dr0", "read_dr1", "read_dr2", "read_dr3", "read_dr4", "read_dr5", "read_dr6",
		"read_dr7", [16] = "write_dr0", [17] = "write_dr1", [18] = "write_dr2",
		[19] = "write_dr3", [20] = "write_dr4", [21] = "write_dr5", [22] = "write_dr6",
		[23] = "write_dr7" } },
	{ "intercepts", 2, "exceptions", {
		"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", NULL, "#TS", "#NP",
		"#SS", "#GP", "#PF", NULL, "#MF", "#AC", "#MC", "#XM", [21] = "#CP", [29] = "#VC",
		[30] = "#SX" } },
	{ "intercepts", 3, "intercepts", {
		"intr", "nmi", "smi", "init", "vintr", "cr0_selective", "read_idtr", "read_gdtr",
		"read_ldtr", "read_tr", "write_idtr", "write_gdtr", "write_ldtr", "write_tr",
		"rdtsc", "rdpmc", "pushf", "popf", "cpuid", "rsm", "iret", "intn", "invd", "pause",
		"hlt", "invlpg", "invlpga", "io_map", "msr_map", "task_switch", "ferr_freeze",
		"shutdown" } },
	{ "intercepts", 4, "", {
		"vmrun", "vmmcall", "vmload", "vmsave", "stgi", "clgi", "skinit", "rdtscp", "icebp",
		"wbinvd", "monitor", "mwait", "mwait_armed", "xsetbv", "rdpru", "efer_write",
		[16] = "cr0_write_trap", [20] = "cr4_write_trap", [24] = "cr8_write_trap" } },
	{ "intercepts", 5, "", {
		[0] = "invlpgb", [1] = "invlpgb_illegal", [2] = "invpcid", [3] = "mcommit",
		[4] = "tlbsync", [5] = "bus_lock", [6] = "idle_hlt" } },
	{ "int_ctl", 0, "interrupts", {
		[8] = "virtual_irq", [9] = "virtual_gif", [11] = "virtual_nmi_pending",
		[12] = "virtual_nmi_blocked", [20] = "ignore_tpr", [24] = "virtual_intr_masking",
		[25] = "virtual_gif_enable", [26] = "virtual_nmi", [30] = "x2avic",
		[31] = "avic" } },
	{ "misc_ctl", 0, "other", {
		[0] = "npt", [1] = "sev", [2] = "sev_es", [3] = "mode_based_execute" } },
	{ "misc_ctl2", 0, "", { [0] = "lbr_virtualization", [1] = "virtual_vmload_vmsave" } },
};

const struct control_bits *control_bits(enum controls_kind kind, size_t n)
{
	if (kind == CONTROLS_VMCS || kind == CONTROLS_ENLIGHTENED)
		return n < ARRAY_SIZE(vmcs_bits) ? &vmcs_bits[n] : NULL;
	if (kind == CONTROLS_VMCB)
		return n < ARRAY_SIZE(vmcb_bits) ? &vmcb_bits[n] : NULL;
	return NULL;
}

/* As older kernels have it; both are 0 where it is the other. */
static uint64_t value_of(const struct controls *controls, const struct control_bits *bits)
{
	uint64_t value = control_word(controls, bits->control, bits->word);

	if (!strcmp(bits->control, "misc_ctl"))
		value |= control_value(controls, "nested_ctl");
	if (!strcmp(bits->control, "misc_ctl2"))
		value |= control_value(controls, "virt_ext");
	return value;
}

uint32_t control_bits_value(const struct controls *controls, const struct control_bits *bits)
{
	uint64_t processor = control_value(controls, "cpu_based_vm_exec_control");

	if (!strcmp(bits->control, "secondary_vm_exec_control") &&
	    !(processor >> USES_SECONDARY & 1))
		return 0;
	return value_of(controls, bits);
}

bool control_is_set(const struct controls *controls, const char *name)
{
	const struct control_bits *bits;
	size_t n, i;

	for (n = 0; (bits = control_bits(controls->kind, n)); n++)
		for (i = 0; i < ARRAY_SIZE(bits->names); i++)
			if (bits->names[i] && !strcmp(bits->names[i], name))
				return control_bits_value(controls, bits) >> i & 1;
	return false;
}
