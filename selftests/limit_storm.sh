#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# 16 processes of 64 threads create and destroy VMs and vCPUs against limits for 30 s:
# limits are never exceeded, by the processes' own count; in the end the limits allow
# as many as before, and no memory leaks. Then the same for the VMs of a user.
. "${0%/*}/lib.sh"

# The kernel's counter is per CPU and summed in batches, so it is not exact.
open_files()
{
	cut -f 1 /proc/sys/fs/file-nr
}

# unreclaimable_kb: what the kernel has allocated in caches, each second; not delayed by the storm
unreclaimable_kb()
{
	while :; do
		sed -n 's/^SUnreclaim: *\([0-9]*\) kB/\1/p' /proc/meminfo
		sleep 1
	done
}

ktap_print_header
ktap_set_plan 10

open_kvm
load
limit max_vms 12
limit max_vcpus 5
# The first run grows tables that do not shrink again.
storm 12 5 16 64 5 > /dev/null
within 30 has_guests 0
before=$(kernel_kb)
files=$(open_files)

unreclaimable_kb > "$TMP/unreclaimable" &
sampler=$!
renice -n -20 -p $sampler > /dev/null
storm 12 5 16 64 30 > "$TMP/storm" 2>&1
status=$?
kill $sampler
sed 's/^/# /' "$TMP/storm"
grown=$(awk 'NR == 1 { first = $1 } $1 > most { most = $1 } END { print most - first }' "$TMP/unreclaimable")
ktap_print_msg "unreclaimable memory during the storm: $grown kB more at most, in $(wc -l < "$TMP/unreclaimable") looks"
check "memory for VMs that are refused does not pile up" test "$grown" -lt 65536
check "1024 threads never exceed a limit, and fail only with EDQUOT" equal "status of storm" 0 $status

within 60 has_guests 0
check "usage is 0 after all threads have ended" equal "usage" "0 0 0" "$(value usage/vms) $(value usage/vcpus) $(value usage/memory_bytes)"

# shellcheck disable=SC2046 # one word each
asks "$(printf 'ok %.0s' $(seq 12))EDQUOT" $(seq 13 | sed 's/.*/vm/') &&
	asks "ok $(printf 'ok %.0s' $(seq 5))EDQUOT" vm $(seq 6 | sed 's/^/vcpu:/')
result "after the threads have ended the limits allow as many VMs and vCPUs as before"

no_limits
within 60 has_guests 0

limit max_vms_per_user 12
limit max_vcpus 3
storm 12 3 16 64 10 > "$TMP/storm" 2>&1
status=$?
sed 's/^/# /' "$TMP/storm"
check "1024 threads of a user never exceed max_vms_per_user" equal "status of storm" 0 $status
no_limits
within 60 has_guests 0

# Each is asked for before the others are finished, where there are two CPUs.
for limit in max_vms max_vms_per_user; do
	limit $limit 1
	at_once 4 300 > "$TMP/at_once" || ktap_print_msg "$limit: $(cat "$TMP/at_once")"
	equal "$limit" "most=1 fewest=1" "$(cat "$TMP/at_once")" || echo "$limit" >> "$TMP/exceeded"
	no_limits
done
[ ! -e "$TMP/exceeded" ]
result "of 4 VMs that are created at the same moment 300 times, a limit of 1 lets one pass each time"
within 60 has_guests 0

# Each of theirs is refused, but is there until KVM has freed it.
limit max_vms 2
limit max_vms_per_user 1
elbow 1000 64 300 > "$TMP/elbow" 2>&1
equal "status of elbow" 0 $? && equal "root's VMs" "refused=0 asked=more" "$(cat "$TMP/elbow")"
result "a user whose VMs are refused all the time takes no place of other users' VMs"
no_limits
within 60 has_guests 0

# Rates that change while vCPUs pay for their exits by them.
start paced --forever --vcpus 2 cpuid=100
wait_for has_guest paced
rate=$(guest_of paced)/limits/max_exits_per_sec
changes=0
while [ $changes -lt 300 ]; do
	for value in 100 0 max 0 100000; do
		echo $value > "$rate"
	done
	changes=$((changes + 1))
done
exits_grow "${rate%/limits/*}"
result "a guest whose rate changes 1500 times continues at the last one"
kill_guests
within 60 has_guests 0

# The memory that 1024 threads hold for a while differs by 400 kB between runs. A leak
# per refusal would occur some 40,000 times; a leak per guest shows in life.sh.
memory_is_back "$before" 1024 "the kernel's memory is free again after the threads have ended"
ktap_print_msg "open files: $files before, $(open_files) after"
[ "$(open_files)" -lt $((files + 150)) ]
result "the threads leave no open files"

unload
ktap_finished
