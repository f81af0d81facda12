#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Limits of cgroups: who is charged, at each level, by path and by pattern; what is
# refused and told; and that nothing is left of tenants and cgroups that are gone.
#
#	/test                  tenant, max_vms=3
#	├── a                  tenant, max_vms=2
#	│   └── deep/er        no tenant: a's
#	├── b                  defined before there is such a cgroup
#	├── pods/x/pod1, pod2  matches of pods/*/pod*
#	└── free               test's only
. "${0%/*}/lib.sh"
. "${0%/*}/tenant_lib.sh"

# The log takes ten lines in five seconds, and there may have been as many just before.
logs_refusal()
{
	within_cgroup a ask vm > /dev/null
	dmesg | grep -q "deny limit=max_vms value=0 use=0 tenant=\"$TEST_CGROUP/a\" pid="
}

ktap_print_header
needs_cgroups
ktap_set_plan 28
open_kvm
load
cgroup a/deep/er free pods/x/pod1 pods/x/pod2 pods/x/other

# What may be defined.
equal "errors" "File exists Invalid argument Invalid argument Invalid argument File name too long No such file or directory" \
	"$(for path in / / team /a//b /a/.. /1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7; do write $L1/tenants/add "$path"; done | sed 's/.*: //' | xargs) $(write $L1/tenants/remove /not/there | sed 's/.*: //')" &&
	equal "tenants" 1 "$(nr_tenants)" && write $L1/tenants/remove /
result "a tenant is a path from the root, once; the errors tell what is wrong"
equal "tenants" 0 "$(nr_tenants)" && as_user cat $L1/tenants/add > /dev/null 2>&1
equal "status" 1 $?
result "a tenant that is removed has no directory when the write returns"

# Levels.
write $L1/tenants/add "$TEST_CGROUP"
define a
TOP=$(grep -lxF "$TEST_CGROUP" $CLASS/tenant-*/cgroup | sed 's,/cgroup$,,')
echo 3 > "$TOP/limits/max_vms"
set_of a max_vms 2
within_cgroup a asks "ok ok EDQUOT" vm vm vm && within_cgroup a/deep/er asks "ok ok EDQUOT ok ok" vm vm vm close vm
result "a limit holds in its cgroup and in all below, and a freed place is usable at once"
asks "ok ok ok ok" vm vm vm vm && equal "denied" "2 0" "$(of_tenant a denied/max_vms) $(value denied/max_vms)"
result "a limit of a tenant is no limit of others, and refusals are the tenant's"
keep_in a held vm vm
within_cgroup free asks "ok EDQUOT" vm vm && equal "denied" "1 2" "$(cat "$TOP/denied/max_vms") $(of_tenant a denied/max_vms)"
result "what the tenant below has counts above"
limit max_vms 2
within_cgroup a asks "EDQUOT" vm && equal "denied" "1 2" "$(value denied/max_vms) $(of_tenant a denied/max_vms)"
result "the host's limit holds above a tenant's"
limit max_vms max
equal "usage" "2 2" "$(of_tenant a usage/vms) $(cat "$TOP/usage/vms")"
result "usage is what the guests of all cgroups below have"
let_go held
wait_for uses_nothing a
result "usage is 0 when its guests have ended"

# The other kinds.
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
result "max_nested_vms of a tenant is an invalid opcode fault for its guests"
set_of a max_nested_vms max

# A threshold.
echo 1 > "$(tenant a)/audit/max_vms"
within_cgroup a asks "ok ok ok" vm vm vm && equal "would_deny" "2 2" "$(of_tenant a would_deny/max_vms) $(of_tenant a denied/max_vms)"
result "an audit threshold of a tenant counts and refuses nothing"
echo max > "$(tenant a)/audit/max_vms"

# Later than its guests, before its cgroup, and again.
keep_in free later vm vcpu:0 slot:0:4M
equal "error" "" "$(define free)" && equal "usage" "1 1 4194304 0" "$(uses free)" &&
	equal "of guest" "$TEST_CGROUP/free" "$(cat "$CLASS"/l2-*/cgroup)" &&
	equal "tenants" "${TOP##*/} $(basename "$(tenant free)")" "$(cat "$CLASS"/l2-*/tenants)"
result "a tenant that is defined later has the guests of its cgroup at once"
undefine free
equal "tenants" "${TOP##*/}" "$(cat "$CLASS"/l2-*/tenants)" && equal "usage" 1 "$(cat "$TOP/usage/vms")"
result "guests stay when their tenant is removed"
define free
echo "$(pid later)" > "$CGROUPS$TEST_CGROUP/a/cgroup.procs"
equal "usage" "1 1 4194304 0 and 0 0 0 0" "$(uses free) and $(uses a)"
result "a guest whose VMM moves is charged where it was created"
let_go later
wait_for uses_nothing free
define b
set_of b max_vms 1
cgroup b
within_cgroup b asks "ok EDQUOT" vm vm && rmdir "$CGROUPS$TEST_CGROUP/b" && cgroup b && within_cgroup b asks "ok EDQUOT" vm vm &&
	equal "denied" 2 "$(of_tenant b denied/max_vms)"
result "a tenant is defined before its cgroup, and the same when that is made again"

