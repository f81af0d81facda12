#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# KVM is loaded after the module, unloaded, and loaded again with other parameters.
. "${0%/*}/lib.sh"

VENDOR=$(kvm_vendor)

# Hooks that are only for limits are off, whether or not KVM is loaded.
hooks()
{
	sort -u $L1/hooks/* | grep -vx off | xargs
}

other_vendor()
{
	if [ $VENDOR = kvm_intel ]; then echo kvm_amd; else echo kvm_intel; fi
}

# one_guest: runs a guest with 100 CPUID exits; prints the module's count.
one_guest()
{
	start one --hold cpuid=100
	wait_for has_held one
	l1tune stat "pid:$(pid one)" --noheadings --bytes -o REASON,COUNT | awk 'tolower($1) == "cpuid" { print $2 }'
	kill_guests
}

ktap_print_header
kvm_is_module || skip_all "KVM is built into this kernel"
ktap_set_plan 13

rmmod $VENDOR && rmmod kvm || ktap_exit_fail_msg "KVM cannot be unloaded"
load
equal "hooks" waiting "$(hooks)" && equal "isa" none "$(value isa)"
result "without KVM all hooks are waiting"

l1tune status > "$TMP/status" 2>&1
status=$?
grep -qi kvm "$TMP/status" && equal "exit status of l1tune" 0 $status
result "l1tune status says that KVM is missing"

modprobe $VENDOR
equal "hooks" ok "$(hooks)" && equal "isa" "$(isa)" "$(value isa)"
result "hooks attach when KVM is loaded after the module"
check "a guest's exits are counted exactly when KVM is loaded after the module" equal "CPUID exits" 100 "$(one_guest)"

# It does not support this CPU, so its initialization fails.
modprobe "$(other_vendor)" 2> /dev/null
equal "hooks" ok "$(hooks)" && equal "isa" "$(isa)" "$(value isa)" && equal "CPUID exits" 100 "$(one_guest)"
result "hooks stay attached when the other vendor's KVM module cannot be loaded"

rmmod $VENDOR
equal "exit_reason" detached "$(value hooks/exit_reason)" && equal "kvm_exit" ok "$(value hooks/kvm_exit)"
result "the hook exit_reason detaches when the vendor's KVM module is unloaded"
modprobe $VENDOR nested=0
equal "hooks" ok "$(hooks)" && equal "CPUID exits" 100 "$(one_guest)"
result "hooks attach again when the vendor's KVM module is loaded again"

rmmod $VENDOR
rmmod kvm
check "all hooks detach when KVM is unloaded" equal "hooks" detached "$(hooks)"
unload

modprobe $VENDOR
load
equal "hooks" ok "$(hooks)" && equal "CPUID exits" 100 "$(one_guest)"
result "hooks attach at load when KVM is loaded before the module"

rmmod $VENDOR
modprobe "$(other_vendor)" 2> /dev/null
modprobe $VENDOR
equal "hooks" ok "$(hooks)" && equal "isa" "$(isa)" "$(value isa)" && equal "CPUID exits" 100 "$(one_guest)"
result "hooks attach to KVM's module after the other vendor's could not be loaded"

rmmod $VENDOR && rmmod kvm
result "KVM can be unloaded while the module is loaded"
unload

load max_vms=5
check "a limit that is given at load waits for KVM" equal "hook" waiting "$(value hooks/refuse_vm)"
modprobe $VENDOR
equal "hook, effective" "ok 1" "$(value hooks/refuse_vm) $(value effective/max_vms)"
result "a limit that is given at load is in effect when KVM is loaded"
unload

ktap_finished
