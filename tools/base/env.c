// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/error.h"
#include "base/sysfs.h"
#include "base/util.h"

/* modprobe alone takes neither gid nor limits from /etc/l1tune.conf. */
#define LOAD	"run l1tune apply --load; modprobe l1tune alone sets no limits"

static int complain_missing(const struct env *env)
{
	char *module = xasprintf("%s/module/l1tune", env->sysfs);

	if (access(env->sysfs, F_OK))
		complain("%s: %s", env->sysfs, strerror(errno));
	else if (access(module, F_OK))
		complain("the module is not loaded (no %s/class/l1tune): " LOAD,
			 env->sysfs);
	else
		complain("the module is loaded, but %s/class/l1tune/l1 is missing: see dmesg; run " RELOAD,
			 env->sysfs);
	free(module);
	return STATUS_NO_MODULE;
}

/* l1/abi changes when a file has another meaning, or is not there any more. */
#define ABI	2

static int check_abi(int fd)
{
	uint64_t abi;

	if (sysfs_read_u64(fd, "abi", &abi) || abi == ABI)
		return STATUS_OK;
	complain("the loaded module has abi %" PRIu64 ", this l1tune needs %d: " LOAD_OURS,
		 abi, ABI);
	return STATUS_FAILED;
}

int env_open(struct env *env)
{
	char *class;
	int status = STATUS_OK, fd;

	env->class_fd = -1;
	env->proc_fd = -1;
	if (env->past)
		return STATUS_OK;
	class = xasprintf("%s/class/l1tune", env->sysfs);
	env->class_fd = sysfs_open_dir(AT_FDCWD, class);
	fd = env->class_fd < 0 ? env->class_fd :
				 sysfs_open_dir(env->class_fd, "l1");
	if (sysfs_is_withheld(fd)) {
		complain("%s: %s", class, strerror(-fd));
		status = STATUS_NOT_PERMITTED;
	} else if (fd < 0) {
		status = complain_missing(env);
	} else {
		status = check_abi(fd);
		close(fd);
	}
	free(class);
	if (status == STATUS_OK) {
		env->proc_fd = sysfs_open_dir(AT_FDCWD, env->proc);
		if (env->proc_fd < 0) {
			complain("%s: %s", env->proc, strerror(-env->proc_fd));
			status = STATUS_FAILED;
		}
	}
	if (status != STATUS_OK)
		env_close(env);
	return status;
}

void env_close(struct env *env)
{
	if (env->class_fd >= 0)
		close(env->class_fd);
	if (env->proc_fd >= 0)
		close(env->proc_fd);
	env->class_fd = -1;
	env->proc_fd = -1;
}

int env_complain_older(const struct env *env, const char *file)
{
	complain("the loaded module has no %s/class/l1tune/%s: " LOAD_OURS,
		 env->sysfs, file);
	return STATUS_FAILED;
}

int env_complain(const struct env *env, const char *file, int err)
{
	if (sysfs_is_gone(err) && faccessat(env->class_fd, "l1", F_OK, 0)) {
		complain("the module was unloaded: " LOAD);
		return STATUS_NO_MODULE;
	}
	if (err == -ENOENT && begins_with(file, "l1/"))
		return env_complain_older(env, file);
	if (!sysfs_is_withheld(err)) {
		complain("%s/class/l1tune/%s: %s", env->sysfs, file,
			 err == -EBADMSG ? "unexpected value" :
					   strerror(-err));
		return STATUS_FAILED;
	}
	complain("%s/class/l1tune/%s: %s: only root and the group of the module parameter gid may read guests",
		 env->sysfs, file, strerror(-err));
	return STATUS_NOT_PERMITTED;
}

const char *env_why_not(const struct env *env, int err)
{
	return env->past ? "not recorded" :
	       err == -ETIMEDOUT ? "the kernel waits for the process (ps hangs too), or takes too long" :
				   strerror(-err);
}