# Patterns.
define "pods/*/pod*"
P=$(tenant "pods/*/pod*")
set_of "pods/*/pod*" max_vms 1
keep_in pods/x/pod1 pod vm
within_cgroup pods/x/pod1 asks "EDQUOT" vm && within_cgroup pods/x/pod2 asks "ok EDQUOT" vm vm && within_cgroup pods/x/other asks "ok ok ok" vm vm vm
result "each cgroup that a pattern matches is a tenant of its own"
wait_for test -n "$(tenant pods/x/pod1)" && equal "match" "${P##*/} 1 1 1" \
	"$(of_tenant pods/x/pod1 pattern) $(of_tenant pods/x/pod1 limits/max_vms) $(of_tenant pods/x/pod1 usage/vms) $(of_tenant pods/x/pod1 denied/max_vms)" &&
	equal "pattern" "2 2" "$(cat "$P/matches") $(cat "$P/denied/max_vms")" && [ ! -e "$P/usage" ]
result "a match shows its pattern, and the pattern counts what its matches do"
said=$(write "$(tenant pods/x/pod1)/limits/max_vms" 5)
case $said in *"ermi"*) : ;; *) false ;; esac
result "the limits of a match are its pattern's, and not set there"
define pods/x/pod1
set_of pods/x/pod1 max_vms 3
within_cgroup pods/x/pod1 asks "ok ok EDQUOT" vm vm vm && [ ! -e "$(tenant pods/x/pod1)/pattern" ] && equal "matches" 1 "$(cat "$P/matches")"
result "a match that is defined itself has limits of its own, and its guests still"
undefine pods/x/pod1
wait_for test -n "$(tenant pods/x/pod1)"
equal "usage and pattern" "1 ${P##*/}" "$(of_tenant pods/x/pod1 usage/vms) $(of_tenant pods/x/pod1 pattern)"
result "and is a match again, with its guests, when that definition is removed"
let_go pod

# The names that kubelet and systemd give: a pod's containers are in scopes below.
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
result "the slices of pods are found by pattern, and units by their escaped names"

# What is told.
set_of a max_vms 0
background uevents uevents "$TEST_UID"
wait_for said uevents listening
within_cgroup a asks "EDQUOT" vm
wait_for grep -q "CGROUP=$TEST_CGROUP/a" $L1/events
grep "EVENT=limit LIMIT=max_vms VALUE=0 USE=0 .* ACTION_TAKEN=denied ERRNO=EDQUOT COUNT=1 .*TENANT=$(basename "$(tenant a)") CGROUP=$TEST_CGROUP/a$" $L1/events > /dev/null &&
	wait_for logs_refusal
result "the log and l1/events say which tenant's limit refused whom"
wait_for said uevents "TENANT=$(basename "$(tenant a)")" && ! grep -q "$TEST_CGROUP" "$TMP/uevents"
result "a uevent has the tenant's number, and not its path"
let_go uevents
set_of a max_vms max

# A rate; tenants_pace knows better how long a second is.
set_of a max_vms_per_sec 3
within_cgroup a creates 8 > "$TMP/rate" && within_cgroup free creates 1 > "$TMP/unlimited"
ktap_print_msg "3 a second: $(cat "$TMP/rate"); beside: $(cat "$TMP/unlimited")"
awk -F '[ =]' '{ exit !($2 <= 3 + 3 * $6 + 1 && $4 > 0) }' "$TMP/rate" &&
	awk -F '[ =]' '{ exit !($4 == 0) }' "$TMP/unlimited"
result "max_vms_per_sec refuses what comes faster, by EAGAIN"
equal "refused" "$(sed 's/.*refused=\([0-9]*\).*/\1/' "$TMP/rate")" "$(of_tenant a denied/max_vms_per_sec)" && equal "usage" 0 "$(of_tenant a usage/vms)"
result "each VM that was too many for a rate is counted as denied, and not as use"
set_of a max_vms_per_sec max

# Accounts: equal to the guest's own, also when it has ended.
(enter a && exec vmm -name guest=account --expect cpuid=2000 out=300) > "$TMP/account" 2>&1
wait_for has_guests 0
exits=$(program_exits account)
sum=$(of_tenant a totals/exits)
parts=$(for part in kernel vmm vmm_sleep halted blocked runq throttled; do of_tenant a totals/${part}_time_ns; done | awk '{ n += $1 } END { printf "%.0f", n }')
ktap_print_msg "exits: $exits by programs, $sum in totals"
[ "$sum" -ge "$exits" ] && equal "parts" "$(of_tenant a totals/exit_time_ns)" "$parts" && [ "$(cat "$TOP/totals/exits")" -ge "$sum" ]
result "totals have the exits of guests that ended, and their parts add up"

kill_guests
wait_for has_guests 0
cat $CLASS/tenant-*/cgroup > "$TMP/paths"
while read -r path; do
	case $path in *pod[12] | *"$POD" | *pod2.slice) ;; *) write $L1/tenants/remove "$path" ;; esac
done < "$TMP/paths"
equal "tenants" 0 "$(nr_tenants)" && equal "hooks" off "$(sort -u $L1/hooks/refuse_* $L1/hooks/throttle)"
result "with the last tenant and its limits the hooks are off, and a pattern's matches go with it"
unload
no_cgroups
ktap_finished
