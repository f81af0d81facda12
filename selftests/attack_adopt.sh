#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A VMM changes memory slots while the module is loaded, which sums the slots of all VMs
# then. Needs two CPUs.
#
#	CPU A:  modprobe: the slots of one set ──> the sum
#	CPU B:  KVM_SET_USER_MEMORY_REGION: another set, again and again; or a slot that
#		waits in KVM for a vCPU until after modprobe
. "${0%/*}/lib.sh"

# As many as Linux 5.10 lets a VM have, nearly: each is a page.
SLOTS=500
ROUNDS=${ADOPT_ROUNDS:-30}

# Whether KVM counts the pages of all slots. Without that the slot that is being changed
# may be missed, or counted twice, and again by its hook.
kvm_counts()
{
	uname -r | awk -F '[.-]' '{ exit !($1 > 5 || $1 == 5 && $2 >= 17) }'
}

if kvm_counts; then LEAST=$((SLOTS - 1)) MOST=$SLOTS; else LEAST=$((SLOTS - 2)) MOST=$((SLOTS + 2)); fi

# The slot that is being changed is there, or not.
sum_is_right()
{
	pages=$(($(cat $CLASS/l2-*/memory_bytes) / 4096))
	[ "$pages" -ge "$LEAST" ] && [ "$pages" -le "$MOST" ] && return
	ktap_print_msg "$pages pages"
	return 1
}

ktap_print_header
needs_cpus 2
ktap_set_plan 3

background vmm many_slots moving $SLOTS
wait_for said vmm moving || ktap_exit_fail_msg "$(cat "$TMP/vmm")"
wrong=0
for _ in $(seq "$ROUNDS"); do
	load
	wait_for has_guests 1 && sum_is_right || wrong=$((wrong + 1))
	unload
done
equal "wrong sums" 0 "$wrong"
result "the memory of a VM whose slots change is summed correctly, each of $ROUNDS times that the module is loaded"
check "a VMM that changes slots keeps running while the module is loaded and unloaded" kill -0 "$(pid vmm)"
let_go vmm

waiting="a slot that waits for a vCPU during load counts once"
if kvm_counts; then
	allow_users
	background slot stuck 0 slot
	wait_for said slot stuck
	load
	wait_for has_guests 1
	before=$(cat $CLASS/l2-*/memory_bytes)
	kill -USR1 "$(pid slot)"
	wait_for said slot "slot ok"
	equal "memory_bytes after the slot" $((before + 4096)) "$(cat $CLASS/l2-*/memory_bytes)" &&
		equal "memory_bytes" "$(awk '{ n += $4 } END { print n }' $CLASS/l2-*/memslots)" "$(cat $CLASS/l2-*/memory_bytes)"
	result "$waiting"
	let_go slot
	unload
else
	ktap_test_skip "$waiting" "KVM before 5.17 does not count the pages of slots"
fi
ktap_finished
