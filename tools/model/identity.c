// SPDX-License-Identifier: GPL-2.0
#include <cpuid.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "base/util.h"
#include "model/identity-caps.h"
#include "model/identity.h"
#include "model/machine.h"

#define HYPERVISOR_LEAF		0x40000000
#define KVM_FEATURE_STEAL	(1u << 5)
#define CPUID_1_HYPERVISOR	(1u << 31)
/* OSXSAVE and OSPKE show what this kernel has switched on. */
#define CPUID_1_OSXSAVE		(1u << 27)
#define CPUID_7_OSPKE		(1u << 4)

/* The TSC is measured for TSC_SPIN cycles, of which 1/TSC_NOISE may be noise. */
#define TSC_SPIN		4000000
#define TSC_TRIES		5
#define TSC_NOISE		400
#define STATE_STEAL		7

__printf(3, 4) static void add_fact(struct identity *identity, const char *name,
				    const char *fmt, ...)
{
	struct identity_fact *fact;
	va_list ap;

	if (identity->num_facts == IDENTITY_FACTS)
		return;
	fact = &identity->facts[identity->num_facts++];
	snprintf(fact->name, sizeof(fact->name), "%s", name);
	va_start(ap, fmt);
	vsnprintf(fact->value, sizeof(fact->value), fmt, ap);
	va_end(ap);
}

const char *identity_fact(const struct identity *identity, const char *name)
{
	size_t i;

	for (i = 0; i < identity->num_facts; i++)
		if (!strcmp(identity->facts[i].name, name))
			return identity->facts[i].value;
	return NULL;
}

struct leaf {
	unsigned int eax, ebx, ecx, edx;
};

static struct leaf read_leaf(unsigned int number, unsigned int sub)
{
	struct leaf leaf = { };

	if (__get_cpuid_max(number & 0x80000000, NULL) >= number)
		__cpuid_count(number, sub, leaf.eax, leaf.ebx, leaf.ecx, leaf.edx);
	return leaf;
}

