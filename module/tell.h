/* SPDX-License-Identifier: GPL-2.0 */
/* Telling people about limits: log, uevents, files that can be polled. */
#ifndef L1TUNE_TELL_H
#define L1TUNE_TELL_H

#include "limit.h"

/**
 * struct l1t_exceeded - a limit has been refused, or a threshold passed
 * @limit: which
 * @bound: which of the two
 * @value: of the limit or threshold
 * @use: what was in use
 * @err: what the VMM gets, or would; negative
 * @guest_id: of the guest that it is about, 0 for none
 * @count: how many of these it stands for
 * @pid: the VMM's process
 * @uid: its user
 * @comm: its name for itself
 */
struct l1t_exceeded {
	enum l1t_limit limit;
	enum l1t_bound bound;
	u64 value;
	u64 use;
	int err;
	u32 guest_id;
	u64 count;
	pid_t pid;
	uid_t uid;
	char comm[TASK_COMM_LEN];
};

void l1t_tell_exceeded(const struct l1t_exceeded *what);
void l1t_tell_effective(enum l1t_hook hook);
void l1t_tell_start(struct device *l1);
void l1t_tell_stop(void);

#endif
