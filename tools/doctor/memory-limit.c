// SPDX-License-Identifier: GPL-2.0
/*
 * memory.max of a running VMM's cgroup has to hold the guest's memory and what the VMM
 * needs itself. Where it does not, all goes well until the guest has used its memory.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/format.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "doctor/checks.h"
#include "doctor/running.h"
#include "model/cgroup.h"
#include "model/memory.h"

#define MAX_CGROUP_FILE	16384

/* The smallest VMMs need some 5 MB, QEMU 100 MB and more. */
#define LEAST_ROOM	(4ULL << 20)

struct limit {
	uint64_t bytes;
	/* Whose memory.max it is, from the mount on; NULL: there is none. */
	char *cgroup;
};

/* The tightest of a directory and those above it. */
static void read_limit(const char *directory, const char *mount, struct limit *limit)
{
	char *level = xstrdup(directory);
	size_t root = strlen(mount);

	while (strlen(level) > root) {
		char *path = xasprintf("%s/memory.max", level);
		uint64_t bytes;

		/* "max" is no number. */
		if (!sysfs_read_u64(AT_FDCWD, path, &bytes) &&
		    (!limit->cgroup || bytes < limit->bytes)) {
			free(limit->cgroup);
			limit->cgroup = xstrdup(level + root);
			limit->bytes = bytes;
		}
		free(path);
		*strrchr(level, '/') = '\0';
	}
	free(level);
}

static void find_limit(const struct env *env, const struct cgroup_mounts *mounts,
		       const struct guest *guest, struct limit *limit)
{
	char *file = xasprintf("%llu/cgroup", (unsigned long long)guest->pid), *directory;
	size_t len;
	char *text = file_read(env->proc_fd, file, MAX_CGROUP_FILE, &len);

	directory = text ? cgroup_v2_directory(mounts, text) : NULL;
	if (directory)
		read_limit(directory, mounts->v2, limit);
	free(directory);
	free(text);
	free(file);
}

/* The kernel can drop pages of a file on a disk, and counts hugetlbfs elsewhere. */
static bool is_charged(const struct env *env, const struct guest *guest)
{
	struct guest_memory memory;

	guest_memory_read(env, guest, &memory);
	return !memory.err && memory.mapping.backing != BACKING_HUGETLB &&
	       memory.mapping.backing != BACKING_FILE;
}

struct search {
	struct cgroup_mounts mounts;
	char *text;
	/* Guests whose limit is too low, if their memory is of a kind that counts. */
	size_t num;
};

static void look_at_guest(const struct env *env, const struct guest *guest, void *arg)
{
	struct search *search = arg;
	struct limit limit = { };

	cgroup_mounts_update(env, &search->mounts);
	find_limit(env, &search->mounts, guest, &limit);
	if (limit.cgroup && limit.bytes < guest->memory_bytes + LEAST_ROOM &&
	    ++search->num <= RUNNING_MAX_MAPS && is_charged(env, guest)) {
		char *memory = format_bytes(guest->memory_bytes), *most = format_bytes(limit.bytes);

		append(&search->text, "%s%s (l2-%llu) has %s, and memory.max of %s is %s",
		       *search->text ? "; " : "", guest->name, (unsigned long long)guest->id,
		       memory, limit.cgroup, most);
		free(most);
		free(memory);
	}
	free(limit.cgroup);
}

void check_memory_limits(struct doctor *doctor)
{
	struct search search = { .text = xstrdup("") };

	running_look_at(doctor, look_at_guest, &search);
	if (*search.text && search.num > RUNNING_MAX_MAPS)
		append(&search.text, "; %zu more guests were not checked",
		       search.num - RUNNING_MAX_MAPS);
	if (*search.text)
		doctor_add(doctor, "memory.max", DOCTOR_WARNING,
			   xasprintf("no room for the VMM beside its guest's memory: %s. Once the guest has used all its memory the VMM swaps, or is killed: raise the limit by what the VMM itself needs, some 100M for QEMU, or make the guest smaller",
				     search.text),
			   xstrdup("systemctl set-property UNIT MemoryMax=SIZE"));
	cgroup_mounts_free(&search.mounts);
	free(search.text);
}
