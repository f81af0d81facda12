// SPDX-License-Identifier: GPL-2.0
/*
 * Devices that the VMM emulates. The device at the address decides: a clock or
 * device that is not used any more takes no exit, an ioeventfd keeps the exit
 * and saves the VMM's time and KVM's way to it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/cause.h"
#include "explain/device.h"
#include "explain/fault.h"
#include "explain/interface.h"
#include "explain/vmm-devices.h"

static const struct reasons faults = { { "npf" } };

static bool emulates(const struct facts *f, struct advice *a)
{
	struct load device = device_load(f);
	char *evidence;

	if (!vmm_emulates(f, &device))
		return false;
	/* Where the accesses end, with all that is spent on them. */
	a->gain = gain_of(f, device.parts[PART_KERNEL] + device.parts[PART_VMM],
			  device.rate);
	evidence = xasprintf("%s%.0f device accesses per second; they take the VMM %.2f s of each second",
			     load_of(f, &faults, 2).rate && !faults_are_told_apart(f) ?
			     "at most " : "", device.rate, device.parts[PART_VMM]);
	access_name(f, SERVED_BY_VMM, a, evidence);
	return true;
}

#define CLOCKS	(BIT_OF(ACCESS_CLOCK) | BIT_OF(ACCESS_RTC))

CLASSES(clock, SERVED_BY_VMM, CLOCKS)
CLASSES(rtc, SERVED_BY_VMM, BIT_OF(ACCESS_RTC))
CLASSES(other_clock, SERVED_BY_VMM, BIT_OF(ACCESS_CLOCK))
CLASSES(serial, SERVED_BY_VMM, BIT_OF(ACCESS_SERIAL))
CLASSES(display, SERVED_BY_VMM, BIT_OF(ACCESS_DISPLAY))
CLASSES(disk, SERVED_BY_VMM, BIT_OF(ACCESS_DISK))
CLASSES(input, SERVED_BY_VMM, BIT_OF(ACCESS_INPUT))
CLASSES(pci, SERVED_BY_VMM, BIT_OF(ACCESS_PCI))
CLASSES(firmware, SERVED_BY_VMM, BIT_OF(ACCESS_FIRMWARE))
CLASSES(irqchip, SERVED_BY_VMM, BIT_OF(ACCESS_PIC) | BIT_OF(ACCESS_IO_APIC) |
	BIT_OF(ACCESS_APIC_PAGE))
CLASSES(legacy, SERVED_BY_VMM, BIT_OF(ACCESS_DELAY) | BIT_OF(ACCESS_LEGACY))
CLASSES(virtio_irq, SERVED_BY_VMM, BIT_OF(ACCESS_VIRTIO_IRQ))
CLASSES(iommu, SERVED_BY_VMM, BIT_OF(ACCESS_IOMMU))
CLASSES(acpi, SERVED_BY_VMM, BIT_OF(ACCESS_ACPI))
CLASSES(unknown, SERVED_BY_VMM, BIT_OF(ACCESS_UNKNOWN))

static enum interface add_interface(const struct facts *f, char **seen)
{
	char *why;
	enum interface interface = interface_of(f, &why);

	append(seen, "; %s", why);
	free(why);
	return interface;
}

static enum answer is_clock_of_hyperv(const struct facts *f, char **seen)
{
	enum answer answer = is_clock(f, seen);

	return answer == ANSWER_YES ? is_hyperv(add_interface(f, seen)) : answer;
}

static enum answer is_clock_of_kvm(const struct facts *f, char **seen)
{
	enum answer answer = is_other_clock(f, seen);

	if (answer != ANSWER_YES)
		return answer;
	switch (add_interface(f, seen)) {
	case INTERFACE_KVM:
		return ANSWER_YES;
	case INTERFACE_HYPERV:
		return ANSWER_NO;
	default:
		return ANSWER_UNKNOWN;
	}
}

/* For a guest whose interface is unknown. */
static enum answer is_clock_of_any(const struct facts *f, char **seen)
{
	enum answer answer = is_other_clock(f, seen);

	if (answer != ANSWER_YES)
		return answer;
	return add_interface(f, seen) == INTERFACE_UNKNOWN ? ANSWER_YES : ANSWER_NO;
}

/* What has no name may be no device: gVisor's sentry and unikernels leave for their host so. */
static enum answer is_call(const struct facts *f, char **seen)
{
	enum answer answer = is_unknown(f, seen);

