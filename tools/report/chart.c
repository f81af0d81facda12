// SPDX-License-Identifier: GPL-2.0
/*
 * Charts are SVG without text, stretched to their place: labels are HTML around it,
 * so that they have one size on all screens. Colors are the style sheet's.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/format.h"
#include "base/util.h"
#include "report/chart.h"
#include "report/find.h"
#include "report/html.h"

/* The height of a chart, in units that its box stretches. */
#define HEIGHT		100
#define NUM_SHADES	6
#define FIRST_BUCKET	10
#define MAX_COLUMNS	200
#define LABELS_MOST	4
/* As a share of a column's width. */
#define OVERLAP		0.08

const struct chart_part chart_parts[] = {
	{ "kernel_ns", "KVM", "c-kernel" },
	{ "vmm_ns", "VMM", "c-vmm" },
	{ "runq_ns", "waiting for a CPU", "c-runq" },
	{ "blocked_ns", "blocked", "c-blocked" },
	{ "throttled_ns", "throttled", "c-throttled" },
};
const unsigned int num_chart_parts = ARRAY_SIZE(chart_parts);

static void svg_start(FILE *page, const char *name, size_t columns, int rows)
{
	fprintf(page, "<svg role=\"img\" aria-label=\"%s\" viewBox=\"0 0 %zu %d\" preserveAspectRatio=\"none\">",
		name, columns, rows);
}

/* Starts a figure with its title and unit. */
static void figure_start(FILE *page, const char *title, const char *unit)
{
	fputs("<figure><figcaption><b>", page);
	html_text(page, title);
	fputs("</b> <span>", page);
	html_text(page, unit);
	fputs("</span></figcaption>", page);
}

static void key(FILE *page, const char *color, const char *name)
{
	fprintf(page, "<li><i class=\"%s\"></i>", color);
	html_text(page, name);
	fputs("</li>", page);
}

/* Marks of the vertical axis, from the top, and where the chart itself begins. */
static void plot_start(FILE *page, double most)
{
	fputs("<div class=\"plot\"><ol class=\"y\"><li>", page);
	html_free(page, scale_text(most));
	fputs("</li><li>", page);
	html_free(page, scale_text(most / 2));
	fputs("</li><li>0</li></ol><div class=\"area lines\">", page);
}

static void time_label(FILE *page, uint64_t ns)
{
	fputs("<li>", page);
	html_free(page, clock_text(ns));
	fputs("</li>", page);
}

static void plot_end(FILE *page, const json_t *points)
{
	const json_t *first = json_array_get(points, 0);
	const json_t *last = json_array_get(points, json_array_size(points) - 1);
	uint64_t start_ns = count_of(first, "time_ns") - count_of(first, "interval_ns");
	uint64_t end_ns = count_of(last, "time_ns");
	int i;

	fputs("</div><ol class=\"x\">", page);
	for (i = 0; i <= LABELS_MOST; i++)
		time_label(page, start_ns + (end_ns - start_ns) * i / LABELS_MOST);
	fputs("</ol></div></figure>", page);
}

/* A place in time, for each point; where there is a gap there is no bar. */
struct scale {
	uint64_t start_ns;
	double width_ns;
	size_t columns;
};

static struct scale scale_of(const json_t *points)
{
	const json_t *first = json_array_get(points, 0);
	size_t num = json_array_size(points);
	uint64_t start_ns = count_of(first, "time_ns") - count_of(first, "interval_ns");
	uint64_t end_ns = count_of(json_array_get(points, num - 1), "time_ns");
	double shortest_ns = end_ns - start_ns;
	const json_t *at;
	size_t i;

	json_array_foreach((json_t *)points, i, at)
		if (number_of(at, "interval_ns") < shortest_ns)
			shortest_ns = number_of(at, "interval_ns");
	/* Points are about equally far apart, but for gaps. */
	num = shortest_ns > 0 ? round((end_ns - start_ns) / shortest_ns) : 1;
	num = num > MAX_COLUMNS ? MAX_COLUMNS : num ? num : 1;
	return (struct scale){ start_ns, (end_ns - start_ns) / (double)num, num };
}

