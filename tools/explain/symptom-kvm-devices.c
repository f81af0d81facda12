// SPDX-License-Identifier: GPL-2.0
/* Old devices that KVM emulates: each access is an exit that newer ones need not have. */
#include "base/util.h"
#include "explain/cause.h"
#include "explain/device.h"
#include "explain/feature.h"
#include "explain/interface.h"

/* Without a sample it is not known that there are any. */
static bool emulates(const struct facts *f, struct advice *a)
{
	struct load device = device_load(f);
	double rate = access_all(f, SERVED_BY_KVM);

	a->gain = gain_of(f, device.parts[PART_KERNEL], rate);
	if (!device.rate || !is_worth_it(f, &a->gain) ||
	    !(is_often(f, rate, 1000) ||
	      (rate > device.rate / 2 && takes_much(f, device.parts[PART_KERNEL]))))
		return false;
	access_name(f, SERVED_BY_KVM, a,
		    xasprintf("%.0f accesses per second to devices that KVM emulates; all device accesses take KVM %.2f s of each second",
			      rate, device.parts[PART_KERNEL]));
	return true;
}

CLASSES(pit, SERVED_BY_KVM, BIT_OF(ACCESS_CLOCK))
CLASSES(pic, SERVED_BY_KVM, BIT_OF(ACCESS_PIC))
CLASSES(io_apic, SERVED_BY_KVM, BIT_OF(ACCESS_IO_APIC))
CLASSES(apic, SERVED_BY_KVM, BIT_OF(ACCESS_APIC_PAGE))

static char *other_clock(const struct facts *f)
{
	return by_interface(f, "Hyper-V's clocks for the guest: " HYPERV_CLOCKS,
			    "in the guest kvm-clock or tsc as clocksource, and the local APIC timer: /sys/devices/system/clocksource/clocksource0/available_clocksource; remove nolapic, noapic and clocksource=pit. " BSD_CLOCKS);
}

#define HOW	"perf record -e kvm:kvm_pio,kvm:kvm_mmio -p PID"
#define OF(clue)	{ { is_##clue, VERDICT_SHOWN, VERDICT_RULED_OUT } }

static const struct cause causes[] = {
	{
		"pit", "the PIT as clock or timer", "guest and VMM",
		"only a constant TSC works as a clock; Windows: " HYPERV_CLOCKS_RISK,
		OF(pit), HOW,
		.change_of = other_clock, .gain = gain_of_part, .part = part_of_pit,
	}, {
		"pic", "the PIC", "guest", "old guests support nothing newer",
		OF(pic), HOW,
		"use the APIC in the guest: remove noapic and nolapic",
		gain_of_part, .part = part_of_pic,
	}, {
		"io-apic", "interrupts through the I/O APIC", "guest and VMM",
		"the guest needs the driver",
		OF(io_apic), HOW,
		"devices with MSIs: virtio over PCI, and in the guest no pci=nomsi",
		gain_of_part, .part = part_of_io_apic,
	}, {
		"apic-page", "the local APIC by MMIO (xAPIC)", "VMM and guest",
		"old guests may not have x2APIC",
		OF(apic), HOW,
		.change_of = avoid_apic_page, .gain = gain_of_part, .part = part_of_apic,
	},
};

const struct symptom symptom_kvm_devices = {
	"kvm-devices", "old devices emulated by KVM", CAUSES(causes), emulates,
};
