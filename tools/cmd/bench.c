// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/format.h"
#include "base/nearest.h"
#include "base/terminal.h"
#include "base/util.h"
#include "bench/bench.h"
#include "bench/file.h"
#include "cmd/command.h"
#include "model/identity.h"
#include "model/json.h"

enum {
	COL_KIND, COL_MEDIAN, COL_MARGIN, COL_P99, COL_CYCLES, COL_KVM, COL_VMM,
	COL_REST, COL_COUNT, COL_OTHER, COL_RATIO, COL_WHAT, NUM_COLS
};

static const struct column columns[NUM_COLS] = {
	[COL_KIND] = { "KIND", "kind of exit", .is_text = true },
	[COL_MEDIAN] = { "MEDIAN", "median time" },
	[COL_MARGIN] = { "MARGIN", "width of the median's 95 % confidence interval" },
	[COL_P99] = { "P99", "99 % of them took no longer" },
	[COL_CYCLES] = { "CYCLES", "the median in cycles of the TSC" },
	[COL_KVM] = { "KVM", "part of the median spent in KVM (needs the module)" },
	[COL_VMM] = { "VMM", "part of the median spent in the VMM" },
	[COL_REST] = { "REST", "rest of the median: hardware and L0" },
	[COL_COUNT] = { "COUNT", "number of measured exits" },
	[COL_OTHER] = { "OTHER", "median in the file of --compare" },
	[COL_RATIO] = { "TIMES", "ratio to OTHER, in cycles" },
	[COL_WHAT] = { "WHAT", "description, or why it was not measured", .is_text = true,
		       .is_flexible = true, .is_prose = true },
};

static void fill_split(struct value *row, const struct measurement *m,
		       const struct bench_result *r)
{
	double rest_ns = bench_rest_ns(m, r);

	row[COL_KVM] = value_ns(r->kvm_ns + 0.5);
	row[COL_VMM] = value_ns(r->vmm_ns + 0.5);
	row[COL_REST] = value_ns(rest_ns > 0 ? rest_ns + 0.5 : 0);
}

static void fill_row(struct value *row, enum bench_kind_id kind,
		     const struct measurement *m, const struct measurement *other)
{
	const struct bench_result *r = &m->results[kind];

	row[COL_KIND] = value_text(bench_kinds[kind].name);
	row[COL_WHAT] = value_text(r->skipped[0] ? r->skipped : bench_kinds[kind].text);
	if (other && other->results[kind].cycles.count)
		row[COL_OTHER] = value_ns(bench_ns(other, other->results[kind].cycles.median));
	if (!r->cycles.count)
		return;
	row[COL_MEDIAN] = value_ns(bench_ns(m, r->cycles.median));
	row[COL_MARGIN] = value_ratio(r->cycles.high - r->cycles.low, r->cycles.median);
	row[COL_P99] = value_ns(bench_ns(m, r->cycles.p99));
	row[COL_CYCLES] = value_number(r->cycles.median);
	row[COL_COUNT] = value_number(r->cycles.count);
	if (r->is_split)
		fill_split(row, m, r);
	if (other)
		row[COL_RATIO] = value_factor(r->cycles.median,
					      other->results[kind].cycles.median);
}

static void print_machine(const char *label, const struct machine *machine,
			  uint64_t tsc_khz)
{
	terminal_print("%-8s%s%s%s, Linux %s, TSC %.3f GHz\n", label, machine->product,
		       machine->product[0] ? ", " : "",
		       machine->virtualized ? "virtualized" : "not virtualized",
		       machine->kernel, tsc_khz / 1e6);
}

static void print_shadow(const struct measurement *m)
{
	static const char *const texts[] = {
		[BENCH_SHADOW_UNKNOWN] = "not known",
		[BENCH_SHADOW_NOT_APPLICABLE] = "not applicable here",
		[BENCH_SHADOW_YES] = "L0 shadows the VMCS: KVM's VMREADs cost no trip to L0",
		[BENCH_SHADOW_NO] = "L0 does not shadow the VMCS: each VMREAD of KVM is a trip to L0",
		[BENCH_SHADOW_UNCLEAR] = "not clear from what was measured",
	};

	terminal_print("VMCS    %s%s%s\n", texts[m->shadow], m->shadow_text[0] ? ": " : "",
		       m->shadow_text);
	if (m->vmread_event_cycles && m->event_cycles)
		printf("        a CPUID exit takes %" PRIu64 " cycles, %" PRIu64
		       " with an event that reads no VMCS, %" PRIu64 " with one that does\n",
		       m->plain_cycles, m->event_cycles, m->vmread_event_cycles);
}

static bool is_split(const struct measurement *m)
{
	enum bench_kind_id kind;

	for (kind = 0; kind < NUM_BENCH_KINDS; kind++)
		if (m->results[kind].is_split)
			return true;
	return false;
}

