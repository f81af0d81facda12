// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/kvm.h>

#include "base/util.h"
#include "model/exits.h"

#define TYPE_UNIT_BASE	(KVM_STATS_TYPE_MASK | KVM_STATS_UNIT_MASK | \
			 KVM_STATS_BASE_MASK)
#define NS_EXPONENT	(-9)
#define TIME_SPENT	KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_SECONDS, NS_EXPONENT

/* The histogram is a field like the others, but not one number. */
#define CELL_HIST	NUM_CELL_FIELDS

static const struct {
	const char *name;
	uint32_t flags;
	int16_t exponent;
} fields[] = {
	[CELL_COUNT] = { "count", KVM_STATS_TYPE_CUMULATIVE, 0 },
	[CELL_TIME] = { "time_ns", TIME_SPENT },
	[CELL_MAX] = { "max_ns", KVM_STATS_TYPE_PEAK |
		       KVM_STATS_UNIT_SECONDS, NS_EXPONENT },
	[CELL_KERNEL] = { "kernel_ns", TIME_SPENT },
	[CELL_VMM] = { "vmm_ns", TIME_SPENT },
	[CELL_VMM_SLEEP] = { "vmm_sleep_ns", TIME_SPENT },
	[CELL_HALTED] = { "halted_ns", TIME_SPENT },
	[CELL_BLOCKED] = { "blocked_ns", TIME_SPENT },
	[CELL_RUNQ] = { "runq_ns", TIME_SPENT },
	[CELL_THROTTLED] = { "throttled_ns", TIME_SPENT },
	[CELL_STOLEN] = { "stolen_ns", TIME_SPENT },
	[CELL_HIST] = { "hist_ns", KVM_STATS_TYPE_LOG_HIST |
			KVM_STATS_UNIT_SECONDS, NS_EXPONENT },
};

const char *const fixed_stat_names[NUM_FIXED_STATS] = {
	[STAT_EXITS] = "exits",
	[STAT_EXIT_TIME] = "exit_time_ns",
	[STAT_GUEST_TIME] = "guest_time_ns",
	[STAT_UNTRACED] = "untraced",
	[STAT_UNPAIRED_ENTRIES] = "unpaired_entries",
	[STAT_LOST_CELLS] = "lost_cells",
	[STAT_L3_ENTRIES] = "l3_entries",
	[STAT_L3_EXITS_HANDLED] = "l3_exits_handled",
	[STAT_L3_EXITS_LEFT] = "l3_exits_left",
	[STAT_STOLEN] = "stolen_ns",
	[STAT_STATE] = "state",
	[STAT_STATE_SINCE] = "state_since_ns",
	[STAT_OPEN_LEVEL] = "open_level",
	[STAT_OPEN_CODE] = "open_code",
	[STAT_TID] = "tid",
};

/* One field of one cell, as it was named. */
struct exits_entry {
	struct exit_key key;
	unsigned int field;
	/* The first one of its cell, in a plan. */
	bool is_first;
	const struct stats_item *item;
};

static int bad(const char **why, const char *what)
{
	*why = what;
	return -EBADMSG;
}

/* The next part of "l2/10/CPUID/count"; moves *s past its slash. */
static int next_part(const char **s, char *part, size_t size)
{
	size_t len = strcspn(*s, "/");

	if (!len || len >= size || (*s)[len] != '/')
		return -EINVAL;
	memcpy(part, *s, len);
	part[len] = '\0';
	*s += len + 1;
	return 0;
}

