// SPDX-License-Identifier: GPL-2.0
/* What guests access, and what is advised on it: samples that were recorded. */
#include <stdlib.h>
#include <string.h>

#include "explain/advise.h"
#include "explain/rules-access.h"
#include "explain/rules.h"
#include "ktap.h"

#define PID		1001
#define MAX_CELLS	4

/* A guest of a machine with 2 CPUs, in one second. */
struct scene {
	struct env env;
	struct host host;
	struct exit_cell cells[MAX_CELLS];
	struct guest_snapshot guest;
	struct facts facts;
	struct guest_memory memory;
	struct advice advice;
};

static void start(struct scene *s)
{
	*s = (struct scene){
		.env = { .sysfs = "/nowhere", .proc = "/nowhere" },
		.guest = {
			.guest = { .id = 1, .pid = PID },
			.interval_ns = NSEC_PER_SEC,
		},
		.facts = {
			.transit = { true, 10000, 10000 },
			.num_cpus = 2, .num_vcpus = 1, .scale = 1,
		},
	};
	s->guest.stats.cells = s->cells;
	s->facts.env = &s->env;
	s->facts.host = &s->host;
	s->facts.guest = &s->guest;
	s->facts.memory = &s->memory;
}

/* In a second so many exits, and of it so many thousandths in KVM and the VMM. */
static void exits(struct scene *s, const char *reason, uint64_t rate,
		  uint64_t kernel, uint64_t vmm)
{
	struct exit_cell *cell = &s->cells[s->guest.stats.num_cells++];
	const uint64_t ms = NSEC_PER_SEC / 1000;

	cell->key.level = 2;
	strcpy(cell->key.reason, reason);
	memset(cell->has, true, sizeof(cell->has));
	cell->value[CELL_COUNT] = rate;
	cell->value[CELL_TIME] = (kernel + vmm) * ms;
	cell->value[CELL_KERNEL] = kernel * ms;
	cell->value[CELL_VMM] = vmm * ms;
}

static void sampled(struct scene *s, const struct access *list, size_t num)
{
	const struct sample sample = {
		.time_ns = NSEC_PER_SEC, .list = (struct access *)list, .num = num,
	};

	s->facts.is_sampled = true;
	s->facts.accesses = access_groups(&sample, PID);
}

static void end(struct scene *s)
{
	free(s->facts.accesses.v);
	advice_free(&s->advice);
}

static const struct rule *rule_called(const char *name)
{
	size_t i;

	for (i = 0; i < num_rules; i++)
		if (!strcmp(rules[i].name, name))
			return &rules[i];
	abort();
}

static bool applies(struct scene *s, const char *rule)
{
	advice_free(&s->advice);
	s->advice = (struct advice){ };
	return rule_called(rule)->applies(&s->facts, &s->advice);
}

#define ACCESS(access_kind, access_type, where, times) \
	{ .pid = PID, .kind = (access_kind), .type = (access_type), \
	  .address = (where), .rate = (times) }
#define READ(kind, where, times) ACCESS(kind, ACCESS_READ, where, times)
#define WRITE(kind, where, times) ACCESS(kind, ACCESS_WRITE, where, times)
/* Which are two. */
#define WRITE_TO_VMM(kind, where, times) \
	WRITE(kind, where, times), ACCESS(kind, ACCESS_WRITE_TO_VMM, where, times)

static bool is_near(double got, double wanted)
{
	return got > wanted * 0.999 && got < wanted * 1.001;
}