/* Whoever's the bytes are: printable, and without blanks at the ends. */
static void clean(char *text)
{
	char *s, *end = text;

	for (s = text; *s; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
	s = text + strspn(text, " ");
	memmove(text, s, strlen(s) + 1);
	for (s = text; *s; s++)
		if (*s != ' ')
			end = s + 1;
	*end = '\0';
}

static void read_cpu(struct identity *identity)
{
	struct leaf first = read_leaf(0, 0), leaf = read_leaf(1, 0);
	unsigned int family = leaf.eax >> 8 & 15, model = leaf.eax >> 4 & 15, i;
	char vendor[13] = "", brand[49] = "";

	memcpy(vendor, &first.ebx, 4);
	memcpy(vendor + 4, &first.edx, 4);
	memcpy(vendor + 8, &first.ecx, 4);
	for (i = 0; i < 3; i++) {
		struct leaf part = read_leaf(0x80000002 + i, 0);

		memcpy(brand + 16 * i, &part, sizeof(part));
	}
	clean(vendor);
	clean(brand);
	if (family == 6 || family == 15)
		model |= leaf.eax >> 12 & 0xf0;
	if (family == 15)
		family += leaf.eax >> 20 & 255;
	add_fact(identity, "cpu", "%s family %u model %u stepping %u, %s", vendor, family,
		 model, leaf.eax & 15, brand);
}

static void add_register(struct identity *identity, const char *name, unsigned int value)
{
	add_fact(identity, name, "0x%08x", value);
}

static void read_features(struct identity *identity)
{
	struct leaf one = read_leaf(1, 0), seven = read_leaf(7, 0), more = read_leaf(7, 1);
	struct leaf extended = read_leaf(0x80000001, 0), save = read_leaf(13, 1);

	add_register(identity, "cpuid_0x1_ecx", one.ecx & ~CPUID_1_OSXSAVE);
	add_register(identity, "cpuid_0x1_edx", one.edx);
	add_register(identity, "cpuid_0x7_ebx", seven.ebx);
	add_register(identity, "cpuid_0x7_ecx", seven.ecx & ~CPUID_7_OSPKE);
	add_register(identity, "cpuid_0x7_edx", seven.edx);
	add_register(identity, "cpuid_0x7.1_eax", seven.eax ? more.eax : 0);
	add_register(identity, "cpuid_0xd.1_eax", save.eax);
	add_register(identity, "cpuid_0x80000001_ecx", extended.ecx);
	add_register(identity, "cpuid_0x80000001_edx", extended.edx);
	if (extended.ecx & 4)
		add_register(identity, "cpuid_0x8000000a_edx", read_leaf(0x8000000a, 0).edx);
}

static void read_hypervisor(struct identity *identity)
{
	unsigned int eax, features, ebx, ecx, edx;
	char name[13] = "";

	if (!(read_leaf(1, 0).ecx & CPUID_1_HYPERVISOR))
		return;
	__cpuid(HYPERVISOR_LEAF, eax, ebx, ecx, edx);
	memcpy(name, &ebx, 4);
	memcpy(name + 4, &ecx, 4);
	memcpy(name + 8, &edx, 4);
	clean(name);
	add_fact(identity, "hypervisor", "%s, leaves to %#x", name, eax);
	/* KVM's first version said 0 for its last leaf. */
	__cpuid(HYPERVISOR_LEAF + 1, features, ebx, ecx, edx);
	add_register(identity, "cpuid_0x40000001_eax", features);
	if (!strncmp(name, "KVMKVMKVM", 9))
		add_fact(identity, "steal_clock",
			 features & KVM_FEATURE_STEAL ? "offered" : "not offered");
	if (eax >= HYPERVISOR_LEAF + 16 && eax < HYPERVISOR_LEAF + 256) {
		__cpuid(HYPERVISOR_LEAF + 16, eax, ebx, ecx, edx);
		if (eax)
			add_fact(identity, "tsc_khz_stated", "%u", eax);
	}
}

/* As L0 has them now; root's, and only with the module msr of Linux. */
static void read_msrs(const struct env *env, struct identity *identity)
{
	char *path = xasprintf("%s/cpu/0/msr", env->dev), name[32];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	unsigned int msr;
	uint64_t value;

	free(path);
	for (msr = IDENTITY_VMX_FIRST; fd >= 0 && msr <= IDENTITY_VMX_LAST; msr++) {
		snprintf(name, sizeof(name), "now:msr_%#x", msr);
		if (pread(fd, &value, sizeof(value), msr) == sizeof(value))
			add_fact(identity, name, "0x%016llx", (unsigned long long)value);
		else
			add_fact(identity, name, "none");
	}
	if (fd >= 0)
		close(fd);
}

/* As they were when the module was loaded. */
static void read_loaded(const struct env *env, struct identity *identity)
{
	char value[32], name[32];
	unsigned int msr;

	for (msr = IDENTITY_VMX_FIRST; msr <= IDENTITY_VMX_LAST; msr++) {
		if (!machine_file(env->sysfs, value, sizeof(value), "class/l1tune/l1/vmx/msr_%#x",
				  msr))
			continue;
		snprintf(name, sizeof(name), "load:msr_%#x", msr);
		add_fact(identity, name, "%s", value);
	}
	if (machine_file(env->sysfs, value, sizeof(value), "class/l1tune/l1/vmx/enlightened_vmcs"))
		add_fact(identity, "load:enlightened_vmcs", "%s", value);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

/* Both at once, as well as can be: returns how many cycles lie between. */
static uint64_t read_pair(uint64_t *tsc, uint64_t *raw_ns)
{
	uint64_t best = UINT64_MAX;
	int i;

	for (i = 0; i < TSC_TRIES; i++) {
		uint64_t before = __rdtsc(), ns = clock_ns(CLOCK_MONOTONIC_RAW), width;

		width = __rdtsc() - before;
		if (width >= best)
			continue;
		best = width;
		*tsc = before + width / 2;
		*raw_ns = ns;
	}
	return best;
}

/* A clock that is the TSC itself, as fast as it was at boot, shows nothing. */
static bool has_other_clock(const struct env *env)
{
	char name[64];

	return machine_file(env->sysfs, name, sizeof(name),
			    "devices/system/clocksource/clocksource0/current_clocksource") &&
	       strcmp(name, "tsc") && strcmp(name, "tsc-early");
}

static void read_tsc(const struct env *env, struct identity *identity)
{
	uint64_t tsc = 0, raw_ns = 0, noise;

	identity->suspended_ns = sub_clamped(clock_ns(CLOCK_BOOTTIME), clock_ns(CLOCK_MONOTONIC));
	if (!has_other_clock(env))
		return;
	noise = read_pair(&tsc, &raw_ns);
	while (__rdtsc() - tsc < TSC_SPIN)
		;
	noise = add_saturated(noise, read_pair(&identity->tsc, &identity->raw_ns));
	if (identity->raw_ns <= raw_ns || noise > (identity->tsc - tsc) / TSC_NOISE)
		return;
	identity->tsc_khz = (identity->tsc - tsc) * 1000000 / (identity->raw_ns - raw_ns);
	identity->has_tsc = identity->tsc_khz;
}

/* The eighth number of the first line, which is all CPUs'. */
static void read_stolen(const struct env *env, struct identity *identity)
{
	const char *offered = identity_fact(identity, "steal_clock");
	char *text = machine_text(env->proc, "stat"), *rest = text, *word;
	int i = -1;

	if (offered && strcmp(offered, "offered")) {
		free(text);
		return;
	}
	if (rest)
		rest[strcspn(rest, "\n")] = '\0';
	while ((word = strsep(&rest, " "))) {
		if (!*word)
			continue;
		if (i++ == STATE_STEAL)
			identity->has_stolen = !parse_u64(word, &identity->stolen_ticks);
	}
	free(text);
}

void identity_read(const struct env *env, struct identity *identity)
{
	char text[96];

	*identity = (struct identity){ .taken = clock_ns(CLOCK_REALTIME) / NSEC_PER_SEC };
	machine_file(env->proc, identity->boot_id, sizeof(identity->boot_id),
		     "sys/kernel/random/boot_id");
	read_cpu(identity);
	if (machine_file(env->sysfs, text, sizeof(text), "devices/system/cpu/cpu0/microcode/version"))
		add_fact(identity, "microcode", "%s", text);
	if (machine_file(env->sysfs, text, sizeof(text), "devices/system/cpu/online"))
		add_fact(identity, "cpus", "%s", text);
	read_hypervisor(identity);
	read_features(identity);
	read_msrs(env, identity);
	read_loaded(env, identity);
	read_tsc(env, identity);
	read_stolen(env, identity);
}
