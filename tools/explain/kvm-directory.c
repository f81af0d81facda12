// SPDX-License-Identifier: GPL-2.0
/*
 * KVM names a VM's directory PID-FD, after the process and its file descriptor.
 * No file in it names the guest: if a process has several VMs, they are recognised
 * by the contents of the directories.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/sysfs.h"
#include "base/util.h"
#include "base/wait.h"
#include "explain/kvm-directory.h"
#include "model/guest.h"

/* A file's time is that of the kernel's last tick. */
#define SAME_TIME_NS	(NSEC_PER_SEC / 20)

/* Signs that a directory is the guest's, the surest first. */
enum sign {
	/* vcpuN/pid, from Linux 6.4 on, is a thread that runs a vCPU of it. */
	SIGN_THREAD,
	SIGN_NUM_VCPUS,
	/* It was created when the guest was. */
	SIGN_TIME,
	NUM_SIGNS
};

struct search {
	const struct guest_snapshot *guest;
	char *prefix;
	/* By the clock that files have. */
	uint64_t created_ns;
	size_t num;
	char *first;
	size_t num_with[NUM_SIGNS];
	char *with[NUM_SIGNS];
};

/* What is in one directory. */
struct contents {
	const struct guest_snapshot *guest;
	uint64_t num_vcpus;
	bool is_thread_own, is_thread_other;
};

static int look_at_vcpu(int fd, const char *name, void *arg)
{
	struct contents *contents = arg;
	uint64_t id, tid;
	char *path;

	if (guest_parse_id(name, "vcpu", &id))
		return 0;
	contents->num_vcpus++;
	path = xasprintf("%s/pid", name);
	/* It is 0 before the vCPU has run. */
	if (!sysfs_read_u64(fd, path, &tid) && tid) {
		if (snapshot_is_thread(contents->guest, tid))
			contents->is_thread_own = true;
		else
			contents->is_thread_other = true;
	}
	free(path);
	return 0;
}

static bool is_of_time(int fd, const char *name, uint64_t created_ns)
{
	struct stat st;
	uint64_t at_ns;

	if (!created_ns || fstatat(fd, name, &st, 0))
		return false;
	at_ns = st.st_ctim.tv_sec * NSEC_PER_SEC + st.st_ctim.tv_nsec;
	return (at_ns > created_ns ? at_ns - created_ns : created_ns - at_ns) <
	       SAME_TIME_NS;
}

static void keep(char **name, const char *found)
{
	if (!*name)
		*name = xstrdup(found);
}

static int look_at_vm(int fd, const char *name, void *arg)
{
	struct search *search = arg;
	struct contents contents = { .guest = search->guest };
	bool has[NUM_SIGNS];
	size_t i;

	if (!begins_with(name, search->prefix))
		return 0;
	search->num++;
	keep(&search->first, name);
	sysfs_for_each(fd, name, look_at_vcpu, &contents);
	has[SIGN_THREAD] = contents.is_thread_own && !contents.is_thread_other;
	has[SIGN_NUM_VCPUS] = contents.num_vcpus == search->guest->guest.vcpus;
	has[SIGN_TIME] = is_of_time(fd, name, search->created_ns);
	for (i = 0; i < NUM_SIGNS; i++) {
		if (!has[i])
			continue;
		search->num_with[i]++;
		keep(&search->with[i], name);
	}
	return 0;
}

/* When a guest was created by the clock of files; 0 if that is not known. */
static uint64_t creation_time(const struct guest *guest)
{
	return guest->adopted ? 0 :
	       realtime_ns() - sub_clamped(boottime_ns(), guest->created_ns);
}

/* The only one there is, or the only one that has a sign. */
static const char *only_one(const struct search *search)
{
	size_t i;

	if (search->num == 1)
		return search->first;
	for (i = 0; i < NUM_SIGNS; i++)
		if (search->num_with[i] == 1)
			return search->with[i];
	return NULL;
}

int kvm_directory_find(const struct env *env, const struct guest_snapshot *guest,
		       char **dir)
{
	char *root = xasprintf("%s/kernel/debug/kvm", env->sysfs);
	struct search search = {
		.guest = guest,
		.prefix = xasprintf("%llu-", (unsigned long long)guest->guest.pid),
		.created_ns = creation_time(&guest->guest),
	};
	int err = sysfs_for_each(AT_FDCWD, root, look_at_vm, &search);
	const char *name = only_one(&search);
	size_t i;

	if (!err)
		err = name ? 0 : search.num ? -ENOTUNIQ : -ENXIO;
	else if (err == -ENOENT)
		err = -ENXIO;
	*dir = err ? NULL : xasprintf("%s/%s", root, name);
	for (i = 0; i < NUM_SIGNS; i++)
		free(search.with[i]);
	free(search.first);
	free(search.prefix);
	free(root);
	return err;
}
