#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# max_exits_per_sec also limits exits by the guest's own timer, and by its VMM's requests.
#
#	guest:  idle, interrupted by its own timer ──> exits that it caused
#	VMM:    asks in each KVM_RUN for a window  ──> an exit each
#	limit:  100 exits a second, in addition to those that the host causes
. "${0%/*}/lib.sh"

LIMIT=100
SECONDS_LONG=3

# is_going NAME: whether it has used up its burst of a tenth of a second
is_going()
{
	[ "$(kvm_exits "$1" 2> /dev/null || echo 0)" -gt $((LIMIT / 10)) ]
}

# rate KIND: exits per second of such a guest after its start, by KVM's count
rate()
{
	background "$1" spin "$1" $((SECONDS_LONG + 10))
	wait_for is_going "$1"
	from=$(kvm_exits "$1")
	start_cs=$(uptime_cs)
	sleep $SECONDS_LONG
	exits=$(($(kvm_exits "$1") - from))
	took=$(($(uptime_cs) - start_cs))
	let_go "$1"
	echo $((exits * 100 / took))
}

# The guest cannot avoid exits for the host's own interrupts: $busy is their rate.
holds()
{
	[ "$1" -le $((busy + LIMIT * 6 / 5)) ]
}

ktap_print_header
needs_steady_time
ktap_set_plan 7
load

free=$(rate timer)
free_window=$(rate window)
limit max_exits_per_sec $LIMIT
busy=$(rate busy)
timer=$(rate timer)
no_eoi=$(rate timer_no_eoi)
window=$(rate window)
cpuid=$(rate cpuid)
ktap_print_msg "exits a second: $free by a timer and $free_window by windows without a limit; limit $LIMIT: $busy without a timer, $timer by a timer, $no_eoi by a timer without EOI, $window by windows, $cpuid by CPUID"
[ "$free" -gt $((busy + 5 * LIMIT)) ]
result "without a limit a guest's timer makes it exit much more often than the limit"
holds "$timer"
result "max_exits_per_sec=$LIMIT limits a guest with a periodic timer"
holds "$no_eoi"
result "max_exits_per_sec=$LIMIT limits a guest that does not end its interrupts"
[ "$free_window" -gt $((busy + 5 * LIMIT)) ]
result "without a limit a VMM that asks for windows makes its guest exit much more often than the limit"
holds "$window"
result "max_exits_per_sec=$LIMIT limits a guest whose VMM asks for windows"
holds "$cpuid"
result "max_exits_per_sec=$LIMIT limits a guest that executes CPUID in a loop"

# Its thread queues the same work as the timer's interrupt does.
limit max_exits_per_sec 1
timeout -s KILL 120 tick_runs $SECONDS_LONG > "$TMP/tick_runs" 2>&1
status=$?
ktap_print_msg "$(cat "$TMP/tick_runs")"
equal "exit status" 0 $status && within 30 has_guests 0
result "a paced guest whose timer fires at any moment of entering KVM_RUN runs and ends without an error"

unload
ktap_finished
