// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "report/chart.h"
#include "report/events.h"
#include "report/find.h"
#include "report/html.h"
#include "report/looked.h"
#include "report/rows.h"
#include "report/sections.h"
#include "report/summary.h"

#define ADVICE_MOST	40
#define ADVICE_OPEN	3

static const char *const column_classes[] = {
	[COLUMN_TEXT] = "", [COLUMN_NUMBER] = "num", [COLUMN_NAME] = "name",
	[COLUMN_LABEL] = "label", [COLUMN_PROSE] = "prose",
};

/* What is not there, and why. */
static void note(FILE *page, const char *text)
{
	fputs("<p class=\"empty\">", page);
	html_text(page, text);
	fputs("</p>", page);
}

/* True after saying why a document is not there. */
static bool is_missing(FILE *page, const json_t *report, const char *document)
{
	const char *why = summary_missing(report, document);

	if (*why)
		note(page, why);
	return *why;
}

static void cell(FILE *page, const struct report_column *column, const json_t *row)
{
	fprintf(page, "<td class=\"%s\" data-label=\"%s\">", column_classes[column->kind], column->heading);
	if (column->draw)
		column->draw(page, row);
	else
		html_free(page, column->text(row));
	fputs("</td>", page);
}

static void headings(FILE *page, const struct report_table *table)
{
	const struct report_column *column;

	fputs("<thead><tr>", page);
	for (column = table->columns; column->heading; column++)
		fprintf(page, "<th class=\"%s\">%s</th>", column_classes[column->kind], column->heading);
	fputs("</tr></thead>", page);
}

static void print_table(FILE *page, const struct report_table *table, const json_t *rows)
{
	const struct report_column *column;
	const json_t *row;
	size_t i;

	fputs("<div class=\"wide\"><table>", page);
	headings(page, table);
	fputs("<tbody>", page);
	json_array_foreach((json_t *)rows, i, row) {
		if (i == table->most_rows)
			break;
		fputs("<tr>", page);
		for (column = table->columns; column->heading; column++)
			cell(page, column, row);
		fputs("</tr>", page);
	}
	fputs("</tbody></table></div>", page);
	if (json_array_size(rows) > table->most_rows) {
		fputs("<p class=\"empty\">", page);
		html_print(page, "and %zu more %s", json_array_size(rows) - table->most_rows, table->rows);
		fputs("</p>", page);
	}
}

static void print_timeline(FILE *page, const json_t *report)
{
	const json_t *points = array_of(json_object_get(report, "timeline"), "points");

	if (is_missing(page, report, "timeline"))
		return;
	if (!json_array_size(points)) {
		note(page, "There was no interval to show.");
		return;
	}
	chart_time(page, points);
	chart_exits(page, points);
}

static bool has_hist(const json_t *points)
{
	const json_t *point;
	size_t i;

	json_array_foreach((json_t *)points, i, point)
		if (json_array_size(array_of(point, "hist")))
			return true;
	return false;
}

static void print_heat(FILE *page, const json_t *report)
{
	const json_t *points = array_of(json_object_get(report, "timeline"), "points");

	if (is_missing(page, report, "timeline"))
		return;
	if (has_hist(points))
		chart_heat(page, points);
	else
		note(page, "No guest had an exit other than HLT.");
}

static void term(FILE *page, const char *name, const char *text)
{
	if (!*text)
		return;
	fprintf(page, "<dt>%s</dt><dd>", name);
	html_text(page, text);
	fputs("</dd>", page);
}

static void print_gain(FILE *page, const json_t *gain)
{
	const char *kind = text_of(gain, "kind");
	double low = number_of(gain, "low_cpus"), high = number_of(gain, "high_cpus");

	fputs("<span class=\"gain\">", page);
	if (!has_number(gain, "high_cpus"))
		html_text(page, "gain unknown");
	else if (!strcmp(kind, "at_least"))
		html_print(page, "at least %.2f CPUs", low);
	else if (!strcmp(kind, "at_most"))
		html_print(page, "at most %.2f CPUs", high);
	else if (high - low < 0.005)
		html_print(page, "%.2f CPUs", high);
	else
		html_print(page, "%.2f to %.2f CPUs", low, high);
	fputs("</span>", page);
}

