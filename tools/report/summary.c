// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/format.h"
#include "base/util.h"
#include "report/find.h"
#include "report/html.h"
#include "report/summary.h"

static void add(struct facts_list *list, const char *name, char *value, char *detail)
{
	list->v[list->num++] = (struct fact){ name, value, detail };
}

void facts_free(struct facts_list *list)
{
	size_t i;

	for (i = 0; i < list->num; i++) {
		free(list->v[i].value);
		free(list->v[i].detail);
	}
	list->num = 0;
}

const char *summary_missing(const json_t *report, const char *document)
{
	return text_of(json_object_get(json_object_get(report, "report"), "missing"), document);
}

/* The sum over guests of how much of a CPU a time was; false if one does not know it. */
static bool sum_cpus(const json_t *guests, const char *key, double *sum)
{
	const json_t *guest;
	size_t i;

	*sum = 0;
	json_array_foreach((json_t *)guests, i, guest) {
		if (!has_number(guest, key))
			return false;
		*sum += cpus_of(guest, key);
	}
	return true;
}

static uint64_t sum_counts(const json_t *guests, const char *key)
{
	const json_t *guest;
	uint64_t sum = 0;
	size_t i;

	json_array_foreach((json_t *)guests, i, guest)
		sum += count_of(guest, key);
	return sum;
}

static void add_guests(struct facts_list *list, const json_t *guests)
{
	size_t num = json_array_size(guests), ended = 0, i;
	const json_t *guest;
	char *memory;

	json_array_foreach((json_t *)guests, i, guest)
		ended += is_true(guest, "ended");
	memory = format_bytes(sum_counts(guests, "memory_bytes"));
	add(list, "Guests", xasprintf("%zu", num - ended),
	    ended ? xasprintf("and %zu that ended", ended) :
	    xasprintf("%llu vCPUs, %s", (unsigned long long)sum_counts(guests, "vcpus"), memory));
	free(memory);
}

static void add_cpus(struct facts_list *list, const json_t *guests, const char *name,
		     const char *key, const char *detail, const char *unknown)
{
	double sum;
	bool is_known = sum_cpus(guests, key, &sum);

	add(list, name, is_known ? xasprintf("%.2f", sum) : NULL, xstrdup(is_known ? detail : unknown));
}

/* The module says why it is not known. */
static void add_stolen(struct facts_list *list, const json_t *stat)
{
	const char *clock = text_of(json_object_get(stat, "l1"), "steal_clock");
	char *unknown = xasprintf("steal clock: %s", *clock ? clock : "unknown to the module");

	add_cpus(list, array_of(stat, "l2"), "Stolen by L0", "stolen_ns", "CPUs", unknown);
	free(unknown);
}

void summary_figures(const json_t *report, struct facts_list *list)
{
	const json_t *stat = json_object_get(report, "stat"), *guests = array_of(stat, "l2"), *guest;
	double rate = 0;
	size_t i;

	*list = (struct facts_list){ };
	if (!guests)
		return;
	json_array_foreach((json_t *)guests, i, guest)
		rate += cpus_of(guest, "exits") * NSEC_PER_SEC;
	add_guests(list, guests);
	add(list, "Exits per second", scale_text(rate), xstrdup("of all guests"));
	add_cpus(list, guests, "Busy with exits", "busy_ns", "CPUs in KVM and VMMs", "not counted");
	add_cpus(list, guests, "Waiting for a CPU", "runq_ns", "vCPUs on average", "not counted");
	add_stolen(list, stat);
}

static char *text_or_null(const json_t *object, const char *key)
{
	return *text_of(object, key) ? xstrdup(text_of(object, key)) : NULL;
}

static char *hooks_text(const json_t *l1)
{
	const json_t *hooks = json_object_get(l1, "hooks"), *state;
	char *others = xstrdup(""), *text;
	size_t num = 0;
	const char *name;

	json_object_foreach((json_t *)hooks, name, state) {
		const char *word = json_string_value(state);

		if (word && !strcmp(word, "ok"))
			num++;
		else if (word && strcmp(word, "off"))
			append(&others, ", %s %s", name, word);
	}
	text = xasprintf("%zu ok%s", num, others);
	free(others);
	return text;
}

