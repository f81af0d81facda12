#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Reports of limits: counts, the log, uevents, tracepoints, poll(2); and limits given
# at module load.
. "${0%/*}/lib.sh"

TRACING=/sys/kernel/tracing

# heard WORD…: whether there was a uevent with all of these variables
heard()
{
	has_all "$@" < "$TMP/uevents"
}

# collect FILE: keeps appending l1/events, which has the newest events only
collect()
{
	: > "$1"
	while :; do
		cat $L1/events >> "$1" || break
		pause_ms 200
	done 2> /dev/null &
	collector=$!
}

# details: prints each event once
details()
{
	sort -u "$TMP/details"
}

# detailed WORD…: whether there is an event with all of these words
detailed()
{
	details | has_all "$@"
}

# has_all WORD…: whether a line of the standard input has all of these words
has_all()
{
	awk -v words="$*" '
	BEGIN { n = split(words, wanted, " ") }
	{
		all = 1
		for (i = 1; i <= n; i++)
			all = all && index(" " $0 " ", " " wanted[i] " ")
		found = found || all
	}
	END { exit !found }'
}

# events WORD: number of denials or audits in the details, by COUNT
events()
{
	details | grep -w "$1" | sed -n 's/.* COUNT=\([0-9]*\).*/\1/p' | awk '{ n += $1 } END { print n + 0 }'
}

# tells WORD N: whether that number is N
tells()
{
	[ "$(events "$1")" -eq "$2" ]
}

# Marks the start of the new log; the log itself is kept for run_tests.sh.
mark_log()
{
	mark="l1tune-mark $(cat /proc/uptime)"
	echo "$mark" > /dev/kmsg
}

new_log()
{
	dmesg | sed "1,/$mark\$/d"
}

log_has()
{
	new_log | grep -qE "l1tune: $1\$"
}

refuses_to_load()
{
	mark_log
	load_module "$1" 2> /dev/null && { unload; return 1; }
	log_has "$1: $2"
}

ktap_print_header
ktap_set_plan 17

accepted=
for bad in max_vms=many max_vms=-1 max_memory_bytes=64Q max_vms=64K; do
	case $bad in
	*_bytes=*) why="neither max nor a number of bytes such as 64G" ;;
	*) why="neither max nor a number" ;;
	esac
	refuses_to_load "$bad" "$why" || accepted="$accepted $bad"
done
check "loading with an invalid limit fails and the log says why" equal "accepted, or refused without that reason" "" "$accepted"
refuses_to_load max_vms=4294967296 "too much" && refuses_to_load max_exits_per_sec=1000000001 "too much"
result "loading with a limit that is too large fails and the log says why"
load max_vms=3 max_memory_per_vm_bytes=2M max_exits_per_sec=max
equal "limits" "3 2097152 max max" \
	"$(value limits/max_vms) $(value limits/max_memory_per_vm_bytes) $(value limits/max_exits_per_sec) $(value limits/max_vcpus)" &&
	equal "hooks" "ok off ok off off" "$(cat $L1/hooks/refuse_vm $L1/hooks/refuse_vcpu $L1/hooks/refuse_memory $L1/hooks/refuse_nested $L1/hooks/throttle | xargs)"
result "limits given at load are set, and the hooks that they need are attached"
unload

load
mark_log
echo 2 > $L1/audit/max_vms
equal "hook" ok "$(value hooks/refuse_vm)" && equal "limit" max "$(value limits/max_vms)"
result "an audit threshold attaches the hook of its limit"
# R: registers are saved, I: the path may be changed
grep '^kvm_arch_init_vm ' $TRACING/enabled_functions | grep -q R &&
	! grep '^kvm_arch_init_vm ' $TRACING/enabled_functions | grep -q ' I '
result "an audit threshold does not attach with IPMODIFY"
limit max_vms 4
grep '^kvm_arch_init_vm ' $TRACING/enabled_functions | grep -q ' I '
result "a limit attaches with IPMODIFY"
limit max_vms max

background uevents uevents 0
wait_for said uevents listening
collect "$TMP/details"
check "a VM beyond an audit threshold is not refused" asks "ok ok ok ok" vm vm vm vm
equal "would_deny" "2 0" "$(value would_deny/max_vms) $(value denied/max_vms)" && wait_for log_has 'audit limit=max_vms value=2 use=3 pid=[0-9]* uid=0 comm="ask" errno=EDQUOT'
result "exceeding an audit threshold is counted in would_deny and logged"
wait_for heard ACTION_TAKEN=audited && wait_for tells ACTION_TAKEN=audited 2
result "exceeding an audit threshold sends a uevent, and l1/events counts each time"

