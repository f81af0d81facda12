// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "model/cell.h"
#include "model/fleet.h"
#include "model/ranks.h"

#define FILES_MOST	10000
#define SUFFIX		".json"
/* The probability that any row is wrongly called a difference. */
#define SIGNIFICANT	0.05
/* A smaller change is not called a difference, however significant. */
#define LEAST_CHANGE	0.01
/* Reasons below this share of the busy time of both sides are not compared. */
#define LEAST_SHARE	0.001

static int is_document(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name), suffix = strlen(SUFFIX);

	return entry->d_name[0] != '.' && len > suffix &&
	       !strcmp(entry->d_name + len - suffix, SUFFIX);
}

static bool is_same_load(const struct snapshot *a, const struct snapshot *b)
{
	return *a->boot_id && !strcmp(a->boot_id, b->boot_id) && a->loaded_ns == b->loaded_ns;
}

static void free_file(struct fleet_file *file)
{
	free(file->name);
	exits_free(&file->stats);
	snapshot_free(&file->snapshot);
}

/* Counts of one load are sums: two files of it are no two samples. */
static void add_file(struct fleet *fleet, struct fleet_file *file)
{
	size_t i;

	for (i = 0; i < fleet->num; i++) {
		struct fleet_file *other = &fleet->v[i], earlier = *other;

		if (!is_same_load(&other->snapshot, &file->snapshot))
			continue;
		if (other->snapshot.taken_ns < file->snapshot.taken_ns)
			*other = *file;
		else
			earlier = *file;
		free_file(&earlier);
		fleet->num_earlier++;
		return;
	}
	*GROW(fleet->v, fleet->num) = *file;
}

static void sum_up(struct fleet_file *file)
{
	size_t i;

	for (i = 0; i < file->snapshot.num_guests; i++)
		if (!guest_is_canary(&file->snapshot.guests[i].guest))
			exits_add(&file->stats, &file->snapshot.guests[i].stats);
	file->busy_ns = exits_busy_ns(&file->stats);
}

static void load_file(struct fleet *fleet, const char *name)
{
	char *path = xasprintf("%s/%s", fleet->directory, name);
	struct fleet_file file = { };

	if (json_load_machine(path, &file.snapshot, &file.machine) == STATUS_OK) {
		file.name = xstrdup(name);
		sum_up(&file);
		add_file(fleet, &file);
	} else {
		snapshot_free(&file.snapshot);
	}
	free(path);
}

