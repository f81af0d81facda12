/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ACTION_H
#define L1TUNE_ACTION_H

#include <jansson.h>
#include <stdbool.h>

#include "base/env.h"
#include "ui/options.h"

/* What is to be done when a threshold is exceeded, in words as rtla(1) has them. */
struct action {
	enum {
		ACTION_PRINT, ACTION_SNAPSHOT, ACTION_SHELL, ACTION_SIGNAL,
		ACTION_CONTINUE,
	} kind;
	/* Directory or command. */
	const char *text;
	int signal;
};

struct actions {
	struct action v[8];
	size_t num;
	/* After they were done; so it is without any, too. */
	bool goes_on;
	bool prints;
};

/* STATUS_OK, or STATUS_USAGE with an error. */
int actions_parse(const struct texts *texts, struct actions *actions,
		  struct error *error);

/* What happened, for actions: names are as they were found. */
struct action_facts {
	/* "slow" or "hang" */
	const char *event;
	uint64_t guest;
	const char *name;
	uint64_t pid;
	/* When the guest was created: its process is not one that started later. */
	uint64_t created_ns;
	uint64_t vcpu;
	uint64_t tid;
	const char *reason;
	uint64_t time_ns;
	const char *culprit;
	/* A line each, or empty. */
	const char *stack;
	/* All of it, and the guest. */
	const json_t *json;
};

/* All but printing. STATUS_OK, or STATUS_FAILED after a message; goes on anyhow. */
int actions_do(const struct actions *actions, const struct env *env,
	       const struct action_facts *facts);

#endif
