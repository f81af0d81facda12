#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# max_exits_per_sec: a guest's exits, counted by its program and by KVM, have the rate
# that is set, at no cost to other guests. Needs deterministic time (VMX, or SVM with
# --icount).
#
#	tokens a second ──> guest's bucket (100 ms of burst) ──> vCPU leases
#	                                                          │ empty: sleeps
#	guest:  exits ≤ rate: never sleeps     exits > rate: throttled_time_ns grows
#	beside: neighbour on the same CPU: gets all CPU time that the paced guest does not use
. "${0%/*}/lib.sh"

BURST_MS=100
SECONDS_LONG=10

# paced RATE NAME VMM-ARGUMENT…: whether such a guest exits at RATE, by its own program
paced()
{
	rate=$1
	shift
	start "$@" --seconds $SECONDS_LONG --expect --time
	finish "$1" || return
	ms=$(program_ms "$1")
	got=$(program_exits "$1")
	ktap_print_msg "$1: $got exits in $ms ms, $rate a second allowed"
	# After the burst.
	awk -v n="$got" -v ms="$ms" -v r="$rate" -v burst=$BURST_MS 'BEGIN {
		over = (n - r * burst / 1000) / (r * ms / 1000)
		exit !(n / (r * ms / 1000) > 0.95 && over < 1.05)
	}'
}

# stands_still NAME: whether its state is throttled
stands_still()
{
	[ "$(l1tune list "$1" --vcpus --noheadings -o STATE | xargs)" = throttled ]
}

# elsewhere GUEST: time of all parts except kernel, throttled and runq
elsewhere()
{
	cat "$1/vmm_time_ns" "$1/vmm_sleep_time_ns" "$1/halted_time_ns" "$1/blocked_time_ns" |
		awk '{ n += $1 } END { printf "%d", n }'
}