limit max_vcpus_per_vm 1
# A name with characters that are special in logs or shells.
cp "$(command -v ask)" "$TMP/a\"b c"
"$TMP/a\"b c" vm vcpu:0 vcpu:1 > "$TMP/out" &
ask_pid=$!
wait $ask_pid
wait_for log_has "deny limit=max_vcpus_per_vm value=1 use=1 pid=$ask_pid uid=0 comm=\"a'b c\" errno=EDQUOT"
result "a denial is one line in the log, whatever the process name is"
wait_for heard EVENT=limit ACTION_TAKEN=denied ERRNO=EDQUOT LIMIT=max_vcpus_per_vm "PID=$ask_pid" &&
	grep "PID=$ask_pid " "$TMP/uevents" | grep -q ' L2=l2-[0-9]* '
result "a denial sends a uevent with the limit, the PID and the guest"
wait_for detailed EVENT=limit ACTION_TAKEN=denied LIMIT=max_vcpus_per_vm "PID=$ask_pid" COUNT=1 ERRNO=EDQUOT UID=0 USE=1 VALUE=1
result "a denial is a line of l1/events with the value and the use"

changes $L1/denied/max_vcpus_per_vm 20 > "$TMP/changes" &
watcher=$!
wait_for grep -q ready "$TMP/changes"
asks "ok ok EDQUOT" vm vcpu:0 vcpu:1
wait $watcher
result "poll() on denied/max_vcpus_per_vm returns at a denial"

echo 1 > $TRACING/events/l1tune/enable
asks "ok ok EDQUOT" vm vcpu:0 vcpu:1
grep -q 'l1tune_deny: limit=max_vcpus_per_vm denied value=1 use=1 err=-122 l2=[0-9]* tenant=0 tgid=[0-9]* uid=0 comm=ask' $TRACING/trace
result "the trace event l1tune:l1tune_deny reports a denial"
echo 0 > $TRACING/events/l1tune/enable

wait_for tells ACTION_TAKEN=denied "$(value denied/max_vcpus_per_vm)"
heard_before=$(wc -l < "$TMP/uevents")
events_before=$(events ACTION_TAKEN=denied)
mark_log
before=$(value denied/max_vcpus_per_vm)
start=$(cut -d. -f1 /proc/uptime)
# shellcheck disable=SC2046 # one word each
answers vm vcpu:0 $(seq 2000 | sed 's/.*/vcpu:1/') > /dev/null
took=$(($(cut -d. -f1 /proc/uptime) - start + 1))
equal "denied" 2000 $(($(value denied/max_vcpus_per_vm) - before)) && within 20 tells ACTION_TAKEN=denied $((events_before + 2000))
all=$?
ktap_print_msg "l1/events has $(($(events ACTION_TAKEN=denied) - events_before)) denials"
told=$(sed "1,${heard_before}d" "$TMP/uevents" | grep -c denied)
lines=$(new_log | grep -c 'l1tune: deny')
ktap_print_msg "2000 denials in $took s: $told uevents, $lines lines in the log"
# Ten uevents a second; ten lines in five seconds, by the kernel's rate limit.
[ $all -eq 0 ] && [ "$told" -le $((10 * took + 5)) ] && [ "$lines" -le $((2 * took + 20)) ]
result "2000 denials send few uevents and log lines, and l1/events counts them all"

let_go uevents
kill $collector
no_limits
equal "hooks" off "$(sort -u $L1/hooks/refuse_* $L1/hooks/throttle)" && ! grep '^kvm_arch_init_vm ' $TRACING/enabled_functions | grep -q ' I '
result "without limits the hooks that refuse are off and nothing has IPMODIFY"

before_kvm="a limit that is set without KVM waits, and is enforced when KVM is loaded"
if kvm_is_module; then
	VENDOR=$(kvm_vendor)
	rmmod $VENDOR && rmmod kvm
	limit max_vms 1
	equal "hook and effective" "waiting 0" "$(value hooks/refuse_vm) $(value effective/max_vms)" &&
		modprobe $VENDOR &&
		equal "hook and effective" "ok 1" "$(value hooks/refuse_vm) $(value effective/max_vms)" &&
		asks "ok EDQUOT" vm vm
	result "$before_kvm"
else
	ktap_test_skip "$before_kvm" "KVM is built into this kernel"
fi

unload
ktap_finished
