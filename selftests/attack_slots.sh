#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The cost of a memory slot does not grow with their number, and memory in the
# address space of SMM counts. Needs deterministic time (VMX, or SVM with --icount).
#
#	slots 1 … 100 … 8000:  ns for each: without the module, with it, with limits
#	address space 0:       [ 8 MiB    ]
#	address space 1 (SMM): [ the same ] [ 4 KiB ]   counts 8 MiB + 4 KiB
. "${0%/*}/lib.sh"

SLOTS=8000

# costs NAME: measures the cost of the first and the last 100 of $SLOTS slots
costs()
{
	many_slots $SLOTS > "$TMP/$1" || return
	ktap_print_msg "$1: $(cost first "$1") ns each of the first 100 slots, $(cost last "$1") of the last 100 of $SLOTS"
}

# cost first|last NAME
cost()
{
	awk -v which="$1" '$1 == which { print $2 }' "$TMP/$2"
}

# at_most PERCENT OF WHAT
at_most()
{
	[ $(($3 * 100)) -le $(($2 * $1)) ]
}

ktap_print_header
needs_steady_time
ktap_set_plan 9

costs bare
load
costs loaded
at_most 115 "$(cost last bare)" "$(cost last loaded)"
result "creating a slot takes at most 15 % longer with the module, $SLOTS slots existing"
limit max_memory_bytes 1T
limit max_memory_per_vm_bytes 1T
costs limited
at_most 115 "$(cost last bare)" "$(cost last limited)"
result "creating a slot takes at most 15 % longer with memory limits, $SLOTS slots existing"
at_most 110 "$(cost first bare)" "$(cost last bare)"
grows=$?
if [ $grows -eq 0 ]; then
	at_most 110 "$(cost first loaded)" "$(cost last loaded)" && at_most 110 "$(cost first limited)" "$(cost last limited)"
	result "with the module slot $SLOTS takes at most 10 % longer than the first 100"
else
	ktap_test_skip "with the module slot $SLOTS takes at most 10 % longer than the first 100" "it takes longer in KVM itself"
fi
no_limits

limit max_memory_per_vm_bytes 8M
check "memory in the address space of SMM alone counts" asks "ok ok EDQUOT" vm slot:0:8M slot:1@1:4K
check "memory of SMM counts if it is added before other memory" asks "ok ok ok EDQUOT" vm slot:1@1:4M slot:0:4M slot:2:4K
check "the same pages at the same address of both address spaces count once" asks "ok ok ok EDQUOT" vm slot:0:8M share:0@1 slot:1@1:4K
check "memory shared by both address spaces leaves the rest of the limit to other slots" asks "ok ok ok ok EDQUOT" vm slot:0:4M share:0@1 slot:1:4M slot:2:4K
check "memory that is deleted in one of two address spaces still counts" asks "ok ok ok ok EDQUOT" vm slot:0:8M share:0@1 del:0 slot:2:4K
check "usage/memory_bytes is 0 after all VMs have ended" equal "usage" 0 "$(value usage/memory_bytes)"

unload
ktap_finished
