#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# max_nested_vms on VMX: two VMMs restore nested state in a loop, racing for the
# only nested VM allowed. Needs two CPUs.
#
#	VMM 1:  KVM_SET_NESTED_STATE: on, off, on, off, …  ┐ with max_nested_vms=1
#	VMM 2:  KVM_SET_NESTED_STATE: on, off, on, off, …  ┘ never both on
. "${0%/*}/lib.sh"

# number NAME WORD [FIELD]
number()
{
	awk -v word="$2" -v field="${3:-2}" '$1 == word { print $field }' "$TMP/$1"
}

[ "$(isa)" = vmx ] || skip_all "this is about VMX"
ktap_print_header
needs_cpus 2
ktap_set_plan 4
load

vmx_state_race 500 > "$TMP/free"
ktap_print_msg "no limit: $(xargs < "$TMP/free")"
[ "$(number free both)" -gt 0 ]
result "without a limit two VMs have VMX state at the same time"
limit max_nested_vms 1
vmx_state_race 1000 > "$TMP/race"
ktap_print_msg "max_nested_vms 1: $(xargs < "$TMP/race")"
[ "$(number race got)" -gt 0 ] && [ "$(number race got 3)" -gt 0 ] && equal "both" 0 "$(number race both)"
result "max_nested_vms=1: two racing VMs never have VMX state at the same time"
check "max_nested_vms=1: a VM that has VMX state may restore it" equal "lost" 0 "$(number race lost)"
wait_for has_guests 0 && equal "nested_vms" 0 "$(value usage/nested_vms)"
result "usage/nested_vms is 0 after both VMs have ended"

unload
ktap_finished
