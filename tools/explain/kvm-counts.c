// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sysfs.h"
#include "base/util.h"
#include "explain/kvm-counts.h"

struct search {
	struct kvm_counts *counts;
	char *prefix;
};

static void add(int fd, const char *dir, const char *name, uint64_t *sum)
{
	char *path = xasprintf("%s/%s", dir, name);
	uint64_t value;

	if (!sysfs_read_u64(fd, path, &value))
		*sum = add_saturated(*sum, value);
	free(path);
}

/* Directories are called PID-FD. */
static int add_vm(int fd, const char *name, void *arg)
{
	struct search *search = arg;
	struct kvm_counts *counts = search->counts;

	if (strncmp(name, search->prefix, strlen(search->prefix)))
		return 0;
	counts->is_known = true;
	add(fd, name, "halt_poll_success_ns", &counts->poll_hit_ns);
	add(fd, name, "halt_poll_fail_ns", &counts->poll_miss_ns);
	add(fd, name, "l1d_flush", &counts->l1d_flushes);
	add(fd, name, "pages_4k", &counts->small_pages);
	add(fd, name, "pages_2m", &counts->large_pages);
	return 0;
}

void kvm_counts_read(const struct env *env, uint64_t pid,
		     struct kvm_counts *counts)
{
	char *dir = xasprintf("%s/kernel/debug/kvm", env->sysfs);
	struct search search = {
		.counts = counts,
		.prefix = xasprintf("%llu-", (unsigned long long)pid),
	};

	*counts = (struct kvm_counts){ };
	sysfs_for_each(AT_FDCWD, dir, add_vm, &search);
	free(search.prefix);
	free(dir);
}

void kvm_counts_subtract(struct kvm_counts *counts,
			 const struct kvm_counts *before)
{
	counts->is_known &= before->is_known;
	counts->poll_hit_ns = sub_clamped(counts->poll_hit_ns,
					  before->poll_hit_ns);
	counts->poll_miss_ns = sub_clamped(counts->poll_miss_ns,
					   before->poll_miss_ns);
	counts->l1d_flushes = sub_clamped(counts->l1d_flushes,
					  before->l1d_flushes);
}