/* Causes of which the same is said have one line. */
static void print_causes(FILE *page, const json_t *causes)
{
	const json_t *cause;
	size_t i;

	if (!json_array_size(causes))
		return;
	fputs("<dt>Looked at</dt><dd><ul class=\"causes\"><li>", page);
	json_array_foreach((json_t *)causes, i, cause) {
		const json_t *next = json_array_get(causes, i + 1);

		fputs("<b>", page);
		html_text(page, text_of(cause, "cause"));
		fputs("</b>", page);
		if (looked_are_alike(cause, next)) {
			fputs(", ", page);
			continue;
		}
		fputs(" ", page);
		html_free(page, looked_result(cause));
		fputs(next ? "</li><li>" : "</li>", page);
	}
	fputs("</ul></dd>", page);
}

/* What gains most is open; of the rest there is a line each. */
static void print_advice(FILE *page, const json_t *advice, bool is_open)
{
	fputs(is_open ? "<details class=\"card\" open><summary>" : "<details class=\"card\"><summary>", page);
	print_gain(page, json_object_get(advice, "gain"));
	fputs("<h3>", page);
	html_text(page, text_of(advice, "title"));
	fputs("</h3><p>", page);
	html_free(page, short_text(text_of(advice, "name")));
	if (has_number(advice, "id"))
		html_print(page, " (l2-%llu)", (unsigned long long)count_of(advice, "id"));
	fputs("</p></summary><dl>", page);
	term(page, "Evidence", text_of(advice, "evidence"));
	fputs("<dt>Change</dt><dd class=\"change\">", page);
	html_text(page, text_of(advice, "change"));
	fputs("</dd>", page);
	term(page, "Who", text_of(advice, "owner"));
	term(page, "Risk", text_of(advice, "risk"));
	term(page, "Confidence", text_of(advice, "confidence"));
	print_causes(page, array_of(advice, "causes"));
	fputs("</dl></details>", page);
}

static void print_all_advice(FILE *page, const json_t *report)
{
	const json_t *list = array_of(json_object_get(report, "advise"), "advice"), *advice;
	size_t i;

	if (is_missing(page, report, "advise"))
		return;
	if (!json_array_size(list))
		note(page, "Nothing worth changing was found.");
	json_array_foreach((json_t *)list, i, advice)
		if (i < ADVICE_MOST)
			print_advice(page, advice, i < ADVICE_OPEN);
	if (json_array_size(list) > ADVICE_MOST)
		note(page, "There is more advice, with less to gain: see the data below.");
}

static void print_selected(FILE *page, const json_t *report, const struct report_table *table,
			   bool ended, const char *none)
{
	json_t *rows;

	if (is_missing(page, report, "stat"))
		return;
	rows = guests_that(json_object_get(report, "stat"), ended);
	if (json_array_size(rows))
		print_table(page, table, rows);
	else
		note(page, none);
	json_decref(rows);
}

static void print_guests(FILE *page, const json_t *report)
{
	if (!*summary_missing(report, "stat"))
		chart_key(page, array_of(json_object_get(report, "stat"), "l2"));
	print_selected(page, report, &guests_table, false, "There were no guests at the end.");
}

static void print_ended(FILE *page, const json_t *report)
{
	print_selected(page, report, &ended_table, true, "No guest that was seen ended in this time.");
}

static void print_rows(FILE *page, const json_t *report, const char *document, const json_t *rows,
		       const struct report_table *table, const char *none)
{
	if (is_missing(page, report, document))
		return;
	if (json_array_size(rows))
		print_table(page, table, rows);
	else
		note(page, none);
}

static void print_slow(FILE *page, const json_t *report)
{
	print_rows(page, report, "stat", array_of(report, "slow"), &slow_table, "No exit was seen.");
}

