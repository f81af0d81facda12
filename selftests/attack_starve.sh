#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A user keeps threads ready to run that hardly get a CPU. A kernel that can be preempted
# then needs minutes to release a hook (Tasks RCU). Nobody else may wait for that.
#
#	starved:  THREADS threads that share 1 ms of CPU time a second
#	limited:  has a max_exits_per_sec of its own, and ends ──> others appear and end
#	root:     echo 1 > limits/max_vms ──> refuses at once, though the write waits
. "${0%/*}/lib.sh"

THREADS=40
# The least that the kernel allows
QUOTA="1000 1000000"
STARVED=$CGROUPS/starved

starve()
{
	mount_cgroups cpu &&
		mkdir "$STARVED" &&
		echo "$QUOTA" > "$STARVED/cpu.max" || return
	i=0
	while [ $i -lt $THREADS ]; do
		i=$((i + 1))
		background "starved$i" hog 3600000
	done
	# What still starts a program there may hold locks that all need.
	sleep 1
	i=0
	while [ $i -lt $THREADS ]; do
		i=$((i + 1))
		pid "starved$i" > "$STARVED/cgroup.procs" || return
	done
}

# feed: without a quota they can end
feed()
{
	echo max > "$STARVED/cpu.max"
	i=0
	while [ $i -lt $THREADS ]; do
		i=$((i + 1))
		let_go "starved$i"
	done
	within 30 rmdir "$STARVED" 2> /dev/null
}

# written NAME VALUE: sets a limit in the background, and says so when the write is back
written()
{
	background "write$1" sh -c "echo $2 > $L1/limits/$1 && echo back"
}

limit_is()
{
	[ "$(value "limits/$1")" = "$2" ]
}

ktap_print_header
needs_disposable "threads that hardly get a CPU delay all users of ftrace"
needs_cpus 2
case $(uname -v) in
*PREEMPT*) ;;
*) skip_all "this kernel does not wait for such threads" ;;
esac
ktap_set_plan 5

load
start limited --forever cpuid=100
wait_for has_guest limited
echo 1000000 > "$(guest_of limited)/limits/max_exits_per_sec"
# Limits on VMs have their hook, so that nothing has to be attached.
limit max_vms 100
equal "hooks" "ok ok 1" "$(value hooks/throttle) $(value hooks/refuse_vm) $(value effective/max_exits_per_sec)" && starve
result "a guest has a rate of its own while threads hardly get a CPU"

let_go limited
wait_for has_guests 0
start next --forever cpuid=100
wait_for has_guest next
result "after its end other guests appear at once"
equal "hook, effective" "ok 0" "$(value hooks/throttle) $(value effective/max_exits_per_sec)"
result "its hook is still attached, and no rate is in force"

written max_vms 1
wait_for limit_is max_vms 1 && asks EDQUOT vm && ! said writemax_vms back
result "a limit is in force while its write waits until the hook is released"

feed
within 60 said writemax_vms back && equal "hook" off "$(value hooks/throttle)" && end next && no_limits && unload
result "the hook is released when the threads are gone"
ktap_finished
