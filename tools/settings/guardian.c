// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "settings/guardian.h"

/* What ends the one that is guarded must not end this. */
static void detach(void)
{
	static const int signals[] = {
		SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE,
	};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	size_t i;

	setsid();
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_IGN);
	/* Who reads the output of the other one is not to wait for this. */
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
	}
	prctl(PR_SET_NAME, "l1tune-guardian");
}

/* Until the other end is closed; what came before, which is a value or nothing. */
static void wait_for_end(int fd, char *told, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, told + len, size - 1 - len)) > 0 ||
	       (n < 0 && errno == EINTR))
		len += n > 0 ? n : 0;
	told[len] = '\0';
}

static int restore(const struct env *env, const struct class_write *write,
		   const char *told)
{
	int dir = class_write_directory(env, write);
	char now[32];
	int err = sysfs_read(dir, write->path, now, sizeof(now));

	/* A guest that is gone has nothing to be put back. */
	if (sysfs_is_gone(err) || (err >= 0 && !strcmp(now, write->before)))
		return STATUS_OK;
	if (err >= 0 && *told && strcmp(now, told)) {
		complain("%s was set to %s by another process and is left as is; it was %s before",
			 write->path, now, write->before);
		return STATUS_FAILED;
	}
	if (err >= 0)
		err = sysfs_write(dir, write->path, write->before);
	if (!err || sysfs_is_gone(err))
		return STATUS_OK;
	complain("%s cannot be restored to %s: %s", write->path, write->before,
		 strerror(-err));
	return STATUS_FAILED;
}

int guardian_start(struct guardian *guardian, const struct env *env,
		   struct class_write *write)
{
	char told[32], ready = '.';
	int fds[2], status;

	status = class_write_read(env, write);
	if (status != STATUS_OK)
		return status;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) {
		complain("cannot create a socket: %s; nothing was changed", strerror(errno));
		return STATUS_FAILED;
	}
	guardian->pid = fork();
	if (guardian->pid < 0) {
		complain("cannot start the process that restores the value: %s; nothing was changed",
			 strerror(errno));
		close(fds[0]);
		close(fds[1]);
		return STATUS_FAILED;
	}
	if (!guardian->pid) {
		detach();
		close(fds[1]);
		if (send(fds[0], &ready, 1, MSG_NOSIGNAL) != 1)
			_exit(STATUS_FAILED);
		wait_for_end(fds[0], told, sizeof(told));
		_exit(restore(env, write, told));
	}
	close(fds[0]);
	guardian->fd = fds[1];
	/* Before it is detached, a signal to this group would end it too. */
	if (read(fds[1], &ready, 1) == 1)
		return STATUS_OK;
	complain("the process that restores the value has ended; nothing was changed");
	guardian_end(guardian);
	return STATUS_FAILED;
}

void guardian_expect(struct guardian *guardian, const struct env *env,
		     const struct class_write *written)
{
	char now[32];
	int len = sysfs_read(class_write_directory(env, written), written->path,
			     now, sizeof(now));

	/* Without it the value is put back all the same. */
	if (len > 0 && send(guardian->fd, now, len, MSG_NOSIGNAL) != len)
		complain("the process that restores %s has ended (%s): it was %s before, set it back yourself",
			 written->path, strerror(errno), written->before);
}

int guardian_end(struct guardian *guardian)
{
	int status;

	close(guardian->fd);
	while (waitpid(guardian->pid, &status, 0) < 0)
		if (errno != EINTR)
			return STATUS_FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_FAILED;
}
