#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# bench on a machine with two CPUs: its guest has two vCPUs, and one wakes the other
# by an IPI. The kernel's own trace events show the same.
. "${0%/*}/lib.sh"
. "${0%/*}/bench_lib.sh"

ktap_print_header
ktap_set_plan 3

load
l1tune bench --json > "$TMP/bench"
result "bench runs on two CPUs"
sed 's/{"kind":/\n# &/g; s/^/# /' "$TMP/bench"

for kind in cpuid vmcall pio_kvm pio_user mmio_kvm mmio_user rdmsr wrmsr hlt_timer hlt_ipi ept_4k l3_cpuid; do
	[ "$(of bench $kind count)" -gt 0 ] || echo $kind
done > "$TMP/missing"
check "bench measures all kinds of exits on two CPUs" equal "kinds that were not measured" "" "$(xargs < "$TMP/missing")"

WHAT="bench measures a wake-up by an IPI as the kernel's trace events do"
if [ "$(isa)" = vmx ]; then
	# The events do not include the transit out of the sending vCPU and into the woken
	# one, which takes as long as the gap between two CPUID exits.
	EVENTS='kvm_exit kvm_entry kvm_apic_ipi' trace l1tune bench cpuid hlt_ipi --json > "$TMP/traced"
	cpuid_times > "$TMP/times"
	ipi_times >> "$TMP/times"
	ktap_print_msg "$(grep -c ipi "$TMP/times") IPIs in the trace"
	# IPIs take several lengths of time, so the mean is compared. Of the gaps it is
	# the shortest, because a sleeping CPU makes time pass faster on Bochs.
	near "wake-up by an IPI, ticks" 50 \
		$(($(mean_of ipi "$TMP/times") + $(least_of gap "$TMP/times"))) "$(of traced hlt_ipi mean_cycles)"
	result "$WHAT"
else
	ktap_test_skip "$WHAT" "time is not deterministic here"
fi

unload
ktap_finished
