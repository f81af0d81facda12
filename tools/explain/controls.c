// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>

#include "base/util.h"
#include "explain/controls.h"

/* What is said if @is has its bit set and @is_not does not; NULL: it does not matter. */
static const struct rule {
	const char *is, *is_not, *text;
} vmcs_rules[] = {
	{ NULL, "msr_bitmaps",
	  "its VMCS uses no MSR bitmap: each MSR access of L3 exits to its hypervisor" },
	{ "unconditional_io_exiting", "io_bitmaps",
	  "its VMCS uses no I/O bitmaps: each port I/O of L3 exits to its hypervisor" },
	{ "ept", "vpid",
	  "its VMCS uses no VPID: each entry into L3 and each exit flushes the TLB" },
	{ "cr8_load_exiting", "tpr_shadow",
	  "its VMCS uses no TPR shadow: each write of L3 to CR8 exits to its hypervisor" },
	{ "rdtsc_exiting", NULL, "its VMCS makes each RDTSC of L3 exit to its hypervisor" },
	{ "monitor_trap_flag", NULL,
	  "its VMCS has the monitor trap flag set: L3 exits after each instruction" },
	{ "descriptor_exiting", NULL,
	  "its VMCS makes each access of L3 to a descriptor table register exit to its hypervisor" },
};

/* With EPT these need not exit. */
static const struct rule ept_rules[] = {
	{ "cr3_load_exiting", NULL,
	  "its VMCS makes each write of L3 to CR3 exit to its hypervisor, though it uses EPT" },
	{ "invlpg_exiting", NULL,
	  "its VMCS makes each INVLPG of L3 exit to its hypervisor, though it uses EPT" },
};

static const struct rule vmcb_rules[] = {
	{ "rdtsc", NULL, "its VMCB makes each RDTSC of L3 exit to its hypervisor" },
	{ "rdtscp", NULL, "its VMCB makes each RDTSCP of L3 exit to its hypervisor" },
};

static const struct rule npt_rules[] = {
	{ "write_cr3", NULL,
	  "its VMCB makes each write of L3 to CR3 exit to its hypervisor, though it uses NPT" },
	{ "invlpg", NULL,
	  "its VMCB makes each INVLPG of L3 exit to its hypervisor, though it uses NPT" },
	{ "#PF", NULL, "its VMCB makes page faults of L3 exit to its hypervisor, though it uses NPT" },
};

static void apply(const struct controls *controls, const struct rule *rules, size_t num,
		  struct sentences *findings)
{
	size_t i;

	for (i = 0; i < num; i++)
		if ((!rules[i].is || control_is_set(controls, rules[i].is)) &&
		    (!rules[i].is_not || !control_is_set(controls, rules[i].is_not)))
			sentences_add(findings, "%s", rules[i].text);
}

/* With a mask or another match some do and some do not. */
static bool all_page_faults_exit(const struct controls *controls)
{
	return control_is_set(controls, "#PF") &&
	       !control_value(controls, "page_fault_error_code_mask") &&
	       !control_value(controls, "page_fault_error_code_match");
}

static void explain_vmcs(const struct controls *controls, struct sentences *findings)
{
	uint64_t on_entry = control_value(controls, "vm_entry_msr_load_count");
	uint64_t on_exit = add_saturated(control_value(controls, "vm_exit_msr_store_count"),
					 control_value(controls, "vm_exit_msr_load_count"));

	apply(controls, vmcs_rules, ARRAY_SIZE(vmcs_rules), findings);
	if (control_is_set(controls, "ept"))
		apply(controls, ept_rules, ARRAY_SIZE(ept_rules), findings);
	if (control_is_set(controls, "ept") && all_page_faults_exit(controls))
		sentences_add(findings, "its VMCS makes page faults of L3 exit to its hypervisor, though it uses EPT");
	if (on_entry || on_exit)
		sentences_add(findings, "its VMCS has MSR lists, which KVM here walks: %" PRIu64 " at each entry into L3, %" PRIu64 " at each exit",
			      on_entry, on_exit);
}

void controls_explain(const struct controls *controls, struct sentences *findings)
{
	if (controls->kind == CONTROLS_VMCS || controls->kind == CONTROLS_ENLIGHTENED) {
		explain_vmcs(controls, findings);
	} else if (controls->kind == CONTROLS_VMCB) {
		apply(controls, vmcb_rules, ARRAY_SIZE(vmcb_rules), findings);
		if (control_is_set(controls, "npt"))
			apply(controls, npt_rules, ARRAY_SIZE(npt_rules), findings);
	}
}
