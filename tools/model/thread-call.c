// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file-within.h"
#include "base/util.h"
#include "model/thread-call.h"

#define MAX_SIZE	256

/* "NUMBER ARGUMENT ... SP PC", "-1 SP PC" or "running" */
int thread_call_read(const struct env *env, uint64_t pid, uint64_t tid,
		     struct thread_call *call)
{
	char *path = xasprintf("%" PRIu64 "/task/%" PRIu64 "/syscall", pid, tid);
	size_t len;
	char *text = file_read_within(env->proc_fd, path, MAX_SIZE, &len, pid, SHORT_FILE_NS);
	int err = text ? 0 : -errno;

	if (text && (sscanf(text, "%" SCNd64 " %" SCNx64 " %" SCNx64, &call->number,
			    &call->args[0], &call->args[1]) != 3 || call->number < 0))
		err = -EAGAIN;
	free(text);
	free(path);
	return err;
}
