#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Predicted and actual savings of following advice, for memory, CPUs, limits, halts and
# nesting. Guests do the same work in each period, before and after the change; some use
# all the CPU time they can get. CPU time is the scheduler's.
. "${0%/*}/lib.sh"
. "$HERE/gain_lib.sh"

THP=/sys/kernel/mm/transparent_hugepage
PERIOD_MS=20

# backed_runs NAME ARGUMENT…
backed_runs()
{
	name=$1
	shift
	background "$name" backed -p $PERIOD_MS "$@"
	wait_for has_guest "$name" && wait_for said "$name" round
}

# cure RULE GUEST BEFORE CHANGE AFTER: arguments of backed before and after the change,
# and a command that makes the change
cure()
{
	nothing_said
	# shellcheck disable=SC2086 # several words
	backed_runs before $3 && is_advised before "$1" && share before $PERIOD_MS 50 &&
		was=$share && end before && $4 &&
		backed_runs after $5 && share after $PERIOD_MS 50 && saved=$((was - share))
	status=$?
	kill_guests
	wait_for has_guests 0
	gained "$1" "$2" $status
}

remount_huge()
{
	umount "$TMP/tmpfs" && mount -t tmpfs -o huge=always tmpfs "$TMP/tmpfs"
}

# cpu_share NAME: sets share, the VMM's CPU share over two seconds
cpu_share()
{
	used=$(cpu_time_ns "$1")
	since=$(uptime_cs)
	sleep 2
	share=$((($(cpu_time_ns "$1") - used) / ($(uptime_cs) - since) / 10000))
}

# freed RULE GUEST NAME CHANGE: how much more CPU time a CPU-bound guest gets
freed()
{
	nothing_said
	is_advised "$3" "$1" && cpu_share "$3" && was=$share && $4 && cpu_share "$3" && saved=$((share - was))
	gained "$1" "$2" $?
}

# ended NAME: waits for its end; sets wall and cpu, its run time and CPU time in us
ended()
{
	finish "$1" || return
	wall=$(sed -n 's/^time .*wall_ns=\([0-9]*\)[0-9][0-9][0-9] .*/\1/p' "$TMP/$1")
	cpu=$(sed -n 's/^time .*cpu_ns=\([0-9]*\)[0-9][0-9][0-9] .*/\1/p' "$TMP/$1")
}

lift_limit()
{
	l1tune limits "pid:$(pid free)" max_exits_per_sec=max
}

lift_quota()
{
	echo max > "$CGROUPS/vmm/cpu.max"
}

end_other()
{
	let_go other
}

ktap_print_header
ktap_set_plan 15
load
mkdir "$TMP/tmpfs" "$TMP/files"
mount -t tmpfs tmpfs "$TMP/tmpfs"
# Not a tmpfs: like files on a disk.
mount -t ramfs ramfs "$TMP/files"
mount_cgroups cpu
mkdir "$CGROUPS/vmm"

borrow $THP/shmem_enabled never
borrow $THP/enabled never
cure small-pages "anonymous memory in small pages; then in huge ones" "anon 4 4" "borrow $THP/enabled always" "anon 4 4"
cure small-pages-vmm "MADV_NOHUGEPAGE; then without" "nohuge 4 4" true "anon 4 4"
cure small-pages-file "a file; then anonymous memory" "file 4 4 $TMP/files/guest" true "anon 4 4"
cure small-pages-shmem "a memfd in small pages; then in huge ones" "memfd 4 4" "borrow $THP/shmem_enabled always" "memfd 4 4"
cure small-pages-tmpfs "a file in tmpfs; then mounted with huge=always" "file 4 4 $TMP/tmpfs/guest" remount_huge "file 4 4 $TMP/tmpfs/guest"
cure dirty-log "a log of written pages, read each round; then none" "tracked 4 4" true "kept 4 4"

borrow /sys/module/kvm/parameters/nx_huge_pages force
cure nx-huge-pages "executes in huge pages, which are split; then not" "executed 4 4" "borrow /sys/module/kvm/parameters/nx_huge_pages N" "executed 4 4"

# Guests that want a whole CPU
runs free --forever cpuid=200
limit max_exits_per_sec 50000
freed host-limit "a limit of the host; then none of its own" free lift_limit
no_limits
l1tune limits "pid:$(pid free)" max_exits_per_sec=50000
freed guest-limit "a limit of its own; then none" free lift_limit
end free

background free sh -c "echo \$\$ > $CGROUPS/vmm/cgroup.procs; exec vmm -name guest=free --forever cpuid=200"
wait_for has_guest free
# Periods so short that partial ones at both ends stay within the slack of is_within().
echo "20000 50000" > "$CGROUPS/vmm/cpu.max"
freed quota "a quota of 0.4 CPUs; then none" free lift_quota
background other hog 1000000
freed neighbours "something else on its CPU; then nothing" free end_other
start other --forever cpuid=200
wait_for has_guests 2
freed overcommit "two guests that want the only CPU; then one" free end_other
end free

# Halts
l1tune bench --save > "$TMP/bench" 2>&1 || sed 's/^/# /' "$TMP/bench"
borrow /sys/module/kvm/parameters/halt_poll_ns 0
nothing_said
runs before --time --rounds 400 --period-us 100 halt=100
is_advised before poll-up && change=$(sed -n 's/.*\(halt_poll_ns=[0-9]*\).*/\1/p' "$TMP/json" | head -n 1) && ended before
status=$? was=$wall
start after --time --paused --rounds 400 --period-us 100 halt=100
wait_for has_guest after
l1tune tune "pid:$(pid after)" "$change"
kill -USR1 "$(pid after)"
ended after && saved=$((1000 * (was - wall) / was))
gained poll-up "sleeps shortly, without halt polling; then with" $((status + $?))
give_back

nothing_said
runs before --time --rounds 12000 --period-us 100 halt=2 nap=1
is_advised before poll-down && ended before
status=$? was_cpu=$cpu was=$wall
start after --time --paused --rounds 12000 --period-us 100 halt=2 nap=1
wait_for has_guest after
l1tune tune "pid:$(pid after)" halt_poll_ns=0
kill -USR1 "$(pid after)"
ended after && saved=$((1000 * (was_cpu - cpu) / was))
gained poll-down "sleeps now short now long, and is polled for; then not" $((status + $?))

nothing_said
runs before --time --rounds 2000 l3=100
is_advised before nested-hypervisor && ended before
status=$? was_cpu=$cpu was=$wall
runs after --time --rounds 2000 cpuid=100 && ended after && saved=$((1000 * (was_cpu - cpu) / was))
gained nested-hypervisor "a guest inside it executes CPUID; then itself" $((status + $?))

kill_guests
give_back
rmdir "$CGROUPS/vmm"
umount "$TMP/tmpfs" "$TMP/files"
unload
ktap_finished
