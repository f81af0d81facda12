#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# max_vms_per_user: which users a VM is charged to; and who may set limits.
. "${0%/*}/lib.sh"

# refused_to HOW FILE: a write by root without full rights is refused
refused_to()
{
	said=$(unprivileged "$1" sh -c "echo 5 | dd of=$2 status=none" 2>&1)
	case $said in
	*"not permitted"*) return 0 ;;
	esac
	ktap_print_msg "$1: $2: '$said'"
	return 1
}

ktap_print_header
ktap_set_plan 9

open_kvm
load
limit max_vms_per_user 2

check "max_vms_per_user lets a user create VMs up to the limit" asks "ok ok ok EDQUOT" uid:1000 vm vm vm
keep one uid:1000 vm vm
asks "ok ok ok EDQUOT" uid:1001 vm vm vm && asks "ok ok EDQUOT" vm vm vm
result "max_vms_per_user counts each user separately, including root"
check "a VM in a user namespace is charged to the namespace's owner, too" asks "ok EDQUOT" userns:1000:2000 vm
let_go one

keep two userns:1000:2000 vm vm
asks "ok EDQUOT" uid:1000 vm && asks "ok EDQUOT" uid:2000 vm && asks "ok ok" uid:3000 vm
result "VMs in a user namespace also count outside of it, for its owner and its user"
let_go two
check "VMs of a user namespace no longer count after they end" asks "ok ok ok EDQUOT" userns:1000:2000 vm vm vm

limit max_vms_per_user 0
check "max_vms_per_user=0 denies every VM" asks "ok EDQUOT" uid:1000 vm
no_limits

before=$(value limits/max_vms)
refused_to admin $L1/limits/max_vms && refused_to userns $L1/limits/max_vms &&
	refused_to admin $L1/audit/max_vms && equal "max_vms" "$before" "$(value limits/max_vms)"
result "neither root without CAP_SYS_ADMIN nor root of a user namespace can set a limit"
start guest --hold cpuid=1
wait_for has_guest guest
refused_to admin "$(guest_of guest)/limits/max_exits_per_sec"
result "root without CAP_SYS_ADMIN cannot set a guest's max_exits_per_sec"

kill_guests
wait_for has_guests 0
check "usage is 0 after all VMs have ended" equal "usage" 0 "$(value usage/vms)"

unload
ktap_finished
