// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sysfs.h"
#include "base/util.h"
#include "model/machine.h"
#include "record/canary-state.h"

#define NUM_CPU_STATES	8	/* to steal: guest time is in user already */
#define STATE_STEAL	7

static const char *const files[] = {
	"class/l1tune/l1/limits/max_exits_per_sec",
	"kernel/tracing/events/kvm/enable",
	"kernel/debug/tracing/events/kvm/enable",
	"module/kvm/srcversion", "module/kvm_intel/srcversion", "module/kvm_amd/srcversion",
};

static const char *const directories[] = {
	"module/kvm/parameters", "module/kvm_intel/parameters", "module/kvm_amd/parameters",
};

/* FNV-1a; the NUL is part of it, or neighbours could take a letter from each other. */
static void add_text(uint64_t *hash, const char *text)
{
	do
		*hash = (*hash ^ (unsigned char)*text) * 1099511628211u;
	while (*text++);
}

/* In any order: names come as they please. */
static int add_parameter(int fd, const char *name, void *arg)
{
	uint64_t *sum = arg, hash = 0;
	char value[256];

	if (sysfs_read(fd, name, value, sizeof(value)) < 0)
		return 0;
	add_text(&hash, name);
	add_text(&hash, value);
	*sum += hash;
	return 0;
}

static void add_directory(uint64_t *hash, const struct env *env, const char *name)
{
	char *path = xasprintf("%s/%s", env->sysfs, name), text[32];
	uint64_t sum = 0;

	sysfs_for_each(AT_FDCWD, path, add_parameter, &sum);
	free(path);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)sum);
	add_text(hash, text);
}

uint64_t canary_machine(const struct env *env, const struct host *host)
{
	char text[256];
	uint64_t hash = 14695981039346656037u;
	size_t i;

	machine_file(env->proc, text, sizeof(text), "sys/kernel/random/boot_id");
	add_text(&hash, text);
	snprintf(text, sizeof(text), "%llu", host ? (unsigned long long)host->loaded_ns : 0);
	add_text(&hash, text);
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		machine_file(env->sysfs, text, sizeof(text), "%s", files[i]);
		add_text(&hash, text);
	}
	for (i = 0; i < ARRAY_SIZE(directories); i++)
		add_directory(&hash, env, directories[i]);
	return hash;
}

/* The first line of /proc/stat is what all CPUs did. */
static bool read_line(const struct env *env, char *line, size_t size)
{
	char *path = xasprintf("%s/stat", env->proc);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, line, size - 1);

	free(path);
	if (fd >= 0)
		close(fd);
	if (len <= 0)
		return false;
	line[len] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return true;
}

void canary_ticks_read(const struct env *env, const struct host *host, struct cpu_ticks *ticks)
{
	char line[512], *rest = line, *word;
	unsigned int i;

	*ticks = (struct cpu_ticks){ };
	if (!host || strcmp(host->steal_clock, "ok") ||
	    !read_line(env, line, sizeof(line)))
		return;
	strsep(&rest, " ");
	for (i = 0; i < NUM_CPU_STATES && rest; ) {
		uint64_t value;

		word = strsep(&rest, " ");
		if (!*word)
			continue;
		if (parse_u64(word, &value))
			return;
		ticks->all += value;
		if (i++ == STATE_STEAL)
			ticks->stolen = value;
	}
	ticks->is_known = i == NUM_CPU_STATES;
}
