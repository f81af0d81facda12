/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_GUEST_CACHE_H
#define L1TUNE_GUEST_CACHE_H

#include <stddef.h>

#include "model/beside.h"
#include "model/exits.h"
#include "model/guest.h"
#include "model/statsfile.h"

/*
 * Guests as they were found once. Who they are does not change, and what their
 * statistics are called only when one is added: what looks every second keeps
 * their directories and files open, and reads the values.
 */
struct cached_guest {
	struct guest guest;
	int dir_fd;
	struct guest_files files;
	/* -1 until statistics are requested. */
	int stats_fd;
	struct statsfile file;
	struct exits_plan plan;
};

struct guest_cache {
	struct cached_guest **v;
	size_t num;
	struct beside_reader beside;
};

/* Lets the process have as many open files as many guests need. */
void guest_cache_allow_files(void);

/* NULL with errno, and *file naming what could not be read. */
struct cached_guest *guest_cache_get(struct guest_cache *cache,
				     const struct env *env, uint64_t id,
				     const char **file);
int cached_guest_stats(struct cached_guest *cached, struct exit_stats *stats,
		       const char **why);

/* Forgets all guests but these, whose ids are in order. */
void guest_cache_keep(struct guest_cache *cache, const uint64_t *ids,
		      size_t num);
void guest_cache_free(struct guest_cache *cache);

#endif
