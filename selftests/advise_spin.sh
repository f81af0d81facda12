#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guests that exit as often for PAUSE, and whose causes differ: each gets the advice
# for its own. Wants a CPU that has exits for it, and deterministic time (VMX on Bochs).
. "${0%/*}/lib.sh"
. "$HERE/alike_lib.sh"

# They stand still while l1tune looks, as it wants the only CPU itself.
interval=--since-start

# spins NAME…: guests, for some seconds; then they stand still
spins()
{
	for name; do
		start "$name" --paused --forever pause=1000
		wait_for said "$name" paused
	done
	for name; do
		kill -USR1 "$(pid "$name")"
	done
	sleep 8
	for name; do
		kill -STOP "$(pid "$name")"
	done
}

[ "$(isa)" = vmx ] || skip_all "this CPU has no pause-loop exiting"

ktap_print_header
ktap_set_plan 2

# The window stays as it is, so that one that spins keeps exiting.
rmmod kvm_intel && modprobe kvm_intel ple_window_grow=0
load

spins alone
advises alone pause-in-guest "pause_in_guest=1"
result "spinning on a CPU of its own: no exits for PAUSE"
end alone

spins one two
advises one pause-preempted "a CPU for each vCPU"
result "spinning on a CPU that another guest wants: more CPUs, and exits for PAUSE as they are"
let_go one
end two

unload
rmmod kvm_intel && modprobe kvm_intel
ktap_finished
