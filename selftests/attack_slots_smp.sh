#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Setting and removing limits does not delay a VMM's changes of memory slots.
# Needs two CPUs.
#
#	CPU A:  echo 64G > limit; echo max > limit; again and again
#	CPU B:  a VMM changes the flags of a slot; the slowest change is measured
. "${0%/*}/lib.sh"

# disturb FILE: writes to it in a loop
disturb()
{
	while :; do
		echo 64G > "$1"
		echo max > "$1"
	done
}

# worst FILE: time of the slowest slot change while FILE is written to, in ns
worst()
{
	disturb "$1" &
	disturber=$!
	many_slots seconds 4 | awk '$1 == "worst" { print $2 }'
	kill -KILL $disturber
	wait $disturber 2> /dev/null
}

ktap_print_header
needs_cpus 2
needs_steady_time
ktap_set_plan 1
load

least_alone=$(worst /dev/null)
least_beside=$(worst $L1/limits/max_memory_bytes)
for _ in 1 2; do
	alone=$(worst /dev/null)
	[ "$alone" -ge "$least_alone" ] || least_alone=$alone
	beside=$(worst $L1/limits/max_memory_bytes)
	[ "$beside" -ge "$least_beside" ] || least_beside=$beside
done
ktap_print_msg "worst slot change: $least_alone ns, $least_beside ns while limits change"
# The host may take a CPU away for some ms at any time. Waiting for a hook to be
# released would take an RCU-tasks grace period, 100 ms or more.
[ "$least_beside" -le $((2 * least_alone)) ] || [ "$least_beside" -lt 40000000 ]
result "changing a slot takes at most twice as long, or 40 ms, while limits are set and unset"

unload
ktap_finished
