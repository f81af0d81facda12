#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# bench under an L0: what is not KVM's, against the timestamps of the kernel's
# own trace events; and whether L0 shadows the VMCS. SHADOW=yes|no is the truth.
. "${0%/*}/lib.sh"

TRACE=/sys/kernel/tracing/instances/test

# near WHAT PERMILLE WANTED GOT
near()
{
	ktap_print_msg "$1: wanted $3, got $4"
	awk -v want="$3" -v got="$4" -v most="$2" 'BEGIN {
		off = (got - want) / want * 1000
		exit !(off <= most && -off <= most)
	}'
}

# cpuid FILE KEY: a number of bench's CPUID
cpuid()
{
	sed 's/{"kind":/\n&/g' "$TMP/$1" | grep '^{"kind":"cpuid"' | sed -n "s/.*\"$2\":\([0-9.]*\).*/\1/p"
}

# ticks_of N: of each of N CPUID exits, the start of the guest not counted
ticks_of()
{
	for n in $(($1 / 5)) "$1"; do
		vmm --time cpuid="$n" | sed -n 's/.*wall_tsc=\([0-9]*\).*/\1/p'
	done | xargs | awk -v n="$1" '{ printf "%.0f\n", ($2 - $1) / (n * 0.8) }'
}

# From entries to the next exits, both of CPUID: the mean.
gaps()
{
	awk '/kvm_exit:/ {
		for (i = 1; i < NF; i++)
			if ($i == "kvm_exit:")
				now = $(i - 1) + 0
		cpuid = / reason CPUID /
		if (cpuid && last && entry) {
			sum += now - entry
			n++
		}
		last = cpuid
		entry = 0
	}
	/kvm_entry:/ {
		for (i = 1; i < NF; i++)
			if ($i == "kvm_entry:")
				entry = $(i - 1) + 0
	}
	END { printf "%.0f\n", n ? sum / n : 0 }' "$TRACE/trace"
}

ktap_print_header
ktap_set_plan 4

load
l1tune bench --json --save > "$TMP/bench"
result "it runs"
sed 's/{"kind":/\n# &/g; s/^/# /' "$TMP/bench"

equal "L0 shadows the VMCS" "$SHADOW" "$(sed -n 's/.*"shadowed":"\([a-z_]*\)".*/\1/p' "$TMP/bench")" &&
	l1tune caps | grep "^A CPUID exit\|Measured: L0 does"
result "whether L0 shadows the VMCS is known, and caps says so"

# CPUID is what bench starts with: the first events are kept.
mkdir $TRACE
echo x86-tsc > $TRACE/trace_clock
echo nooverwrite > $TRACE/trace_options
echo 1024 > $TRACE/buffer_size_kb
echo 1 > $TRACE/events/kvm/kvm_exit/enable
echo 1 > $TRACE/events/kvm/kvm_entry/enable
l1tune bench cpuid --json > "$TMP/traced"
echo 0 > $TRACE/events/enable
gap=$(gaps)
rmdir $TRACE
khz=$(sed -n 's/.*"tsc_khz":\([0-9]*\).*/\1/p' "$TMP/bench")
rest=$(awk -v ns="$(cpuid traced rest_ns)" -v khz="$khz" 'BEGIN { printf "%.0f\n", ns * khz / 1e6 }')
# Both are of the same exits, which the events make longer. bench's mean also
# has the exits by this machine's own timer in it, which the gaps leave out.
near "not KVM's, ticks" 100 "$gap" "$rest"
result "what is not KVM's is what lies between the kernel's own events"

# bench's guest has a local APIC in KVM, which takes a look at it at each entry.
plain=$(ticks_of 1500)
near "round trip, ticks" 80 $((plain - 4)) "$(cpuid bench mean_cycles)"
result "the round trip is that of the counting VMM"

unload
ktap_finished
