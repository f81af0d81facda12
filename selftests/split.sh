#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Who spends the time of exits: each guest spends it in one known way. Needs
# deterministic time (VMX, or SVM with --icount) and one CPU.
#
#	exit of the guest	expected part		cause
#	HLT			halted			a timer of 5 ms, of 4 s
#	OUT			vmm			a VMM that spins for 20 ms
#	CPUID			kernel			KVM only
#	CPUID			runq			a busy thread on the same CPU
#	any			vmm_sleep		a VMM that SIGSTOP stops
#	HLT, OUT of L3		left to L2, or handled	a nested guest
. "${0%/*}/lib.sh"

# near WHAT PERCENT WANTED GOT
near()
{
	ktap_print_msg "$1: wanted $3, got $4"
	awk -v want="$3" -v got="$4" -v most="$2" 'BEGIN {
		off = (got - want) / want * 100
		exit !(off <= most && -off <= most)
	}'
}

# sample NAME [OPTION]…: takes a sample of a guest, for the functions below
sample()
{
	guest_name=$1
	shift
	l1tune stat "$guest_name" --vcpus --json "$@" | sed 's/.*"l2"//' > "$TMP/json"
	sed -i 's/"vcpu":.*//' "$TMP/json"
}

# number KEY: the first such number in the sample
number()
{
	sed "s/\"$1\"/\n&/" "$TMP/json" | sed -n "s/^\"$1\": *\([0-9]*\).*/\1/p"
}

# part REASON KEY: value of a reason in the sample; REASON is its name on VMX
part()
{
	sed 's/{"reason"/\n&/g' "$TMP/json" | grep "^{\"reason\": *\"$(its_name "$1")\"" |
		sed -n "s/.*\"$2\": *\([0-9]*\).*/\1/p"
}

state_of()
{
	l1tune list "$1" --vcpus --noheadings -o "${2:-STATE}" | xargs
}

waits_in_hlt()
{
	[ "$(state_of "$1" STATE,REASON)" = "halted $(its_name HLT)" ]
}

# its_name REASON: its name on this machine; REASON is its name on VMX
its_name()
{
	case $(isa)-$1 in
	svm-IO_INSTRUCTION) echo io ;;
	svm-*) echo "$1" | tr A-Z a-z ;;
	*) echo "$1" ;;
	esac
}

# Takes two samples an interval apart; tries again if the state changed between them.
state_goes_on()
{
	for try in 1 2 3; do
		l1tune list "$1" --vcpus --json -i 1 -c 2 > "$TMP/two"
		sed -n 's/.*"state_for_ns": *\([0-9]*\).*/\1/p' "$TMP/two" | xargs > "$TMP/for"
		read -r before after < "$TMP/for"
		[ "$after" -lt "$before" ] || break
	done
	ktap_print_msg "try $try: for $before ns, and an interval later for $after ns"
	near "an interval" 1 "$(sed -n '$s/.*"interval_ns": *\([0-9]*\).*/\1/p' "$TMP/two")" $((after - before))
}

readers_agree()
{
	failed=0
	for reader in $readers; do
		wait "$reader" || failed=$((failed + 1))
	done
	cat "$TMP"/reader*
	equal "readers with a sum that did not add up" 0 $failed
}

start_readers()
{
	readers=
	for i in 1 2 3 4 5 6 7 8; do
		adds_up "$1/vcpu0/stats" 5 > "$TMP/reader$i" 2>&1 &
		readers="$readers $!"
	done
}

ktap_print_header
needs_steady_time
on_one_cpu
ktap_set_plan 18

borrow /sys/module/kvm/parameters/halt_poll_ns 0
load

start halts --hold --period-us 5000 halt=200
sleep 4
within 60 has_held halts
sample halts
near "200 halts of 5 ms: halted" 5 1000000000 "$(part HLT halted_ns)" &&
	equal "vmm, vmm_sleep, blocked" "0 0 0" "$(part HLT vmm_ns) $(part HLT vmm_sleep_ns) $(part HLT blocked_ns)"
result "HLT: the time until the guest's timer is halted time"
equal "p50, p90, p99: the bucket of 5 ms" "8388608 8388608 8388608" \
	"$(part HLT p50_le_ns) $(part HLT p90_le_ns) $(part HLT p99_le_ns)"
result "HLT: percentiles are the bound of the period's bucket"
kill_guests

start sleeps --forever --period-us 4000000 halt=1
wait_for has_guest sleeps
wait_for waits_in_hlt sleeps && state_goes_on sleeps
result "a halted guest is shown in state halted, with how long it has been"
sample sleeps -i 3 -c 1
near "halted" 5 "$(number interval_ns)" "$(number halted_ns)" && [ "$(part HLT count)" -le 1 ]
result "the halted time of an open HLT counts up to now"
kill_guests

# Nothing else runs, because a program that has the CPU when a spin ends would make it
# longer. The last OUT is open: the VMM sleeps while it holds the guest.
start served --hold --spin-user-us 20000 out=200
sleep 8
within 60 has_held served
sample served
near "200 OUTs of 20 ms: vmm" 5 4000000000 "$(part IO_INSTRUCTION vmm_ns)"
result "OUT: the time for which the VMM computes is vmm time"
check "a guest that its VMM holds is shown in state asleep" equal "state" asleep "$(state_of served)"
kill_guests

# Except for the time for which the tool itself takes the CPU.
runs kernel --forever cpuid=10000
sample kernel -i 8 -c 1
time=$(part CPUID time_ns)
equal "CPUID: vmm, vmm_sleep, halted, blocked" "0 0 0 0" \
	"$(part CPUID vmm_ns) $(part CPUID vmm_sleep_ns) $(part CPUID halted_ns) $(part CPUID blocked_ns)" &&
	near "CPUID: kernel" 5 "$time" "$(part CPUID kernel_ns)"
