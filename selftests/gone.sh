#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guests that end in known ways: each leaves a record, from which l1tune gone says how
# and why it ended. The expected cause follows from the guest's program.
. "${0%/*}/lib.sh"

GONE=$L1/gone
CGROUP=$CGROUPS/l1tune-test-oom
trap 'kill_started; [ ! -e "$CGROUP" ] || rmdir "$CGROUP"; clean_up' EXIT
mount_cgroups memory || skip_all "there is no memory controller of cgroup2"

# The expected result for each kind of selftests/programs/die.c: "KIND END WORDS"
KINDS="
ud shutdown triple.fault
bp shutdown triple.fault
rdmsr shutdown MSR.0x12345678
wrmsr shutdown MSR.0x12345678
xsetbv shutdown triple.fault
cr4 shutdown triple.fault
kbc reset port.0x64
cf9 reset port.0xcf9
hyperv reset asked.for.a.reset
invalid fail_entry refused.to.enter
execute_mmio internal_error emulate.*RIP.0xe0000000
idt_mmio internal_error RIP|deliver
hole_read run_error memory.is.missing
hole_write run_error memory.is.missing
hole_execute run_error memory.is.missing
exit exited status.0
exit_3 exited status.3
abort killed SIGABRT
segv killed SIGSEGV
kill_outside killed SIGKILL
kill_halted killed SIGKILL
kill_spinning killed SIGKILL
term_spinning killed SIGTERM
hlt exited status.0
close closed closed.the.guest
child closed last.process
denied exited status.1.*denied.*limit.max_vcpus
oom killed OOM.killer
"

nr_gone()
{
	ls "$GONE" | wc -l
}

newest()
{
	ls "$GONE" | sort -n | tail -n 1
}

record_value()
{
	sed -n "s/^$2  *\([^ ]*\).*/\1/p" "$GONE/$1" | head -n 1
}

has_record_after()
{
	[ "$(newest)" != "$1" ]
}

# dies KIND: runs the guest in the setup that its end needs
dies()
{
	case $1 in
	denied)
		limit max_vcpus 1
		die denied
		no_limits
		;;
	oom)
		mkdir "$CGROUP"
		echo 8M > "$CGROUP/memory.max"
		sh -c "echo 0 > $CGROUP/cgroup.procs; exec die oom"
		rmdir "$CGROUP"
		;;
	*)
		die "$1"
		;;
	esac
}

# one KIND END WORDS: whether the record and the cause are as expected
one()
{
	before=$(newest)
	dies "$1" > "$TMP/$1" 2>&1
	wait_for has_record_after "$before" || return
	id=$(newest)
	cause=$(l1tune gone "$id" | sed -n 's/^cause *//p')
	ktap_print_msg "$1: $(cat "$TMP/$1"): $(record_value "$id" end): $cause"
	equal "end" "$2" "$(record_value "$id" end)" && echo "$cause" | grep -qE "$3"
}

# last_exits ID: reasons of the record's exits, without those caused by the host, "COUNT NAME"
last_exits()
{
	sed -n 's/^\(exit\|open\) 2 [0-9]* \([^ ]*\).*/\2/p' "$GONE/$1" |
		grep -vwE 'interrupt|EXTERNAL_INTERRUPT|nmi|vintr|INTERRUPT_WINDOW|PREEMPTION_TIMER' | uniq -c | awk '{ print $1, $2 }'
}

die_at_once()
{
	for i in $(seq 200); do
		die kill_outside > /dev/null 2>&1 &
		[ $((i % 20)) != 0 ] || wait
	done
	wait
}

all_ended()
{
	[ "$(cat "$L1/ended/killed")" -ge "$1" ]
}

ktap_print_header
ktap_set_plan 36

load
check "there is no record before a guest ends" equal "records" 0 "$(nr_gone)"

echo "$KINDS" | while read -r kind end words; do
	[ -z "$kind" ] || echo "$kind $end $words"
done > "$TMP/kinds"
while read -r kind end words; do
	one "$kind" "$end" "$words"
	result "l1tune gone names the right cause for a guest that ends by $kind"
done < "$TMP/kinds"

if [ "$(isa)" = svm ]; then cpuid=cpuid io=io; else cpuid=CPUID io=IO_INSTRUCTION; fi
before=$(newest)
die exit > /dev/null
wait_for has_record_after "$before"
# 70 CPUIDs, and an OUT after which the guest is not entered again. The ring has 64 exits,
# including those caused by the host.
id=$(newest)
nr_all=$(grep -c '^exit ' "$GONE/$id")
nr_program=$(last_exits "$id" | awk '{ n += $1 } END { print n - 1 }')
equal "exits in the ring" 64 "$nr_all" && [ "$nr_program" -ge 56 ] &&
	equal "exits" "$nr_program $cpuid 1 $io" "$(last_exits "$id" | xargs)"
result "the last exits in a record are those of the guest's program"

l1tune gone --json > "$TMP/json" && grep -q '"end":"exited"' "$TMP/json"
result "gone --json prints the records"
check "only root and the group may read a record" equal "mode" 440 "$(stat -c %a "$GONE/$(newest)")"
l1tune gone 999999 > /dev/null 2>&1
check "l1tune gone exits with 4 for a guest without a record" equal "status" 4 $?

before=$(kernel_kb)
killed=$(cat "$L1/ended/killed")
die_at_once
wait_for all_ended $((killed + 200))
result "ended/killed counts all of 200 killed guests"
check "at most gone_max records are kept" equal "records" "$(cat /sys/module/l1tune/parameters/gone_max)" "$(nr_gone)"
unload
memory_is_back "$before" 3000 "the memory of the records is free again after unloading"
ktap_finished
