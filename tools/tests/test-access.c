// SPDX-License-Identifier: GPL-2.0
/* What guests access, and what is advised on it: samples that were recorded. */
#include <stdlib.h>
#include <string.h>

#include "ktap.h"
#include "scene.h"

static void test_groups(void)
{
	const struct access list[] = {
		READ(ACCESS_PORT, 0x3fd, 300), WRITE(ACCESS_PORT, 0x3f8, 500),
		WRITE(ACCESS_PORT, 0xc000, 7), WRITE(ACCESS_PORT, 0xc004, 8),
		WRITE(ACCESS_MMIO, 0xfebc0010, 20), READ(ACCESS_MMIO, 0xfebc0ff0, 3),
		WRITE(ACCESS_MMIO, 0xfebc1000, 1),
		{ .tid = TID + 1, .kind = ACCESS_PORT, .address = 0x60, .rate = 9 },
	};
	const struct sample sample = {
		.time_ns = NSEC_PER_SEC, .list = (struct access *)list,
		.num = ARRAY_SIZE(list),
	};
	struct access_groups g = access_groups(&sample, &guest_of_sample);
	char *text = access_text(&g.v[0]);

	ktap_ok(g.num == 5, "devices, pages and ports without a name, and none of another thread of the process");
	ktap_equal(text, "ports 0x3f8 to 0x3fd (first serial port)", "what was seen of a device, and its name");
	ktap_ok(is_near(g.v[0].reads, 300) && is_near(g.v[0].writes, 500),
		"reads and writes of all of it");
	free(text);
	text = access_text(&g.v[1]);
	ktap_equal(text, "addresses 0xfebc0010 to 0xfebc0ff0", "a page of addresses");
	free(text);
	text = access_text(&g.v[2]);
	ktap_equal(text, "port 0xc004", "a port");
	free(text);
	free(g.v);
	g = access_groups(NULL, &guest_of_sample);
	ktap_ok(!g.num, "nothing without a sample");
}

static void test_devices(void)
{
	const struct access list[] = {
		WRITE_TO_VMM(ACCESS_PORT, 0x3f8, 500), READ(ACCESS_PORT, 0x3fd, 400),
		READ(ACCESS_PORT, 0x608, 290), WRITE_TO_VMM(ACCESS_PORT, 0xcf8, 10),
		/* A virtio device's ioeventfd, and a timer of KVM's. */
		WRITE(ACCESS_MMIO, 0xfe003000, 5000), READ(ACCESS_PORT, 0x40, 5000),
	};
	struct scene s;

	start(&s);
	exits(&s, "IO_INSTRUCTION", 1200, 10, 300);
	ktap_ok(accesses_matter(&s.facts), "devices that the VMM is busy with are sampled");
	ktap_ok(explains_by(&s, &symptom_devices, "devices") && !s.advice.num_accesses &&
		strstr(s.advice.looked[0].how, "perf record"),
		"without a sample the cause is not known, and how to find out is said");
	sampled(&s, list, ARRAY_SIZE(list));
	ktap_ok(explains_by(&s, &symptom_devices, "serial-port"),
		"of several devices the one with most accesses is advised on");
	ktap_equal(s.advice.evidence,
		   "1200 device accesses per second; they take the VMM 0.30 s of each second; seen per second in a later sample: ports 0x3f8 to 0x3fd (first serial port) written 500 and read 400 times, port 0x608 (ACPI PM timer) read 290 times, others 10 times",
		   "the evidence names the devices");
	ktap_ok(strstr(s.advice.change, "console=hvc0") &&
		!strncmp(s.advice.confidence, "medium: 2 causes", 16),
		"another device with a fifth of them is a cause as well");
	ktap_ok(s.advice.num_accesses == 2 && s.advice.gain.kind == GAIN_AT_MOST &&
		is_near(s.advice.gain.high, 0.3 + 0.01 + 0.012),
		"accesses that end save KVM's time and the way to L0 too");
	end(&s);

	start(&s);
	exits(&s, "IO_INSTRUCTION", 1200, 1, 10);
	sampled(&s, list, ARRAY_SIZE(list));
	ktap_ok(!explains(&s, &symptom_devices), "no advice on a VMM that takes little time for them");
	end(&s);

	start(&s);
	exits(&s, "IO_INSTRUCTION", 1200, 10, 300);
	sampled(&s, &list[6], 2);
	ktap_ok(explains_by(&s, &symptom_devices, "devices"),
		"a sample without accesses to the VMM's devices rules none out");
	end(&s);

	start(&s);
	exits(&s, "IO_INSTRUCTION", 90, 0, 1);
	exits(&s, "MSR_WRITE", 900, 3, 0);
	ktap_ok(!accesses_matter(&s.facts), "a quiet guest is not sampled");
	end(&s);
}

