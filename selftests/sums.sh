#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# 100 guests at once, most of them in the middle of an exit: all values read while they
# run add up to the nanosecond.
#
#	40	exit to KVM and to their VMM, and halt	any part
#	20	halt for 50 ms at a time		halted
#	28	have a VMM that sleeps			vmm_sleep, open for 30 ms
#	2	have a VMM that computes as well	vmm and vmm_sleep
#	10	wait for a page that is never filled	blocked, open all the time
. "${0%/*}/lib.sh"

GUESTS=100
PARTS="kernel vmm vmm_sleep halted blocked runq throttled"

start_guests()
{
	for i in $(seq 40); do
		start "mixed$i" --forever --order mixed --period-us 200000 cpuid=20 out=5 halt=1
	done
	for i in $(seq 20); do
		start "halts$i" --forever --period-us 50000 halt=1
	done
	for i in $(seq 28); do
		background "sleeps$i" parts sleep 30 1000000
	done
	for i in 1 2; do
		background "both$i" parts both 30 1000000
	done
	for i in $(seq 10); do
		background "page$i" parts page 1000000 15
	done
}

all_have_exits()
{
	has_guests $GUESTS &&
		[ "$(cat "$CLASS"/l2-*/exits | grep -cvx 0)" -eq $GUESTS ]
} 2> /dev/null

# each_adds_up FILE…: reads all statistics files in a loop at the same time
each_adds_up()
{
	readers=
	failed=0
	for file; do
		adds_up "$file" 5 > "$TMP/reader$(echo "$file" | tr / _)" 2>&1 &
		readers="$readers $!"
	done
	for reader in $readers; do
		wait "$reader" || failed=$((failed + 1))
	done
	sed -n 's/.*: \([0-9]*\) reads of \([0-9]*\) .*/\1 \2/p' "$TMP"/reader* |
		awk '{ n += $1; m += $1 * $2 } END { print "# " NR " readers, " n " reads of " m " numbers" }'
	grep -h ': [a-z].*: [0-9]*, [0-9]*$' "$TMP"/reader* | head -n 5
	rm "$TMP"/reader*
	equal "files that do not add up" 0 $failed
}

# json_adds_up: each reason of each guest in one JSON document adds up
json_adds_up()
{
	l1tune stat --json | sed 's/.*"l2"//; s/{"reason"/\n&/g' | grep '^{"reason"' > "$TMP/reasons"
	awk -v parts="$PARTS" '
	function number(key) {
		return match($0, "\"" key "\": *[0-9]+") ? substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3) + 0 : -1
	}
	{
		sum = 0
		n = split(parts, names, " ")
		for (i = 1; i <= n; i++)
			sum += number(names[i] "_ns")
		if (sum != number("time_ns"))
			wrong++
	}
	END {
		print "# " NR " reasons, " wrong + 0 " of them do not add up"
		exit wrong || NR < 300
	}' "$TMP/reasons"
}

sum_of()
{
	cat "$CLASS"/l2-*/"$1" | awk '{ n += $1 } END { printf "%.0f", n }'
}

# Totals are a snapshot taken between the first sum and the second.
totals_lie_between()
{
	for key in exit_time_ns guest_time_ns exits; do
		before=$(sum_of $key)
		pause_ms 130
		total=$(value totals/$key)
		after=$(sum_of $key)
		ktap_print_msg "$key: $before over all guests, $total in totals, then $after over all guests"
		[ "$before" -le "$total" ] && [ "$total" -le "$after" ] || return
	done
}

# read_totals: prints the time, each part, and the time again
read_totals()
{
	for file in exit $PARTS exit; do
		read -r ns < "$L1/totals/${file}_time_ns"
		echo "$ns"
	done
}

# Nine files; if the last value equals the first, all are of one snapshot.
totals_add_up()
{
	tries=0
	same=0
	while [ $same -lt 5 ] && [ $tries -lt 100 ]; do
		tries=$((tries + 1))
		read_totals > "$TMP/totals"
		[ "$(head -n 1 "$TMP/totals")" = "$(tail -n 1 "$TMP/totals")" ] || continue
		same=$((same + 1))
		awk 'NR == 1 { all = $1 } NR > 1 && NR < 9 { n += $1 } END { exit NR != 9 || n != all }' "$TMP/totals" ||
			return
		pause_ms 130
	done
	ktap_print_msg "$same snapshots in $tries tries"
	[ $same -eq 5 ]
}

ktap_print_header
ktap_set_plan 5
load
start_guests
within 120 all_have_exits || ktap_print_msg "$(nr_guests) guests of $GUESTS"

each_adds_up "$CLASS"/l2-*/vcpu0/stats
result "the parts of each of 100 running vCPUs add up in each read, and never decrease"
each_adds_up "$CLASS"/l2-*/stats
result "the parts of each of 100 running guests add up in each read, and never decrease"
json_adds_up
result "the parts of each reason in stat --json add up to its time"
totals_add_up
result "the parts of totals/exit_time_ns add up to it"
totals_lie_between
result "totals are between the sums over all guests before and after"

kill_guests
unload
ktap_finished
