// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "base/wait.h"
#include "explain/activity.h"
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

/* How many CPUs there are columns for. */
static size_t count_columns(const char *line)
{
	size_t num = 0;

	while ((line = strstr(line, "CPU"))) {
		line += strlen("CPU");
		num++;
	}
	return num;
}

/* "NAME: COUNT COUNT …  what it is  DEVICE"; some have one count for all. */
static void add_interrupt(char *line, size_t num_columns,
			  struct activity *activity)
{
	char *colon = strchr(line, ':'), *s, *end, *device;
	struct interrupt one = { };
	size_t i;

	if (!colon)
		return;
	*colon = '\0';
	snprintf(one.name, sizeof(one.name), "%s", line + strspn(line, " "));
	for (s = colon + 1, i = 0; i < num_columns; i++, s = end) {
		uint64_t count = strtoull(s, &end, 10);

		if (end == s)
			break;
		one.count = add_saturated(one.count, count);
	}
	device = strrchr(s, ' ');
	if (device && strchr("0123456789", one.name[0]))
		snprintf(one.device, sizeof(one.device), "%s", device + 1);
	*GROW(activity->interrupts, activity->num_interrupts) = one;
}

static void read_interrupts(const struct env *env, struct activity *activity)
{
	char *text = machine_text(env->proc, "interrupts"), *line, *save = NULL;
	size_t num_columns = 0;

	for (line = text ? strtok_r(text, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (!num_columns)
			num_columns = count_columns(line);
		else
			add_interrupt(line, num_columns, activity);
	}
	activity->are_interrupts_known = activity->num_interrupts;
	free(text);
}

/* "cpu  USER NICE SYSTEM IDLE IOWAIT ..." in ticks, of all CPUs. */
static void read_idle(const struct env *env, struct activity *activity)
{
	char *text = machine_text(env->proc, "stat");
	unsigned long long idle, iowait;

	activity->is_idle_known = text &&
		sscanf(text, "cpu %*u %*u %*u %llu %llu", &idle, &iowait) == 2;
	if (activity->is_idle_known)
		activity->idle_ns = (idle + iowait) * (NSEC_PER_SEC / sysconf(_SC_CLK_TCK));
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
	read_idle(env, activity);
	read_interrupts(env, activity);
}

uint64_t activity_interrupts(const struct activity *activity, const char *name)
{
	size_t i;

	for (i = 0; i < activity->num_interrupts; i++)
		if (!strcmp(activity->interrupts[i].name, name))
			return activity->interrupts[i].count;
	return 0;
}

void activity_subtract(struct activity *activity,
		       const struct activity *before)
{
	size_t i;

	activity->interval_ns = sub_clamped(activity->taken_ns, before->taken_ns);
	activity->is_memory_known &= before->is_memory_known;
	activity->are_interrupts_known &= before->are_interrupts_known;
	activity->is_idle_known &= before->is_idle_known;
	activity->idle_ns = sub_clamped(activity->idle_ns, before->idle_ns);
	activity->numa_updates = sub_clamped(activity->numa_updates,
					     before->numa_updates);
	activity->migrations = sub_clamped(activity->migrations,
					   before->migrations);
	activity->swap_ins = sub_clamped(activity->swap_ins, before->swap_ins);
	activity->major_faults = sub_clamped(activity->major_faults,
					     before->major_faults);
	activity->stalls = sub_clamped(activity->stalls, before->stalls);
	activity->ksm_copies = sub_clamped(activity->ksm_copies, before->ksm_copies);
	for (i = 0; i < activity->num_interrupts; i++) {
		struct interrupt *one = &activity->interrupts[i];

		/* A line that came since has been counted from nothing. */
		one->count = sub_clamped(one->count,
					 activity_interrupts(before, one->name));
	}
}

void activity_free(struct activity *activity)
{
	free(activity->interrupts);
	*activity = (struct activity){ };
}
