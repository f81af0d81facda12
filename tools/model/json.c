// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/util.h"
#include "base/wait.h"
#include "model/cell.h"
#include "model/json.h"
#include "model/nested.h"
#include "model/vcpu.h"

void json_set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

/* JSON's numbers are signed here; no counter that is real gets there. */
json_t *json_number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

json_t *json_number_or_null(bool known, uint64_t value)
{
	return known ? json_number(value) : json_null();
}

/* Strings of others may hold anything; JSON's have to be UTF-8. */
json_t *json_text(const char *s)
{
	json_t *value;
	char *valid;

	if (!s)
		return json_null();
	valid = escape_invalid_utf8(s);
	value = json_string(valid);
	free(valid);
	return value;
}

static json_t *percentile(const struct exit_cell *cell, unsigned int percent)
{
	struct percentile p = cell_percentile(cell, percent);

	return json_number_or_null(p.kind == PERCENTILE_LE, p.ns);
}

static void add_percentiles(json_t *json, const struct exit_cell *cell)
{
	json_set(json, "p50_le_ns", percentile(cell, 50));
	json_set(json, "p90_le_ns", percentile(cell, 90));
	json_set(json, "p99_le_ns", percentile(cell, 99));
}

json_t *json_cell(const struct exit_cell *cell)
{
	json_t *json = json_object(), *hist = json_array();
	unsigned int part, i;

	for (i = 0; i < cell->num_buckets; i++)
		json_array_append_new(hist, json_number(cell->hist[i]));
	json_set(json, "reason", json_text(cell->key.reason));
	json_set(json, "code", json_number(cell->key.code));
	json_set(json, "level", json_number(cell->key.level));
	json_set(json, "count", json_number(cell->value[CELL_COUNT]));
	json_set(json, "time_ns", json_number(cell->value[CELL_TIME]));
	for (part = 0; part < NUM_PARTS; part++)
		json_set(json, time_part_keys[part], json_number_or_null(cell_has_part(cell, part),
			 cell_part_ns(cell, part)));
	json_set(json, "stolen_ns", json_number_or_null(cell->has[CELL_STOLEN], cell->value[CELL_STOLEN]));
	json_set(json, "max_ns", json_number_or_null(cell->has[CELL_MAX], cell->value[CELL_MAX]));
	add_percentiles(json, cell);
	json_set(json, "hist", hist);
	return json;
}

static json_t *nested_to_json(const struct exit_stats *stats,
			      const char *state)
{
	uint64_t left = stats->value[STAT_L3_EXITS_LEFT];
	json_t *json;
	size_t i;

	if (!nested_is_known(stats))
		return json_null();
	json = json_object();
	if (state)
		json_set(json, "state", *state ? json_text(state) : json_null());
	for (i = STAT_L3_ENTRIES; i <= STAT_L3_EXITS_LEFT; i++)
		json_set(json, fixed_stat_names[i], json_number(stats->value[i]));
	json_set(json, "l1_exits_per_l2_exit", left ? json_real(nested_exits(stats) / (double)left)
		 : json_null());
	return json;
}

/* What a guest, a vCPU and the sum of guests have in common. */
static void add_stats(json_t *json, const struct exit_stats *stats,
		      unsigned int contents)
{
	const struct exit_cell **cells = exits_by_busy(stats);
	bool is_split = exits_are_split(stats);
	json_t *reasons = json_array();
	struct exit_cell total;
	size_t i;

	json_set(json, "busy_ns", json_number(exits_busy_ns(stats)));
	for (i = 0; i < NUM_PARTS; i++)
		json_set(json, time_part_keys[i], json_number_or_null(is_split,
			 exits_part_ns(stats, i)));
	json_set(json, "stolen_ns", json_number_or_null(stats->has[STAT_STOLEN],
		 stats->value[STAT_STOLEN]));
	for (i = STAT_UNTRACED; i <= STAT_LOST_CELLS; i++)
		json_set(json, fixed_stat_names[i], json_number_or_null(stats->has[i],
			 stats->value[i]));
	exits_total(stats, &total);
	add_percentiles(json, &total);
	for (i = 0; i < stats->num_cells; i++)
		json_array_append_new(reasons, json_cell(cells[i]));
	if (contents & JSON_REASONS)
		json_set(json, "reasons", reasons);
	else
		json_decref(reasons);
	free(cells);
}

