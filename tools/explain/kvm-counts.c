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
#include "model/machine.h"

static const char *const files[NUM_KVM_COUNTS] = {
	[KVM_POLL_HIT_NS] = "halt_poll_success_ns",
	[KVM_POLL_MISS_NS] = "halt_poll_fail_ns",
	[KVM_L1D_FLUSHES] = "l1d_flush",
	[KVM_FAST_FAULTS] = "pf_fast",
	[KVM_SMALL_PAGES] = "pages_4k",
	[KVM_LARGE_PAGES] = "pages_2m",
	[KVM_NX_SPLITS] = "nx_lpage_splits",
};

/* The directories of a process's VMs, which are called PID-FD. */
struct search {
	char *prefix;
	uint64_t num_vcpus;
	size_t num, num_fitting;
	char *first, *fitting;
};

static int count_vcpu(int fd, const char *name, void *arg)
{
	uint64_t id, *num = arg;

	(void)fd;
	*num += !guest_parse_id(name, "vcpu", &id);
	return 0;
}

static void keep(char **name, const char *found)
{
	if (!*name)
		*name = xstrdup(found);
}

static int look_at_vm(int fd, const char *name, void *arg)
{
	struct search *search = arg;
	uint64_t num_vcpus = 0;

	if (strncmp(name, search->prefix, strlen(search->prefix)))
		return 0;
	search->num++;
	keep(&search->first, name);
	sysfs_for_each(fd, name, count_vcpu, &num_vcpus);
	if (num_vcpus == search->num_vcpus) {
		search->num_fitting++;
		keep(&search->fitting, name);
	}
	return 0;
}

/*
 * FD is the VMM's number, and no file says which guest it is: of several VMs
 * of one process, the one that alone has as many vCPUs. 0, or -errno.
 */
static int find_vm(const struct env *env, const struct guest *guest, char **dir)
{
	char *root = xasprintf("%s/kernel/debug/kvm", env->sysfs);
	struct search search = {
		.prefix = xasprintf("%llu-", (unsigned long long)guest->pid),
		.num_vcpus = guest->vcpus,
	};
	int err = sysfs_for_each(AT_FDCWD, root, look_at_vm, &search);
	const char *name = search.num == 1 ? search.first :
			   search.num_fitting == 1 ? search.fitting : NULL;

	if (!err)
		err = name ? 0 : search.num ? -ENOTUNIQ : -ENXIO;
	else if (err == -ENOENT)
		err = -ENXIO;
	*dir = err ? NULL : xasprintf("%s/%s", root, name);
	free(search.first);
	free(search.fitting);
	free(search.prefix);
	free(root);
	return err;
}

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

void kvm_counts_read(const struct env *env, const struct guest *guest,
		     struct kvm_counts *counts)
{
	bool is_locked = is_locked_down(env);
	char *dir, *path;
	int err = find_vm(env, guest, &dir);
	size_t i;

	*counts = (struct kvm_counts){ };
	for (i = 0; i < NUM_KVM_COUNTS; i++) {
		struct kvm_count *count = &counts->v[i];

		count->err = err;
		if (err)
			continue;
		path = xasprintf("%s/%s", dir, files[i]);
		count->err = read_count(path, is_locked, &count->value);
		count->is_known = !count->err;
		free(path);
	}
	free(dir);
}

void kvm_counts_start(struct kvm_counts *counts)
{
	size_t i;

	*counts = (struct kvm_counts){ };
	for (i = 0; i < NUM_KVM_COUNTS; i++)
		counts->v[i].is_known = true;
}

void kvm_counts_subtract(struct kvm_counts *counts,
			 const struct kvm_counts *before)
{
	size_t i;

	for (i = 0; i < NUM_KVM_COUNTS; i++) {
		struct kvm_count *count = &counts->v[i];

		if (count->is_known && !before->v[i].is_known)
			count->err = before->v[i].err;
		count->is_known &= before->v[i].is_known;
		if (i < NUM_KVM_CUMULATIVE)
			count->value = sub_clamped(count->value, before->v[i].value);
		else
			count->before = before->v[i].value;
	}
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
		return "that needs root";
	case -ENOENT:
		return "this kernel does not count it";
	case -ENXIO:
		return "debugfs has no directory for the VM: mount -t debugfs none /sys/kernel/debug";
	case -ENOTUNIQ:
		return "its process has several VMs, and debugfs does not say which is which";
	default:
		return strerror(-err);
	}
}
