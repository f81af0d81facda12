#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guests with as many PAUSE exits of different causes: each gets the advice for its own
# cause. Needs a CPU with PAUSE exits and deterministic time (VMX on Bochs).
. "${0%/*}/lib.sh"
. "$HERE/alike_lib.sh"

# Guests are stopped while l1tune runs, because it needs the only CPU itself.
interval=--since-start

# spins NAME…: runs guests for some seconds, then stops them
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

# The PLE window does not grow, so that a spinning guest keeps exiting.
rmmod kvm_intel && modprobe kvm_intel ple_window_grow=0
load

spins alone
advises alone pause-in-guest "pause_in_guest=1"
result "advise names pause_in_guest for a guest that spins on its own CPU"
end alone

spins one two
advises one pause-preempted "a CPU for each vCPU"
result "advise names a CPU for each vCPU, not pause_in_guest, for guests that spin on a shared CPU"
let_go one
end two

unload
rmmod kvm_intel && modprobe kvm_intel
ktap_finished