/* What a vCPU is doing: null if the module does not publish it. */
static void add_now(json_t *json, const struct vcpu_now *now)
{
	json_t *open = json_null();

	json_set(json, "state", json_text(now->state));
	json_set(json, "state_for_ns", json_number_or_null(now->state, now->for_ns));
	if (now->level) {
		open = json_object();
		json_set(open, "reason", now->cell ? json_text(now->cell->key.reason) :
			 json_null());
		json_set(open, "code", json_number(now->code));
		json_set(open, "level", json_number(now->level));
	}
	json_set(json, "open", open);
}

static json_t *vcpu_to_json(const struct vcpu_snapshot *vcpu,
			    uint64_t taken_ns, unsigned int contents)
{
	struct vcpu_now now = vcpu_now(&vcpu->stats, taken_ns);
	json_t *json = json_object();
	size_t i;

	json_set(json, "id", json_number(vcpu->id));
	for (i = 0; i < STAT_UNTRACED; i++)
		json_set(json, fixed_stat_names[i], json_number_or_null(vcpu->stats.has[i],
			 vcpu->stats.value[i]));
	add_now(json, &now);
	json_set(json, "nested", nested_to_json(&vcpu->stats, NULL));
	add_stats(json, &vcpu->stats, contents);
	return json;
}

static void add_counts(json_t *json, const struct guest_snapshot *snapshot,
		       unsigned int contents)
{
	const struct guest *guest = &snapshot->guest;

	json_set(json, "vcpus", json_number(guest->vcpus));
	json_set(json, "memory_bytes", json_number(guest->memory_bytes));
	json_set(json, "exits", json_number(guest->exits));
	json_set(json, "exit_time_ns", json_number(guest->exit_time_ns));
	json_set(json, "guest_time_ns", json_number(guest->guest_time_ns));
	json_set(json, "nested", nested_to_json(&snapshot->stats, guest->nested));
	add_stats(json, &snapshot->stats, contents);
}

static void add_beside(json_t *json, const struct guest_snapshot *snapshot)
{
	const struct tally *helpers = &snapshot->beside.helpers;
	uint64_t quota_ns;
	bool is_known = snapshot_quota_ns(snapshot, &quota_ns);

	json_set(json, "quota_ns", json_number_or_null(is_known, quota_ns));
	json_set(json, "helpers_ns", json_number_or_null(helpers->is_known, helpers->ns));
}

static json_t *guest_to_json(const struct guest_snapshot *snapshot,
			     unsigned int contents)
{
	const struct guest *guest = &snapshot->guest;
	json_t *json = json_object(), *vcpus;
	size_t i;

	json_set(json, "id", json_number(guest->id));
	json_set(json, "name", json_text(guest->name));
	json_set(json, "name_source", json_text(guest->name_source));
	json_set(json, "instance", json_text(guest->instance));
	json_set(json, "label", json_text(guest->label));
	json_set(json, "pid", json_number(guest->pid));
	json_set(json, "uid", json_number(guest->uid));
	json_set(json, "comm", json_text(guest->comm));
	json_set(json, "cgroup", json_text(guest->cgroup));
	json_set(json, "vcpu_cgroup", json_text(guest->vcpu_cgroup));
	json_set(json, "created_cgroup", json_text(guest->created_cgroup));
	json_set(json, "created_ns", json_number(guest->created_ns));
	json_set(json, "adopted", json_boolean(guest->adopted));
	json_set(json, "interval_ns", json_number(snapshot->interval_ns));
	json_set(json, "ended", json_boolean(snapshot->is_ended));
	add_counts(json, snapshot, contents);
	add_beside(json, snapshot);
	if (!snapshot->vcpus)
		return json;
	vcpus = json_array();
	for (i = 0; i < snapshot->num_vcpus; i++)
		json_array_append_new(vcpus, vcpu_to_json(&snapshot->vcpus[i], snapshot->taken_ns,
				      contents));
	json_set(json, "vcpu", vcpus);
	return json;
}

json_t *json_sum(const struct guest_snapshot *sum, unsigned int contents)
{
	json_t *json = json_object();

	add_counts(json, sum, contents);
	return json;
}

static json_t *sum_to_json(const struct snapshot *snapshot,
			   unsigned int contents)
{
	json_t *json = json_object();
	struct guest_snapshot sum;

	snapshot_sum(snapshot, &sum);
	json_set(json, "guests", json_number(snapshot->num_guests));
	add_counts(json, &sum, contents);
	snapshot_free_sum(&sum);
	return json;
}