static void print_events(FILE *page, const json_t *report)
{
	print_rows(page, report, "events", array_of(report, "events"), &events_table,
		   "There were none.");
}

static void print_limits(FILE *page, const json_t *report)
{
	print_rows(page, report, "limits", array_of(json_object_get(report, "limits"), "limits"),
		   &limits_table, "There are no limits.");
}

static void print_caps(FILE *page, const json_t *report)
{
	const json_t *caps = json_object_get(json_object_get(report, "caps"), "caps");

	print_rows(page, report, "caps", array_of(caps, "features"), &caps_table, "No feature is known.");
}

static void print_bench(FILE *page, const json_t *report)
{
	const json_t *bench = json_object_get(json_object_get(report, "bench"), "bench");

	print_rows(page, report, "bench", array_of(bench, "kinds"), &bench_table, "Nothing was measured.");
}

static void print_machine(FILE *page, const json_t *report)
{
	struct facts_list list;
	size_t i;

	summary_machine(report, &list);
	fputs("<dl class=\"machine\">", page);
	for (i = 0; i < list.num; i++) {
		const struct fact *fact = &list.v[i];

		fprintf(page, "<div><dt>%s</dt><dd>", fact->name);
		html_text(page, fact->value ? fact->value : "unknown");
		if (*fact->detail) {
			fputs("<small>", page);
			html_text(page, fact->detail);
			fputs("</small>", page);
		}
		fputs("</dd></div>", page);
	}
	fputs("</dl>", page);
	facts_free(&list);
}

static void print_commands(FILE *page, const json_t *commands)
{
	const json_t *command;
	size_t i;

	if (!json_array_size(commands))
		return;
	fputs("<pre>", page);
	json_array_foreach((json_t *)commands, i, command) {
		html_text(page, json_string_value(command));
		fputs("\n", page);
	}
	fputs("</pre>", page);
}

static bool is_bad(const json_t *row)
{
	return !strcmp(text_of(row, "state"), "warning") || !strcmp(text_of(row, "state"), "problem");
}

static void print_doctor(FILE *page, const json_t *report)
{
	const json_t *row;
	size_t i;

	if (is_missing(page, report, "doctor"))
		return;
	fputs("<ul class=\"doctor\">", page);
	json_array_foreach((json_t *)array_of(json_object_get(report, "doctor"), "rows"), i, row) {
		fputs("<li class=\"is-", page);
		html_text(page, text_of(row, "state"));
		fputs("\"><b>", page);
		html_text(page, text_of(row, "row"));
		if (is_bad(row)) {
			fputs("<em>", page);
			html_text(page, text_of(row, "state"));
			fputs("</em>", page);
		}
		fputs("</b><div>", page);
		html_text(page, text_of(row, "text"));
		print_commands(page, array_of(row, "commands"));
		fputs("</div></li>", page);
	}
	fputs("</ul>", page);
}

const struct section sections[] = {
	{ "timeline", "Timeline", NULL, print_timeline },
	{ "latency", "Latency", NULL, print_heat },
	{ "advice", "Advice", NULL, print_all_advice },
	{ "guests", "Guests", "Busy, waiting and stolen are per cent of one CPU. Percentiles are upper bounds, without HLT.",
	  print_guests },
	{ "slow", "Slow exits", "The highest histogram bucket of the slowest reasons; without HLT.", print_slow },
	{ "ended", "Guests that ended", NULL, print_ended },
	{ "events", "Events", "Guests that started and ended, limits, advice: the latest first.", print_events },
	{ "limits", "Limits", "As they were when the report was made.", print_limits },
	{ "machine", "Machine", NULL, print_machine },
	{ "doctor", "Doctor", "As it was when the report was made.", print_doctor },
	{ "caps", "Capabilities", "What L0 offers and KVM uses, as it was when the report was made.", print_caps },
	{ "bench", "Costs of exits", "Measured by l1tune bench --save with a tiny guest.", print_bench },
};
const unsigned int num_sections = ARRAY_SIZE(sections);
