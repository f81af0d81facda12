#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Usage: cost.sh [-o OBSERVER,…] [-k KIND,…] [-g GUESTS,…] [-c KIND,…] [-l | -m]
# Runs in an L1 host whose time is instructions. For each observer, kind of exit
# and number of guests prints what a round trip (exit, entry and what is between)
# costs and over how many it was measured, as "cost OBSERVER KIND GUESTS
# INSTRUCTIONS EXITS"; of an observer that cannot be had "missing OBSERVER WHY".
# With -c these kinds also with a crowd of 64 guests. With -l L0 tells its counts
# before, between and after the two runs that are compared. With -m it is
# "median OBSERVER KIND INSTRUCTIONS" instead, of the round trips that the guest
# of l1tune bench measures: a machine's timer is not in a median.
#
# A cost is the difference of two runs that differ in their number of exits
# alone, by that difference. With one guest it is what passes on the machine's
# only CPU, so an observer's own process is in it. Guests that sleep and guests
# that take turns are charged what their threads had a CPU for: time in which
# all sleep passes too.
PATH=$PATH:/selftests
OBSERVERS=none,l1tune,perf-stat,ftrace,bpftrace-count,perf-kvm,bpftrace-hist
KINDS=cpuid,out,halt,ept,switch
CROWD_KINDS=
ask_l0=
medians=
# Bochs, of which 50 million instructions are a second.
slow=
! grep -qw vmx /proc/cpuinfo || slow=slow
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

events=/sys/kernel/tracing/events/kvm
bpftrace_count='tracepoint:kvm:kvm_exit { @[args->exit_reason] = count(); }'
bpftrace_hist='tracepoint:kvm:kvm_exit { @reason[tid] = args->exit_reason; @since[tid] = nsecs; }
tracepoint:kvm:kvm_entry /@since[tid]/ { @[@reason[tid]] = hist(nsecs - @since[tid]); delete(@since[tid]); }'

fail()
{
	echo "cost.sh: $*" >&2
	exit 1
}

# start_process WORDS COMMAND…: until it has said WORDS; false, and says why, if
# it does not.
start_process()
{
	words=$1 tries=1200
	shift
	echo "$1:" > "$tmp/observer"
	"$@" >> "$tmp/observer" 2>&1 &
	observer_pid=$!
	until grep -q "$words" "$tmp/observer"; do
		tries=$((tries - 1))
		if ! kill -0 "$observer_pid" 2> /dev/null; then
			echo "missing $observer $(tail -n 3 "$tmp/observer" | xargs)"
			return 1
		elif [ $tries = 0 ]; then
			kill -KILL "$observer_pid"
			echo "missing $observer does not start within two minutes of the machine's time"
			return 1
		fi
		sleep 0.1
	done
	sleep 2
}

start_observer()
{
	observer_pid=
	case $1 in
	none) ;;
	l1tune) modprobe l1tune || fail "modprobe l1tune failed" ;;
	tracepoints | functions) insmod /selftests/hooks.ko "$1=1" || fail "insmod hooks.ko failed" ;;
	perf-stat) start_process '' perf stat -a -e kvm:kvm_exit -o "$tmp/stat" ;;
	perf-kvm) start_process '' perf kvm stat record -a -o "$tmp/perf.data" ;;
	ftrace) echo 1 > $events/kvm_exit/enable && echo 1 > $events/kvm_entry/enable ;;
	bpftrace-count) start_process Attaching bpftrace -e "$bpftrace_count" ;;
	bpftrace-hist) start_process Attaching bpftrace -e "$bpftrace_hist" ;;
	*) fail "no observer $1" ;;
	esac || return 1
	# perf says nothing when it is ready.
	case $1 in
	perf-*)
		sleep 20
		kill -0 "$observer_pid" 2> /dev/null && return
		echo "missing $1 $(tail -n 3 "$tmp/observer" | xargs)"
		return 1
		;;
	esac
}

stop_observer()
{
	case $1 in
	none) ;;
	l1tune) rmmod l1tune ;;
	tracepoints | functions) rmmod hooks ;;
	ftrace)
		echo 0 > $events/kvm_exit/enable
		echo 0 > $events/kvm_entry/enable
		echo > /sys/kernel/tracing/trace
		;;
	*)
		kill -INT "$observer_pid"
		wait "$observer_pid"
		rm -f "$tmp/perf.data"
		;;
	esac
	return 0
}

# How many exits the two runs have, of one guest and of each of several; L0's
# counts are steady with few. Where single instructions are told apart, both runs are
# long enough to have met all reasons that there are, whose cells are allocated then, to
# have few timer interrupts too many or too few in proportion, and both end before the
# guest is shown, or neither does: that is after 250 ms. For EPT faults on Bochs only the
# longer one lasts until then, so that the figure includes it.
numbers()
{
	case $1-$2-${ask_l0:-$slow} in
	*-1-l | halt-1-*) echo 1500 5500 ;;
	ept-1-) echo 2000 18000 ;;
	ept-1-slow) echo 500 4500 ;;
	cpuid-1- | l3rdmsr-1- | switch-1-) echo 8000 28000 ;;
	cpuid-1-slow | l3rdmsr-1-slow | switch-1-slow) echo 20000 40000 ;;
	out-1-) echo 4000 14000 ;;
	out-1-slow) echo 8000 18000 ;;
	ept-*) echo 20 320 ;;
	halt-*) echo 20 120 ;;
	*) echo 100 600 ;;
	esac
}