static double position(const struct scale *scale, uint64_t ns)
{
	return scale->width_ns > 0 ? sub_clamped(ns, scale->start_ns) / scale->width_ns : 0;
}

static double left_of(const struct scale *scale, const json_t *point)
{
	return position(scale, sub_clamped(count_of(point, "time_ns"), count_of(point, "interval_ns")));
}

/* Neighbours overlap a little, or there would be lines between them. */
static double width_of(const struct scale *scale, const json_t *point)
{
	return position(scale, count_of(point, "time_ns")) - left_of(scale, point) + OVERLAP;
}

/* Nothing is drawn that is lower than a pixel. */
static void bar(FILE *page, double x, double width, double bottom, double height)
{
	if (height >= 0.05)
		fprintf(page, "M%.2f %.1fh%.2fv-%.1fh-%.2fz", x, bottom, width, height, width);
}

/* An invisible bar of full height, which says what there is when pointed at. */
static void hint_start(FILE *page, const struct scale *scale, const json_t *point, int height)
{
	fprintf(page, "<path class=\"hint\" d=\"M%.2f 0h%.2fv%dh-%.2fz\"><title>",
		left_of(scale, point), width_of(scale, point), height, width_of(scale, point));
	html_free(page, clock_text(count_of(point, "time_ns")));
}

static void hint_end(FILE *page)
{
	fputs("</title></path>", page);
}

static double all_parts(const json_t *point)
{
	double sum = 0;
	unsigned int i;

	for (i = 0; i < num_chart_parts; i++)
		sum += cpus_of(point, chart_parts[i].key);
	return sum;
}

static double rate_of(const json_t *point)
{
	return cpus_of(point, "exits") * NSEC_PER_SEC;
}

static double most_of(const json_t *points, double (*value)(const json_t *point))
{
	const json_t *at;
	double most = 0;
	size_t i;

	json_array_foreach((json_t *)points, i, at)
		most = fmax(most, value(at));
	return round_up(most);
}

static double below_part(const json_t *point, unsigned int part)
{
	double sum = 0;
	unsigned int i;

	for (i = 0; i < part; i++)
		sum += cpus_of(point, chart_parts[i].key);
	return sum;
}

static void draw_part(FILE *page, const json_t *points, const struct scale *scale,
		      unsigned int part, double most)
{
	const json_t *at;
	size_t i;

	fprintf(page, "<path class=\"%s\" d=\"", chart_parts[part].color);
	json_array_foreach((json_t *)points, i, at)
		bar(page, left_of(scale, at), width_of(scale, at),
		    HEIGHT * (1 - below_part(at, part) / most),
		    HEIGHT * cpus_of(at, chart_parts[part].key) / most);
	fputs("\"/>", page);
}

/* Stolen time is beside the parts, not one of them: a line. */
static void draw_stolen(FILE *page, const json_t *points, const struct scale *scale, double most)
{
	bool is_drawn = false;
	const json_t *at;
	size_t i;

	fputs("<path class=\"c-stolen line\" d=\"", page);
	json_array_foreach((json_t *)points, i, at) {
		double y = HEIGHT * (1 - fmin(1, cpus_of(at, "stolen_ns") / most));

		if (has_number(at, "stolen_ns")) {
			fprintf(page, "%s%.2f %.1fh%.2f", is_drawn ? "L" : "M", left_of(scale, at), y,
				width_of(scale, at));
		}
		is_drawn = has_number(at, "stolen_ns");
	}
	fputs("\"/>", page);
}

static bool has_any(const json_t *points, const char *name)
{
	const json_t *at;
	size_t i;

	json_array_foreach((json_t *)points, i, at)
		if (number_of(at, name) > 0)
			return true;
	return false;
}

static void hint_line(FILE *page, const char *name, double cpus)
{
	fputs("&#10;", page);
	html_print(page, "%s %.2f", name, cpus);
}

