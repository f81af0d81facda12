// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "base/wait.h"
#include "explain/activity.h"
#include "model/cgroup.h"
#include "model/machine.h"

/* What a kernel was built without, it does not do: 0. */
static uint64_t value_of(const char *text, const char *name)
{
	size_t len = strlen(name);

	while (text && *text) {
		if (!strncmp(text, name, len) && text[len] == ' ')
			return strtoull(text + len, NULL, 10);
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return 0;
}

/* "CPU0 CPU2 ...": CPUs that are offline have no column. */
static void read_columns(const char *line, struct activity *activity)
{
	while ((line = strstr(line, "CPU"))) {
		line += strlen("CPU");
		*GROW(activity->columns, activity->num_columns) = strtoul(line, NULL, 10);
	}
}

/* Behind the counts; a line with fewer of them than columns has one for all. */
static char *read_counts(char *s, size_t num_columns, struct interrupt *one)
{
	size_t num = 0;
	char *end;

	one->of_columns = xcalloc(num_columns, sizeof(*one->of_columns));
	for (; num < num_columns; num++, s = end) {
		uint64_t count = strtoull(s, &end, 10);

		if (end == s)
			break;
		one->of_columns[num] = count;
		one->count = add_saturated(one->count, count);
	}
	if (num < num_columns)
		memset(one->of_columns, 0, num_columns * sizeof(*one->of_columns));
	return s;
}

/* "NAME: COUNT COUNT …  what it is  DEVICE" */
static void add_interrupt(char *line, struct activity *activity)
{
	char *colon = strchr(line, ':'), *device;
	struct interrupt one = { };

	if (!colon)
		return;
	*colon = '\0';
	snprintf(one.name, sizeof(one.name), "%s", line + strspn(line, " "));
	device = strrchr(read_counts(colon + 1, activity->num_columns, &one), ' ');
	if (device && strchr("0123456789", one.name[0]))
		snprintf(one.device, sizeof(one.device), "%s", device + 1);
	*GROW(activity->interrupts, activity->num_interrupts) = one;
}

static void read_interrupts(const struct env *env, struct activity *activity)
{
	char *text = machine_text(env->proc, "interrupts"), *line, *save = NULL;

	for (line = text ? strtok_r(text, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (!activity->num_columns)
			read_columns(line, activity);
		else
			add_interrupt(line, activity);
	}
	activity->are_interrupts_known = activity->num_interrupts;
	free(text);
}

/* "cpu  USER NICE SYSTEM IDLE IOWAIT IRQ SOFTIRQ STEAL ..." in ticks, of all CPUs. */
static void read_cpu_time(const struct env *env, struct activity *activity)
{
	char *text = machine_text(env->proc, "stat");
	const uint64_t tick_ns = NSEC_PER_SEC / sysconf(_SC_CLK_TCK);
	unsigned long long user, nice, system, idle, iowait, stolen;
	int num = text ? sscanf(text, "cpu %llu %llu %llu %llu %llu %*u %*u %llu", &user, &nice,
				&system, &idle, &iowait, &stolen) : 0;

	activity->is_idle_known = num >= 5;
	if (activity->is_idle_known) {
		activity->idle_ns = (idle + iowait) * tick_ns;
		activity->busy_ns = (user + nice + system) * tick_ns;
	}
	activity->is_stolen_counted = num == 6;
	if (activity->is_stolen_counted)
		activity->stolen_ns = stolen * tick_ns;
	free(text);
}

/* The root cgroup has the machine's; the kernel counts it only with its scheduler's statistics. */
static void read_forced_idle(const struct env *env, struct activity *activity)
{
	static const char name[] = "core_sched.force_idle_usec";
	struct cgroup_mounts mounts = { };
	char enabled[8], *text = NULL;

	if (!machine_file(env->proc, enabled, sizeof(enabled), "sys/kernel/sched_schedstats") ||
	    strcmp(enabled, "1"))
		return;
	cgroup_mounts_update(env, &mounts);
	if (mounts.v2)
		text = machine_text(mounts.v2, "cpu.stat");
	cgroup_mounts_free(&mounts);
	activity->is_forced_idle_known = text && strstr(text, name);
	activity->forced_idle_ns = value_of(text, name) * 1000;
	free(text);
}

/* By zones of memory, and of larger pages. */
static uint64_t count_stalls(const char *text)
{
	static const char *const names[] = {
		"allocstall_dma", "allocstall_dma32", "allocstall_normal",
		"allocstall_movable", "compact_stall",
	};
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		sum = add_saturated(sum, value_of(text, names[i]));
	return sum;
}

void activity_read(const struct env *env, struct activity *activity)
{
	char *text = machine_text(env->proc, "vmstat");

	*activity = (struct activity){
		.taken_ns = boottime_ns(),
		.is_memory_known = text,
		.numa_updates = value_of(text, "numa_pte_updates"),
		.migrations = value_of(text, "pgmigrate_success"),
		.swap_ins = add_saturated(value_of(text, "pswpin"), value_of(text, "zswpin")),
		.major_faults = value_of(text, "pgmajfault"),
		.stalls = count_stalls(text),
		.ksm_copies = value_of(text, "cow_ksm"),
	};
	free(text);
	read_cpu_time(env, activity);
	read_forced_idle(env, activity);
	read_interrupts(env, activity);
}

static const struct interrupt *find_interrupt(const struct activity *activity,
					      const char *name)
{
	size_t i;

	for (i = 0; i < activity->num_interrupts; i++)
		if (!strcmp(activity->interrupts[i].name, name))
			return &activity->interrupts[i];
	return NULL;
}

uint64_t activity_interrupts(const struct activity *activity, const char *name)
{
	const struct interrupt *one = find_interrupt(activity, name);

	return one ? one->count : 0;
}

/* 0 of a CPU that was offline. */
static uint64_t count_on(const struct activity *activity, const struct interrupt *one,
			 unsigned long cpu)
{
	size_t i;

	for (i = 0; i < activity->num_columns; i++)
		if (activity->columns[i] == cpu)
			return one->of_columns[i];
	return 0;
}

/* A line or CPU that came since has been counted from nothing. */
static void subtract_interrupts(struct activity *activity, const struct activity *before)
{
	size_t i, j;

	for (i = 0; i < activity->num_interrupts; i++) {
		struct interrupt *one = &activity->interrupts[i];
		const struct interrupt *old = find_interrupt(before, one->name);

		if (!old)
			continue;
		one->count = sub_clamped(one->count, old->count);
		for (j = 0; j < activity->num_columns; j++)
			one->of_columns[j] = sub_clamped(one->of_columns[j],
							 count_on(before, old, activity->columns[j]));
	}
}

void activity_subtract(struct activity *activity,
		       const struct activity *before)
{
	activity->interval_ns = sub_clamped(activity->taken_ns, before->taken_ns);
	activity->is_memory_known &= before->is_memory_known;
	activity->are_interrupts_known &= before->are_interrupts_known;
	activity->is_idle_known &= before->is_idle_known;
	activity->idle_ns = sub_clamped(activity->idle_ns, before->idle_ns);
	activity->busy_ns = sub_clamped(activity->busy_ns, before->busy_ns);
	activity->is_forced_idle_known &= before->is_forced_idle_known;
	activity->forced_idle_ns = sub_clamped(activity->forced_idle_ns, before->forced_idle_ns);
	activity->is_stolen_counted &= before->is_stolen_counted;
	activity->stolen_ns = sub_clamped(activity->stolen_ns, before->stolen_ns);
	activity->numa_updates = sub_clamped(activity->numa_updates,
					     before->numa_updates);
	activity->migrations = sub_clamped(activity->migrations,
					   before->migrations);
	activity->swap_ins = sub_clamped(activity->swap_ins, before->swap_ins);
	activity->major_faults = sub_clamped(activity->major_faults,
					     before->major_faults);
	activity->stalls = sub_clamped(activity->stalls, before->stalls);
	activity->ksm_copies = sub_clamped(activity->ksm_copies, before->ksm_copies);
	subtract_interrupts(activity, before);
}

void activity_free(struct activity *activity)
{
	size_t i;

	for (i = 0; i < activity->num_interrupts; i++)
		free(activity->interrupts[i].of_columns);
	free(activity->interrupts);
	free(activity->columns);
	*activity = (struct activity){ };
}