	if (answer != ANSWER_YES)
		return answer;
	append(seen, is_qemu(f) ? "; the VMM is QEMU, which has devices" :
				  "; the VMM is not known to be QEMU");
	return is_qemu(f) ? ANSWER_NO : ANSWER_UNKNOWN;
}

/* With Hyper-V's interface it is one of the clocks that this replaces. */
static enum answer is_rtc_alone(const struct facts *f, char **seen)
{
	enum answer answer = is_rtc(f, seen);

	if (answer != ANSWER_YES)
		return answer;
	switch (add_interface(f, seen)) {
	case INTERFACE_HYPERV:
		return ANSWER_NO;
	case INTERFACE_HYPERV_OFFERED:
		return ANSWER_UNKNOWN;
	default:
		return ANSWER_YES;
	}
}

static char *name_device(const struct facts *f)
{
	char *names = access_names(f, SERVED_BY_VMM, BIT_OF(ACCESS_UNKNOWN));
	char *text = xasprintf("virtio with ioeventfd or vhost for the device at %s: /proc/ioports and /proc/iomem in the guest name it",
			       names ? names : "these addresses");

	if (names && strstr(names, "address"))
		append(&text, ". If it is PCI ECAM or PCI MMCONFIG there: fewer PCI scans instead");
	free(names);
	if (passes_devices_through(f))
		append(&text, ". If it is a device that is passed through (VFIO): the VMM does not map these registers for the guest, as those in a page with the device's MSI-X table: QEMU vfio-pci,x-msix-relocation=auto, or a newer VMM");
	return text;
}

/*
 * The exit stays, with its way to L0, but KVM does not leave for the VMM any more;
 * with every other cause it ends, with all that is spent on it.
 */
static struct gain eventfd_gain(const struct facts *f, const struct gain *all)
{
	struct load device = device_load(f);

	(void)all;
	return gain_at_most(device.parts[PART_VMM] + device.parts[PART_KERNEL]);
}

#define HOW	"perf record -e kvm:kvm_pio,kvm:kvm_mmio -p PID"
#define OF(clue)	{ { is_##clue, VERDICT_SHOWN, VERDICT_RULED_OUT } }

static char *use_hyperv_clock(const struct facts *f)
{
	char *page, *change;

	if (!offers_hyperv(f, "time"))
		return xstrdup("Hyper-V's clocks for the guest: " HYPERV_CLOCKS "; and no useplatformclock in Windows (bcdedit /deletevalue useplatformclock)");
	page = use_tsc_page(f);
	change = xasprintf("no useplatformclock in Windows (bcdedit /deletevalue useplatformclock, and a restart), which is offered Hyper-V's clocks and reads another; if that is not set: %s",
			   page);
	free(page);
	return change;
}

