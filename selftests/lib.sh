# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Shared by the tests. They run as root, in any POSIX shell, on a machine with KVM and no
# other guests; each loads the module itself and leaves it unloaded.
# L1TUNE_TEST marks all processes of a test, see started(). The shell and its subshells
# have it in their environment only if it was set when the shell started.
if [ -z "${L1TUNE_TEST-}" ]; then
	L1TUNE_TEST=$(mktemp -d)
	export L1TUNE_TEST
	exec sh "$0" "$@"
fi

HERE=$(cd "${0%/*}" && pwd)
TMP=$L1TUNE_TEST
. "$HERE/ktap.sh"
. "$HERE/host.sh"

CLASS=/sys/class/l1tune
L1=$CLASS/l1
# Where mount_cgroups mounts them
CGROUPS=$TMP/cgroups
# A uid that no machine uses
TEST_UID=64123
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

clean_up()
{
	kill_started
	give_back
	unmount_cgroups
	rm -rf "$TMP"
}

# mount_cgroups [CONTROLLER…]: mounts the machine's tree of cgroups (v2) until the test ends, with
# these controllers for the groups in it; fails if this kernel lacks one. A test removes its groups.
mount_cgroups()
{
	mkdir "$CGROUPS" && mount -t cgroup2 none "$CGROUPS" || return
	for controller; do
		grep -qw "$controller" "$CGROUPS/cgroup.subtree_control" && continue
		echo "+$controller" > "$CGROUPS/cgroup.subtree_control" || return
		added_controllers="$added_controllers $controller"
	done
} 2> /dev/null

unmount_cgroups()
{
	[ -e "$CGROUPS/cgroup.procs" ] || return 0
	for controller in $added_controllers; do
		echo "-$controller" > "$CGROUPS/cgroup.subtree_control"
	done
	umount "$CGROUPS"
} 2> /dev/null

isa()
{
	grep -qw svm /proc/cpuinfo && echo svm || echo vmx
}

# The vendor module of KVM
kvm_vendor()
{
	if [ "$(isa)" = vmx ]; then echo kvm_intel; else echo kvm_amd; fi
}

kvm_is_module()
{
	lsmod | grep -q "^$(kvm_vendor) "
}

# Before 5.19 a kernel worker spins while SRCU waits for a reader, as a new slot waits
# for a vCPU's thread. This happens without the module, too, and makes every grace
# period several times as long.
srcu_spins()
{
	uname -r | awk -F '[.-]' '{ exit !($1 < 5 || $1 == 5 && $2 < 19) }'
}

# skip_all REASON: the whole test
skip_all()
{
	ktap_skip_all "$1"
	exit "$KSFT_SKIP"
}

# background NAME COMMAND…: its output is $TMP/NAME. The old file is removed first, because
# the command's shell opens the new one only when it runs.
background()
{
	name=$1
	shift
	rm -f "$TMP/$name"
	"$@" < /dev/null > "$TMP/$name" 2>&1 &
	eval "pid_$name=$!"
}

# start NAME VMM-ARGUMENT…: a guest in the background
start()
{
	name=$1
	shift
	background "$name" vmm -name "guest=$name" "$@"
}

# pid NAME
pid()
{
	eval "echo \$pid_$1"
}

# ends PID SECONDS: after SECONDS prints where its threads are, and kills it
ends()
{
	sleeper=
	trap 'kill $sleeper; exit' TERM
	sleep "$2" &
	sleeper=$!
	wait $sleeper
	cd "/sys/kernel/debug/kvm/$1"-*/ && ktap_print_msg "guest of $1 does not end: $(grep . exits halt_exits halt_wakeup irq_injections | xargs)"
	for thread in "/proc/$1/task"/*; do
		ktap_print_msg "$(cat "$thread/comm") $(grep State "$thread/status"): $(xargs < "$thread/stack")"
	done
	kill -KILL "$1"
}

# finish NAME [SECONDS]: waits for its end; fails if it failed
finish()
{
	ends "$(pid "$1")" "${2:-600}" &
	ends=$!
	wait "$(pid "$1")"
	finished=$?
	kill $ends && wait $ends
	[ $finished -eq 0 ] && return
	ktap_print_msg "guest $1 failed: $(tail -n 3 "$TMP/$1")"
	return 1
} 2> /dev/null

# started: prints the processes of this test, including its shell and subshells
started()
{
	grep -lsa "L1TUNE_TEST=$TMP" /proc/[0-9]*/environ | sed 's,^/proc/,,; s,/environ$,,'
}

