// SPDX-License-Identifier: GPL-2.0
/*
 * The clock of this machine, which is also what KVM has to offer to its guests: only a
 * clock that is the TSC lets it give them one that they read without leaving user space.
 */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "doctor/checks.h"

#define CLOCKS	"devices/system/clocksource/clocksource0/"

#define FOR_GUESTS \
	"KVM has no master clock for its guests then: Linux reads kvm-clock by a system call, and Windows' TSC page is invalid, so each reading is an exit"

/* Faster ones first: those without an exit, and of these those that serve guests as well. */
static const struct clock {
	const char *name;
	/* The TSC, bare or scaled by Hyper-V's page. */
	bool is_tsc;
} fast[] = {
	{ "tsc", true },
	/* For the first seconds, until the kernel has measured the TSC. */
	{ "tsc-early", true },
	{ "hyperv_clocksource_tsc_page", true },
	/* The TSC and a page that the hypervisor shares and may change at any time. */
	{ "kvm-clock", false },
	{ "xen", false },
};

static const struct clock *find_fast(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fast); i++)
		if (!strcmp(name, fast[i].name))
			return &fast[i];
	return NULL;
}

/* The name of the best one that this kernel can change to, or NULL. */
static const char *find_better(const char *available)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fast); i++)
		if (machine_has_word(available, fast[i].name))
			return fast[i].name;
	return NULL;
}

static char *change_to(const char *name)
{
	return xasprintf("echo %s > /sys/" CLOCKS "current_clocksource", name);
}

/* Reading it takes no exit; guests have to do without. */
static void add_shared(struct doctor *doctor, const char *current, const char *available)
{
	bool has_tsc = machine_has_word(available, "tsc");

	doctor_add(doctor, "clocksource", DOCTOR_INFO,
		   xasprintf("%s: reading the time takes no exit. " FOR_GUESTS ". %s", current,
			     has_tsc ? "The clock source tsc avoids that; it runs wrong if L0 moves this machine to a host with another TSC frequency and does not scale it" :
				       "The clock source tsc avoids that; this machine has it if L0 offers an invariant TSC (QEMU: -cpu ...,+invtsc)"),
		   has_tsc ? change_to("tsc") : NULL);
}

static void add_slow(struct doctor *doctor, const char *current, const char *better)
{
	const char *slow = doctor->machine.virtualized ? "an exit to L0 each time" :
							 "an access to a device each time";

	if (better)
		doctor_add(doctor, "clocksource", DOCTOR_WARNING,
			   xasprintf("%s: reading the time is slow, %s. " FOR_GUESTS, current, slow),
			   change_to(better));
	else
		doctor_add(doctor, "clocksource", DOCTOR_INFO,
			   xasprintf("%s, and this machine has no faster one: reading the time is slow, %s. " FOR_GUESTS,
				     current, slow), NULL);
}

void check_clocksource(struct doctor *doctor)
{
	char current[32], available[128];
	const struct clock *clock;

	if (!machine_file(doctor->env->sysfs, current, sizeof(current),
			  CLOCKS "current_clocksource"))
		return;
	machine_file(doctor->env->sysfs, available, sizeof(available),
		     CLOCKS "available_clocksource");
	clock = find_fast(current);
	if (!clock)
		add_slow(doctor, current, find_better(available));
	else if (!clock->is_tsc)
		add_shared(doctor, current, available);
	else
		doctor_add(doctor, "clocksource", DOCTOR_OK,
			   xasprintf("%s: reading the time takes no exit", current), NULL);
}
