/* SPDX-License-Identifier: GPL-2.0 */
/* How much of this machine guests may use. */
#ifndef L1TUNE_LIMIT_H
#define L1TUNE_LIMIT_H

#include <linux/sched.h>
#include <linux/types.h>

#include "hook.h"

enum l1t_limit {
	L1T_MAX_VMS,
	L1T_MAX_VMS_PER_USER,
	L1T_MAX_VCPUS,
	L1T_MAX_VCPUS_PER_VM,
	L1T_MAX_MEMORY,
	L1T_MAX_MEMORY_PER_VM,
	L1T_MAX_NESTED_VMS,
	L1T_MAX_EXITS_PER_SEC,
	L1T_MAX_VMS_PER_SEC,	/* tenants only */
	L1T_LIMITS
};

struct l1t_tenant;

/* A limit is enforced, an audit threshold is only reported. */
enum l1t_bound { L1T_BOUND_LIMIT, L1T_BOUND_AUDIT, L1T_BOUNDS };

#define L1T_NO_LIMIT	U64_MAX

/**
 * struct l1t_exceeded - a limit refused, or an audit threshold was exceeded
 * @limit: which
 * @bound: limit or audit threshold
 * @tenant: whose limit it is; NULL: the machine's, or the guest's own
 * @value: of the limit or threshold
 * @use: what was in use
 * @err: the errno that the VMM gets, or would get; negative
 * @guest_id: of the guest, 0 if there is none
 * @count: number of events that this one sums up
 * @pid: the VMM's process
 * @uid: its user
 * @comm: its name
 */
struct l1t_exceeded {
	enum l1t_limit limit;
	enum l1t_bound bound;
	struct l1t_tenant *tenant;
	u64 value;
	u64 use;
	int err;
	u64 guest_id;
	u64 count;
	pid_t pid;
	uid_t uid;
	char comm[TASK_COMM_LEN];
};

const char *l1t_limit_name(enum l1t_limit limit);
int l1t_limit_parse(enum l1t_limit limit, const char *text, u64 *value);
u64 l1t_limit_value(enum l1t_limit limit, enum l1t_bound bound);
bool l1t_limit_is_set(enum l1t_limit limit);
void l1t_limit_want(enum l1t_limit limit, enum l1t_bound bound, bool on);
bool l1t_limit_is_wanted(enum l1t_limit limit);
void l1t_limit_request(enum l1t_limit limit, enum l1t_bound bound, u64 value);
void l1t_limit_enforce(enum l1t_limit limit, enum l1t_bound bound);
u64 l1t_limit_exceeded(enum l1t_limit limit, enum l1t_bound bound);
enum l1t_hook l1t_limit_hook(enum l1t_limit limit);
bool l1t_limit_effective(enum l1t_limit limit);
enum l1t_need l1t_limit_need(enum l1t_hook hook);
void l1t_limit_count(enum l1t_limit limit, enum l1t_bound bound);
int l1t_limits_init(void);

#endif
