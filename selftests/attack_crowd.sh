#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# While more than 2048 threads of one user wait in KVM's ioctls, other users create VMs,
# vCPUs and slots as before, with audit thresholds and with limits (SVM).
#
#	crowd (uid 65534):  9 VMs with 248 threads each in KVM_SET_NESTED_STATE, 64 VMs with one
#	                    in a new slot, all waiting for pages that userfaultfd never fills
#	root, uid 1000:     VM, vCPUs, slots ──> ok within WAIT_CS
#	running (uid 1000): older than the crowd, adds a slot ──> ok
. "${0%/*}/lib.sh"

VMS=9
VCPUS=248
SLOTS=64
WAIT_CS=300
! srcu_spins || WAIT_CS=1200

# serves WORD…: whether one more VM, as the words say, gets vCPUs and slots in time
serves()
{
	start_cs=$(uptime_cs)
	timeout -s KILL 60 ask "$@" vm vcpu:0 vcpu:1 slot:0:1M slot:1:1M > "$TMP/serves"
	took=$(($(uptime_cs) - start_cs))
	ktap_print_msg "took $took cs"
	equal "$*" "ok ok ok ok ok" "$(awk '{ print $2 }' "$TMP/serves" | tail -n 5 | xargs)" && [ $took -le $WAIT_CS ]
}

# running_gets_slot: adds a slot to the VM that is older than the crowd
running_gets_slot()
{
	kill -USR1 "$(pid running)"
	wait_for said running log:9
	equal "slots" "ok ok" "$(grep -E "^(slot|log):9" "$TMP/running" | awk "{ print \$2 }" | xargs)"
}

crowds()
{
	background crowd stuck_crowd 65534 $VMS $VCPUS $SLOTS
	within 90 said crowd refused
	ktap_print_msg "crowd: $(xargs < "$TMP/crowd")"
}

# served WHAT
served()
{
	background running ask uid:1000 vm vcpu:0 slot:0:1M hold slot:9:1M log:9
	wait_for said running holding
	crowds
	result "$1: more than 2048 threads of one user wait in KVM's ioctls"
	serves
	result "$1: root creates a VM, vCPUs and slots in time while 2048 threads wait"
	serves uid:1000
	result "$1: another user creates a VM, vCPUs and slots in time while 2048 threads wait"
	running_gets_slot
	result "$1: a VM older than the waiting threads gets another slot"
	let_go crowd
	kill_vmms
	wait_for has_guests 0
}

ktap_print_header
ktap_set_plan 12
allow_users
load

for limit in max_vms max_vms_per_user max_vcpus max_vcpus_per_vm max_memory_bytes max_memory_per_vm_bytes max_nested_vms; do
	echo 1 > "$L1/audit/$limit"
done
served "audit only"
check "audit only: nothing was denied" equal "denied" 0 "$(cat $L1/denied/* | sort -u)"

no_limits
limit max_vms 10000
limit max_vcpus 100000
limit max_memory_bytes 1T
limit max_nested_vms 10000
served "high limits"
no_limits
equal "denied" 0 $(($(value denied/max_vms) + $(value denied/max_vcpus)))
result "high limits: no VM and no vCPU was denied"

kill_guests
within 30 has_guests 0
become "usage" "0 0 0 0" usage/vms usage/vcpus usage/memory_bytes usage/nested_vms
result "usage is 0 after the waiting threads are killed"
timeout -s KILL 30 rmmod l1tune
result "the module unloads within 30 s after the waiting threads are killed"
ktap_finished