# turns NAME: how often its threads got a CPU
turns()
{
	cat "/proc/$(pid "$1")/task"/*/schedstat | awk '{ n += $3 } END { printf "%d", n }'
}

alone()
{
	start "$1" --seconds 4 --expect --time cpuid=100
	finish "$1" && program_exits "$1"
}

ktap_print_header
needs_steady_time
on_one_cpu
ktap_set_plan 17

load
limit max_exits_per_sec 1000
equal "hook and effective" "ok 1" "$(value hooks/throttle) $(value effective/max_exits_per_sec)" &&
	paced 1000 slow cpuid=100
result "max_exits_per_sec=1000 paces a guest to 1000 exits a second"
limit max_exits_per_sec 10000
paced 10000 faster cpuid=1000
result "max_exits_per_sec=10000 paces a guest to 10000 exits a second"
paced 10000 two --vcpus 2 cpuid=500
result "two vCPUs share the rate of their guest"
paced 10000 vmms cpuid=100 out=100
result "exits to the VMM are paced as well"
limit max_exits_per_sec 1000
exits=$(handover 4 $SECONDS_LONG)
ktap_print_msg "four threads at one vCPU: $exits exits in $SECONDS_LONG s, 1000 a second allowed"
[ "$exits" -gt $((950 * SECONDS_LONG)) ] && [ "$exits" -lt $((1050 * SECONDS_LONG + BURST_MS)) ]
result "four threads that take turns at running one vCPU share its rate"
exits=$(evade $SECONDS_LONG)
ktap_print_msg "a thread that leaves KVM_RUN and gets no CPU: $exits exits in $SECONDS_LONG s, 1000 a second allowed"
[ "$exits" -gt 0 ] && [ "$exits" -lt $((1050 * SECONDS_LONG + BURST_MS)) ]
result "a vCPU is paced although the thread that ran it before gets no CPU"
limit max_exits_per_sec 50
paced 50 crawling cpuid=5
result "max_exits_per_sec=50 paces a guest to 50 exits a second"
limit max_exits_per_sec max

# A sleeping guest exits rarely, so it never runs out of tokens.
limit max_exits_per_sec 1000
before=$(value denied/max_exits_per_sec)
start calm --seconds 4 --period-us 20000 halt=1
finish calm && equal "denied" "$before" "$(value denied/max_exits_per_sec)"
result "a guest below its rate is never paced"

start held --forever cpuid=100
wait_for has_guest held
guest=$(guest_of held)
# When its burst is over.
wait_for is_throttled held
slept=$(cat "$guest/throttled_time_ns")
others=$(elsewhere "$guest")
runq=$(cat "$guest/runq_time_ns")
sleep 4
slept=$(($(cat "$guest/throttled_time_ns") - slept))
others=$(($(elsewhere "$guest") - others))
runq=$(($(cat "$guest/runq_time_ns") - runq))
ktap_print_msg "in 4 s: throttled $slept ns, in the VMM, halted and blocked $others ns, without a CPU $runq ns"
[ $slept -gt 3500000000 ] && [ $others -lt 200000000 ] && [ $runq -lt 200000000 ]
result "the time for which pacing makes a guest sleep is in throttled_time_ns and in no other part"

equal "own" default "$(cat "$guest/limits/max_exits_per_sec")" && echo max > "$guest/limits/max_exits_per_sec" &&
	exits=$(cat "$guest/exits") && sleep 1 && [ $(($(cat "$guest/exits") - exits)) -gt 2000 ]
result "a guest's own limit of max ends its pacing at once"
echo 0 > "$guest/limits/max_exits_per_sec"
wait_for stands_still held
exits=$(cat "$guest/exits")
sleep 2
equal "exits with 0 a second" "$exits" "$(cat "$guest/exits")" && stands_still held
result "a guest's own limit of 0 stops it, and its state is throttled"

took=$(slay "$(pid held)")
ktap_print_msg "SIGKILL took $took us"
[ "$took" -le 50000 ]
result "SIGKILL ends a guest that pacing stopped within 50 ms"
limit max_exits_per_sec max

# A guest on the same CPU gets all the CPU time that the paced guest does not use.
free=$(alone free)
start neighbour --forever cpuid=100
wait_for has_guest neighbour
echo 1000 > "$(guest_of neighbour)/limits/max_exits_per_sec"
wait_for is_throttled neighbour
used=$(cpu_time_ns neighbour)
turns=$(turns neighbour)
beside=$(alone beside)
turns=$(($(turns neighbour) - turns))
used=$(($(cpu_time_ns neighbour) - used))
ktap_print_msg "exits in 4 s: $free alone, $beside with a paced guest, which used $used ns in $turns turns"
# Each turn is two switches, of 2,500 cycles each on the slowest kernel.
awk -v a="$free" -v b="$beside" -v used="$used" -v turns="$turns" '
/^cpu MHz/ { mhz = $4 }
END { exit !(b / a + (used + turns * 5000 * 1000 / mhz) / 4e9 > 0.97) }' /proc/cpuinfo
result "a guest loses less than 3 % to a paced guest on the same CPU, beyond its CPU time and the switches to it"

echo 500 > $L1/audit/max_exits_per_sec
echo default > "$(guest_of neighbour)/limits/max_exits_per_sec"
exits_grow "$(guest_of neighbour)"
before=$(value denied/max_exits_per_sec)
exits=$(cat "$(guest_of neighbour)/exits")
slept=$(cat "$(guest_of neighbour)/throttled_time_ns")
sleep 2
equal "denied and slept" "$before $slept" "$(value denied/max_exits_per_sec) $(cat "$(guest_of neighbour)/throttled_time_ns")" &&
	[ "$(value would_deny/max_exits_per_sec)" -gt 0 ] && [ $(($(cat "$(guest_of neighbour)/exits") - exits)) -gt 4000 ]
result "a guest that exceeds the audit threshold is counted and not paced"
echo max > $L1/audit/max_exits_per_sec

limit max_exits_per_sec 0
wait_for stands_still neighbour
kill -0 "$(pid neighbour)" && rmmod l1tune
result "the module unloads while pacing has stopped a guest"
kill -TERM "$(pid neighbour)"
finish neighbour
result "a guest that pacing had stopped continues after the module is unloaded"

load max_exits_per_sec=1000
equal "limit and effective" "1000 1" "$(value limits/max_exits_per_sec) $(value effective/max_exits_per_sec)" && paced 1000 loaded cpuid=100
result "max_exits_per_sec=1000 at load paces a guest to 1000 exits a second"
unload

ktap_finished
