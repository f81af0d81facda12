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

/* Of the guest or one of its vCPUs. */
static struct load load_in(const struct facts *f, const struct exit_stats *stats,
			   const struct reasons *reasons, uint32_t level)
{
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

struct load load_of(const struct facts *f, const struct reasons *reasons,
		    uint32_t level)
{
	return load_in(f, &f->guest->stats, reasons, level);
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

double mean_of_vcpus(const struct facts *f, double rate_of_guest)
{
	uint64_t vcpus = f->guest->guest.vcpus;

	return rate_of_guest / (vcpus ? vcpus : 1);
}

/* No less than the mean, which is all that is known where vCPUs are not counted. */
double busiest_rate(const struct facts *f, const struct reasons *reasons)
{
	double most = mean_of_vcpus(f, load_of(f, reasons, 2).rate);
	size_t i;

	for (i = 0; i < f->guest->num_vcpus; i++) {
		double rate = load_in(f, &f->guest->vcpus[i].stats, reasons, 2).rate;

		if (rate > most)
			most = rate;
	}
	return most;
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

bool is_often_on_vcpu(const struct facts *f, const struct reasons *reasons,
		      double threshold)
{
	return is_often(f, busiest_rate(f, reasons), threshold);
}
