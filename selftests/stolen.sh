#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Time that L0 steals from a guest. The guest has this machine's only CPU nearly all
# the time, so its stolen time is what this kernel counts as stolen from the CPU. SCENE
# is "hog" (L0's CPU is busy), "alone" or "unknown" (no steal clock). L0's own count is
# compared outside, see step_stolen in selftests/check.
. "${0%/*}/lib.sh"

WINDOW=10

# tell_l0 NAME: an emulated L0 prints the run delay of the thread that runs this
# machine's CPU
tell_l0()
{
	[ -e /l1/env ] || return 0
	# shellcheck source=/dev/null
	. /l1/env
	printf '\036%s:count %s\036' "$L1_NONCE" "$1"
}

# near WHAT WANTED GOT [LESS]: within 5 %, or 1 % of the window; up to LESS below is right, too
near()
{
	ktap_print_msg "$1: wanted $2, got $3${4:+, as much as $4 less is right}"
	awk -v want="$2" -v got="$3" -v less="${4:-0}" -v window=$WINDOW 'BEGIN {
		off = got > want ? got - want : want > got + less ? want - less - got : 0
		exit !(off <= want / 20 || off <= window * 1e9 / 100)
	}'
}

# waited PID: time that it waited for a CPU, by the scheduler; without a child process
waited()
{
	waited_ns=0
	for task in "/proc/$1/task"/*; do
		read -r _ delay _ < "$task/schedstat"
		waited_ns=$((waited_ns + delay))
	done
}

# most_of WHAT WANTED GOT: for a lower bound: four fifths with a hog. Without a hog L0's own
# threads take little at a time, and much of it while other programs have the CPU.
most_of()
{
	[ "$SCENE" = hog ] && least=0.8 || least=0.2
	ktap_print_msg "$1: wanted $2, got $3"
	awk -v want="$2" -v got="$3" -v least=$least 'BEGIN { exit !(got >= want * least && got <= want * 1.05) }'
}

# at NAME: saves all counts at that moment in $TMP/NAME.*: the guest's, this kernel's own
# up to its last tick, and L0's. Without a child process, because time stolen from other
# programs is not the guest's. The guest never sleeps: it waits while others have the CPU.
at()
{
	read -r guest < "$busy/stolen_time_ns"
	read -r vmm < "$busy/pid"
	waited "$vmm"
	read -r _ _ _ _ _ _ _ _ ticks _ < /proc/stat
	tell_l0 "$1"
	echo "$guest" > "$TMP/$1.guest"
	echo "$waited_ns" > "$TMP/$1.waited"
	echo $((ticks * 10000000)) > "$TMP/$1.cpu"
	uptime_cs > "$TMP/$1.cs"
	ktap_print_msg "guest-stolen-at $1 $guest $waited_ns"
}

# grown WHAT [PREFIX]: its growth between the two moments
grown()
{
	echo $(($(cat "$TMP/${2-}end.$1") - $(cat "$TMP/${2-}begin.$1")))
}

# reasons_stolen NAME: sum of stolen_ns over a guest's reasons
reasons_stolen()
{
	l1tune stat "pid:$(pid "$1")" --json | sed 's/.*"l2"//; s/{"reason"/\n&/g' |
		sed -n 's/^{"reason".*"stolen_ns": *\([0-9]*\).*/\1/p' | awk '{ n += $1 } END { printf "%.0f", n }'
}

test_unknown()
{
	ktap_set_plan 6
	load
	runs busy --forever cpuid=100
	busy=$(guest_of busy)
	equal steal_clock not_offered "$(value steal_clock)"
	result "l1/steal_clock is not_offered if L0 offers no steal clock"
	equal stolen_time_ns unknown "$(cat "$busy/stolen_time_ns")"
	result "a guest's stolen_time_ns is unknown without a steal clock"
	equal stolen_time_ns unknown "$(value totals/stolen_time_ns)"
	result "the host's stolen_time_ns is unknown without a steal clock"
	! grep -qa stolen_ns "$busy/stats"
	result "the file stats has no stolen_ns without a steal clock"
	l1tune stat --json | grep -q '"stolen_ns": *null' && ! l1tune stat --json | grep -q '"stolen_ns": *[0-9]'
	result "stat --json has stolen_ns null without a steal clock"
	l1tune export > "$TMP/export" && ! grep -q '^l1tune_.*_stolen_' "$TMP/export"
	result "export has no metric of stolen time without a steal clock"
}

test_known()
{
	ktap_set_plan 7
	load
	equal steal_clock ok "$(value steal_clock)"
	result "l1/steal_clock is ok if L0 offers a steal clock"
	runs busy --forever cpuid=1000
	busy=$(guest_of busy)
	sleep 1
	at begin
	sleep $WINDOW
	at end
	near "stolen from the guest" "$(grown cpu)" "$(grown guest)" "$(grown waited)"
	result "time stolen from the CPU is stolen from the guest that has it"

	share=$(($(grown guest) / 100000 / $(grown cs)))
	ktap_print_msg "$share % of the time was stolen"
	case $SCENE in
	hog) [ $share -gt 30 ] && [ $share -lt 70 ] ;;
	# L0's own threads take some, too.
	alone) [ $share -lt 12 ] ;;
	esac
	result "the stolen time is about half of the time with a hog in L0, and little without"

	reasons=$(reasons_stolen busy)
	ktap_print_msg "stolen in exits: $reasons of $(cat "$busy/exit_time_ns") ns"
	[ "$reasons" -le "$(cat "$busy/stolen_time_ns")" ] && [ "$reasons" -le "$(cat "$busy/exit_time_ns")" ] && { [ "$SCENE" = alone ] || [ "$reasons" -gt 0 ]; }
	result "time stolen in exits is at most the guest's stolen time, and at most its exit time"

	kill_guests
	# A VMM that computes for its guest: nearly all the vCPU's time is that exit's.
	background spin parts spin 20 100
	within 120 said spin did
	wait_for has_guest spin
	near "stolen in exits to a VMM that computes" "$(cat "$(guest_of spin)/stolen_time_ns")" "$(reasons_stolen spin)"
	result "time stolen while the VMM computes is stolen from the exit"

	kill_guests
	# It loses its CPU in each 20 ms, for a few hundredths of them: in that time stolen
	# time is not certain to be its own.
	background spin parts spin 20 100000
	wait_for has_guest spin
	busy=$(guest_of spin)
	background beside hog 100000 10
	sleep 1
	at spin_begin
	sleep $WINDOW
	at spin_end
	most_of "stolen from a VMM that computes" "$(grown cpu spin_)" "$(grown guest spin_)"
	result "a VMM that sometimes loses its CPU is charged for most of the time stolen by a hog, and never for more"
	kill -KILL "$(pid beside)"

	kill_guests
	runs idle --forever halt=1 --period-us 100000
	sleep 2
	idle_stolen=$(cat "$(guest_of idle)/stolen_time_ns")
	ktap_print_msg "stolen from the idle guest: $idle_stolen"
	[ "$idle_stolen" -lt 400000000 ]
	result "a halted guest has at most a fifth of its time stolen"
}

ktap_print_header
case ${SCENE-} in
hog | alone) test_known ;;
unknown) test_unknown ;;
*) skip_all "SCENE must say what L0 does: hog, alone or unknown" ;;
esac
kill_guests

unload
ktap_finished
