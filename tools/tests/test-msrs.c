// SPDX-License-Identifier: GPL-2.0
/* What is advised on MSRs that guests access: samples that are made up. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "explain/paravirt.h"
#include "ktap.h"
#include "scene.h"

static void test_msrs(void)
{
	static const struct {
		uint64_t msr;
		const char *name, *cause, *change;
	} cases[] = {
		{ 0x6e0, "TSC_DEADLINE", "guest-timers", "fewer timers" },
		{ 0x400000b1, "Hyper-V timers", "guest-timers", "fewer timers" },
		{ 0x830, "x2APIC ICR", "ipis", "kvm-pv-ipi=on" },
		{ 0x80b, "x2APIC EOI", "eoi", "kvm-pv-eoi=on" },
		{ 0x4b564d01, "kvm-clock", "clock-msrs", "+invtsc" },
		{ 0x40000020, "Hyper-V reference counter", "reference-counter", "hv-time" },
		{ 0x4b564d07, "asynchronous page faults", "page-ready", "memory.swap.max=0" },
		{ 0x40000084, "Hyper-V EOM", "messages", "hv-stimer-direct" },
		{ 0xe8, "MPERF and APERF", "sensors", "CPUID leaf 6" },
		{ 0xc001029a, "RAPL", "sensors", "turbostat" },
		{ 0x48, "SPEC_CTRL", "speculation", "spectre_v2" },
		{ 0xc001011f, "VIRT_SPEC_CTRL", "speculation", "spectre_v2" },
		{ 0xc0000301, "PERF_CNTR_GLOBAL", "pmu", "nmi_watchdog=0" },
		{ 0x6c0, "LBR", "branches", "perf record -b" },
		{ 0xda0, "XSS", "other-msrs", "less use of MSR 0xda0" },
		{ 0x6a2, NULL, "other-msrs", "less use of MSR 0x6a2" },
		{ 0x49, "PRED_CMD", "speculation", "spectre_v2_user=prctl" },
		{ 0x1d9, "DEBUGCTL", "branches", "perf record -b" },
		{ 0xc0000080, "EFER", "modes", "one mode" },
		{ 0xc0010117, "VM_HSAVE_PA", "svm-on-and-off", "stays on" },
		{ 0x187, "PERFEVTSEL", "pmu", "nmi_watchdog=0" },
		{ 0x8b, "BIOS_SIGN_ID", "other-msrs", "less use of MSR 0x8b" },
		{ 0x1234, NULL, "other-msrs", "less use of MSR 0x1234" },
	};
	struct scene s;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct access access = WRITE(ACCESS_MSR, cases[i].msr, 4000);
		char *text;

		start(&s);
		strcpy(s.host.isa, "svm");
		exits(&s, "MSR_WRITE", 4000, 20, 0);
		sampled(&s, &access, 1);
		text = cases[i].name ?
		       xasprintf("MSR 0x%llx (%s) written 4000 times",
				 (unsigned long long)cases[i].msr, cases[i].name) :
		       xasprintf("MSR 0x%llx written 4000 times",
				 (unsigned long long)cases[i].msr);
		ktap_ok(explains_by(&s, &symptom_msrs, cases[i].cause) &&
			strstr(s.advice.evidence, text) &&
			strstr(s.advice.change, cases[i].change), "%s", text);
		ktap_ok(s.advice.gain.kind == GAIN_AT_MOST &&
			is_near(s.advice.gain.high, 0.02 + 0.04), "MSR 0x%llx: the gain",
			(unsigned long long)cases[i].msr);
		ktap_ok(!strstr(s.advice.change, "invtsc") || strstr(s.advice.risk, "tsc-frequency="),
			"MSR 0x%llx: what keeps QEMU from migrating a guest is a risk",
			(unsigned long long)cases[i].msr);
		free(text);
		end(&s);
	}

	start(&s);
	exits(&s, "MSR_WRITE", 4000, 20, 0);
	ktap_ok(accesses_matter(&s.facts) && explains_by(&s, &symptom_msrs, "msrs"),
		"without a sample which MSRs they are is not known");
	end(&s);
}

/* What a hypervisor inside accesses at each entry is not what the guest does for itself. */
static void test_switched(void)
{
	static const struct {
		uint64_t msr, entries;
		const char *cause;
	} cases[] = {
		{ 0x1d9, 4000, "inner-switches" }, { 0x1d9, 900, "branches" }, { 0x1d9, 0, "branches" },
		{ 0x48, 4000, "inner-switches" }, { 0xc0000080, 2000, "inner-switches" },
		{ 0xda0, 2000, "inner-switches" }, { 0x6e0, 4000, "guest-timers" },
	};
	const struct access message = WRITE(ACCESS_MSR, 0x40000084, 4000);
	struct scene s;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct access access = READ(ACCESS_MSR, cases[i].msr, 4000);

		start(&s);
		exits(&s, "MSR_READ", 4000, 20, 0);
		exits(&s, "VMRESUME", cases[i].entries, 20, 0);
		sampled(&s, &access, 1);
		ktap_ok(explains_by(&s, &symptom_msrs, cases[i].cause),
			"%s: MSR 0x%llx 4000 times, beside %llu entries into guests inside",
			cases[i].cause, (unsigned long long)cases[i].msr,
			(unsigned long long)cases[i].entries);
		end(&s);
	}

	start(&s);
	set_cmdline(&s, "qemu -cpu host,hv-stimer,hv-stimer-direct");
	exits(&s, "MSR_WRITE", 4000, 20, 0);
	sampled(&s, &message, 1);
	ktap_ok(explains_by(&s, &symptom_msrs, "messages") && !strstr(s.advice.change, "stimer-direct"),
		"timers without messages are not offered again");
	end(&s);
}