/* The same number of accesses and the same times: the address makes the cause. */
static void test_each_device(void)
{
	static const struct {
		enum access_kind kind;
		uint64_t address;
		const char *cause, *change;
		/* Which interface the guest uses was not seen. */
		bool is_clock;
	} cases[] = {
		{ ACCESS_PORT, 0x608, "clock", "Windows: QEMU", true },
		{ ACCESS_MMIO, 0xfed000f0, "clock", "Linux: in the guest", true },
		{ ACCESS_MMIO, 0xfed00108, "clock", "kern.eventtimer.timer=LAPIC", true },
		{ ACCESS_PORT, 0x71, "rtc", "hwclock", true },
		{ ACCESS_PORT, 0x3fd, "serial-port", "hvc0" },
		{ ACCESS_MMIO, 0xa1000, "display", "virtio-gpu" },
		{ ACCESS_PORT, 0x1f7, "ide", "virtio-blk" },
		{ ACCESS_PORT, 0x64, "i8042", "i8042=off" },
		{ ACCESS_PORT, 0xcfc, "pci-configuration", "lspci" },
		{ ACCESS_PORT, 0x511, "firmware", "fw_cfg" },
		{ ACCESS_MMIO, 0xfed40000, "firmware", "TPM" },
		{ ACCESS_PORT, 0x80, "legacy-device", "io_delay=none" },
		{ ACCESS_PORT, 0xed, "legacy-device", "io_delay=none" },
		{ ACCESS_MMIO, 0xfed90088, "iommu", "iommu=pt" },
		{ ACCESS_MMIO, 0xfed82008, "iommu", "amd-iommu" },
		{ ACCESS_PORT, 0x620, "acpi", "/sys/firmware/acpi/interrupts" },
		{ ACCESS_PORT, 0xae08, "acpi", "acpi-pci-hotplug-with-bridge-support=off" },
		{ ACCESS_PORT, 0xaf00, "acpi", "Plug and unplug" },
		{ ACCESS_PORT, 0xb000, "acpi", "/sys/firmware/acpi/interrupts" },
		{ ACCESS_PORT, 0xc010, "unknown-device", "port 0xc010" },
		{ ACCESS_MMIO, 0xb0100000, "unknown-device", "fewer PCI scans" },
	};
	struct scene s;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct access access = READ(cases[i].kind, cases[i].address, 1000);
		bool is_unnamed = !strcmp(cases[i].cause, "unknown-device");
		double ends = is_unnamed ? 0.05 : 0.06;

		start(&s);
		exits(&s, "io", 500, 25, 150);
		exits(&s, "EPT_MISCONFIG", 500, 25, 150);
		sampled(&s, &access, 1);
		ktap_ok(explains_by(&s, &symptom_devices, cases[i].cause) &&
			strstr(s.advice.change, cases[i].change) &&
			!strncmp(s.advice.confidence, cases[i].is_clock || is_unnamed ? "medium" : "high", 4),
			"%s 0x%llx: %s", access_kind_name(cases[i].kind),
			(unsigned long long)cases[i].address, cases[i].cause);
		ktap_ok(s.advice.gain.kind == GAIN_AT_MOST &&
			is_near(s.advice.gain.high, 0.3 + ends),
			"%s 0x%llx: the bound has what ends with the accesses",
			access_kind_name(cases[i].kind),
			(unsigned long long)cases[i].address);
		end(&s);
	}
}

