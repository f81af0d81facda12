// SPDX-License-Identifier: GPL-2.0
/* What guests access, by name. */
#include <stdlib.h>

#include "base/util.h"
#include "explain/access.h"

#define PAGE	4096ULL

static const struct known_access known[] = {
	{ ACCESS_PORT, 0x20, 0x21, "interrupt controller (PIC)", ACCESS_PIC, true },
	{ ACCESS_PORT, 0x40, 0x43, "timer (PIT)", ACCESS_CLOCK, true },
	{ ACCESS_PORT, 0x60, 0x60, "keyboard and mouse (i8042)", ACCESS_INPUT },
	{ ACCESS_PORT, 0x61, 0x61, "speaker", ACCESS_CLOCK, true },
	{ ACCESS_PORT, 0x64, 0x64, "keyboard and mouse (i8042)", ACCESS_INPUT },
	{ ACCESS_PORT, 0x70, 0x71, "clock (RTC)", ACCESS_RTC },
	{ ACCESS_PORT, 0x80, 0x80, "I/O delay port", ACCESS_DELAY },
	{ ACCESS_PORT, 0xa0, 0xa1, "interrupt controller (PIC)", ACCESS_PIC, true },
	{ ACCESS_PORT, 0xb2, 0xb3, "SMI", ACCESS_FIRMWARE },
	{ ACCESS_PORT, 0xe9, 0xe9, "debug console", ACCESS_FIRMWARE },
	{ ACCESS_PORT, 0xed, 0xed, "I/O delay port", ACCESS_DELAY },
	{ ACCESS_PORT, 0x170, 0x177, "second IDE", ACCESS_DISK },
	{ ACCESS_PORT, 0x1ce, 0x1d0, "display", ACCESS_DISPLAY },
	{ ACCESS_PORT, 0x1f0, 0x1f7, "first IDE", ACCESS_DISK },
	{ ACCESS_PORT, 0x2e8, 0x2ef, "fourth serial port", ACCESS_SERIAL },
	{ ACCESS_PORT, 0x2f8, 0x2ff, "second serial port", ACCESS_SERIAL },
	{ ACCESS_PORT, 0x376, 0x376, "second IDE", ACCESS_DISK },
	{ ACCESS_PORT, 0x378, 0x37a, "parallel port", ACCESS_LEGACY },
	{ ACCESS_PORT, 0x3b0, 0x3df, "VGA", ACCESS_DISPLAY },
	{ ACCESS_PORT, 0x3e8, 0x3ef, "third serial port", ACCESS_SERIAL },
	{ ACCESS_PORT, 0x3f0, 0x3f5, "floppy", ACCESS_LEGACY },
	{ ACCESS_PORT, 0x3f6, 0x3f6, "first IDE", ACCESS_DISK },
	{ ACCESS_PORT, 0x3f7, 0x3f7, "floppy", ACCESS_LEGACY },
	{ ACCESS_PORT, 0x3f8, 0x3ff, "first serial port", ACCESS_SERIAL },
	{ ACCESS_PORT, 0x402, 0x402, "firmware debug console", ACCESS_FIRMWARE },
	{ ACCESS_PORT, 0x4d0, 0x4d1, "interrupt controller (PIC)", ACCESS_PIC, true },
	{ ACCESS_PORT, 0x510, 0x51b, "QEMU's fw_cfg", ACCESS_FIRMWARE },
	{ ACCESS_PORT, 0x600, 0x607, "QEMU's ACPI events", ACCESS_ACPI },
	{ ACCESS_PORT, 0x608, 0x60b, "ACPI PM timer", ACCESS_CLOCK },
	{ ACCESS_PORT, 0x620, 0x62f, "QEMU's ACPI events", ACCESS_ACPI },
	{ ACCESS_PORT, 0xa00, 0xa17, "QEMU's ACPI hotplug", ACCESS_ACPI },
	{ ACCESS_PORT, 0xcc0, 0xce3, "QEMU's ACPI hotplug", ACCESS_ACPI },
	{ ACCESS_PORT, 0xcf8, 0xcff, "PCI configuration", ACCESS_PCI },
	{ ACCESS_PORT, 0x5658, 0x5659, "VMware backdoor port", ACCESS_LEGACY },
	{ ACCESS_PORT, 0xae00, 0xae17, "QEMU's ACPI hotplug", ACCESS_ACPI },
	{ ACCESS_PORT, 0xaf00, 0xaf1f, "QEMU's ACPI hotplug", ACCESS_ACPI },
	{ ACCESS_PORT, 0xafe0, 0xafe3, "QEMU's ACPI events", ACCESS_ACPI },
	{ ACCESS_PORT, 0xb000, 0xb007, "QEMU's ACPI events", ACCESS_ACPI },
	{ ACCESS_PORT, 0xb008, 0xb00b, "ACPI PM timer", ACCESS_CLOCK },
	{ ACCESS_MMIO, 0xa0000, 0xbffff, "VGA", ACCESS_DISPLAY },
	{ ACCESS_MMIO, 0xfec00000, 0xfec00fff, "I/O APIC", ACCESS_IO_APIC, true },
	{ ACCESS_MMIO, 0xfed00000, 0xfed003ff, "HPET", ACCESS_CLOCK },
	{ ACCESS_MMIO, 0xfed40000, 0xfed44fff, "TPM", ACCESS_FIRMWARE },
	{ ACCESS_MMIO, 0xfed80000, 0xfed83fff, "IOMMU (AMD)", ACCESS_IOMMU },
	{ ACCESS_MMIO, 0xfed90000, 0xfed90fff, "IOMMU (Intel)", ACCESS_IOMMU },
	{ ACCESS_MMIO, 0xfee00000, 0xfee00fff, "local APIC", ACCESS_APIC_PAGE, true },
	{ ACCESS_MMIO, 0xffc00000, 0xffffffff, "firmware flash", ACCESS_FIRMWARE },
	{ ACCESS_MSR, 0x10, 0x10, "TSC", ACCESS_CLOCK_MSR },
	{ ACCESS_MSR, 0x11, 0x12, "kvm-clock", ACCESS_CLOCK_MSR },
	{ ACCESS_MSR, 0x1b, 0x1b, "APIC_BASE", ACCESS_NAMED_MSR },
	{ ACCESS_MSR, 0x3b, 0x3b, "TSC_ADJUST", ACCESS_CLOCK_MSR },
	{ ACCESS_MSR, 0x48, 0x48, "SPEC_CTRL", ACCESS_SPECULATION },
	{ ACCESS_MSR, 0x49, 0x49, "PRED_CMD", ACCESS_SPECULATION },
	{ ACCESS_MSR, 0x8b, 0x8b, "BIOS_SIGN_ID", ACCESS_NAMED_MSR },
	{ ACCESS_MSR, 0xc1, 0xc8, "PMC", ACCESS_PMU },
	{ ACCESS_MSR, 0xe7, 0xe8, "MPERF and APERF", ACCESS_SENSOR },
	{ ACCESS_MSR, 0x10b, 0x10b, "FLUSH_CMD", ACCESS_SPECULATION },
	{ ACCESS_MSR, 0x186, 0x18d, "PERFEVTSEL", ACCESS_PMU },
	{ ACCESS_MSR, 0x198, 0x198, "PERF_STATUS", ACCESS_SENSOR },
	{ ACCESS_MSR, 0x19c, 0x19c, "THERM_STATUS", ACCESS_SENSOR },
	{ ACCESS_MSR, 0x1a0, 0x1a0, "MISC_ENABLE", ACCESS_NAMED_MSR },
	{ ACCESS_MSR, 0x1a2, 0x1a2, "TEMPERATURE_TARGET", ACCESS_SENSOR },
	{ ACCESS_MSR, 0x1a6, 0x1a7, "OFFCORE_RSP", ACCESS_PMU },
	{ ACCESS_MSR, 0x1b1, 0x1b1, "PACKAGE_THERM_STATUS", ACCESS_SENSOR },
	{ ACCESS_MSR, 0x1c4, 0x1c5, "XFD", ACCESS_STATE },
	{ ACCESS_MSR, 0x1c8, 0x1c9, "LBR", ACCESS_BRANCHES },
	{ ACCESS_MSR, 0x1d9, 0x1d9, "DEBUGCTL", ACCESS_BRANCHES },
	{ ACCESS_MSR, 0x309, 0x30c, "FIXED_CTR", ACCESS_PMU },
	{ ACCESS_MSR, 0x38d, 0x390, "PERF_GLOBAL_CTRL", ACCESS_PMU },
	{ ACCESS_MSR, 0x3f1, 0x3f7, "PEBS", ACCESS_PMU },
	{ ACCESS_MSR, 0x3f8, 0x3fe, "C-states", ACCESS_SENSOR },
	{ ACCESS_MSR, 0x4c1, 0x4c8, "PMC", ACCESS_PMU },
	{ ACCESS_MSR, 0x600, 0x600, "DS_AREA", ACCESS_PMU },
	{ ACCESS_MSR, 0x606, 0x641, "RAPL and C-states", ACCESS_SENSOR },
	{ ACCESS_MSR, 0x680, 0x69f, "LBR", ACCESS_BRANCHES },
	{ ACCESS_MSR, 0x6c0, 0x6df, "LBR", ACCESS_BRANCHES },
	{ ACCESS_MSR, 0x6e0, 0x6e0, "TSC_DEADLINE", ACCESS_TIMER },
	{ ACCESS_MSR, 0x808, 0x808, "x2APIC TPR", ACCESS_APICV },
	{ ACCESS_MSR, 0x80b, 0x80b, "x2APIC EOI", ACCESS_EOI },
	{ ACCESS_MSR, 0x830, 0x830, "x2APIC ICR", ACCESS_IPI },
	{ ACCESS_MSR, 0x832, 0x832, "x2APIC LVT timer", ACCESS_TIMER },
	{ ACCESS_MSR, 0x838, 0x838, "x2APIC timer", ACCESS_TIMER },
	{ ACCESS_MSR, 0x83f, 0x83f, "x2APIC self IPI", ACCESS_APICV },
	{ ACCESS_MSR, 0xda0, 0xda0, "XSS", ACCESS_STATE },
	{ ACCESS_MSR, 0x14ce, 0x14ce, "LBR", ACCESS_BRANCHES },
	{ ACCESS_MSR, 0x40000020, 0x40000020, "Hyper-V reference counter", ACCESS_REFERENCE },
	{ ACCESS_MSR, 0x40000070, 0x40000070, "Hyper-V EOI", ACCESS_HYPERV_EOI },
	{ ACCESS_MSR, 0x40000071, 0x40000071, "Hyper-V ICR", ACCESS_IPI },
	{ ACCESS_MSR, 0x40000072, 0x40000072, "Hyper-V TPR", ACCESS_NAMED_MSR },
	{ ACCESS_MSR, 0x40000084, 0x40000084, "Hyper-V EOM", ACCESS_MESSAGE },
	{ ACCESS_MSR, 0x400000b0, 0x400000b7, "Hyper-V timers", ACCESS_TIMER },
	{ ACCESS_MSR, 0x4b564d00, 0x4b564d01, "kvm-clock", ACCESS_CLOCK_MSR },
	{ ACCESS_MSR, 0x4b564d02, 0x4b564d02, "asynchronous page faults", ACCESS_PAGE_READY },
	{ ACCESS_MSR, 0x4b564d06, 0x4b564d07, "asynchronous page faults", ACCESS_PAGE_READY },
	{ ACCESS_MSR, 0xc0000080, 0xc0000080, "EFER", ACCESS_MODE },
	{ ACCESS_MSR, 0xc00000e7, 0xc00000e8, "MPERF and APERF", ACCESS_SENSOR },
	{ ACCESS_MSR, 0xc000010e, 0xc000010f, "LBR", ACCESS_BRANCHES },
	{ ACCESS_MSR, 0xc0000300, 0xc0000303, "PERF_CNTR_GLOBAL", ACCESS_PMU },
	{ ACCESS_MSR, 0xc0010000, 0xc0010007, "PERF_CTL and PERF_CTR", ACCESS_PMU },
	{ ACCESS_MSR, 0xc0010063, 0xc0010063, "PSTATE_STATUS", ACCESS_SENSOR },
	{ ACCESS_MSR, 0xc0010117, 0xc0010117, "VM_HSAVE_PA", ACCESS_HYPERVISOR },
	{ ACCESS_MSR, 0xc001011f, 0xc001011f, "VIRT_SPEC_CTRL", ACCESS_SPECULATION },
	{ ACCESS_MSR, 0xc0010200, 0xc001020b, "PERF_CTL and PERF_CTR", ACCESS_PMU },
	{ ACCESS_MSR, 0xc0010299, 0xc001029b, "RAPL", ACCESS_SENSOR },
};

