#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# l1tune limits and l1tune events with the module: the tool's settings are in sysfs,
# denials are reported, and invalid settings change nothing.
. "${0%/*}/lib.sh"

# shown COLUMNS [LIMIT]…
shown()
{
	l1tune limits --noheadings -o "$@" 2> /dev/null | xargs
}

# told PATTERN: whether the follower printed such an event
told()
{
	grep -q "$1" "$TMP/events"
}

# denied: runs a VMM whose VM is denied
denied()
{
	! vmm cpuid=1 > "$TMP/denied" 2>&1
}

ktap_print_header
ktap_set_plan 14

load
l1tune events > "$TMP/events" &
follower=$!
wait_for follows
start web --vcpus 2 --hold cpuid=500
wait_for has_held web
guest=$(guest_of web)
id=${guest##*-}

check "l1tune events shows a new guest by its name" wait_for told "added .*l2-$id web: pid $(pid web), uid 0"

equal "exit status" 0 "$(status_of l1tune limits)" && ! [ -s "$TMP/stderr" ] &&
	equal "limits" "8 max" "$(shown VALUE | tr ' ' '\n' | sort | uniq -c | awk '{ print $1, $2 }')"
result "l1tune limits shows eight limits, all max, after loading"

equal "exit status" 0 "$(status_of l1tune limits max_vms=1 max_memory_bytes=64G audit.max_vcpus=0)" &&
	equal "lines on stderr, about which setting" "1 1" "$(wc -l < "$TMP/stderr") $(grep -c 'audit.max_vcpus=0 is below the 2 in use' "$TMP/stderr")" &&
	equal "in sysfs" "1 68719476736 0" \
		"$(value limits/max_vms) $(value limits/max_memory_bytes) $(value audit/max_vcpus)"
result "limits set by l1tune are in sysfs, and it warns of a threshold below the current use"

equal "max_vms" "max_vms 1 max 1 0 yes" "$(shown LIMIT,VALUE,AUDIT,USE,HEADROOM,EFFECTIVE max_vms)" &&
	equal "max_vcpus_per_vm" "2 l2-$id" "$(shown USE,OF max_vcpus_per_vm)" &&
	equal "max_memory_bytes" "64G yes" "$(shown VALUE,EFFECTIVE max_memory_bytes)"
result "l1tune limits shows use, headroom and whether a limit is effective"

denied && grep -qi 'quota' "$TMP/denied"
result "the VMM's error says that its quota is exceeded when max_vms denies a VM"
check "l1tune events shows a denied VM" wait_for told 'denied .*max_vms=1, use 1: pid [0-9]*, uid 0, comm "vmm": EDQUOT'
check "l1tune limits and sysfs count a denied VM" equal "denied" "1 1" "$(shown DENIED max_vms) $(value denied/max_vms)"
l1tune status | grep -q '^limits    max_vms=1 (use 1), denied 1$'
result "l1tune status shows the limit and its denial"

before="$(value limits/max_vms) $(value limits/max_vcpus)"
equal "exit status" 1 "$(status_of l1tune limits max_vms=9 max_vcpus=99999999999)" &&
	equal "limits" "$before" "$(value limits/max_vms) $(value limits/max_vcpus)" &&
	grep -q 'max_vcpus: 99999999999 is too large' "$TMP/stderr" && grep -q 'nothing was changed' "$TMP/stderr"
result "l1tune limits changes no limit if one of several is invalid"

equal "exit status" 0 "$(status_of l1tune limits web max_exits_per_sec=123456)" &&
	equal "the guest's, all guests'" "123456 max" \
		"$(cat "$guest/limits/max_exits_per_sec") $(value limits/max_exits_per_sec)" &&
	equal "shown" "123456 l2" "$(shown VALUE,SCOPE web max_exits_per_sec)" &&
	equal "exit status" 0 "$(status_of l1tune limits "l2-$id" max_exits_per_sec=default)" &&
	equal "the guest's" default "$(cat "$guest/limits/max_exits_per_sec")"
result "l1tune limits sets and resets the rate of one guest"

as_user l1tune limits max_vms=5 2> "$TMP/stderr"
equal "exit status" 5 $? && grep -q CAP_SYS_ADMIN "$TMP/stderr" && equal "max_vms" 1 "$(value limits/max_vms)"
result "l1tune limits exits with 5 for a user who may not set limits"
check "a user without rights may read limits" equal "seen by a user" "1 1" "$(as_user l1tune limits --noheadings -o VALUE,USE max_vms | xargs)"

kill_vmms
wait_for has_guests 0
check "l1tune events shows a guest that ended, with its totals" wait_for told "removed .*l2-$id web: .* exits, "
unload
wait_for told 'unloaded .*the module'
# The shell makes background processes ignore SIGINT.
kill -TERM $follower
wait $follower
check "l1tune events shows that the module was unloaded, and exits with 0 on SIGTERM" equal "exit status" 0 $?

ktap_finished
