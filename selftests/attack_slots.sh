#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Memory slots: what one costs does not grow with their number, and memory in the
# address space of SMM is not free. Wants deterministic time (VMX, or SVM with
# --icount).
. "${0%/*}/lib.sh"

SLOTS=8000

# costs NAME: the last hundred of so many slots, and the first
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
result "a slot beside $SLOTS others costs no more than 15 % more with the module"
limit max_memory_bytes 1T
limit max_memory_per_vm_bytes 1T
costs limited
at_most 115 "$(cost last bare)" "$(cost last limited)"
result "also while memory is limited"
at_most 110 "$(cost first bare)" "$(cost last bare)"
grows=$?
if [ $grows -eq 0 ]; then
	at_most 110 "$(cost first loaded)" "$(cost last loaded)" && at_most 110 "$(cost first limited)" "$(cost last limited)"
	result "nor more than 10 % more than one of the first hundred"
else
	ktap_test_skip "nor more than 10 % more than one of the first hundred" "in KVM itself it does"
fi
no_limits

limit max_memory_per_vm_bytes 8M
asks "ok ok EDQUOT" vm slot:0:8M slot:1@1:4K
result "memory that only the address space of SMM has counts"
asks "ok ok ok EDQUOT" vm slot:1@1:4M slot:0:4M slot:2:4K
result "in whichever order"
asks "ok ok ok EDQUOT" vm slot:0:8M share:0@1 slot:1@1:4K
result "the same pages at the same address count once"
asks "ok ok ok ok EDQUOT" vm slot:0:4M share:0@1 slot:1:4M slot:2:4K
result "and leave room for others"
asks "ok ok ok ok EDQUOT" vm slot:0:8M share:0@1 del:0 slot:2:4K
result "deleted in one address space they count still"
equal "usage" 0 "$(value usage/memory_bytes)"
result "in the end nothing is in use"

unload
ktap_finished