# one KIND N: a guest with so many exits, or as many switches between two threads
# that have no guest
one()
{
	case $1 in
	switch) switches "$2" ;;
	*) vmm --time --period-us 200 "$1=$2" ;;
	esac
}

# instructions KIND GUESTS N: of N exits of each guest, and what is around them
instructions()
{
	# shellcheck disable=SC2046 # words on purpose
	for guest in $(seq "$2"); do
		one "$1" "$3" > "$tmp/guest$guest" 2>&1 &
		guests="$guests $!"
	done
	failed=
	for pid in $guests; do
		wait "$pid" || failed=1
	done
	guests=
	if [ -n "$failed" ]; then
		grep -h '^vmm: ' "$tmp"/guest* >&2
		rm "$tmp"/guest*
		return 1
	fi
	cat "$tmp"/guest* | tr ' ' '\n' | awk -F = -v sleeps="$([ "$1" = halt ] || [ "$2" -gt 1 ] && echo 1)" '
		$1 == "wall_ns" { ns = $2 }
		$1 == "wall_tsc" { tsc = $2 }
		$1 == "cpu_ns" { sum += sleeps ? $2 * tsc / ns : tsc }
		END { printf "%.0f\n", sum }'
	rm "$tmp"/guest*
}

# try COMMAND…: of a crowd on QEMU's SVM a guest now and then ends in a triple fault, also
# without an observer
try()
{
	"$@" || "$@" || "$@" || fail "a guest failed, three times"
}

# tell_l0 NAME: L0 prints its counts so far; its clock runs on meanwhile, no L2 does
tell_l0()
{
	[ -n "$ask_l0" ] || return 0
	# shellcheck source=/dev/null
	. /l1/env
	printf '\036%s:count %s\036' "$L1_NONCE" "$1"
	sleep 1
}

# measure OBSERVER KIND GUESTS
measure()
{
	# shellcheck disable=SC2046 # words on purpose
	set -- "$@" $(numbers "$2" "$3")
	# The first guest with an observer meets what those after it find: it takes up to
	# 90,000 instructions more.
	[ "$3$ask_l0" != 1 ] || try instructions "$2" 1 "$5" > /dev/null
	tell_l0 "$1/$2/begin"
	few=$(try instructions "$2" "$3" "$4") || exit
	tell_l0 "$1/$2/few"
	many=$(try instructions "$2" "$3" "$5") || exit
	tell_l0 "$1/$2/many"
	echo "$few $many" | awk -v what="cost $1 $2 $3" -v n="$((($5 - $4) * $3))" '{ printf "%s %.1f %d\n", what, ($2 - $1) / n, n }'
}

# medians OBSERVER: of the kinds that are measured and that l1tune bench has
medians()
{
	for kind in $(echo "$KINDS" | tr , ' '); do
		case $kind in
		cpuid) echo cpuid cpuid ;;
		out) echo out pio_user ;;
		ept) echo ept ept_4k ;;
		esac
	done > "$tmp/kinds"
	# shellcheck disable=SC2046 # words on purpose
	l1tune bench --json $(cut -d ' ' -f 2 "$tmp/kinds") | sed 's/{"kind":/\n&/g' > "$tmp/bench"
	while read -r kind its_name; do
		median=$(sed -n "/^{\"kind\": *\"$its_name\"/s/.*\"median_cycles\": *\([0-9]*\).*/\1/p" "$tmp/bench")
		echo "median $1 $kind ${median:-nothing}"
	done < "$tmp/kinds"
}

while getopts o:k:c:lm option; do
	case $option in
	o) OBSERVERS=$OPTARG ;;
	k) KINDS=$OPTARG ;;
	c) CROWD_KINDS=$OPTARG ;;
	l) ask_l0=l ;;
	m) medians=1 ;;
	*) exit 2 ;;
	esac
done

# Where things are in memory is chance; here it should not be.
echo 0 > /proc/sys/kernel/randomize_va_space
# What polls for the end of a sleep is not asleep.
echo 0 > /sys/module/kvm/parameters/halt_poll_ns
for observer in $(echo "$OBSERVERS" | tr , ' '); do
	start_observer "$observer" || continue
	if [ -n "$medians" ]; then
		medians "$observer"
	else
		for kind in $(echo "$KINDS" | tr , ' '); do
			measure "$observer" "$kind" 1
		done
		for kind in $(echo "$CROWD_KINDS" | tr , ' '); do
			measure "$observer" "$kind" 64
		done
	fi
	stop_observer "$observer"
done
