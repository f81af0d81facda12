// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/terminal.h"
#include "cmd/command.h"
#include "model/json.h"
#include "probe/file.h"
#include "probe/probe.h"

enum { COL_FEATURE, COL_KIND, COL_VERDICT, COL_OTHER, COL_TIME, COL_DETAIL, COL_MEANS, NUM_COLS };

static const struct column columns[NUM_COLS] = {
	[COL_FEATURE] = { "FEATURE", "what KVM promises to guests", .is_text = true },
	[COL_KIND] = { "KIND", "entry, state, CR4, instruction, MSR, KVM, wake-up or nesting", .is_text = true },
	[COL_VERDICT] = { "VERDICT", "result of a guest that tried it", .is_text = true },
	[COL_OTHER] = { "OTHER", "the verdict in the file of --compare", .is_text = true },
	[COL_TIME] = { "TIME", "the fastest of five tries" },
	[COL_DETAIL] = { "DETAIL", "how it failed", .is_text = true,
			 .is_flexible = true, .is_prose = true },
	[COL_MEANS] = { "MEANS", "what it means for guests", .is_text = true,
			.is_flexible = true, .is_prose = true },
};

static size_t count(const struct probe *probe, enum probe_verdict verdict)
{
	size_t i, n = 0;

	for (i = 0; i < num_probe_features; i++)
		n += probe->results[i].verdict == verdict;
	return n;
}

static size_t count_bad(const struct probe *probe)
{
	size_t i, n = 0;

	for (i = 0; i < num_probe_features; i++)
		n += probe_is_bad(probe->results[i].verdict);
	return n;
}

/* What one looks for: what does not work, or works elsewhere only. */
static bool is_of_interest(const struct probe *probe, const struct probe *other, size_t i)
{
	const enum probe_verdict verdict = probe->results[i].verdict;

	if (other)
		return other->results[i].verdict != verdict;
	return verdict != VERDICT_OK && verdict != VERDICT_NOT_PROMISED;
}

static void fill_row(struct value *row, const struct probe *probe, const struct probe *other,
		     size_t i)
{
	const struct probe_feature *feature = &probe_features[i];
	const struct probe_result *r = &probe->results[i];

	row[COL_FEATURE] = value_text(feature->name);
	row[COL_KIND] = value_text(probe_group_name(feature->group));
	row[COL_VERDICT] = value_text(probe_verdict_name(r->verdict));
	if (other)
		row[COL_OTHER] = value_text(probe_verdict_name(other->results[i].verdict));
	if (r->ticks && probe->tsc_khz && feature->how == TRY_PLAIN)
		row[COL_TIME] = value_ns((double)r->ticks / probe->tsc_khz * 1e6 + 0.5);
	row[COL_DETAIL] = value_text(r->detail[0] ? r->detail : NULL);
	row[COL_MEANS] = value_text(probe_means(probe, i));
}

static void print_head(const struct probe *probe)
{
	static const enum probe_verdict others[] = {
		VERDICT_SLOW, VERDICT_UNSTEADY, VERDICT_FAULTS, VERDICT_WRONG, VERDICT_DIES, VERDICT_HANGS,
		VERDICT_UNTRIED,
	};
	size_t i, n;

	printf("KVM promises %zu of %zu features with %s, and a guest tried them:\n%zu ok",
	       num_probe_features - count(probe, VERDICT_NOT_PROMISED), num_probe_features,
	       probe->svm ? "SVM" : "VMX", count(probe, VERDICT_OK));
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		n = count(probe, others[i]);
		if (n)
			printf(", %zu %s", n, probe_verdict_name(others[i]));
	}
	putchar('\n');
}

static void print_msrs(const struct options *options, const struct probe *probe)
{
	size_t i;

	if (!probe->has_msrs) {
		printf("\nKVM does not list its MSRs.\n");
		return;
	}
	printf("\n"
	       "Of %u MSRs in KVM's list a guest cannot read %zu: some are for the VMM alone, or need\n"
	       "something that the VMM has to enable%s", probe->num_msrs, probe->num_faulting,
	       options->all ? ":" : " (-a lists them)");
	for (i = 0; options->all && i < probe->num_faulting; i++)
		printf("%s%#x", i % 8 ? " " : "\n  ", probe->faulting_msrs[i]);
	putchar('\n');
}

static int print(const struct options *options, const struct probe *probe,
		 const struct probe *other)
{
	struct value *row;
	size_t i, rows = 0;
	int status = STATUS_OK;

	table_set_defaults(options->table, other ? "FEATURE,VERDICT,OTHER,DETAIL,MEANS" :
			   options->all ? "FEATURE,KIND,VERDICT,TIME,DETAIL,MEANS" :
					  "FEATURE,KIND,VERDICT,DETAIL,MEANS");
	for (i = 0; i < num_probe_features; i++) {
		if (!options->all && !is_of_interest(probe, other, i))
			continue;
		row = table_add_row(options->table);
		fill_row(row, probe, other, i);
		rows++;
	}
	print_head(probe);
	if (rows) {
		putchar('\n');
		status = table_print(options->table, &options->style);
	} else if (other) {
		printf("\nThe other machine has the same verdicts.\n");
	}
	print_msrs(options, probe);
	return status;
}

static int print_json(const struct probe *probe, const struct probe *other)
{
	json_t *json = probe_to_json(probe), *compared;

	if (other) {
		compared = probe_to_json(other);
		json_object_set(json, "other", json_object_get(compared, "probe"));
		json_decref(compared);
	}
	return json_write(json);
}

static int try_all(const struct options *options, const struct probe *other)
{
	struct probe probe;
	int status = probe_run(&options->env, isatty(STDERR_FILENO) ? terminal_show_progress : NULL, &probe);

	if (status == STATUS_OK && options->save)
		status = probe_save(options->env.state, &probe);
	if (status == STATUS_OK)
		status = options->json ? print_json(&probe, other) : print(options, &probe, other);
	if (status == STATUS_OK && count_bad(&probe))
		status = STATUS_FAILED;
	probe_free(&probe);
	return status;
}

static int run(struct options *options)
{
	struct probe other = { };
	int status = options->compare ? probe_load(options->compare, &other) : STATUS_OK;

	if (status == STATUS_OK)
		status = try_all(options, options->compare ? &other : NULL);
	probe_free(&other);
	return status;
}

static const struct option_spec own_options[] = {
	OPTION(FLAG, 'a', "all", NULL, all, "also show what works and what is not promised"),
	OPTION(FLAG, 0, "save", NULL, save, "keep the result for doctor and gone"),
	OPTION(TEXT, 0, "compare", "FILE", compare, "show what differs from what l1tune probe --json printed elsewhere"),
	{ }
};

const struct command cmd_probe = {
	.name = "probe",
	.synopsis = "[OPTION]...",
	.summary = "try what KVM promises to guests",
	.about = "Tries with a tiny guest what KVM promises to guests on this host: instructions,\n"
		 "control registers, MSRs, timers, interrupts, nested guests. It takes\n"
		 "about a second of one CPU and needs /dev/kvm. Exit status 1: a promise is broken.",
	.run = run,
	.options = own_options,
	.shared_options = OPTIONS_DEV | OPTIONS_STATE | OPTIONS_TABLE | OPTIONS_JSON,
	.columns = columns,
	.num_columns = NUM_COLS,
};
