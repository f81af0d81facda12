#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What bench measures, against the counting VMM under deterministic time: one
# tick of the clock is one instruction, so figures are exact.
. "${0%/*}/lib.sh"

# near WHAT PERMILLE WANTED GOT
near()
{
	ktap_print_msg "$1: wanted $3, got $4"
	awk -v want="$3" -v got="$4" -v most="$2" 'BEGIN {
		off = (got - want) / want * 1000
		exit !(off <= most && -off <= most)
	}'
}

# of FILE KIND KEY: a number of a kind; of FILE KIND whole KEY: of all of a wake-up
of()
{
	sed 's/{"kind":/\n&/g' "$TMP/$1" | grep "^{\"kind\":\"$2\"" | sed "${4:+s/.*\"$3\"://}" |
		sed -n "s/.*\"${4:-$3}\":\([0-9.]*\).*/\1/p"
}

# ticks VMM-ARGUMENT…: how long the guest ran
ticks()
{
	vmm --time "$@" | sed -n 's/.*wall_tsc=\([0-9]*\).*/\1/p'
}

# Two runs that differ in the number of exits leave what one exit takes.
ticks_per()
{
	few=$(ticks "$1=$((${2} / 10))")
	many=$(ticks "$1=$2")
	awk -v few="$few" -v many="$many" -v n="$2" 'BEGIN { printf "%.1f\n", (many - few) / (n * 0.9) }'
}

tracing_is_untouched()
{
	[ -z "$(ls /sys/kernel/tracing/instances)" ] &&
		equal "events" 0 "$(cat /sys/kernel/tracing/events/kvm/enable)"
}

ktap_print_header
ktap_set_plan 11

l1tune bench --json > "$TMP/one" && l1tune bench --json > "$TMP/two"
result "it runs, without the module"
for kind in cpuid vmcall pio_kvm pio_user mmio_kvm mmio_user rdmsr wrmsr l3_cpuid; do
	[ -n "$(of one $kind median_cycles)" ] &&
		[ "$(of one $kind median_cycles)" = "$(of two $kind median_cycles)" ] ||
		echo "$kind: $(of one $kind median_cycles), then $(of two $kind median_cycles)"
done > "$TMP/different"
equal "medians that differ" "" "$(cat "$TMP/different")"
result "a second run has the same medians"

# The VMM's loop is five instructions, CPUID among them; bench times that alone.
near "CPUID, ticks" 20 "$(awk -v t="$(ticks_per cpuid 20000)" 'BEGIN { print t - 4 }')" "$(of one cpuid median_cycles)"
result "a CPUID exit takes as many instructions as in the counting VMM"
near "RDMSR, ticks" 20 "$(awk -v t="$(ticks_per rdmsr 20000)" 'BEGIN { print t - 2 }')" "$(of one rdmsr median_cycles)"
result "so does RDMSR"
near "OUT to the VMM, ticks" 50 "$(ticks_per out 5000)" "$(of one pio_user mean_cycles)"
result "and an OUT that the VMM serves"

period_ns=$(sed -n 's/.*"halt_delay_ns":\([0-9]*\).*/\1/p' "$TMP/one")
khz=$(sed -n 's/.*"tsc_khz":\([0-9]*\).*/\1/p' "$TMP/one")
few=$(ticks --period-us $((period_ns / 1000)) halt=50)
many=$(ticks --period-us $((period_ns / 1000)) halt=550)
sleep_ticks=$((period_ns / 1000 * khz / 1000))
halt=$(((many - few) / 500))
whole=$(of one hlt_timer whole mean_cycles)
# The VMM's period begins when KVM arms the timer, bench's deadline counts from
# before that exit: it is shorter by the way to KVM.
near "halt, ticks" 50 $halt "$whole" &&
	near "beyond its period of $sleep_ticks" 100 $((halt - sleep_ticks)) $((whole - sleep_ticks))
result "a wake-up takes as long as in the counting VMM"

l1tune bench > "$TMP/text" && grep -q "not virtualized\|virtualized" "$TMP/text"
result "as a table"
sed 's/^/# /' "$TMP/text"

load
l1tune bench --json --save > "$TMP/split"
for kind in cpuid vmcall rdmsr wrmsr pio_user; do
	near "$kind: KVM + VMM + rest" 5 "$(of split $kind mean_ns)" \
		"$(awk -v a="$(of split $kind kvm_ns)" -v b="$(of split $kind vmm_ns)" -v c="$(of split $kind rest_ns)" \
		'BEGIN { print (a > 0 && c > 0 ? a + b + c : 0) }')" || echo "$kind" >> "$TMP/odd"
done
[ ! -e "$TMP/odd" ]
result "with the module, the parts add up"
# Whatever the kind: KVM's own work differs, the way into the guest and out does not.
near "rest of RDMSR and of CPUID" 100 "$(of split cpuid rest_ns)" "$(of split rdmsr rest_ns)"
result "the rest is the same for exits of two kinds"
equal "kept" "644 0" "$(stat -c '%a %u' /var/lib/l1tune/bench.json)" && l1tune doctor | grep -q 'CPUID exit takes'
result "it is kept, and doctor knows it"
unload

l1tune bench > /dev/null 2>&1 &
bench=$!
usleep 300000
kill -TERM $bench
wait $bench
equal "status" 1 $? && tracing_is_untouched
result "a bench that is ended leaves no trace"

ktap_finished