static const struct cause causes[] = {
	{
		"clock-hyperv", "a clock other than Hyper-V's", "VMM",
		HYPERV_CLOCKS_RISK,
		OF(clock_of_hyperv), HOW,
		.change_of = use_hyperv_clock, .gain = gain_of_part,
		.part = part_of_clock,
	}, {
		"clock-linux", "a clock other than KVM's", "guest",
		"only a constant TSC works as a clock",
		OF(clock_of_kvm), HOW,
		"in the guest kvm-clock or tsc as clocksource: /sys/devices/system/clocksource/clocksource0/current_clocksource, and no clocksource= on its command line. " MARKED_UNSTABLE ". " BSD_CLOCKS,
		gain_of_part, .part = part_of_other_clock,
	}, {
		"clock", "a clock whose reads exit", "VMM and guest",
		"only a constant TSC works as a clock; Windows: " HYPERV_CLOCKS_RISK,
		OF(clock_of_any), HOW,
		"a clock whose reads do not exit. Linux: in the guest kvm-clock or tsc as clocksource (/sys/devices/system/clocksource/clocksource0/available_clocksource). " MARKED_UNSTABLE ". " BSD_CLOCKS ". Windows: " HYPERV_CLOCKS,
		gain_of_part, .part = part_of_other_clock,
	}, {
		"rtc", "the RTC", "guest",
		"what reads it may need it; Windows: " HYPERV_CLOCKS_RISK,
		OF(rtc_alone), HOW,
		"Windows: " HYPERV_CLOCKS ". Linux: nothing while it boots, later fewer reads of the RTC (hwclock)",
		gain_of_part, .part = part_of_rtc,
	}, {
		"serial-port", "a serial port", "VMM and guest",
		"the guest needs the driver",
		OF(serial), HOW,
		"virtio-console (in the guest console=hvc0), which Firecracker lacks; or less output: quiet, or no console= for the port",
		gain_of_part, .part = part_of_serial,
	}, {
		"display", "a display", "VMM", "the guest needs the driver",
		OF(display), HOW,
		"virtio-gpu for the display, or none",
		gain_of_part, .part = part_of_display,
	}, {
		"ide", "an IDE disk", "VMM", "the guest needs the driver",
		OF(disk), HOW,
		"virtio-blk or virtio-scsi for the disk",
		gain_of_part, .part = part_of_disk,
	}, {
		"i8042", "keyboard and mouse", "VMM", "the guest needs the driver",
		OF(input), HOW,
		"no i8042 (QEMU -machine q35,i8042=off), or virtio-input",
		gain_of_part, .part = part_of_input,
	}, {
		"pci-configuration", "PCI configuration by ports", "VMM and guest",
		"what scans them may need it",
		OF(pci), HOW,
		"fewer PCI scans in the guest: what lists its hardware (lspci, inventories and monitors), or plugs devices again and again. q35 changes nothing for Linux, which configures PCI by these ports there, too",
		gain_of_part, .part = part_of_pci,
	}, {
		"firmware", "firmware", "VMM and guest", "firmware variables are not written",
		OF(firmware), HOW,
		"nothing while the guest boots. Later: fewer writes of firmware variables, less use of the TPM or /sys/firmware/qemu_fw_cfg in the guest, and firmware without debug output",
		gain_of_part, .part = part_of_firmware,
	}, {
		"vmm-irqchip", "interrupt controllers of the VMM", "VMM",
		"none for guests that run with KVM's",
		OF(irqchip), HOW,
		"KVM's interrupt controllers: QEMU -machine kernel-irqchip=on (" OR_SPLIT ": there devices with MSIs, that is virtio over PCI, need no I/O APIC)",
		gain_of_part, .part = part_of_irqchip,
	}, {
		"legacy-device", "old devices", "VMM and guest", "the guest loses these devices",
		OF(legacy), HOW,
		"in the guest io_delay=none; no floppy, no parallel port, and QEMU -machine vmport=off",
		gain_of_part, .part = part_of_legacy,
	}, {
		"virtio-interrupts", "virtio without MSI-X", "VMM and guest",
		"what finds devices by their old names or addresses has to be changed",
		OF(virtio_irq), HOW,
		"virtio over PCI with MSI-X, whose interrupts need no access: Firecracker --enable-pci (from 1.13 on), QEMU -M microvm,pcie=on with virtio-*-pci devices; in the guest no pci=nomsi and no driver that lacks MSI-X",
		gain_of_part, .part = part_of_virtio_irq,
	}, {
		"iommu", "an IOMMU that the VMM emulates", "VMM and guest",
		"devices of the guest can write where they should not, for longer or always",
		OF(iommu), HOW,
		"fewer invalidations in the guest: iommu=pt on its command line, so that its own drivers' DMA is not translated, or iommu.strict=0, which invalidates many at once; or no IOMMU for a guest that passes no device on to a guest or process of its own (QEMU without -device intel-iommu or amd-iommu)",
		gain_of_part, .part = part_of_iommu,
	}, {
		"acpi", "ACPI events and hotplug", "VMM and guest",
		"what the events announce is noticed later, or not",
		OF(acpi), HOW,
		"fewer events: grep . /sys/firmware/acpi/interrupts/* in a Linux guest says which of them grow. Plug and unplug devices, CPUs and memory less often; PCIe devices by their ports instead of ACPI (QEMU -global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off on q35)",
		gain_of_part, .part = part_of_acpi,
	}, {
		"unknown-device", "a device without ioeventfd", "VMM",
		"the guest needs the driver",
		OF(unknown), HOW,
		.change_of = name_device, .gain = eventfd_gain, .part = part_of_unknown,
	}, {
		"access-calls", "accesses by which the guest calls its VMM", "VMM and guest", "none",
		{ { is_call, VERDICT_OPEN, VERDICT_RULED_OUT } },
		"the VMM's documentation: gVisor, unikernels and other sandboxes have no device there",
		"nothing, if the guest has to call the VMM so often",
		gain_not_counted,
	},
};

const struct symptom symptom_devices = {
	"devices", "devices emulated by the VMM", CAUSES(causes), emulates,
};