void summary_machine(const json_t *report, struct facts_list *list)
{
	const json_t *l1 = json_object_get(json_object_get(report, "stat"), "l1");
	const json_t *machine = json_object_get(json_object_get(report, "report"), "machine");
	const char *module = text_of(report, "module");

	*list = (struct facts_list){ };
	add(list, "Host", text_or_null(json_object_get(report, "report"), "host"), xstrdup(""));
	add(list, "Instance type", text_or_null(machine, "instance_type"), xstrdup(text_of(machine, "vendor")));
	add(list, "CPU", text_or_null(machine, "cpu"),
	    xasprintf("%llu CPUs", (unsigned long long)count_of(machine, "num_cpus")));
	add(list, "Kernel", text_or_null(machine, "kernel"), xstrdup(""));
	add(list, "L0", !is_true(machine, "virtualized") ? xstrdup("none: this machine is not virtualized") :
	    *text_of(l1, "hypervisor") ? xstrdup(text_of(l1, "hypervisor")) : NULL,
	    xstrdup(""));
	add(list, "l1tune", text_or_null(report, "tool"),
	    !*module ? xstrdup("the module is not loaded") :
	    strcmp(module, text_of(report, "tool")) ? xasprintf("module %s", module) : xstrdup(""));
	if (l1)
		add(list, "Hooks", hooks_text(l1), xstrdup(""));
	add(list, "Boot", text_or_null(report, "boot_id"), xstrdup(""));
}

/* Where more than seconds of the window that was asked for are missing, that is said. */
static char *coverage_text(const json_t *about, uint64_t start_ns, uint64_t end_ns)
{
	uint64_t asked_start_ns = count_of(about, "asked_from_ns");
	uint64_t asked_end_ns = count_of(about, "asked_to_ns");
	char *start, *end, *text;

	if (!is_true(about, "history"))
		return xstrdup("");
	if (start_ns <= asked_start_ns + NSEC_PER_SEC && end_ns + NSEC_PER_SEC >= asked_end_ns)
		return xstrdup(", from the history");
	start = date_text(asked_start_ns);
	end = clock_text(asked_end_ns);
	text = xasprintf(", from the history, which lacks the rest of %s to %s", start, end);
	free(start);
	free(end);
	return text;
}

char *summary_when(const json_t *report)
{
	const json_t *about = json_object_get(report, "report");
	uint64_t start_ns = count_of(about, "from_ns"), end_ns = count_of(about, "to_ns");
	char *start = date_text(start_ns), *end = clock_text(end_ns);
	char *length = format_ns(sub_clamped(end_ns, start_ns));
	char *coverage = coverage_text(about, start_ns, end_ns);
	char *text = xasprintf("%s to %s (%s)%s", start, end, length, coverage);

	free(coverage);
	free(length);
	free(end);
	free(start);
	return text;
}

static size_t rows_in(const json_t *report, const char *state)
{
	const json_t *row;
	size_t num = 0, i;

	json_array_foreach((json_t *)array_of(json_object_get(report, "doctor"), "rows"), i, row)
		num += !strcmp(text_of(row, "state"), state);
	return num;
}

const char *summary_state(const json_t *report)
{
	return rows_in(report, "problem") ? "problem" : rows_in(report, "warning") ? "warning" : "ok";
}

char *summary_verdict(const json_t *report)
{
	size_t problems = rows_in(report, "problem"), warnings = rows_in(report, "warning");

	if (!json_is_object(json_object_get(report, "doctor")))
		return xstrdup("not checked");
	if (problems)
		return xasprintf("guests cannot run here: %zu problem%s", problems, plural(problems));
	if (warnings)
		return xasprintf("ready, %zu warning%s", warnings, plural(warnings));
	return xstrdup("ready");
}
