#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Every allocation of loading the module and of a guest's life fails once: what
# asked gets an errno or goes on without, and nothing is left behind.
. "${0%/*}/lib.sh"

ktap_print_header
[ -e /proc/self/fail-nth ] || skip_all "this kernel has no fault injection"
ktap_set_plan 5

for fault in failslab fail_page_alloc; do
	for setting in ignore-gfp-wait=N ignore-gfp-highmem=N min-order=0 verbose=0; do
		file=/sys/kernel/debug/$fault/${setting%=*}
		[ ! -e "$file" ] || echo "${setting#*=}" > "$file"
	done
done

module=$(modinfo -n l1tune 2> /dev/null || find /lib/modules/ -name 'l1tune.ko')
fail_nth load "$module" > "$TMP/load"
status=$?
cat "$TMP/load"
equal "status of fail_nth" 0 $status
result "loading with KVM there"

start older --vcpus 2 --forever cpuid=50 out=5
wait_for said older vcpus
fail_nth load "$module" > "$TMP/load"
status=$?
cat "$TMP/load"
equal "status of fail_nth" 0 $status && kill -0 "$(pid older)"
result "loading with a guest that runs"
kill_guests

load
fail_nth guest > "$TMP/guest"
status=$?
cat "$TMP/guest"
equal "status of fail_nth" 0 $status
result "a guest's life"
within 30 has_guests 0
equal "usage" "0 0 0" "$(value usage/vms) $(value usage/vcpus) $(value usage/memory_bytes)"
result "and nothing of it is in use"
start after --hold cpuid=100
wait_for said after holding
equal "CPUID exits" 100 "$(l1tune stat "pid:$(pid after)" --noheadings --bytes -o REASON,COUNT | awk 'tolower($1) == "cpuid" { print $2 }')"
result "a guest that comes then is counted exactly"
kill_guests
unload

ktap_finished
