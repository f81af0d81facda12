#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Each part of an exit's time is one thing: a program keeps its vCPU from running
# in one known way and says for how long by its own clock. Wants deterministic
# time (VMX, or SVM with --icount) and one CPU.
#
#	guest   OUT |                                 | next OUT
#	VMM         | spin or sleep, N ms by its clock |
#	l1tune      | vmm,    vmm_sleep                |
. "${0%/*}/lib.sh"

# close WHAT WANTED GOT COUNT: within 1 % or 20 us an exit
close()
{
	ktap_print_msg "$1: wanted $2, got $3"
	awk -v want="$2" -v got="$3" -v count="$4" 'BEGIN {
		off = got > want ? got - want : want - got
		exit !(off <= want / 100 || off <= count * 20000)
	}'
}

# sample NAME: a document about a guest, for what follows
sample()
{
	l1tune stat "pid:$(pid "$1")" --json | sed 's/.*"l2"//' > "$TMP/json"
}

# part REASON KEY: of a reason in the sample, which goes by its name on VMX
part()
{
	case $(isa)-$1 in
	svm-IO_INSTRUCTION) name=io ;;
	svm-EPT_VIOLATION) name=npf ;;
	*) name=$1 ;;
	esac
	sed 's/{"reason"/\n&/g' "$TMP/json" | grep "^{\"reason\": *\"$name\"" |
		sed -n "s/.*\"$2\": *\([0-9]*\).*/\1/p"
}

# others REASON PART: the sum of all but that, KVM's own and the VMM's time
others()
{
	sum=0
	for other in vmm_sleep halted blocked runq throttled; do
		[ $other = "$2" ] || sum=$((sum + $(part "$1" ${other}_ns)))
	done
	echo $sum
}

# is_all_in HOW MS COUNT REASON PART: what "parts" did is in that part of it
is_all_in()
{
	background "$1" parts "$1" "$2" "$3"
	within 60 said "$1" did
	wait_for has_guest "$1"
	sample "$1"
	did=$(sed -n 's/^did //p' "$TMP/$1")
	close "$4, ${5}_ns" "$did" "$(part "$4" "${5}_ns")" "$3" &&
		close "$4, all others asleep or waiting" 0 "$(others "$4" "$5")" "$3"
}

state_of()
{
	l1tune list "pid:$(pid "$1")" --vcpus --noheadings -o STATE | xargs
}

ktap_print_header
ktap_set_plan 9

load
is_all_in sleep 20 50 IO_INSTRUCTION vmm_sleep
result "a VMM that sleeps 20 ms for each OUT: vmm_sleep"
close "IO_INSTRUCTION, vmm_ns" 0 "$(part IO_INSTRUCTION vmm_ns)" 500
result "and what it computes for that is vmm"
equal "state" asleep "$(state_of sleep)"
result "a guest whose VMM sleeps outside KVM_RUN is shown in state asleep"
before=$(part HLT vmm_sleep_ns)
sleep 2
sample sleep
[ "$(part HLT vmm_sleep_ns)" -ge $((before + 2000000000)) ] && close "HLT, vmm_ns" 0 "$(part HLT vmm_ns)" 50
result "and its time is vmm_sleep, up to now"

is_all_in spin 20 50 IO_INSTRUCTION vmm
result "a VMM that computes 20 ms for each OUT: vmm"
is_all_in both 20 50 IO_INSTRUCTION vmm_sleep
close "IO_INSTRUCTION, vmm_ns" $((50 * 20000000)) "$(part IO_INSTRUCTION vmm_ns)" 500
result "a VMM that computes 10 ms, sleeps 20, computes 10: vmm and vmm_sleep"
is_all_in page 20 15 EPT_VIOLATION blocked
result "a page that comes after 20 ms: blocked"

start busy --forever out=100
wait_for has_guest busy
wait_for has_exits "$(guest_of busy)"
kill -STOP "$(pid busy)"
sleep 1
equal "state" paused "$(state_of busy)"
result "a guest whose VMM is stopped is shown in state paused"
busy=$(l1tune list --json | sed 's/.*"l2"//' | sed 's/{"id"/\n&/g' | grep "\"pid\": *$(pid busy)," | sed -n 's/.*"busy_ns": *\([0-9]*\).*/\1/p')
sleep 2
after=$(l1tune list --json | sed 's/.*"l2"//' | sed 's/{"id"/\n&/g' | grep "\"pid\": *$(pid busy)," | sed -n 's/.*"busy_ns": *\([0-9]*\).*/\1/p')
close "busy time of 2 s" "$busy" "$after" 1
result "and it is not busy"
kill -CONT "$(pid busy)"
kill_guests

unload
ktap_finished
