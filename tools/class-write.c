// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "class-write.h"
#include "sysfs.h"
#include "util.h"

static const char *where(const struct class_write *w)
{
	return w->where ? w->where : "";
}

/* Is it the file that is not there, or the guest, or all? */
static int complain_gone(const struct env *env, const struct class_write *w)
{
	char *device = xmemdup0(w->path, strcspn(w->path, "/"));
	bool is_there = !faccessat(env->class_fd, device, F_OK, 0);
	bool is_guest = strcmp(device, "l1");

	free(device);
	if (is_there) {
		complain("%sthe module that is loaded has no %s/class/l1tune/%s: load the one that came with this l1tune",
			 where(w), env->sysfs, w->path);
		return STATUS_FAILED;
	}
	if (!is_guest)
		return env_complain(env, w->path, -ENOENT);
	complain("the guest is not there any more: no %s/class/l1tune/%s",
		 env->sysfs, w->path);
	return STATUS_NO_GUEST;
}

static int complain_write(const struct env *env, const struct class_write *w,
			  int err)
{
	switch (err) {
	case -EACCES:
	case -EPERM:
		complain("%s%s/class/l1tune/%s: %s: limits are set by root with CAP_SYS_ADMIN, and not from a user namespace",
			 where(w), env->sysfs, w->path, strerror(-err));
		return STATUS_NOT_PERMITTED;
	case -EROFS:
		complain("%s%s is mounted read-only, as in a container: set limits on the host",
			 where(w), env->sysfs);
		return STATUS_NOT_PERMITTED;
	case -ERANGE:
		complain("%s%s/class/l1tune/%s: %s is too large for it",
			 where(w), env->sysfs, w->path, w->after);
		return STATUS_FAILED;
	case -EINVAL:
		complain("%s%s/class/l1tune/%s: the module does not take %s",
			 where(w), env->sysfs, w->path, w->after);
		return STATUS_FAILED;
	}
	if (sysfs_is_gone(err))
		return complain_gone(env, w);
	complain("%s%s/class/l1tune/%s: %s", where(w), env->sysfs, w->path,
		 strerror(-err));
	return STATUS_FAILED;
}

/* What cannot be given back is named, for it stays. */
static void restore(const struct env *env, const struct class_write *writes,
		    size_t num)
{
	size_t num_restored = 0, i;

	for (i = num; i--; ) {
		int err = sysfs_write(env->class_fd, writes[i].path,
				      writes[i].before);

		num_restored += !err;
		if (err)
			complain("%s/class/l1tune/%s stays at %s and cannot be set back to %s: %s",
				 env->sysfs, writes[i].path, writes[i].after,
				 writes[i].before, strerror(-err));
	}
	if (num_restored == num)
		complain(num ? "nothing was changed: what was set before it has been set back" :
			       "nothing was changed");
}

int class_writes_apply(const struct env *env, struct class_write *writes,
		       size_t num)
{
	size_t i;
	int err;

	for (i = 0; i < num; i++) {
		err = sysfs_read(env->class_fd, writes[i].path,
				 writes[i].before, sizeof(writes[i].before));
		if (err < 0)
			return complain_write(env, &writes[i], err);
	}
	for (i = 0; i < num; i++) {
		int status;

		err = sysfs_write(env->class_fd, writes[i].path,
				  writes[i].after);
		if (!err)
			continue;
		status = complain_write(env, &writes[i], err);
		restore(env, writes, i);
		return status;
	}
	return STATUS_OK;
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