const char *reason_kind(const char *reason)
{
	static const char *const kinds[][2] = {
		/* Where the CPU exits for HLT only if no interrupt is pending. */
		{ "idle-halt", "hlt" },
		{ "buslock", "BUS_LOCK" },
		/* RDMSR and WRMSRNS with the MSR's number in the instruction. */
		{ "MSR_READ_IMM", "MSR_READ" }, { "MSR_WRITE_IMM", "MSR_WRITE" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (is_same_text(reason, kinds[i][0]))
			return kinds[i][1];
	return reason;
}

static bool is_reason(const char *s)
{
	while (isalnum((unsigned char)*s) || *s == '_' || *s == '-')
		s++;
	return !*s;
}

static int parse_name(const char *name, struct exits_entry *entry)
{
	struct exit_key *key = &entry->key;
	char level[4], code[16];
	uint64_t number;

	if (next_part(&name, level, sizeof(level)) ||
	    next_part(&name, code, sizeof(code)) ||
	    next_part(&name, key->reason, sizeof(key->reason)))
		return -EINVAL;
	if (strcmp(level, "l2") && strcmp(level, "l3"))
		return -EINVAL;
	key->level = level[1] - '0';
	if (parse_u64(code, &number) || number > UINT32_MAX ||
	    !is_reason(key->reason))
		return -EINVAL;
	key->code = number;
	for (entry->field = 0; entry->field < ARRAY_SIZE(fields); entry->field++)
		if (!strcmp(name, fields[entry->field].name))
			return 0;
	return -EINVAL;
}

static int check_field(const struct exits_entry *entry, const char **why)
{
	const struct stats_item *item = entry->item;

	if ((item->flags & TYPE_UNIT_BASE) != fields[entry->field].flags ||
	    item->exponent != fields[entry->field].exponent)
		return bad(why, "exit statistic of an unexpected type or unit");
	if (entry->field == CELL_HIST ? item->size > MAX_BUCKETS : item->size != 1)
		return bad(why, "exit statistic of an unexpected size");
	return 0;
}

int exits_compare(const struct exit_key *a, const struct exit_key *b)
{
	if (a->level != b->level)
		return a->level < b->level ? -1 : 1;
	if (a->code != b->code)
		return a->code < b->code ? -1 : 1;
	return strcmp(a->reason, b->reason);
}

static int compare_entries(const void *a, const void *b)
{
	const struct exits_entry *x = a, *y = b;
	int order = exits_compare(&x->key, &y->key);

	return order ? order : (int)x->field - (int)y->field;
}

static void set_field(struct exit_cell *cell, const struct exits_entry *entry)
{
	const struct stats_item *item = entry->item;

	if (entry->field == CELL_HIST) {
		cell->num_buckets = item->size;
		memcpy(cell->hist, item->values,
		       item->size * sizeof(cell->hist[0]));
	} else {
		cell->has[entry->field] = true;
		cell->value[entry->field] = item->values[0];
	}
}

/* Sorted first: cells come out in order, and a name twice stands side by side. */
static int sort_entries(struct exits_plan *plan, const char **why)
{
	struct exits_entry *entries = plan->entries;
	size_t i;

	qsort(plan->entries, plan->num_entries, sizeof(*entries),
	      compare_entries);
	for (i = 0; i < plan->num_entries; i++) {
		if (i && !compare_entries(&entries[i - 1], &entries[i]))
			return bad(why, "exit statistic that is there twice");
		entries[i].is_first = !i || exits_compare(&entries[i - 1].key,
							  &entries[i].key);
		plan->num_cells += entries[i].is_first;
	}
	return 0;
}

static int plan_fixed(struct exits_plan *plan, const struct stats_item *item,
		      const char **why)
{
	size_t i;

	for (i = 0; i < NUM_FIXED_STATS; i++) {
		if (strcmp(item->name, fixed_stat_names[i]))
			continue;
		if (plan->fixed[i])
			return bad(why, "statistic that is there twice");
		if (item->size != 1)
			return bad(why, "statistic of an unexpected size");
		plan->fixed[i] = item;
	}
	return 0;
}

int exits_plan(const struct statsfile *file, struct exits_plan *plan,
	       const char **why)
{
	size_t i;
	int err = 0;

	*plan = (struct exits_plan) {
		.entries = xcalloc(file->num_items, sizeof(*plan->entries)),
	};
	for (i = 0; i < file->num_items && !err; i++) {
		struct exits_entry entry = { .item = &file->items[i] };

		if (parse_name(entry.item->name, &entry)) {
			err = plan_fixed(plan, entry.item, why);
			continue;
		}
		err = check_field(&entry, why);
		plan->entries[plan->num_entries++] = entry;
	}
	if (!err)
		err = sort_entries(plan, why);
	if (err)
		exits_plan_free(plan);
	return err;
}

void exits_plan_free(struct exits_plan *plan)
{
	free(plan->entries);
	*plan = (struct exits_plan){ };
}

void exits_read(const struct exits_plan *plan, struct exit_stats *stats)
{
	const struct exits_entry *entry = plan->entries;
	struct exit_cell *cell = NULL;
	size_t i;

	memset(stats, 0, sizeof(*stats));
	for (i = 0; i < NUM_FIXED_STATS; i++) {
		stats->has[i] = plan->fixed[i];
		if (plan->fixed[i])
			stats->value[i] = plan->fixed[i]->values[0];
	}
	stats->cells = xmallocarray(plan->num_cells, sizeof(*stats->cells));
	for (i = 0; i < plan->num_entries; i++, entry++) {
		if (entry->is_first) {
			cell = &stats->cells[stats->num_cells++];
			*cell = (struct exit_cell){ .key = entry->key };
		}
		set_field(cell, entry);
	}
}

int exits_parse(const struct statsfile *file, struct exit_stats *stats,
		const char **why)
{
	struct exits_plan plan;
	int err = exits_plan(file, &plan, why);

	memset(stats, 0, sizeof(*stats));
	if (err)
		return err;
	exits_read(&plan, stats);
	exits_plan_free(&plan);
	return 0;
}

void exits_free(struct exit_stats *stats)
{
	free(stats->cells);
	memset(stats, 0, sizeof(*stats));
}
