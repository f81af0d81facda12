#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# max_vms_per_user: who is charged for a VM. And who may set limits.
. "${0%/*}/lib.sh"

# refused_to HOW FILE: a write by root who is not quite root
refused_to()
{
	said=$(unprivileged "$1" sh -c "echo 5 > $2" 2>&1)
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

asks "ok ok ok EDQUOT" uid:1000 vm vm vm
result "a user may have so many"
keep one uid:1000 vm vm
asks "ok ok ok EDQUOT" uid:1001 vm vm vm && asks "ok ok EDQUOT" vm vm vm
result "another one as many, and root too"
asks "ok EDQUOT" userns:1000:2000 vm
result "one in a user namespace is charged to its owner too"
let_go one

keep two userns:1000:2000 vm vm
asks "ok EDQUOT" uid:1000 vm && asks "ok EDQUOT" uid:2000 vm && asks "ok ok" uid:3000 vm
result "and the owner and the user cannot have more elsewhere"
let_go two
asks "ok ok ok EDQUOT" userns:1000:2000 vm vm vm
result "what they had is free when they end"

limit max_vms_per_user 0
asks "ok EDQUOT" uid:1000 vm
result "0: none at all"
no_limits

before=$(value limits/max_vms)
refused_to admin $L1/limits/max_vms && refused_to userns $L1/limits/max_vms &&
	refused_to admin $L1/audit/max_vms && equal "max_vms" "$before" "$(value limits/max_vms)"
result "root without CAP_SYS_ADMIN sets no limit, nor does root of a user namespace"
start guest --hold cpuid=1
wait_for has_guest guest
refused_to admin "$(guest_of guest)/limits/max_exits_per_sec"
result "nor that of a guest"

kill_guests
wait_for has_guests 0
equal "usage" 0 "$(value usage/vms)"
result "in the end nothing is in use"

unload
ktap_finished
