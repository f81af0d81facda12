#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tenants in the tool, with the module: limits, l1tune.conf, doctor, events, list and
# export agree with sysfs and KVM's answers.
. "${0%/*}/lib.sh"
. "${0%/*}/tenant_lib.sh"

# shown COLUMNS NAME [LIMIT]…: prints limits of a tenant
shown()
{
	columns=$1
	tenant=$TEST_CGROUP/$2
	shift 2
	l1tune limits "tenant:$tenant" "$@" --noheadings -o "$columns" 2> /dev/null | xargs
}

told()
{
	grep -q "$1" "$TMP/events"
}

ktap_print_header
needs_cgroups
ktap_set_plan 9
load
cgroup a pods/pod1 pods/pod2
A=tenant:$TEST_CGROUP/a
PODS="tenant:$TEST_CGROUP/pods/pod*"
l1tune events > "$TMP/events" &
follower=$!
wait_for follows

equal "status" 0 "$(status_of l1tune limits "$A" max_vms=2 max_memory_bytes=64M audit.max_vcpus=1)" &&
	equal "limits" "2 67108864 1" "$(of_tenant a limits/max_vms) $(of_tenant a limits/max_memory_bytes) $(of_tenant a audit/max_vcpus)"
result "l1tune limits defines a tenant and sets its limits"
equal "status" 1 "$(status_of l1tune limits "tenant:$TEST_CGROUP/new" max_vms=2 max_vcpus=99999999999)" && equal "tenants" 1 "$(nr_tenants)"
result "l1tune limits does not define a tenant if one of several limits is invalid"

keep_in a held vm vcpu:0 slot:0:16M vm
within_cgroup a asks EDQUOT vm
equal "max_vms" "2 2 0 1 yes" "$(shown VALUE,USE,HEADROOM,DENIED,EFFECTIVE a max_vms)" && equal "memory" "64M 16M 48M" "$(shown VALUE,USE,HEADROOM a max_memory_bytes)"
result "l1tune limits shows a tenant's limit, use, headroom and denials"
check "l1tune events shows which tenant's limit denied a VM" wait_for told "denied .*$TEST_CGROUP/a.*max_vms=2, use 2: pid [0-9]*, uid 0.*EDQUOT"
equal "status" 2 "$(status_of l1tune doctor --tenant "$TEST_CGROUP/a")" && grep -q "max_vms" "$TMP/stdout"
result "l1tune doctor --tenant says that a limit is reached"
sed 's/^/# /' "$TMP/stdout"
l1tune list --by cgroup --noheadings -o CGROUP,GUESTS,MEMORY > "$TMP/list" 2> "$TMP/list.errors"
sed 's/^/# /' "$TMP/list" "$TMP/list.errors"
grep -q "$TEST_CGROUP/a *2 *16M" "$TMP/list"
result "l1tune list --by cgroup shows the guests and the memory of a tenant"
l1tune export > "$TMP/export" && grep "tenant=\"$TEST_CGROUP/a\"" "$TMP/export" > "$TMP/of_a" && grep -q "max_vms.* 2$" "$TMP/of_a"
result "l1tune export has a tenant's limits and use"

# The configuration.
l1tune save - > "$TMP/saved"
cat "$TMP/saved" - > "$TMP/conf" <<-EOF
	$PODS max_vms = 1
EOF
grep -q "^$A max_vms = 2" "$TMP/saved" && l1tune limits --remove "$A" && equal "tenants" 0 "$(nr_tenants)" &&
	equal "status" 0 "$(status_of l1tune apply "$TMP/conf")" && equal "limits" "2 1" "$(of_tenant a limits/max_vms) $(of_tenant "pods/pod*" limits/max_vms)" &&
	equal "usage" "2 1 16777216 0" "$(uses a)" && within_cgroup pods/pod2 asks "ok EDQUOT" vm vm
sed 's/^/# /' "$TMP/stderr"
result "l1tune apply defines the tenants that l1tune save wrote, with their existing guests"
sed "/pods/d" "$TMP/conf" > "$TMP/less"
equal "status" 0 "$(status_of l1tune apply "$TMP/less")" && equal "tenants" 1 "$(nr_tenants)"
result "l1tune apply removes a tenant that no longer has a line"

let_go held
kill $follower
unload
no_cgroups
ktap_finished