/* KVM traces no MSR that a filter leaves to the VMM. */
static void test_filtered_msrs(void)
{
	const struct access port = READ(ACCESS_PORT, 0x71, 100);
	struct scene s;

	start(&s);
	exits(&s, "msr", 8000, 50, 200);
	ktap_ok(explains(&s, &symptom_msrs), "without a sample MSRs that the VMM serves may be others");
	sampled(&s, &port, 1);
	ktap_ok(!explains(&s, &symptom_msrs), "MSRs that exit and that no sample sees are the VMM's");
	ktap_ok(explains_by(&s, &symptom_vmm_time, "vmm-msrs"), "and its time is explained by them");
	ktap_ok(is_near(s.advice.gain.high, 0.2 + 0.05), "what KVM does to leave for the VMM ends with it");
	end(&s);
}

/* An I/O APIC in the VMM is told of ends of interrupts, which KVM traces as it serves them. */
static void test_ends_for_the_vmm(void)
{
	static const struct {
		uint64_t ends, others;
		const char *cause;
	} cases[] = {
		{ 3000, 900, "vmm-eois" }, { 900, 3000, "vmm-time" }, { 0, 3900, "vmm-msrs" },
	};
	struct scene s;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct access list[] = {
			WRITE(ACCESS_MSR, 0x80b, cases[i].ends),
			WRITE(ACCESS_MSR, 0x6e0, cases[i].others),
		};

		start(&s);
		exits(&s, "MSR_WRITE", 4000, 50, 200);
		ktap_ok(explains_by(&s, &symptom_vmm_time, "vmm-time"),
			"MSRs that are written and take the VMM time may be ends of interrupts");
		sampled(&s, list, ARRAY_SIZE(list));
		ktap_ok(explains_by(&s, &symptom_vmm_time, cases[i].cause),
			"%s: %llu ends of interrupts and %llu other MSRs", cases[i].cause,
			(unsigned long long)cases[i].ends, (unsigned long long)cases[i].others);
		end(&s);
	}
}

