// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/util.h"
#include "base/wait.h"
#include "cmd/command.h"
#include "explain/access.h"
#include "explain/paravirt.h"
#include "model/json.h"
#include "ui/intervals.h"

enum {
	COL_ID, COL_NAME, COL_PID, COL_VCPUS, COL_FEATURE, COL_OFFERED, COL_USED, COL_USES,
	COL_ACCESSES, COL_SAVES, NUM_COLS
};

#define COLUMNS	"ID,NAME,FEATURE,OFFERED,USED"

static const struct column columns[NUM_COLS] = {
	[COL_ID] = { "ID", "id of the guest" },
	[COL_NAME] = { "NAME", "its name", .is_text = true, .is_flexible = true },
	[COL_PID] = { "PID", "PID of its VMM" },
	[COL_VCPUS] = { "VCPUS", "vCPUs" },
	[COL_FEATURE] = { "FEATURE", "part of KVM's interface for guests", .is_text = true },
	[COL_OFFERED] = { "OFFERED", "whether the VMM offers it: yes or no", .is_text = true },
	[COL_USED] = { "USED", "whether the guest uses it: yes, no, or how many vCPUs do",
		       .is_text = true },
	[COL_USES] = { "USES_S", "with -i: its hypercalls or TLB flushes per second" },
	[COL_ACCESSES] = { "ACCESSES_S", "with -i: accesses per second that it would save" },
	[COL_SAVES] = { "SAVES", "what it saves", .is_text = true,
			.is_flexible = true, .is_prose = true },
};

/* What was looked at. */
struct look {
	const struct options *options;
	uint64_t sample_ns;
	struct sample sample;
	/* The module has no such files. */
	bool is_older;
};

static bool is_saving(const struct pv_feature *feature)
{
	return feature->is_used_known && feature->num_using;
}

/* -1 if it is not known, or nothing that it would save. */
static double accesses_of(const struct look *look, const struct access_groups *groups,
			  const struct pv_feature *feature)
{
	if (!look->sample_ns || look->sample.why_not || !feature->classes ||
	    is_saving(feature))
		return -1;
	return access_rate(groups, feature->classes);
}

static char *used_text(const struct pv_feature *feature, size_t num_vcpus)
{
	if (!feature->is_used_known)
		return xstrdup("?");
	if (feature->num_using && feature->num_using < num_vcpus)
		return xasprintf("%zu of %zu", feature->num_using, num_vcpus);
	return xstrdup(feature->num_using ? "yes" : "no");
}

static void add_row(const struct look *look, const struct guest_snapshot *guest,
		    const struct pv_feature *feature, double accesses, size_t num_vcpus)
{
	struct value *row = table_add_row(look->options->table);
	char *used = used_text(feature, num_vcpus);

	row[COL_ID] = value_number(guest->guest.id);
	row[COL_NAME] = value_text(guest->guest.label);
	row[COL_PID] = value_number(guest->guest.pid);
	row[COL_VCPUS] = value_number(num_vcpus);
	row[COL_FEATURE] = value_text(feature->name);
	row[COL_OFFERED] = value_text(!feature->is_offered_known ? "?" :
				      feature->is_offered ? "yes" : "no");
	row[COL_USED] = value_text(used);
	if (feature->is_rate_known)
		row[COL_USES] = value_number(feature->rate + 0.5);
	if (accesses >= 0)
		row[COL_ACCESSES] = value_number(accesses + 0.5);
	row[COL_SAVES] = value_text(feature->saves);
	free(used);
}

static json_t *feature_to_json(const struct pv_feature *feature, double accesses)
{
	json_t *json = json_object();

	json_set(json, "name", json_text(feature->name));
	json_set(json, "offered", feature->is_offered_known ?
		 json_boolean(feature->is_offered) : json_null());
	json_set(json, "vcpus_using",
		 json_number_or_null(feature->is_used_known, feature->num_using));
	json_set(json, "uses_per_s", feature->is_rate_known ? json_real(feature->rate) :
							       json_null());
	json_set(json, "accesses_per_s", accesses < 0 ? json_null() : json_real(accesses));
	return json;
}

