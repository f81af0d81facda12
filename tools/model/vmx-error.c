// SPDX-License-Identifier: GPL-2.0
/* Texts of the error numbers with which VMX instructions fail. */
#include "base/util.h"
#include "model/l3.h"

static const struct {
	const char *name, *text;
} errors[VMX_ERRORS] = {
	[1] = { "VMCALL_IN_VMX_ROOT_OPERATION", "VMCALL in VMX root operation" },
	[2] = { "VMCLEAR_INVALID_ADDRESS", "VMCLEAR with an invalid address" },
	[3] = { "VMCLEAR_VMXON_POINTER", "VMCLEAR with the VMXON pointer" },
	[4] = { "VMLAUNCH_NONCLEAR_VMCS", "VMLAUNCH with a VMCS that is not clear" },
	[5] = { "VMRESUME_NONLAUNCHED_VMCS", "VMRESUME with a VMCS that was not launched" },
	[6] = { "VMRESUME_AFTER_VMXOFF", "VMRESUME after VMXOFF" },
	[7] = { "ENTRY_INVALID_CONTROL_FIELD", "entry with invalid controls" },
	[8] = { "ENTRY_INVALID_HOST_STATE_FIELD", "entry with invalid host state" },
	[9] = { "VMPTRLD_INVALID_ADDRESS", "VMPTRLD with an invalid address" },
	[10] = { "VMPTRLD_VMXON_POINTER", "VMPTRLD with the VMXON pointer" },
	[11] = { "VMPTRLD_INCORRECT_VMCS_REVISION_ID", "VMPTRLD of another VMCS revision" },
	[12] = { "UNSUPPORTED_VMCS_COMPONENT", "VMREAD or VMWRITE of a field that is not there" },
	[13] = { "VMWRITE_READ_ONLY_VMCS_COMPONENT", "VMWRITE of a field that is read-only" },
	[15] = { "VMXON_IN_VMX_ROOT_OPERATION", "VMXON in VMX root operation" },
	[16] = { "ENTRY_INVALID_EXECUTIVE_VMCS_POINTER",
		 "entry with an invalid executive-VMCS pointer" },
	[17] = { "ENTRY_NONLAUNCHED_EXECUTIVE_VMCS",
		 "entry with an executive VMCS that was not launched" },
	[18] = { "ENTRY_EXECUTIVE_VMCS_POINTER_NOT_VMXON_POINTER",
		 "entry with an executive-VMCS pointer that is not the VMXON pointer" },
	[19] = { "VMCALL_NONCLEAR_VMCS", "VMCALL with a VMCS that is not clear" },
	[20] = { "VMCALL_INVALID_VM_EXIT_CONTROL_FIELDS", "VMCALL with invalid exit controls" },
	[22] = { "VMCALL_INCORRECT_MSEG_REVISION_ID", "VMCALL with another MSEG revision" },
	[23] = { "VMXOFF_UNDER_DUAL_MONITOR_TREATMENT_OF_SMIS_AND_SMM",
		 "VMXOFF under dual-monitor treatment" },
	[24] = { "VMCALL_INVALID_SMM_MONITOR_FEATURES",
		 "VMCALL with invalid SMM-monitor features" },
	[25] = { "ENTRY_INVALID_VM_EXECUTION_CONTROL_FIELDS_IN_EXECUTIVE_VMCS",
		 "entry with invalid controls in the executive VMCS" },
	[26] = { "ENTRY_EVENTS_BLOCKED_BY_MOV_SS", "entry while MOV SS blocks events" },
	[28] = { "INVALID_OPERAND_TO_INVEPT_INVVPID", "INVEPT or INVVPID with an invalid operand" },
};

const char *vmx_error_name(size_t number)
{
	return number < VMX_ERRORS ? errors[number].name : NULL;
}

const char *vmx_error_text(size_t number)
{
	return number < VMX_ERRORS ? errors[number].text : NULL;
}
