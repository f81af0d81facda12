// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/error.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "base/whole.h"
#include "settings/class-write.h"

static const char *where(const struct class_write *w)
{
	return w->where ? w->where : "";
}

int class_write_directory(const struct env *env, const struct class_write *w)
{
	return w->is_whole ? AT_FDCWD : env->class_fd;
}

/* A copy of where it is. */
static char *full_path(const struct env *env, const struct class_write *w)
{
	return w->is_whole ? xstrdup(w->path) :
	       xasprintf("%s/class/l1tune/%s", env->sysfs, w->path);
}

/* Is it the file that is not there, or the guest, or all? */
static int complain_gone(const struct env *env, const struct class_write *w)
{
	char *device = xmemdup0(w->path, strcspn(w->path, "/"));
	bool is_there = !faccessat(env->class_fd, device, F_OK, 0);
	bool is_tenant = begins_with(device, "tenant-");
	bool is_guest = strcmp(device, "l1") && !is_tenant;

	free(device);
	if (w->is_whole) {
		complain("%s%s does not exist: its module is not loaded, or has no such parameter",
			 where(w), w->path);
		return STATUS_FAILED;
	}
	if (is_there) {
		complain("%sthe loaded module has no %s/class/l1tune/%s: " LOAD_OURS,
			 where(w), env->sysfs, w->path);
		return STATUS_FAILED;
	}
	if (is_tenant && !faccessat(env->class_fd, "l1", F_OK, 0)) {
		complain("%sthe tenant was removed meanwhile: no %s/class/l1tune/%s", where(w),
			 env->sysfs, w->path);
		return STATUS_FAILED;
	}
	if (!is_guest)
		return env_complain(env, w->path, -ENOENT);
	complain("the guest has ended: no %s/class/l1tune/%s",
		 env->sysfs, w->path);
	return STATUS_NO_GUEST;
}

static int complain_write(const struct env *env, const struct class_write *w,
			  int err)
{
	int status = STATUS_FAILED;
	char *path;

	if (sysfs_is_gone(err))
		return complain_gone(env, w);
	path = full_path(env, w);
	switch (err) {
	case -EACCES:
	case -EPERM:
		complain("%s%s: %s: needs CAP_SYS_ADMIN in the initial user namespace",
			 where(w), path, strerror(-err));
		status = STATUS_NOT_PERMITTED;
		break;
	case -EROFS:
		complain("%s%s is mounted read-only, as in a container: set it on the host",
			 where(w), env->sysfs);
		status = STATUS_NOT_PERMITTED;
		break;
	case -ERANGE:
		complain("%s%s: %s is too large", where(w), path,
			 w->after);
		break;
	case -EINVAL:
		complain("%s%s: invalid value %s", where(w), path,
			 w->after);
		break;
	case -EOPNOTSUPP:
		complain("%s%s: this CPU or KVM does not support %s: see the file's entry in sysfs-class-l1tune",
			 where(w), path, w->after);
		break;
	default:
		complain("%s%s: %s", where(w), path, strerror(-err));
	}
	free(path);
	return status;
}

int class_write_read(const struct env *env, struct class_write *write)
{
	int err = sysfs_read(class_write_directory(env, write), write->path,
			     write->before, sizeof(write->before));

	return err < 0 ? complain_write(env, write, err) : STATUS_OK;
}

int class_write_apply(const struct env *env, const struct class_write *write)
{
	int err = sysfs_write(class_write_directory(env, write), write->path,
			      write->after);

	return err ? complain_write(env, write, err) : STATUS_OK;
}

int class_writes_read(const struct env *env, struct class_write *writes, size_t num)
{
	int status = STATUS_OK;
	size_t i;

	for (i = 0; i < num && status == STATUS_OK; i++)
		status = class_write_read(env, &writes[i]);
	return status;
}

int class_writes_write(const struct env *env, const struct class_write *writes, size_t num,
		       size_t *num_written)
{
	int status = STATUS_OK;

	for (*num_written = 0; *num_written < num; (*num_written)++) {
		status = class_write_apply(env, &writes[*num_written]);
		if (status != STATUS_OK)
			break;
	}
	return status;
}

bool class_writes_restore(const struct env *env, const struct class_write *writes,
			  size_t num)
{
	size_t num_restored = 0, i;

	for (i = num; i--; ) {
		int err = sysfs_write(class_write_directory(env, &writes[i]),
				      writes[i].path, writes[i].before);
		char *path;

		num_restored += !err;
		if (!err)
			continue;
		path = full_path(env, &writes[i]);
		complain("%s remains %s and cannot be restored to %s: %s",
			 path, writes[i].after, writes[i].before,
			 strerror(-err));
		free(path);
	}
	return num_restored == num;
}

int class_writes_apply(const struct env *env, struct class_write *writes,
		       size_t num)
{
	struct whole whole;
	size_t num_written;
	int status;

	whole_begin(&whole);
	status = class_writes_read(env, writes, num);
	if (status == STATUS_OK) {
		status = class_writes_write(env, writes, num, &num_written);
		if (status != STATUS_OK && class_writes_restore(env, writes, num_written))
			complain(num_written ? "nothing was changed: the values written before were restored" :
					       "nothing was changed");
	}
	whole_end(&whole);
	return status;
}

void class_writes_free(struct class_write *writes, size_t num)
{
	size_t i;

	for (i = 0; i < num; i++) {
		free(writes[i].after);
		free(writes[i].where);
	}
	free(writes);
}
