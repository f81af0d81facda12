// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>

#include "base/file.h"
#include "base/util.h"
#include "explain/memory.h"
#include "model/machine.h"

/* About a KB for each mapping: a VMM with more than this has no end of them. */
#define MAX_SMAPS	(16 << 20)

/* One mapping: its line in maps, and what of smaps follows it. */
struct mapping {
	uint64_t bytes, swapped_bytes;
	bool is_writable;
	struct guest_memory memory;
};

static bool begins_with(const char *s, const char *start)
{
	return !strncmp(s, start, strlen(start));
}

static bool is_in_tmpfs(const struct env *env, uint64_t pid, const char *path)
{
	char *seen = xasprintf("%s/%llu/root%s", env->proc,
			       (unsigned long long)pid, path);
	struct statfs fs;
	bool is = !statfs(seen, &fs) && fs.f_type == TMPFS_MAGIC;

	free(seen);
	return is || begins_with(path, "/dev/shm/");
}

static enum backing backing_of(const struct env *env, uint64_t pid,
			       const char *path)
{
	if (*path != '/')
		return BACKING_ANONYMOUS;
	if (begins_with(path, "/anon_hugepage"))
		return BACKING_HUGETLB;
	if (begins_with(path, "/memfd:") || begins_with(path, "/dev/zero") ||
	    begins_with(path, "/SYSV"))
		return BACKING_SHMEM;
	return is_in_tmpfs(env, pid, path) ? BACKING_TMPFS : BACKING_FILE;
}

/* "START-END PERMS OFFSET DEVICE INODE   PATH"; false if it is another line. */
static bool start_mapping(const struct env *env, uint64_t pid, const char *line,
			  struct mapping *mapping)
{
	unsigned long long start, end;
	char perms[8];
	int path = 0;

	if (sscanf(line, "%llx-%llx %4s %*x %*s %*u %n", &start, &end, perms,
		   &path) < 3 || !path)
		return false;
	*mapping = (struct mapping){
		.bytes = end - start,
		.is_writable = perms[0] == 'r' && perms[1] == 'w',
		.memory.is_private = perms[3] == 'p',
	};
	snprintf(mapping->memory.path, sizeof(mapping->memory.path), "%s",
		 line[path] == '/' ? line + path : "");
	mapping->memory.backing = backing_of(env, pid, mapping->memory.path);
	return true;
}

static void read_flags(const char *line, struct guest_memory *memory)
{
	memory->is_advised = machine_has_word(line, "hg");
	memory->is_refused = machine_has_word(line, "nh");
	memory->is_mergeable = machine_has_word(line, "mg");
	memory->is_watched = machine_has_word(line, "um") ||
			     machine_has_word(line, "uw") ||
			     machine_has_word(line, "ui");
	if (machine_has_word(line, "ht"))
		memory->backing = BACKING_HUGETLB;
}

/*
 * The guest's is the largest mapping that is not larger than the guest's
 * memory may be: others that large are reserved and not used.
 */
static void consider(const struct mapping *mapping, uint64_t guest_bytes,
		     struct guest_memory *memory)
{
	if (!mapping->is_writable || mapping->bytes <= memory->bytes ||
	    mapping->bytes > 2 * guest_bytes)
		return;
	*memory = mapping->memory;
	memory->bytes = mapping->bytes;
	memory->swapped_bytes = mapping->swapped_bytes;
}

static void read_mappings(const struct env *env, const struct guest *guest,
			  char *text, struct guest_memory *memory)
{
	struct mapping mapping = { };
	char *line, *save = NULL;

	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (begins_with(line, "Swap:"))
			mapping.swapped_bytes =
				strtoull(line + strlen("Swap:"), NULL, 10) << 10;
		else if (begins_with(line, "VmFlags:"))
			read_flags(line + strlen("VmFlags:"), &mapping.memory);
		else if (strchr("0123456789abcdef", *line)) {
			consider(&mapping, guest->memory_bytes, memory);
			start_mapping(env, guest->pid, line, &mapping);
		}
	}
	consider(&mapping, guest->memory_bytes, memory);
}

static bool has_disabled_huge_pages(const struct env *env, uint64_t pid)
{
	char *name = xasprintf("%llu/status", (unsigned long long)pid);
	char *text = machine_text(env->proc, name);
	bool is = text && strstr(text, "\nTHP_enabled:\t0");

	free(text);
	free(name);
	return is;
}

void guest_memory_read(const struct env *env, const struct guest *guest,
		       struct guest_memory *memory)
{
	char *name = xasprintf("%llu/smaps", (unsigned long long)guest->pid);
	size_t len;
	char *text = file_read(env->proc_fd, name, MAX_SMAPS, &len);
	int err = text ? 0 : -errno;

	*memory = (struct guest_memory){ };
	if (text) {
		read_mappings(env, guest, text, memory);
		memory->is_disabled = has_disabled_huge_pages(env, guest->pid);
		if (!memory->bytes)
			err = -ENODATA;
	}
	memory->err = err;
	memory->is_read = true;
	free(text);
	free(name);
}

char *backing_text(const struct guest_memory *memory)
{
	static const char *const names[] = {
		[BACKING_ANONYMOUS] = "anonymous memory",
		[BACKING_SHMEM] = "memfd or other shared memory",
		[BACKING_TMPFS] = "a file in tmpfs",
		[BACKING_HUGETLB] = "hugetlbfs",
		[BACKING_FILE] = "a file",
	};
	const char *name = names[memory->backing];

	return *memory->path && memory->backing != BACKING_HUGETLB ?
	       xasprintf("%s, %s", name, memory->path) : xstrdup(name);
}