/* A bound on fewer timers and interrupts has the halts that these end. */
static void test_bound_of_timers(void)
{
	const struct access access = WRITE(ACCESS_MSR, 0x6e0, 4000);
	struct scene s;

	start(&s);
	strcpy(s.host.isa, "svm");
	exits(&s, "MSR_WRITE", 4000, 20, 0);
	exits(&s, "HLT", 3000, 50, 0);
	sampled(&s, &access, 1);
	ktap_ok(explains_by(&s, &symptom_msrs, "guest-timers") &&
		is_near(s.advice.gain.high, 0.02 + 0.04 + 0.05 + 0.03),
		"fewer timers are fewer wake-ups: the bound has both");
	end(&s);
}

/* A guest that ends as many interrupts as it arms timers: a sample may see one more of either. */
static void test_as_many(void)
{
	static const uint64_t num_timers[] = { 3990, 4010 };
	struct scene s;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(num_timers); i++) {
		const struct access list[] = {
			WRITE(ACCESS_MSR, 0x6e0, num_timers[i]), WRITE(ACCESS_MSR, 0x80b, 4000),
		};

		start(&s);
		strcpy(s.host.isa, "svm");
		exits(&s, "MSR_WRITE", 8000, 20, 0);
		sampled(&s, list, ARRAY_SIZE(list));
		ktap_ok(explains_by(&s, &symptom_msrs, "eoi"),
			"%llu timers beside 4000 ends of interrupts: the answer does not hang on a few of a sample",
			(unsigned long long)num_timers[i]);
		end(&s);
	}
}

static void write_file(const char *root, const char *directory, const char *name, const char *text)
{
	char *command = xasprintf("mkdir -p %s/%s", root, directory);
	char *path = xasprintf("%s/%s/%s", root, directory, name);
	FILE *file;

	if (system(command))
		abort();
	file = fopen(path, "w");
	if (!file || fprintf(file, "%s\n", text) < 0 || fclose(file))
		abort();
	free(command);
	free(path);
}

/* What KVM would do with APICv is only known of the APIC's own MSRs. */
static void test_apic(void)
{
	const struct access list[] = {
		WRITE(ACCESS_MSR, 0x80b, 1500), WRITE(ACCESS_MSR, 0x6e0, 1400),
	};
	const struct access hyperv = WRITE(ACCESS_MSR, 0x40000070, 3000);
	char root[] = "/tmp/l1tune-test-XXXXXX", *command;
	struct scene s;

	if (!mkdtemp(root))
		abort();
	write_file(root, "module/kvm_intel/parameters", "enable_apicv", "N");
	write_file(root, "class/l1tune/l1/vmx", "virtual_interrupt_delivery", "1");
	write_file(root, "class/l1tune/l1/vmx", "apic_register_virtualization", "1");
	write_file(root, "class/l1tune/l1/vmx", "posted_interrupts", "1");

	start(&s);
	strcpy(s.host.isa, "vmx");
	s.env.sysfs = root;
	exits(&s, "MSR_WRITE", 3000, 30, 0);
	ktap_ok(explains_by(&s, &symptom_msrs, "msrs"),
		"without a sample any MSR may be the APIC's");
	sampled(&s, list, ARRAY_SIZE(list));
	ktap_ok(explains_by(&s, &symptom_msrs, "apicv-msrs") &&
		strstr(s.advice.change, "enable_apicv=1"),
		"APICv is advised for MSRs that it serves");
	free(s.facts.accesses.v);
	sampled(&s, &hyperv, 1);
	ktap_ok(explains_by(&s, &symptom_msrs, "hyperv-eoi"),
		"APICv is not advised for Hyper-V's EOI, which exits with it, too");
	end(&s);

	start(&s);
	strcpy(s.host.isa, "vmx");
	s.env.sysfs = root;
	exits(&s, "MSR_WRITE", 3000, 30, 0);
	sampled(&s, &list[1], 1);
	ktap_ok(explains_by(&s, &symptom_msrs, "guest-timers"), "APICv is not advised for timers");
	end(&s);

	write_file(root, "module/kvm_intel/parameters", "enable_apicv", "Y");
	start(&s);
	strcpy(s.host.isa, "vmx");
	s.env.sysfs = root;
	exits(&s, "MSR_WRITE", 3000, 30, 0);
	sampled(&s, list, 1);
	ktap_ok(explains_by(&s, &symptom_msrs, "eoi") && !strstr(s.advice.change, "or AVIC") &&
		!strncmp(s.advice.confidence, "medium: shown; not ruled out: 1 of", 34),
		"EOIs that exit although KVM uses APICv: it may be off for this VM");
	free(s.facts.accesses.v);
	sampled(&s, &hyperv, 1);
	ktap_ok(explains_by(&s, &symptom_msrs, "hyperv-eoi") && !strncmp(s.advice.confidence, "high", 4) &&
		strstr(s.advice.change, "hv-vapic=off"),
		"Hyper-V's EOIs exit with APICv, too: the guest is better off with the APIC's own");
	end(&s);

	command = xasprintf("rm -r %s", root);
	if (system(command))
		abort();
	free(command);
}

