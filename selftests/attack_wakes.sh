#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vCPUs that wait for the same tokens do not all wake up for those of one. Needs
# deterministic time (VMX, or SVM with --icount).
#
#	32 vCPUs, 2000 exits a second:  a vCPU's share of 50 ms comes each 1.6 ms
#	                                each sleeps for 10 ms ──> 3200 times a second, not 20,000
. "${0%/*}/lib.sh"

VCPUS=32
SECONDS_OF=4
TRACE=/sys/kernel/tracing/instances/wakes

# sleeps: how often vCPUs slept for tokens
sleeps()
{
	mkdir $TRACE
	echo 1 > $TRACE/events/l1tune/l1tune_throttle/enable
	sleep $SECONDS_OF
	echo 0 > $TRACE/events/l1tune/l1tune_throttle/enable
	awk '/entries-in-buffer/ { sub(".*/", "", $3); print $3 + 0 }' $TRACE/trace
	rmdir $TRACE
}

ktap_print_header
needs_steady_time
ktap_set_plan 1

load
runs crowd --forever --vcpus $VCPUS cpuid=1000
limit max_exits_per_sec 2000
sleep 2
n=$(sleeps)
ktap_print_msg "$VCPUS vCPUs slept $n times in $SECONDS_OF s"
[ "$n" -gt 100 ] && [ "$n" -le $((VCPUS * 150 * SECONDS_OF)) ]
result "a vCPU that waits for tokens wakes up at most 150 times a second"
no_limits
kill_guests
unload
ktap_finished
