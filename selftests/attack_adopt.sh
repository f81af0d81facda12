#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A VMM changes memory slots without a pause while the module is loaded, which sums the
# slots of all VMs then. Needs two CPUs.
#
#	CPU A:  modprobe: the slots of one set ──> the sum
#	CPU B:  KVM_SET_USER_MEMORY_REGION: another set, again and again
. "${0%/*}/lib.sh"

# As many as Linux 5.10 lets a VM have, nearly: each is a page.
SLOTS=500
ROUNDS=${ADOPT_ROUNDS:-30}

# The slot that is being changed may be missed, or counted twice, and again by its hook.
sum_is_right()
{
	pages=$(($(cat $CLASS/l2-*/memory_bytes) / 4096))
	[ "$pages" -ge $((SLOTS - 2)) ] && [ "$pages" -le $((SLOTS + 2)) ] && return
	ktap_print_msg "$pages pages"
	return 1
}

ktap_print_header
needs_cpus 2
ktap_set_plan 2

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
ktap_finished