/* What is offered to Windows has other names than what is offered to Linux. */
static void test_hyperv(void)
{
	static const struct {
		uint64_t msr;
		const char *cmdline, *change, *not;
	} cases[] = {
		{ 0x40000070, "qemu -cpu host,hv_relaxed", "MODEL,hv-vapic", "kvm-pv-eoi" },
		{ 0x40000070, "qemu -cpu host,hv_vapic", "fewer interrupts", "kvm-pv-eoi" },
		{ 0x40000070, "qemu -cpu host,hv-passthrough", "fewer interrupts", "kvm-pv-eoi" },
		{ 0x40000071, "qemu -cpu host,hv_relaxed", "hv-vpindex,hv-ipi", "kvm-pv-ipi" },
		{ 0x40000071, "qemu -cpu host,hv_ipi", "fewer vCPUs", "hv-ipi" },
		{ 0x400000b1, "qemu -cpu host,hv_stimer", "powercfg", "hrtimer_start" },
		{ 0x80b, "qemu -cpu host,hv_relaxed", "Not Windows: QEMU -cpu MODEL,kvm-pv-eoi=on", "Linux:" },
		{ 0x80b, "qemu -cpu host,hv_vapic", "Windows: fewer interrupts", "offer hv-vapic" },
		{ 0x80b, "qemu -cpu host", "Windows: offer hv-vapic", "Linux:" },
		{ 0x80b, "qemu -cpu host", "Not Windows: QEMU -cpu MODEL,kvm-pv-eoi=on", "Linux:" },
		{ 0x6e0, "qemu -cpu host", "Windows: fewer timers in the guest: in Windows powercfg", "Linux:" },
	};
	struct scene s;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct access access = WRITE(ACCESS_MSR, cases[i].msr, 4000);

		start(&s);
		strcpy(s.host.isa, "svm");
		exits(&s, "msr", 4000, 20, 0);
		set_cmdline(&s, cases[i].cmdline);
		sampled(&s, &access, 1);
		ktap_ok(explains(&s, &symptom_msrs) && strstr(s.advice.change, cases[i].change) &&
			!strstr(s.advice.change, cases[i].not), "MSR 0x%llx, %s: %s",
			(unsigned long long)cases[i].msr, cases[i].cmdline, cases[i].change);
		end(&s);
	}
}

