/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_LIMIT_H
#define L1TUNE_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "model/host.h"

/* "max" in the module's files. */
#define LIMIT_NONE	UINT64_MAX
#define NUM_LIMITS	8
#define NUM_TENANT_LIMITS	6

/* What a limit is about, and whose use counts against it. */
struct limit_kind {
	const char *name;
	const char *help;
	/* What has to be attached in KVM for it. */
	const char *hook;
	/* The file in usage of l1 or of a tenant, or of a guest, that is the use of it. */
	const char *usage;
	bool is_bytes;
	/* A guest can have one of its own, instead of this machine's. */
	bool is_guests;
	enum {
		LIMIT_PER_HOST, LIMIT_PER_USER, LIMIT_PER_GUEST
	} scope;
};

extern const struct limit_kind limit_kinds[NUM_LIMITS];

/* Those of a tenant: of all its guests together. */
extern const struct limit_kind tenant_limit_kinds[NUM_TENANT_LIMITS];

/* NULL if there is none of this name. */
const struct limit_kind *limit_find(const char *name);

/* One limit as the module has it now. */
struct limit {
	const struct limit_kind *kind;
	/* LIMIT_NONE when not set. */
	uint64_t value;
	uint64_t audit;
	/* False for rates of exits without permission to read guests. */
	bool are_counts_known;
	uint64_t denied;
	uint64_t would_deny;
	bool is_effective;
	/* Its hook's; NULL if the module has none of that name. */
	const char *hook_state;
};

struct limits {
	struct limit v[NUM_LIMITS];
	size_t num;
};

/* STATUS_OK, or another exit status after a message; empty without limits. */
int limits_read(const struct env *env, const struct host *host,
		struct limits *limits);
/* 0, or -errno with *file, a copy, naming what could not be read. */
int limits_read_tenant(const struct env *env, const struct host *host, uint64_t id,
		       struct limits *limits, char **file);

/* Is there a limit to enforce, or an audit threshold? */
bool limit_is_set(const struct limit *limit);
/* KVM is not loaded: no fault. */
bool limit_is_waiting(const struct limit *limit);
/* Set, and nothing comes of it. */
bool limit_is_broken(const struct limit *limit);
/* "yes", "waiting", "no", or NULL when it is not set. */
const char *limit_state(const struct limit *limit);
/* Says why one is broken or waits, and what to do; of what it is a limit, or "". */
void limit_complain(const char *owner, const struct limit *limit);

#endif
