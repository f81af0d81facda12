/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_THREAD_CALL_H
#define L1TUNE_THREAD_CALL_H

#include <stdint.h>

#include "base/env.h"

/* A system call in which a thread sleeps. */
struct thread_call {
	int64_t number;
	uint64_t args[2];
};

/* 0, or -errno: -EAGAIN if it runs, or sleeps for something else. Root may read it. */
int thread_call_read(const struct env *env, uint64_t pid, uint64_t tid,
		     struct thread_call *call);

#endif
