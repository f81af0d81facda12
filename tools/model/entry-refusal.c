// SPDX-License-Identifier: GPL-2.0
#include "model/entry-refusal.h"
#include "model/l3.h"

/* A reason of an exit with the highest bit, an error of the instruction, or SVM's exit code. */
const char *entry_refusal_text(uint64_t hardware_reason)
{
	switch ((uint32_t)hardware_reason) {
	case 0x80000021:
		return "invalid guest state";
	case 0x80000022:
		return "an MSR could not be loaded";
	case 0x80000029:
		return "a machine check";
	case UINT32_MAX:
		return "invalid VMCB";
	default:
		return vmx_error_text(hardware_reason);
	}
}
