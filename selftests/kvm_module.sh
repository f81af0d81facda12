#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# KVM comes after the module, goes, and comes back with other parameters.
. "${0%/*}/lib.sh"

VENDOR=$(kvm_vendor)

# Those that no limit needs are off, whatever KVM does.
hooks()
{
	sort -u $L1/hooks/* | grep -vx off | xargs
}

# A guest that takes 100 CPUID exits; prints how many the module has of it.
one_guest()
{
	start one --hold cpuid=100
	wait_for said one holding
	l1tune stat "pid:$(pid one)" --noheadings --bytes -o REASON,COUNT | awk 'tolower($1) == "cpuid" { print $2 }'
	kill_guests
}

ktap_print_header
kvm_is_module || skip_all "KVM is built into this kernel"
ktap_set_plan 9

rmmod $VENDOR && rmmod kvm || ktap_exit_fail_msg "KVM cannot be unloaded"
load
equal "hooks" waiting "$(hooks)" && equal "isa" none "$(value isa)"
result "without KVM all hooks wait"

l1tune status > "$TMP/status" 2>&1
status=$?
grep -qi kvm "$TMP/status" && equal "exit status of l1tune" 0 $status
result "l1tune says that KVM is missing"

modprobe $VENDOR
equal "hooks" ok "$(hooks)" && equal "isa" "$(isa)" "$(value isa)"
result "they attach when KVM comes"
equal "CPUID exits" 100 "$(one_guest)"
result "and count"

rmmod $VENDOR
equal "exit_reason" detached "$(value hooks/exit_reason)" && equal "kvm_exit" ok "$(value hooks/kvm_exit)"
result "the exit reason detaches with the vendor's module"
modprobe $VENDOR nested=0
equal "hooks" ok "$(hooks)" && equal "CPUID exits" 100 "$(one_guest)"
result "and comes back with it"

rmmod $VENDOR
rmmod kvm
equal "hooks" detached "$(hooks)"
result "all detach when KVM goes for good"
unload

modprobe $VENDOR
load
equal "hooks" ok "$(hooks)" && equal "CPUID exits" 100 "$(one_guest)"
result "KVM that is there first is found at load"

rmmod $VENDOR && rmmod kvm
result "the module does not keep KVM from going"
unload
modprobe $VENDOR

ktap_finished
