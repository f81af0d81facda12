#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Random and nearly valid strings are written to each writable file: each is refused
# and changes nothing, or is accepted and reads back. SCRIBBLES is their number.
. "${0%/*}/lib.sh"

ktap_print_header
ktap_set_plan 3

load
start guest --forever cpuid=100
wait_for has_guest guest

# One limit of each hook stays set, because releasing a hook is slow.
limit max_vms_per_user 1000
limit max_vcpus 1000
limit max_memory_bytes 64G
scribble "${SCRIBBLES:-1000}" $L1/limits/max_vms $L1/audit/max_vms $L1/audit/max_vms_per_user \
	$L1/limits/max_vcpus_per_vm $L1/audit/max_vcpus_per_vm $L1/audit/max_vcpus \
	$L1/limits/max_memory_per_vm_bytes $L1/audit/max_memory_per_vm_bytes \
	$L1/audit/max_memory_bytes > "$TMP/out" 2>&1 &&
	limit max_vms 1000 && limit max_vcpus_per_vm 1000 && limit max_memory_per_vm_bytes 64G &&
	scribble "${SCRIBBLES:-1000}" $L1/limits/max_vms_per_user $L1/limits/max_vcpus $L1/limits/max_memory_bytes >> "$TMP/out" 2>&1
status=$?
sed 's/^/# /' "$TMP/out" | tail -n 20
check "limits and audit thresholds accept exactly the valid ones of random strings" equal "status" 0 $status

scribble "${SCRIBBLES:-1000}" $L1/limits/max_nested_vms $L1/audit/max_nested_vms $L1/limits/max_exits_per_sec \
	$L1/audit/max_exits_per_sec "$(guest_of guest)/limits/max_exits_per_sec" \
	$L1/tune/halt_poll_ns $L1/tune/pause_in_guest $L1/tune/uid "$(guest_of guest)/tune/halt_poll_ns" > "$TMP/out" 2>&1
status=$?
sed 's/^/# /' "$TMP/out" | tail -n 20
check "limits of nesting and rate, and tuning, accept exactly the valid ones of random strings" equal "status" 0 $status

no_limits
echo default > "$(guest_of guest)/limits/max_exits_per_sec"
kill -TERM "$(pid guest)" && finish guest
result "a guest ends without an error after its limits were written at random"

unload
ktap_finished
