// SPDX-License-Identifier: GPL-2.0
/* What a guest exits for, and what fewer of these exits would save. */
#include <string.h>

#include "base/util.h"
#include "explain/load.h"

const struct reasons all_reasons;
const struct reasons halts = { { "HLT", "hlt" } };

bool reasons_have(const struct reasons *reasons, const char *name)
{
	const char *kind = reason_kind(name);
	size_t i;

	for (i = 0; i < MAX_NAMES && reasons->names[i]; i++)
		if (is_same_text(reasons->names[i], kind))
			return true;
	return reasons == &all_reasons;
}

struct reasons reasons_like(const char *name)
{
	return (struct reasons){ { reason_kind(name) } };
}

/* The load in the counts of the guest or of one vCPU. */
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

static struct load load_in_both(const struct facts *f, const struct exit_stats *stats,
				const struct reasons *reasons)
{
	struct load both = load_in(f, stats, reasons, 2), inner = load_in(f, stats, reasons, 3);
	enum time_part part;

	both.rate += inner.rate;
	for (part = 0; part < NUM_PARTS; part++)
		both.parts[part] += inner.parts[part];
	return both;
}

struct load load_of_both(const struct facts *f, const struct reasons *reasons)
{
	return load_in_both(f, &f->guest->stats, reasons);
}

/* Accesses of one kind around an entry. */
#define MOST_PER_ENTRY	4

bool can_be_of_entries(const struct facts *f, double rate, char **seen)
{
	static const struct reasons entries = { { "VMLAUNCH", "VMRESUME", "vmrun" } };
	double entered = load_of(f, &entries, 2).rate;

	*seen = xasprintf("it enters guests inside it %.0f times per second", entered);
	return entered > 0 && rate <= entered * MOST_PER_ENTRY;
}

bool l3_share_handled(const struct facts *f, const struct reasons *reasons, double *share)
{
	uint64_t all = 0, handled = 0;
	size_t i, j;

	for (i = 0; i < f->guest->num_vcpus; i++) {
		const struct l3_counts *counts = &f->guest->vcpus[i].l3.counts;

		for (j = 0; j < counts->num_exits; j++) {
			if (!reasons_have(reasons, counts->exits[j].reason))
				continue;
			all = add_saturated(all, counts->exits[j].count);
			handled = add_saturated(handled, l3_handled(&counts->exits[j]));
		}
	}
	if (!all)
		return false;
	*share = (double)handled / all;
	return true;
}

double mean_of_vcpus(const struct facts *f, double rate_of_guest)
{
	uint64_t vcpus = f->guest->guest.vcpus;

	return rate_of_guest / (vcpus ? vcpus : 1);
}

/* No less than the mean, which is all that is known where vCPUs are not counted. */
static struct load busiest(const struct facts *f, const struct reasons *reasons, bool of_both)
{
	struct load all = of_both ? load_of_both(f, reasons) : load_of(f, reasons, 2), most = { };
	size_t i;

	most.rate = mean_of_vcpus(f, all.rate);
	most.parts[PART_KERNEL] = mean_of_vcpus(f, all.parts[PART_KERNEL]);
	for (i = 0; i < f->guest->num_vcpus; i++) {
		const struct exit_stats *stats = &f->guest->vcpus[i].stats;
		struct load own = of_both ? load_in_both(f, stats, reasons) :
					    load_in(f, stats, reasons, 2);

		if (own.rate > most.rate)
			most.rate = own.rate;
		if (own.parts[PART_KERNEL] > most.parts[PART_KERNEL])
			most.parts[PART_KERNEL] = own.parts[PART_KERNEL];
	}
	return most;
}

double busiest_rate(const struct facts *f, const struct reasons *reasons)
{
	return busiest(f, reasons, false).rate;
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

bool takes_much(const struct facts *f, double cpus)
{
	return is_often(f, cpus, 0.05);
}

static bool is_much(const struct facts *f, const struct load *most, double threshold)
{
	return is_often(f, most->rate, threshold) || takes_much(f, most->parts[PART_KERNEL]);
}

bool is_much_on_vcpu(const struct facts *f, const struct reasons *reasons,
		     double threshold)
{
	struct load most = busiest(f, reasons, false);

	return is_much(f, &most, threshold);
}

bool is_much_of_both(const struct facts *f, const struct reasons *reasons, double threshold)
{
	struct load most = busiest(f, reasons, true);

	return is_much(f, &most, threshold);
}

bool is_often_of_both(const struct facts *f, const struct reasons *reasons, double threshold)
{
	return is_often(f, busiest(f, reasons, true).rate, threshold);
}
