// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>

#include "base/format.h"
#include "base/terminal.h"
#include "base/util.h"
#include "model/cell.h"
#include "ui/frame.h"
#include "ui/heat.h"

/* Two characters for a bucket, and a bound over every fifth one. */
#define LABEL_BUCKETS	5
#define LABEL_WIDTH	(2 * LABEL_BUCKETS)

/* A shade is for buckets of at least this many exits; empty buckets are blank. */
static const struct shade {
	uint64_t least;
	const char *utf8, *ascii, *color;
} shades[] = {
	{ 1, "\u2591", ".", "\033[34m" },
	{ 10, "\u2592", ":", "\033[36m" },
	{ 100, "\u2593", "*", "\033[33m" },
	{ 1000, "\u2588", "#", "\033[31m" },
};

static void print_shade(const struct shade *shade)
{
	const char *text = frame_is_utf8() ? shade->utf8 : shade->ascii;

	printf("%s%s%s%s", terminal_has_colors() ? shade->color : "", text, text,
	       terminal_normal());
}

static void print_bucket(uint64_t count)
{
	size_t i = ARRAY_SIZE(shades);

	while (i && count < shades[i - 1].least)
		i--;
	if (i)
		print_shade(&shades[i - 1]);
	else
		printf("  ");
}

static void print_legend(void)
{
	size_t i;

	printf("exits in each bucket:");
	for (i = 0; i < ARRAY_SIZE(shades); i++) {
		printf("  ");
		print_shade(&shades[i]);
		printf(" %llu+", (unsigned long long)shades[i].least);
	}
	printf("\n\n");
}

/* A bound stands over the first column that is above it. */
void heat_print_heading(const struct exit_cell *cell)
{
	unsigned int n;

	print_legend();
	printf("%-8s %9s %7s  ", "TIME", "EXITS", "P99");
	for (n = LOWEST_BUCKET; n < cell->num_buckets; n += LABEL_BUCKETS) {
		char *bound = n == LOWEST_BUCKET ? xstrdup("0") : format_ns(1ULL << (n - 1));
		char *fit = fit_left(bound, LABEL_WIDTH);

		/* No blanks at the line's end. */
		printf("%s", n + LABEL_BUCKETS < cell->num_buckets ? fit : bound);
		free(fit);
		free(bound);
	}
	printf("\n");
}

static char *p99_text(const struct exit_cell *cell)
{
	struct percentile p99 = cell_percentile(cell, 99);
	char *bound, *text;

	if (p99.kind == PERCENTILE_NONE)
		return xstrdup("-");
	bound = format_ns(p99.ns);
	text = xasprintf("%s%s", p99.kind == PERCENTILE_ABOVE ? ">" : "", bound);
	free(bound);
	return text;
}

void heat_print_line(const struct exit_cell *cell, const struct timespec *time)
{
	char clock[16], *p99 = p99_text(cell), *fit = fit_right(p99, 7);
	unsigned int n, end = cell->num_buckets;
	struct tm tm;

	localtime_r(&time->tv_sec, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	printf("%s %9llu %s%s", clock, (unsigned long long)cell->value[CELL_COUNT], fit,
	       cell_completed(cell) ? "  " : "");
	/* Without the blanks at its end. */
	while (end > LOWEST_BUCKET && !cell->hist[end - 1])
		end--;
	for (n = LOWEST_BUCKET; n < end; n++)
		print_bucket(cell->hist[n]);
	printf("\n");
	free(fit);
	free(p99);
}
