// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "record/drift.h"

/* The standard deviation of a normal distribution in MADs. */
#define PER_MAD			1.4826
/* Samples of the baseline further than this from its median are outliers. */
#define OUTLIERS		0.05
/* Two percent of the CPUs' time. */
#define STOLEN_CHANGED_PPM	20000
#define PPM			1000000
/* A cause explains a change from this share of it on. */
#define EXPLAINS		0.5
/* If less than this share of a change is outside KVM, KVM is the cause. */
#define OUTSIDE_KVM		0.25

const char *const drift_cause_names[NUM_DRIFT_CAUSES] = {
	[DRIFT_L0] = "l0", [DRIFT_STOLEN] = "stolen", [DRIFT_CPU] = "cpu", [DRIFT_KVM] = "kvm",
};

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The mean of the middle two where their number is even; it sorts them. */
static uint64_t median(uint64_t *values, size_t num)
{
	qsort(values, num, sizeof(*values), compare);
	return num % 2 ? values[num / 2] :
			 values[num / 2 - 1] + (values[num / 2] - values[num / 2 - 1]) / 2;
}

/* The median of one member over the samples that have it; unknown if most do not. */
static uint64_t median_of(const struct canary_sample *samples, size_t num, size_t member)
{
	uint64_t values[DRIFT_BASELINE + DRIFT_NEW];
	size_t known = 0, i;

	for (i = 0; i < num; i++) {
		memcpy(&values[known], (const char *)&samples[i] + member, sizeof(values[0]));
		known += values[known] != CANARY_UNKNOWN;
	}
	return 2 * known > num ? median(values, known) : CANARY_UNKNOWN;
}

#define MEDIAN_OF(samples, num, member) \
	median_of(samples, num, offsetof(struct canary_sample, member))

static struct drift_level level_of(const struct canary_sample *samples, size_t num)
{
	return (struct drift_level) {
		.exit_ns = MEDIAN_OF(samples, num, exit_ns),
		.rest_ns = MEDIAN_OF(samples, num, rest_ns),
		.work_ns = MEDIAN_OF(samples, num, work_ns),
		.stolen_ppm = MEDIAN_OF(samples, num, stolen_ppm),
	};
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* How far from the baseline's median a sample has to be. */
static uint64_t threshold(const struct canary_sample *samples, size_t num, uint64_t exit_ns)
{
	uint64_t off[DRIFT_BASELINE + DRIFT_NEW], mad, most;
	size_t i;

	for (i = 0; i < num; i++)
		off[i] = distance(samples[i].exit_ns, exit_ns);
	mad = median(off, num);
	most = off[num - 1 - (size_t)(num * OUTLIERS)];
	return ceil(fmax(fmax(exit_ns * DRIFT_LEAST_CHANGE, DRIFT_SPREADS * PER_MAD * mad), most));
}

double drift_ratio(uint64_t from, uint64_t to)
{
	return from ? (double)to / from - 1 : 0;
}

/* Unknown on either side is no change, and the words say that it is unknown. */
bool drift_stolen_changed(const struct drift_level *from, const struct drift_level *to)
{
	return from->stolen_ppm != CANARY_UNKNOWN && to->stolen_ppm != CANARY_UNKNOWN &&
	       distance(from->stolen_ppm, to->stolen_ppm) > STOLEN_CHANGED_PPM;
}

/* Who has the CPU for a part of the time takes as many times longer, on average. */
static bool stolen_explains(const struct drift_level *from, const struct drift_level *to)
{
	double slower;

	if (!drift_stolen_changed(from, to) || to->stolen_ppm >= PPM)
		return false;
	slower = (PPM - (double)from->stolen_ppm) / (PPM - (double)to->stolen_ppm) - 1;
	return slower / drift_ratio(from->exit_ns, to->exit_ns) > EXPLAINS;
}

static bool cpu_changed(const struct drift_level *from, const struct drift_level *to)
{
	double exits = drift_ratio(from->exit_ns, to->exit_ns);

	return drift_ratio(from->work_ns, to->work_ns) / exits > EXPLAINS;
}

static bool is_in_kvm(const struct drift_level *from, const struct drift_level *to)
{
	double outside, all = (double)to->exit_ns - from->exit_ns;

	if (from->rest_ns == CANARY_UNKNOWN || to->rest_ns == CANARY_UNKNOWN)
		return false;
	outside = (double)to->rest_ns - from->rest_ns;
	return outside / all < OUTSIDE_KVM;
}

static enum drift_cause cause_of(const struct drift_level *from, const struct drift_level *to)
{
	return stolen_explains(from, to) ? DRIFT_STOLEN :
	       cpu_changed(from, to) ? DRIFT_CPU :
	       is_in_kvm(from, to) ? DRIFT_KVM : DRIFT_L0;
}

bool drift_baseline(const struct drift *drift, struct drift_level *level,
		    uint64_t *threshold_ns)
{
	size_t num = drift->num > DRIFT_NEW ? drift->num - DRIFT_NEW : 0;

	if (num < DRIFT_LEAST)
		return false;
	*level = level_of(drift->samples, num);
	*threshold_ns = threshold(drift->samples, num, level->exit_ns);
	return true;
}

/* Are all new samples beyond it, on the same side? */
static bool are_beyond(const struct canary_sample *new, uint64_t exit_ns, uint64_t threshold_ns)
{
	size_t i;

	for (i = 0; i < DRIFT_NEW; i++)
		if (distance(new[i].exit_ns, exit_ns) <= threshold_ns ||
		    (new[i].exit_ns > exit_ns) != (new[0].exit_ns > exit_ns))
			return false;
	return true;
}

static void keep_last(struct drift *drift, size_t num)
{
	memmove(drift->samples, drift->samples + drift->num - num, num * sizeof(drift->samples[0]));
	drift->num = num;
}

bool drift_add(struct drift *drift, const struct canary_sample *sample,
	       struct drift_change *change)
{
	const struct canary_sample *new;
	struct drift_level from;
	uint64_t threshold_ns;

	if (drift->num && drift->samples[drift->num - 1].machine != sample->machine)
		drift->num = 0;
	if (drift->num == ARRAY_SIZE(drift->samples))
		keep_last(drift, drift->num - 1);
	drift->samples[drift->num++] = *sample;
	if (!drift_baseline(drift, &from, &threshold_ns))
		return false;
	new = drift->samples + drift->num - DRIFT_NEW;
	if (!are_beyond(new, from.exit_ns, threshold_ns))
		return false;
	*change = (struct drift_change) {
		.before_ns = new[-1].time_ns, .since_ns = new[0].time_ns, .found_ns = sample->time_ns,
		.from = from, .to = level_of(new, DRIFT_NEW),
	};
	change->cause = cause_of(&change->from, &change->to);
	keep_last(drift, DRIFT_NEW);
	return true;
}
