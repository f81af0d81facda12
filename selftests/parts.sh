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
#	RDMSR	another thread holds a mutex of KVM's: a third	blocked
#	HLT	nothing, until its timer: the guest		halted
#	CPUID	a program computes on its CPU: the kernel	runq
#	CPUID	a quota of its cgroup: the kernel		runq, and QUOTA
#	CPUID	a limit of ours: the scheduler			throttled
#	any	its VMM is stopped, or its cgroup frozen	vmm_sleep
. "${0%/*}/lib.sh"

# 20 us; or 10,000 cycles, which take longer on an emulated CPU of 50 MHz
EXIT_NS=$(awk '/^cpu MHz/ { ns = 10000 * 1000 / $4; printf "%d", (ns > 20000 ? ns : 20000); exit }' /proc/cpuinfo)

# close WHAT WANTED GOT COUNT: within 1 % or EXIT_NS an exit
close()
{
	ktap_print_msg "$1: wanted $2, got $3"
	awk -v want="$2" -v got="$3" -v most="$(($4 * EXIT_NS))" 'BEGIN {
		off = got > want ? got - want : want - got
		exit !(off <= want / 100 || off <= most)
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
	svm-MSR_READ) name=msr ;;
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

# is_in NAME DID COUNT REASON PART: so many ns of the guest are in that part of it
is_in()
{
	wait_for has_guest "$1"
	sample "$1"
	close "$4, ${5}_ns" "$2" "$(part "$4" "${5}_ns")" "$3" &&
		little "$4, all others asleep or waiting" "$(others "$4" "$5")" "$2"
}

# is_all_in NAME MS COUNT REASON PART COMMAND…: what that says it did is in that part
is_all_in()
{
	name=$1 ms=$2 count=$3 reason=$4 kind=$5
	shift 5
	background "$name" "$@" "$ms" "$count"
	# To look every now and then would take the CPU from it.
	sleep $((1 + ms * count / 500))
	within 60 said "$name" did
	is_in "$name" "$(sed -n 's/^did //p' "$TMP/$name")" "$count" "$reason" "$kind"
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

has_state()
{
	[ "$(state_of "$1")" = "$2" ]
}

# freeze_v2: the guest "busy", in its cgroup
freeze_v2()
{
	[ -e "$TMP/cgroup/vmm/cgroup.freeze" ] &&
		echo 1 > "$TMP/cgroup/vmm/cgroup.freeze" &&
		wait_for grep -qx "frozen 1" "$TMP/cgroup/vmm/cgroup.events"
}

thaw_v2()
{
	echo 0 > "$TMP/cgroup/vmm/cgroup.freeze"
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

# order: of the guests, in an interval
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

# paced: of 20 s, how long the thread was asleep, by the scheduler, and what the
# module says of that
paced()
{
	look_at_pace
	cs_before=$cs used_before=$((ran + waited)) throttled_before=$throttled elsewhere_before=$elsewhere
	# A look takes Bochs so long that it shows in less.
	sleep 20
	look_at_pace
	asleep=$(((cs - cs_before) * 10000000 - (ran + waited - used_before)))
	throttled=$((throttled - throttled_before))
	elsewhere=$((elsewhere - elsewhere_before))
}

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
# What polls for the end of a halt is not asleep.
borrow /sys/module/kvm/parameters/halt_poll_ns 0
ktap_set_plan 20

load
is_all_in sleep 20 50 IO_INSTRUCTION vmm_sleep parts sleep
result "a VMM that sleeps 20 ms for each OUT: vmm_sleep"
close "IO_INSTRUCTION, vmm_ns" "$(sed -n 's/^computed //p' "$TMP/sleep")" "$(part IO_INSTRUCTION vmm_ns)" 50
result "and what it computes for that is vmm"
equal "state" asleep "$(state_of sleep)"
result "a guest whose VMM sleeps outside KVM_RUN is shown in state asleep"
before=$(part HLT vmm_sleep_ns)
sleep 2
sample sleep
[ "$(part HLT vmm_sleep_ns)" -ge $((before + 2000000000)) ] && little "HLT, vmm_ns" "$(part HLT vmm_ns)" "$(part HLT vmm_sleep_ns)"
result "and its time is vmm_sleep, up to now"
is_all_in late 20 50 IO_INSTRUCTION vmm_sleep parts late
close "IO_INSTRUCTION, vmm_ns" "$(sed -n 's/^computed //p' "$TMP/late")" "$(part IO_INSTRUCTION vmm_ns)" 50
result "a guest that computes before each OUT for which its VMM sleeps: none of that is vmm"

is_all_in spin 20 50 IO_INSTRUCTION vmm parts spin
result "a VMM that computes 20 ms for each OUT: vmm"
is_all_in both 20 50 IO_INSTRUCTION vmm_sleep parts both
close "IO_INSTRUCTION, vmm_ns" "$(sed -n 's/^computed //p' "$TMP/both")" "$(part IO_INSTRUCTION vmm_ns)" 50
result "a VMM that computes 10 ms, sleeps 20, computes 10: vmm and vmm_sleep"
is_all_in page 20 15 EPT_VIOLATION blocked parts page
result "a page that comes after 20 ms: blocked"

description="a mutex that another thread holds for 50 ms: blocked"
if is_all_in held 50 40 MSR_READ blocked held; then
	ktap_test_pass "$description"
elif said held "^skip "; then
	ktap_test_skip "$description" "$(sed -n 's/^skip //p' "$TMP/held")"
else
	ktap_test_fail "$description"
fi

# The guest's own timer says for how long it halts.
start halts --hold --period-us 50000 halt=40
sleep 6
within 60 has_held halts
is_in halts $((40 * 50000000)) 40 HLT halted
result "HLT until a timer of 50 ms: halted"
kill_guests

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

echo 100 > "$guest/limits/max_exits_per_sec"
wait_for has_state busy throttled
paced
close "throttled_ns of a paced guest" "$asleep" "$throttled" $((20 * 100))
result "a limit of 100 exits a second: throttled, for as long as the scheduler has the thread asleep"
little "all other parts but kernel" "$elsewhere" "$asleep"
result "and nothing else"
echo default > "$guest/limits/max_exits_per_sec"
exits_grow "$guest"

# Halted mostly: what is always busy takes an emulator long.
start beside --forever --period-us 5000 halt=1 cpuid=100
wait_for has_guest beside
for version in v2 v1; do
	description="a guest in a frozen cgroup ($version) is shown in state frozen, behind one that runs"
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
result "and it is not busy"
kill -CONT "$(pid busy)"
kill_guests

[ ! -d "$TMP/cgroup/vmm" ] || { rmdir "$TMP/cgroup/vmm"; umount "$TMP/cgroup"; }

unload
ktap_finished