static void time_hints(FILE *page, const json_t *points, const struct scale *scale)
{
	const json_t *at;
	unsigned int part;
	size_t i;

	json_array_foreach((json_t *)points, i, at) {
		hint_start(page, scale, at, HEIGHT);
		for (part = 0; part < num_chart_parts; part++)
			if (number_of(at, chart_parts[part].key) > 0)
				hint_line(page, chart_parts[part].name, cpus_of(at, chart_parts[part].key));
		if (has_number(at, "stolen_ns"))
			hint_line(page, "stolen", cpus_of(at, "stolen_ns"));
		hint_end(page);
	}
}

static void part_keys(FILE *page, const json_t *rows)
{
	unsigned int part;

	for (part = 0; part < num_chart_parts; part++)
		if (has_any(rows, chart_parts[part].key))
			key(page, chart_parts[part].color, chart_parts[part].name);
}

void chart_key(FILE *page, const json_t *rows)
{
	fputs("<ul class=\"key\">", page);
	part_keys(page, rows);
	fputs("</ul>", page);
}

void chart_time(FILE *page, const json_t *points)
{
	struct scale scale = scale_of(points);
	double most = most_of(points, all_parts);
	unsigned int part;

	figure_start(page, "Time in exits, by who spent it", "CPUs, without halted vCPUs");
	fputs("<ul class=\"key\">", page);
	part_keys(page, points);
	if (has_any(points, "stolen_ns"))
		key(page, "c-stolen line", "stolen by L0, in addition");
	fputs("</ul>", page);
	plot_start(page, most);
	svg_start(page, "Time in exits over time", scale.columns, HEIGHT);
	for (part = 0; part < num_chart_parts; part++)
		draw_part(page, points, &scale, part, most);
	draw_stolen(page, points, &scale, most);
	time_hints(page, points, &scale);
	fputs("</svg>", page);
	plot_end(page, points);
}

void chart_exits(FILE *page, const json_t *points)
{
	struct scale scale = scale_of(points);
	double most = most_of(points, rate_of);
	const json_t *at;
	size_t i;

	figure_start(page, "Exits", "per second, of all guests");
	plot_start(page, most);
	svg_start(page, "Exits over time", scale.columns, HEIGHT);
	fputs("<path class=\"c-exits\" d=\"", page);
	json_array_foreach((json_t *)points, i, at)
		bar(page, left_of(&scale, at), width_of(&scale, at), HEIGHT,
		    HEIGHT * rate_of(at) / most);
	fputs("\"/>", page);
	json_array_foreach((json_t *)points, i, at) {
		hint_start(page, &scale, at, HEIGHT);
		html_print(page, " %.0f exits/s, %.0f guests", rate_of(at), number_of(at, "guests"));
		hint_end(page);
	}
	fputs("</svg>", page);
	plot_end(page, points);
}

/* The buckets that any point has. */
struct buckets {
	size_t first, end;
};

static uint64_t bucket_of(const json_t *point, size_t bucket)
{
	return json_integer_value(json_array_get(array_of(point, "hist"), bucket));
}

static struct buckets buckets_of(const json_t *points)
{
	struct buckets buckets = { SIZE_MAX, 0 };
	const json_t *at;
	size_t i, n;

	json_array_foreach((json_t *)points, i, at)
		for (n = 0; n < json_array_size(array_of(at, "hist")); n++)
			if (bucket_of(at, n)) {
				buckets.first = n < buckets.first ? n : buckets.first;
				buckets.end = n + 1 > buckets.end ? n + 1 : buckets.end;
			}
	if (buckets.first > FIRST_BUCKET)
		buckets.first = FIRST_BUCKET;
	return buckets;
}

/* From how many exits on a bucket has a shade: the last one begins near the most there are. */
struct shades {
	uint64_t least[NUM_SHADES];
};

static struct shades shades_of(const json_t *points, const struct buckets *buckets)
{
	struct shades shades = { };
	uint64_t most = 1;
	const json_t *at;
	double ratio;
	size_t i, n;

