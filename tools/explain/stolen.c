// SPDX-License-Identifier: GPL-2.0
/* CPU time that L0 took, of a guest and of this machine. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/baseline.h"
#include "explain/stolen.h"

enum answer may_be_stolen(const struct facts *f, double cpus, char **seen)
{
	const struct exit_stats *stats = &f->guest->stats;

	if (!f->host->virtualized)
		return ANSWER_NO;
	if (!stats->has[STAT_STOLEN]) {
		append(seen, "; whether L0 did not run its CPUs for a part of that is not known: stolen time is not counted");
		return ANSWER_UNKNOWN;
	}
	if (in_interval(f, stats->value[STAT_STOLEN]) < cpus / 2)
		return ANSWER_NO;
	append(seen, "; L0 did not run its CPUs for a part of that");
	return ANSWER_YES;
}

/* Without a steal clock the kernel counts none; what it counts is from one. */
bool stolen_of_machine(const struct facts *f, double *cpus)
{
	*cpus = rate_of_machine(f, f->activity.stolen_ns) / NSEC_PER_SEC;
	return f->activity.is_stolen_counted &&
	       (f->activity.stolen_ns || !strcmp(f->host->steal_clock, "ok"));
}

char *leave_shared_l0(const struct facts *f)
{
	char *seen = NULL;
	bool has_baseline = has_cpu_baseline(f, &seen) == ANSWER_YES;

	free(seen);
	return xstrdup(has_baseline ? NO_BASELINE : NOT_SHARED);
}
