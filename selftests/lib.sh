# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# What the tests share. They run in an L1 host, as root, on busybox; each
# loads the module itself and leaves it unloaded.
. /selftests/ktap_helpers.sh

PATH=$PATH:/selftests
CLASS=/sys/class/l1tune
L1=$CLASS/l1
TMP=$(mktemp -d)
mkfifo "$TMP/never"
trap 'kill_guests; rm -rf "$TMP"' EXIT

isa()
{
	grep -qw svm /proc/cpuinfo && echo svm || echo vmx
}

# The vendor's half of KVM
kvm_vendor()
{
	if [ "$(isa)" = vmx ]; then echo kvm_intel; else echo kvm_amd; fi
}

kvm_is_module()
{
	lsmod | grep -q "^$(kvm_vendor) "
}

# Before 5.19 a reader that SRCU waits for, as a new slot waits for a vCPU's thread,
# keeps a worker of the kernel's busy all the time: without the module, too, and every
# grace period takes several times as long meanwhile.
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

# The shell of a command in the background opens its output only when it runs: until
# then what an earlier one of that name printed must not be taken for its output.
forget_output()
{
	rm -f "$TMP/$1"
}

# start NAME VMM-ARGUMENT…: a guest in the background; its output is $TMP/NAME
start()
{
	name=$1
	shift
	forget_output "$name"
	vmm -name "guest=$name" "$@" < /dev/null > "$TMP/$name" 2>&1 &
	eval "pid_$name=$!"
}

# pid NAME
pid()
{
	eval "echo \$pid_$1"
}

# ends PID SECONDS: in the background; says where its threads are, and kills it
ends()
{
	# Nothing comes from there: a sleep that ends with its shell.
	read -t "$2" -r _ <> "$TMP/never"
	cd "/sys/kernel/debug/kvm/$1"-*/ && ktap_print_msg "guest of $1 does not end: $(grep . exits halt_exits halt_wakeup irq_injections | xargs)"
	for thread in "/proc/$1/task"/*; do
		ktap_print_msg "$(cat "$thread/comm") $(grep State "$thread/status"): $(xargs < "$thread/stack")"
	done
	kill -KILL "$1"
}

# finish NAME [SECONDS]: waits for its end, fails if it failed
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

kill_vmms()
{
	killall -q -KILL vmm ask handover rsm spin stuck stuck_crowd
}

kill_guests()
{
	kill_vmms
	wait
} 2> /dev/null

# within SECONDS COMMAND…: until it holds
within()
{
	tries=$(($1 * 10))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		usleep 100000
	done
}

wait_for()
{
	within 10 "$@"
}

# said NAME TEXT: has the guest's VMM printed it
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

# guest_of NAME: the directory of the guest whose VMM that is
guest_of()
{
	grep -lx "$(pid "$1")" "$CLASS"/l2-*/pid 2> /dev/null | sed 's,/pid$,,'
}

has_guest()
{
	[ -n "$(guest_of "$1")" ]
}

# has_exits DIRECTORY: before the first one its vCPU has no time to account for
has_exits()
{
	[ "$(cat "$1/exits")" -gt 0 ]
}

# runs NAME VMM-ARGUMENT…: a guest that has come as far as that
runs()
{
	start "$@"
	wait_for has_guest "$1" && wait_for has_exits "$(guest_of "$1")"
}

# kvm_stat NAME STATISTIC: KVM's own, of a guest
kvm_stat()
{
	cat "/sys/kernel/debug/kvm/$(pid "$1")"-*/"$2"
}

# kvm_exits NAME: KVM's own count of the guest's exits
kvm_exits()
{
	kvm_stat "$1" exits
}

# cpu_time_ns NAME: of its VMM in user mode and in the kernel, by the scheduler
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

# result DESCRIPTION, after the command that it is the result of
result()
{
	if [ $? -eq 0 ]; then
		ktap_test_pass "$1"
	else
		ktap_test_fail "$1"
	fi
}

value()
{
	cat "$L1/$1"
}

# load [PARAMETER=VALUE]…
load()
{
	modprobe l1tune "$@" || ktap_exit_fail_msg "modprobe l1tune failed"
}

unload()
{
	rmmod l1tune || ktap_exit_fail_msg "rmmod l1tune failed"
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

# answers WORD…: KVM's answers to what ask(1) asks it for, in order
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

# keep NAME WORD…: what ask(1) asks for is kept in the background
keep()
{
	name=$1
	shift
	forget_output "$name"
	ask "$@" hold < /dev/null > "$TMP/$name" 2>&1 &
	eval "pid_$name=$!"
	wait_for said "$name" holding
}

# let_go NAME…
let_go()
{
	for name; do
		kill -KILL "$(pid "$name")"
		wait "$(pid "$name")"
	done 2> /dev/null
}

# end NAME: of the only guest
end()
{
	let_go "$1"
	wait_for has_guests 0
}

# exits_grow DIRECTORY: of a guest, within a second
exits_grow()
{
	before=$(cat "$1/exits")
	sleep 1
	[ "$(cat "$1/exits")" -gt "$before" ]
}

# kB that the kernel cannot reclaim. Slab caches keep what was freed at hand:
# 7.3, for each CPU, some 48 freed objects of every size; so they give it back first.
kernel_kb()
{
	sync
	echo 3 > /proc/sys/vm/drop_caches
	sleep 2
	for cache in /sys/kernel/slab/*/shrink; do
		echo 1 > "$cache"
	done
	sleep 1
	awk '$1 == "SUnreclaim:" || $1 == "VmallocUsed:" || $1 == "Percpu:" { n += $2 } END { print n }' /proc/meminfo
}

# memory_is_back BEFORE LIMIT: kB. KASAN keeps what was freed for a while; a
# kernel that has it looks for leaks itself, see run_tests.sh.
memory_is_back()
{
	after=$(kernel_kb)
	ktap_print_msg "kernel memory: $1 kB before, $after kB after"
	[ -e /sys/kernel/debug/kmemleak ] || [ $((after - $1)) -lt "$2" ]
}

# allow_users: everybody has KVM, and may hold it up with userfaultfd
allow_users()
{
	chmod 666 /dev/kvm
	echo 1 > /proc/sys/vm/unprivileged_userfaultfd
}

# background NAME COMMAND…: its output is $TMP/NAME
background()
{
	name=$1
	shift
	forget_output "$name"
	"$@" < /dev/null > "$TMP/$name" 2>&1 &
	eval "pid_$name=$!"
}