/* What a guest that read the ACPI PM timer was measured to take, 0.26 of it in KVM. */
static void test_bound_of_clocks(void)
{
	const struct access access = READ(ACCESS_PORT, 0x608, 6007);
	struct scene s;

	start(&s);
	exits(&s, "IO_INSTRUCTION", 6500, 260, 170);
	sampled(&s, &access, 1);
	ktap_ok(explains_by(&s, &symptom_devices, "clock") &&
		is_near(s.advice.gain.high, 0.26 + 0.17 + 0.065),
		"another clock ends the accesses: KVM's time, the VMM's and the way to L0");
	s.facts.transit.is_known = false;
	s.host.virtualized = true;
	ktap_ok(explains(&s, &symptom_devices) && s.advice.gain.lacks_transit &&
		is_near(s.advice.gain.high, 0.26 + 0.17),
		"a bound without the way to L0 says so");
	end(&s);
}

/* The VMM's interrupt controllers: the accesses that KVM would serve without it. */
static void test_irqchip(void)
{
	const struct access list[] = { WRITE_TO_VMM(ACCESS_PORT, 0x20, 1000) };
	struct scene s;

	start(&s);
	exits(&s, "IO_INSTRUCTION", 1000, 50, 300);
	sampled(&s, list, ARRAY_SIZE(list));
	ktap_ok(explains_by(&s, &symptom_devices, "vmm-irqchip") &&
		strstr(s.advice.change, "kernel-irqchip=on (split with -M microvm"),
		"a PIC that the VMM emulates");
	end(&s);
}

/* Which cure a clock has is told by what the guest does. */
static void test_clocks(void)
{
	static const struct {
		uint64_t address, msr;
		const char *cmdline, *cause, *change, *confidence;
	} cases[] = {
		{ 0x608, 0x40000071, NULL, "clock-hyperv", "hv-time", "high" },
		{ 0x71, 0x40000070, NULL, "clock-hyperv", "useplatformclock", "high" },
		{ 0x608, 0x4b564d00, NULL, "clock-linux", "tsc=reliable", "high" },
		{ 0x71, 0x4b564d00, NULL, "rtc", "hwclock", "high" },
		{ 0x608, 0, "-cpu host,hv_time", "clock-hyperv", "useplatformclock",
		  "medium: shown; not ruled out: 1 of" },
		{ 0x71, 0, "-cpu host,hv_time", "clock-hyperv", "useplatformclock",
		  "medium: shown; not ruled out: 1 of" },
		{ 0x608, 0x4b564d00, "-cpu host,hv_time", "clock-linux", "current_clocksource",
		  "high" },
		{ 0x608, 0x6e0, "-cpu host", "clock", "Linux: in the guest",
		  "medium: shown; not ruled out: 2 of" },
	};
	struct scene s;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct access list[] = {
			READ(ACCESS_PORT, cases[i].address, 1000),
			WRITE(ACCESS_MSR, cases[i].msr, 5),
		};

		start(&s);
		exits(&s, "IO_INSTRUCTION", 1000, 50, 300);
		if (cases[i].cmdline)
			set_cmdline(&s, cases[i].cmdline);
		sampled(&s, list, ARRAY_SIZE(list));
		ktap_ok(explains_by(&s, &symptom_devices, cases[i].cause) &&
			strstr(s.advice.change, cases[i].change) &&
			strstr(s.advice.confidence, cases[i].confidence) == s.advice.confidence,
			"port 0x%llx, MSR 0x%llx, %s: %s, %s",
			(unsigned long long)cases[i].address,
			(unsigned long long)cases[i].msr,
			cases[i].cmdline ? cases[i].cmdline : "no command line",
			cases[i].cause, cases[i].confidence);
		end(&s);
	}
}

