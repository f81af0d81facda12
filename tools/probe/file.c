// SPDX-License-Identifier: GPL-2.0
/* What was found as JSON documents: printed, kept, read again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/json.h"
#include "model/saved.h"
#include "probe/file.h"

#define PROBE_FILE	"probe.json"

static json_t *feature_to_json(const struct probe *probe, size_t i)
{
	const struct probe_feature *feature = &probe_features[i];
	const struct probe_result *r = &probe->results[i];
	json_t *json = json_object();

	json_set(json, "feature", json_string(feature->name));
	json_set(json, "kind", json_string(probe_group_name(feature->group)));
	json_set(json, "promised", r->verdict == VERDICT_UNKNOWN ? json_null() :
		 json_boolean(r->verdict != VERDICT_NOT_PROMISED));
	json_set(json, "verdict", json_string(probe_verdict_name(r->verdict)));
	json_set(json, "detail", r->detail[0] ? json_text(r->detail) : json_null());
	json_set(json, "ticks", json_number_or_null(r->ticks, r->ticks));
	json_set(json, "means", json_text(probe_means(probe, i)));
	return json;
}

static json_t *msrs_to_json(const struct probe *probe)
{
	json_t *json, *faulting;
	size_t i;

	if (!probe->has_msrs)
		return json_null();
	json = json_object();
	faulting = json_array();
	for (i = 0; i < probe->num_faulting; i++)
		json_array_append_new(faulting, json_integer(probe->faulting_msrs[i]));
	json_set(json, "listed", json_number(probe->num_msrs));
	json_set(json, "faulting", faulting);
	return json;
}

json_t *probe_to_json(const struct probe *probe)
{
	json_t *json, *body = json_object(), *features = json_array();
	struct host host = { };
	size_t i;

	snprintf(host.boot_id, sizeof(host.boot_id), "%s", probe->machine.boot_id);
	json = json_document(&host, &probe->time, 0);
	for (i = 0; i < num_probe_features; i++)
		json_array_append_new(features, feature_to_json(probe, i));
	json_set(body, "machine", saved_machine_to_json(&probe->machine));
	json_set(body, "taken", json_number(probe->time.tv_sec));
	json_set(body, "isa", json_string(probe->svm ? "svm" : "vmx"));
	json_set(body, "tsc_khz", json_number_or_null(probe->tsc_khz, probe->tsc_khz));
	json_set(body, "features", features);
	json_set(body, "msrs", msrs_to_json(probe));
	json_set(json, "probe", body);
	return json;
}

static void load_feature(const json_t *json, struct probe *probe)
{
	char name[64], verdict[32];
	enum probe_verdict v;
	size_t i;

	saved_text(json, "feature", name, sizeof(name));
	saved_text(json, "verdict", verdict, sizeof(verdict));
	for (i = 0; i < num_probe_features; i++) {
		struct probe_result *r = &probe->results[i];

		if (strcmp(name, probe_features[i].name))
			continue;
		for (v = 0; v < NUM_VERDICTS; v++)
			if (!strcmp(verdict, probe_verdict_name(v)))
				r->verdict = v;
		saved_text(json, "detail", r->detail, sizeof(r->detail));
		r->ticks = saved_number(json, "ticks");
	}
}

static bool load_document(const json_t *json, struct probe *probe)
{
	const json_t *body = json_object_get(json, "probe"), *feature;
	char isa[8];
	size_t i;

	if (saved_number(json, "schema") != JSON_SCHEMA || !json_is_object(body))
		return false;
	saved_machine_load(json, json_object_get(body, "machine"), &probe->machine);
	saved_text(body, "isa", isa, sizeof(isa));
	probe->svm = !strcmp(isa, "svm");
	probe->time.tv_sec = saved_number(body, "taken");
	probe->tsc_khz = saved_number(body, "tsc_khz");
	json_array_foreach(json_object_get(body, "features"), i, feature)
		load_feature(feature, probe);
	return true;
}

int probe_load(const char *path, struct probe *probe)
{
	json_t *json = json_read(path);
	bool is_right;

	*probe = (struct probe) {
		.results = xcalloc(num_probe_features, sizeof(*probe->results)),
	};
	is_right = json && load_document(json, probe);
	if (json && !is_right)
		complain("%s: not a document of l1tune probe --json", path);
	json_decref(json);
	return is_right ? STATUS_OK : STATUS_FAILED;
}

int probe_save(const char *state, const struct probe *probe)
{
	return saved_write(state, PROBE_FILE, probe_to_json(probe));
}

bool probe_saved(const char *state, const struct machine *now, struct probe *probe,
		 const char **why)
{
	static const char *const words[NUM_SAVED] =
		SAVED_WORDS("nothing was tried yet", "l1tune probe", "l1tune probe --save");
	char *path;
	enum saved found = saved_look(state, PROBE_FILE, &path);

	*probe = (struct probe){ };
	if (found == SAVED_GOOD) {
		complain_to(complain_ignore);
		found = probe_load(path, probe) == STATUS_OK ?
			saved_compare(&probe->machine, now) : SAVED_DAMAGED;
		complain_to(NULL);
	}
	free(path);
	*why = words[found];
	return !*why;
}
