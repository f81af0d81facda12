// SPDX-License-Identifier: GPL-2.0
/* What guests access, by name. */
#include <stdlib.h>

#include "base/util.h"
#include "explain/access.h"

#define PAGE	4096ULL

#define HV_CLOCK "for Windows QEMU -cpu MODEL,hv-time,hv-vpindex,hv-synic,hv-stimer"
#define CLOCK	"in the guest kvm-clock or tsc as clocksource (/sys/devices/system/clocksource/clocksource0/available_clocksource); " HV_CLOCK
#define RTC	HV_CLOCK "; in Linux nothing while it boots, later less that asks for the RTC (hwclock)"
#define SERIAL	"virtio-console (in the guest console=hvc0), or less that is written to it (quiet)"
#define DISPLAY	"virtio-gpu for the display, or none"
#define DISK	"virtio-blk or virtio-scsi for the disk"
#define FIRMWARE "firmware that is no longer being debugged, or less of it"
#define TIMERS	"fewer timers in the guest: perf record -e timer:hrtimer_start -ag there says whose they are"
#define IPIS	"fewer wake-ups from vCPU to vCPU (fewer vCPUs, or threads that stay on theirs); QEMU -cpu MODEL,kvm-pv-ipi=on makes one exit of one for many vCPUs"
#define EOIS	"QEMU -cpu MODEL,kvm-pv-eoi=on, or APICv or AVIC, if l1tune caps says that L0 offers them"
#define PMU	"no profiling in the guest: nmi_watchdog=0, no perf; or QEMU -cpu MODEL,pmu=off"
#define BRANCHES "no tracing of branches in the guest (perf record -b, a debugger)"
#define SPECULATION "a mitigation in the guest that does not switch: QEMU -cpu host offers what the CPU has, the guest's /sys/devices/system/cpu/vulnerabilities/spectre_v2 says what it does"
#define CLOCK_MSR "what registers its clock again and again in the guest: a constant TSC (QEMU -cpu MODEL,+invtsc) spares that"