# kill_started: kills all of them except the shell
kill_started()
{
	for process in $(started); do
		[ "$process" = $$ ] || kill -KILL "$process"
	done
	wait
} 2> /dev/null

# kill_vmms: kills those of them that have guests
kill_vmms()
{
	for vmm in $(started); do
		case $(readlink "/proc/$vmm/exe") in
		*/vmm | */alike | */ask | */backed | */evade | */handover | */held | */paced | */parts | */rsm | */spin | */starts | */stuck | */stuck_crowd | "$TMP"/*) kill -KILL "$vmm" ;;
		esac
	done
} 2> /dev/null

kill_guests()
{
	kill_vmms
	wait
} 2> /dev/null

# pause_ms MILLISECONDS: not usleep, which hosts do not have
pause_ms()
{
	pause=$(($1 % 1000 + 1000))
	sleep $(($1 / 1000)).${pause#1}
}

# uptime_cs: hundredths of a second since boot, without a child process
uptime_cs()
{
	read -r up _ < /proc/uptime
	echo "${up%.*}${up#*.}"
}

# within SECONDS COMMAND…: repeats it until it succeeds
within()
{
	tries=$(($1 * 10))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		pause_ms 100
	done
}

wait_for()
{
	within 10 "$@"
}

# said NAME TEXT: whether the guest's VMM has printed it
said()
{
	grep -qs "$2" "$TMP/$1"
}

nr_guests()
{
	find "$CLASS/" -name 'l2-*' | wc -l
}

has_guests()
{
	[ "$(nr_guests)" -eq "$1" ]
}

# guest_of NAME: prints the directory of that VMM's guest
guest_of()
{
	grep -lx "$(pid "$1")" "$CLASS"/l2-*/pid 2> /dev/null | sed 's,/pid$,,'
}

has_guest()
{
	[ -n "$(guest_of "$1")" ]
}

# has_held NAME: its guest has taken all its exits, and is shown, which may be later
has_held()
{
	said "$1" holding && has_guest "$1"
}

# has_exits DIRECTORY: before its first exit a vCPU has no times
has_exits()
{
	[ "$(cat "$1/exits")" -gt 0 ]
}

# runs NAME VMM-ARGUMENT…: starts a guest and waits for its first exit
runs()
{
	start "$@"
	wait_for has_guest "$1" && wait_for has_exits "$(guest_of "$1")"
}

# kvm_stat NAME STATISTIC: prints KVM's own statistic of a guest
kvm_stat()
{
	cat "/sys/kernel/debug/kvm/$(pid "$1")"-*/"$2"
}

# kvm_exits NAME: KVM's own count of the guest's exits
kvm_exits()
{
	kvm_stat "$1" exits
}

# cpu_time_ns NAME: CPU time of its VMM, user and system, by the scheduler
cpu_time_ns()
{
	cat /proc/"$(pid "$1")"/task/*/schedstat | awk '{ n += $1 } END { printf "%.0f", n }'
}

# equal WHAT WANTED GOT
equal()
{
	[ "$2" = "$3" ] && return
	ktap_print_msg "$1: wanted '$2', got '$3'"
	return 1
}

# result DESCRIPTION: the result of the command before it
result()
{
	if [ $? -eq 0 ]; then
		ktap_test_pass "$1"
	else
		ktap_test_fail "$1"
	fi
}

# check DESCRIPTION COMMAND…: a result in one line
check()
{
	description=$1
	shift
	"$@"
	result "$description"
}

value()
{
	cat "$L1/$1"
}

# values FILE…: prints values of the host in one line
values()
{
	for file; do
		value "$file"
	done | xargs
}

# values_are WANTED FILE…
values_are()
{
	wanted_values=$1
	shift
	[ "$(values "$@")" = "$wanted_values" ]
}

# become WHAT WANTED FILE…: whether they have these values within ten seconds
become()
{
	becoming=$1
	shift
	wait_for values_are "$@"
	shift
	equal "$becoming" "$wanted_values" "$(values "$@")"
}

# status_of COMMAND…: prints its exit status; its output is in $TMP/stdout and $TMP/stderr
status_of()
{
	"$@" > "$TMP/stdout" 2> "$TMP/stderr"
	echo $?
}

# follows: whether a process listens to uevents (netlink protocol 15)
follows()
{
	awk '$2 == 15 && $3 != 0 && $4 ~ /1$/ { found = 1 } END { exit !found }' /proc/net/netlink
}

# program_exits NAME: number of exits that the guest's program caused
program_exits()
{
	sed -n 's/^expect .*level=2 .*count=\([0-9]*\).*/\1/p' "$TMP/$1" | awk '{ n += $1 } END { print n }'
}

