// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "model/proc.h"
#include "ui/action.h"
#include "ui/frame.h"

#define MOST_SNAPSHOTS	1000
/* A name is as long as its owner likes, and execve() takes no more than 128 kB. */
#define MOST_TEXT	4096

static bool is_number_of_signal(const char *text, int *number)
{
	uint64_t value;

	if (parse_u64(text, &value) || !value || value > 64)
		return false;
	*number = value;
	return true;
}

static int parse(const char *text, struct action *action, struct error *error)
{
	static const char *const plain[] = {
		[ACTION_PRINT] = "print", [ACTION_CONTINUE] = "continue",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(plain); i++) {
		if (!plain[i] || strcmp(text, plain[i]))
			continue;
		action->kind = i;
		return STATUS_OK;
	}
	if (!strncmp(text, "snapshot,dir=", 13) && text[13]) {
		*action = (struct action){ ACTION_SNAPSHOT, text + 13 };
		return STATUS_OK;
	}
	if (!strncmp(text, "shell,command=", 14) && text[14]) {
		*action = (struct action){ ACTION_SHELL, text + 14 };
		return STATUS_OK;
	}
	if (!strncmp(text, "signal,num=", 11) &&
	    is_number_of_signal(text + 11, &action->signal)) {
		action->kind = ACTION_SIGNAL;
		return STATUS_OK;
	}
	return error_set(error, "--on-threshold: '%s' is not one of print, snapshot,dir=DIR, shell,command=COMMAND, signal,num=N (1 to 64), continue",
			 text);
}

int actions_parse(const struct texts *texts, struct actions *actions,
		  struct error *error)
{
	int status = STATUS_OK;
	size_t i;

	*actions = (struct actions){
		.goes_on = !texts->num, .prints = !texts->num,
	};
	for (i = 0; i < texts->num && status == STATUS_OK; i++) {
		struct action *action = &actions->v[actions->num++];

		status = parse(texts->v[i], action, error);
		actions->goes_on |= action->kind == ACTION_CONTINUE;
		actions->prints |= action->kind == ACTION_PRINT;
	}
	return status;
}

/* A new file that only its owner may read; no link is followed. */
static int write_new(const char *dir, const struct action_facts *facts)
{
	char *path = xasprintf("%s/%s-l2-%llu-vcpu%llu-%d-XXXXXX", dir, facts->event,
			       (unsigned long long)facts->guest,
			       (unsigned long long)facts->vcpu, getpid());
	int fd = mkostemp(path, O_CLOEXEC), status = STATUS_OK;
	bool is_written = fd >= 0 && !json_dumpfd(facts->json, fd, JSON_INDENT(1));

	/* Some file systems tell only then that they are full. */
	if (fd >= 0 && close(fd))
		is_written = false;
	if (!is_written) {
		complain("%s: cannot write a snapshot: %s", path, strerror(errno));
		if (fd >= 0)
			unlink(path);
		status = STATUS_FAILED;
	}
	free(path);
	return status;
}

/* How many there are is up to the guest, so they must not fill the disk. */
static int write_snapshot(const char *dir, const struct action_facts *facts)
{
	static unsigned int num;

	if (num > MOST_SNAPSHOTS)
		return STATUS_OK;
	if (num++ < MOST_SNAPSHOTS)
		return write_new(dir, facts);
	complain("%s: %d snapshots were written, no more will be", dir, MOST_SNAPSHOTS);
	return STATUS_OK;
}

static void set(const char *name, char *value)
{
	setenv(name, value, 1);
	free(value);
}

/* Passed only in the environment, so the shell never parses it. */
static void set_facts(const struct action_facts *facts)
{
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{ "L1TUNE_GUEST", facts->guest }, { "L1TUNE_PID", facts->pid },
		{ "L1TUNE_VCPU", facts->vcpu }, { "L1TUNE_TID", facts->tid },
		{ "L1TUNE_TIME_NS", facts->time_ns },
	};
	const struct {
		const char *name, *value;
	} texts[] = {
		{ "L1TUNE_EVENT", facts->event }, { "L1TUNE_NAME", facts->name },
		{ "L1TUNE_REASON", facts->reason }, { "L1TUNE_CULPRIT", facts->culprit },
		{ "L1TUNE_STACK", facts->stack },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		set(numbers[i].name, xasprintf("%llu", (unsigned long long)numbers[i].value));
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		char *text = escape_string(texts[i].value ?: "", true);

		set(texts[i].name, shorten_middle(text, MOST_TEXT));
		free(text);
	}
}

static int complain_shell(const char *command, int wait_status)
{
	if (WIFSIGNALED(wait_status))
		complain("shell,command=%s: signal %d ended it", command, WTERMSIG(wait_status));
	else
		complain("shell,command=%s: it failed with exit status %d", command,
			 WEXITSTATUS(wait_status));
	return STATUS_FAILED;
}

/* Its output is not a part of ours. */
static int run_shell(const char *command, const struct action_facts *facts)
{
	pid_t pid;
	int wait_status = 0;

	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		complain("shell,command=%s: cannot start it: %s", command, strerror(errno));
		return STATUS_FAILED;
	}
	if (!pid) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		set_facts(facts);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR)
		;
	return wait_status ? complain_shell(command, wait_status) : STATUS_OK;
}

/* The process that created the guest, not another one that has its PID now. */
static int send_signal(int number, const struct env *env,
		       const struct action_facts *facts)
{
	int pidfd = syscall(SYS_pidfd_open, facts->pid, 0), err = 0;
	char *path = xasprintf("%llu", (unsigned long long)facts->pid);
	int dir = pidfd < 0 ? -1 : sysfs_open_dir(env->proc_fd, path);

	if (pidfd < 0)
		err = errno;
	else if (dir < 0)
		err = -dir;
	else if (proc_check_start(dir, facts->created_ns))
		err = ESRCH;
	else if (syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0))
		err = errno;
	if (err)
		complain("signal,num=%d: process %s: %s", number, path, strerror(err));
	if (dir >= 0)
		close(dir);
	if (pidfd >= 0)
		close(pidfd);
	free(path);
	return err ? STATUS_FAILED : STATUS_OK;
}

int actions_do(const struct actions *actions, const struct env *env,
	       const struct action_facts *facts)
{
	int status = STATUS_OK, one;
	size_t i;

	for (i = 0; i < actions->num; i++) {
		const struct action *action = &actions->v[i];

		one = STATUS_OK;
		if (action->kind == ACTION_SNAPSHOT)
			one = write_snapshot(action->text, facts);
		else if (action->kind == ACTION_SHELL)
			one = run_shell(action->text, facts);
		else if (action->kind == ACTION_SIGNAL)
			one = send_signal(action->signal, env, facts);
		if (one != STATUS_OK)
			status = one;
	}
	return status;
}