/*
 * Without MSI-X virtio has a register that its driver reads at each interrupt, wherever the
 * device is: with virtio-mmio, whose devices are 512 bytes apart at least, it also writes one.
 */
static const struct known_access virtio_mmio_irq = {
	.kind = ACCESS_MMIO, .name = "interrupts of virtio-mmio", .class = ACCESS_VIRTIO_IRQ,
};
static const struct known_access virtio_legacy_irq = {
	.kind = ACCESS_PORT, .name = "interrupts of legacy virtio", .class = ACCESS_VIRTIO_IRQ,
};

#define MMIO_SPACING		0x200
#define MMIO_INTERRUPT_STATUS	0x60
#define MMIO_INTERRUPT_ACK	0x64
/* Of I/O BARs that are aligned to 32 ports or more, above those of old devices. */
#define LEGACY_SPACING		0x20
#define LEGACY_ISR		0x13
#define FIRST_BAR		0x1000

static const struct known_access *find_virtio_irq(const struct access *access)
{
	uint64_t address = access->address;
	bool is_read = access->type == ACCESS_READ;

	if (access->kind == ACCESS_MMIO &&
	    address % MMIO_SPACING == (is_read ? MMIO_INTERRUPT_STATUS : MMIO_INTERRUPT_ACK))
		return &virtio_mmio_irq;
	if (access->kind == ACCESS_PORT && is_read && address >= FIRST_BAR &&
	    address % LEGACY_SPACING == LEGACY_ISR)
		return &virtio_legacy_irq;
	return NULL;
}