static void test_groups(void)
{
	const struct access list[] = {
		READ(ACCESS_PORT, 0x3fd, 300), WRITE(ACCESS_PORT, 0x3f8, 500),
		WRITE(ACCESS_PORT, 0xc000, 7), WRITE(ACCESS_PORT, 0xc004, 8),
		WRITE(ACCESS_MMIO, 0xfebc0010, 20), READ(ACCESS_MMIO, 0xfebc0ff0, 3),
		WRITE(ACCESS_MMIO, 0xfebc1000, 1),
		{ .pid = PID + 1, .kind = ACCESS_PORT, .address = 0x60, .rate = 9 },
	};
	const struct sample sample = {
		.time_ns = NSEC_PER_SEC, .list = (struct access *)list,
		.num = ARRAY_SIZE(list),
	};
	struct access_groups g = access_groups(&sample, PID);
	char *text = access_text(&g.v[0]);

	ktap_ok(g.num == 5, "devices, pages, and ports of nobody that is known");
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
	g = access_groups(NULL, PID);
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
	ktap_ok(accesses_matter(&s.facts), "devices that the VMM is busy with are looked at");
	ktap_ok(applies(&s, "devices") && strstr(s.advice.change, "perf record") &&
		!s.advice.num_accesses, "without a sample there is advice, and no names");
	sampled(&s, list, ARRAY_SIZE(list));
	ktap_ok(applies(&s, "devices"), "with it as well");
	ktap_equal(s.advice.evidence,
		   "1200 accesses to devices in a second, for which the VMM takes 0.30 s of it; seen in a second of a sample after that: ports 0x3f8 to 0x3fd (first serial port) written 500 and read 400 times, port 0x608 (ACPI PM timer) read 290 times, others 10 times",
		   "which says what they are");
	ktap_ok(strstr(s.advice.change, "console=hvc0") &&
		strstr(s.advice.change, "; in the guest kvm-clock") &&
		!strstr(s.advice.change, "PCI"), "and what to change for those that matter");
	ktap_ok(s.advice.num_accesses == 2 && s.advice.gain.kind == GAIN_AT_MOST &&
		is_near(s.advice.gain.high, 0.3 + 0.01 + 0.012),
		"for all that goes with accesses that end");
	end(&s);

	start(&s);
	exits(&s, "IO_INSTRUCTION", 1200, 1, 10);
	sampled(&s, list, ARRAY_SIZE(list));
	ktap_ok(!applies(&s, "devices"), "a VMM that takes little time for them gets none");
	end(&s);

	start(&s);
	exits(&s, "IO_INSTRUCTION", 90, 0, 1);
	exits(&s, "MSR_WRITE", 900, 3, 0);
	ktap_ok(!accesses_matter(&s.facts), "nor is a quiet guest looked at");
	end(&s);
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
	applies(&s, "devices");
	ktap_equal(s.advice.change,
		   "virtio with ioeventfd or vhost for what has port 0xc000, address 0xfebc0000: /proc/ioports and /proc/iomem in the guest name it",
		   "of what is not known the guest knows the name");
	ktap_ok(is_near(s.advice.gain.high, 0.6),
		"and an ioeventfd keeps the exits: the bound is the VMM's time");
	end(&s);
}

static void test_kvm_devices(void)
{
	const struct access timer[] = { WRITE_TO_VMM(ACCESS_PORT, 0x43, 8000) };
	const struct access list[] = {
		READ(ACCESS_PORT, 0x40, 3000), WRITE(ACCESS_PORT, 0x43, 1000),
		WRITE_TO_VMM(ACCESS_PORT, 0x3f8, 4000),
	};
	struct scene s;

	start(&s);
	exits(&s, "IO_INSTRUCTION", 8000, 80, 0);
	ktap_ok(accesses_matter(&s.facts), "a storm that KVM serves by itself is looked at");
	ktap_ok(!applies(&s, "kvm-devices"), "and without a sample nothing is said of it");
	sampled(&s, list, ARRAY_SIZE(list));
	ktap_ok(applies(&s, "kvm-devices") &&
		strstr(s.advice.evidence, "ports 0x40 to 0x43 (timer (PIT)) written 1000 and read 3000 times"),
		"devices that KVM serves");
	/* Half of what KVM spends, and 4000 times 10 us. */
	ktap_ok(is_near(s.advice.gain.high, 0.04 + 0.04), "for their part of it");
	end(&s);

	start(&s);
	exits(&s, "IO_INSTRUCTION", 8000, 80, 0);
	sampled(&s, &list[2], 2);
	ktap_ok(!applies(&s, "kvm-devices"), "not for those that it does not serve");
	end(&s);

	start(&s);
	exits(&s, "IO_INSTRUCTION", 8000, 80, 500);
	sampled(&s, timer, ARRAY_SIZE(timer));
	ktap_ok(!applies(&s, "kvm-devices") && applies(&s, "devices") &&
		strstr(s.advice.evidence, "port 0x43 (timer (PIT)) written 8000 times"),
		"which is seen, whatever the device");
	end(&s);
}