/* So is what a guest inside it is for. */
static void test_nesting(void)
{
	static const struct {
		uint64_t msr;
		const char *cmdline, *cause, *confidence;
	} cases[] = {
		{ 0x40000071, "qemu -cpu host", "windows-hypervisor", "high" },
		{ 0, "qemu -cpu host,hv_time", "windows-hypervisor", "medium: shown; not" },
		{ 0x4b564d00, "qemu -cpu host,hv_time", "nesting", "medium: the other" },
		{ 0x4b564d00, "cloud-hypervisor", "nesting", "medium: the other" },
		{ 0, "cloud-hypervisor --cpus boot=2,kvm_hyperv=on", "windows-hypervisor", "medium: shown; not" },
		{ 0, "qemu -cpu host -drive file=/srv/hv_images/lab.img", "nested-hypervisor", "medium: shown; not" },
	};
	struct scene s;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct access access = WRITE(ACCESS_MSR, cases[i].msr, 5);

		start(&s);
		exits(&s, "VMRESUME", 1000, 200, 0);
		exits(&s, "CPUID", 500, 100, 0);
		s.cells[1].key.level = 3;
		set_cmdline(&s, cases[i].cmdline);
		sampled(&s, &access, 1);
		ktap_ok(explains_by(&s, &symptom_nested_exits, cases[i].cause) &&
			strstr(s.advice.confidence, cases[i].confidence) == s.advice.confidence,
			"a guest inside a guest, MSR 0x%llx, %s: %s, %s",
			(unsigned long long)cases[i].msr, cases[i].cmdline,
			cases[i].cause, cases[i].confidence);
		end(&s);
	}
}

/* A driver of virtio that has no MSI-X asks the device at each interrupt what it is for. */
static void test_virtio_interrupts(void)
{
	const struct access mmio[] = {
		WRITE(ACCESS_MMIO, 0xd0000050, 3000), READ(ACCESS_MMIO, 0xd0000060, 900),
		WRITE_TO_VMM(ACCESS_MMIO, 0xd0000064, 900), READ(ACCESS_MMIO, 0xd0001060, 300),
		WRITE_TO_VMM(ACCESS_MMIO, 0xd0001064, 300),
	};
	const struct access legacy[] = { READ(ACCESS_PORT, 0xc053, 900) };
	const struct access others[] = {
		READ(ACCESS_MMIO, 0xfebc0060, 900), READ(ACCESS_PORT, 0xc013, 9),
		WRITE(ACCESS_PORT, 0xc013, 9),
	};
	struct scene s;

	start(&s);
	exits(&s, "EPT_MISCONFIG", 5000, 60, 300);
	set_cmdline(&s, "/usr/local/bin/firecracker-v1.12.0-x86_64 --id fn-1");
	sampled(&s, mmio, ARRAY_SIZE(mmio));
	ktap_ok(explains_by(&s, &symptom_devices, "virtio-interrupts") &&
		strstr(s.advice.change, "Firecracker --enable-pci") &&
		strstr(s.advice.confidence, "high"),
		"virtio-mmio of Firecracker: its interrupts, which PCI has as MSI-X");
	ktap_ok(!strstr(s.advice.change, "does not appear to be QEMU"),
		"a change that names this VMM does not say that it has to be looked for");
	ktap_ok(strstr(s.advice.evidence,
		       "addresses 0xd0000060 to 0xd0001064 (interrupts of virtio-mmio)"),
		"the evidence has the interrupts of all its devices, and not what an ioeventfd serves");
	end(&s);

	start(&s);
	exits(&s, "IO_INSTRUCTION", 900, 20, 100);
	sampled(&s, legacy, ARRAY_SIZE(legacy));
	ktap_ok(explains_by(&s, &symptom_devices, "virtio-interrupts") &&
		strstr(s.advice.change, "pci=nomsi"),
		"the port that legacy virtio reads at each interrupt");
	end(&s);

	start(&s);
	exits(&s, "io", 900, 20, 100);
	sampled(&s, others, ARRAY_SIZE(others));
	ktap_ok(explains_by(&s, &symptom_devices, "unknown-device"),
		"a register at that address that is only read is of another device");
	end(&s);
}

