// SPDX-License-Identifier: GPL-2.0
/* What a guest exits for, and what fewer of these exits would save. */
#include <string.h>

#include "base/util.h"
#include "explain/load.h"

const struct reasons all_reasons;

bool reasons_have(const struct reasons *reasons, const char *name)
{
	size_t i;

	for (i = 0; i < MAX_NAMES && reasons->names[i]; i++)
		if (!strcmp(reasons->names[i], name))
			return true;
	return reasons == &all_reasons;
}

struct load load_of(const struct facts *f, const struct reasons *reasons,
		    uint32_t level)
{
	const struct exit_stats *stats = &f->guest->stats;
	struct load load = { };
	enum time_part part;
	size_t i;

	for (i = 0; i < stats->num_cells && f->guest->interval_ns; i++) {
		const struct exit_cell *cell = &stats->cells[i];

		if (cell->key.level != level ||
		    !reasons_have(reasons, cell->key.reason))
			continue;
		load.rate += cell->value[CELL_COUNT];
		if (!cell_is_split(cell))
			continue;
		for (part = 0; part < NUM_PARTS; part++)
			load.parts[part] += cell_part_ns(cell, part);
	}
	load.rate *= in_interval(f, NSEC_PER_SEC);
	for (part = 0; part < NUM_PARTS; part++)
		load.parts[part] *= in_interval(f, 1);
	return load;
}

struct load load_of_both(const struct facts *f, const struct reasons *reasons)
{
	struct load both = load_of(f, reasons, 2), inner = load_of(f, reasons, 3);
	enum time_part part;

	both.rate += inner.rate;
	for (part = 0; part < NUM_PARTS; part++)
		both.parts[part] += inner.parts[part];
	return both;
}

double in_interval(const struct facts *f, uint64_t count)
{
	return f->guest->interval_ns ? (double)count / f->guest->interval_ns : 0;
}

double rate_of_machine(const struct facts *f, uint64_t count)
{
	uint64_t ns = f->activity.interval_ns;

	return ns ? (double)count * NSEC_PER_SEC / ns : 0;
}

double most_of_machine(const struct facts *f, uint64_t count)
{
	return in_interval(f, count) * NSEC_PER_SEC;
}

struct gain gain_of(const struct facts *f, double kernel, double rate)
{
	/* On a machine without L0 the CPU's own exit and entry are not counted. */
	if (!f->transit.is_known)
		return (struct gain){
			GAIN_AT_LEAST, kernel, kernel, f->host->virtualized,
		};
	return (struct gain){
		GAIN_RANGE,
		kernel + rate * f->transit.low_ns / NSEC_PER_SEC,
		kernel + rate * f->transit.high_ns / NSEC_PER_SEC,
	};
}

struct gain gain_at_most(double cpus)
{
	return (struct gain){ GAIN_AT_MOST, 0, cpus };
}

bool is_worth_it(const struct facts *f, const struct gain *gain)
{
	return gain->high >= MIN_GAIN * f->scale;
}

bool is_often(const struct facts *f, double rate, double threshold)
{
	return rate >= threshold * f->scale;
}

bool has_own_cpus(const struct facts *f)
{
	struct load all = load_of_both(f, &all_reasons);

	return f->num_vcpus <= f->num_cpus && all.parts[PART_RUNQ] < 0.01;
}
