// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file-within.h"
#include "base/util.h"
#include "model/machine.h"
#include "model/mapping.h"
#include "model/tmpfs.h"

/* About a KB for each mapping: a process with more than this has no end of them. */
#define MAX_SMAPS	(16 << 20)
/* The kernel goes through all pages of a guest. */
#define SMAPS_NS	(10 * NSEC_PER_SEC)

const char *const backing_names[NUM_BACKINGS] = {
	[BACKING_ANONYMOUS] = "anonymous memory",
	[BACKING_SHMEM] = "memfd or other shared memory",
	[BACKING_TMPFS] = "a file in tmpfs",
	[BACKING_HUGETLB] = "hugetlbfs",
	[BACKING_FILE] = "a file",
	[BACKING_GUEST_MEMFD] = "a guest_memfd",
};

/*
 * Not by looking at the path: it is the VMM's choice what that leads to, and a file system
 * may not answer.
 */
static enum backing backing_of(const char *path, bool is_of_tmpfs)
{
	if (*path != '/')
		return BACKING_ANONYMOUS;
	if (begins_with(path, "/anon_hugepage"))
		return BACKING_HUGETLB;
	if (begins_with(path, "/memfd:") || begins_with(path, "/dev/zero") ||
	    begins_with(path, "/SYSV"))
		return BACKING_SHMEM;
	return is_of_tmpfs || begins_with(path, "/dev/shm/") ? BACKING_TMPFS : BACKING_FILE;
}

/* "START-END PERMS OFFSET DEVICE INODE   PATH"; false if it is another line. */
static bool parse_first_line(const struct tmpfs_devices *tmpfs, const char *line,
			     struct mapping *mapping)
{
	unsigned long long start, end, offset;
	unsigned int major, minor;
	char perms[8];
	int path = 0;

	if (sscanf(line, "%llx-%llx %4s %llx %x:%x %*u %n", &start, &end, perms,
		   &offset, &major, &minor, &path) < 6 || !path || end < start)
		return false;
	*mapping = (struct mapping){
		.start = start, .end = end, .offset = offset,
		.is_writable = perms[0] == 'r' && perms[1] == 'w',
		.is_private = perms[3] == 'p',
	};
	snprintf(mapping->path, sizeof(mapping->path), "%s",
		 line[path] == '/' ? line + path : "");
	mapping->backing = backing_of(mapping->path, tmpfs_devices_have(tmpfs, major, minor));
	/* A private mapping of /dev/zero is anonymous memory. */
	if (mapping->is_private && begins_with(mapping->path, "/dev/zero"))
		mapping->backing = BACKING_ANONYMOUS;
	return true;
}

static void parse_flags(const char *line, struct mapping *mapping)
{
	mapping->is_advised = machine_has_word(line, "hg");
	mapping->is_refused = machine_has_word(line, "nh");
	mapping->is_mergeable = machine_has_word(line, "mg");
	mapping->is_served = machine_has_word(line, "um") || machine_has_word(line, "ui");
	mapping->is_watched = mapping->is_served || machine_has_word(line, "uw");
	mapping->is_device = machine_has_word(line, "pf") ||
			     machine_has_word(line, "io");
	if (machine_has_word(line, "ht"))
		mapping->backing = BACKING_HUGETLB;
}

/* "KEY:  N kB": false if the line is another one's. */
static bool parse_kb(const char *line, const char *key, uint64_t *bytes)
{
	if (!begins_with(line, key))
		return false;
	*bytes += strtoull(line + strlen(key), NULL, 10) << 10;
	return true;
}

static void parse_line(const char *line, struct mapping *mapping)
{
	if (parse_kb(line, "Swap:", &mapping->swapped_bytes) ||
	    parse_kb(line, "AnonHugePages:", &mapping->huge_bytes) ||
	    parse_kb(line, "ShmemPmdMapped:", &mapping->huge_bytes))
		return;
	if (begins_with(line, "VmFlags:"))
		parse_flags(line + strlen("VmFlags:"), mapping);
}

int mappings_read(const struct env *env, uint64_t pid, struct mapping **mappings,
		  size_t *num)
{
	char *name = xasprintf("%llu/smaps", (unsigned long long)pid);
	size_t len;
	char *text = file_read_within(env->proc_fd, name, MAX_SMAPS, &len, pid, SMAPS_NS);
	int err = text ? 0 : -errno;
	char *line, *save = NULL;
	struct tmpfs_devices tmpfs;
	struct mapping mapping;

	tmpfs_devices_read(env, pid, &tmpfs);
	*mappings = NULL;
	*num = 0;
	for (line = text ? strtok_r(text, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (strchr("0123456789abcdef", *line) &&
		    parse_first_line(&tmpfs, line, &mapping))
			*GROW(*mappings, *num) = mapping;
		else if (*num)
			parse_line(line, &(*mappings)[*num - 1]);
	}
	tmpfs_devices_free(&tmpfs);
	free(text);
	free(name);
	return err;
}

bool mapping_is_private_file(const struct mapping *mapping)
{
	return mapping->is_private && mapping->backing != BACKING_ANONYMOUS &&
	       mapping->backing != BACKING_HUGETLB;
}

bool mappings_are_disabled(const struct env *env, uint64_t pid)
{
	char *name = xasprintf("%llu/status", (unsigned long long)pid);
	char *text = machine_text(env->proc, name);
	bool is = text && strstr(text, "\nTHP_enabled:\t0");

	free(text);
	free(name);
	return is;
}
