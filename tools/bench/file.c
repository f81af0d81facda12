// SPDX-License-Identifier: GPL-2.0
/* Measurements as JSON documents: printed, kept, read again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/replace.h"
#include "base/util.h"
#include "bench/file.h"
#include "model/json.h"

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

static json_t *machine_to_json(const struct machine *machine)
{
	json_t *json = json_object();

	json_set(json, "kernel", json_text(machine->kernel));
	json_set(json, "microcode", json_text(machine->microcode));
	json_set(json, "vendor", json_text(machine->vendor));
	json_set(json, "instance_type", json_text(machine->product));
	json_set(json, "cpu", json_text(machine->cpu));
	json_set(json, "virtualized", json_boolean(machine->virtualized));
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
	json_set(bench, "machine", machine_to_json(&m->machine));
	json_set(bench, "taken", json_number(m->time.tv_sec));
	json_set(bench, "tsc_khz", json_number(m->tsc_khz));
	json_set(bench, "clock_cycles", json_number(m->clock_cycles));
	json_set(bench, "halt_delay_ns", json_number(m->halt_delay_ns));
	json_set(bench, "kinds", kinds);
	json_set(bench, "vmcs_shadowing", shadow_to_json(m));
	json_set(json, "bench", bench);
	return json;
}

/* What a file holds may have been written by anybody: nothing is trusted. */
static uint64_t number(const json_t *json, const char *key)
{
	const json_t *value = json_object_get(json, key);

	return json_is_integer(value) && json_integer_value(value) > 0 ?
	       json_integer_value(value) : 0;
}

static void text(const json_t *json, const char *key, char *buf, size_t size)
{
	const char *s = json_string_value(json_object_get(json, key));

	snprintf(buf, size, "%s", s ? s : "");
}

static void load_summary(const json_t *json, struct bench_summary *s)
{
	s->count = number(json, "count");
	s->median = number(json, "median_cycles");
	s->low = number(json, "median_low95_cycles");
	s->high = number(json, "median_high95_cycles");
	s->mean = number(json, "mean_cycles");
	s->min = number(json, "min_cycles");
	s->p99 = number(json, "p99_cycles");
}

static void load_result(const json_t *json, struct measurement *m)
{
	const json_t *split = json_object_get(json, "split");
	struct bench_result *r;
	enum bench_kind_id kind;
	char name[32];

	text(json, "kind", name, sizeof(name));
	for (kind = 0; kind < NUM_BENCH_KINDS; kind++)
		if (!strcmp(name, bench_kinds[kind].name))
			break;
	if (kind == NUM_BENCH_KINDS)
		return;
	r = &m->results[kind];
	text(json, "skipped", r->skipped, sizeof(r->skipped));
	load_summary(json, &r->cycles);
	r->is_split = json_is_object(split);
	r->kvm_ns = json_number_value(json_object_get(split, "kvm_ns"));
	r->vmm_ns = json_number_value(json_object_get(split, "vmm_ns"));
}

static bool load_document(const json_t *json, struct measurement *m)
{
	const json_t *bench = json_object_get(json, "bench");
	const json_t *machine = json_object_get(bench, "machine"), *kind;
	const json_t *shadow = json_object_get(bench, "vmcs_shadowing");
	char name[32];
	size_t i;

	if (number(json, "schema") != JSON_SCHEMA || !json_is_object(bench))
		return false;
	text(json, "boot_id", m->machine.boot_id, sizeof(m->machine.boot_id));
	text(json, "module", m->module, sizeof(m->module));
	text(machine, "kernel", m->machine.kernel, sizeof(m->machine.kernel));
	text(machine, "microcode", m->machine.microcode, sizeof(m->machine.microcode));
	text(machine, "vendor", m->machine.vendor, sizeof(m->machine.vendor));
	text(machine, "instance_type", m->machine.product, sizeof(m->machine.product));
	text(machine, "cpu", m->machine.cpu, sizeof(m->machine.cpu));
	m->machine.virtualized = json_is_true(json_object_get(machine, "virtualized"));
	m->time.tv_sec = number(bench, "taken");
	m->tsc_khz = number(bench, "tsc_khz");
	m->clock_cycles = number(bench, "clock_cycles");
	m->halt_delay_ns = number(bench, "halt_delay_ns");
	m->plain_cycles = number(shadow, "plain_cycles");
	m->event_cycles = number(shadow, "kvm_cpuid_event_cycles");
	m->vmread_event_cycles = number(shadow, "kvm_exit_event_cycles");
	text(shadow, "shadowed", name, sizeof(name));
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

/* Whoever's the file before was, this one is of who measures, for all to read. */
static int write_document(const char *path, const struct measurement *m)
{
	struct replacement replacement;
	int err = replacement_start(&replacement, path), fd;
	json_t *json;

	if (err)
		return err;
	fd = fileno(replacement.file);
	json = bench_to_json(m);
	errno = 0;
	if (fchown(fd, geteuid(), getegid()) || fchmod(fd, 0644) ||
	    json_dumpf(json, replacement.file, JSON_INDENT(1) | JSON_ENSURE_ASCII)) {
		err = errno ? -errno : -EIO;
		replacement_drop(&replacement);
	} else {
		err = replacement_finish(&replacement);
	}
	json_decref(json);
	return err;
}

/* The directory and those above it. */
static void make_directories(const char *path)
{
	char *copy = xstrdup(path), *s = copy;

	while ((s = strchr(s + 1, '/'))) {
		*s = '\0';
		mkdir(copy, 0755);
		*s = '/';
	}
	mkdir(copy, 0755);
	free(copy);
}

int bench_save(const char *state, const struct measurement *m)
{
	char *path = xasprintf("%s/bench.json", state);
	int err;

	make_directories(state);
	err = write_document(path, m);
	if (err)
		complain("%s: %s", path, strerror(-err));
	free(path);
	return err == -EACCES || err == -EPERM ? STATUS_NOT_PERMITTED :
	       err ? STATUS_FAILED : STATUS_OK;
}

static const char *changed(const struct machine *then, const struct machine *now)
{
	if (strcmp(then->boot_id, now->boot_id))
		return "this machine was started again since: run l1tune bench --save";
	if (strcmp(then->kernel, now->kernel))
		return "the kernel is another one since: run l1tune bench --save";
	if (strcmp(then->microcode, now->microcode))
		return "the microcode is another one since: run l1tune bench --save";
	if (strcmp(then->product, now->product))
		return "the instance type is another one since: run l1tune bench --save";
	return NULL;
}

static bool is_owned_by_root(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && S_ISREG(st.st_mode) && !st.st_uid &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

const struct measurement *bench_saved(const char *state, const struct machine *now,
				      struct measurement *m, const char **why)
{
	char *path = xasprintf("%s/bench.json", state);
	int status = STATUS_OK;

	*why = NULL;
	if (access(path, F_OK)) {
		*why = "nothing was measured yet: run l1tune bench --save";
	} else if (!is_owned_by_root(path)) {
		*why = "the file of measurements is not root's alone: remove it, then run l1tune bench --save";
	} else {
		complain_to(complain_ignore);
		status = bench_load(path, m);
		complain_to(NULL);
		*why = status == STATUS_OK ? changed(&m->machine, now) :
		       "the file of measurements is damaged: run l1tune bench --save";
	}
	free(path);
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