/* virtio is no remedy for a device that is the machine's own. */
static void test_passed_through(void)
{
	static const struct {
		const char *cmdline;
		bool is;
	} cases[] = {
		{ "qemu -device vfio-pci,host=01:00.0", true },
		{ "qemu -device virtio-net-pci", false },
		{ "cloud-hypervisor --device path=/sys/bus/pci/devices/0000:21:00.0", true },
	};
	const struct access list[] = { WRITE_TO_VMM(ACCESS_MMIO, 0xfebd1000, 900) };
	struct scene s;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		start(&s);
		exits(&s, "EPT_MISCONFIG", 900, 20, 100);
		set_cmdline(&s, cases[i].cmdline);
		sampled(&s, list, ARRAY_SIZE(list));
		ktap_ok(explains_by(&s, &symptom_devices, "unknown-device") &&
			!strstr(s.advice.change, "x-msix-relocation") == !cases[i].is,
			"registers of a device that may be passed through: %s", cases[i].cmdline);
		end(&s);
	}
}

static void test_unknown(void)
{
	const struct access list[] = {
		WRITE_TO_VMM(ACCESS_PORT, 0xc000, 600), READ(ACCESS_MMIO, 0xfebc0000, 500),
	};
	struct scene s;

	start(&s);
	exits(&s, "io", 600, 10, 300);
	exits(&s, "npf", 500, 10, 300);
	sampled(&s, list, ARRAY_SIZE(list));
	explains(&s, &symptom_devices);
	ktap_equal(s.advice.change,
		   "virtio with ioeventfd or vhost for the device at port 0xc000, address 0xfebc0000: /proc/ioports and /proc/iomem in the guest name it. If it is PCI ECAM or PCI MMCONFIG there: fewer PCI scans instead",
		   "of what is not known the guest knows the name");
	ktap_ok(is_near(s.advice.gain.high, 0.62),
		"an ioeventfd keeps the exits: the bound is the time of KVM and the VMM");
	end(&s);
}

/* A sandbox has no device there: its guest calls it. */
static void test_calls(void)
{
	static const struct {
		const char *cmdline, *confidence;
	} cases[] = {
		{ "runsc-sandbox --platform=kvm boot", "medium: shown; not ruled out: 1 of" },
		{ "/usr/bin/qemu-system-x86_64 -name web", "high" },
		{ "/usr/libexec/qemu-kvm -name web", "high" },
		{ "kvm -name qemu", "high" },
		{ "/opt/qemu/hyperlight", "medium" },
	};
	const struct access access = READ(ACCESS_MMIO, 0x7ffff0001000, 9000);
	struct scene s;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		start(&s);
		exits(&s, "EPT_MISCONFIG", 9000, 60, 200);
		set_cmdline(&s, cases[i].cmdline);
		sampled(&s, &access, 1);
		ktap_ok(explains_by(&s, &symptom_devices, "unknown-device") &&
			strstr(s.advice.confidence, cases[i].confidence) == s.advice.confidence,
			"accesses without a name, %s: %s", cases[i].cmdline, cases[i].confidence);
		end(&s);
	}
}

/* What halts in the VMM waits for an interrupt of the VMM's, or calls it. */
static void test_halts_of_the_vmm(void)
{
	const struct access serial[] = { WRITE_TO_VMM(ACCESS_PORT, 0x3f8, 900) };
	const struct access pic[] = { WRITE_TO_VMM(ACCESS_PORT, 0x20, 900) };
	struct scene s;

	start(&s);
	exits(&s, "HLT", 3000, 30, 400);
	sampled(&s, serial, ARRAY_SIZE(serial));
	ktap_ok(explains_by(&s, &symptom_vmm_time, "vmm-time"), "HLT in the VMM may be a call");
	free(s.facts.accesses.v);
	sampled(&s, pic, ARRAY_SIZE(pic));
	ktap_ok(explains_by(&s, &symptom_vmm_time, "vmm-halts"),
		"HLT in a VMM that serves interrupt controllers is a wait");
	end(&s);
}