/* Of a guest that is offered the TSC page its clocksource here says why it does not use it. */
static void test_reference_counter(void)
{
	static const struct {
		const char *cmdline, *source, *change, *not;
	} cases[] = {
		{ "qemu -cpu host", "tsc", "MODEL,hv-time", "offsets" },
		{ "qemu -cpu host,hv_time", "kvm-clock", "with kvm-clock KVM cannot fill", "MODEL,hv-time" },
		{ "qemu -cpu host,hv_time", "tsc", "TSC offsets", "clocksource" },
		{ "qemu -cpu host,hv_time", "hyperv_clocksource_tsc_page", "TSC offsets", "clocksource" },
		{ "cloud-hypervisor --cpus boot=2,kvm_hyperv=on", NULL, "clocksource has to be tsc", "hv-time" },
		{ "cloud-hypervisor --cpus boot=2,kvm_hyperv=on", "tsc", "Cloud Hypervisor 53 or later", "hv-time" },
	};
	const struct access access = READ(ACCESS_MSR, 0x40000020, 4000);
	char root[] = "/tmp/l1tune-test-XXXXXX", *command;
	struct scene s;
	size_t i;

	if (!mkdtemp(root))
		abort();
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		start(&s);
		strcpy(s.host.isa, "svm");
		if (cases[i].source) {
			write_file(root, "devices/system/clocksource/clocksource0",
				   "current_clocksource", cases[i].source);
			s.env.sysfs = root;
		}
		exits(&s, "msr", 4000, 20, 0);
		set_cmdline(&s, cases[i].cmdline);
		sampled(&s, &access, 1);
		ktap_ok(explains_by(&s, &symptom_msrs, "reference-counter") &&
			strstr(s.advice.change, cases[i].change) &&
			!strstr(s.advice.change, cases[i].not), "reference counter, %s, %s: %s",
			cases[i].cmdline, cases[i].source ? cases[i].source : "no file", cases[i].change);
		end(&s);
	}
	command = xasprintf("rm -r %s", root);
	if (system(command))
		abort();
	free(command);
}

/* Whether a guest has x2APIC is seen by its MSRs, not by what its exits are not for. */
static void test_page(void)
{
	const struct access x2apic = WRITE(ACCESS_MSR, 0x830, 10);
	struct scene s;

	start(&s);
	strcpy(s.host.isa, "vmx");
	exits(&s, "APIC_ACCESS", 8000, 30, 0);
	ktap_ok(explains_by(&s, &symptom_apic, "x2apic") && strstr(s.advice.change, "+x2apic"),
		"accesses to the APIC's page are xAPIC");
	set_cmdline(&s, "qemu -cpu host,hv_relaxed");
	ktap_ok(explains_by(&s, &symptom_apic, "x2apic") && strstr(s.advice.change, "Windows: offer Hyper-V's MSRs for the APIC first"),
		"Windows without Hyper-V's MSRs for the APIC is offered these first");
	sampled(&s, &x2apic, 1);
	ktap_ok(!explains_by(&s, &symptom_apic, "x2apic") &&
		s.advice.looked[4].verdict == VERDICT_RULED_OUT, "a guest that uses x2APIC's MSRs has it");
	end(&s);
}

static struct pv_feature feature(const struct pv_features *features, const char *name)
{
	size_t i;

	for (i = 0; i < features->num; i++)
		if (!strcmp(features->v[i].name, name))
			return features->v[i];
	abort();
}

