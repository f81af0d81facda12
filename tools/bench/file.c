// SPDX-License-Identifier: GPL-2.0
/* Measurements as JSON documents: printed, kept, read again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/util.h"
#include "bench/file.h"
#include "model/json.h"
#include "model/saved.h"

#define BENCH_FILE	"bench.json"

static void set_cycles(json_t *json, const char *name, const struct measurement *m,
		       double cycles)
{
	char *key = xasprintf("%s_cycles", name);

	json_set(json, key, json_number((uint64_t)(cycles + 0.5)));
	free(key);
	key = xasprintf("%s_ns", name);
	json_set(json, key, json_real(bench_ns(m, cycles)));
	free(key);
}

static void set_summary(json_t *json, const struct measurement *m,
			const struct bench_summary *s)
{
	json_set(json, "count", json_number(s->count));
	set_cycles(json, "median", m, s->median);
	set_cycles(json, "median_low95", m, s->low);
	set_cycles(json, "median_high95", m, s->high);
	set_cycles(json, "mean", m, s->mean);
	set_cycles(json, "min", m, s->min);
	set_cycles(json, "p99", m, s->p99);
}

static json_t *split_to_json(const struct measurement *m, const struct bench_result *r)
{
	json_t *json;

	if (!r->is_split)
		return json_null();
	json = json_object();
	json_set(json, "kvm_ns", json_real(r->kvm_ns));
	json_set(json, "vmm_ns", json_real(r->vmm_ns));
	json_set(json, "rest_ns", json_real(bench_rest_ns(m, r)));
	return json;
}

static json_t *result_to_json(const struct measurement *m, enum bench_kind_id kind)
{
	const struct bench_result *r = &m->results[kind];
	json_t *json = json_object(), *whole;

	json_set(json, "kind", json_string(bench_kinds[kind].name));
	json_set(json, "skipped", r->skipped[0] ? json_text(r->skipped) : json_null());
	if (!r->cycles.count)
		return json;
	set_summary(json, m, &r->cycles);
	json_set(json, "split", split_to_json(m, r));
	if (r->whole.count) {
		whole = json_object();
		set_summary(whole, m, &r->whole);
		json_set(json, "whole", whole);
	}
	return json;
}

static json_t *shadow_to_json(const struct measurement *m)
{
	json_t *json = json_object();

	json_set(json, "shadowed", json_string(bench_shadow_name(m->shadow)));
	json_set(json, "why_unknown", m->shadow_text[0] ? json_text(m->shadow_text) : json_null());
	json_set(json, "plain_cycles", json_number(m->plain_cycles));
	json_set(json, "kvm_cpuid_event_cycles", json_number(m->event_cycles));
	json_set(json, "kvm_exit_event_cycles", json_number(m->vmread_event_cycles));
	return json;
}

json_t *bench_to_json(const struct measurement *m)
{
	json_t *json, *bench = json_object(), *kinds = json_array();
	struct host host = { };
	enum bench_kind_id kind;

	snprintf(host.boot_id, sizeof(host.boot_id), "%s", m->machine.boot_id);
	snprintf(host.module, sizeof(host.module), "%s", m->module);
	json = json_document(&host, &m->time, 0);
	for (kind = 0; kind < NUM_BENCH_KINDS; kind++)
		json_array_append_new(kinds, result_to_json(m, kind));
	json_set(bench, "machine", saved_machine_to_json(&m->machine));
	json_set(bench, "taken", json_number(m->time.tv_sec));
	json_set(bench, "tsc_khz", json_number(m->tsc_khz));
	json_set(bench, "clock_cycles", json_number(m->clock_cycles));
	json_set(bench, "halt_delay_ns", json_number(m->halt_delay_ns));
	json_set(bench, "kinds", kinds);
	json_set(bench, "vmcs_shadowing", shadow_to_json(m));
	json_set(json, "bench", bench);
	return json;
}

static void load_summary(const json_t *json, struct bench_summary *s)
{
	s->count = saved_number(json, "count");
	s->median = saved_number(json, "median_cycles");
	s->low = saved_number(json, "median_low95_cycles");
	s->high = saved_number(json, "median_high95_cycles");
	s->mean = saved_number(json, "mean_cycles");
	s->min = saved_number(json, "min_cycles");
	s->p99 = saved_number(json, "p99_cycles");
}

static void load_result(const json_t *json, struct measurement *m)
{
	const json_t *split = json_object_get(json, "split");
	struct bench_result *r;
	enum bench_kind_id kind;
	char name[32];

	saved_text(json, "kind", name, sizeof(name));
	for (kind = 0; kind < NUM_BENCH_KINDS; kind++)
		if (!strcmp(name, bench_kinds[kind].name))
			break;
	if (kind == NUM_BENCH_KINDS)
		return;
	r = &m->results[kind];
	saved_text(json, "skipped", r->skipped, sizeof(r->skipped));
	load_summary(json, &r->cycles);
	r->is_split = json_is_object(split);
	r->kvm_ns = json_number_value(json_object_get(split, "kvm_ns"));
	r->vmm_ns = json_number_value(json_object_get(split, "vmm_ns"));
}

static bool load_document(const json_t *json, struct measurement *m)
{
	const json_t *bench = json_object_get(json, "bench");
	const json_t *shadow = json_object_get(bench, "vmcs_shadowing"), *kind;
	char name[32];
	size_t i;

	if (saved_number(json, "schema") != JSON_SCHEMA || !json_is_object(bench))
		return false;
	saved_text(json, "module", m->module, sizeof(m->module));
	saved_machine_load(json, json_object_get(bench, "machine"), &m->machine);
	m->time.tv_sec = saved_number(bench, "taken");
	m->tsc_khz = saved_number(bench, "tsc_khz");
	m->clock_cycles = saved_number(bench, "clock_cycles");
	m->halt_delay_ns = saved_number(bench, "halt_delay_ns");
	m->plain_cycles = saved_number(shadow, "plain_cycles");
	m->event_cycles = saved_number(shadow, "kvm_cpuid_event_cycles");
	m->vmread_event_cycles = saved_number(shadow, "kvm_exit_event_cycles");
	saved_text(shadow, "shadowed", name, sizeof(name));
	for (i = 0; i <= BENCH_SHADOW_UNCLEAR; i++)
		if (!strcmp(name, bench_shadow_name(i)))
			m->shadow = i;
	json_array_foreach(json_object_get(bench, "kinds"), i, kind)
		load_result(kind, m);
	return true;
}

int bench_load(const char *path, struct measurement *m)
{
	json_t *json = json_read(path);
	bool is_right;

	*m = (struct measurement){ };
	is_right = json && load_document(json, m);
	if (json && !is_right)
		complain("%s: not a document of l1tune bench --json", path);
	json_decref(json);
	return is_right ? STATUS_OK : STATUS_FAILED;
}

int bench_save(const char *state, const struct measurement *m)
{
	return saved_write(state, BENCH_FILE, bench_to_json(m));
}

const struct measurement *bench_saved(const char *state, const struct machine *now,
				      struct measurement *m, const char **why)
{
	static const char *const words[NUM_SAVED] =
		SAVED_WORDS("nothing was measured yet", "measurements", "l1tune bench --save");
	char *path;
	enum saved found = saved_look(state, BENCH_FILE, &path);

	if (found == SAVED_GOOD) {
		complain_to(complain_ignore);
		found = bench_load(path, m) == STATUS_OK ? saved_compare(&m->machine, now) :
							   SAVED_DAMAGED;
		complain_to(NULL);
	}
	free(path);
	*why = words[found];
	return *why ? NULL : m;
}

bool bench_transit_ns(const struct measurement *m, double *low_ns, double *high_ns)
{
	enum bench_kind_id kind;
	bool known = false;

	for (kind = 0; kind < NUM_BENCH_KINDS; kind++) {
		const struct bench_result *r = &m->results[kind];
		double rest_ns = bench_rest_ns(m, r);

		/* That of L3 is of several exits. */
		if (!r->cycles.count || !r->is_split || kind == BENCH_L3_CPUID)
			continue;
		if (rest_ns < 0)
			rest_ns = 0;
		*low_ns = known && *low_ns < rest_ns ? *low_ns : rest_ns;
		*high_ns = known && *high_ns > rest_ns ? *high_ns : rest_ns;
		known = true;
	}
	return known;
}
