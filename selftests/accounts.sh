#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Accounts of tenants in l1tune list --by cgroup and export, compared with the module's
# files, the guests' own counts, and the scheduler's count of the cgroup.
#
#	/l1tune-test		a tenant	alone
#	/l1tune-test/in		a tenant	first, second, gone
#	/l1tune-test-out	none		other
. "${0%/*}/lib.sh"

OUTER=/l1tune-test
INNER=$OUTER/in
FREE=/l1tune-test-out

remove_cgroups()
{
	for cgroup in $INNER $OUTER $FREE; do
		[ ! -e "$CGROUPS$cgroup" ] || rmdir "$CGROUPS$cgroup"
	done
}

# start_in CGROUP NAME VMM-ARGUMENT…
start_in()
{
	cgroup=$1
	name=$2
	shift 2
	# shellcheck disable=SC2016
	background "$name" sh -c 'echo 0 > "$0/cgroup.procs"; exec vmm "$@"' "$CGROUPS$cgroup" -name "guest=$name" "$@"
}

tenant_of()
{
	grep -lx "$1" "$CLASS"/tenant-*/cgroup | sed 's,/cgroup$,,'
}

# column CGROUP COLUMN: a value of the table
column()
{
	l1tune list --by cgroup --noheadings --bytes -o "CGROUP,$2" 2> "$TMP/stderr" | awk -v cgroup="$1" '$1 == cgroup { print $2 }'
}

# sum_of FILE NAME…: sum of a file over guests
sum_of()
{
	file=$1
	shift
	for guest; do
		cat "$(guest_of "$guest")/$file"
	done | awk '{ n += $1 } END { printf "%.0f\n", n }'
}

# has_worked: whether the guest without a tenant ran long enough for clock ticks not to matter
has_worked()
{
	[ "$(usage_ns $FREE)" -gt 1000000000 ]
}

usage_ns()
{
	awk '$1 == "usage_usec" { printf "%.0f\n", $2 * 1000 }' "$CGROUPS$1/cpu.stat"
}

# is_near WHAT NS OTHER_NS: within an eighth plus 60 ms. Time in interrupts is part of the
# cost; whether cpu.stat includes it depends on the kernel.
is_near()
{
	awk -v a="$2" -v b="$3" 'BEGIN { d = a - b; if (d < 0) d = -d; exit !(d <= 60000000 + b / 8) }' && return
	ktap_print_msg "$1: $2 ns and $3 ns"
	return 1
}

trap 'kill_started; remove_cgroups; clean_up' EXIT
mount_cgroups || skip_all "there is no cgroup2"
load
[ -d $L1/tenants ] || {
	unload
	skip_all "the kernel has no cgroups for tenants"
}
mkdir "$CGROUPS$OUTER" "$CGROUPS$INNER" "$CGROUPS$FREE"

ktap_print_header
ktap_set_plan 12

echo $OUTER > $L1/tenants/add
echo $INNER > $L1/tenants/add
start_in $INNER gone cpuid=700
finish gone
start_in $INNER first --hold cpuid=500 out=100
start_in $INNER second --vcpus 2 --hold rdmsr=300
start_in $OUTER alone --hold cpuid=2000 out=4000
start_in $FREE other --forever --period-us 1000 cpuid=100 out=100
for guest in first second alone; do
	wait_for has_held $guest
done
within 120 has_worked
# So that nothing changes while it is read.
kill -STOP "$(pid other)"
inner=$(tenant_of $INNER)
outer=$(tenant_of $OUTER)

equal "guests" "2 3 1" "$(column $INNER GUESTS) $(column $OUTER GUESTS) $(column $FREE GUESTS)" &&
	equal "since" "3 4 -" "$(column $INNER STARTED) $(column $OUTER STARTED) $(column $FREE STARTED)"
result "list --by cgroup counts living guests, and guests started since the tenant was defined"
check "vCPUs of an inner tenant count in the outer tenant" equal "vCPUs" "3 4 1" "$(column $INNER VCPUS) $(column $OUTER VCPUS) $(column $FREE VCPUS)"
equal "exits of the inner one" "$(cat "$inner/totals/exits")" "$(column $INNER EXITS)" && equal "exits of the outer one" "$(cat "$outer/totals/exits")" "$(column $OUTER EXITS)"
result "exits of a tenant are equal to the module's count"
check "exits of a cgroup without a tenant are the sum of its guests" equal "exits" "$(sum_of exits other)" "$(column $FREE EXITS)"
living=$(sum_of exits first second)
[ "$(column $INNER EXITS)" -ge $((living + 700)) ]
result "exits of a tenant include a guest that ended"
check "exits of the outer tenant are those of the inner tenant plus its own" equal "exits" $(($(column $INNER EXITS) + $(sum_of exits alone))) "$(column $OUTER EXITS)"

ids=$(for guest in first second; do sed 's/.*/&/' "$(guest_of $guest)/tenants"; done | sort -u)
equal "tenants" "${outer##*/} ${inner##*/}" "$ids" && equal "cgroup" $FREE "$(cat "$(guest_of other)/cgroup")"
result "a guest's files show its tenants, outermost first, and its cgroup"

equal "guests" "alone first second" "$(l1tune list --noheadings -o NAME "tenant:$OUTER" | sort | xargs)" &&
	equal "guests" other "$(l1tune list --noheadings -o NAME "tenant:$FREE" | xargs)"
result "guests are selected by tenant"

# The cgroup contains only the VMM, with its guest and its threads.
l1tune list --by cgroup > "$TMP/table"
cost=$(column $FREE COST)
spent=$(usage_ns $FREE)
ktap_print_msg "cost $cost ns, $(column $FREE HELPERS) of it helpers, $(column $FREE GUEST_TIME) ns in the guest; of the control group $spent ns"
check "the cost plus the time in guests is the cgroup's CPU time" is_near "cost, time in the guest, and cpu.stat" "$((cost + $(column $FREE GUEST_TIME)))" "$spent"

check "helper threads are known for the guest with a running VMM, and unknown for three with ended vCPUs" grep -qs 'helper threads of 3 guests' "$TMP/table"

l1tune export 2> /dev/null > "$TMP/prom"
equal "exported" "$(column $INNER EXITS)" "$(sed -n "s,^l1tune_tenant_exits_total{tenant=\"$INNER\"} ,,p" "$TMP/prom")"
result "export has a tenant's exits with the tenant's label"

echo $INNER > $L1/tenants/remove
equal "rows" "$OUTER $FREE" "$(l1tune list --by cgroup --noheadings -o CGROUP | grep ^/ | sort | xargs)" && equal "guests" 3 "$(column $OUTER GUESTS)"
result "a removed tenant has no row, and its guests still count in the outer tenant"

kill_guests
unload
ktap_finished
