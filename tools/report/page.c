// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "model/json.h"
#include "report/assets.h"
#include "report/find.h"
#include "report/fit.h"
#include "report/html.h"
#include "report/page.h"
#include "report/sections.h"
#include "report/summary.h"

/* The most that is written after the document. */
#define END_MAX_BYTES	1000

static const char *host_of(const json_t *report)
{
	const char *host = text_of(json_object_get(report, "report"), "host");

	return *host ? host : "this machine";
}

static void print_head(FILE *page, const json_t *report)
{
	fwrite(report_head, 1, report_head_end - report_head, page);
	fputs("<title>", page);
	html_print(page, "l1tune report: %s", host_of(report));
	fputs("</title><style>", page);
	fwrite(report_style, 1, report_style_end - report_style, page);
	fputs("</style></head>\n<body><header class=\"top\"><p class=\"brand\">l1tune <span>report</span></p><h1>", page);
	html_text(page, host_of(report));
	fputs("</h1><p class=\"when\">", page);
	html_free(page, summary_when(report));
	fputs("</p><p class=\"verdict is-", page);
	html_text(page, summary_state(report));
	fputs("\">", page);
	html_free(page, summary_verdict(report));
	fputs("</p></header>\n", page);
}

static void print_links(FILE *page)
{
	unsigned int i;

	fputs("<nav>", page);
	for (i = 0; i < num_sections; i++)
		fprintf(page, "<a href=\"#%s\">%s</a>", sections[i].id, sections[i].title);
	fputs("<a href=\"#data\">Data</a></nav>\n<main>", page);
}

static void print_figures(FILE *page, const json_t *report)
{
	struct facts_list list;
	size_t i;

	summary_figures(report, &list);
	fputs("<ul class=\"figures\">", page);
	for (i = 0; i < list.num; i++) {
		const struct fact *fact = &list.v[i];

		fprintf(page, "<li><h2>%s</h2>", fact->name);
		fputs(fact->value ? "<b>" : "<b class=\"unknown\">", page);
		html_text(page, fact->value ? fact->value : "unknown");
		fputs("</b><span>", page);
		html_text(page, fact->detail);
		fputs("</span></li>", page);
	}
	fputs("</ul>\n", page);
	facts_free(&list);
}

static void section_start(FILE *page, const char *id, const char *title, const char *about)
{
	fprintf(page, "<section id=\"%s\"><h2>%s</h2>", id, title);
	if (about)
		fprintf(page, "<p class=\"about\">%s</p>", about);
}

static void print_sections(FILE *page, const json_t *report)
{
	unsigned int i;

	for (i = 0; i < num_sections; i++) {
		section_start(page, sections[i].id, sections[i].title, sections[i].about);
		sections[i].print(page, report);
		fputs("</section>\n", page);
	}
}

static void print_left_out(FILE *page, const json_t *report)
{
	const json_t *left_out = json_object_get(json_object_get(report, "report"), "left_out"), *num;
	char *list = xstrdup("");
	const char *name;

	json_object_foreach((json_t *)left_out, name, num)
		if (json_integer_value(num))
			append(&list, "%s%s (%lld)", *list ? ", " : "", name,
			       (long long)json_integer_value(num));
	if (*list) {
		fputs("<p class=\"empty\">", page);
		html_print(page, "To keep the page small, the data omit: %s. The least busy guests are omitted first.", list);
		fputs("</p>", page);
	}
	free(list);
}

static void print_data(FILE *page, const json_t *report, const char *text)
{
	section_start(page, "data", "Data",
		      "The JSON documents behind this page are in the element with the id l1tune-report.");
	print_left_out(page, report);
	fputs("<script type=\"application/json\" id=\"l1tune-report\">", page);
	fputs(text, page);
	fputs("</script></section></main>\n<footer>", page);
	html_print(page, "l1tune %s", text_of(report, "tool"));
	fputs("</footer></body></html>\n", page);
}

int page_write(FILE *out, json_t *report)
{
	size_t len = 0;
	char *start = NULL, *text;
	FILE *page = open_memstream(&start, &len);

	if (!page) {
		complain("cannot write a page: out of memory");
		return STATUS_FAILED;
	}
	print_head(page, report);
	print_links(page);
	print_figures(page, report);
	print_sections(page, report);
	fclose(page);
	text = report_fit(report, sub_clamped(PAGE_MAX_BYTES, len + END_MAX_BYTES));
	fwrite(start, 1, len, out);
	print_data(out, report, text);
	free(text);
	free(start);
	return STATUS_OK;
}
