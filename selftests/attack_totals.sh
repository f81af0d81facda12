#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Readers of totals: they slow no guest, and what they read is of one moment.
# Wants two CPUs.
. "${0%/*}/lib.sh"

READERS=32

# cpuids: that a guest on the first CPU executes
cpuids()
{
	taskset 1 spin cpuid 2 | awk '$1 == "rounds" { print $2 }'
}

read_totals()
{
	while :; do
		cat $L1/totals/* > /dev/null
	done
}

start_readers()
{
	readers=
	for _ in $(seq $READERS); do
		read_totals &
		taskset -p 2 $! > /dev/null
		readers="$readers $!"
	done
}

stop_readers()
{
	# shellcheck disable=SC2086 # one word each
	kill -KILL $readers
	# shellcheck disable=SC2086
	wait $readers
} 2> /dev/null

# The most of three tries each: what else the machine does takes from both.
compare()
{
	alone=0
	beside=0
	for _ in 1 2 3; do
		n=$(cpuids)
		[ "$n" -le $alone ] || alone=$n
		start_readers
		n=$(cpuids)
		stop_readers
		[ "$n" -le $beside ] || beside=$n
	done
	ktap_print_msg "CPUIDs in 2 s: $alone alone, $beside beside $READERS readers"
	[ $((beside * 100)) -ge $((alone * 80)) ]
}

# same_twice: of ten pairs of reads, those that give one number
same_twice()
{
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		cat $L1/totals/exits $L1/totals/exits | sort -u | wc -l
		usleep 130000
	done | grep -cx 1
}

parts()
{
	for part in kernel vmm vmm_sleep halted blocked runq throttled; do
		echo "$L1/totals/${part}_time_ns"
	done
}

# adds_up: of ten reads of a time and its parts, those that add up
adds_up()
{
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		# shellcheck disable=SC2046 # one word each
		cat $L1/totals/exit_time_ns $(parts) | awk 'NR == 1 { all = $1 } NR > 1 { n += $1 } END { print NR == 8 && n == all }'
		usleep 130000
	done | grep -cx 1
}

ktap_print_header
ktap_set_plan 4
load

compare
result "$READERS readers of totals do not slow a guest on another CPU"
runs guest --forever cpuid=1000 out=10
same=$(same_twice)
ktap_print_msg "$same of 10 pairs of reads give one number"
# One or two fall on either side of a new snapshot.
[ "$same" -ge 7 ]
result "reads of totals/exits within 100 ms give one number"
before=$(value totals/exits)
sleep 1
[ "$(value totals/exits)" -gt "$before" ]
result "after a second it is a new one"
sums=$(adds_up 2> /dev/null)
ktap_print_msg "$sums of 10 reads add up"
[ "$sums" -ge 7 ]
result "exit_time_ns is the sum of its parts, read one after the other"

let_go guest
unload
ktap_finished