static void test_kvm_devices(void)
{
	static const struct {
		enum access_kind kind;
		uint64_t address;
		const char *cause, *change;
	} cases[] = {
		{ ACCESS_PORT, 0x40, "pit", "clocksource" },
		{ ACCESS_PORT, 0x21, "pic", "noapic" },
		{ ACCESS_MMIO, 0xfec00000, "io-apic", "MSIs" },
		{ ACCESS_MMIO, 0xfee00380, "apic-page", "x2apic" },
	};
	const struct access timer[] = { WRITE_TO_VMM(ACCESS_PORT, 0x43, 8000) };
	const struct access list[] = {
		READ(ACCESS_PORT, 0x40, 3000), WRITE(ACCESS_PORT, 0x43, 1000),
		WRITE_TO_VMM(ACCESS_PORT, 0x3f8, 4000),
	};
	struct scene s;
	size_t i;

	start(&s);
	exits(&s, "IO_INSTRUCTION", 8000, 80, 0);
	ktap_ok(accesses_matter(&s.facts), "many accesses that KVM serves by itself are sampled");
	ktap_ok(!explains(&s, &symptom_kvm_devices), "without a sample nothing is said of KVM's devices");
	sampled(&s, list, ARRAY_SIZE(list));
	ktap_ok(explains_by(&s, &symptom_kvm_devices, "pit") &&
		strstr(s.advice.evidence, "ports 0x40 to 0x43 (timer (PIT)) written 1000 and read 3000 times"),
		"devices that KVM serves are named");
	/* All that KVM spends on accesses, and 4000 times 10 us. */
	ktap_ok(is_near(s.advice.gain.high, 0.08 + 0.04), "the bound has all of KVM's time");
	end(&s);

	start(&s);
	exits(&s, "IO_INSTRUCTION", 8000, 80, 0);
	sampled(&s, &list[2], 2);
	ktap_ok(!explains(&s, &symptom_kvm_devices), "devices that KVM does not serve are not KVM's");
	end(&s);

	start(&s);
	exits(&s, "IO_INSTRUCTION", 8000, 80, 500);
	sampled(&s, timer, ARRAY_SIZE(timer));
	ktap_ok(!explains(&s, &symptom_kvm_devices) && explains(&s, &symptom_devices) &&
		strstr(s.advice.evidence, "port 0x43 (timer (PIT)) written 8000 times"),
		"a PIT that the VMM serves is the VMM's");
	end(&s);

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct access access = WRITE(cases[i].kind, cases[i].address, 4000);

		start(&s);
		exits(&s, "IO_INSTRUCTION", 4000, 80, 0);
		sampled(&s, &access, 1);
		ktap_ok(explains_by(&s, &symptom_kvm_devices, cases[i].cause) &&
			strstr(s.advice.change, cases[i].change), "KVM's device: %s",
			cases[i].cause);
		end(&s);
	}
}

