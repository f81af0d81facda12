#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Parts of exit times: a program keeps its vCPU from running in one known way, and
# measures for how long by its own clock. Needs deterministic time (VMX, or SVM with
# --icount) and one CPU.
#
#	guest	what stops it, and who measures the time	expected part
#	OUT	its VMM sleeps, or does not run it: itself	vmm_sleep
#	OUT	its VMM computes: itself			vmm
#	a page	another thread fills it later: that thread	blocked
#	RDMSR	another thread holds a mutex of KVM: a third	blocked
#	HLT	its own halt, until its timer: the guest	halted
#	HLT	a program that computes when it is woken: the scheduler	runq
#	CPUID	a program computes on its CPU: the scheduler	runq
#	CPUID	a quota of its cgroup: the kernel		runq, and QUOTA
#	CPUID	a limit of ours: the scheduler			throttled
#	any	its VMM is stopped, or its cgroup frozen	vmm_sleep
. "${0%/*}/lib.sh"

# 20 us, or 10,000 cycles, which are longer on an emulated CPU of 50 MHz
EXIT_NS=$(awk '/^cpu MHz/ { ns = 10000 * 1000 / $4; printf "%d", (ns > 20000 ? ns : 20000); exit }' /proc/cpuinfo)

# close WHAT WANTED GOT COUNT: within 1 %, or EXIT_NS per exit
close()
{
	ktap_print_msg "$1: wanted $2, got $3"
	awk -v want="$2" -v got="$3" -v most="$(($4 * EXIT_NS))" 'BEGIN {
		off = got > want ? got - want : want - got
		exit !(off <= want / 100 || off <= most)
	}'
}

# little WHAT GOT OF: GOT is at most 1 % of OF
little()
{
	ktap_print_msg "$1: $2 of $3"
	[ "$2" -le $(($3 / 100)) ]
}

# sample NAME: takes a sample of a guest, for the functions below
sample()
{
	l1tune stat "pid:$(pid "$1")" --json | sed 's/.*"l2"//' > "$TMP/json"
}

# part REASON KEY: value of a reason in the sample; REASON is its name on VMX
part()
{
	case $(isa)-$1 in
	svm-IO_INSTRUCTION) name=io ;;
	svm-EPT_VIOLATION) name=npf ;;
	svm-MSR_READ) name=msr ;;
	svm-*) name=$(echo "$1" | tr A-Z a-z) ;;
	*) name=$1 ;;
	esac
	sed 's/{"reason"/\n&/g' "$TMP/json" | grep "^{\"reason\": *\"$name\"" |
		sed -n "s/.*\"$2\": *\([0-9]*\).*/\1/p"
}

# whole KEY: value of the whole guest in the sample
whole()
{
	sed "s/\"$1\"/\n&/" "$TMP/json" | sed -n "s/^\"$1\": *\([0-9]*\).*/\1/p"
}

# others REASON PART: sum of all parts except that one, kernel and vmm
others()
{
	sum=0
	for other in vmm_sleep halted blocked runq throttled; do
		[ $other = "$2" ] || sum=$((sum + $(part "$1" ${other}_ns)))
	done
	echo $sum
}

# is_in NAME DID COUNT REASON PART: DID ns of the guest are in that part of the reason
is_in()
{
	wait_for has_guest "$1"
	sample "$1"
	close "$4, ${5}_ns" "$2" "$(part "$4" "${5}_ns")" "$3" &&
		little "$4, all others asleep or waiting" "$(others "$4" "$5")" "$2"
}

# is_all_in NAME MS COUNT REASON PART COMMAND…: the time that the command reports is in that
# part. Of a page it leaves out two switches between threads, to the one that fills it and back.
is_all_in()
{
	name=$1 ms=$2 count=$3 reason=$4 kind=$5
	shift 5
	background "$name" "$@" "$ms" "$count"
	# Polling would take CPU time from it.
	sleep $((1 + ms * count / 500))
	within 60 said "$name" did
	[ "$name" != page ] || count=$((2 * count))
	is_in "$name" "$(sed -n 's/^did //p' "$TMP/$name")" "$count" "$reason" "$kind"
}

state_of()
{
	l1tune list "pid:$(pid "$1")" --vcpus --noheadings -o STATE | xargs
}

# own_cgroup LIMIT: moves the guest "busy" into a cgroup with that cpu.max
own_cgroup()
{
	mount_cgroups cpu &&
		mkdir "$CGROUPS/vmm" &&
		echo "$1" > "$CGROUPS/vmm/cpu.max" &&
		pid busy > "$CGROUPS/vmm/cgroup.procs"
} 2> /dev/null

has_state()
{
	[ "$(state_of "$1")" = "$2" ]
}

