#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# max_nested_vms on VMX: guests that execute VMXON without CR4.VMXE get #UD from KVM
# and do not count. And a place that one thread has asked for is not another's.
#
#	one, two:   VMXON without CR4.VMXE, in a loop ──> #UD, not counted
#	entitled:   VMXON with CR4.VMXE ──> the only nested VM
. "${0%/*}/lib.sh"

# number NAME WORD
number()
{
	awk -v word="$2" '$1 == word { print $2 }' "$TMP/$1"
}

log_lines()
{
	dmesg | grep -c 'l1tune: deny limit=max_nested_vms'
}

[ "$(isa)" = vmx ] || skip_all "this is about VMX"
ktap_print_header
ktap_set_plan 8
load

lines=$(log_lines)
limit max_nested_vms 0
spin vmxon 2 > "$TMP/vmxon"
ktap_print_msg "VMXON without CR4.VMXE: $(xargs < "$TMP/vmxon")"
[ "$(number vmxon undefined)" -gt 1000 ]
result "VMXON without CR4.VMXE raises an invalid opcode fault"
equal "denied" 0 "$(value denied/max_nested_vms)" && equal "log" "$lines" "$(log_lines)"
result "VMXON without CR4.VMXE is neither counted as denied nor logged"
limit max_nested_vms 1
before=$(value denied/max_nested_vms)
background one spin vmxon 3
background two spin vmxon 3
for name in one two; do
	wait_for has_guest $name && wait_for has_exits "$(guest_of $name)"
done
spin vmxon_vmxe 2 > "$TMP/entitled"
ktap_print_msg "an entitled guest while both run: $(xargs < "$TMP/entitled")"
[ "$(number entitled rounds)" -gt 100 ] && equal "refused" 0 "$(number entitled undefined)"
result "two guests that execute VMXON without CR4.VMXE do not keep a third guest from using VMX"
wait "$(pid one)" && wait "$(pid two)" && equal "denied" "$before" "$(value denied/max_nested_vms)"
result "VMXON without CR4.VMXE is not denied while another guest uses VMX"
check "usage/nested_vms is 0 after all guests have ended" become "nested_vms" 0 usage/nested_vms

limit max_nested_vms max
check "without a limit four VMs execute VMXON" equal "hypervisors" 4 "$(nested_evade 4)"
limit max_nested_vms 1
check "max_nested_vms=1: one VM executes VMXON, though other threads have asked for each" equal "hypervisors" 1 "$(nested_evade 4)"
wait_for has_guests 0 && equal "nested_vms" 0 "$(value usage/nested_vms)"
result "usage/nested_vms is 0 after VMs that raced for the only place have ended"

unload
ktap_finished
