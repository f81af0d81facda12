#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Readers of totals do not slow guests, and read a snapshot; and readers of what everybody
# may read keep no guest that has ended. Needs two CPUs.
#
#	CPU 0:           a guest executes CPUID for 2 s and counts; guests come and go
#	another core:    32 readers of totals, or of limits, which are cheap; or 32 readers of
#	                 usage that get hardly any CPU time
. "${0%/*}/lib.sh"

READERS=32

# cpuids: how many CPUIDs a guest on the first CPU executes
cpuids()
{
	on_cpu 0 spin cpuid 2 | awk '$1 == "rounds" { print $2 }'
}

# come_and_go: how many hundredths of a second five guests take, one after the other
come_and_go()
{
	from=$(uptime_cs)
	for _ in 1 2 3 4 5; do
		background short ask vm vcpu:0 hold
		within 20 has_guests 2
		let_go short
		within 20 has_guests 1 || break
	done
	echo $(($(uptime_cs) - from))
}

# come_and_go_beside FILE: while readers of FILE are starved by a program that has their CPU
come_and_go_beside()
{
	start_readers read_one "$1"
	# shellcheck disable=SC2086 # one word each
	renice -n 19 -p $readers > /dev/null
	while :; do :; done &
	hog=$!
	taskset -p "$readers_mask" $hog > /dev/null
	renice -n -20 -p $hog > /dev/null
	come_and_go
	kill -KILL $hog
	stop_readers
}

# read_all FILE…: reads them in a loop
read_all()
{
	while :; do
		cat "$@" > /dev/null
	done
}

# read_one FILE: the same, without a child process
read_one()
{
	while :; do
		read -r _ < "$1"
	done
}

# start_readers COMMAND FILE…
start_readers()
{
	readers=
	for _ in $(seq $READERS); do
		"$@" &
		taskset -p "$readers_mask" $! > /dev/null
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

# cpuids_beside FILE…: CPUIDs that a guest executes while $READERS readers read FILE…
cpuids_beside()
{
	start_readers read_all "$@"
	cpuids
	stop_readers
}

is_slowed()
{
	[ $((busy * 100)) -lt $((idle * 80)) ]
}

# The best of several tries, compared with readers of cheap files. Other load on the
# machine slows both, so if three tries show a difference there are more.
compare()
{
	idle=0
	busy=0
	for try in 1 2 3 4 5 6 7 8; do
		[ $try -le 3 ] || is_slowed || break
		n=$(cpuids_beside $L1/limits/*)
		[ "$n" -le $idle ] || idle=$n
		n=$(cpuids_beside $L1/totals/*)
		[ "$n" -le $busy ] || busy=$n
	done
	ktap_print_msg "CPUIDs in 2 s: $idle with $READERS readers of limits, $busy with as many of totals"
	! is_slowed
}

# same_twice: up to ten pairs of reads within 90 ms; prints "same" or "different" for each.
# The first read of a pair takes a new snapshot; a pair that took longer does not count.
same_twice()
{
	pairs=0
	for _ in $(seq 60); do
		[ $pairs -lt 10 ] || break
		pause_ms 130
		from=$(uptime_cs)
		read -r first < $L1/totals/exits
		pause_ms 20
		read -r second < $L1/totals/exits
		[ $(($(uptime_cs) - from)) -lt 9 ] || continue
		pairs=$((pairs + 1))
		[ "$first" = "$second" ] && echo same || echo different
	done
}

parts()
{
	for part in kernel vmm vmm_sleep halted blocked runq throttled; do
		echo "$L1/totals/${part}_time_ns"
	done
}

# adds_up: in how many of ten reads the parts add up to the time
adds_up()
{
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		# shellcheck disable=SC2046 # one word each
		cat $L1/totals/exit_time_ns $(parts) | awk 'NR == 1 { all = $1 } NR > 1 { n += $1 } END { print NR == 8 && n == all }'
		pause_ms 130
	done | grep -cx 1
}

ktap_print_header
core=$(other_core)
[ -n "$core" ] || skip_all "this takes two CPUs that are not threads of one core"
needs_steady_time
readers_mask=$(printf %x $((1 << core)))
ktap_set_plan 5
load

compare
result "$READERS readers of totals slow a guest on another CPU by less than 20 %"
runs guest --forever cpuid=1000 out=10
same_twice > "$TMP/pairs"
ktap_print_msg "pairs of reads within 90 ms: $(sort "$TMP/pairs" | uniq -c | xargs)"
[ "$(grep -c same "$TMP/pairs")" -ge 3 ] && [ "$(grep -c different "$TMP/pairs")" -le 1 ]
result "reads of totals/exits within 90 ms return the same number"
before=$(value totals/exits)
sleep 1
[ "$(value totals/exits)" -gt "$before" ]
result "totals/exits grows within a second"
sums=$(adds_up 2> /dev/null)
ktap_print_msg "$sums of 10 reads add up"
[ "$sums" -ge 7 ]
result "totals/exit_time_ns is the sum of its parts, read one after the other"

kill_guests

# shellcheck disable=SC2046 # one word each
background many ask vm $(seq 0 199 | sed "s/^/vcpu:/") hold
within 60 said many holding && wait_for has_guests 1 && equal "vCPUs" 200 "$(value usage/vcpus)"
has_many=$?
idle=$(come_and_go_beside $L1/limits/max_vms)
busy=$(come_and_go_beside $L1/usage/nested_vms)
ktap_print_msg "five guests come and go in $idle cs beside starved readers of limits, $busy cs of usage/nested_vms"
[ $has_many -eq 0 ] && [ "$busy" -lt $((idle * 2 + 300)) ]
result "starved readers of usage/nested_vms do not keep guests that have ended"

let_go many
unload
ktap_finished
