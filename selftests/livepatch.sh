#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A livepatch of kvm_arch_init_vm(), which max_vms needs, before and after that limit is
# set: guests are counted as usual, and refused patches and limits leave nothing behind.
. "${0%/*}/lib.sh"

PATCH=$(first_of "$HERE/livepatch.ko" "$HERE/livepatch/livepatch.ko")
ENABLED=/sys/kernel/livepatch/livepatch/enabled

# The transition ends when no thread is in the replaced function.
has_settled()
{
	[ "$(cat "${ENABLED%/*}/transition")" = 0 ]
}

is_gone()
{
	[ ! -e "$ENABLED" ]
}

patch_kvm()
{
	insmod "$PATCH" && within 60 has_settled
}

unpatch_kvm()
{
	echo 0 > $ENABLED && within 60 is_gone && rmmod livepatch
}

calls()
{
	cat /sys/module/livepatch/parameters/calls
}

ktap_print_header
[ -n "$PATCH" ] || skip_all "livepatch.ko is not built: make -C selftests livepatch"
[ -d /sys/kernel/livepatch ] || skip_all "this kernel does not support livepatches"
ktap_set_plan 9

load
patch_kvm
result "KVM can be patched while the module is loaded"
start guest out=1000
finish guest
equal "calls of the patch" 1 "$(calls)" && equal "vms since load" 1 "$(value totals/vms)"
result "a guest calls the patched function, and is counted"

limit max_vms 1
equal "hook" unavailable "$(value hooks/refuse_vm)" && equal "effective" 0 "$(value effective/max_vms)" && asks "ok ok" vm vm
result "patched first: the limit is not effective, and is not enforced"
l1tune limits > "$TMP/limits"
equal "status of l1tune limits" 1 $? && grep -q 'max_vms .*no' "$TMP/limits"
result "patched first: l1tune limits says that the limit is not effective, and exits with 1"

unpatch_kvm
limit max_vms 1
equal "hook" ok "$(value hooks/refuse_vm)" && equal "effective" 1 "$(value effective/max_vms)" && asks "ok EDQUOT" vm vm
result "the limit is enforced when it is set again without the patch"

patch_kvm 2> "$TMP/insmod"
equal "patched" no "$(is_gone && echo no)" && equal "effective" 1 "$(value effective/max_vms)" && asks "ok EDQUOT" vm vm
result "limited first: the kernel refuses the patch, and the limit stays in force"
check "limited first: insmod says that the function is busy" grep -qi 'busy' "$TMP/insmod"

no_limits
patch_kvm && asks "ok ok" vm vm && equal "calls of the patch" 2 "$(calls)"
result "KVM can be patched after the limit is unset"
unload
asks "ok" vm && equal "calls of the patch" 3 "$(calls)" && unpatch_kvm
result "the patch keeps working after the module is unloaded"
ktap_finished
