#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tuning of guests of an unmodified VMM: HLT and PAUSE no longer exit, and halted vCPUs
# poll as set, by KVM's statistics and trace events. Unloading the module reverts what
# can be reverted.
. "${0%/*}/lib.sh"

TRACING=/sys/kernel/tracing

# A halt is longer than KVM polls by default, and much shorter than POLL_NS, even if
# the host is busy and the clock runs on while this machine does not.
PERIOD_US=2000
POLL_NS=400000000
# KVM polls this long at first, then twice as long after each failure. It is longer
# than a halt, so that a late wake-up costs only one failure.
GROW_START=/sys/module/kvm/parameters/halt_poll_ns_grow_start
borrow $GROW_START 10000000

if [ "$(isa)" = vmx ]; then
	HLT=12 PAUSE=40
	exits_for_pause=$([ "$(cat /sys/module/kvm_intel/parameters/ple_gap)" -gt 0 ] && echo yes)
else
	HLT=120 PAUSE=119
	exits_for_pause=$([ "$(cat /sys/module/kvm_amd/parameters/pause_filter_count)" -gt 0 ] && echo yes)
fi

tune()
{
	echo "$2" > "$L1/tune/$1"
}

# refuses FILE VALUE ERROR: writing fails with ERROR and changes nothing
refuses()
{
	before=$(cat "$1")
	said=$(write "$1" "$2")
	case $said in
	*"$3"*) ;;
	*)
		ktap_print_msg "'$2' to $1: wanted '$3', got '$said'"
		return 1
		;;
	esac
	equal "$1" "$before" "$(cat "$1")"
}

# halted NAME N: whether it has halted N times in total
halted()
{
	[ "$(kvm_stat "$1" halt_exits)" -ge "$2" ]
}

# polled NAME: sets share, the percentage of 200 halts that polled with success
polled()
{
	halts=$(kvm_stat "$1" halt_exits)
	if ! within 60 halted "$1" $((halts + 50)); then
		ktap_print_msg "$1 has not halted 50 times in a minute, $(($(kvm_stat "$1" halt_exits) - halts)) times"
		return 1
	fi
	halts=$(kvm_stat "$1" halt_exits)
	hits=$(kvm_stat "$1" halt_successful_poll)
	polls=$(kvm_stat "$1" halt_attempted_poll)
	within 60 halted "$1" $((halts + 200))
	halts=$(($(kvm_stat "$1" halt_exits) - halts))
	hits=$(($(kvm_stat "$1" halt_successful_poll) - hits))
	polls=$(($(kvm_stat "$1" halt_attempted_poll) - polls))
	ktap_print_msg "$1: of $halts halts $polls polled, $hits with success"
	[ $halts -ge 100 ] || return
	share=$((100 * hits / halts))
}

# Polling fails when another task needs the CPU, on a busy machine every other time.
polls()
{
	polled "$1" && [ $share -ge 20 ]
}

sleeps()
{
	polled "$1" && [ $share -le 5 ]
}

never_polls()
{
	polled "$1" && equal "halts that polled" 0 $polls
}

# exits_of NAME REASON VMM-ARGUMENT…: sets count, such a guest's exits for it, by the trace
exits_of()
{
	name=$1
	reason=$2
	shift 2
	event=$TRACING/events/kvm/kvm_exit
	echo > $TRACING/trace
	echo "exit_reason == $reason" > $event/filter || return
	echo 1 > $event/enable
	start "$name" --time "$@"
	finish "$name" 120
	status=$?
	echo 0 > $event/enable
	echo 0 > $event/filter
	[ $status -eq 0 ] || return
	tid=$(sed -n 's/^time vcpu=0 tid=\([0-9]*\).*/\1/p' "$TMP/$name")
	count=$(grep -c "^ *[^ ]*-$tid " $TRACING/trace)
	ktap_print_msg "$name: $count exits for reason $reason"
}

# The guest's program halts 30 times.
halts()
{
	exits_of "$1" $HLT --period-us $PERIOD_US halt=30
}

spins()
{
	exits_of "$1" $PAUSE pause=200
}

ktap_print_header
ktap_set_plan 17

start older --forever --period-us $PERIOD_US halt=10
wait_for said older vmm
load
wait_for has_guest older
older=$(guest_of older)
wait_for has_exits "$older"

