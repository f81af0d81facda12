// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "base/util.h"
#include "doctor/doctor.h"

void doctor_add(struct doctor *doctor, const char *name, enum doctor_state state,
		char *text, char *commands)
{
	*GROW(doctor->rows, doctor->num_rows) = (struct doctor_row) {
		.name = name, .state = state, .text = text, .commands = commands,
	};
}

const char *doctor_flag(const struct doctor *doctor)
{
	return doctor->machine.amd ? "svm" : "vmx";
}

const char *doctor_vendor_module(const struct doctor *doctor)
{
	return doctor->machine.amd ? "kvm_amd" : "kvm_intel";
}

bool doctor_cpu_is_ready(const struct doctor *doctor)
{
	return doctor->machine.amd ? doctor->machine.svm : doctor->machine.vmx;
}

bool doctor_lacks_cpu(const struct doctor *doctor)
{
	return doctor->machine.is_cpu_known && !doctor_cpu_is_ready(doctor);
}

bool doctor_is_confidential(const struct doctor *doctor)
{
	char *flags = machine_cpuinfo(doctor->env, "flags");
	/* Devices that only a guest of these has. */
	bool is_confidential = (flags && machine_has_word(flags, "tdx_guest")) ||
			       machine_has(doctor->env->sysfs, "class/misc/tdx_guest") ||
			       machine_has(doctor->env->sysfs, "class/misc/sev-guest");

	free(flags);
	return is_confidential;
}

bool doctor_has_pvm(const struct doctor *doctor)
{
	return machine_has(doctor->env->sysfs, "module/kvm_pvm");
}
