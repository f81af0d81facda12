#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# max_nested_vms on SVM, for the other ways into a nested guest: RSM with a forged
# save area, and restored nested state.
#
#	guest ── VMRUN ──────────────────> L3     the hook sees it
#	guest ── RSM, forged save area ──> L3     no VMRUN
#	VMM ──── KVM_SET_NESTED_STATE ───> L3     no exit at all
. "${0%/*}/lib.sh"

nested_of()
{
	cat "$(guest_of "$1")/nested"
}

[ "$(isa)" = svm ] || skip_all "this is about SVM"
ktap_print_header
ktap_set_plan 9

load
background free rsm
within 30 has_held free && ktap_print_msg "$(xargs < "$TMP/free")"
# 17 is KVM_EXIT_INTERNAL_ERROR, 9 KVM_EXIT_FAIL_ENTRY: KVM before 5.16 enters the nested
# guest with a state that the CPU refuses.
if said free 'last exit 9$' && ! said free '^guest mode'; then
	ktap_test_skip "without a limit RSM enters a nested guest" "this KVM fails to do so"
	ktap_test_skip "a nested guest that RSM entered is shown and counted" "this KVM fails to do so"
else
	said free '^guest mode'
	result "without a limit RSM enters a nested guest"
	equal "nested" running "$(nested_of free)" && equal "nested_vms" 1 "$(value usage/nested_vms)"
	result "a nested guest that RSM entered is shown and counted"
fi
end free

limit max_nested_vms 0
background limited rsm
within 30 has_held limited && ktap_print_msg "$(xargs < "$TMP/limited")" && said limited '^no guest mode'
result "max_nested_vms=0: RSM enters no nested guest"
[ "$(nested_of limited)" != running ] && equal "nested_vms" 0 "$(value usage/nested_vms)"
result "max_nested_vms=0: RSM leaves no nested guest shown or counted"
[ "$(value denied/max_nested_vms)" -gt 0 ]
result "max_nested_vms=0: RSM into a nested guest is counted as denied"
end limited

limit max_nested_vms 1
keep first vm vcpu:0 svme reset
check "nested state restored with EFER.SVME counts: a second VM gets EPERM" asks "ok ok ok EPERM" vm vcpu:0 svme reset
check "nested state restored with EFER.SVME counts as one nested VM" equal "nested_vms" 1 "$(value usage/nested_vms)"
check "nested state restored without EFER.SVME does not count" asks "ok ok ok" vm vcpu:0 reset
end first
check "restored nested state no longer counts after its VM ends" become "nested_vms" 0 usage/nested_vms

unload
ktap_finished