static const struct known_access *find_known(const struct access *access)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].kind == access->kind &&
		    access->address >= known[i].first &&
		    access->address <= known[i].last)
			return &known[i];
	return find_virtio_irq(access);
}

/* Other devices may have registers there; a driver of virtio-mmio reads and writes as often. */
static void forget_doubtful(struct access_group *group)
{
	if (group->known == &virtio_mmio_irq &&
	    (group->reads < group->writes / 2 || group->writes < group->reads / 2))
		group->known = NULL;
}

static bool is_same(const struct access_group *group,
		    const struct access *access,
		    const struct known_access *is)
{
	if (group->kind != access->kind || group->known != is)
		return false;
	if (is)
		return true;
	return access->kind == ACCESS_MMIO ?
	       group->first / PAGE == access->address / PAGE :
	       group->first == access->address;
}

static void add(struct access_groups *groups, const struct access *access)
{
	const struct known_access *is = find_known(access);
	struct access_group *group;
	size_t i;

	for (i = 0; i < groups->num; i++)
		if (is_same(&groups->v[i], access, is))
			break;
	if (i == groups->num)
		*GROW(groups->v, groups->num) = (struct access_group){
			.kind = access->kind,
			.first = access->address,
			.last = access->address,
			.known = is,
		};
	group = &groups->v[i];
	if (access->address < group->first)
		group->first = access->address;
	if (access->address > group->last)
		group->last = access->address;
	switch (access->type) {
	case ACCESS_WRITE_TO_VMM:
		group->by_vmm += access->rate;
		break;
	case ACCESS_WRITE:
		group->writes += access->rate;
		break;
	case ACCESS_READ:
		group->reads += access->rate;
		/* Nothing but such a device is read from KVM. */
		if (access->kind != ACCESS_MSR && !(is && is->by_kvm))
			group->by_vmm += access->rate;
	}
}