int fleet_load(struct fleet *fleet, const char *directory)
{
	struct dirent **entries;
	int num, i;

	*fleet = (struct fleet){ .directory = directory };
	num = scandir(directory, &entries, is_document, alphasort);
	if (num < 0) {
		complain("%s: %s", directory, strerror(errno));
		return errno == EACCES ? STATUS_NOT_PERMITTED : STATUS_FAILED;
	}
	if (num > FILES_MOST)
		complain("%s: of %d files the first %d are used", directory, num, FILES_MOST);
	for (i = 0; i < num; i++) {
		if (i < FILES_MOST)
			load_file(fleet, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	if (fleet->num)
		return STATUS_OK;
	complain("%s: no file *" SUFFIX " of l1tune stat --json", directory);
	return STATUS_FAILED;
}

void fleet_free(struct fleet *fleet)
{
	while (fleet->num)
		free_file(&fleet->v[--fleet->num]);
	free(fleet->v);
	fleet->v = NULL;
}

static const struct exit_cell *find_cell(const struct exit_stats *stats, const struct exit_key *key)
{
	size_t i;

	for (i = 0; i < stats->num_cells; i++)
		if (!exits_compare(&stats->cells[i].key, key))
			return &stats->cells[i];
	return NULL;
}

/* Guests live for different times: the sum of their rates. */
static double rate_of(const struct fleet_file *file, const struct exit_key *key)
{
	double rate = 0;
	size_t i;

	for (i = 0; i < file->snapshot.num_guests; i++) {
		const struct guest_snapshot *guest = &file->snapshot.guests[i];
		const struct exit_cell *cell = guest_is_canary(&guest->guest) ? NULL :
					       find_cell(&guest->stats, key);

		if (cell)
			rate += cell->value[CELL_COUNT] * (double)NSEC_PER_SEC / guest->interval_ns;
	}
	return rate;
}

/* NAN where it is not known. */
static double value_of(const struct fleet_file *file, const struct exit_key *key,
		       enum fleet_measure measure)
{
	const struct exit_cell *cell = find_cell(&file->stats, key);
	uint64_t completed = cell ? cell_completed(cell) : 0;

	if (measure == FLEET_RATE)
		return rate_of(file, key);
	return completed ? (double)cell_busy_ns(cell) / completed : NAN;
}

/* What a row is made from. */
struct values {
	double *v[2];
	size_t num[2];
};

static void collect(const struct fleet *fleet, const struct fleet_row *row,
		    double **values, size_t *num)
{
	size_t i;

	for (i = 0; i < fleet->num; i++) {
		double value;

		if (strcmp(fleet->v[i].machine.type, row->type))
			continue;
		value = value_of(&fleet->v[i], &row->key, row->measure);
		if (!isnan(value))
			*GROW(*values, *num) = value;
	}
}

static void fill_side(struct fleet_side *side, double *values, size_t num)
{
	struct spread spread = spread_of(values, num);

	*side = (struct fleet_side){ num, spread.low, spread.median, spread.high };
}

static void fill_row(struct fleet_row *row, const struct fleet *fleets[2])
{
	struct values values = { };
	int i;

	for (i = 0; i < 2; i++) {
		collect(fleets[i], row, &values.v[i], &values.num[i]);
		fill_side(&row->sides[i], values.v[i], values.num[i]);
	}
	row->p = ranks_test(values.v[0], values.num[0], values.v[1], values.num[1]);
	row->change = row->sides[0].median > 0 && row->sides[1].num ?
		      row->sides[1].median / row->sides[0].median - 1 : NAN;
	free(values.v[0]);
	free(values.v[1]);
}

static bool has_row(const struct fleet_rows *rows, const char *type, const struct exit_key *key)
{
	size_t i;

	for (i = 0; i < rows->num; i++)
		if (!strcmp(rows->v[i].type, type) && !exits_compare(&rows->v[i].key, key))
			return true;
	return false;
}

static void add_rows(struct fleet_rows *rows, const struct fleet_file *file)
{
	size_t i;
	int measure;

	for (i = 0; i < file->stats.num_cells; i++) {
		const struct exit_cell *cell = &file->stats.cells[i];

		if (cell_busy_ns(cell) < file->busy_ns * LEAST_SHARE ||
		    has_row(rows, file->machine.type, &cell->key))
			continue;
		for (measure = 0; measure < NUM_FLEET_MEASURES; measure++)
			*GROW(rows->v, rows->num) = (struct fleet_row) {
				.type = file->machine.type, .key = cell->key, .measure = measure,
			};
	}
}

static int compare_p(const void *a, const void *b)
{
	const struct fleet_row *x = a, *y = b;

	return (x->p > y->p) - (x->p < y->p);
}

/* Holm's correction: the smallest of N values of p is multiplied by N, the next by N - 1. */
static void correct(struct fleet_rows *rows)
{
	double least = 0;
	size_t i;

	qsort(rows->v, rows->num, sizeof(*rows->v), compare_p);
	for (i = 0; i < rows->num; i++) {
		least = fmax(least, fmin(1, rows->v[i].p * (rows->num - i)));
		rows->v[i].p = least;
	}
}

static enum fleet_verdict judge(const struct fleet_row *row, size_t num_rows)
{
	const struct fleet_side *a = &row->sides[0], *b = &row->sides[1];

	if (!a->num || !b->num)
		return FLEET_ONE_SIDE;
	if (ranks_least(a->num, b->num) * num_rows > SIGNIFICANT)
		return FLEET_TOO_FEW;
	if (row->p > SIGNIFICANT || fabs(row->change) < LEAST_CHANGE)
		return FLEET_SAME;
	return b->median > a->median ? FLEET_HIGHER : FLEET_LOWER;
}

static int compare_rows(const void *a, const void *b)
{
	const struct fleet_row *x = a, *y = b;
	int types = strcmp(x->type, y->type);

	if (types)
		return types;
	if (x->measure != y->measure)
		return x->measure < y->measure ? -1 : 1;
	return x->p != y->p ? compare_p(a, b) : exits_compare(&x->key, &y->key);
}

struct fleet_rows fleet_compare(const struct fleet *a, const struct fleet *b)
{
	const struct fleet *fleets[2] = { a, b };
	struct fleet_rows rows = { };
	size_t i, j;

	for (i = 0; i < 2; i++)
		for (j = 0; j < fleets[i]->num; j++)
			add_rows(&rows, &fleets[i]->v[j]);
	for (i = 0; i < rows.num; i++)
		fill_row(&rows.v[i], fleets);
	correct(&rows);
	for (i = 0; i < rows.num; i++)
		rows.v[i].verdict = judge(&rows.v[i], rows.num);
	for (rows.enough = 1; ranks_least(rows.enough, rows.enough) * rows.num > SIGNIFICANT; rows.enough++)
		;
	if (rows.num)
		qsort(rows.v, rows.num, sizeof(*rows.v), compare_rows);
	return rows;
}

void fleet_rows_free(struct fleet_rows *rows)
{
	free(rows->v);
	*rows = (struct fleet_rows){ };
}
