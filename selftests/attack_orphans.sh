#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A user leaves VMs whose creators have exited, before the module is loaded. Nobody else
# may be charged for them.
#
#	user:  child: KVM_CREATE_VM, exits ──> the parent keeps the VM's file descriptor
#	root:  modprobe ──> KVM_CREATE_VM
. "${0%/*}/lib.sh"

ktap_print_header
ktap_set_plan 5

open_kvm
keep left uid:1000 orphan orphan orphan
keep own uid:1000 vm
load
limit max_vms_per_user 2

wait_for has_guests 4 &&
	equal "uids" "1000 4294967295 4294967295 4294967295" "$(cat $CLASS/l2-*/uid | sort | xargs)"
result "VMs whose creator has exited are in the registry as nobody's"
asks "ok ok EDQUOT" vm vm vm && asks "ok ok ok EDQUOT" userns:0:2000 vm vm vm
result "max_vms_per_user does not charge them to root"
check "their user is charged for other VMs" asks "ok ok EDQUOT" uid:1000 vm vm
equal "usage" 4 "$(value usage/vms)" && limit max_vms 4 && asks "EDQUOT" vm
result "max_vms counts them"

let_go left own
wait_for has_guests 0 && equal "usage" 0 "$(value usage/vms)"
result "usage is 0 after they have ended"

unload
ktap_finished