/* Nobody but KVM is busy with them. */
static void test_kicks(void)
{
	const struct access list[] = {
		WRITE(ACCESS_MMIO, 0xfe003000, 50000), WRITE_TO_VMM(ACCESS_PORT, 0x3f8, 500),
		WRITE(ACCESS_PORT, 0x40, 900),
	};
	const struct access vga[] = { WRITE(ACCESS_MMIO, 0xa0000, 50000) };
	struct scene s;

	start(&s);
	exits(&s, "EPT_MISCONFIG", 50000, 150, 0);
	exits(&s, "IO_INSTRUCTION", 1400, 10, 30);
	ktap_ok(!explains(&s, &symptom_other_exits),
		"without a sample accesses that take the VMM time are not counted twice");
	sampled(&s, list, ARRAY_SIZE(list));
	ktap_ok(explains_by(&s, &symptom_other_exits, "ioeventfd-kicks") &&
		strstr(s.advice.change, "event_idx") && !strncmp(s.advice.confidence, "high", 4),
		"writes that reach neither the VMM nor a device of KVM's are kicks");
	ktap_ok(strstr(s.advice.looked[0].seen, "address 0xfe003000") &&
		!strstr(s.advice.looked[0].seen, "0x3f8") && !strstr(s.advice.looked[0].seen, "0x40"),
		"kicks are named by their address");
	ktap_ok(s.advice.gain.high > 0.5 && s.advice.gain.high < 0.67,
		"accesses that the VMM or KVM's devices serve are not in the gain of kicks");
	end(&s);

	start(&s);
	exits(&s, "EPT_MISCONFIG", 50000, 150, 0);
	sampled(&s, vga, ARRAY_SIZE(vga));
	ktap_ok(explains_by(&s, &symptom_other_exits, "other-reasons"),
		"writes to a device with a name that the VMM reads later are no kicks");
	end(&s);
}

/* As many of a large guest, for as long: one vCPU's, or some of each. */
static void test_others(void)
{
	struct vcpu_snapshot vcpu = { };
	struct scene s;

	start(&s);
	exits(&s, "CPUID", 2500, 10, 0);
	s.guest.guest.vcpus = 16;
	ktap_ok(!explains(&s, &symptom_other_exits), "each vCPU of a large guest has some exits");
	vcpu.stats = s.guest.stats;
	s.guest.vcpus = &vcpu;
	s.guest.num_vcpus = 1;
	ktap_ok(explains_by(&s, &symptom_other_exits, "cpuid"), "one vCPU has many");
	end(&s);
}

/* As many halts for as long: what wakes the guest is seen by the MSRs. */
static void test_halts(void)
{
	const struct access ipis[] = { WRITE(ACCESS_MSR, 0x830, 3600) };
	const struct access none[] = { WRITE(ACCESS_MSR, 0x8b, 3600) };
	struct scene s;

	start(&s);
	exits(&s, "HLT", 4000, 300, 0);
	exits(&s, "MSR_WRITE", 3600, 1, 0);
	s.guest.guest.vcpus = 4;
	s.facts.num_vcpus = 4;
	s.facts.kvm.v[KVM_POLL_HIT_NS].is_known = true;
	s.facts.kvm.v[KVM_POLL_MISS_NS].is_known = true;
	s.facts.kvm.v[KVM_POLL_HIT_NS].value = 1000;
	s.facts.wake_ns = 50000;
	ktap_ok(accesses_matter(&s.facts), "a guest that halts often and writes MSRs is sampled");
	ktap_ok(explains_by(&s, &symptom_halts, "halts"),
		"what wakes a guest on CPUs of unknown use is not known without a sample");
	sampled(&s, ipis, ARRAY_SIZE(ipis));
	ktap_ok(explains_by(&s, &symptom_halts, "vcpu-wakeups") &&
		!strncmp(s.advice.confidence, "medium: shown; not ruled out: 3 of", 34),
		"vCPUs that wake each other");
	free(s.facts.accesses.v);
	sampled(&s, none, ARRAY_SIZE(none));
	ktap_ok(explains_by(&s, &symptom_halts, "halts") &&
		s.advice.looked[4].verdict == VERDICT_OPEN &&
		s.advice.looked[5].verdict == VERDICT_OPEN,
		"MSRs that are not in a sample rule out neither other vCPUs nor a periodic timer");
	end(&s);
}