# freeze_v2: freezes the guest "busy" by its cgroup
freeze_v2()
{
	[ -e "$CGROUPS/vmm/cgroup.freeze" ] &&
		echo 1 > "$CGROUPS/vmm/cgroup.freeze" &&
		wait_for grep -qx "frozen 1" "$CGROUPS/vmm/cgroup.events"
}

thaw_v2()
{
	echo 0 > "$CGROUPS/vmm/cgroup.freeze"
} 2> /dev/null

freeze_v1()
{
	mkdir "$TMP/freezer" &&
		mount -t cgroup -o freezer none "$TMP/freezer" &&
		mkdir "$TMP/freezer/vmm" &&
		pid busy > "$TMP/freezer/vmm/cgroup.procs" &&
		echo FROZEN > "$TMP/freezer/vmm/freezer.state" &&
		wait_for grep -qx FROZEN "$TMP/freezer/vmm/freezer.state"
} 2> /dev/null

thaw_v1()
{
	[ -d "$TMP/freezer/vmm" ] || return
	echo THAWED > "$TMP/freezer/vmm/freezer.state"
	pid busy > "$TMP/freezer/cgroup.procs"
	rmdir "$TMP/freezer/vmm"
	umount "$TMP/freezer"
}

# order: names of the guests in the order of l1tune list, over an interval
order()
{
	l1tune list -i 2 -c 1 --noheadings -o NAME | xargs
}

