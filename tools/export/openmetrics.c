// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "export/openmetrics.h"
#include "model/cell.h"

static const struct {
	const char *name;
	const char *name_of_text;
	const char *suffix;
} types[] = {
	[METRIC_GAUGE] = { "gauge", "gauge", "" },
	[METRIC_COUNTER] = { "counter", "counter", "_total" },
	[METRIC_HISTOGRAM] = { "histogram", "histogram", "" },
	[METRIC_INFO] = { "info", "gauge", "_info" },
};

static bool has_suffix(const char *s, const char *suffix)
{
	size_t len = strlen(s), suffix_len = strlen(suffix);

	return len >= suffix_len && !strcmp(s + len - suffix_len, suffix);
}

void metrics_family(struct metrics *metrics, enum metric_type type,
		    const char *name, const char *help)
{
	static const char *const units[] = { "seconds", "bytes" };
	const char *suffix = types[type].suffix;
	size_t i;

	metrics->name = name;
	metrics->suffix = suffix;
	if (metrics->is_text) {
		fprintf(metrics->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", name,
			suffix, help, name, suffix, types[type].name_of_text);
		return;
	}
	fprintf(metrics->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
		types[type].name);
	for (i = 0; i < ARRAY_SIZE(units); i++)
		if (has_suffix(name, units[i]))
			fprintf(metrics->out, "# UNIT %s %s\n", name, units[i]);
}

static void start_sample(const struct metrics *metrics, const char *labels,
			 va_list args)
{
	fprintf(metrics->out, "%s%s", metrics->name, metrics->suffix);
	if (*labels) {
		putc('{', metrics->out);
		vfprintf(metrics->out, labels, args);
		putc('}', metrics->out);
	}
}

void metrics_number(struct metrics *metrics, uint64_t value,
		    const char *labels, ...)
{
	va_list args;

	va_start(args, labels);
	start_sample(metrics, labels, args);
	va_end(args);
	fprintf(metrics->out, " %" PRIu64 "\n", value);
}

static void print_seconds(const struct metrics *metrics, uint64_t ns)
{
	fprintf(metrics->out, " %" PRIu64 ".%09" PRIu64 "\n",
		(uint64_t)(ns / NSEC_PER_SEC), (uint64_t)(ns % NSEC_PER_SEC));
}

void metrics_seconds(struct metrics *metrics, uint64_t ns,
		     const char *labels, ...)
{
	va_list args;

	va_start(args, labels);
	start_sample(metrics, labels, args);
	va_end(args);
	print_seconds(metrics, ns);
}

void metrics_bound(struct metrics *metrics, uint64_t value,
		   const char *labels, ...)
{
	va_list args;

	va_start(args, labels);
	start_sample(metrics, labels, args);
	va_end(args);
	if (value == UINT64_MAX)
		fputs(" +Inf\n", metrics->out);
	else
		fprintf(metrics->out, " %" PRIu64 "\n", value);
}

/* Buckets are counted up, and the last one has all. */
void metrics_histogram(struct metrics *metrics, const struct exit_cell *cell,
		       const char *labels)
{
	uint64_t count = 0;
	unsigned int i;

	for (i = 0; i + 1 < cell->num_buckets; i++) {
		count = add_saturated(count, cell->hist[i]);
		if (i >= LOWEST_BUCKET)
			fprintf(metrics->out,
				"%s_bucket{%s,le=\"%.12g\"} %" PRIu64 "\n",
				metrics->name, labels, (1ULL << i) / 1e9, count);
	}
	if (cell->num_buckets)
		count = add_saturated(count, cell->hist[i]);
	fprintf(metrics->out, "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n",
		metrics->name, labels, count);
	fprintf(metrics->out, "%s_count{%s} %" PRIu64 "\n", metrics->name,
		labels, count);
	fprintf(metrics->out, "%s_sum{%s}", metrics->name, labels);
	print_seconds(metrics, cell->value[CELL_TIME]);
}

void metrics_end(struct metrics *metrics)
{
	if (!metrics->is_text)
		fputs("# EOF\n", metrics->out);
}

char *metrics_escape(const char *s)
{
	/* No control character is left after this. */
	char *harmless = escape_string(s, false), *from = harmless;
	char *out = xcalloc(strlen(harmless) * 2 + 1, 1), *to = out;

	for (; *from; from++) {
		if (*from == '\\' || *from == '"')
			*to++ = '\\';
		*to++ = *from;
	}
	free(harmless);
	return out;
}
