/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_KNOWN_H
#define L1TUNE_KNOWN_H

#include <stddef.h>

#include "model/exits.h"
#include "model/guest.h"
#include "model/statsfile.h"

/*
 * Guests as they were found once. Who they are does not change, and what their
 * statistics are called only when one is added: what looks every second keeps
 * their directories and files open, and reads the values.
 */
struct known_guest {
	struct guest guest;
	int dir_fd;
	/* -1 as long as nobody asked for statistics. */
	int stats_fd;
	struct statsfile file;
	struct exits_plan plan;
};

struct known_guests {
	struct known_guest **v;
	size_t num;
};

/* Lets the process have as many open files as many guests need. */
void known_guests_allow_files(void);

/* NULL with errno, and *file naming what could not be read. */
struct known_guest *known_guest(struct known_guests *known,
				const struct env *env, uint64_t id,
				const char **file);
int known_guest_stats(struct known_guest *known, struct exit_stats *stats,
		      const char **why);

/* Forgets all guests but these, whose ids are in order. */
void known_guests_keep(struct known_guests *known, const uint64_t *ids,
		       size_t num);
void known_guests_free(struct known_guests *known);

#endif
