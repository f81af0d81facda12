// SPDX-License-Identifier: GPL-2.0
/* The bits of the registers of VMX and SVM, as the module has them. */
#include <string.h>

#include "base/util.h"
#include "model/identity-caps.h"

static const struct {
	const char *reg;
	unsigned int bit;
	const char *name;
} bits[] = {
	{ "msr_0x481", 37, "virtual_nmi" },
	{ "msr_0x481", 38, "preemption_timer" },
	{ "msr_0x481", 39, "posted_interrupts" },
	{ "msr_0x482", 53, "tpr_shadow" },
	{ "msr_0x482", 60, "msr_bitmaps" },
	{ "msr_0x48b", 32, "apic_access" },
	{ "msr_0x48b", 33, "ept" },
	{ "msr_0x48b", 35, "rdtscp" },
	{ "msr_0x48b", 36, "x2apic_virtualization" },
	{ "msr_0x48b", 37, "vpid" },
	{ "msr_0x48b", 39, "unrestricted_guest" },
	{ "msr_0x48b", 40, "apic_register_virtualization" },
	{ "msr_0x48b", 41, "virtual_interrupt_delivery" },
	{ "msr_0x48b", 42, "pause_loop_exiting" },
	{ "msr_0x48b", 44, "invpcid" },
	{ "msr_0x48b", 45, "vm_functions" },
	{ "msr_0x48b", 46, "vmcs_shadowing" },
	{ "msr_0x48b", 49, "pml" },
	{ "msr_0x48b", 50, "ept_violation_ve" },
	{ "msr_0x48b", 52, "xsaves" },
	{ "msr_0x48b", 54, "mode_based_execute" },
	{ "msr_0x48b", 57, "tsc_scaling" },
	{ "msr_0x48b", 58, "user_wait_pause" },
	{ "msr_0x48b", 62, "bus_lock_exiting" },
	{ "msr_0x48b", 63, "notify_exiting" },
	{ "msr_0x492", 4, "ipi_virtualization" },
	{ "msr_0x48c", 0, "ept_execute_only" },
	{ "msr_0x48c", 7, "ept_5level" },
	{ "msr_0x48c", 16, "ept_2m" },
	{ "msr_0x48c", 17, "ept_1g" },
	{ "msr_0x48c", 21, "ept_ad" },
	{ "msr_0x48c", 32, "invvpid" },
	{ "msr_0x491", 0, "eptp_switching" },
	{ "cpuid_0x8000000a_edx", 0, "npt" },
	{ "cpuid_0x8000000a_edx", 1, "lbr_virtualization" },
	{ "cpuid_0x8000000a_edx", 2, "svm_lock" },
	{ "cpuid_0x8000000a_edx", 3, "nrip_save" },
	{ "cpuid_0x8000000a_edx", 4, "tsc_scaling" },
	{ "cpuid_0x8000000a_edx", 5, "vmcb_clean" },
	{ "cpuid_0x8000000a_edx", 6, "flush_by_asid" },
	{ "cpuid_0x8000000a_edx", 7, "decode_assists" },
	{ "cpuid_0x8000000a_edx", 10, "pause_filter" },
	{ "cpuid_0x8000000a_edx", 12, "pause_filter_threshold" },
	{ "cpuid_0x8000000a_edx", 13, "avic" },
	{ "cpuid_0x8000000a_edx", 15, "virtual_vmload_vmsave" },
	{ "cpuid_0x8000000a_edx", 16, "virtual_gif" },
	{ "cpuid_0x8000000a_edx", 17, "mode_based_execute" },
	{ "cpuid_0x8000000a_edx", 18, "x2avic" },
	{ "cpuid_0x8000000a_edx", 20, "virtual_spec_ctrl" },
	{ "cpuid_0x8000000a_edx", 25, "virtual_nmi" },
};

void identity_caps_missing(char **text, const char *reg, uint64_t has, uint64_t lacks)
{
	const char *before = "";
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		if (strcmp(reg, bits[i].reg) || !((has & ~lacks) >> bits[i].bit & 1))
			continue;
		append(text, "%s%s", before, bits[i].name);
		before = ", ";
	}
}
