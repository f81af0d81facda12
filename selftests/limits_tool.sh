#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# l1tune limits and l1tune events on a real module: what the tool sets is in
# sysfs, what KVM refuses is told, all or nothing also when the module objects.
. "${0%/*}/lib.sh"
trap 'kill $follower 2> /dev/null; kill_guests; rm -rf "$TMP"' EXIT

# status_of COMMAND…
status_of()
{
	"$@" > "$TMP/stdout" 2> "$TMP/stderr"
	echo $?
}

# shown COLUMNS [LIMIT]…
shown()
{
	l1tune limits --noheadings -o "$@" 2> /dev/null | xargs
}

# told PATTERN: an event of the follower's
told()
{
	grep -q "$1" "$TMP/events"
}

# follows: does somebody listen to the kernel's events (protocol 15)
follows()
{
	awk '$2 == 15 && $3 != 0 && $4 ~ /1$/ { found = 1 } END { exit !found }' /proc/net/netlink
}

# denied: a VMM whose VM is refused
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
wait_for said web holding
wait_for has_guest web
guest=$(guest_of web)
id=${guest##*-}

wait_for told "added .*l2-$id web: pid $(pid web), uid 0"
result "a guest that comes is told, by its name"

equal "exit status" 0 "$(status_of l1tune limits)" && ! [ -s "$TMP/stderr" ] &&
	equal "limits" "8 max" "$(shown VALUE | tr ' ' '\n' | sort | uniq -c | awk '{ print $1, $2 }')"
result "nothing is limited at first"

equal "exit status" 0 "$(status_of l1tune limits max_vms=1 max_memory_bytes=64G audit.max_vcpus=0)" &&
	! [ -s "$TMP/stderr" ] &&
	equal "in sysfs" "1 68719476736 0" \
		"$(value limits/max_vms) $(value limits/max_memory_bytes) $(value audit/max_vcpus)"
result "what is set is in sysfs"

equal "max_vms" "max_vms 1 max 1 0 yes" "$(shown LIMIT,VALUE,AUDIT,USE,HEADROOM,EFFECTIVE max_vms)" &&
	equal "max_vcpus_per_vm" "2 l2-$id" "$(shown USE,OF max_vcpus_per_vm)" &&
	equal "max_memory_bytes" "64G yes" "$(shown VALUE,EFFECTIVE max_memory_bytes)"
result "use, headroom and effect are shown"

denied && grep -qi 'quota' "$TMP/denied"
result "one VM too many is refused"
wait_for told 'denied .*max_vms=1, use 1: pid [0-9]*, uid 0, comm "vmm": EDQUOT'
result "and told"
equal "denied" "1 1" "$(shown DENIED max_vms) $(value denied/max_vms)"
result "and counted"
l1tune status | grep -q '^limits  max_vms=1 (use 1), denied 1$'
result "and in the status of this machine"

before="$(value limits/max_vms) $(value limits/max_vcpus)"
equal "exit status" 1 "$(status_of l1tune limits max_vms=9 max_vcpus=99999999999)" &&
	equal "limits" "$before" "$(value limits/max_vms) $(value limits/max_vcpus)" &&
	grep -q 'max_vcpus: 99999999999 is too large' "$TMP/stderr" && grep -q 'nothing was changed' "$TMP/stderr"
result "one of several that the module does not take: nothing is changed"

equal "exit status" 0 "$(status_of l1tune limits web max_exits_per_sec=123456)" &&
	equal "the guest's, all guests'" "123456 max" \
		"$(cat "$guest/limits/max_exits_per_sec") $(value limits/max_exits_per_sec)" &&
	equal "shown" "123456 l2" "$(shown VALUE,SCOPE web max_exits_per_sec)" &&
	equal "exit status" 0 "$(status_of l1tune limits "l2-$id" max_exits_per_sec=default)" &&
	equal "the guest's" default "$(cat "$guest/limits/max_exits_per_sec")"
result "the pace of one guest"

su user -s /bin/sh -c 'l1tune limits max_vms=5' 2> "$TMP/stderr"
equal "exit status" 5 $? && grep -q CAP_SYS_ADMIN "$TMP/stderr" && equal "max_vms" 1 "$(value limits/max_vms)"
result "who is not root may not set them: status 5"
equal "seen by a user" "1 1" "$(su user -s /bin/sh -c 'l1tune limits --noheadings -o VALUE,USE max_vms' | xargs)"
result "but see them"

kill_vmms
wait_for has_guests 0
wait_for told "removed .*l2-$id web: .* exits, "
result "a guest that goes is told, with its sums"
unload
wait_for told 'unloaded .*the module'
# The shell lets what is in the background ignore SIGINT.
kill -TERM $follower
wait $follower
equal "exit status" 0 $?
result "so is the module's unloading; a signal ends the follower with 0"

ktap_finished
