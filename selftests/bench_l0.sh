#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# bench under an L0: time outside KVM, compared with the timestamps of the kernel's
# trace events; and whether L0 shadows the VMCS. SHADOW=yes|no is the right answer.
. "${0%/*}/lib.sh"
. "${0%/*}/bench_lib.sh"

ktap_print_header
ktap_set_plan 7

load
# A leftover of a killed bench: there is no such process.
mkdir /sys/kernel/tracing/instances/l1tune-bench-4194304
echo 1 > /sys/kernel/tracing/instances/l1tune-bench-4194304/events/kvm/kvm_exit/enable
l1tune bench --json --save > "$TMP/bench"
result "bench runs under an L0"
sed 's/{"kind":/\n# &/g; s/^/# /' "$TMP/bench"

equal "L0 shadows the VMCS" "$SHADOW" "$(sed -n 's/.*"shadowed":"\([a-z_]*\)".*/\1/p' "$TMP/bench")" &&
	l1tune caps | grep "^A CPUID exit\|Measured: L0 does"
result "bench knows whether L0 shadows the VMCS, and caps says so"

equal "trace buffers" "" "$(ls /sys/kernel/tracing/instances)" && equal "events" 0 "$(cat /sys/kernel/tracing/events/kvm/enable)"
result "bench leaves no trace instance, and removes that of a killed bench"

trace_cpuid
near "not KVM's, ticks" 50 $(($(of traced cpuid median_cycles) - kvm)) "$rest"
result "bench's part outside of KVM is the round trip minus KVM's time by the trace events"
near "not KVM's, ticks" 50 "$gap" "$rest"
result "bench's part outside of KVM is equal to the gap between the kernel's trace events"

# The share of time in transit of a guest that only exits: by the trace, whose events
# make KVM's part longer, and as estimated from the saved measurement.
start busy --forever cpuid=100
wait_for has_guest busy
sleep 2
l1tune stat --transit --json > "$TMP/stat"
kill_guests
share="$(sed -n 's/.*"low_ratio":\([0-9.]*\).*/\1/p' "$TMP/stat") $(sed -n 's/.*"high_ratio":\([0-9.]*\).*/\1/p' "$TMP/stat")"
ktap_print_msg "share in transit, estimated at least and at most: $share"
echo "$share $gap $kvm" | awk '{ real = $3 / ($3 + $4); print "# " real " by the trace"; exit !($1 > 0 && $1 < real * 1.05 && real < $2) }'
result "stat --transit bounds a guest's time in transit"

near "round trip, ticks" 50 "$(awk -v t="$(ticks_per cpuid 1500)" 'BEGIN { print t - 4 }')" "$(of bench cpuid mean_cycles)"
result "bench measures a round trip as the counting VMM does"

unload
ktap_finished
