#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Who spends the time of exits: guests each of which gives it to one known
# party. Wants deterministic time (VMX, or SVM with --icount) and one CPU.
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

# part NAME REASON KEY: of a guest's JSON, summed over levels; REASON in the
# VMX names, "all" for all of them
part()
{
	case $(isa)-$2 in
	svm-HLT) reason=hlt ;;
	svm-CPUID) reason=cpuid ;;
	svm-IO_INSTRUCTION) reason=io ;;
	*) reason=$2 ;;
	esac
	l1tune stat "$1" --json | sed 's/.*"l2"//; s/{"reason"/\n{"reason"/g' |
		awk -v reason="$reason" -v key="\"$3\": *" '
		$0 ~ "^[{]\"reason\": *\"" reason "\"" || (reason == "all" && /^[{]"reason"/) {
			if (match($0, key "[0-9]+")) {
				s = substr($0, RSTART, RLENGTH)
				sub(key, "", s)
				n += s
			}
		}
		END { printf "%.0f\n", n }'
}

state_of()
{
	l1tune list "$1" --vcpus --noheadings -o STATE
}

ktap_print_header
ktap_set_plan 9

echo 0 > /sys/module/kvm/parameters/halt_poll_ns
load

start halts --hold --period-us 5000 halt=200
within 60 said halts holding
near "200 halts of 5 ms: wait" 5 1000000000 "$(part halts HLT wait_ns)" &&
	equal "user" 0 "$(part halts HLT user_ns)"
result "HLT: the guest's timer is waited for"
kill_guests

# Serving an OUT takes the VMM a little more than it burns.
start served --hold --spin-user-us 2000 out=300
within 60 said served holding
sleep 1
# Its last OUT is open: the VMM holds the guest.
open=$(l1tune list served --vcpus --noheadings --bytes -o SINCE)
near "300 OUTs of 2 ms: user" 5 600000000 $(($(part served IO_INSTRUCTION user_ns) - open))
result "port I/O: the VMM is at work"
equal "state" user "$(state_of served)"
result "a VMM that holds its guest shows so"
kill_guests

start kernel --forever cpuid=10000
sleep 3
time=$(part kernel CPUID time_ns)
equal "CPUID: user and wait" "0 0" "$(part kernel CPUID user_ns) $(part kernel CPUID wait_ns)" &&
	[ "$time" -gt 0 ] && [ "$(part kernel CPUID runq_ns)" -lt $((time / 100)) ]
result "CPUID: KVM alone"

while :; do :; done &
rival=$!
sleep 1
before=$(part kernel all runq_ns)
l1tune stat kernel -i 8 -c 1 --json > "$TMP/json"
after=$(part kernel all runq_ns)
kill $rival
near "beside a busy thread for 8 s: runq" 5 4000000000 $((after - before))
result "a busy rival takes half of the CPU"

before=$(part kernel all user_ns)
kill -STOP "$(pid kernel)"
sleep 4
equal "state" user "$(state_of kernel)"
result "a stopped VMM shows so"
after=$(part kernel all user_ns)
kill -CONT "$(pid kernel)"
near "stopped for 4 s: user" 5 4000000000 $((after - before))
result "and its time counts while it goes on"
kill_guests

# Every reader at every moment, under load and until the guest is killed.
start busy --forever --order mixed --period-us 1000 cpuid=200 out=50 mmio=20 halt=3
wait_for has_guest busy
guest=$(guest_of busy)
wait_for test -e "$guest/vcpu0/stats"
readers=
for i in 1 2 3 4 5 6 7 8; do
	adds_up "$guest/vcpu0/stats" 5 > "$TMP/reader$i" 2>&1 &
	readers="$readers $!"
done
failed=0
for reader in $readers; do
	wait "$reader" || failed=$((failed + 1))
done
cat "$TMP"/reader*
equal "readers to whom it did not add up" 0 $failed
result "it adds up for 8 readers at once"

start nested --hold --rounds 2 --expect l3=300 l3out=200 l3rdmsr=100 l3ept=50
within 60 said nested holding
guest=$(guest_of nested)
equal "nested" on "$(cat "$guest/nested")" && equal "of another" off "$(cat "$(guest_of busy)/nested")" &&
	equal "nested_vms" 1 "$(value usage/nested_vms)" &&
	awk '
	function field(name,  i) {
		for (i = 2; i <= NF; i++)
			if (index($i, name "=") == 1)
				return substr($i, length(name) + 2)
	}
	# Entries are what the guest asked for, CPUID and VMCALL what it asked to see.
	$1 == "expect" && ($2 == "VMLAUNCH" || $2 == "VMRESUME" || $2 == "vmrun") { entries += field("count") }
	$1 == "expect" && field("level") == 3 && tolower($2) ~ /^(cpuid|vmcall|hypercall)$/ { left += field("count") }
	END { print entries, left }' "$TMP/nested" > "$TMP/want" &&
	l1tune list nested --noheadings -o L3_ENTRIES,L3_LEFT | xargs > "$TMP/got" &&
	equal "L3's entries and exits that left to L2" "$(cat "$TMP/want")" "$(cat "$TMP/got")" &&
	l3_exits=$(l1tune stat nested --noheadings --bytes -o LEVEL,COUNT | awk '$1 == 3 { n += $2 } END { print n }') &&
	equal "L3's exits handled" $((l3_exits - $(cut -d' ' -f2 "$TMP/want"))) "$(l1tune list nested --noheadings -o L3_HANDLED | xargs)"
result "exits of L3: handled and left as its program has it"

unload
ktap_finished
