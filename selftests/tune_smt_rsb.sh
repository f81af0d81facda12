#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A CPU with the SMT RSB bug, like the first Zen: with SMT, guests must not halt without
# an exit. SMT=on|notsupported is the state of this machine.
. "${0%/*}/lib.sh"

ktap_print_header
ktap_set_plan 4

grep -qw smt_rsb /proc/cpuinfo && equal "SMT" "$SMT" "$(cat /sys/devices/system/cpu/smt/control)"
result "this CPU has the SMT RSB bug, and SMT is $SMT"

load
HLT=$L1/tune/hlt_in_guest
echo 0 > "$L1/tune/uid"
if [ "$SMT" = on ]; then
	said=$(write "$HLT" 1)
	case $said in
	*"not supported"*) equal hlt_in_guest default "$(cat "$HLT")" ;;
	*) equal "error" "not supported" "$said" ;;
	esac
	result "with SMT hlt_in_guest is refused as not supported"
	said=$(l1tune tune hlt_in_guest=1 2>&1)
	equal "status" 1 $?
	case $?$said in
	0*"hlt_in_guest: this CPU or KVM does not support 1"*) ;;
	*) equal "message" "hlt_in_guest: this CPU or KVM does not support 1" "$said" ;;
	esac
	result "l1tune tune says that hlt_in_guest is not supported"
else
	echo 1 > "$HLT" && equal hlt_in_guest 1 "$(cat "$HLT")"
	result "without SMT hlt_in_guest is accepted"
	l1tune tune hlt_in_guest=1
	result "without SMT l1tune tune sets hlt_in_guest"
fi

start halting --forever --period-us 2000 halt=10
wait_for has_guest halting && exits_grow "$(guest_of halting)"
exits=$(cat "/sys/kernel/debug/kvm/$(pid halting)"-*/halt_exits)
ktap_print_msg "$exits exits for HLT"
if [ "$SMT" = on ]; then [ "$exits" -gt 0 ]; else [ "$exits" -eq 0 ]; fi
result "a guest has HLT exits if and only if hlt_in_guest was refused"

kill_guests
wait_for has_guests 0
unload
ktap_finished
