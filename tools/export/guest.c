// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "export/export.h"
#include "export/label.h"
#include "model/cell.h"

/* A guest, with how it is called in labels. */
struct exported {
	const struct guest_snapshot *snapshot;
	const char *label;
};

static void export_info(struct metrics *metrics, const struct exported *guest)
{
	const struct guest *who = &guest->snapshot->guest;
	char *name = metrics_escape(who->name);
	char *comm = metrics_escape(who->comm);

	metrics_number(metrics, 1,
		       "guest=\"%s\",id=\"%llu\",name=\"%s\",pid=\"%llu\",uid=\"%llu\",comm=\"%s\"",
		       guest->label, (unsigned long long)who->id, name,
		       (unsigned long long)who->pid,
		       (unsigned long long)who->uid, comm);
	free(comm);
	free(name);
}

static void export_vcpus(struct metrics *metrics, const struct exported *guest)
{
	metrics_number(metrics, guest->snapshot->guest.vcpus, "guest=\"%s\"",
		       guest->label);
}

static void export_memory(struct metrics *metrics, const struct exported *guest)
{
	metrics_number(metrics, guest->snapshot->guest.memory_bytes,
		       "guest=\"%s\"", guest->label);
}

static void export_nested(struct metrics *metrics, const struct exported *guest)
{
	const char *state = guest->snapshot->guest.nested;

	/* Older modules have no such file. */
	if (*state)
		metrics_number(metrics, !!strcmp(state, "off"), "guest=\"%s\"",
			       guest->label);
}

static void export_guest_time(struct metrics *metrics,
			      const struct exported *guest)
{
	metrics_seconds(metrics, guest->snapshot->guest.guest_time_ns,
			"guest=\"%s\"", guest->label);
}

/* Unknown is no number, so then there is no sample. */
static void export_stolen(struct metrics *metrics, const struct exported *guest)
{
	const struct exit_stats *stats = &guest->snapshot->stats;

	if (stats->has[STAT_STOLEN])
		metrics_seconds(metrics, stats->value[STAT_STOLEN],
				"guest=\"%s\"", guest->label);
}

static void export_exits(struct metrics *metrics, const struct exported *guest)
{
	const struct exit_stats *stats = &guest->snapshot->stats;
	size_t i;

	for (i = 0; i < stats->num_cells; i++) {
		const struct exit_cell *cell = &stats->cells[i];

		metrics_number(metrics, cell->value[CELL_COUNT],
			       "guest=\"%s\",reason=\"%s\",level=\"%u\"",
			       guest->label, cell->key.reason, cell->key.level);
	}
}

/* Without a cell all parts are known to be nothing. */
static void export_parts(struct metrics *metrics, const struct exported *guest)
{
	const struct exit_stats *stats = &guest->snapshot->stats;
	size_t part;

	if (stats->num_cells && !exits_are_split(stats))
		return;
	for (part = 0; part < NUM_PARTS; part++)
		metrics_seconds(metrics, exits_part_ns(stats, part),
				"guest=\"%s\",part=\"%s\"", guest->label,
				time_part_names[part]);
}

static void export_parts_by_reason(struct metrics *metrics,
				   const struct exported *guest)
{
	const struct exit_stats *stats = &guest->snapshot->stats;
	size_t part, i;

	for (i = 0; i < stats->num_cells; i++) {
		const struct exit_cell *cell = &stats->cells[i];

		for (part = 0; part < NUM_PARTS && cell_is_split(cell); part++)
			metrics_seconds(metrics, cell_part_ns(cell, part),
					"guest=\"%s\",reason=\"%s\",level=\"%u\",part=\"%s\"",
					guest->label, cell->key.reason,
					cell->key.level, time_part_names[part]);
	}
}

static void export_durations(struct metrics *metrics,
			     const struct exported *guest)
{
	char *labels = xasprintf("guest=\"%s\"", guest->label);
	struct exit_cell total;

	exits_total(&guest->snapshot->stats, &total);
	metrics_histogram(metrics, &total, labels);
	free(labels);
}

static void export_durations_by_reason(struct metrics *metrics,
				       const struct exported *guest)
{
	const struct exit_stats *stats = &guest->snapshot->stats;
	size_t i;

	for (i = 0; i < stats->num_cells; i++) {
		const struct exit_key *key = &stats->cells[i].key;
		char *labels = xasprintf("guest=\"%s\",reason=\"%s\",level=\"%u\"",
					 guest->label, key->reason, key->level);

		metrics_histogram(metrics, &stats->cells[i], labels);
		free(labels);
	}
}

static const struct {
	enum metric_type type;
	const char *name;
	const char *help;
	void (*export)(struct metrics *metrics, const struct exported *guest);
	/* If it is another with times by reason. */
	void (*export_by_reason)(struct metrics *metrics,
				 const struct exported *guest);
} families[] = {
	{ METRIC_INFO, "l1tune_guest", "Identity of a guest.", export_info },
	{ METRIC_GAUGE, "l1tune_guest_vcpus", "vCPUs that the guest has.",
	  export_vcpus },
	{ METRIC_GAUGE, "l1tune_guest_memory_bytes",
	  "Memory that the guest was given.", export_memory },
	{ METRIC_GAUGE, "l1tune_guest_nested",
	  "Whether the guest uses VMX or SVM itself.", export_nested },
	{ METRIC_COUNTER, "l1tune_exits",
	  "Exits by reason; level 2 of the guest itself, 3 of guests inside it.",
	  export_exits },
	{ METRIC_COUNTER, "l1tune_exit_seconds",
	  "Time from exits to the next entries, by part.",
	  export_parts, export_parts_by_reason },
	{ METRIC_COUNTER, "l1tune_guest_seconds",
	  "Time from entries into the guest to the next exits.", export_guest_time },
	{ METRIC_COUNTER, "l1tune_guest_stolen_seconds",
	  "Time that L0 took from the guest and its exits.", export_stolen },
	{ METRIC_HISTOGRAM, "l1tune_exit_duration_seconds",
	  "Durations from exits to the next entries, without HLT unless by reason; the sum also has open exits.",
	  export_durations, export_durations_by_reason },
};

void export_guests_readable(struct metrics *metrics, bool are_readable)
{
	metrics_family(metrics, METRIC_GAUGE, "l1tune_guests_readable",
		       "Whether the exporter may read guests: if not, metrics of guests are missing.");
	metrics_number(metrics, are_readable, "");
}

void export_guests(struct metrics *metrics, const struct snapshot *snapshot,
		   bool by_reason)
{
	char **labels = export_labels(snapshot);
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		metrics_family(metrics, families[i].type, families[i].name,
			       families[i].help);
		for (j = 0; j < snapshot->num_guests; j++) {
			struct exported guest = {
				.snapshot = &snapshot->guests[j],
				.label = labels[j],
			};

			if (by_reason && families[i].export_by_reason)
				families[i].export_by_reason(metrics, &guest);
			else
				families[i].export(metrics, &guest);
		}
	}
	export_labels_free(labels, snapshot);
}