/* Null if they may not be seen. */
static json_t *counts_to_json(const struct host_counts *counts)
{
	json_t *json;
	size_t i;

	if (counts->are_withheld)
		return json_null();
	json = json_object();
	for (i = 0; i < counts->num; i++)
		json_set(json, counts->v[i].name, json_number_or_null(!counts->v[i].is_unknown,
			 counts->v[i].value));
	return json;
}

static json_t *host_to_json(const struct host *host)
{
	json_t *json = json_object(), *hooks = json_object();
	size_t i;

	for (i = 0; i < host->num_hooks; i++)
		json_set(hooks, host->hooks[i].name, json_text(host->hooks[i].state));
	json_set(json, "abi", json_number(host->abi));
	json_set(json, "isa", json_text(host->isa));
	json_set(json, "virtualized", json_boolean(host->virtualized));
	json_set(json, "hypervisor", json_text(host->hypervisor));
	json_set(json, "steal_clock", *host->steal_clock ? json_text(host->steal_clock) :
		 json_null());
	json_set(json, "kernel", json_text(host->kernel));
	json_set(json, "type", *host->type ? json_text(host->type) : json_null());
	json_set(json, "hooks", hooks);
	json_set(json, "usage", counts_to_json(&host->usage));
	json_set(json, "totals", counts_to_json(&host->totals));
	return json;
}

json_t *json_time(const struct timespec *time)
{
	char seconds[32], *text;
	json_t *json;
	struct tm tm;

	gmtime_r(&time->tv_sec, &tm);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
	text = xasprintf("%s.%09ldZ", seconds, time->tv_nsec);
	json = json_string(text);
	free(text);
	return json;
}

json_t *json_document(const struct host *host, const struct timespec *time,
		      uint64_t interval_ns)
{
	bool has_module = *host->module;
	json_t *json = json_object();
	uint64_t now_ns = realtime_ns();
	struct timespec now = {
		.tv_sec = now_ns / NSEC_PER_SEC, .tv_nsec = now_ns % NSEC_PER_SEC,
	};

	json_set(json, "schema", json_integer(JSON_SCHEMA));
	json_set(json, "tool", json_string(L1TUNE_VERSION));
	json_set(json, "module", json_text(has_module ? host->module : NULL));
	json_set(json, "boot_id", json_text(host->boot_id));
	json_set(json, "loaded_ns", json_number_or_null(has_module, host->loaded_ns));
	json_set(json, "time", json_time(time ? time : &now));
	json_set(json, "interval_ns", json_number_or_null(interval_ns, interval_ns));
	return json;
}

int json_print_value(const struct host *host, const char *key, json_t *value)
{
	json_t *json = json_document(host, NULL, 0);

	json_set(json, key, value);
	return json_write(json);
}

json_t *json_guests(const struct snapshot *snapshot, unsigned int contents)
{
	const struct guest_snapshot **guests = snapshot_by_busy(snapshot);
	json_t *json = json_array();
	size_t i;

	for (i = 0; i < snapshot->num_guests; i++)
		json_array_append_new(json, guest_to_json(guests[i], contents));
	free(guests);
	return json;
}

json_t *json_snapshot(const struct host *host, const struct snapshot *snapshot,
		      unsigned int contents)
{
	json_t *json;

	json = json_document(host, snapshot ? &snapshot->time : NULL,
			     snapshot ? snapshot->interval_ns : 0);
	json_set(json, "l1", host_to_json(host));
	if (!snapshot) {
		json_set(json, "l2", json_null());
		return json;
	}
	json_set(json, "l2", json_guests(snapshot, contents));
	if (contents & JSON_SUM)
		json_set(json, "sum", sum_to_json(snapshot, contents));
	return json;
}

json_t *json_read(const char *path)
{
	json_error_t error;
	json_t *json = json_load_file(path, 0, &error);
	enum json_error_code code;

	if (json)
		return json;
	code = json_error_code(&error);
	if (code == json_error_cannot_open_file)
		complain("%s: %s", path, strerror(errno));
	else if (code == json_error_end_of_input_expected)
		complain("%s: more than one document (one per interval): keep a single line", path);
	else
		complain("%s: not a JSON document, as --json prints: %s", path, error.text);
	return NULL;
}

/* In ASCII: no string in it can do harm on a terminal. */
int json_write(json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII);

	json_decref(json);
	if (!text) {
		complain("cannot write JSON: out of memory");
		return STATUS_FAILED;
	}
	puts(text);
	free(text);
	return STATUS_OK;
}

int json_print(const struct host *host, const struct snapshot *snapshot,
	       unsigned int contents)
{
	return json_write(json_snapshot(host, snapshot, contents));
}
