#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Limits of cgroups: who is charged, at each level, by path and by pattern; denials and
# their reports; and nothing is left of removed tenants and cgroups.
#
#	/test                  tenant, max_vms=3
#	├── a                  tenant, max_vms=2
#	│   └── deep/er        no tenant, belongs to a
#	├── b                  defined before the cgroup exists
#	├── pods/x/pod1, pod2  matches of pods/*/pod*
#	└── free               belongs to test only
. "${0%/*}/lib.sh"
. "${0%/*}/tenant_lib.sh"

# The log is limited to ten lines in five seconds, which may be used up already.
logs_refusal()
{
	within_cgroup a ask vm > /dev/null
	dmesg | grep -q "deny limit=max_vms value=0 use=0 tenant=\"$TEST_CGROUP/a\" pid="
}

# begin_in CGROUP NAME: a guest there starts until its first idle
begin_in()
{
	background "$2" sh -c 'echo 0 > "$0" && exec starts idle' "$CGROUPS$TEST_CGROUP/$1/cgroup.procs"
}

# started N TENANT…: whether so many of each tenant's guests have started since load
started()
{
	n=$1
	shift
	for tenant; do
		[ "$(awk '$1 == "total" { print $2 }' "$tenant/start/times")" = "$n" ] || return
	done
}

ktap_print_header
needs_cgroups
ktap_set_plan 31
open_kvm
load
cgroup a/deep/er free pods/x/pod1 pods/x/pod2 pods/x/other pods/.../pod1

# Valid tenants.
equal "errors" "File exists Invalid argument Invalid argument Invalid argument File name too long No such file or directory" \
	"$(for path in / / team /a//b /a/.. /1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7; do write $L1/tenants/add "$path"; done | sed 's/.*: //' | xargs) $(write $L1/tenants/remove /not/there | sed 's/.*: //')" &&
	equal "tenants" 1 "$(nr_tenants)" && write $L1/tenants/remove /
result "a tenant is a path from the root, defined once; each invalid definition fails with its own error"
left=$(nr_tenants)
as_user cat $L1/tenants/add > /dev/null 2>&1
equal "status" 1 $? && equal "tenants" 0 "$left"
result "a removed tenant has no directory when the write returns, and users cannot read tenants/add"

# Levels.
write $L1/tenants/add "$TEST_CGROUP"
define a
TOP=$(grep -lxF "$TEST_CGROUP" $CLASS/tenant-*/cgroup | sed 's,/cgroup$,,')
echo 3 > "$TOP/limits/max_vms"
set_of a max_vms 2
within_cgroup a asks "ok ok EDQUOT" vm vm vm && within_cgroup a/deep/er asks "ok ok EDQUOT ok ok" vm vm vm close vm
result "a tenant's limit applies in its cgroup and all below, and a closed VM no longer counts"
asks "ok ok ok ok" vm vm vm vm && equal "denied" "2 0" "$(of_tenant a denied/max_vms) $(value denied/max_vms)"
result "a tenant's limit does not apply to others, and its denials are counted in the tenant only"
keep_in a held vm vm
within_cgroup free asks "ok EDQUOT" vm vm && equal "denied" "1 2" "$(cat "$TOP/denied/max_vms") $(of_tenant a denied/max_vms)"
result "VMs of an inner tenant count in the outer tenant"
limit max_vms 2
within_cgroup a asks "EDQUOT" vm && equal "denied" "1 2" "$(value denied/max_vms) $(of_tenant a denied/max_vms)"
result "the host's limit applies to tenants, too"
limit max_vms max
equal "usage" "2 2" "$(of_tenant a usage/vms) $(cat "$TOP/usage/vms")"
result "a tenant's usage includes the guests of all cgroups below"
let_go held
wait_for uses_nothing a
result "a tenant's usage is 0 after its guests have ended"

# The other limits.
echo max > "$TOP/limits/max_vms"
set_of a max_vms max
set_of a max_vcpus 2
within_cgroup a asks "ok ok ok EDQUOT ok EDQUOT" vm vcpu:0 vcpu:1 vcpu:2 vm vcpu:0 &&
	within_cgroup free asks "ok ok ok ok" vm vcpu:0 vcpu:1 vcpu:2
result "max_vcpus counts the vCPUs of a tenant's guests together"
set_of a max_vcpus max
set_of a max_memory_bytes 8M
within_cgroup a asks "ok ok EDQUOT ok ok EDQUOT" vm slot:0:4M slot:1:5M slot:1:3M vm slot:0:4M
set_of a max_memory_bytes max
within_cgroup a asks "ok ok ok" vm slot:0:8M slot:1:4M
result "max_memory_bytes counts the memory of a tenant's guests together"
set_of a max_nested_vms 0
(enter a && exec vmm -name guest=nested --nested --expect cpuid=5) > "$TMP/nested" 2>&1
equal "#UD" 1 "$(sed -n 's/^undefined .*count=//p' "$TMP/nested")" && equal "denied" 1 "$(of_tenant a denied/max_nested_vms)"
result "max_nested_vms=0 of a tenant raises an invalid opcode fault in its guests"
set_of a max_nested_vms max