# look_at_pace: sets ran, waited (by the scheduler), throttled and elsewhere
look_at_pace()
{
	cs=$(uptime_cs)
	ran=0 waited=0 elsewhere=0
	for task in /proc/"$(pid busy)"/task/*; do
		read -r task_ran task_waited _ < "$task/schedstat"
		ran=$((ran + task_ran)) waited=$((waited + task_waited))
	done
	read -r throttled < "$guest/throttled_time_ns"
	for other in vmm vmm_sleep halted blocked; do
		read -r ns < "$guest/${other}_time_ns"
		elsewhere=$((elsewhere + ns))
	done
}

# paced: how long the thread slept in 20 s by the scheduler, and by the module
paced()
{
	look_at_pace
	cs_before=$cs used_before=$((ran + waited)) throttled_before=$throttled elsewhere_before=$elsewhere
	# Reading takes Bochs so long that it would affect a shorter time.
	sleep 20
	look_at_pace
	asleep=$(((cs - cs_before) * 10000000 - (ran + waited - used_before)))
	throttled=$((throttled - throttled_before))
	elsewhere=$((elsewhere - elsewhere_before))
}

# look: sets runq, quota, and by the scheduler: delay, for how long the guest's threads had no
# CPU, and turns, how often they got one. No child process, which would take the CPU for longer.
look()
{
	delay=0 turns=0
	for task in /proc/"$busy"/task/*; do
		read -r _ task_delay task_turns < "$task/schedstat"
		delay=$((delay + task_delay)) turns=$((turns + task_turns))
	done
	read -r runq < "$guest/runq_time_ns"
	while read -r key value; do
		[ "$key" != throttled_usec ] || quota=$((value * 1000))
	done < "$CGROUPS/vmm/cpu.stat"
} 2> /dev/null

# waits_beside_hog LEAST_NS MS [EVERY_MS TURN_MS]: while hog(1) computes, runq grows by that or
# more, and as the scheduler's count, which is less by what KVM does at each switch
waits_beside_hog()
{
	least=$1
	shift
	look
	before=$runq delay_before=$delay turns_before=$turns
	hog "$@"
	look
	close "runq_ns while another program computes for $1 ms" \
		$((delay - delay_before)) $((runq - before)) $((turns - turns_before)) &&
		[ $((runq - before)) -ge "$least" ]
}

ktap_print_header
needs_steady_time
on_one_cpu
# A vCPU that polls in a halt is not asleep.
borrow /sys/module/kvm/parameters/halt_poll_ns 0
ktap_set_plan 21

load
is_all_in sleep 20 50 IO_INSTRUCTION vmm_sleep parts sleep
result "time for which a VMM sleeps in each OUT is vmm_sleep"
close "IO_INSTRUCTION, vmm_ns" "$(sed -n 's/^computed //p' "$TMP/sleep")" "$(part IO_INSTRUCTION vmm_ns)" 50
result "time for which a VMM that sleeps in each OUT computes is vmm"
equal "state" asleep "$(state_of sleep)"
result "a guest whose VMM sleeps outside KVM_RUN is shown in state asleep"
before=$(part HLT vmm_sleep_ns)
sleep 2
sample sleep
[ "$(part HLT vmm_sleep_ns)" -ge $((before + 2000000000)) ] && little "HLT, vmm_ns" "$(part HLT vmm_ns)" "$(part HLT vmm_sleep_ns)"
result "vmm_sleep of a guest whose VMM still sleeps counts up to now"
is_all_in late 20 50 IO_INSTRUCTION vmm_sleep parts late
close "IO_INSTRUCTION, vmm_ns" "$(sed -n 's/^computed //p' "$TMP/late")" "$(part IO_INSTRUCTION vmm_ns)" 50
result "time for which a guest computes before each OUT is not vmm"

is_all_in spin 20 50 IO_INSTRUCTION vmm parts spin
result "time for which a VMM computes in each OUT is vmm"
is_all_in both 20 50 IO_INSTRUCTION vmm_sleep parts both
close "IO_INSTRUCTION, vmm_ns" "$(sed -n 's/^computed //p' "$TMP/both")" "$(part IO_INSTRUCTION vmm_ns)" 50
result "a VMM that computes 10 ms, sleeps 20 and computes 10 in each OUT has both vmm and vmm_sleep"
is_all_in page 20 15 EPT_VIOLATION blocked parts page
result "time until a page is filled is blocked"

description="time until another thread releases a mutex is blocked"
if is_all_in held 50 40 MSR_READ blocked held; then
	ktap_test_pass "$description"
elif said held "^skip "; then
	ktap_test_skip "$description" "$(sed -n 's/^skip //p' "$TMP/held")"
else
	ktap_test_fail "$description"
fi

# The guest's own timer sets how long it halts.
start halts --hold --period-us 50000 halt=40
sleep 6
within 60 has_held halts
is_in halts $((40 * 50000000)) 40 HLT halted
result "time of HLT until a timer of 50 ms is halted"
kill_guests

# A guest that halts needs the CPU after each wake-up, and does not get it while a real-time
# program computes.
start wakes --forever --period-us 5000 halt=1
wait_for has_guest wakes
wait_for has_exits "$(guest_of wakes)"
guest=$(guest_of wakes)
busy=$(pid wakes)
waits_beside_hog 500000000 1000 5 20
result "time for which a woken guest waits for the CPU that another program uses is runq"
kill_guests

# A guest that always needs the CPU waits while other programs use it.
start busy --forever cpuid=1000
wait_for has_guest busy
wait_for has_exits "$(guest_of busy)"
guest=$(guest_of busy)
busy=$(pid busy)
# It is more than the program's time by that of interrupts.
waits_beside_hog 3000000000 3000
result "time for which another program uses the guest's CPU is runq"
sample busy
equal "vmm_sleep, halted, blocked, throttled" "0 0 0 0" \
	"$(whole vmm_sleep_ns) $(whole halted_ns) $(whole blocked_ns) $(whole throttled_ns)"
result "time for which another program uses the guest's CPU is in no other part"

description="time for which a quota stops the VMM's cgroup is runq"
if own_cgroup "20000 100000"; then
	sleep 1
	look
	before=$runq quota_before=$quota
	sleep 4
	look
	# The two are read at different times within a period of 100 ms.
	close "runq_ns while the cgroup is throttled" $((quota - quota_before)) $((runq - before)) 5000
	result "$description"
	sample busy
	look
	close "quota_ns since the guest started" $quota "$(whole quota_ns)" 5000
	result "stat --json shows the time for which a quota stopped the guest"
	echo max > "$CGROUPS/vmm/cpu.max"
else
	ktap_test_skip "$description" "no cgroup v2 with a controller for the CPU"
	ktap_test_skip "stat --json shows the time for which a quota stopped the guest" "no cgroup v2 with a controller for the CPU"
fi

echo 100 > "$guest/limits/max_exits_per_sec"
wait_for has_state busy throttled
paced
close "throttled_ns of a paced guest" "$asleep" "$throttled" $((20 * 100))
result "throttled time of a paced guest is the time for which its thread sleeps, by the scheduler"
little "all other parts but kernel" "$elsewhere" "$asleep"
result "the time for which pacing makes a guest sleep is in no other part"
echo default > "$guest/limits/max_exits_per_sec"
exits_grow "$guest"

# Mostly halted, because a busy guest is slow on an emulator.
start beside --forever --period-us 5000 halt=1 cpuid=100
wait_for has_guest beside
for version in v2 v1; do
	description="a guest in a frozen cgroup ($version) is shown in state frozen, after a running guest"
	if freeze_$version; then
		sleep 1
		equal "state" frozen "$(state_of busy)" && equal "order" "beside busy" "$(order)"
		result "$description"
	else
		ktap_test_skip "$description" "no freezer"
	fi
	thaw_$version
done
kill -KILL "$(pid beside)"

stop busy
sleep 1
equal "state" paused "$(state_of busy)"
result "a guest whose VMM is stopped is shown in state paused"
sample busy
busy=$(whole busy_ns)
sleep 2
sample busy
equal "busy time of 2 s" "$busy" "$(whole busy_ns)"
result "busy time of a guest whose VMM is stopped does not grow"
kill -CONT "$(pid busy)"
kill_guests

[ ! -d "$CGROUPS/vmm" ] || rmdir "$CGROUPS/vmm"

unload
ktap_finished