static const struct known_access known[] = {
	{ ACCESS_PORT, 0x20, 0x21, "interrupt controller (PIC)",
	  "in the guest the APIC: without noapic, nolapic", true },
	{ ACCESS_PORT, 0x40, 0x43, "timer (PIT)", CLOCK, true },
	{ ACCESS_PORT, 0x60, 0x60, "keyboard and mouse (i8042)",
	  "no i8042 (QEMU -machine q35,i8042=off), or virtio-input" },
	{ ACCESS_PORT, 0x61, 0x61, "speaker", CLOCK, true },
	{ ACCESS_PORT, 0x64, 0x64, "keyboard and mouse (i8042)",
	  "no i8042 (QEMU -machine q35,i8042=off), or virtio-input" },
	{ ACCESS_PORT, 0x70, 0x71, "clock (RTC)", RTC },
	{ ACCESS_PORT, 0x80, 0x80, "port for delays", "in the guest io_delay=none" },
	{ ACCESS_PORT, 0xa0, 0xa1, "interrupt controller (PIC)",
	  "in the guest the APIC: without noapic, nolapic", true },
	{ ACCESS_PORT, 0xb2, 0xb3, "SMI", "fewer firmware variables that are written" },
	{ ACCESS_PORT, 0xe9, 0xe9, "debug console", FIRMWARE },
	{ ACCESS_PORT, 0x170, 0x177, "second IDE", DISK },
	{ ACCESS_PORT, 0x1ce, 0x1d0, "display", DISPLAY },
	{ ACCESS_PORT, 0x1f0, 0x1f7, "first IDE", DISK },
	{ ACCESS_PORT, 0x2e8, 0x2ef, "fourth serial port", SERIAL },
	{ ACCESS_PORT, 0x2f8, 0x2ff, "second serial port", SERIAL },
	{ ACCESS_PORT, 0x376, 0x376, "second IDE", DISK },
	{ ACCESS_PORT, 0x378, 0x37a, "parallel port", "no parallel port" },
	{ ACCESS_PORT, 0x3b0, 0x3df, "VGA", DISPLAY },
	{ ACCESS_PORT, 0x3e8, 0x3ef, "third serial port", SERIAL },
	{ ACCESS_PORT, 0x3f0, 0x3f5, "floppy", "no floppy" },
	{ ACCESS_PORT, 0x3f6, 0x3f6, "first IDE", DISK },
	{ ACCESS_PORT, 0x3f7, 0x3f7, "floppy", "no floppy" },
	{ ACCESS_PORT, 0x3f8, 0x3ff, "first serial port", SERIAL },
	{ ACCESS_PORT, 0x402, 0x402, "firmware's debug console", FIRMWARE },
	{ ACCESS_PORT, 0x4d0, 0x4d1, "interrupt controller (PIC)",
	  "in the guest the APIC: without noapic, nolapic", true },
	{ ACCESS_PORT, 0x510, 0x51b, "QEMU's fw_cfg",
	  "nothing, if it boots; what reads it later is in the guest (/sys/firmware/qemu_fw_cfg)" },
	{ ACCESS_PORT, 0x608, 0x60b, "ACPI PM timer", CLOCK },
	{ ACCESS_PORT, 0xcf8, 0xcff, "PCI configuration",
	  "less that looks for PCI devices in the guest; QEMU -machine q35, whose devices are configured by memory" },
	{ ACCESS_PORT, 0x5658, 0x5659, "VMware's port",
	  "QEMU -machine vmport=off" },
	{ ACCESS_PORT, 0xb008, 0xb00b, "ACPI PM timer", CLOCK },
	{ ACCESS_MMIO, 0xa0000, 0xbffff, "VGA", DISPLAY },
	{ ACCESS_MMIO, 0xfec00000, 0xfec00fff, "I/O APIC",
	  "devices with MSIs (virtio over PCI; in the guest without pci=nomsi)", true },
	{ ACCESS_MMIO, 0xfed00000, 0xfed003ff, "HPET",
	  CLOCK "; QEMU -machine hpet=off" },
	{ ACCESS_MMIO, 0xfed40000, 0xfed44fff, "TPM",
	  "less that asks the TPM in the guest" },
	{ ACCESS_MMIO, 0xfee00000, 0xfee00fff, "local APIC",
	  "x2APIC: QEMU -cpu MODEL,+x2apic, in the guest without nox2apic", true },
	{ ACCESS_MMIO, 0xffc00000, 0xffffffff, "firmware's flash",
	  "fewer firmware variables that are written" },
	{ ACCESS_MSR, 0x10, 0x10, "TSC", CLOCK_MSR },
	{ ACCESS_MSR, 0x11, 0x12, "kvm-clock", CLOCK_MSR },
	{ ACCESS_MSR, 0x1b, 0x1b, "APIC_BASE" },
	{ ACCESS_MSR, 0x3b, 0x3b, "TSC_ADJUST", CLOCK_MSR },
	{ ACCESS_MSR, 0x48, 0x48, "SPEC_CTRL", SPECULATION },
	{ ACCESS_MSR, 0x49, 0x49, "PRED_CMD", "in the guest fewer tasks that ask for IBPB (spectre_v2_user=prctl)" },
	{ ACCESS_MSR, 0x8b, 0x8b, "BIOS_SIGN_ID" },
	{ ACCESS_MSR, 0xc1, 0xc8, "PMC", PMU },
	{ ACCESS_MSR, 0x186, 0x18d, "PERFEVTSEL", PMU },
	{ ACCESS_MSR, 0x1a0, 0x1a0, "MISC_ENABLE" },
	{ ACCESS_MSR, 0x1d9, 0x1d9, "DEBUGCTL", BRANCHES },
	{ ACCESS_MSR, 0x309, 0x30c, "FIXED_CTR", PMU },
	{ ACCESS_MSR, 0x38d, 0x390, "PERF_GLOBAL_CTRL", PMU },
	{ ACCESS_MSR, 0x4c1, 0x4c8, "PMC", PMU },
	{ ACCESS_MSR, 0x6e0, 0x6e0, "TSC_DEADLINE", TIMERS },
	{ ACCESS_MSR, 0x808, 0x808, "x2APIC TPR",
	  "APICv or AVIC, if l1tune caps says that L0 offers them" },
	{ ACCESS_MSR, 0x80b, 0x80b, "x2APIC EOI", EOIS },
	{ ACCESS_MSR, 0x830, 0x830, "x2APIC ICR", IPIS },
	{ ACCESS_MSR, 0x832, 0x832, "x2APIC LVT timer", TIMERS },
	{ ACCESS_MSR, 0x838, 0x838, "x2APIC timer", TIMERS },
	{ ACCESS_MSR, 0x83f, 0x83f, "x2APIC self IPI",
	  "APICv or AVIC, if l1tune caps says that L0 offers them" },
	{ ACCESS_MSR, 0x40000070, 0x40000070, "Hyper-V EOI", EOIS },
	{ ACCESS_MSR, 0x40000071, 0x40000071, "Hyper-V ICR", IPIS },
	{ ACCESS_MSR, 0x40000020, 0x40000020, "Hyper-V reference counter",
	  "QEMU -cpu MODEL,hv-time, whose page takes no exit" },
	{ ACCESS_MSR, 0x400000b0, 0x400000b7, "Hyper-V timers", TIMERS },
	{ ACCESS_MSR, 0x4b564d00, 0x4b564d01, "kvm-clock", CLOCK_MSR },
	{ ACCESS_MSR, 0xc0000080, 0xc0000080, "EFER",
	  "a guest that stays in one mode: what switches is a firmware, or a hypervisor inside it" },
	{ ACCESS_MSR, 0xc0010000, 0xc0010007, "PERF_CTL and PERF_CTR", PMU },
	{ ACCESS_MSR, 0xc0010117, 0xc0010117, "VM_HSAVE_PA",
	  "a hypervisor inside the guest that does not go on and off for each of its guests" },
	{ ACCESS_MSR, 0xc0010200, 0xc001020b, "PERF_CTL and PERF_CTR", PMU },
};

static const struct known_access *find_known(const struct access *access)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].kind == access->kind &&
		    access->address >= known[i].first &&
		    access->address <= known[i].last)
			return &known[i];
	return NULL;
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

struct access_groups access_groups(const struct sample *sample, uint64_t pid)
{
	struct access_groups groups = { };
	size_t i;

	for (i = 0; sample && i < sample->num; i++)
		if (sample->list[i].pid == pid)
			add(&groups, &sample->list[i]);
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

double access_mmio(const struct access_groups *groups)
{
	double rate = 0;
	size_t i;

	for (i = 0; i < groups->num; i++)
		if (groups->v[i].kind == ACCESS_MMIO)
			rate += groups->v[i].reads + groups->v[i].writes;
	return rate;
}

double access_msr_writes(const struct access_groups *groups, uint64_t first,
			 uint64_t last)
{
	double rate = 0;
	size_t i;

	for (i = 0; i < groups->num; i++)
		if (groups->v[i].kind == ACCESS_MSR &&
		    groups->v[i].first >= first && groups->v[i].last <= last)
			rate += groups->v[i].writes;
	return rate;
}
