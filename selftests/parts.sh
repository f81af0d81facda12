#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Each part of an exit's time is one thing: a program keeps its vCPU from running
# in one known way and says for how long by its own clock. Wants deterministic
# time (VMX, or SVM with --icount) and one CPU.
#
#	guest	what keeps it, and who says for how long	where it is to be
#	OUT	its VMM sleeps, or does not run it: itself	vmm_sleep
#	OUT	its VMM computes: itself			vmm
#	a page	another thread fills it later: that thread	blocked
#	CPUID	a program computes on its CPU: the kernel	runq
#	CPUID	a quota of its cgroup: the kernel		runq, and QUOTA
#	any	its VMM is stopped				vmm_sleep
#
# HLT and its timer are in split.sh, a pace is in pace.sh.
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

# little WHAT GOT OF: at most 1 % of that
little()
{
	ktap_print_msg "$1: $2 of $3"
	[ "$2" -le $(($3 / 100)) ]
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
	svm-*) name=$(echo "$1" | tr A-Z a-z) ;;
	*) name=$1 ;;
	esac
	sed 's/{"reason"/\n&/g' "$TMP/json" | grep "^{\"reason\": *\"$name\"" |
		sed -n "s/.*\"$2\": *\([0-9]*\).*/\1/p"
}

# whole KEY: of the guest in the sample
whole()
{
	sed "s/\"$1\"/\n&/" "$TMP/json" | sed -n "s/^\"$1\": *\([0-9]*\).*/\1/p"
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
	# To look every now and then would take the CPU from it.
	sleep $((1 + $2 * $3 / 500))
	within 60 said "$1" did
	wait_for has_guest "$1"
	sample "$1"
	did=$(sed -n 's/^did //p' "$TMP/$1")
	close "$4, ${5}_ns" "$did" "$(part "$4" "${5}_ns")" "$3" &&
		little "$4, all others asleep or waiting" "$(others "$4" "$5")" "$did"
}

state_of()
{
	l1tune list "pid:$(pid "$1")" --vcpus --noheadings -o STATE | xargs
}

# own_cgroup LIMIT: moves the guest "busy" into one with that cpu.max
own_cgroup()
{
	mkdir "$TMP/cgroup" &&
		mount -t cgroup2 none "$TMP/cgroup" &&
		echo +cpu > "$TMP/cgroup/cgroup.subtree_control" &&
		mkdir "$TMP/cgroup/vmm" &&
		echo "$1" > "$TMP/cgroup/vmm/cpu.max" &&
		pid busy > "$TMP/cgroup/vmm/cgroup.procs"
} 2> /dev/null

# look: sets runq and quota. The shell alone: a program would take the CPU for longer.
look()
{
	read -r runq < "$guest/runq_time_ns"
	while read -r key value; do
		[ "$key" != throttled_usec ] || quota=$((value * 1000))
	done < "$TMP/cgroup/vmm/cpu.stat"
} 2> /dev/null

ktap_print_header
needs_steady_time
on_one_cpu
ktap_set_plan 13

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
[ "$(part HLT vmm_sleep_ns)" -ge $((before + 2000000000)) ] && little "HLT, vmm_ns" "$(part HLT vmm_ns)" "$(part HLT vmm_sleep_ns)"
result "and its time is vmm_sleep, up to now"

is_all_in spin 20 50 IO_INSTRUCTION vmm
result "a VMM that computes 20 ms for each OUT: vmm"
is_all_in both 20 50 IO_INSTRUCTION vmm_sleep
close "IO_INSTRUCTION, vmm_ns" $((50 * 20000000)) "$(part IO_INSTRUCTION vmm_ns)" 500
result "a VMM that computes 10 ms, sleeps 20, computes 10: vmm and vmm_sleep"
is_all_in page 20 15 EPT_VIOLATION blocked
result "a page that comes after 20 ms: blocked"

# A guest that always wants the CPU: what others get of it is what it waits.
start busy --forever cpuid=1000
wait_for has_guest busy
wait_for has_exits "$(guest_of busy)"
guest=$(guest_of busy)
look
before=$runq
hog 3000
look
close "runq_ns beside 3 s of another program" 3000000000 $((runq - before)) 1
result "a program that computes beside it: runq"
sample busy
equal "vmm_sleep, halted, blocked, throttled" "0 0 0 0" \
	"$(whole vmm_sleep_ns) $(whole halted_ns) $(whole blocked_ns) $(whole throttled_ns)"
result "and nothing else"

description="a quota of its VMM's cgroup: runq"
if own_cgroup "20000 100000"; then
	sleep 1
	look
	before=$runq quota_before=$quota
	sleep 4
	look
	# The two are read at one moment of a period each, which is 100 ms.
	close "runq_ns while the cgroup is throttled" $((quota - quota_before)) $((runq - before)) 5000
	result "$description"
	sample busy
	look
	close "quota_ns since the guest started" $quota "$(whole quota_ns)" 5000
	result "and the tool says that it is the quota's"
	echo max > "$TMP/cgroup/vmm/cpu.max"
else
	ktap_test_skip "$description" "no cgroup v2 with a controller for the CPU"
	ktap_test_skip "and the tool says that it is the quota's" "no cgroup v2 with a controller for the CPU"
fi

stop busy
sleep 1
equal "state" paused "$(state_of busy)"
result "a guest whose VMM is stopped is shown in state paused"
sample busy
busy=$(whole busy_ns)
sleep 2
sample busy
equal "busy time of 2 s" "$busy" "$(whole busy_ns)"
result "and it is not busy"
kill -CONT "$(pid busy)"
kill_guests

[ ! -d "$TMP/cgroup/vmm" ] || { rmdir "$TMP/cgroup/vmm"; umount "$TMP/cgroup"; }

unload
ktap_finished
