// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/advice-log.h"
#include "model/past.h"

/* Advice near a threshold comes and goes: it has ended when not given for this long. */
#define GONE_NS		(600 * NSEC_PER_SEC)
/* No more are followed; thousands of guests have their advice together. */
#define ENTRIES_MOST	1000

static struct advice_entry *find(struct advice_log *log, const struct advice *advice)
{
	size_t i;

	for (i = 0; i < log->num; i++)
		if (log->v[i].guest_id == advice->guest_id &&
		    !strcmp(log->v[i].rule, advice->name))
			return &log->v[i];
	return NULL;
}

static void take_found(struct advice_log *log, const struct findings *findings,
		       uint64_t now_ns, advice_change_fn fn, void *arg)
{
	size_t i;

	for (i = 0; i < findings->num; i++) {
		const struct advice *advice = &findings->list[i];
		struct advice_entry *entry = find(log, advice);

		if (!entry && log->num == ENTRIES_MOST)
			return;
		if (!entry) {
			entry = GROW(log->v, log->num);
			*entry = (struct advice_entry){
				.rule = advice->name, .guest_id = advice->guest_id,
				.num_guests = advice->num_guests,
			};
			fn(entry, true, arg);
		}
		entry->found_ns = now_ns;
	}
}

static void drop_gone(struct advice_log *log, uint64_t now_ns, advice_change_fn fn, void *arg)
{
	size_t kept = 0, i;

	for (i = 0; i < log->num; i++) {
		if (now_ns - log->v[i].found_ns < GONE_NS)
			log->v[kept++] = log->v[i];
		else
			fn(&log->v[i], false, arg);
	}
	log->num = kept;
}

void advice_log_look(struct advice_log *log, const struct env *env, const struct host *host,
		     const struct snapshot *before, const struct snapshot *after,
		     advice_change_fn fn, void *arg)
{
	/* As a replay has it: files of single VMMs are unknown. */
	struct past records = { };
	struct env of_records = *env;
	struct snapshot diff;
	struct kvm_counts *counts;
	struct findings findings;
	size_t i;

	of_records.past = &records;
	of_records.proc_fd = -1;
	snapshot_subtract(before, after, &diff);
	counts = xcalloc(diff.num_guests, sizeof(*counts));
	for (i = 0; i < diff.num_guests; i++)
		kvm_counts_read(&of_records, &diff.guests[i], &counts[i]);
	advise(&of_records, &(struct observation){
		.host = host, .snapshot = &diff, .counts = counts,
	}, &findings);
	take_found(log, &findings, after->taken_ns, fn, arg);
	drop_gone(log, after->taken_ns, fn, arg);
	findings_free(&findings);
	free(counts);
	snapshot_free(&diff);
}

void advice_log_free(struct advice_log *log)
{
	free(log->v);
	*log = (struct advice_log){ };
}
