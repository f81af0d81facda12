/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_HOST_H
#define L1TUNE_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"

/* A file of a directory of counters: taken as they are, whatever their names. */
struct host_count {
	char *name;
	uint64_t value;
	/* The file says so. */
	bool is_unknown;
};

struct host_counts {
	struct host_count *v;
	size_t num;
	/* The caller may not read some of them: they are unknown. */
	bool are_withheld;
};

struct host_hook {
	char *name;
	char *state;
};

/* This machine, as l1/ shows it; totals need permission to read guests. */
struct host {
	uint64_t abi;
	uint64_t loaded_ns;
	uint64_t virtualized;
	char isa[16];
	char hypervisor[32];
	/* "ok", or why stolen time is unknown; empty if the module has no such file. */
	char steal_clock[32];
	char module[64];
	char kernel[128];
	/* DMI's product: on a cloud the instance type. */
	char type[96];
	char boot_id[64];
	struct host_hook *hooks;
	size_t num_hooks;
	struct host_counts totals;
	struct host_counts usage;
	/* Guests that ended, by how; none of a module without them. */
	struct host_counts ended;
};

/* STATUS_OK, or another exit status after a message. */
int host_read(const struct env *env, struct host *host);
void host_free(struct host *host);

/* The same with env_open() before it; host_close() in every case. */
int host_open(struct env *env, struct host *host);
void host_close(struct env *env, struct host *host);

/* KVM is not loaded, not yet or no longer; a hook comes with it. */
bool hook_waits_for_kvm(const char *state);

/* There is one of this name, and it is known. */
bool host_has_count(const struct host_counts *counts, const char *name);
/* 0 if there is none of this name, or it is unknown or not readable. */
uint64_t host_count(const struct host_counts *counts, const char *name);

#endif
