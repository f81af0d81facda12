# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Shared by the tests of bench: its figures, those of the counting VMM, and those of
# the kernel's own trace events.

TRACE=/sys/kernel/tracing/instances/test

# near WHAT PERMILLE WANTED GOT
near()
{
	ktap_print_msg "$1: wanted $3, got $4"
	awk -v want="$3" -v got="$4" -v most="$2" 'BEGIN {
		off = want > 0 ? (got - want) / want * 1000 : most + 1
		exit !(off <= most && -off <= most)
	}'
}

# between NAME LOW HIGH GOT: whether GOT is between the two, to 5 % of the higher
between()
{
	ktap_print_msg "$1: wanted $2 to $3, got $4"
	[ "$4" -ge $(($2 - $3 / 20)) ] && [ "$4" -le $(($3 + $3 / 20)) ]
}

# of FILE KIND KEY: a number of a kind; of FILE KIND whole KEY: of a whole wake-up
of()
{
	sed 's/{"kind":/\n&/g' "$TMP/$1" | grep "^{\"kind\":\"$2\"" | sed "${4:+s/.*\"$3\"://}" |
		sed -n "s/.*\"${4:-$3}\":\([0-9.]*\).*/\1/p"
}

# figure FILE KEY: a number outside the kinds
figure()
{
	sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p" "$TMP/$1"
}

# ticks VMM-ARGUMENT…: how long the guest ran
ticks()
{
	vmm --time "$@" | sed -n 's/.*wall_tsc=\([0-9]*\).*/\1/p'
}

# ticks_per KIND N: time of one exit, from two runs with different numbers of exits.
# The halt gives the guest a local APIC, as bench's guest has.
ticks_per()
{
	few=$(ticks "$1=$(($2 / 10))" halt=1)
	many=$(ticks "$1=$2" halt=1)
	awk -v few="$few" -v many="$many" -v n="$2" 'BEGIN { printf "%.1f\n", (many - few) / (n * 0.9) }'
}

# trace COMMAND…: runs it with the KVM events named in EVENTS. The first events are
# kept in $TMP/trace; times are TSC ticks.
trace()
{
	mkdir $TRACE
	echo x86-tsc > $TRACE/trace_clock
	echo nooverwrite > $TRACE/trace_options
	echo 1024 > $TRACE/buffer_size_kb
	for event in $EVENTS; do
		echo 1 > "$TRACE/events/kvm/$event/enable"
	done
	"$@"
	status=$?
	echo 0 > $TRACE/events/enable
	# Comm, PID and flags may be anything: find "TIME: EVENT: …".
	sed -n 's/.* \([0-9]*\): \(kvm_[a-z_]*\): /\1 \2 /p' $TRACE/trace > "$TMP/trace"
	rmdir $TRACE
	return $status
}

# For each CPUID exit in the trace: the gap since the entry before it, if a CPUID exit
# preceded that, and KVM's time until the next entry.
cpuid_times()
{
	awk '$2 == "kvm_exit" {
		cpuid = /reason CPUID |reason cpuid /
		if (cpuid && last && entry)
			print "gap", $1 - entry
		left = $1
	}
	$2 == "kvm_entry" {
		if (cpuid)
			print "kvm", $1 - left
		last = cpuid
		entry = $1
	}' "$TMP/trace"
}

# bench's CPUID while the events are on, in ticks: $rest by bench, $gap and $kvm by the
# events, all for the same exits, which the events make longer.
trace_cpuid()
{
	EVENTS='kvm_exit kvm_entry' trace l1tune bench cpuid --json > "$TMP/traced"
	# Later bench enables events of its own.
	cpuid_times | head -n 2000 > "$TMP/times"
	rest=$(awk -v ns="$(of traced cpuid rest_ns)" -v khz="$(figure traced tsc_khz)" 'BEGIN { printf "%.0f\n", ns * khz / 1e6 }')
	gap=$(median_of gap "$TMP/times")
	kvm=$(median_of kvm "$TMP/times")
	ktap_print_msg "$(grep -c kvm "$TMP/times") exits in the trace, of $(of traced cpuid count); KVM's median $kvm, the gap's $gap"
}

# For each IPI in the trace: time from the sender's exit to the woken vCPU's entry.
ipi_times()
{
	awk '$2 == "kvm_exit" && /vcpu 0 / { left = $1 }
	$2 == "kvm_apic_ipi" { sent = left }
	$2 == "kvm_entry" && /vcpu 1[, ]/ && sent {
		print "ipi", $1 - sent
		sent = 0
	}' "$TMP/trace"
}

# mean_of WHAT FILE, least_of WHAT FILE, median_of WHAT FILE: statistics of such times
mean_of()
{
	awk -v what="$1" '$1 == what { sum += $2; n++ } END { printf "%.0f\n", n ? sum / n : 0 }' "$2"
}

least_of()
{
	sed -n "s/^$1 //p" "$2" | sort -n | head -n 1
}

median_of()
{
	sed -n "s/^$1 //p" "$2" | sort -n | awk '{ v[NR] = $1 } END { print NR ? v[int((NR + 1) / 2)] : 0 }'
}
