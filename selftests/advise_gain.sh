#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Predicted and actual savings of following advice, on VMX: a guest does the same work
# before and after the change. Times are the scheduler's and the VMM's.
# advise_paced.sh and advise_cures.sh test the other causes, on SVM.
. "${0%/*}/lib.sh"

KVM=/sys/module/kvm/parameters
THP=/sys/kernel/mm/transparent_hugepage/enabled

# look NAME RULE: puts the advice for a guest into $TMP/advice, and the rule's part of it into $TMP/item
look()
{
	# shellcheck disable=SC2086 # several words
	if ! l1tune advise ${interval:--i 3} "$1" > "$TMP/advice"; then
		ktap_print_msg "l1tune advise failed"
		return 1
	fi
	sed -n "/($2)\$/,/^\$/p" "$TMP/advice" > "$TMP/item"
}

# advised NAME RULE: sets change, and the bounds low and high in thousandths of a CPU
advised()
{
	look "$1" "$2" || return
	ktap_print_msg "$1: $(sed -n 's/.*(\([a-z0-9-]*\))$/\1/p' "$TMP/advice" | xargs)"
	sed 's/^/# /' "$TMP/item"
	change=$(sed -n 's/^  change  *//p' "$TMP/item")
	gain=$(sed -n 's/^  gain  *\(at [a-z]* \)*\([0-9.]*\)\( to \([0-9.]*\)\)* CPUs.*/\2 \4/p' "$TMP/item")
	low=$(echo "$gain" | awk '{ printf "%d", $1 * 1000 }')
	high=$(echo "$gain" | awk '{ printf "%d", $NF * 1000 }')
	bounds=$(sed -n 's/^  gain  *\(at [a-z]*\)* .*/\1/p' "$TMP/item")
	case "$bounds" in
	"at most") bounds="at most $high" ;;
	"at least") bounds="at least $low" ;;
	*) bounds="$low to $high" ;;
	esac
	[ -s "$TMP/item" ] && [ "$high" -gt 0 ]
}

# advised_in_time NAME RULE: the same. A guest that touches fresh memory may just have dropped
# it at both ends of an interval: then nothing is known of the gain.
advised_in_time()
{
	for _ in 1 2 3; do
		advised "$@" && return
		is_known=$(grep -c 'gain  *unknown until tried' "$TMP/item")
		[ "$is_known" = 1 ] || break
	done
	l1tune stat "$1" | sed 's/^/# /'
	return 1
}

# not_advised NAME RULE
not_advised()
{
	look "$1" "$2" && equal "advice ($2)" "" "$(cat "$TMP/item")"
}

# ended NAME: waits for its end; sets wall and cpu, its run time and CPU time in us
ended()
{
	finish "$1" || return
	wall=$(sed -n 's/^time .*wall_ns=\([0-9]*\)[0-9][0-9][0-9] .*/\1/p' "$TMP/$1")
	cpu=$(sed -n 's/^time .*cpu_ns=\([0-9]*\)[0-9][0-9][0-9] .*/\1/p' "$TMP/$1")
	ktap_print_msg "$1: ran $wall us, had a CPU for $cpu us"
}

# share NAME: sets share, the VMM's CPU share over 5 seconds in thousandths of a CPU
share()
{
	used=$(cpu_time_ns "$1")
	since=$(cut -d" " -f1 /proc/uptime)
	sleep 5
	used=$(($(cpu_time_ns "$1") - used))
	share=$(echo "$since $(cut -d" " -f1 /proc/uptime) $used" | awk '{ printf "%d", $3 / 1000000 / ($2 - $1) }')
	ktap_print_msg "$1: has $share thousandths of a CPU"
}

# brings SAVED: whether it is within the predicted bounds, and at least half the upper one.
# The advice covers some seconds of the compared run, which may differ by a fifth.
brings()
{
	saved=$1
	case "$bounds" in
	"at most "*) [ "$1" -le $((high * 120 / 100)) ] ;;
	"at least "*) [ "$1" -ge $((low * 80 / 100)) ] ;;
	*) [ "$1" -ge $((low * 80 / 100)) ] && [ "$1" -le $((high * 120 / 100)) ] ;;
	esac && [ "$1" -ge $((high / 2)) ]
}

# gained RULE GUEST: result of the command before it
gained()
{
	result "$1: said $bounds, saved $saved thousandths of a CPU ($2)"
}

# looks_on RULE VMM-ARGUMENTS
looks_on()
{
	# shellcheck disable=SC2086 # several words
	runs before --time $2 && advised_in_time before "$1"
}

# looks_back RULE VMM-ARGUMENTS: advice on a stopped guest, because l1tune needs the
# only CPU itself
looks_back()
{
	# shellcheck disable=SC2086 # several words
	start before --time --paused $2
	wait_for said before paused
	kill -USR1 "$(pid before)"
	sleep 8
	kill -STOP "$(pid before)"
	interval=--since-start
	advised before "$1"
	looked=$?
	interval=
	kill -CONT "$(pid before)"
	return $looked
}

