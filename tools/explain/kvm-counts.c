// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sysfs.h"
#include "base/util.h"
#include "explain/kvm-counts.h"
#include "explain/kvm-directory.h"
#include "model/machine.h"
#include "model/memslots.h"

static const char *const files[NUM_KVM_COUNTS] = {
	[KVM_POLL_HIT_NS] = "halt_poll_success_ns",
	[KVM_POLL_MISS_NS] = "halt_poll_fail_ns",
	[KVM_L1D_FLUSHES] = "l1d_flush",
	[KVM_FAST_FAULTS] = "pf_fast",
	[KVM_FAULTS_TAKEN] = "pf_taken",
	[KVM_FAULTS_EMULATED] = "pf_emulate",
	[KVM_FAULTS_FIXED] = "pf_fixed",
	[KVM_MMIO_EXITS] = "mmio_exits",
	[KVM_SMALL_PAGES] = "pages_4k",
	[KVM_LARGE_PAGES] = "pages_2m",
	[KVM_HUGE_PAGES] = "pages_1g",
	[KVM_NX_SPLITS] = "nx_lpage_splits",
};

static bool is_locked_down(const struct env *env)
{
	char line[128];

	return machine_file(env->sysfs, line, sizeof(line),
			    "kernel/security/lockdown") &&
	       !strstr(line, "[none]");
}

/* What debugfs_locked_down() lets pass: files that nobody may write. */
static bool is_open_in_lockdown(const char *path)
{
	struct stat stat_of_file;

	return !stat(path, &stat_of_file) && !(stat_of_file.st_mode & 07333);
}

static int read_count(const char *path, bool is_locked, uint64_t *value)
{
	if (is_locked && !access(path, F_OK) && !is_open_in_lockdown(path))
		return -EPERM;
	return sysfs_read_u64(AT_FDCWD, path, value);
}

static int read_generation(const struct env *env, uint64_t guest_id, uint64_t *generation)
{
	struct memslots slots;
	int err = memslots_read(env, guest_id, &slots);

	if (err)
		return err;
	*generation = slots.generation;
	err = slots.is_generation_known ? 0 : -ENOENT;
	memslots_free(&slots);
	return err;
}

/* The directory of a VM's counts; those of now are not those of then. */
static int find_directory(const struct env *env, const struct guest_snapshot *guest, char **dir)
{
	*dir = NULL;
	return env->past ? -ENODATA : kvm_directory_find(env, guest, dir);
}

/* Err is why there is no directory. */
static struct kvm_count read_one(const char *dir, int err, const char *file, bool is_locked)
{
	struct kvm_count count = { .err = err };

	if (!err) {
		char *path = xasprintf("%s/%s", dir, file);

		count.err = read_count(path, is_locked, &count.value);
		count.is_known = !count.err;
		free(path);
	}
	return count;
}

struct kvm_count kvm_count_read(const struct env *env, const struct guest_snapshot *guest,
				enum kvm_count_id id)
{
	char *dir;
	int err = find_directory(env, guest, &dir);
	struct kvm_count count = read_one(dir, err, files[id], is_locked_down(env));

	free(dir);
	return count;
}

void kvm_counts_read(const struct env *env, const struct guest_snapshot *guest,
		     struct kvm_counts *counts)
{
	bool is_locked = is_locked_down(env);
	char *dir;
	int err = find_directory(env, guest, &dir);
	size_t i;

	*counts = (struct kvm_counts){ };
	counts->slot_generation.err = env->past ? -ENODATA :
		read_generation(env, guest->guest.id, &counts->slot_generation.value);
	counts->slot_generation.is_known = !counts->slot_generation.err;
	for (i = 0; i < NUM_KVM_COUNTS; i++)
		counts->v[i] = read_one(dir, err, files[i], is_locked);
	free(dir);
}

void kvm_counts_start(struct kvm_counts *counts)
{
	size_t i;

	*counts = (struct kvm_counts){ };
	for (i = 0; i < NUM_KVM_COUNTS; i++)
		counts->v[i].is_known = true;
	counts->slot_generation.is_known = true;
}

void kvm_counts_unknown(struct kvm_counts *counts, int err)
{
	size_t i;

	*counts = (struct kvm_counts){ };
	for (i = 0; i < NUM_KVM_COUNTS; i++)
		counts->v[i].err = err;
	counts->slot_generation.err = err;
}

static void subtract(struct kvm_count *count, const struct kvm_count *before,
		     bool is_cumulative)
{
	if (count->is_known && !before->is_known)
		count->err = before->err;
	count->is_known &= before->is_known;
	if (is_cumulative)
		count->value = sub_clamped(count->value, before->value);
	else
		count->before = before->value;
}

void kvm_counts_subtract(struct kvm_counts *counts,
			 const struct kvm_counts *before)
{
	size_t i;

	for (i = 0; i < NUM_KVM_COUNTS; i++)
		subtract(&counts->v[i], &before->v[i], i < NUM_KVM_CUMULATIVE);
	subtract(&counts->slot_generation, &before->slot_generation, true);
}

static struct kvm_mapped mapped(uint64_t small, uint64_t large, uint64_t huge)
{
	return (struct kvm_mapped){
		.pages = small + large + huge,
		.small = small,
		.all = small + large * PAGES_PER_LARGE + huge * PAGES_PER_HUGE,
	};
}

int kvm_counts_mapped(const struct kvm_counts *counts, struct kvm_mapped *now,
		      struct kvm_mapped *before)
{
	const struct kvm_count *small = &counts->v[KVM_SMALL_PAGES];
	const struct kvm_count *large = &counts->v[KVM_LARGE_PAGES];
	const struct kvm_count *huge = &counts->v[KVM_HUGE_PAGES];

	if (!small->is_known)
		return small->err;
	if (!large->is_known || !huge->is_known)
		return large->is_known ? huge->err : large->err;
	*now = mapped(small->value, large->value, huge->value);
	*before = mapped(small->before, large->before, huge->before);
	return 0;
}

const char *kvm_count_name(enum kvm_count_id id)
{
	return files[id];
}

const char *kvm_count_why_not(int err)
{
	switch (err) {
	case -EPERM:
		return "the kernel is locked down (Secure Boot)";
	case -EACCES:
		return "needs root";
	case -ENOENT:
		return "this kernel does not count it";
	case -ENXIO:
		return "debugfs has no directory for the VM: mount -t debugfs none /sys/kernel/debug";
	case -ENOTUNIQ:
		return "its process has several VMs, and debugfs does not show which of them is this guest";
	case -ESTALE:
		return "it counts since before the module was loaded: look at an interval";
	case -ENODATA:
		return "not recorded";
	default:
		return strerror(-err);
	}
}