# program_ms NAME: how long the first vCPU's program took
program_ms()
{
	sed -n 's/^time vcpu=0 .*wall_ns=\([0-9]*\).*/\1/p' "$TMP/$1" | awk '{ printf "%d", $1 / 1000000 }'
}

# load [PARAMETER=VALUE]…
load()
{
	said=$(load_module "$@" 2>&1) || ktap_exit_fail_msg "the module cannot be loaded: $said"
}

unload()
{
	rmmod l1tune || ktap_exit_fail_msg "rmmod l1tune failed"
}

# first_of FILE…: prints the first that exists
first_of()
{
	for file; do
		[ ! -e "$file" ] || { echo "$file"; return; }
	done
}

# write FILE VALUE: prints the error, unlike echo in some shells
write()
{
	echo "$2" | dd of="$1" status=none 2>&1
}

# needs_rival: needs another module that hooks KVM, for rival_takes and rival_leaves
needs_rival()
{
	RIVAL=$(first_of "$HERE/rival.ko" "$HERE/rival/rival.ko")
	[ -n "$RIVAL" ] || skip_all "rival.ko is not built: make -C selftests rival"
}

rival_takes()
{
	insmod "$RIVAL" function="$1"
}

rival_leaves()
{
	rmmod rival
}

# needs_disposable WHY
needs_disposable()
{
	is_disposable || skip_all "$1: only on a machine for tests only (DISPOSABLE=yes)"
}

# limit NAME VALUE
limit()
{
	echo "$2" > "$L1/limits/$1"
}

no_limits()
{
	for file in "$L1"/limits/* "$L1"/audit/*; do
		echo max > "$file"
	done
}

# answers WORD…: prints KVM's answers to the requests of ask(1), in order
answers()
{
	ask "$@" | awk '{ print $2 }' | xargs
}

# asks WANTED-ANSWERS WORD…
asks()
{
	wanted=$1
	shift
	equal "$*" "$wanted" "$(answers "$@")"
}

# keep NAME WORD…: runs ask(1) in the background, which keeps what it gets
keep()
{
	name=$1
	shift
	background "$name" ask "$@" hold
	wait_for said "$name" holding
}

# let_go NAME…: kills them, whatever their exit status
let_go()
{
	for name; do
		kill -KILL "$(pid "$name")"
		wait "$(pid "$name")" || :
	done 2> /dev/null
}

# end NAME: kills the only guest
end()
{
	let_go "$1"
	wait_for has_guests 0
}

# has_more_exits DIRECTORY N: whether a guest has more than N exits
has_more_exits()
{
	[ "$(cat "$1/exits")" -gt "$2" ]
}

# exits_grow DIRECTORY: whether a guest's exits grow within ten seconds
exits_grow()
{
	wait_for has_more_exits "$1" "$(cat "$1/exits")"
}

# is_throttled NAME: whether pacing has made its guest sleep
is_throttled()
{
	[ "$(cat "$(guest_of "$1")/throttled_time_ns")" -gt 0 ]
}

# stop NAME: stops its VMM with all threads
stop()
{
	kill -STOP "$(pid "$1")"
	wait_for is_stopped "$(pid "$1")"
}

is_stopped()
{
	[ "$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/task"/*/status | sort -u)" = T ]
}