result "CPUID: all time is KVM's"

while :; do :; done &
rival=$!
sample kernel -i 8 -c 1
kill $rival
near "runq while a busy thread shares the CPU" 5 $(($(number interval_ns) / 2)) "$(number runq_ns)"
result "half of the time is runq while a busy thread shares the guest's CPU"

stop kernel
check "a guest whose VMM is stopped is shown in state paused" equal "state" paused "$(state_of kernel)"
sample kernel -i 4 -c 1
kill -CONT "$(pid kernel)"
near "stopped: vmm_sleep" 5 "$(number interval_ns)" "$(number vmm_sleep_ns)"
result "the vmm_sleep time of a stopped VMM counts up to now"
kill_guests

# The same guest twice, but one VMM handles its port slowly.
mix="--forever --period-us 5000 halt=10 out=10 cpuid=50"
# shellcheck disable=SC2086 # words on purpose
{
	start healthy $mix
	start sick --spin-user-us 4000 $mix
}
wait_for has_guest sick
l1tune diff healthy sick -i 4 --noheadings -o REASON,IN | head -n 1 | xargs > "$TMP/got"
check "diff of two guests shows the largest difference first" equal "what changed most, and where" "$(its_name IO_INSTRUCTION) vmm" "$(cat "$TMP/got")"
for name in healthy sick; do
	l1tune stat $name -i 4 -c 1 --json > "$TMP/$name.json"
done
l1tune diff "$TMP/healthy.json" "$TMP/sick.json" --noheadings -o REASON,IN | head -n 1 | xargs > "$TMP/got"
check "diff of two saved files shows the largest difference first" equal "what changed most, and where" "$(its_name IO_INSTRUCTION) vmm" "$(cat "$TMP/got")"
kill_guests

# Readers at any time: under load, while the guest is killed, and while the module
# unloads.
start busy --forever --order mixed --period-us 1000 cpuid=200 out=50 mmio=20 halt=3
wait_for has_guest busy
guest=$(guest_of busy)
wait_for test -e "$guest/vcpu0/stats"
wait_for has_exits "$guest"
start_readers "$guest"
readers_agree
result "the parts of the time add up for 8 readers at once"
start_readers "$guest"
# In the middle of their five seconds.
sleep 2
unload
readers_agree
result "the parts of the time add up for readers while the module unloads"
load
wait_for has_guest busy
guest=$(guest_of busy)
wait_for test -e "$guest/vcpu0/stats"
wait_for has_exits "$guest"
start_readers "$guest"
sleep 2
kill_vmms
readers_agree
result "the parts of the time add up for readers while the guest is killed"
start busy --forever cpuid=10

start nested --hold --rounds 2 --expect l3=300 l3out=200 l3rdmsr=100 l3ept=50
within 60 has_held nested
guest=$(guest_of nested)
equal "nested" on "$(cat "$guest/nested")" && equal "of another" off "$(cat "$(guest_of busy)/nested")" &&
	equal "nested_vms" 1 "$(value usage/nested_vms)" &&
	awk '
	function field(name,  i) {
		for (i = 2; i <= NF; i++)
			if (index($i, name "=") == 1)
				return substr($i, length(name) + 2)
	}
	# The guest executes entries; it intercepts CPUID and VMCALL.
	$1 == "expect" && ($2 == "VMLAUNCH" || $2 == "VMRESUME" || $2 == "vmrun") { entries += field("count") }
	$1 == "expect" && field("level") == 3 && tolower($2) ~ /^(cpuid|vmcall|hypercall)$/ { left += field("count") }
	END { print entries, left }' "$TMP/nested" > "$TMP/want" &&
	l1tune list nested --noheadings -o L3_ENTRIES,L3_LEFT | xargs > "$TMP/got" &&
	equal "L3's entries and exits reflected to L2" "$(cat "$TMP/want")" "$(cat "$TMP/got")" &&
	l3_exits=$(l1tune stat nested --noheadings --bytes -o LEVEL,COUNT | awk '$1 == 3 { n += $2 } END { print n }') &&
	equal "L3's exits handled" $((l3_exits - $(cut -d' ' -f2 "$TMP/want"))) "$(l1tune list nested --noheadings -o L3_HANDLED | xargs)"
result "exits of L3 are counted as handled by KVM or reflected to L2, as in the program"


# Exits to L1 per exit that L2 sees: L3's exits, plus L2's instructions for them.
awk -v l3="$l3_exits" '
function field(name,  i) {
	for (i = 2; i <= NF; i++)
		if (index($i, name "=") == 1)
			return substr($i, length(name) + 2)
}
FNR == NR { left = $2; next }
$1 == "expect" && field("level") == 2 && $2 ~ /^(VM(ON|CLEAR|PTRLD|LAUNCH|RESUME|READ|WRITE)|vmrun)$/ { n += field("count") }
END { printf "%.2f\n", (l3 + n) / left }' "$TMP/want" "$TMP/nested" > "$TMP/factor"
check "L3_FACTOR is the number of exits to L1 per exit that L2 sees" equal "L3_FACTOR" "$(cat "$TMP/factor")" "$(l1tune list nested --noheadings -o L3_FACTOR | xargs)"
kill_guests

start inside --forever --spin-user-us 500000 l3out=100
wait_for has_guest inside
within 30 grep -qx running "$(guest_of inside)/nested"
equal "state and reason" "vmm L3 $(its_name IO_INSTRUCTION)" "$(state_of inside STATE,REASON)"
result "a guest that waits in an exit of its nested guest is shown with level and reason"

unload
ktap_finished