static void test_msrs(void)
{
	static const struct {
		uint64_t msr;
		const char *name, *change;
	} cases[] = {
		{ 0x6e0, "TSC_DEADLINE", "fewer timers" },
		{ 0x830, "x2APIC ICR", "kvm-pv-ipi=on" },
		{ 0x80b, "x2APIC EOI", "kvm-pv-eoi=on" },
		{ 0x48, "SPEC_CTRL", "spectre_v2" },
		{ 0x1d9, "DEBUGCTL", "perf record -b" },
		{ 0xc0000080, "EFER", "one mode" },
		{ 0x187, "PERFEVTSEL", "nmi_watchdog=0" },
		{ 0x1234, NULL, "less of what uses MSR 0x1234" },
	};
	struct scene s;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct access access = WRITE(ACCESS_MSR, cases[i].msr, 4000);
		char *text;

		start(&s);
		exits(&s, "MSR_WRITE", 4000, 20, 0);
		sampled(&s, &access, 1);
		text = cases[i].name ?
		       xasprintf("MSR 0x%llx (%s) written 4000 times",
				 (unsigned long long)cases[i].msr, cases[i].name) :
		       xasprintf("MSR 0x%llx written 4000 times",
				 (unsigned long long)cases[i].msr);
		ktap_ok(applies(&s, "msrs") && strstr(s.advice.evidence, text) &&
			strstr(s.advice.change, cases[i].change), "%s", text);
		ktap_ok(s.advice.gain.kind == GAIN_AT_MOST &&
			is_near(s.advice.gain.high, 0.02 + 0.04), "and what it takes");
		free(text);
		end(&s);
	}

	start(&s);
	exits(&s, "MSR_WRITE", 4000, 20, 0);
	ktap_ok(accesses_matter(&s.facts) && !applies(&s, "msrs"),
		"a storm without a sample has no name, and no advice");
	end(&s);
}

static void write_file(const char *root, const char *directory, const char *name, const char *text)
{
	char *command = xasprintf("mkdir -p %s/%s && echo %s > %s/%s/%s", root, directory,
				  text, root, directory, name);

	if (system(command))
		abort();
	free(command);
}

/* What KVM would do with APICv is only known of the APIC's own MSRs. */
static void test_apic(void)
{
	const struct access list[] = {
		WRITE(ACCESS_MSR, 0x80b, 1500), WRITE(ACCESS_MSR, 0x6e0, 1500),
	};
	char root[] = "/tmp/l1tune-test-XXXXXX", *command;
	struct scene s;

	if (!mkdtemp(root))
		abort();
	write_file(root, "module/kvm_intel/parameters", "enable_apicv", "N");
	write_file(root, "class/l1tune/l1/vmx", "virtual_interrupt_delivery", "1");
	write_file(root, "class/l1tune/l1/vmx", "apic_register_virtualization", "1");
	write_file(root, "class/l1tune/l1/vmx", "posted_interrupts", "1");

	start(&s);
	s.env.sysfs = root;
	exits(&s, "MSR_WRITE", 3000, 30, 0);
	ktap_ok(applies(&s, "apicv") && strstr(s.advice.evidence, "3000 for writing MSRs, which") &&
		is_near(s.advice.gain.high, 0.03 + 0.03),
		"without a sample any MSR may be the APIC's");
	sampled(&s, list, ARRAY_SIZE(list));
	ktap_ok(applies(&s, "apicv") && strstr(s.advice.evidence, "1500 for writing its MSRs;") &&
		is_near(s.advice.gain.high, 0.015 + 0.015),
		"with one APICv brings as much as it serves");
	end(&s);

	start(&s);
	s.env.sysfs = root;
	exits(&s, "MSR_WRITE", 3000, 30, 0);
	sampled(&s, &list[1], 1);
	ktap_ok(!applies(&s, "apicv"), "and nothing for timers");
	end(&s);

	command = xasprintf("rm -r %s", root);
	if (system(command))
		abort();
	free(command);
}

static bool has_symptom(struct scene *s)
{
	advice_free(&s->advice);
	s->advice = (struct advice){ };
	return symptom_explain(&symptom_memory, &s->facts, &s->advice);
}

/* With SVM an access to a device is a fault like one for memory. */
static void test_faults(void)
{
	const struct access device = WRITE(ACCESS_MMIO, 0xfebc0000, 2950);
	const struct access once[] = { WRITE_TO_VMM(ACCESS_PORT, 0x10, 1) };
	struct scene s;

	start(&s);
	exits(&s, "npf", 3000, 100, 300);
	ktap_ok(has_symptom(&s), "faults may be for memory before it is known what for");
	sampled(&s, &device, 1);
	ktap_ok(!has_symptom(&s), "faults that are accesses to devices are not for memory");
	end(&s);

	start(&s);
	exits(&s, "EPT_VIOLATION", 3000, 100, 0);
	exits(&s, "EPT_MISCONFIG", 3000, 100, 300);
	sampled(&s, &device, 1);
	ktap_ok(has_symptom(&s), "faults are for memory where accesses to devices have a reason of their own");
	end(&s);

	start(&s);
	exits(&s, "npf", 8000, 300, 0);
	exits(&s, "io", 1, 0, 40);
	sampled(&s, once, ARRAY_SIZE(once));
	ktap_ok(!applies(&s, "devices"), "faults for memory are not accesses to devices");
	end(&s);
}

int main(void)
{
	ktap_start();
	test_groups();
	test_devices();
	test_unknown();
	test_kvm_devices();
	test_msrs();
	test_apic();
	test_faults();
	return ktap_end();
}