static int print(const struct options *options, const struct measurement *m,
		 const struct measurement *other)
{
	const char *shown = other && is_split(m) ? "KIND,MEDIAN,P99,CYCLES,KVM,VMM,REST,OTHER,TIMES,WHAT" :
			    other ? "KIND,MEDIAN,P99,CYCLES,OTHER,TIMES,WHAT" :
			    is_split(m) ? "KIND,MEDIAN,MARGIN,P99,CYCLES,KVM,VMM,REST,COUNT,WHAT" :
					  "KIND,MEDIAN,MARGIN,P99,CYCLES,COUNT,WHAT";
	enum bench_kind_id kind;

	table_set_defaults(options->table, shown);
	print_machine("machine", &m->machine, m->tsc_khz);
	if (other)
		print_machine("other", &other->machine, other->tsc_khz);
	print_shadow(m);
	if (!m->module[0])
		printf("module  not loaded: with it, each round trip is split into KVM's part and the rest\n");
	putchar('\n');
	for (kind = 0; kind < NUM_BENCH_KINDS; kind++)
		fill_row(table_add_row(options->table), kind, m, other);
	return table_print(options->table, &options->style);
}

static int print_json(const struct measurement *m, const struct measurement *other)
{
	json_t *json = bench_to_json(m), *compared;

	if (other) {
		compared = bench_to_json(other);
		json_object_set(json, "other", json_object_get(compared, "bench"));
		json_decref(compared);
	}
	return json_write(json);
}

static int choose(const struct options *options, struct bench_options *bench)
{
	struct nearest nearest;
	enum bench_kind_id kind;
	char *text;
	int i;

	for (i = 0; i < options->num_words; i++) {
		nearest = (struct nearest){ .word = options->words[i] };
		for (kind = 0; kind < NUM_BENCH_KINDS; kind++) {
			if (!strcmp(options->words[i], bench_kinds[kind].name))
				break;
			nearest_offer(&nearest, bench_kinds[kind].name);
		}
		if (kind == NUM_BENCH_KINDS) {
			text = nearest_text(&nearest, ": l1tune bench --help lists the kinds");
			error_set(options->error, "unknown kind '%s'%s",
				  options->words[i], text);
			free(text);
			return STATUS_USAGE;
		}
		bench->wanted[kind] = bench->has_selection = true;
	}
	return bench->has_selection && options->save ?
	       error_set(options->error, "--save cannot be combined with KIND") :
	       STATUS_OK;
}

/* Costs, and the machine that they are of: a later one is compared with it. */
static int save(const struct env *env, const struct measurement *m)
{
	int status = bench_save(env->state, m);
	struct identity identity;

	if (status != STATUS_OK)
		return status;
	identity_read(env, &identity);
	return identity_save(env->state, &identity);
}

static int run(struct options *options)
{
	struct bench_options bench = { .dev = options->env.dev };
	struct measurement m, other;
	int status = choose(options, &bench);

	if (status == STATUS_OK && options->compare)
		status = bench_load(options->compare, &other);
	if (status != STATUS_OK)
		return status;
	if (isatty(STDERR_FILENO))
		bench.progress = terminal_show_progress;
	status = bench_measure(&options->env, &bench, &m);
	if (status == STATUS_OK && options->save)
		status = save(&options->env, &m);
	if (status != STATUS_OK)
		return status;
	return options->json ? print_json(&m, options->compare ? &other : NULL) :
			       print(options, &m, options->compare ? &other : NULL);
}

static bool names(size_t i, struct named *named)
{
	if (i >= NUM_BENCH_KINDS)
		return false;
	*named = (struct named) {
		.name = bench_kinds[i].name, .help = bench_kinds[i].text,
	};
	return true;
}

static const struct option_spec own_options[] = {
	OPTION(FLAG, 0, "save", NULL, save, "keep the result for stat, top, caps and doctor"),
	OPTION(TEXT, 0, "compare", "FILE", compare, "compare with what l1tune bench --json printed elsewhere"),
	{ }
};

const struct command cmd_bench = {
	.name = "bench",
	.synopsis = "[OPTION]... [KIND]...",
	.summary = "measure what one exit of each kind costs",
	.about = "Measures with a tiny guest what one exit of each kind costs on this host. It\n"
		 "takes about ten seconds of one CPU and needs /dev/kvm. With the module loaded it\n"
		 "separates KVM's part; as root it detects whether L0 shadows the VMCS.",
	.run = run,
	.options = own_options,
	.shared_options = OPTIONS_DEV | OPTIONS_STATE | OPTIONS_TABLE | OPTIONS_JSON,
	.words = WORDS_NAMES,
	.most_words = ANY_NUMBER,
	.columns = columns,
	.num_columns = NUM_COLS,
	.names_title = "Kinds",
	.names = names,
};
