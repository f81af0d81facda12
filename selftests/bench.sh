#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Measurements of bench compared with the counting VMM, under deterministic time:
# one tick of the clock is one instruction, so figures are exact.
. "${0%/*}/lib.sh"
. "${0%/*}/bench_lib.sh"

tracing_is_untouched()
{
	[ -z "$(ls /sys/kernel/tracing/instances)" ] &&
		equal "events" 0 "$(cat /sys/kernel/tracing/events/kvm/enable)"
}

ktap_print_header
ktap_set_plan 13

l1tune bench --json > "$TMP/one" && l1tune bench --json > "$TMP/two"
result "bench runs without the module"
for kind in cpuid vmcall pio_kvm pio_user mmio_kvm mmio_user rdmsr wrmsr l3_cpuid; do
	[ -n "$(of one $kind median_cycles)" ] &&
		[ "$(of one $kind median_cycles)" = "$(of two $kind median_cycles)" ] ||
		echo "$kind: $(of one $kind median_cycles), then $(of two $kind median_cycles)"
done > "$TMP/different"
check "a second bench measures the same medians" equal "medians that differ" "" "$(cat "$TMP/different")"

# The VMM's loop is five instructions including CPUID; bench times CPUID alone.
near "CPUID, ticks" 20 "$(awk -v t="$(ticks_per cpuid 20000)" 'BEGIN { print t - 4 }')" "$(of one cpuid median_cycles)"
result "bench measures a CPUID exit as the counting VMM does"
near "RDMSR, ticks" 20 "$(awk -v t="$(ticks_per rdmsr 20000)" 'BEGIN { print t - 2 }')" "$(of one rdmsr median_cycles)"
result "bench measures an RDMSR exit as the counting VMM does"
near "OUT to the VMM, ticks" 50 "$(ticks_per out 5000)" "$(of one pio_user mean_cycles)"
result "bench measures an OUT to the VMM as the counting VMM does"

delay_ns=$(figure one halt_delay_ns)
delay=$((delay_ns / 1000 * $(figure one tsc_khz) / 1000))
few=$(ticks --period-us $((delay_ns / 1000)) --deadline halt=50)
many=$(ticks --period-us $((delay_ns / 1000)) --deadline halt=550)
halt=$(((many - few) / 500 - delay))
near "halt beyond its deadline, ticks" 50 $halt $(($(of one hlt_timer whole mean_cycles) - delay))
result "bench measures a timer wake-up as the counting VMM does"

l1tune bench > "$TMP/text" && grep -q "not virtualized\|virtualized" "$TMP/text"
result "bench prints a table"
sed 's/^/# /' "$TMP/text"
# Same machine and kernel, so the times are the same.
l1tune bench vmcall rdmsr --compare "$TMP/one" -o KIND,TIMES --noheadings --sort KIND > "$TMP/text" &&
	equal "times" "rdmsr 1.00 vmcall 1.00" "$(grep -v -- '-$' "$TMP/text" | grep '^rdmsr\|^vmcall' | xargs)"
result "bench --compare shows the ratio to an earlier measurement"

load
l1tune bench --json --save > "$TMP/split"
sed 's/{"kind":/\n# &/g; s/^/# /' "$TMP/split"
for kind in cpuid vmcall rdmsr wrmsr pio_user ept_4k l3_cpuid; do
	near "$kind: KVM + VMM + rest" 1 "$(of split $kind median_ns)" \
		"$(awk -v a="$(of split $kind kvm_ns)" -v b="$(of split $kind vmm_ns)" -v c="$(of split $kind rest_ns)" \
		'BEGIN { print (a > 0 && c > 0 ? a + b + c : 0) }')" || echo "$kind" >> "$TMP/odd"
done
[ ! -e "$TMP/odd" ]
result "with the module bench's parts add up to the median"
# KVM's own work differs by kind, the transit into the guest and out does not.
for kind in vmcall rdmsr wrmsr; do
	near "rest of $kind and of CPUID" 50 "$(of split cpuid rest_ns)" "$(of split $kind rest_ns)" || echo "$kind" >> "$TMP/odd"
done
[ ! -e "$TMP/odd" ]
result "bench's part outside of KVM and VMM is the same for several kinds of exits"
# l1tune's hooks come before the events, so what they take may be in the gap and in KVM's part.
hooks=$(($(of split cpuid median_cycles) - $(of one cpuid median_cycles)))
trace_cpuid
between "not KVM's, ticks" $((gap - hooks)) "$gap" "$rest"
result "bench's part outside of KVM and VMM is equal to the gap between the kernel's trace events, but for l1tune's hooks"
equal "kept" "644 0" "$(stat -c '%a %u' /var/lib/l1tune/bench.json)" && l1tune doctor | grep -q 'CPUID exit takes'
result "bench --save keeps the measurement, and doctor shows it"
unload

l1tune bench > /dev/null 2>&1 &
bench=$!
pause_ms 300
kill -TERM $bench
wait $bench
equal "status" 1 $? && tracing_is_untouched
result "a bench that ends by SIGTERM leaves no trace event enabled"

ktap_finished