equal "values at load" "default default default any" \
	"$(value tune/halt_poll_ns) $(value tune/pause_in_guest) $(value tune/hlt_in_guest) $(value tune/uid)" &&
	equal "the guest's" default "$(cat "$older/tune/halt_poll_ns")" && equal "hook" ok "$(value hooks/tune)"
result "nothing is tuned after loading"

bad=0
for wrong in "" max any -1 +1 1.5 1K 0x10 "1 1" default1; do
	for file in "$L1/tune/halt_poll_ns" "$L1/tune/pause_in_guest" "$L1/tune/hlt_in_guest" "$older/tune/halt_poll_ns"; do
		refuses "$file" "$wrong" "nvalid argument" || bad=1
	done
done
for file in "$L1/tune/halt_poll_ns" "$older/tune/halt_poll_ns"; do
	refuses "$file" 4294967296 "out of range" || bad=1
done
refuses $L1/tune/pause_in_guest 0 "nvalid argument" && refuses $L1/tune/hlt_in_guest 0 "nvalid argument" &&
	refuses $L1/tune/uid default "nvalid argument" && [ $bad = 0 ]
result "tuning files refuse invalid values"
refuses $L1/tune/hlt_in_guest 1 "nvalid argument" && tune uid 0 && tune hlt_in_guest 1 &&
	equal "hlt_in_guest" 1 "$(value tune/hlt_in_guest)" && tune uid any &&
	equal "hlt_in_guest" default "$(value tune/hlt_in_guest)"
result "hlt_in_guest needs a uid, and is reset when uid becomes any"

sleeps older
result "a guest sleeps in halts longer than KVM's default polling"
echo $POLL_NS > "$older/tune/halt_poll_ns"
equal "the guest's" $POLL_NS "$(cat "$older/tune/halt_poll_ns")" && polls older
result "a running guest polls longer when its halt_poll_ns is raised"
echo 0 > "$older/tune/halt_poll_ns"
never_polls older
result "a running guest does not poll with halt_poll_ns=0"
echo $POLL_NS > "$older/tune/halt_poll_ns" && echo default > "$older/tune/halt_poll_ns" &&
	equal "the guest's" default "$(cat "$older/tune/halt_poll_ns")" && sleeps older
result "a running guest polls as before with halt_poll_ns=default"

tune halt_poll_ns $POLL_NS && tune uid 1000
runs other --forever --period-us $PERIOD_US halt=10
other=$(guest_of other)
check "tuning for one user's guests does not change another user's" equal "the guest's" default "$(cat "$other/tune/halt_poll_ns")"
kill -KILL "$(pid other)"
tune uid 0
runs newer --forever --period-us $PERIOD_US halt=10
newer=$(guest_of newer)
kill -KILL "$(pid older)"
equal "the new guest's" $POLL_NS "$(cat "$newer/tune/halt_poll_ns")" && polls newer
result "a new guest of the selected user polls as the host's setting says"
tune halt_poll_ns default
polls newer
result "a guest keeps its polling when the host's setting is reset"

halts plain && equal "HLT exits" 30 "$count"
result "without tuning each HLT exits"
tune hlt_in_guest 1
halts halting && equal "HLT exits" 0 "$count"
result "with hlt_in_guest no HLT exits"

if [ -n "$exits_for_pause" ]; then
	spins spinning && [ "$count" -gt 0 ]
	result "without tuning a spinning guest has PAUSE exits"
	tune pause_in_guest 1
	spins dedicated && equal "PAUSE exits" 0 "$count"
	result "with pause_in_guest a spinning guest has no PAUSE exit"
else
	ktap_test_skip "without tuning a spinning guest has PAUSE exits" "this CPU has no pause-loop exiting"
	ktap_test_skip "with pause_in_guest a spinning guest has no PAUSE exit" "this CPU has no pause-loop exiting"
fi
tune uid 1000
halts named && equal "HLT exits" 30 "$count"
result "hlt_in_guest for one user does not affect another user's guests"

tune uid 0
start keeps --hold --time --period-us $PERIOD_US halt=30
wait_for said keeps holding
unload
kept=$(kvm_stat keeps halt_exits)
equal "HLT exits of the guest that has it" 0 "$kept" && sleeps newer
result "after unloading a guest polls as before, and keeps hlt_in_guest"
halts after && equal "HLT exits" 30 "$count" && { [ -z "$exits_for_pause" ] || { spins again && [ "$count" -gt 0 ]; }; }
result "after unloading new guests have HLT and PAUSE exits"

kill_guests
ktap_finished