# Starts.
begin_in a/deep/er inner
wait_for started 1 "$(tenant a)" "$TOP" && begin_in free beside && wait_for started 2 "$TOP" && started 1 "$(tenant a)"
result "a tenant's start/times has the starts of the guests in its cgroup and all below"
let_go inner
let_go beside
wait_for has_guests 0 && started 1 "$(tenant a)" && started 2 "$TOP" &&
	equal "l1tune" "1 $TEST_CGROUP/a 2 $TEST_CGROUP" "$(l1tune start --by cgroup --noheadings -o STARTED,CGROUP | grep -E "$TEST_CGROUP(/a)?\$" | sort | xargs)"
result "starts of guests that ended stay in their tenants' start/times"

# A threshold.
echo 1 > "$(tenant a)/audit/max_vms"
within_cgroup a asks "ok ok ok" vm vm vm && equal "would_deny" "2 2" "$(of_tenant a would_deny/max_vms) $(of_tenant a denied/max_vms)"
result "a tenant's audit threshold counts and denies nothing"
echo max > "$(tenant a)/audit/max_vms"

# Defined after its guests, before its cgroup, and a cgroup made again.
keep_in free later vm vcpu:0 slot:0:4M
wait_for has_guests 1
equal "error" "" "$(define free)" && equal "usage" "1 1 4194304 0" "$(uses free)" &&
	equal "of guest" "$TEST_CGROUP/free" "$(cat "$CLASS"/l2-*/cgroup)" &&
	equal "tenants" "${TOP##*/} $(basename "$(tenant free)")" "$(cat "$CLASS"/l2-*/tenants)"
result "a tenant that is defined later is charged for the existing guests of its cgroup"
undefine free
equal "tenants" "${TOP##*/}" "$(cat "$CLASS"/l2-*/tenants)" && equal "usage" 1 "$(cat "$TOP/usage/vms")"
result "guests continue to count in the outer tenant when their tenant is removed"
define free
echo "$(pid later)" > "$CGROUPS$TEST_CGROUP/a/cgroup.procs"
equal "usage" "1 1 4194304 0 and 0 0 0 0" "$(uses free) and $(uses a)"
result "a guest whose VMM moves is still charged to the cgroup where it was created"
let_go later
wait_for uses_nothing free
define b
set_of b max_vms 1
cgroup b
within_cgroup b asks "ok EDQUOT" vm vm && rmdir "$CGROUPS$TEST_CGROUP/b" && cgroup b && within_cgroup b asks "ok EDQUOT" vm vm &&
	equal "denied" 2 "$(of_tenant b denied/max_vms)"
result "a tenant can be defined before its cgroup exists, and stays the same if the cgroup is made again"

# Patterns.
define "pods/*/pod*"
P=$(tenant "pods/*/pod*")
set_of "pods/*/pod*" max_vms 1
keep_in pods/x/pod1 pod vm
within_cgroup pods/x/pod1 asks "EDQUOT" vm && within_cgroup pods/x/pod2 asks "ok EDQUOT" vm vm && within_cgroup pods/x/other asks "ok ok ok" vm vm vm
result "each cgroup that a pattern matches is a tenant of its own"
within_cgroup pods/.../pod1 asks "ok EDQUOT" vm vm
result "a cgroup named ... belongs to the tenants of its path like any other"
wait_for test -n "$(tenant pods/x/pod1)" && equal "match" "${P##*/} 1 1 1" \
	"$(of_tenant pods/x/pod1 pattern) $(of_tenant pods/x/pod1 limits/max_vms) $(of_tenant pods/x/pod1 usage/vms) $(of_tenant pods/x/pod1 denied/max_vms)" &&
	equal "pattern" "3 3" "$(cat "$P/matches") $(cat "$P/denied/max_vms")" && [ ! -e "$P/usage" ]
result "a match shows its pattern, and the pattern counts the denials of its matches"
said=$(write "$(tenant pods/x/pod1)/limits/max_vms" 5)
case $said in *"ermi"*) : ;; *) false ;; esac
result "the limits of a match cannot be written"
define pods/x/pod1
set_of pods/x/pod1 max_vms 3
within_cgroup pods/x/pod1 asks "ok ok EDQUOT" vm vm vm && [ ! -e "$(tenant pods/x/pod1)/pattern" ] && equal "matches" 2 "$(cat "$P/matches")"
result "a match that is defined as a tenant has its own limits, and keeps its guests"
undefine pods/x/pod1
wait_for test -n "$(tenant pods/x/pod1)"
equal "usage and pattern" "1 ${P##*/}" "$(of_tenant pods/x/pod1 usage/vms) $(of_tenant pods/x/pod1 pattern)"
result "a tenant becomes a match again, with its guests, when its definition is removed"
let_go pod