# kernel_kb: kB that the kernel cannot reclaim. Slab caches keep freed objects (7.3:
# some 48 of each size per CPU), so they are shrunk first.
kernel_kb()
{
	is_disposable || return
	sync
	echo 3 > /proc/sys/vm/drop_caches
	sleep 2
	for cache in /sys/kernel/slab/*/shrink; do
		echo 1 > "$cache"
	done
	sleep 1
	awk '$1 == "SUnreclaim:" || $1 == "VmallocUsed:" || $1 == "Percpu:" { n += $2 } END { print n }' /proc/meminfo
}

# memory_is_back BEFORE LIMIT DESCRIPTION: a result, in kB. The kernel frees a process'
# stacks and per-CPU counts some time after it ended; KASAN delays frees, and a kernel
# with KASAN has kmemleak, see run_tests.sh.
memory_is_back()
{
	if ! is_disposable; then
		ktap_test_skip "$3" "other programs on this machine use memory, too"
		return
	fi
	for try in 1 2 3 4 5; do
		after=$(kernel_kb)
		ktap_print_msg "kernel memory: $1 kB before, $after kB after (look $try)"
		[ $((after - $1)) -ge "$2" ] || break
	done
	if [ -e /sys/kernel/debug/kmemleak ] || [ $((after - $1)) -lt "$2" ]; then
		ktap_test_pass "$3"
	else
		ktap_print_msg "$(grep -E '^(SUnreclaim|VmallocUsed|Percpu):' /proc/meminfo | tr '\n' ' ')"
		ktap_test_fail "$3"
	fi
}

# borrow FILE VALUE: writes it, until the test ends or give_back
borrow()
{
	old=$(sed 's/.*\[\(.*\)\].*/\1/' "$1")
	case " $borrowed" in
	*" $1="*) ;;
	*) borrowed="$borrowed $1=$old" ;;
	esac
	echo "$2" > "$1"
}

give_back()
{
	for file in $borrowed; do
		echo "${file#*=}" > "${file%%=*}"
	done
	[ -z "$kvm_mode" ] || chmod "$kvm_mode" /dev/kvm
	borrowed=
	kvm_mode=
}

borrowed=
kvm_mode=

# open_kvm: opens KVM to every user until the test ends
open_kvm()
{
	kvm_mode=$(stat -c %a /dev/kvm)
	chmod 666 /dev/kvm
}

# allow_users: every user may use KVM, and may block it with userfaultfd, without warnings
# of hung tasks
allow_users()
{
	open_kvm
	borrow /proc/sys/vm/unprivileged_userfaultfd 1
	[ ! -e /proc/sys/kernel/hung_task_timeout_secs ] || borrow /proc/sys/kernel/hung_task_timeout_secs 0
}

# as_user COMMAND…: runs it as an unprivileged user, with copies of the programs, because
# that user may not enter the checkout
as_user()
{
	if [ ! -d "$TMP/lent" ]; then
		mkdir "$TMP/lent"
		cp "$(command -v l1tune)" "$(command -v vmm)" "$TMP/lent/"
		chmod 755 "$TMP" "$TMP/lent"
	fi
	unprivileged "uid:$TEST_UID" env "PATH=$TMP/lent:$PATH" "$@"
}

# needs_cpus N
needs_cpus()
{
	[ "$(nproc)" -ge "$1" ] || skip_all "needs $1 CPUs, this machine has $(nproc)"
}

# other_core: prints a CPU that does not share a core with the first CPU, if there is one
other_core()
{
	for cpu in /sys/devices/system/cpu/cpu[1-9]*/topology/thread_siblings_list; do
		if [ "$(cat "$cpu")" != "$(cat /sys/devices/system/cpu/cpu0/topology/thread_siblings_list)" ]; then
			echo "$cpu" | sed 's,.*/cpu\([0-9]*\)/topology/.*,\1,'
			return
		fi
	done
}

# on_cpu N COMMAND…
on_cpu()
{
	mask=$(printf %x $((1 << $1)))
	shift
	taskset "$mask" "$@"
}

# on_one_cpu: this test runs on one CPU from now on
on_one_cpu()
{
	taskset -p 1 $$ > /dev/null
}

# needs_steady_time: skips if other load takes the CPU away. Steps in an emulated L1
# choose machines on which nothing does.
needs_steady_time()
{
	! is_disposable || return
	! grep -q 'QEMU TCG' /proc/cpuinfo || skip_all "QEMU emulates this CPU: its clock runs on while the emulator has no CPU"
	gone=$(steady 500)
	[ "$gone" -le 10 ] || skip_all "other load takes $gone thousandths of this CPU's time: exact times are not possible"
}

if [ -z "${ANY_MACHINE-}" ]; then
	reason=$(unfit)
	[ -z "$reason" ] || skip_all "$reason"
	! is_loaded || skip_all "l1tune is loaded: unload it first, or use run_tests.sh, which loads it again afterwards"
fi
