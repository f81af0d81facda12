#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guests of a tenant share a pace: their programs together count the rate, whichever
# guest exits more, and another guest gets the rest of the CPU. Needs deterministic time
# (VMX, or SVM with --icount).
. "${0%/*}/lib.sh"
. "${0%/*}/tenant_lib.sh"

RATE=4000
SECONDS_LONG=10
# A bucket plus as much in leases, as for a guest
BURST_MS=100

# runs_in CGROUP NAME VMM-ARGUMENT…: runs a guest for $seconds
runs_in()
{
	where=$1
	name=$2
	shift 2
	background "$name" sh -c 'echo 0 > "$0" && exec vmm "$@"' "$CGROUPS$TEST_CGROUP/$where/cgroup.procs" \
		-name "guest=$name" --seconds $seconds --expect --time "$@"
}

# thousand add|remove: 1000 tenants, ten of them patterns, which are compared one by one;
# without a child process
thousand()
{
	for i in $(seq 1000); do
		if [ "$i" -le 10 ]; then
			echo "$TEST_CGROUP/pods/*/$i*"
		else
			echo "$TEST_CGROUP/pods/$i"
		fi > "$L1/tenants/$1"
	done
}

ktap_print_header
needs_steady_time
needs_cgroups
on_one_cpu
ktap_set_plan 8
cgroup team/one team/two alone
load
define team
define team/one

seconds=$SECONDS_LONG
set_of team max_exits_per_sec $RATE
equal "hook and effective" "ok 1" "$(value hooks/throttle) $(of_tenant team effective/max_exits_per_sec)" &&
	runs_in team/one one cpuid=100 && runs_in team/two two cpuid=100 out=50 && runs_in team/two three --vcpus 2 cpuid=30
finish one && finish two && finish three
result "three guests of a paced tenant end without an error"
ms=$(program_ms one)
sum=$(($(program_exits one) + $(program_exits two) + $(program_exits three)))
ktap_print_msg "$(program_exits one) + $(program_exits two) + $(program_exits three) exits in $ms ms, $RATE a second allowed"
awk -v n=$sum -v ms="$ms" -v r=$RATE -v burst=$BURST_MS 'BEGIN {
	exit !(n > 0.98 * r * ms / 1000 && n - r * burst / 1000 < 1.02 * r * ms / 1000) }'
result "exits of a paced tenant's three guests together are its pace, within 2 %"
equal "denied" "0 0" "$(value denied/max_exits_per_sec) $(of_tenant team/one denied/max_exits_per_sec)" && [ "$(of_tenant team denied/max_exits_per_sec)" -gt 0 ]
result "pacing is counted as denied in the tenant with the pace only"

seconds=4
runs_in alone free cpuid=100
finish free
free=$(program_exits free)
seconds=8
runs_in team/one paced cpuid=100
wait_for has_guest paced
used=$(cpu_time_ns paced)
seconds=4
runs_in alone beside cpuid=100
finish beside
used=$(($(cpu_time_ns paced) - used))
finish paced
beside=$(program_exits beside)
ktap_print_msg "exits in $seconds s: $free alone, $beside with a paced tenant, whose guest used $used ns"
awk -v a="$free" -v b="$beside" -v used="$used" -v s=$seconds 'BEGIN { exit !(b / a + used / s / 1e9 > 0.97) }'
result "a guest loses less than 3 % to a paced tenant on the same CPU, beyond the CPU time that it uses"

set_of team max_exits_per_sec max
set_of team/one max_exits_per_sec 1000
runs_in team/one last cpuid=100
runs_in team/two fast cpuid=100
finish last
finish fast
ktap_print_msg "$(program_exits last) exits at 1000 a second, $(program_exits fast) without"
[ "$(program_exits last)" -lt $((1000 * seconds * 105 / 100 + 100)) ] && [ "$(program_exits fast)" -gt $((3 * $(program_exits last))) ]
result "an inner and an outer tenant each have their own pace"

# The cost of a VM: CPU time of KVM_CREATE_VM and close, over many VMs. Their wall time
# is mostly the kernel's grace periods, in ticks.
set_of team/one max_exits_per_sec max
undefine team
undefine team/one
cgroup pods/x/none
within_cgroup pods/x/none creates 2 > "$TMP/none"
thousand add
within_cgroup pods/x/none creates 2 > "$TMP/thousand"
ktap_print_msg "without tenants: $(cat "$TMP/none"); with $(nr_tenants): $(cat "$TMP/thousand")"
cat "$TMP/none" "$TMP/thousand" | awk -F '[ =]' '{ cpu[NR] = $8 / $2 } END { printf "# %.0f and %.0f us of a CPU for each\n", 1e6 * cpu[1], 1e6 * cpu[2]; exit !(cpu[2] < 1.05 * cpu[1]) }'
result "with 1000 tenants defined a VM takes at most 5 % more CPU time"
thousand remove
define team/one

# A rate of creation: as many at once as in one second, then one by one.
set_of team/one max_vms_per_sec 5
within_cgroup team/one creates 60 > "$TMP/rate"
ktap_print_msg "5 a second: $(cat "$TMP/rate")"
check "max_vms_per_sec allows a second's worth at once, then keeps its rate within 1 % over a minute" awk -F '[ =]' \
	'{ exit !($2 - 5 > 0.99 * 5 * $6 && $2 - 5 < 1.01 * 5 * $6) }' "$TMP/rate"
wait_for has_guests 0
check "each VM beyond max_vms_per_sec is counted as denied, and not in usage" equal "denied and use" \
	"$(sed 's/.*refused=\([0-9]*\).*/\1/' "$TMP/rate") 0" "$(of_tenant team/one denied/max_vms_per_sec) $(of_tenant team/one usage/vms)"

unload
no_cgroups
ktap_finished