/* With SVM an access to a device is a fault like one for memory. */
static void test_faults(void)
{
	const struct access device = WRITE(ACCESS_MMIO, 0xfebc0000, 2950);
	const struct access once[] = { WRITE_TO_VMM(ACCESS_PORT, 0x10, 1) };
	struct scene s;

	start(&s);
	exits(&s, "npf", 3000, 100, 300);
	ktap_ok(explains(&s, &symptom_memory_faults), "faults may be for memory before it is known what for");
	sampled(&s, &device, 1);
	ktap_ok(!explains(&s, &symptom_memory_faults), "faults that are accesses to devices are not for memory");
	end(&s);

	start(&s);
	exits(&s, "EPT_VIOLATION", 3000, 100, 0);
	exits(&s, "EPT_MISCONFIG", 3000, 100, 300);
	sampled(&s, &device, 1);
	ktap_ok(explains(&s, &symptom_memory_faults), "faults are for memory where accesses to devices have a reason of their own");
	end(&s);

	start(&s);
	exits(&s, "npf", 8000, 300, 0);
	exits(&s, "io", 1, 0, 40);
	sampled(&s, once, ARRAY_SIZE(once));
	ktap_ok(!explains(&s, &symptom_devices), "faults for memory are not accesses to devices");
	end(&s);
}

static void counted(struct scene *s, enum kvm_count_id id, uint64_t value)
{
	s->facts.kvm.v[id].is_known = true;
	s->facts.kvm.v[id].value = value;
}

/* Whichever way they are told apart, no fault is taken for both. */
static void test_faults_by_count(void)
{
	const struct access slow = READ(ACCESS_MMIO, 0xfebc0000, 1600);
	const struct access signals = WRITE(ACCESS_MMIO, 0xfebc3000, 2000);
	struct scene s;

	start(&s);
	exits(&s, "npf", 3000, 100, 300);
	counted(&s, KVM_MMIO_EXITS, 2950);
	ktap_ok(!explains(&s, &symptom_memory_faults), "faults that KVM counts as accesses are not for memory, without a sample");
	ktap_ok(explains(&s, &symptom_devices) && !strncmp(s.advice.evidence, "2950 device", 11),
		"those that KVM counts are the accesses");
	sampled(&s, &slow, 1);
	ktap_ok(!explains(&s, &symptom_memory_faults), "nor does a sample that slows the guest make them so");
	end(&s);

	start(&s);
	exits(&s, "npf", 3000, 100, 0);
	counted(&s, KVM_FAULTS_TAKEN, 20);
	counted(&s, KVM_FAULTS_EMULATED, 5);
	counted(&s, KVM_MMIO_EXITS, 0);
	sampled(&s, &signals, 1);
	ktap_ok(!explains(&s, &symptom_memory_faults), "accesses that KVM serves itself are not for memory");
	end(&s);

	start(&s);
	exits(&s, "npf", 3005, 100, 0);
	exits(&s, "io", 10, 1, 10);
	counted(&s, KVM_FAULTS_TAKEN, 3005);
	counted(&s, KVM_FAULTS_EMULATED, 5);
	counted(&s, KVM_MMIO_EXITS, 5);
	ktap_ok(explains(&s, &symptom_memory_faults) && !strncmp(s.advice.evidence, "3000 EPT", 8),
		"faults for which KVM looked for a page and found one are for memory");
	ktap_ok(!explains(&s, &symptom_devices), "and are no accesses to devices");
	end(&s);

	start(&s);
	exits(&s, "EPT_VIOLATION", 3000, 100, 300);
	exits(&s, "EPT_MISCONFIG", 1000, 30, 100);
	counted(&s, KVM_MMIO_EXITS, 4000);
	ktap_ok(!explains(&s, &symptom_memory_faults), "on VMX too, where KVM remembers no devices (mmio_caching=N)");
	ktap_ok(explains(&s, &symptom_devices) && !strncmp(s.advice.evidence, "4000 device", 11),
		"all of them are accesses then");
	end(&s);
}

int main(void)
{
	ktap_start();
	test_groups();
	test_devices();
	test_each_device();
	test_bound_of_clocks();
	test_irqchip();
	test_clocks();
	test_nesting();
	test_virtio_interrupts();
	test_passed_through();
	test_unknown();
	test_calls();
	test_halts_of_the_vmm();
	test_kvm_devices();
	test_kicks();
	test_others();
	test_halts();
	test_faults();
	test_faults_by_count();
	return ktap_end();
}
