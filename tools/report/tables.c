// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/format.h"
#include "base/util.h"
#include "report/chart.h"
#include "report/find.h"
#include "report/html.h"
#include "report/rows.h"
#include "report/tables.h"

#define REASONS_MOST	3

static char *guest_text(const json_t *row)
{
	char *name = short_text(text_of(row, "name"));
	char *text = xasprintf("%s (l2-%llu)", name, (unsigned long long)count_of(row, "id"));

	free(name);
	return text;
}

static void draw_guest(FILE *page, const json_t *row)
{
	fputs("<b>", page);
	html_free(page, short_text(text_of(row, "name")));
	fputs("</b><small>", page);
	html_print(page, "l2-%llu", (unsigned long long)count_of(row, "id"));
	fputs("</small>", page);
}

static char *whole(const json_t *row, const char *key)
{
	return has_number(row, key) ? xasprintf("%llu", (unsigned long long)count_of(row, key)) :
				      xstrdup("-");
}

static char *vcpus(const json_t *row)
{
	return whole(row, "vcpus");
}

static char *memory(const json_t *row)
{
	return format_bytes(count_of(row, "memory_bytes"));
}

static char *exits(const json_t *row)
{
	return whole(row, "exits");
}

static char *exit_rate(const json_t *row)
{
	return format_rate(cpus_of(row, "exits") * NSEC_PER_SEC);
}

/* Per cent of one CPU, as in top. */
static char *cpu(const json_t *row, const char *key)
{
	return has_number(row, key) ? format_percent(cpus_of(row, key)) : xstrdup("-");
}

static char *busy(const json_t *row)
{
	return cpu(row, "busy_ns");
}

static char *run_queue(const json_t *row)
{
	return cpu(row, "runq_ns");
}

static char *stolen(const json_t *row)
{
	return cpu(row, "stolen_ns");
}

static char *at_most(const json_t *row, const char *key)
{
	char *time = time_text(row, key), *text = *time == '-' ? xstrdup("-") :
		     xasprintf("\u2264 %s", time);

	free(time);
	return text;
}

static char *p50(const json_t *row)
{
	return at_most(row, "p50_le_ns");
}

static char *p99(const json_t *row)
{
	return at_most(row, "p99_le_ns");
}

static char *reasons(const json_t *row)
{
	return top_reasons(row, REASONS_MOST);
}

static char *parts(const json_t *row)
{
	char *text = xstrdup("");
	double all = 0;
	unsigned int i;

	for (i = 0; i < num_chart_parts; i++)
		all += cpus_of(row, chart_parts[i].key);
	for (i = 0; i < num_chart_parts; i++)
		if (all > 0 && cpus_of(row, chart_parts[i].key) / all >= 0.005)
			append(&text, "%s%s %.0f%%", *text ? ", " : "", chart_parts[i].name,
			       100 * cpus_of(row, chart_parts[i].key) / all);
	return text;
}

static const struct report_column guest_columns[] = {
	{ "Guest", COLUMN_NAME, guest_text, draw_guest },
	{ "vCPUs", COLUMN_NUMBER, vcpus },
	{ "Memory", COLUMN_NUMBER, memory },
	{ "Exits/s", COLUMN_NUMBER, exit_rate },
	{ "Busy", COLUMN_NUMBER, busy },
	{ "Waiting", COLUMN_NUMBER, run_queue },
	{ "Stolen", COLUMN_NUMBER, stolen },
	{ "p99", COLUMN_NUMBER, p99 },
	{ "Time", COLUMN_TEXT, parts, chart_bar },
	{ "Most frequent exits", COLUMN_PROSE, reasons },
	{ }
};

const struct report_table guests_table = { guest_columns, "guests", 100 };

static char *interval(const json_t *row)
{
	return time_text(row, "interval_ns");
}

static const struct report_column ended_columns[] = {
	{ "Guest", COLUMN_NAME, guest_text, draw_guest },
	{ "vCPUs", COLUMN_NUMBER, vcpus },
	{ "Memory", COLUMN_NUMBER, memory },
	{ "Seen for", COLUMN_NUMBER, interval },
	{ "Exits", COLUMN_NUMBER, exits },
	{ "Busy", COLUMN_NUMBER, busy },
	{ "Most frequent exits", COLUMN_PROSE, reasons },
	{ }
};

const struct report_table ended_table = { ended_columns, "guests", 50 };

static char *took(const json_t *row)
{
	char *from = format_ns(count_of(row, "from_ns")), *to, *text;

	if (!has_number(row, "to_ns")) {
		text = xasprintf("%s and more", from);
		free(from);
		return text;
	}
	to = format_ns(count_of(row, "to_ns"));
	text = xasprintf("%s \u2013 %s", from, to);
	free(from);
	free(to);
	return text;
}

static char *slow(const json_t *row)
{
	return whole(row, "slow");
}

static char *count(const json_t *row)
{
	return whole(row, "count");
}