# Names as of kubelet and systemd: a pod's containers are in scopes below.
POD=kubepods-burstable-pod1f2e3d4c_0001_4b5a_8899_aabbccddeeff.slice
SCOPE=cri-containerd-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope
UNIT='system.slice/system-fleet\x2dvms.slice/fleet@a\x2db.service'
cgroup "kubepods.slice/kubepods-burstable.slice/$POD/$SCOPE" kubepods.slice/kubepods-pod2.slice/x.scope "$UNIT"
define "kubepods.slice/*/*-pod*.slice"
define "kubepods.slice/*-pod*.slice"
define "$UNIT"
set_of "kubepods.slice/*/*-pod*.slice" max_vms 1
set_of "kubepods.slice/*-pod*.slice" max_vms 2
set_of "$UNIT" max_vms 1
within_cgroup "kubepods.slice/kubepods-burstable.slice/$POD/$SCOPE" asks "ok EDQUOT" vm vm &&
	within_cgroup kubepods.slice/kubepods-pod2.slice/x.scope asks "ok ok EDQUOT" vm vm vm &&
	within_cgroup kubepods.slice/kubepods-burstable.slice asks "ok ok ok" vm vm vm &&
	wait_for test -n "$(tenant "kubepods.slice/kubepods-burstable.slice/$POD")" && within_cgroup "$UNIT" asks "ok EDQUOT" vm vm
result "slices of pods match by pattern, and units by their escaped names"

# Reports.
set_of a max_vms 0
background uevents uevents "$TEST_UID"
wait_for said uevents listening
within_cgroup a asks "EDQUOT" vm
# Others have been denied there before.
wait_for grep -q "EVENT=limit LIMIT=max_vms VALUE=0 USE=0 .* ACTION_TAKEN=denied ERRNO=EDQUOT COUNT=1 .*TENANT=$(basename "$(tenant a)") CGROUP=$TEST_CGROUP/a$" $L1/events &&
	wait_for logs_refusal
result "the log and l1/events name the tenant whose limit denied a VM"
wait_for said uevents "TENANT=$(basename "$(tenant a)")" && ! grep -q "$TEST_CGROUP" "$TMP/uevents"
result "a uevent has the tenant's id and not its path"
let_go uevents
set_of a max_vms max

# A rate; tenants_pace measures it exactly.
set_of a max_vms_per_sec 3
within_cgroup a creates 8 > "$TMP/rate" && within_cgroup free creates 1 > "$TMP/unlimited"
ktap_print_msg "3 a second: $(cat "$TMP/rate"); unlimited: $(cat "$TMP/unlimited")"
awk -F '[ =]' '{ exit !($2 <= 3 + 3 * $6 + 1 && $4 > 0) }' "$TMP/rate" &&
	awk -F '[ =]' '{ exit !($4 == 0) }' "$TMP/unlimited"
result "max_vms_per_sec denies VMs beyond the rate with EAGAIN"
equal "refused" "$(sed 's/.*refused=\([0-9]*\).*/\1/' "$TMP/rate")" "$(of_tenant a denied/max_vms_per_sec)" && equal "usage" 0 "$(of_tenant a usage/vms)"
result "each VM beyond max_vms_per_sec is counted as denied, and not in usage"
set_of a max_vms_per_sec max

# Accounts: equal to the guest's own, even after it has ended.
(enter a && exec vmm -name guest=account --expect cpuid=2000 out=300) > "$TMP/account" 2>&1
wait_for has_guests 0
exits=$(program_exits account)
sum=$(of_tenant a totals/exits)
parts=$(for part in kernel vmm vmm_sleep halted blocked runq throttled; do of_tenant a totals/${part}_time_ns; done | awk '{ n += $1 } END { printf "%.0f", n }')
ktap_print_msg "exits: $exits by programs, $sum in totals"
[ "$sum" -ge "$exits" ] && equal "parts" "$(of_tenant a totals/exit_time_ns)" "$parts" && [ "$(cat "$TOP/totals/exits")" -ge "$sum" ]
result "a tenant's totals have the exits of guests that ended, and their parts add up"

kill_guests
wait_for has_guests 0
cat $CLASS/tenant-*/cgroup > "$TMP/paths"
while read -r path; do
	case $path in *pod[12] | *"$POD" | *pod2.slice) ;; *) write $L1/tenants/remove "$path" ;; esac
done < "$TMP/paths"
equal "tenants" 0 "$(nr_tenants)" && equal "hooks" off "$(sort -u $L1/hooks/refuse_* $L1/hooks/throttle)"
result "removing a pattern removes its matches, and without tenants the hooks are off"
unload
no_cgroups
ktap_finished