	json_array_foreach((json_t *)points, i, at)
		for (n = buckets->first; n < buckets->end; n++)
			if (bucket_of(at, n) > most)
				most = bucket_of(at, n);
	ratio = fmax(2, pow(most, 1.0 / NUM_SHADES));
	for (i = 0; i < NUM_SHADES; i++)
		shades.least[i] = ceil(pow(ratio, i));
	return shades;
}

static int shade_of(const struct shades *shades, uint64_t count)
{
	int shade = NUM_SHADES;

	while (shade && count < shades->least[shade - 1])
		shade--;
	return shade;
}

/* Neighbours of one shade are one bar: longest exits at the top. */
static void draw_shade(FILE *page, const json_t *points, const struct scale *scale,
		       const struct buckets *buckets, const struct shades *shades, int shade)
{
	const json_t *at;
	size_t i, n;

	fprintf(page, "<path class=\"h%d\" d=\"", shade);
	json_array_foreach((json_t *)points, i, at)
		for (n = buckets->first; n < buckets->end; n++) {
			size_t start = n;

			while (n < buckets->end && shade_of(shades, bucket_of(at, n)) == shade)
				n++;
			if (n > start)
				bar(page, left_of(scale, at), width_of(scale, at),
				    buckets->end - start, n - start);
		}
	fputs("\"/>", page);
}

static void shade_key(FILE *page, const struct shades *shades)
{
	char color[] = "h1", *bound;
	int i;

	fputs("<ul class=\"key\"><li>exits in a bucket, at least:</li>", page);
	for (i = 0; i < NUM_SHADES; i++) {
		color[1] = '1' + i;
		bound = scale_text(shades->least[i]);
		key(page, color, bound);
		free(bound);
	}
	fputs("</ul>", page);
}

/* Bounds from the top; every fourth one, or the labels would touch each other. */
static void bucket_labels(FILE *page, const struct buckets *buckets)
{
	size_t n;

	fputs("<ol class=\"y bounds\">", page);
	for (n = buckets->end; n > buckets->first; n--) {
		fputs("<li>", page);
		if ((n - buckets->first) % 4 == 1)
			html_free(page, n - 1 > FIRST_BUCKET ? format_ns(1ULL << (n - 2)) : xstrdup("0"));
		fputs("</li>", page);
	}
	fputs("</ol>", page);
}

void chart_heat(FILE *page, const json_t *points)
{
	struct buckets buckets = buckets_of(points);
	struct shades shades = shades_of(points, &buckets);
	struct scale scale = scale_of(points);
	const json_t *at;
	int shade;
	size_t i;

	figure_start(page, "How long exits took", "all guests, without HLT; a row for each doubling");
	shade_key(page, &shades);
	fputs("<div class=\"plot heat\">", page);
	bucket_labels(page, &buckets);
	fputs("<div class=\"area\">", page);
	svg_start(page, "Latency of exits over time", scale.columns, buckets.end - buckets.first);
	for (shade = 1; shade <= NUM_SHADES; shade++)
		draw_shade(page, points, &scale, &buckets, &shades, shade);
	json_array_foreach((json_t *)points, i, at) {
		hint_start(page, &scale, at, buckets.end - buckets.first);
		html_print(page, " %.0f exits", number_of(at, "exits"));
		hint_end(page);
	}
	fputs("</svg>", page);
	plot_end(page, points);
}

void chart_bar(FILE *page, const json_t *guest)
{
	double whole = all_parts(guest), x = 0;
	unsigned int part;

	if (whole <= 0)
		return;
	fputs("<svg class=\"bar\" aria-hidden=\"true\" viewBox=\"0 0 100 1\" preserveAspectRatio=\"none\">", page);
	for (part = 0; part < num_chart_parts; part++) {
		double width = HEIGHT * cpus_of(guest, chart_parts[part].key) / whole;

		if (width < 0.5)
			continue;
		fprintf(page, "<path class=\"%s\" d=\"M%.1f 0h%.1fv1h-%.1fz\"/>",
			chart_parts[part].color, x, width, width);
		x += width;
	}
	fputs("</svg>", page);
}