static void add_guest(const struct look *look, const struct guest_snapshot *guest,
		      const struct pv_features *features, size_t num_vcpus, json_t *guests)
{
	struct access_groups groups = access_groups(&look->sample, guest);
	json_t *json = json_object(), *list = json_array();
	size_t i;

	for (i = 0; i < features->num; i++) {
		const struct pv_feature *feature = &features->v[i];
		double accesses = accesses_of(look, &groups, feature);

		if (look->options->json)
			json_array_append_new(list, feature_to_json(feature, accesses));
		else
			add_row(look, guest, feature, accesses, num_vcpus);
	}
	free(groups.v);
	json_set(json, "id", json_number(guest->guest.id));
	json_set(json, "name", json_text(guest->guest.name));
	json_set(json, "vcpus", json_number(num_vcpus));
	json_set(json, "features", list);
	json_array_append_new(guests, json);
}

/* What each guest has, as rows or into the array. */
static int add_guests(struct look *look, const struct snapshot *snapshot, json_t *guests)
{
	size_t i;

	for (i = 0; i < snapshot->num_guests; i++) {
		const struct guest_snapshot *guest = &snapshot->guests[i];
		struct guest_paravirt paravirt;
		struct pv_features features;
		int err = guest_paravirt_read(&look->options->env, guest, &paravirt);
		char *path;

		if (err) {
			path = xasprintf("l2-%llu/vcpu<n>/paravirt",
					 (unsigned long long)guest->guest.id);
			err = env_complain(&look->options->env, path, err);
			free(path);
			free(paravirt.v);
			return err;
		}
		look->is_older |= paravirt.is_older;
		features = pv_features(guest, &paravirt, look->sample_ns ? &look->sample : NULL);
		/* One that has gone leaves no row. */
		if (paravirt.num)
			add_guest(look, guest, &features, paravirt.num, guests);
		free(features.v);
		free(paravirt.v);
	}
	return STATUS_OK;
}

static void take_sample(struct look *look)
{
	if (!look->sample_ns)
		return;
	wait_catch_signals();
	if (!sample_start(&look->sample, &look->options->env, true)) {
		complain("what guests access cannot be counted: %s", look->sample.why_not);
		return;
	}
	sample_wait(&look->sample, monotonic_ns() + look->sample_ns);
	sample_stop(&look->sample);
}

static int print(const struct look *look, const struct snapshot *snapshot, json_t *guests,
		 const struct host *host)
{
	struct table *table = look->options->table;
	json_t *json;

	if (look->is_older && !table->num_rows && !json_array_size(guests))
		return env_complain_older(&look->options->env, "l2-<id>/vcpu<n>/paravirt");
	if (look->options->json) {
		json = json_document(host, &snapshot->time, look->sample_ns);
		json_set(json, "paravirt", json_incref(guests));
		return json_write(json);
	}
	if (table->num_rows)
		return table_print(table, &look->options->style);
	complain("no guests");
	return STATUS_OK;
}

static int show(const struct options *options, const struct host *host,
		const struct snapshot *snapshot, void *arg)
{
	struct look *look = arg;
	json_t *guests = json_array();
	int status;

	table_set_defaults(options->table, look->sample_ns ? COLUMNS ",USES_S,ACCESSES_S,SAVES" :
							     COLUMNS ",SAVES");
	take_sample(look);
	status = add_guests(look, snapshot, guests);
	if (status == STATUS_OK)
		status = print(look, snapshot, guests, host);
	json_decref(guests);
	return status;
}

static int run(struct options *options)
{
	struct look look = { .options = options, .sample_ns = options->interval_ns };
	int status;

	options->vcpus = true;
	/* The guests are looked at once. */
	options->interval_ns = 0;
	status = intervals_show_words(options, show, &look);
	sample_free(&look.sample);
	return status;
}

static const struct option_spec own_options[] = {
	OPTION(SECONDS, 'i', "interval", "SEC", interval_ns,
	       "also count for SEC seconds its uses, and accesses that it\n"
	       "would save"),
	{ }
};

const struct command cmd_paravirt = {
	.name = "paravirt",
	.synopsis = "[OPTION]... [GUEST]...",
	.summary = "show which parts of KVM's paravirtual interface guests use",
	.about = "Shows which parts of KVM's paravirtual interface each guest is offered by its VMM,\n"
		 "and which it uses. ? is unknown: hypercalls and TLB flushes, which -i counts; what\n"
		 "it has not seen may be rare.",
	.run = run,
	.options = own_options,
	.shared_options = OPTIONS_TABLE | OPTIONS_JSON,
	.words = WORDS_GUESTS,
	.most_words = ANY_NUMBER,
	.columns = columns,
	.num_columns = NUM_COLS,
};