static int compare(const void *a, const void *b)
{
	const struct access_group *x = a, *y = b;
	double of_x = x->reads + x->writes, of_y = y->reads + y->writes;

	if (of_x != of_y)
		return of_x > of_y ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

struct access_groups access_groups(const struct sample *sample,
				   const struct guest_snapshot *guest)
{
	struct access_groups groups = { };
	size_t i;

	for (i = 0; sample && i < sample->num; i++)
		if (sample->list[i].kind <= ACCESS_MSR &&
		    snapshot_is_thread(guest, sample->list[i].tid))
			add(&groups, &sample->list[i]);
	for (i = 0; i < groups.num; i++)
		forget_doubtful(&groups.v[i]);
	if (groups.num)
		qsort(groups.v, groups.num, sizeof(*groups.v), compare);
	return groups;
}

const char *access_kind_name(enum access_kind kind)
{
	static const char *const names[] = {
		[ACCESS_PORT] = "port", [ACCESS_MMIO] = "address",
		[ACCESS_MSR] = "MSR",
	};

	return names[kind];
}

char *access_text(const struct access_group *group)
{
	static const char *const plurals[] = {
		[ACCESS_PORT] = "ports", [ACCESS_MMIO] = "addresses",
		[ACCESS_MSR] = "MSRs",
	};
	unsigned long long first = group->first, last = group->last;
	char *where = first == last ?
		xasprintf("%s 0x%llx", access_kind_name(group->kind), first) :
		xasprintf("%s 0x%llx to 0x%llx", plurals[group->kind], first,
			  last);
	char *text;

	if (!group->known)
		return where;
	text = xasprintf("%s (%s)", where, group->known->name);
	free(where);
	return text;
}

enum access_class access_class(const struct access_group *group)
{
	return group->known ? group->known->class : ACCESS_UNKNOWN;
}

double access_mmio(const struct access_groups *groups)
{
	double rate = 0;
	size_t i;

	for (i = 0; i < groups->num; i++)
		if (groups->v[i].kind == ACCESS_MMIO)
			rate += groups->v[i].reads + groups->v[i].writes;
	return rate;
}

double access_rate(const struct access_groups *groups, uint64_t classes)
{
	double rate = 0;
	size_t i;

	for (i = 0; i < groups->num; i++)
		if (classes & BIT_OF(access_class(&groups->v[i])))
			rate += groups->v[i].reads + groups->v[i].writes;
	return rate;
}

double access_msrs(const struct access_groups *groups, uint64_t first,
		   uint64_t last)
{
	double rate = 0;
	size_t i;

	for (i = 0; i < groups->num; i++)
		if (groups->v[i].kind == ACCESS_MSR &&
		    groups->v[i].first >= first && groups->v[i].last <= last)
			rate += groups->v[i].reads + groups->v[i].writes;
	return rate;
}
