/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_GUARDIAN_H
#define L1TUNE_GUARDIAN_H

#include <sys/types.h>

#include "base/env.h"
#include "settings/class-write.h"

/* A process that puts a value back, however this one ends. */
struct guardian {
	pid_t pid;
	/* As long as this is open here, the value may be another one. */
	int fd;
};

/*
 * To be there before the value is changed: it reads what the value is.
 * STATUS_OK, or another exit status after a message.
 */
int guardian_start(struct guardian *guardian, const struct env *env,
		   struct class_write *write);

/*
 * The value has been written. If the file has another one at the end, another
 * process has set it, and it is kept.
 */
void guardian_expect(struct guardian *guardian, const struct env *env,
		     const struct class_write *written);

/* Has it restored; STATUS_FAILED after a message if that was not possible. */
int guardian_end(struct guardian *guardian);

#endif
