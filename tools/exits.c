// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/kvm.h>

#include "exits.h"
#include "util.h"

#define TYPE_UNIT_BASE	(KVM_STATS_TYPE_MASK | KVM_STATS_UNIT_MASK | \
			 KVM_STATS_BASE_MASK)
#define NS_EXPONENT	(-9)

/* The histogram is a field like the others, but not one number. */
#define CELL_HIST	NUM_CELL_FIELDS

static const struct {
	const char *name;
	uint32_t flags;
	int16_t exponent;
} fields[] = {
	[CELL_COUNT] = { "count", KVM_STATS_TYPE_CUMULATIVE, 0 },
	[CELL_TIME] = { "time_ns", KVM_STATS_TYPE_CUMULATIVE |
			KVM_STATS_UNIT_SECONDS, NS_EXPONENT },
	[CELL_MAX] = { "max_ns", KVM_STATS_TYPE_PEAK |
		       KVM_STATS_UNIT_SECONDS, NS_EXPONENT },
	[CELL_USER] = { "user_ns", KVM_STATS_TYPE_CUMULATIVE |
			KVM_STATS_UNIT_SECONDS, NS_EXPONENT },
	[CELL_WAIT] = { "wait_ns", KVM_STATS_TYPE_CUMULATIVE |
			KVM_STATS_UNIT_SECONDS, NS_EXPONENT },
	[CELL_RUNQ] = { "runq_ns", KVM_STATS_TYPE_CUMULATIVE |
			KVM_STATS_UNIT_SECONDS, NS_EXPONENT },
	[CELL_THROTTLED] = { "throttled_ns", KVM_STATS_TYPE_CUMULATIVE |
			     KVM_STATS_UNIT_SECONDS, NS_EXPONENT },
	[CELL_HIST] = { "hist_ns", KVM_STATS_TYPE_LOG_HIST |
			KVM_STATS_UNIT_SECONDS, NS_EXPONENT },
};

const char *const fixed_stat_names[NUM_FIXED_STATS] = {
	[STAT_EXITS] = "exits",
	[STAT_EXIT_TIME] = "exit_time_ns",
	[STAT_GUEST_TIME] = "guest_time_ns",
	[STAT_UNTRACED] = "untraced",
	[STAT_FAILED_ENTRIES] = "failed_entries",
	[STAT_LOST_CELLS] = "lost_cells",
};

/* One field of one cell, as it was named. */
struct entry {
	struct exit_key key;
	unsigned int field;
	const struct stats_item *item;
};

static int bad(const char **why, const char *what)
{
	*why = what;
	return -EBADMSG;
}

/* The next part of "l2/10/CPUID/count"; moves *s behind its slash. */
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

static bool is_reason(const char *s)
{
	while (isalnum((unsigned char)*s) || *s == '_')
		s++;
	return !*s;
}

static int parse_name(const char *name, struct entry *entry)
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

static int check_field(const struct entry *entry, const char **why)
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
	const struct entry *x = a, *y = b;
	int order = exits_compare(&x->key, &y->key);

	return order ? order : (int)x->field - (int)y->field;
}

static void set_field(struct exit_cell *cell, const struct entry *entry)
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
static int build_cells(struct entry *entries, size_t num,
		       struct exit_stats *stats, const char **why)
{
	struct exit_cell *cell = NULL;
	size_t i;

	qsort(entries, num, sizeof(*entries), compare_entries);
	for (i = 0; i < num; i++) {
		if (i && !compare_entries(&entries[i - 1], &entries[i]))
			return bad(why, "exit statistic that is there twice");
		if (!cell || exits_compare(&cell->key, &entries[i].key)) {
			cell = GROW(stats->cells, stats->num_cells);
			*cell = (struct exit_cell){ .key = entries[i].key };
		}
		set_field(cell, &entries[i]);
	}
	return 0;
}

static int set_fixed(struct exit_stats *stats, const struct stats_item *item,
		     const char **why)
{
	size_t i;

	for (i = 0; i < NUM_FIXED_STATS; i++) {
		if (strcmp(item->name, fixed_stat_names[i]))
			continue;
		if (stats->has[i])
			return bad(why, "statistic that is there twice");
		if (item->size != 1)
			return bad(why, "statistic of an unexpected size");
		stats->has[i] = true;
		stats->value[i] = item->values[0];
	}
	return 0;
}

int exits_parse(const struct statsfile *file, struct exit_stats *stats,
		const char **why)
{
	struct entry *entries = xcalloc(file->num_items, sizeof(*entries));
	size_t num = 0, i;
	int err = 0;

	memset(stats, 0, sizeof(*stats));
	for (i = 0; i < file->num_items && !err; i++) {
		struct entry entry = { .item = &file->items[i] };

		if (parse_name(entry.item->name, &entry)) {
			err = set_fixed(stats, entry.item, why);
			continue;
		}
		err = check_field(&entry, why);
		entries[num++] = entry;
	}
	if (!err)
		err = build_cells(entries, num, stats, why);
	if (err)
		exits_free(stats);
	free(entries);
	return err;
}

void exits_free(struct exit_stats *stats)
{
	free(stats->cells);
	memset(stats, 0, sizeof(*stats));
}
