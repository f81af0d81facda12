/* SPDX-License-Identifier: GPL-2.0 */
/* What many threads create and destroy at once against a limit, counted by themselves. */
#ifndef PROGRAMS_ALIVE_H
#define PROGRAMS_ALIVE_H

#include <err.h>
#include <errno.h>
#include <stdatomic.h>
#include <time.h>

/* In memory that all processes share. */
struct count {
	atomic_long alive;
	atomic_long most;
	atomic_long created;
	atomic_long refused;
};

static inline void came(struct count *c)
{
	long alive = atomic_fetch_add(&c->alive, 1) + 1, most = c->most;

	c->created++;
	while (alive > most && !atomic_compare_exchange_weak(&c->most, &most, alive))
		;
}

/* Counts EDQUOT in @c, any other errno in @strange, and prints the first of those. */
static inline void refused(struct count *c, const char *what, atomic_long *strange)
{
	if (errno == EDQUOT)
		c->refused++;
	else if (!(*strange)++)
		warn("%s", what);
}

static inline time_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

#endif
