// SPDX-License-Identifier: GPL-2.0
#include "base/util.h"
#include "model/cell.h"
#include "model/json.h"
#include "report/timeline.h"

void timeline_start(struct timeline *timeline)
{
	*timeline = (struct timeline){ .points = json_array() };
}

/* Without the zeroes at its end. */
static json_t *hist_to_json(const struct exit_cell *cell)
{
	unsigned int num = cell->num_buckets, i;
	json_t *json = json_array();

	while (num && !cell->hist[num - 1])
		num--;
	for (i = 0; i < num; i++)
		json_array_append_new(json, json_number(cell->hist[i]));
	return json;
}

static void add_times(json_t *json, const struct exit_stats *stats)
{
	bool is_split = exits_are_split(stats);
	int i;

	json_set(json, "busy_ns", json_number(exits_busy_ns(stats)));
	for (i = 0; i < NUM_PARTS; i++)
		json_set(json, time_part_keys[i],
			 json_number_or_null(is_split || !stats->num_cells, exits_part_ns(stats, i)));
	json_set(json, "stolen_ns", json_number_or_null(stats->has[STAT_STOLEN],
		 stats->value[STAT_STOLEN]));
}

static json_t *point(const struct snapshot *diff)
{
	json_t *json = json_object();
	struct guest_snapshot sum;
	struct exit_cell total;

	snapshot_sum(diff, &sum);
	exits_total(&sum.stats, &total);
	json_set(json, "time_ns", json_number(diff->time.tv_sec * NSEC_PER_SEC + diff->time.tv_nsec));
	json_set(json, "interval_ns", json_number(diff->interval_ns));
	json_set(json, "guests", json_number(diff->num_guests));
	json_set(json, "exits", json_number(sum.guest.exits));
	json_set(json, "guest_time_ns", json_number(sum.guest.guest_time_ns));
	add_times(json, &sum.stats);
	json_set(json, "hist", hist_to_json(&total));
	snapshot_free_sum(&sum);
	return json;
}

void timeline_break(struct timeline *timeline)
{
	if (timeline->has_last)
		snapshot_free(&timeline->last);
	timeline->has_last = false;
}

void timeline_add(struct timeline *timeline, struct snapshot *snapshot)
{
	const struct snapshot *last = &timeline->last;
	struct snapshot diff = { };

	snapshot_drop_canary(snapshot);
	if (timeline->has_last && last->loaded_ns == snapshot->loaded_ns &&
	    last->taken_ns < snapshot->taken_ns) {
		snapshot_subtract(last, snapshot, &diff);
		json_array_append_new(timeline->points, point(&diff));
		snapshot_free(&diff);
	}
	timeline_break(timeline);
	timeline->last = *snapshot;
	timeline->has_last = true;
	*snapshot = (struct snapshot){ };
}

json_t *timeline_finish(struct timeline *timeline)
{
	timeline_break(timeline);
	return timeline->points;
}
