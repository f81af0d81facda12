/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_HOLD_H
#define L1TUNE_HOLD_H

#include <stdint.h>

#include "base/env.h"
#include "model/cgroup.h"

/* What keeps a VMM's process from running, as far as can be known. */
enum hold {
	HOLD_NONE,
	/* A signal or a debugger. */
	HOLD_STOPPED,
	/* The freezer of its cgroup or of one above. */
	HOLD_FROZEN,
};

enum hold hold_read(const struct env *env, const struct cgroup_mounts *mounts,
		    uint64_t pid);

#endif
