#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# l1tune watch: slow exits of known number and length, the thread that had the CPU
# instead, and hanging vCPUs.
#
#	what happens				expected report
#	the VMM sleeps in each 500th OUT	these exits, all of them
#	a busy thread on the same CPU		that thread by its name
#	a page that userfaultfd never fills	a hang in 2 s, with the stack
#	a loop of 14 bytes without exits	a hang, with the loop's address
. "${0%/*}/lib.sh"

SLOW_MS=50

# watches NAME OPTION…: starts it in the background, on its own CPU, and waits until it watches
watches()
{
	name=$1
	shift
	background "$name" taskset 2 l1tune watch --json "$@"
	wait_for is_watched
}

is_watched()
{
	[ "$(cat "$CLASS/l1/slow/watch_over_ns")" != max ]
}

# ended NAME: ends it; whether it printed a summary
ended()
{
	kill -TERM "$(pid "$1")"
	wait "$(pid "$1")"
	grep -q '"event":"summary"' "$TMP/$1"
}

# reports NAME PATTERN: number of its lines with PATTERN
reports()
{
	grep -c "$2" "$TMP/$1"
}

# key NAME KEY: a number in the summary
key()
{
	sed -n "/\"summary\"/s/.*\"$2\":\([0-9]*\).*/\1/p" "$TMP/$1"
}

# parts CONDITION: number of reported exits for which it holds of sleep and runq, in ns, and of
# least, half the time for which the VMM sleeps
parts()
{
	sed -n '/"event":"slow"/s/.*"vmm_sleep_ns":\([0-9]*\).*"runq_ns":\([0-9]*\).*/\1 \2/p' "$TMP/all" |
		awk -v least=$((SLOW_MS * 500000)) "{ sleep = \$1; runq = \$2 } $1 { n++ } END { print n + 0 }"
}

# On a busy machine waiting for a CPU is not sleep, nor is what L0 takes before the sleep
# begins; and a VMM whose timer runs already cannot sleep while others have its CPU.
all_that_slept()
{
	slept=$(parts "sleep >= least")
	held=$(parts "sleep < least && sleep + runq >= least")
	ktap_print_msg "$wanted slept: $slept for half that long, $held may have waited for a CPU"
	[ "$slept" -le "$wanted" ] && [ $((slept + held)) -ge "$wanted" ]
}

# all_long: no reported exit is shorter than the threshold
all_long()
{
	sed -n '/"event":"slow"/s/.*"time_ns":\([0-9]*\),"kernel_ns".*/\1/p' "$TMP/all" |
		awk -v least=$(((SLOW_MS - 10) * 1000000)) '$1 < least { print "# too short: " $1; bad = 1 } END { exit bad || !NR }'
}

adds_up_each()
{
	tr ' ' '\n' < "$(guest_of slow)/slow" | awk -F = '
		$1 == "time_ns" { sum += $2; n++ }
		$1 ~ /^(rest|vmm|vmm_sleep|halted|blocked|runq|throttled)_ns$/ { sum -= $2 }
		END { print "# " n " exits, the sum of differences is " sum " ns"; exit !n || sum > 10 * n || -sum > 10 * n }'
}

watched_time_is_over()
{
	! is_watched && [ "$(cat "$CLASS/l1/hooks/sched_switch")" = off ]
}

ktap_print_header
needs_cpus 2
ktap_set_plan 12
load

start slow --paused --slow-every 500 --slow-us $((SLOW_MS * 1000)) --hold out=50000
wait_for has_guest slow
watches all --over $((SLOW_MS - 10))ms name:slow
kill -USR1 "$(pid slow)"
within 200 said slow holding
wanted=$(sed -n 's/^slow .*count=//p' "$TMP/slow")
pause_ms 500
check "the parts of each exit in l2-<id>/slow add up to its time" adds_up_each
ended all
check "every exit in which the VMM slept is reported" all_that_slept
check "no exit shorter than the threshold is reported" all_long
check "watch misses no slow exit" equal "missed" 0 "$(key all missed)"
ktap_print_msg "others beyond the threshold: $(($(key all slow) - slept))"
check "the summary counts all reported exits" equal "slow" "$(reports all '"event":"slow"')" "$(key all slow)"
kill_guests

# The watcher runs on another CPU, or it would be a culprit as well.
background spin taskset 1 vmm -name guest=spin --forever cpuid=1000
wait_for has_guest spin && wait_for has_exits "$(guest_of spin)"
watches hogged --over 2ms --part runq name:spin
background hog taskset 1 hog 3000
wait "$(pid hog)"
ended hogged
sed -n '/"summary"/s/.*"culprits"/culprits/p' "$TMP/hogged" | sed 's/^/# /'
check "watch names the thread that had the CPU as the first culprit" \
	grep -q '"culprits":\[{"culprit":"hog ('"$(pid hog)"') had the CPU"' "$TMP/hogged"
kill_guests

background stuck stuck 0
wait_for said stuck stuck
wait_for has_guest stuck
background hung l1tune watch --json --hang 1s -c 1 "pid:$(pid stuck)"
check "a vCPU that waits for a page that is never filled is reported within 2 s of a hang of 1 s" \
	within 3 said hung '"event":"hang"'
check "a vCPU that waits for a page is reported as blocked" grep -q '"hang":"blocked"' "$TMP/hung"
check "the reported stack shows that a vCPU waits for userfaultfd" grep -q '"stack":"[^"]*handle_userfault' "$TMP/hung"
kill -KILL "$(pid stuck)"

background loop spin busy 30
wait_for has_guest loop
background hung l1tune watch --json --hang 1s -c 1 "pid:$(pid loop)"
check "a vCPU in a loop without exits is reported as a suspected spin" \
	within 6 said hung '"hang":"spin","is_suspect":true'
# The guest's code begins at 0x1000 with STI.
sed -n 's/.*"rips":\[\([^]]*\)\].*/\1/p' "$TMP/hung" | tr '}' '\n' | sed -n 's/.*"rip":\([0-9]*\),.*"count":\([0-9]*\).*/\1 \2/p' |
	awk '{ n += $2; bad += $1 < 4097 || $1 > 4110 } END { print "# " n " samples, " bad + 0 " addresses elsewhere"; exit !n || bad }'
result "all RIP samples of a spinning vCPU are in its loop"
kill -KILL "$(pid loop)"

check "watching ends 10 s after the last watcher" within 15 watched_time_is_over
unload

ktap_finished