/* What a sample tells of parts of KVM's interface that no MSR does. */
static void test_signs(void)
{
	struct access list[] = {
		WRITE(ACCESS_HYPERCALL, 5, 30), WRITE(ACCESS_HYPERCALL, 99, 7),
		WRITE(ACCESS_TLB_FLUSH, 0, 4), READ(ACCESS_TLB_FLUSH, 0, 900),
		{ .tid = TID + 1, .kind = ACCESS_HYPERCALL, .type = ACCESS_WRITE, .address = 10, .rate = 9 },
	};
	struct sample sample = {
		.time_ns = NSEC_PER_SEC, .list = list, .num = ARRAY_SIZE(list),
		.since_ns = { [0 ... SAMPLE_EVENTS - 1] = 1 },
	};
	struct paravirt vcpu = {
		.is_offered_known = true, .offered = ~0U, .is_used_known = true,
		.used[PARAVIRT_STEAL_TIME] = true,
	};
	const struct guest_paravirt paravirt = { .v = &vcpu, .num = 1 };
	struct guest_snapshot guest = guest_of_sample;
	struct pv_features f;
	struct scene s;

	start(&s);
	exits(&s, "VMCALL", 37, 1, 0);
	guest.stats = s.guest.stats;

	f = pv_features(&guest, &paravirt, NULL);
	ktap_ok(!feature(&f, "pv_unhalt").is_used_known && !feature(&f, "pv_tlb_flush").is_used_known,
		"without a sample hypercalls may be any");
	free(f.v);
	f = pv_features(&guest, &paravirt, &sample);
	ktap_ok(feature(&f, "pv_unhalt").is_used_known && feature(&f, "pv_unhalt").num_using == 1 &&
		is_near(feature(&f, "pv_unhalt").rate, 30), "a hypercall that is seen");
	ktap_ok(feature(&f, "pv_tlb_flush").num_using == 1 && is_near(feature(&f, "pv_tlb_flush").rate, 4),
		"entries at which there was a TLB to flush, and no others");
	ktap_ok(!feature(&f, "pv_ipi").is_used_known && feature(&f, "pv_ipi").is_rate_known &&
		feature(&f, "pv_ipi").rate == 0, "one of another guest says nothing of this one");
	free(f.v);
	vcpu.used[PARAVIRT_STEAL_TIME] = false;
	f = pv_features(&guest, &paravirt, &sample);
	ktap_ok(feature(&f, "pv_tlb_flush").is_used_known && !feature(&f, "pv_tlb_flush").num_using,
		"TLB flushes take steal time");
	free(f.v);
	sample.why_not = "needs root";
	vcpu.used[PARAVIRT_STEAL_TIME] = true;
	f = pv_features(&guest, &paravirt, &sample);
	ktap_ok(!feature(&f, "pv_unhalt").is_used_known && !feature(&f, "pv_unhalt").is_rate_known,
		"nor does a sample that could not be taken");
	free(f.v);
	end(&s);
}

static void write_paravirt(const char *root, unsigned int offered, int pv_eoi)
{
	char *text = xasprintf("offered %#x\nkvmclock 0\nasync_pf 0\nsteal_time 0\npv_eoi %d\nhost_poll 1",
			       offered, pv_eoi);

	write_file(root, "l2-1/vcpu0", "paravirt", text);
	free(text);
}

/* The same accesses of guests that are offered more, and use more. */
static void test_offered(void)
{
	static const struct {
		uint64_t msr;
		unsigned int offered;
		int pv_eoi;
		const char *change;
	} cases[] = {
		{ 0x80b, 0x1, 0, "offer PV EOI, which is not offered now" },
		{ 0x80b, 0x40, 0, "let the guest use the PV EOI" },
		{ 0x80b, 0x40, 1, "uses PV EOI already" },
		{ 0x830, 0x1, 0, "offer PV IPIs, which are not offered now" },
		{ 0x830, 0x800, 0, "let the guest use the PV IPIs" },
	};
	char root[] = "/tmp/l1tune-test-XXXXXX", *command;
	struct vcpu_snapshot vcpu = { };
	struct scene s;
	size_t i;

	if (!mkdtemp(root))
		abort();
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct access access = WRITE(ACCESS_MSR, cases[i].msr, 4000);

		write_paravirt(root, cases[i].offered, cases[i].pv_eoi);
		start(&s);
		strcpy(s.host.isa, "svm");
		exits(&s, "MSR_WRITE", 4000, 20, 0);
		sampled(&s, &access, 1);
		s.env.class_fd = open(root, O_RDONLY | O_DIRECTORY);
		s.guest.vcpus = &vcpu;
		s.guest.num_vcpus = 1;
		ktap_ok(explains(&s, &symptom_msrs) && strstr(s.advice.change, cases[i].change),
			"%s", cases[i].change);
		close(s.env.class_fd);
		end(&s);
	}
	command = xasprintf("rm -r %s", root);
	if (system(command))
		abort();
	free(command);
}

int main(void)
{
	ktap_start();
	test_msrs();
	test_switched();
	test_filtered_msrs();
	test_ends_for_the_vmm();
	test_bound_of_timers();
	test_as_many();
	test_apic();
	test_hyperv();
	test_reference_counter();
	test_page();
	test_signs();
	test_offered();
	return ktap_end();
}