# compared RULE BEFORE AFTER [follow]: compares the CPU time of two sets of VMM arguments,
# if the advice was given; with follow, the advised change is a command to run
compared()
{
	kill_guests
	wait_for has_guests 0
	${looks:-looks_on} "$1" "$2" && ended before || return
	was_cpu=$cpu was_wall=$wall
	[ -z "$4" ] || sh -c "${change%%,*}" || return
	# shellcheck disable=SC2086
	runs after --time $3 && ended after || return
	brings $((1000 * (was_cpu - cpu) / was_wall))
}

ktap_print_header
ktap_set_plan 22

load

# Halt polling. Without it, and with a measurement by bench, advise says how long a
# guest with short sleeps should poll.
l1tune bench --save > "$TMP/bench" 2>&1 || sed 's/^/# /' "$TMP/bench"
borrow $KVM/halt_poll_ns 0
runs long --forever --period-us 3000 halt=10
not_advised long poll-up
result "poll-up is not advised for a guest with long sleeps"
end long
runs short --time --rounds 400 --period-us 100 halt=100
advised short poll-up && ended short
result "poll-up is advised for a guest with short sleeps"
was_wall=$wall
start polling --time --paused --rounds 400 --period-us 100 halt=100
wait_for has_guest polling
sh -c "$(echo "$change" | sed 's/tune [0-9]* /tune polling /')"
kill -USR1 "$(pid polling)"
ended polling && brings $((1000 * (was_wall - wall) / was_wall))
gained poll-up "sleeps shortly, without halt polling; then with"
give_back

# Short sleeps make KVM poll longer and longer, until a long sleep ends that.
runs even --forever --period-us 100 halt=20
not_advised even poll-down
result "poll-down is not advised for a guest whose polling succeeds"
end even
runs uneven --time --rounds 12000 --period-us 100 halt=4 nap=1
advised uneven poll-down && ended uneven
result "poll-down is advised for a guest with long and short sleeps"
was_cpu=$cpu was_wall=$wall
start sleeping --time --paused --rounds 12000 --period-us 100 halt=4 nap=1
wait_for has_guest sleeping
sh -c "$(echo "$change" | sed 's/tune [0-9]* /tune sleeping /')"
kill -USR1 "$(pid sleeping)"
ended sleeping && brings $((1000 * (was_cpu - cpu) / was_wall))
gained poll-down "sleeps now short now long, and is polled for; then not"

borrow $THP never
work="--huge-pages --rounds 100 ept=1500"
compared small-pages "$work" "$work" follow
gained small-pages "writes to fresh small pages; then huge ones"
give_back

# Spinning costs exits where KVM does not grow the PLE window.
if [ "$(isa)" = vmx ]; then
	rmmod kvm_intel && modprobe kvm_intel ple_window_grow=0
	work="--rounds 130 pause=1000"
	looks=looks_back
	compared pause-in-guest "$work" "$work" follow
	gained pause-in-guest "spins, with ple_window_grow=0; then without exits for it"
	looks=
	l1tune tune pause_in_guest=default uid=any
	kill_guests
	rmmod kvm_intel && modprobe kvm_intel
else
	ktap_test_skip "pause-in-guest is advised, and saves as much as predicted" "this CPU has no pause-loop exiting"
fi

work="--spin-user-us 100 --rounds 200 out=100"
compared unknown-device "$work" "--ioeventfd $work"
gained unknown-device "writes to a port of the VMM; then with an ioeventfd"

runs free --forever cpuid=200
not_advised free host-limit
result "host-limit is not advised for a guest without a limit"
limit max_exits_per_sec 500
advised free host-limit
result "host-limit is advised for a guest with a limit"
share free
was_share=$share
no_limits
share free
brings $((share - was_share))
gained host-limit "executes CPUID, with a limit; then without"

start other --forever cpuid=200
wait_for has_guests 2
advised free overcommit
result "overcommit is advised for two guests that need the only CPU"
share free
was_share=$share
kill -KILL "$(pid other)"
wait_for has_guests 1
share free
brings $((share - was_share))
gained overcommit "two guests that want the only CPU; then one"
end free

compared nested-hypervisor "--rounds 200 l3=100" "--rounds 200 cpuid=100"
gained nested-hypervisor "a guest inside it executes CPUID; then itself"

for unseen in "apicv: the emulated CPUs lack posted interrupts, which KVM wants for it" \
	"x2apic: no guest here uses the APIC's page" "ept: all emulated CPUs have nested paging, and KVM uses it" \
	"dirty-log: no guest here migrates" "interrupts: the emulated machines have no device that interrupts so often" \
	"evmcs: no L0 here has it" "l1d-flush: the emulated CPUs have no cache"; do
	ktap_test_skip "${unseen%%: *}" "${unseen#*: }; see tools/tests/test-advise.py"
done

kill_guests
give_back
unload
ktap_finished
