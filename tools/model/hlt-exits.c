// SPDX-License-Identifier: GPL-2.0
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "model/hlt-exits.h"
#include "model/machine.h"

/* In the lower half of these registers: a control that must be set. */
#define HLT_EXITING	(1 << 7)

/* IA32_VMX_TRUE_PROCBASED_CTLS, or where the CPU lacks it, and it is 0, the older register. */
static bool does_cpu_need_them(const char *sysfs)
{
	static const char *const names[] = { "msr_0x48e", "msr_0x482" };
	char text[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		uint64_t value;

		if (!machine_file(sysfs, text, sizeof(text), "class/l1tune/l1/vmx/%s", names[i]))
			continue;
		value = strtoull(text, NULL, 0);
		if (value)
			return value & HLT_EXITING;
	}
	return false;
}

/* Hyper-V refuses such an entry on Intel CPUs, and does not say so in the registers. */
static bool is_hyperv_on_vmx(const char *sysfs)
{
	char isa[8], hypervisor[32];

	return machine_file(sysfs, isa, sizeof(isa), "class/l1tune/l1/isa") &&
	       machine_file(sysfs, hypervisor, sizeof(hypervisor), "class/l1tune/l1/hypervisor") &&
	       !strcmp(isa, "vmx") && !strcmp(hypervisor, "Microsoft Hv");
}

const char *hlt_exits_why_needed(const char *sysfs)
{
	if (does_cpu_need_them(sysfs))
		return "L0 requires exits for HLT";
	if (is_hyperv_on_vmx(sysfs))
		return "Hyper-V on Intel CPUs refuses to enter a guest without exits for HLT";
	return NULL;
}
