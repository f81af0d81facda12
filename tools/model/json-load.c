// SPDX-License-Identifier: GPL-2.0
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "model/cell.h"
#include "model/json-load.h"
#include "model/json.h"

/* A number from a file that may have been edited; false if it is not a valid one. */
static bool take_number(const json_t *json, const char *key, uint64_t *value)
{
	const json_t *number = json_object_get(json, key);

	*value = 0;
	if (!json_is_integer(number) || json_integer_value(number) < 0)
		return false;
	*value = json_integer_value(number);
	return true;
}

static bool load_hist(const json_t *json, struct exit_cell *cell)
{
	const json_t *hist = json_object_get(json, "hist");
	size_t num = json_array_size(hist), i;

	if (!json_is_array(hist) || num > MAX_BUCKETS)
		return false;
	cell->num_buckets = num;
	for (i = 0; i < num; i++) {
		const json_t *count = json_array_get(hist, i);

		if (!json_is_integer(count) || json_integer_value(count) < 0)
			return false;
		cell->hist[i] = json_integer_value(count);
	}
	return true;
}

static bool load_cell(const json_t *json, struct exit_cell *cell)
{
	static const char *const names[CELL_KERNEL] = {
		[CELL_COUNT] = "count",
		[CELL_TIME] = "time_ns",
		[CELL_MAX] = "max_ns",
		[CELL_STOLEN] = "stolen_ns",
	};
	const char *reason = json_string_value(json_object_get(json, "reason"));
	uint64_t level, code;
	int i;

	*cell = (struct exit_cell){ };
	if (!reason || strlen(reason) >= sizeof(cell->key.reason) ||
	    !take_number(json, "level", &level) || level < 2 || level > 3 ||
	    !take_number(json, "code", &code) || code > UINT32_MAX)
		return false;
	strcpy(cell->key.reason, reason);
	cell->key.level = level;
	cell->key.code = code;
	for (i = 0; i < NUM_CELL_FIELDS; i++)
		cell->has[i] = take_number(json, i < CELL_KERNEL ? names[i] :
					   time_part_keys[i - CELL_KERNEL],
					   &cell->value[i]);
	return cell->has[CELL_COUNT] && cell->has[CELL_TIME] &&
	       load_hist(json, cell);
}

/* Added one by one, which puts them in order whatever their order was. */
static bool load_reasons(const json_t *json, struct exit_stats *stats)
{
	const json_t *reasons = json_object_get(json, "reasons"), *reason;
	size_t i;

	if (!json_is_array(reasons))
		return false;
	json_array_foreach(reasons, i, reason) {
		struct exit_cell cell;
		struct exit_stats one = { .cells = &cell, .num_cells = 1 };

		if (!load_cell(reason, &cell))
			return false;
		exits_add(stats, &one);
	}
	return true;
}

static void take_text(const json_t *json, const char *key, char *text, size_t size)
{
	const char *s = json_string_value(json_object_get(json, key));

	snprintf(text, size, "%s", s ? s : "");
}

static bool load_guest(const json_t *json, struct guest_snapshot *guest)
{
	const char *name = json_string_value(json_object_get(json, "name"));
	const char *instance = json_string_value(json_object_get(json, "instance"));
	const char *cgroup = json_string_value(json_object_get(json, "cgroup"));

	*guest = (struct guest_snapshot){ };
	guest->guest.name = xstrdup(name ? name : "");
	guest->guest.instance = instance ? xstrdup(instance) : NULL;
	guest->guest.cgroup = cgroup ? xstrdup(cgroup) : NULL;
	take_text(json, "comm", guest->guest.comm, sizeof(guest->guest.comm));
	take_number(json, "pid", &guest->guest.pid);
	take_number(json, "uid", &guest->guest.uid);
	take_number(json, "exits", &guest->guest.exits);
	take_number(json, "exit_time_ns", &guest->guest.exit_time_ns);
	take_number(json, "guest_time_ns", &guest->guest.guest_time_ns);
	take_number(json, "created_ns", &guest->guest.created_ns);
	take_number(json, "vcpus", &guest->guest.vcpus);
	take_number(json, "memory_bytes", &guest->guest.memory_bytes);
	guest->stats.has[STAT_STOLEN] = take_number(json, "stolen_ns",
						    &guest->stats.value[STAT_STOLEN]);
	return take_number(json, "id", &guest->guest.id) &&
	       take_number(json, "interval_ns", &guest->interval_ns) &&
	       guest->interval_ns && load_reasons(json, &guest->stats);
}

/* Guests were read one after the other, each at the end of its own interval. */
static void find_out_when(struct snapshot *snapshot)
{
	size_t i;

	for (i = 0; i < snapshot->num_guests; i++) {
		struct guest_snapshot *guest = &snapshot->guests[i];
		uint64_t start = guest->guest.created_ns;

		if (start < snapshot->loaded_ns)
			start = snapshot->loaded_ns;
		guest->taken_ns = add_saturated(start, guest->interval_ns);
		if (snapshot->taken_ns < guest->taken_ns)
			snapshot->taken_ns = guest->taken_ns;
	}
}

static void load_boot(const json_t *json, struct snapshot *snapshot)
{
	const char *id = json_string_value(json_object_get(json, "boot_id"));

	take_number(json, "loaded_ns", &snapshot->loaded_ns);
	if (id && strlen(id) < sizeof(snapshot->boot_id))
		strcpy(snapshot->boot_id, id);
}

static const char *load_document(const json_t *json, struct snapshot *snapshot)
{
	const json_t *l2 = json_object_get(json, "l2"), *guest;
	uint64_t schema;
	size_t i;

	if (!take_number(json, "schema", &schema))
		return "not a document of l1tune stat --json";
	if (schema != JSON_SCHEMA)
		return "unsupported schema version";
	if (!json_is_array(l2))
		return "no guests in it";
	snapshot->is_interval =
		take_number(json, "interval_ns", &snapshot->interval_ns);
	load_boot(json, snapshot);
	json_array_foreach(l2, i, guest)
		if (!load_guest(guest, GROW(snapshot->guests,
					    snapshot->num_guests)))
			return "no valid reasons: save l1tune stat --json";
	find_out_when(snapshot);
	snapshot_set_labels(snapshot);
	return NULL;
}

int json_load_machine(const char *path, struct snapshot *snapshot,
		      struct json_machine *machine)
{
	json_t *json = json_read(path);
	const char *wrong;

	*snapshot = (struct snapshot){ };
	if (!json)
		return STATUS_FAILED;
	wrong = load_document(json, snapshot);
	take_text(json_object_get(json, "l1"), "kernel", machine->kernel, sizeof(machine->kernel));
	take_text(json_object_get(json, "l1"), "type", machine->type, sizeof(machine->type));
	json_decref(json);
	if (wrong)
		complain("%s: %s", path, wrong);
	return wrong ? STATUS_FAILED : STATUS_OK;
}

int json_load_snapshot(const char *path, struct snapshot *snapshot)
{
	struct json_machine machine;

	return json_load_machine(path, snapshot, &machine);
}
