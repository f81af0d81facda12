#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guests come before and after the module, pause, are killed, come and go by
# the hundred: the registry and the totals stay right, and the memory returns.
. "${0%/*}/lib.sh"

# counted NAME: what the module has of it, "LEVEL CODE COUNT", host-caused left out
counted()
{
	l1tune stat "pid:$(pid "$1")" --noheadings --bytes -o LEVEL,CODE,COUNT |
		awk 'FNR == NR { if ($1 == "excluded") host[substr($3, 6)] = 1; next }
		     $3 && !($2 in host) { print $1, $2, $3 }' "$TMP/$1" - | sort
}

executed()
{
	sed -n 's/^expect .*code=\([0-9]*\) level=\([0-9]*\) .*count=\([0-9]*\).*/\2 \1 \3/p' "$TMP/$1" | sort
}

ktap_print_header
ktap_set_plan 12

start running --forever cpuid=100 out=10
start paused --vcpus 2 --paused --expect --hold cpuid=500 out=20
start probe --probe --hold
wait_for said paused paused
wait_for said probe holding
load

wait_for has_guests 3
equal "guests" 3 "$(nr_guests)"
result "guests older than the module are found"

running=$(guest_of running)
paused=$(guest_of paused)
equal "adopted" "1 1 1" "$(cat "$CLASS"/l2-*/adopted | xargs)" &&
	equal "vcpus" "1 2 0" "$(cat "$running/vcpus" "$paused/vcpus" "$(guest_of probe)/vcpus" | xargs)" &&
	equal "uid and comm" "0 vmm" "$(cat "$running/uid" "$running/comm" | xargs)"
result "they are known as adopted, with their vCPUs and owner"

exits_grow "$running" && equal "exits" 0 "$(cat "$paused/exits")"
result "the running one is counted, the paused one has no exits"

kill -USR1 "$(pid paused)"
wait_for said paused holding
executed paused | awk '{ n[$1 " " $2] += $3 } END { for (k in n) print k, n[k] }' | sort > "$TMP/want"
counted paused > "$TMP/got"
equal "exits of the paused guest" "$(cat "$TMP/want")" "$(cat "$TMP/got")"
result "the paused one, once it runs, is counted exactly"

start later --expect --hold cpuid=700
wait_for said later holding
later=$(guest_of later)
equal "adopted" 0 "$(cat "$later/adopted")" && equal "exits" "$(executed later)" "$(counted later)"
result "one that starts later is counted exactly and not adopted"

exits_grow "$running"
kill -KILL "$(pid running)"
wait_for test ! -e "$running"
result "one that is killed in mid-run disappears"

kill_guests
wait_for has_guests 0
result "no guest is left"
equal "totals" "4 4" "$(value totals/vms) $(value totals/vcpus)"
result "totals count all that were there"

# 200 guests in a row, twice: the first time warms the caches.
vmm --churn 200 cpuid=10 > "$TMP/churn"
wait_for has_guests 0
before=$(kernel_kb)
exits=$(value totals/exits)
vmm --churn 200 --expect cpuid=10 > "$TMP/churn"
wait_for has_guests 0
result "after 200 guests in a row the registry is empty"

equal "totals/vms" 404 "$(value totals/vms)" && equal "usage" "0 0" "$(value usage/vms) $(value usage/vcpus)"
result "all 200 are in the totals"

want=$(executed churn | awk '{ n += $3 } END { print n }')
got=$(($(value totals/exits) - exits))
ktap_print_msg "200 guests executed $want exits, the totals have $got"
[ "$got" -ge "$want" ] && [ "$got" -le $((want + want / 10)) ]
result "the totals have their exits, and few that the host caused"

memory_is_back "$before" 256 "their memory is back"

unload
ktap_finished
