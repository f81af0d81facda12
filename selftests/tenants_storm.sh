#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# 64 threads in 8 cgroups create and destroy VMs and vCPUs against limits of each cgroup
# and of their parent, while processes move, other tenants and patterns with limits are
# defined and removed, and cgroups are made and removed. No limit is ever exceeded, by the
# processes' own count, and in the end nothing is in use or left over. It takes
# STORM_SECONDS (20) with STORM_THREADS (8) per process; debug kernels need more time for
# as many changes, and fewer threads, because these delay RCU grace periods.
. "${0%/*}/lib.sh"
. "${0%/*}/tenant_lib.sh"

# change_all: makes changes until it is killed
change_all()
{
	while :; do
		for i in 0 1 2 3; do
			define "t$i/*"
			define "more$i"
			set_of "t$i/*" max_vms 5
			set_of "more$i" max_exits_per_sec $((1000 * (i + 1)))
			set_of "more$i" max_vms_per_sec 3
			echo 1 > "$(tenant "t$i")/audit/max_vms"
			mkdir "$CGROUPS$TEST_CGROUP/more$i"
			echo >> "$TMP/changes"
		done
		for i in 3 2 1 0; do
			within_cgroup "more$i" ask vm vcpu:0 > /dev/null
			undefine "t$i/*"
			undefine "more$i"
			echo max > "$(tenant "t$i")/audit/max_vms"
			rmdir "$CGROUPS$TEST_CGROUP/more$i"
			echo >> "$TMP/changes"
		done
	done
}

ktap_print_header
needs_cgroups
ktap_set_plan 4
load
write $L1/tenants/add "$TEST_CGROUP"
echo 8 > "$CLASS/tenant-1/limits/max_vms"
for i in 0 1 2 3 4 5 6 7; do
	cgroup "t$i"
	define "t$i"
	set_of "t$i" max_vms 3
	set_of "t$i" max_vcpus 4
done
tenants_storm "$CGROUPS$TEST_CGROUP" 8 3 4 8 8 3 > /dev/null
within 30 has_guests 0
before=$(kernel_kb)

# With priority over the 64 threads, because it is only one.
change_all > "$TMP/said" 2>&1 &
changer=$!
renice -n -15 -p $changer > /dev/null
tenants_storm "$CGROUPS$TEST_CGROUP" 8 3 4 8 "${STORM_THREADS:-8}" "${STORM_SECONDS:-20}" > "$TMP/storm" 2>&1
status=$?
kill $changer
wait $changer
sed 's/^/# /' "$TMP/storm"
changes=$(wc -l < "$TMP/changes")
ktap_print_msg "$changes rounds of adding or removing tenants, patterns and cgroups"
equal "status of tenants_storm" 0 $status && [ "$changes" -gt 2 ]
result "64 threads in 8 cgroups never exceed a tenant's limits while tenants and cgroups change"

within 60 has_guests 0
for i in 0 1 2 3 4 5 6 7; do
	uses "t$i"
done | sort -u > "$TMP/use"
equal "usage" "0 0 0 0" "$(cat "$TMP/use")" && equal "usage above" 0 "$(cat "$CLASS/tenant-1/usage/vms")"
result "usage of all tenants is 0 after all threads have ended"
for path in $(cat "$CLASS"/tenant-*/cgroup); do
	write $L1/tenants/remove "$path"
done > /dev/null
check "no tenant is left after all are removed" equal "tenants" 0 "$(nr_tenants)"
memory_is_back "$before" 1024 "the kernel's memory is free again after the tenants are removed"

unload
no_cgroups
ktap_finished
