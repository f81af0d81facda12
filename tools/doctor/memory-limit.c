// SPDX-License-Identifier: GPL-2.0
/*
 * memory.max of a running VMM's cgroup, in version 1 memory.limit_in_bytes, has to hold the
 * guest's memory and what the VMM needs itself, and so has memory.high. Where one does not,
 * all goes well until the guest has used its memory.
 */
#include <stdlib.h>

#include "base/format.h"
#include "base/util.h"
#include "doctor/checks.h"
#include "doctor/running.h"
#include "model/cgroup-memory.h"
#include "model/memory.h"

/* The smallest VMMs need some 5 MB, QEMU 100 MB and more. */
#define LEAST_ROOM	(4ULL << 20)

/* The tightest limit of a guest's cgroups; cgroup is NULL if there is none. */
struct tightest {
	uint64_t bytes;
	const char *file;
	char *cgroup;
};

static void note_tightest(const struct memory_limit *limit, void *arg)
{
	struct tightest *tightest = arg;

	if (tightest->cgroup && limit->bytes >= tightest->bytes)
		return;
	free(tightest->cgroup);
	*tightest = (struct tightest){ limit->bytes, limit->file, xstrdup(limit->cgroup) };
}

static void find_tightest(const struct env *env, const struct cgroup_mounts *mounts,
			  const struct guest *guest, const char *file, struct tightest *tightest)
{
	const char *mount;
	char *directory = cgroup_memory_directory_of(env, mounts, guest->pid, &mount);

	if (directory)
		memory_limits_look_at(directory, mount, file, note_tightest, tightest);
	free(directory);
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
	const char *file;
	struct cgroup_mounts mounts;
	char *text;
	/* Guests whose limit is too low, if their memory is of a kind that counts. */
	size_t num;
};

static void look_at_guest(const struct env *env, const struct guest *guest, void *arg)
{
	struct search *search = arg;
	struct tightest limit = { };

	cgroup_mounts_update(env, &search->mounts);
	find_tightest(env, &search->mounts, guest, search->file, &limit);
	if (limit.cgroup && limit.bytes < guest->memory_bytes + LEAST_ROOM &&
	    ++search->num <= RUNNING_MAX_MAPS && is_charged(env, guest)) {
		char *memory = format_bytes(guest->memory_bytes), *most = format_bytes(limit.bytes);

		append(&search->text, "%s%s (l2-%llu) has %s, and %s of %s is %s",
		       *search->text ? "; " : "", guest->name, (unsigned long long)guest->id,
		       memory, limit.file, limit.cgroup, most);
		free(most);
		free(memory);
	}
	free(limit.cgroup);
}

static void check_limit(struct doctor *doctor, const char *file, const char *why,
			const char *what_to_do, const char *commands)
{
	struct search search = { .file = file, .text = xstrdup("") };

	running_look_at(doctor, look_at_guest, &search);
	if (*search.text && search.num > RUNNING_MAX_MAPS)
		running_add_unchecked(&search.text, search.num - RUNNING_MAX_MAPS);
	if (*search.text)
		doctor_add(doctor, file, DOCTOR_WARNING,
			   xasprintf("%s: %s. %s", why, search.text, what_to_do),
			   xstrdup(commands));
	cgroup_mounts_free(&search.mounts);
	free(search.text);
}

void check_memory_limits(struct doctor *doctor)
{
	check_limit(doctor, "memory.max", "no room for the VMM beside its guest's memory",
		    "Once the guest has used all its memory the VMM swaps, or is killed: raise the limit by what the VMM itself needs, some 100M for QEMU, or make the guest smaller",
		    "systemctl set-property UNIT MemoryMax=SIZE");
	check_limit(doctor, "memory.high", "the kernel slows the VMM down before its guest has used its memory",
		    "Above memory.high the kernel takes memory back from the VMM and lets it sleep, so the guest seems to hang: raise it as memory.max, or remove it",
		    "systemctl set-property UNIT MemoryHigh=infinity   # Kubernetes: kubelet's feature MemoryQoS sets it");
}
