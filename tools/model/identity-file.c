// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/util.h"
#include "model/identity.h"
#include "model/json.h"

#define IDENTITY_FILE	"identity.json"

static json_t *identity_to_json(const struct identity *identity)
{
	json_t *json, *body = json_object(), *facts = json_object();
	struct host host = { };
	size_t i;

	snprintf(host.boot_id, sizeof(host.boot_id), "%s", identity->boot_id);
	json = json_document(&host, NULL, 0);
	for (i = 0; i < identity->num_facts; i++)
		json_set(facts, identity->facts[i].name, json_text(identity->facts[i].value));
	json_set(body, "taken", json_number(identity->taken));
	json_set(body, "facts", facts);
	json_set(body, "tsc", json_number_or_null(identity->has_tsc, identity->tsc));
	json_set(body, "tsc_khz", json_number_or_null(identity->has_tsc, identity->tsc_khz));
	json_set(body, "raw_ns", json_number_or_null(identity->has_tsc, identity->raw_ns));
	json_set(body, "suspended_ns", json_number(identity->suspended_ns));
	json_set(body, "stolen_ticks",
		 json_number_or_null(identity->has_stolen, identity->stolen_ticks));
	json_set(body, "since_last_boot",
		 identity->since_boot[0] ? json_text(identity->since_boot) : json_null());
	json_set(json, "identity", body);
	return json;
}

static void load_facts(json_t *facts, struct identity *identity)
{
	const char *name;
	json_t *value;

	json_object_foreach(facts, name, value) {
		struct identity_fact *fact = &identity->facts[identity->num_facts];

		if (!json_is_string(value) || strlen(name) >= sizeof(fact->name))
			continue;
		if (identity->num_facts++ == IDENTITY_FACTS - 1)
			return;
		snprintf(fact->name, sizeof(fact->name), "%s", name);
		snprintf(fact->value, sizeof(fact->value), "%s", json_string_value(value));
	}
}

static bool load_document(const json_t *json, struct identity *identity)
{
	const json_t *body = json_object_get(json, "identity");
	json_t *facts = json_object_get(body, "facts");

	if (saved_number(json, "schema") != JSON_SCHEMA || !json_is_object(facts))
		return false;
	saved_text(json, "boot_id", identity->boot_id, sizeof(identity->boot_id));
	load_facts(facts, identity);
	identity->taken = saved_number(body, "taken");
	identity->tsc = saved_number(body, "tsc");
	identity->tsc_khz = saved_number(body, "tsc_khz");
	identity->raw_ns = saved_number(body, "raw_ns");
	identity->has_tsc = identity->tsc && identity->tsc_khz && identity->raw_ns;
	identity->suspended_ns = saved_number(body, "suspended_ns");
	identity->has_stolen = json_is_integer(json_object_get(body, "stolen_ticks"));
	identity->stolen_ticks = saved_number(body, "stolen_ticks");
	saved_text(body, "since_last_boot", identity->since_boot, sizeof(identity->since_boot));
	return identity->boot_id[0];
}

int identity_save(const char *state, const struct identity *identity)
{
	return saved_write(state, IDENTITY_FILE, identity_to_json(identity));
}

enum saved identity_load(const char *state, struct identity *identity)
{
	char *path;
	enum saved found = saved_look(state, IDENTITY_FILE, &path);
	json_t *json;

	*identity = (struct identity){ };
	if (found == SAVED_GOOD) {
		complain_to(complain_ignore);
		json = json_read(path);
		complain_to(NULL);
		if (!json || !load_document(json, identity)) {
			*identity = (struct identity){ };
			found = SAVED_DAMAGED;
		}
		json_decref(json);
	}
	free(path);
	return found;
}

enum saved identity_keep(const char *state, const struct identity *now,
			 struct identity *then)
{
	enum saved found = identity_load(state, then);
	struct identity kept = *now;
	char *text;

	if (found == SAVED_GOOD && strcmp(then->boot_id, now->boot_id))
		found = SAVED_OTHER_BOOT;
	if (found == SAVED_GOOD || geteuid())
		return found;
	if (found == SAVED_OTHER_BOOT) {
		text = identity_diff(then, now);
		snprintf(kept.since_boot, sizeof(kept.since_boot), "%s", text);
		free(text);
	}
	identity_save(state, &kept);
	return found;
}