static const struct report_column slow_columns[] = {
	{ "Guest", COLUMN_NAME, guest_text, draw_guest },
	{ "Exit", COLUMN_LABEL, reason_label },
	{ "Slowest took", COLUMN_NUMBER, took },
	{ "How many", COLUMN_NUMBER, slow },
	{ "Of", COLUMN_NUMBER, count },
	{ "p50", COLUMN_NUMBER, p50 },
	{ "p99", COLUMN_NUMBER, p99 },
	{ }
};

const struct report_table slow_table = { slow_columns, "reasons", 12 };

static char *limit_name(const json_t *row)
{
	return xstrdup(text_of(row, "limit"));
}

/* "64G" of bytes, "max" where nothing is set. */
static char *limit_value(const json_t *row, const char *key, const char *none)
{
	return has_number(row, key) ? limit_amount(row, key) : xstrdup(none);
}

static char *value(const json_t *row)
{
	return limit_value(row, "value", "max");
}

static char *audit(const json_t *row)
{
	return limit_value(row, "audit", "max");
}

static char *use(const json_t *row)
{
	return limit_value(row, "use", "-");
}

static char *headroom(const json_t *row)
{
	return limit_value(row, "headroom", "-");
}

static char *denied(const json_t *row)
{
	return whole(row, "denied");
}

static char *would_deny(const json_t *row)
{
	return whole(row, "would_deny");
}

static char *effective(const json_t *row)
{
	return xstrdup(!is_true(row, "set") ? "-" : is_true(row, "effective") ? "yes" : "no");
}

static const struct report_column limit_columns[] = {
	{ "Limit", COLUMN_NAME, limit_name },
	{ "Value", COLUMN_NUMBER, value },
	{ "Audit", COLUMN_NUMBER, audit },
	{ "In use", COLUMN_NUMBER, use },
	{ "Headroom", COLUMN_NUMBER, headroom },
	{ "Denied", COLUMN_NUMBER, denied },
	{ "Would deny", COLUMN_NUMBER, would_deny },
	{ "In effect", COLUMN_TEXT, effective },
	{ }
};

const struct report_table limits_table = { limit_columns, "limits", 50 };

static char *feature(const json_t *row)
{
	return xstrdup(text_of(row, "feature"));
}

static char *answer(const json_t *row, const char *key)
{
	const json_t *json = json_object_get(row, key);

	return xstrdup(json_is_true(json) ? "yes" : json_is_false(json) ? "no" : "unknown");
}

static char *offered(const json_t *row)
{
	return answer(row, "offered");
}

static char *used(const json_t *row)
{
	return answer(row, "used");
}

static void draw_answer(FILE *page, const json_t *row, const char *key)
{
	char *text = answer(row, key);

	fprintf(page, "<span class=\"%s\">%s</span>", text, text);
	free(text);
}

static void draw_offered(FILE *page, const json_t *row)
{
	draw_answer(page, row, "offered");
}

static void draw_used(FILE *page, const json_t *row)
{
	draw_answer(page, row, "used");
}

static char *why(const json_t *row)
{
	return xstrdup(text_of(row, "why"));
}

static char *saves(const json_t *row)
{
	return xstrdup(text_of(row, "saves"));
}

static const struct report_column caps_columns[] = {
	{ "Feature", COLUMN_NAME, feature },
	{ "Offered", COLUMN_TEXT, offered, draw_offered },
	{ "Used", COLUMN_TEXT, used, draw_used },
	{ "Purpose", COLUMN_PROSE, why },
	{ "Exits saved", COLUMN_PROSE, saves },
	{ }
};

const struct report_table caps_table = { caps_columns, "features", 100 };

static char *kind(const json_t *row)
{
	return xstrdup(text_of(row, "kind"));
}

static char *real_time(const json_t *row, const char *name)
{
	double ns = number_of(row, name);

	return has_number(row, name) ? format_ns(ns > 0 ? ns + 0.5 : 0) : xstrdup("-");
}

static char *median(const json_t *row)
{
	return real_time(row, "median_ns");
}

static char *bench_p99(const json_t *row)
{
	return real_time(row, "p99_ns");
}

static char *kvm_part(const json_t *row)
{
	return real_time(json_object_get(row, "split"), "kvm_ns");
}

static char *vmm_part(const json_t *row)
{
	return real_time(json_object_get(row, "split"), "vmm_ns");
}

static char *rest_part(const json_t *row)
{
	return real_time(json_object_get(row, "split"), "rest_ns");
}

static char *skipped(const json_t *row)
{
	return xstrdup(text_of(row, "skipped"));
}

static const struct report_column bench_columns[] = {
	{ "Kind", COLUMN_NAME, kind },
	{ "Median", COLUMN_NUMBER, median },
	{ "p99", COLUMN_NUMBER, bench_p99 },
	{ "In KVM", COLUMN_NUMBER, kvm_part },
	{ "In the VMM", COLUMN_NUMBER, vmm_part },
	{ "CPU and L0", COLUMN_NUMBER, rest_part },
	{ "Not measured", COLUMN_PROSE, skipped },
	{ }
};

const struct report_table bench_table = { bench_columns, "kinds", 50 };
