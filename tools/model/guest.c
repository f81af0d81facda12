// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file-within.h"
#include "base/file.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "model/guest.h"
#include "model/name.h"
#include "model/proc.h"

/* A page, as sysfs shows no more of a file. */
#define MAX_CGROUP	4096

int guest_parse_id(const char *name, const char *prefix, uint64_t *id)
{
	size_t len = strlen(prefix);

	return strncmp(name, prefix, len) ? -EINVAL : parse_u64(name + len, id);
}

char *guest_device(const struct guest *guest)
{
	return guest ? xasprintf("l2-%llu", (unsigned long long)guest->id) : NULL;
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int guest_list(const struct env *env, uint64_t **ids, size_t *num)
{
	struct dirent *entry;
	uint64_t id;
	DIR *dir;

	*ids = NULL;
	*num = 0;
	dir = sysfs_list_dir(env->class_fd, ".");
	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		if (!guest_parse_id(entry->d_name, "l2-", &id))
			*GROW(*ids, *num) = id;
	closedir(dir);
	if (*num)
		qsort(*ids, *num, sizeof(**ids), compare_ids);
	return 0;
}

int guest_open(const struct env *env, uint64_t id)
{
	char dir[32];

	snprintf(dir, sizeof(dir), "l2-%llu", (unsigned long long)id);
	return sysfs_open_dir(env->class_fd, dir);
}

/* It never changes. Older modules have no such file. */
static char *read_created_cgroup(int fd)
{
	size_t len;
	char *path = file_read(fd, "cgroup", MAX_CGROUP, &len);

	if (!path)
		return NULL;
	/* A cgroup's name may have any byte in it but a newline and a slash. */
	path[strcspn(path, "\n")] = '\0';
	if (*path == '/')
		return path;
	free(path);
	return NULL;
}

const char *guest_charged_cgroup(const struct guest *guest)
{
	return guest->created_cgroup ? guest->created_cgroup : guest->cgroup;
}

/* Once is enough: there may be any number of them. */
static void complain_withheld(const struct guest *guest)
{
	static bool is_told;

	if (!is_told)
		complain("PID %llu: its command line cannot be read, as the kernel waits for the process (ps hangs too): guest %llu, and others like it, are named without it",
			 (unsigned long long)guest->pid, (unsigned long long)guest->id);
	is_told = true;
}

/* By the VMM's command line and cgroup; of an ended process only comm is left. */
static void identify(const struct env *env, struct guest *guest)
{
	struct identity identity = { };
	struct proc_info info = { };

	if (!proc_read(env->proc_fd, guest->pid, guest->created_ns, &info)) {
		identity_find(info.cmdline, info.cmdline_len,
			      info.vcpu_cgroup ? info.vcpu_cgroup : info.cgroup, &identity);
		guest->cgroup = info.cgroup;
		info.cgroup = NULL;
		if (info.vcpu_cgroup && guest->cgroup &&
		    strcmp(info.vcpu_cgroup, guest->cgroup)) {
			guest->vcpu_cgroup = info.vcpu_cgroup;
			info.vcpu_cgroup = NULL;
		}
		guest->is_withheld = info.is_withheld;
		proc_free(&info);
	}
	if (guest->is_withheld)
		complain_withheld(guest);
	guest->name = identity.name ? identity.name : xstrdup(guest->comm);
	guest->name_source = identity.name ? identity.name_source : "comm";
	guest->instance = identity.instance;
	guest->label = xstrdup(guest->name);
}

static void forget_identity(struct guest *guest)
{
	free(guest->name);
	free(guest->label);
	free(guest->instance);
	free(guest->cgroup);
	free(guest->vcpu_cgroup);
	guest->name = guest->label = guest->instance = guest->cgroup = guest->vcpu_cgroup = NULL;
}

char *guest_full_name(const struct guest *guest)
{
	return guest->instance ? xasprintf("%s@%s", guest->name, guest->instance) :
				 xstrdup(guest->name);
}

bool guest_is_canary(const struct guest *guest)
{
	return !guest->uid && !strcmp(guest->comm, CANARY_NAME);
}

static void read_nested(int fd, struct guest *guest)
{
	if (sysfs_read(fd, "nested", guest->nested, sizeof(guest->nested)) < 0)
		guest->nested[0] = '\0';
}

int guest_read_peak(int fd, uint64_t *bytes)
{
	int err = sysfs_read_u64(fd, "memory_peak_bytes", bytes);

	/* Modules without limits did not keep it. */
	return err == -ENOENT ? sysfs_read_u64(fd, "memory_bytes", bytes) : err;
}

int guest_refresh(const struct env *env, int fd, struct guest_files *files,
		  struct guest *guest, const char **file)
{
	int err = kept_file_read_u64(&files->vcpus, fd, *file = "vcpus", &guest->vcpus);

	if (!err)
		err = kept_file_read_u64(&files->memory_bytes, fd,
					 *file = "memory_bytes", &guest->memory_bytes);
	if (!err && kept_file_read(&files->nested, fd, "nested", guest->nested,
				   sizeof(guest->nested)) < 0)
		guest->nested[0] = '\0';
	if (!err && guest->is_withheld && !file_is_withheld(guest->pid)) {
		forget_identity(guest);
		guest->is_withheld = false;
		identify(env, guest);
	}
	return err;
}

void guest_files_close(struct guest_files *files)
{
	kept_file_close(&files->vcpus);
	kept_file_close(&files->memory_bytes);
	kept_file_close(&files->nested);
}

int guest_read(const struct env *env, int fd, uint64_t id, struct guest *guest,
	       const char **file)
{
	const struct {
		const char *file;
		uint64_t *value;
	} numbers[] = {
		{ "pid", &guest->pid },
		{ "uid", &guest->uid },
		{ "created_ns", &guest->created_ns },
		{ "adopted", &guest->adopted },
		{ "vcpus", &guest->vcpus },
		{ "memory_bytes", &guest->memory_bytes },
		{ "exits", &guest->exits },
		{ "exit_time_ns", &guest->exit_time_ns },
		{ "guest_time_ns", &guest->guest_time_ns },
	};
	size_t i;
	int err;

	memset(guest, 0, sizeof(*guest));
	guest->id = id;
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		*file = numbers[i].file;
		err = sysfs_read_u64(fd, *file, numbers[i].value);
		if (err)
			return err;
	}
	*file = "memory_peak_bytes";
	err = guest_read_peak(fd, &guest->memory_peak_bytes);
	if (err)
		return err;
	*file = "comm";
	err = sysfs_read(fd, *file, guest->comm, sizeof(guest->comm));
	if (err < 0)
		return err;
	read_nested(fd, guest);
	guest->created_cgroup = read_created_cgroup(fd);
	identify(env, guest);
	return 0;
}

static char *copy_text(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

void guest_copy(struct guest *copy, const struct guest *guest)
{
	size_t i;

	*copy = *guest;
	copy->name = xstrdup(guest->name);
	copy->label = copy_text(guest->label);
	copy->instance = copy_text(guest->instance);
	copy->cgroup = copy_text(guest->cgroup);
	copy->vcpu_cgroup = copy_text(guest->vcpu_cgroup);
	copy->created_cgroup = copy_text(guest->created_cgroup);
	copy->tenants = NULL;
	copy->num_tenants = 0;
	for (i = 0; i < guest->num_tenants; i++)
		*GROW(copy->tenants, copy->num_tenants) = guest->tenants[i];
}

void guest_free(struct guest *guest)
{
	forget_identity(guest);
	free(guest->created_cgroup);
	free(guest->tenants);
	memset(guest, 0, sizeof(*guest));
}
