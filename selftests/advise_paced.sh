#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Predicted and actual savings of following advice, for accesses to devices and MSRs.
# Guests do the same work in each period, before and after the change. CPU time of
# vCPUs is the scheduler's.
. "${0%/*}/lib.sh"
. "$HERE/gain_lib.sh"

PERIOD_MS=10

# paced_runs NAME ARGUMENT…
paced_runs()
{
	name=$1
	shift
	background "$name" paced --period-ms $PERIOD_MS "$@"
	wait_for has_guest "$name" && wait_for said "$name" round
}

# cure RULE GUEST BEFORE AFTER: arguments of the guest before and after the change
cure()
{
	nothing_said
	# shellcheck disable=SC2086 # several words
	paced_runs before $3 && is_advised before "$1" && share before $PERIOD_MS 50 &&
		was=$share && end before &&
		paced_runs after $4 && share after $PERIOD_MS 50 && saved=$((was - share))
	status=$?
	kill_guests
	wait_for has_guests 0
	gained "$1" "$2" $status
}

# guests: ids of all guests, in order
guests()
{
	find "$CLASS/" -name 'l2-*' | sed 's/.*l2-//' | sort -n
}

# rules_by_id: prints ID:RULE for the advice on accesses, in order
rules_by_id()
{
	tr '{},' '\n\n\n' < "$TMP/json" | sed 's/[" ]//g' |
		sed -n 's/^rule:\(.*\)/\1/p; s/^id:\([0-9]*\)$/\1/p' |
		awk 'NR % 2 { rule = $0; next } rule ~ /^(serial-port|branches|devices|msrs)$/ { print $0 ":" rule }' | sort | xargs
}

ktap_print_header
ktap_set_plan 29
load
# Without it the bounds do not include the exits' transit time.
l1tune bench --save > "$TMP/bench" 2>&1 || sed 's/^/# /' "$TMP/bench"

# Devices of the VMM; it takes 20 us for each access.
spin="--spin-us 20"
cure clock "reads the PM timer; then the TSC" "$spin in:608=100" "$spin rdtsc:0=100"
cure clock-linux "the same, with KVM's clock" "$spin wrmsr:4b564d01=5 in:608=100" "$spin wrmsr:4b564d01=5 rdtsc:0=100"
cure clock-hyperv "the same, with Hyper-V's interface" \
	"$spin --hyperv rdmsr:40000020=5 in:608=100" "$spin --hyperv rdmsr:40000020=5 rdtsc:0=100"
cure rtc "reads the RTC; then no more" "$spin out:70=50 in:71=50" "$spin"
cure serial-port "writes to a serial port; then rings an eventfd for 48 bytes each" \
	"$spin out:3f8=96" "$spin --ioeventfd out:5010=2"
cure display "writes to VGA; then no more" "$spin out:3c4=50 out:3c5=50" "$spin"
cure ide "uses an IDE disk; then rings an eventfd" "$spin in:1f7=60 out:1f0=40" "$spin --ioeventfd out:5010=2"
cure i8042 "asks the i8042; then no more" "$spin in:64=100" "$spin"
cure pci-configuration "configures PCI by ports; then no more" "$spin out:cf8=50 in:cfc=50" "$spin"
cure firmware "writes to firmware's debug console; then no more" "$spin out:402=100" "$spin"
cure vmm-irqchip "writes to a PIC of the VMM; then KVM's" "$spin out:21=100" "$spin --irqchip out:21=100"
cure legacy-device "writes to port 0x80; then no more" "$spin out:80=100" "$spin"
cure unknown-device "writes to a port without a name; then with an ioeventfd" "$spin out:5010=100" "$spin --ioeventfd out:5010=100"

# Devices of KVM
cure pit "reads the PIT; then the TSC" "--irqchip in:40=600" "--irqchip rdtsc:0=600"
cure pic "reads the PIC; then no more" "--irqchip in:21=600" "--irqchip"
cure io-apic "reads the I/O APIC; then no more" "--irqchip read:fec00000=300" "--irqchip"

# MSRs
cure eoi "writes EOI; then no more" "--irqchip wrmsr:80b=800" "--irqchip"
cure guest-timers "sets a timer; then a tenth as often" "--irqchip wrmsr:838=800" "--irqchip wrmsr:838=80"
cure ipis "sends interrupts to itself; then a tenth" "--irqchip wrmsr:830:40040=800" "--irqchip wrmsr:830:40040=80"
cure clock-msrs "reads the TSC as an MSR; then as itself" "rdmsr:10=800" "rdtsc:0=800"
cure reference-counter "reads Hyper-V's reference counter; then the TSC" \
	"--hyperv rdmsr:40000020=800" "--hyperv rdtsc:0=800"
cure pmu "reads a performance counter; then no more" "rdmsr:c0010004=800" ""
cure branches "reads DEBUGCTL; then no more" "rdmsr:1d9=800" ""
cure modes "reads EFER; then no more" "rdmsr:c0000080=800" ""
cure other-msrs "writes BIOS_SIGN_ID; then no more" "wrmsr:8b=800" ""
cure vmm-msrs "writes an MSR that the VMM has filtered out; then without the filter" \
	"$spin --filter wrmsr:8b=100" "$spin wrmsr:8b=100"

# Several VMs of one process are distinguished.
paced_runs both $spin out:3f8=100 -- rdmsr:1d9=600 && wait_for has_guests 2
first=$(guests | head -n 1) second=$(guests | tail -n 1)
advice both && equal "advice" "$first:serial-port $second:branches" "$(rules_by_id)"
result "two VMs of one process get advice on their own accesses"
equal "unknown" "" "$(tr '{}' '\n\n' < "$TMP/json" | grep 'several VMs')"
result "KVM's statistics are known for both VMs of one process"
l1tune advise -i 1 --json "$second" > "$TMP/json" && equal "advice" "$second:branches" "$(rules_by_id)"
result "one selected VM of two gets advice on its own accesses"
end both

unload
ktap_finished
