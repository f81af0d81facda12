#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guests start before and after the module is loaded, pause, are killed, start and
# end by the hundred: the list of guests and the totals are right, and no memory leaks.
#
#	module:            loaded ─────────────────────────────────────────> unloaded
#	running:  ─────────────┼───────────────── killed
#	paused:   ── waits ────┼── runs ── holds ──────── killed
#	probe:    ── no vCPU ──┼───────────────────────── killed
#	later:                 └── runs ── holds ──────── killed
#	churn:                                              200 guests in a row, twice
. "${0%/*}/lib.sh"

# counted NAME: the module's counts, "LEVEL CODE COUNT", without exits caused by the host
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
check "the module finds guests older than itself" equal "guests" 3 "$(nr_guests)"

running=$(guest_of running)
paused=$(guest_of paused)
equal "adopted" "1 1 1" "$(cat "$CLASS"/l2-*/adopted | xargs)" &&
	equal "vcpus" "1 2 0" "$(cat "$running/vcpus" "$paused/vcpus" "$(guest_of probe)/vcpus" | xargs)" &&
	equal "uid and comm" "0 vmm" "$(cat "$running/uid" "$running/comm" | xargs)"
result "guests older than the module are adopted, with their vCPUs and owner"

exits_grow "$running" && equal "exits" 0 "$(cat "$paused/exits")"
result "a running guest older than the module has exits, a paused guest has none"

kill -USR1 "$(pid paused)"
wait_for has_held paused
executed paused | awk '{ n[$1 " " $2] += $3 } END { for (k in n) print k, n[k] }' | sort > "$TMP/want"
counted paused > "$TMP/got"
check "exits of a paused guest older than the module are counted exactly when it runs" equal "exits of the paused guest" "$(cat "$TMP/want")" "$(cat "$TMP/got")"

start later --expect --hold cpuid=700
wait_for has_held later
later=$(guest_of later)
equal "adopted" 0 "$(cat "$later/adopted")" && equal "exits" "$(executed later)" "$(counted later)"
result "exits of a guest started after the module was loaded are counted exactly, and it is not adopted"

exits_grow "$running"
kill -KILL "$(pid running)"
check "a guest killed while it runs disappears from sysfs" wait_for test ! -e "$running"

kill_guests
check "no guest is left in sysfs after all are killed" wait_for has_guests 0
check "totals count the VMs and vCPUs of guests that ended" equal "totals" "4 4" "$(value totals/vms) $(value totals/vcpus)"

# 200 guests in a row, twice: the first run warms the caches.
vmm --churn 200 cpuid=10 > "$TMP/churn"
wait_for has_guests 0
before=$(kernel_kb)
exits=$(value totals/exits)
vmm --churn 200 --expect cpuid=10 > "$TMP/churn"
check "no guest is left in sysfs after 200 guests in a row" wait_for has_guests 0

equal "totals/vms" 404 "$(value totals/vms)" && equal "usage" "0 0" "$(value usage/vms) $(value usage/vcpus)"
result "totals count 200 guests that started and ended"

want=$(executed churn | awk '{ n += $3 } END { print n }')
got=$(($(value totals/exits) - exits))
ktap_print_msg "200 guests executed $want exits, the totals have $got"
[ "$got" -ge "$want" ] && [ "$got" -le $((want + want / 10)) ]
result "totals/exits has the exits of 200 guests, and at most a tenth more"

memory_is_back "$before" 256 "the kernel's memory is free again after 200 guests"

unload
ktap_finished
