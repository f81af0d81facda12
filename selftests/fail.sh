#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Each allocation during module load and a guest's life fails once: the caller gets
# an errno or continues without the memory, and nothing leaks. Many allocations of
# workers for guests that start and end fail, too.
. "${0%/*}/lib.sh"

FAULTS=/sys/kernel/debug

# fault SETTING=VALUE…: settings of fault injection, for all kinds of allocations
fault()
{
	for setting; do
		for kind in failslab fail_page_alloc; do
			file=$FAULTS/$kind/${setting%=*}
			[ ! -e "$file" ] || echo "${setting#*=}" > "$file"
		done
	done
}

# each_fails WORD…: fails each allocation that fail_nth WORD… makes
each_fails()
{
	begun=$(date +%s)
	fail_nth "$@" > "$TMP/fail_nth"
	status=$?
	cat "$TMP/fail_nth"
	ktap_print_msg "it took $(($(date +%s) - begun)) s"
	equal "status of fail_nth" 0 $status
}

# workers 1-OR-0: whether their allocations may fail
workers()
{
	for comm in $(grep -l '^kworker' /proc/[0-9]*/comm); do
		echo "$1" > "${comm%comm}make-it-fail"
	done 2> /dev/null
}

ktap_print_header
needs_disposable "allocations of the whole kernel fail"
[ -e /proc/self/fail-nth ] || skip_all "this kernel has no fault injection"
ktap_set_plan 7

# fail_nth reads the traces from the log; keep them off the console.
fault ignore-gfp-wait=N ignore-gfp-highmem=N min-order=0 verbose=2
dmesg -n 4

module=$(modinfo -n l1tune 2> /dev/null || find /lib/modules/ -name 'l1tune.ko')
each_fails load "$module"
result "each failed allocation during module load is handled"

start older --vcpus 2 --forever cpuid=50 out=5
wait_for said older vcpus
each_fails load "$module" l1t_attach && kill -0 "$(pid older)"
result "each failed allocation during module load with a running guest is handled"
kill_guests

load
# A vCPU without an account must not run, and counts for max_vcpus.
limit max_exits_per_sec 1000000
limit max_vcpus 10
each_fails guest
result "each failed allocation during the life of a guest with limits is handled"
no_limits
within 30 has_guests 0
check "usage is 0 after guests with failed allocations" equal "usage" "0 0 0" "$(value usage/vms) $(value usage/vcpus) $(value usage/memory_bytes)"

fault verbose=0 task-filter=Y probability=2
workers 1
fault times=1000000
vmm --churn 100 cpuid=10 > "$TMP/churn"
start shown --hold cpuid=10
wait_for said shown holding
fault times=0
workers 0
said="$(dmesg | grep -c 'l1tune: cannot show ')"
ktap_print_msg "$said times a guest could not be shown"
[ "$said" -gt 0 ]
result "a guest is not shown when allocations of workers fail, and the log says so"

start after --hold cpuid=100
wait_for said after holding
within 30 has_guests 2 && [ -e "$(guest_of shown)/vcpu0" ]
result "a guest that could not be shown is shown when the next guest starts"
equal "CPUID exits" 100 "$(l1tune stat "pid:$(pid after)" --noheadings --bytes -o REASON,COUNT | awk 'tolower($1) == "cpuid" { print $2 }')"
result "exits of a new guest are counted exactly after failed allocations"
kill_guests
within 30 has_guests 0
unload
dmesg -n 5

ktap_finished
