// SPDX-License-Identifier: GPL-2.0
/*
 * When the cost of an exit changed: made series of which it is known. They come from
 * the noise of this file, not from what l1tune measured.
 */
#include <math.h>
#include <stdlib.h>

#include "base/util.h"
#include "ktap.h"
#include "record/drift.h"

#define MINUTE_NS	(60 * NSEC_PER_SEC)
#define COST_NS		2000
#define WORK_NS		20000

/* A series, as it goes on. */
struct series {
	struct drift drift;
	struct drift_change last;
	unsigned int num, changes, found_at;
	/* The cost of an exit, and of which it is outside KVM; the rest beside it. */
	double cost_ns, rest_ns, work_ns, stolen_ppm;
	/* Standard deviation, as a part. */
	double noise;
	/* One of so many samples is an outlier, of three times the cost. */
	unsigned int outliers;
	uint64_t machine, random;
};

static struct series begin(double noise)
{
	return (struct series) {
		.cost_ns = COST_NS, .rest_ns = COST_NS / 2, .work_ns = WORK_NS, .noise = noise,
		.machine = 1, .random = 1,
	};
}

/* Between 0 and 1, by splitmix64: the same numbers on every machine. */
static double uniform(struct series *s)
{
	uint64_t z = s->random += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (((z ^ z >> 31) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(struct series *s)
{
	return sqrt(-2 * log(uniform(s))) * cos(2 * M_PI * uniform(s));
}

static bool add(struct series *s)
{
	double noise = 1 + s->noise * normal(s);
	struct canary_sample sample = {
		.time_ns = (s->num + 1) * MINUTE_NS, .machine = s->machine,
		.work_ns = s->work_ns, .stolen_ppm = s->stolen_ppm < 0 ? CANARY_UNKNOWN : s->stolen_ppm,
		.rest_ns = s->rest_ns < 0 ? CANARY_UNKNOWN : s->rest_ns * noise,
	};
	bool found;

	if (s->outliers && uniform(s) * s->outliers < 1)
		noise *= 3;
	sample.exit_ns = s->cost_ns * noise;
	s->num++;
	found = drift_add(&s->drift, &sample, &s->last);
	s->changes += found;
	s->found_at = found ? s->num : s->found_at;
	return found;
}

static void add_many(struct series *s, unsigned int num)
{
	while (num--)
		add(s);
}

/* How many changes are found in so many samples without one. */
static unsigned int false_alarms(double noise, unsigned int outliers, unsigned int num)
{
	struct series s = begin(noise);

	s.outliers = outliers;
	add_many(&s, num);
	return s.changes;
}

static void test_nothing(void)
{
	ktap_ok(!false_alarms(0.03, 0, 60), "an hour of noise of 3 %%: no change");
	ktap_ok(!false_alarms(0, 0, 60), "an hour without any noise: no change");
	ktap_ok(!false_alarms(0.03, 0, 250000), "half a year of noise of 3 %%: no change");
	ktap_ok(!false_alarms(0.15, 0, 250000), "half a year of noise of 15 %%: no change");
	/* Three outliers in a row are rare and not impossible: 250000 / 50^3 is 2. */
	ktap_ok(false_alarms(0.03, 50, 250000) <= 4,
		"half a year in which one of 50 samples is three times the cost: 4 changes at most");
	ktap_ok(!false_alarms(0.03, 50, 60), "an hour of that: no change");
}

/* After an hour, the cost is so much of what it was. */
static struct series changed(double noise, double by, struct series s)
{
	s.noise = noise;
	add_many(&s, 60);
	s.cost_ns *= by;
	s.rest_ns = s.rest_ns < 0 ? s.rest_ns : s.rest_ns + s.cost_ns - s.cost_ns / by;
	add_many(&s, 3);
	return s;
}

static bool is_found(const struct series *s, enum drift_cause cause)
{
	return s->changes == 1 && s->found_at == 63 && s->last.cause == cause &&
	       s->last.before_ns == 60 * MINUTE_NS && s->last.since_ns == 61 * MINUTE_NS &&
	       s->last.found_ns == 63 * MINUTE_NS;
}

static void test_change(void)
{
	struct series s = changed(0.02, 1.2, begin(0));
	unsigned int i, found = 0;

	ktap_ok(is_found(&s, DRIFT_L0) && fabs(drift_ratio(s.last.from.exit_ns, s.last.to.exit_ns) - 0.2) < 0.03,
		"20 %% more is found with the third sample, and since when");
	for (i = 0; i < 1000; i++) {
		struct series other = begin(0);

		other.random = i;
		other = changed(0.02, 1.2, other);
		found += is_found(&other, DRIFT_L0);
	}
	ktap_ok(found >= 990, "and so in 990 of 1000 series with noise of 2 %%");
	add_many(&s, 60);
	ktap_ok(s.changes == 1, "what stays is told once");
	s.cost_ns = COST_NS;
	add_many(&s, 3);
	ktap_ok(s.changes == 2 && s.last.to.exit_ns < s.last.from.exit_ns, "that it is over is a change too");
	s = changed(0.02, 1.05, begin(0));
	add_many(&s, 200);
	ktap_ok(!s.changes, "5 %% more is too little to be told");
	s = begin(0.02);
	add_many(&s, 60);
	s.cost_ns *= 1.5;
	add_many(&s, 2);
	s.cost_ns = COST_NS;
	add_many(&s, 100);
	ktap_ok(!s.changes, "what is over after two samples is no change");
	s = begin(0.02);
	add_many(&s, 9);
	s.cost_ns *= 1.5;
	add_many(&s, 3);
	ktap_ok(!s.changes, "after nine samples there is no baseline yet");
}

static void test_cause(void)
{
	struct series s = begin(0.02);

	add_many(&s, 60);
	s.stolen_ppm = 400000;
	add_many(&s, 60);
	ktap_ok(!s.changes, "a hog on L0 that leaves the cost as it is: no change");
	s = begin(0.02);
	add_many(&s, 60);
	s.stolen_ppm = 400000;
	s.cost_ns *= 1.5;
	add_many(&s, 60);
	ktap_ok(s.changes == 1 && s.last.cause == DRIFT_STOLEN, "a hog on L0 that raises the cost: stolen");
	s = begin(0.02);
	add_many(&s, 60);
	s.work_ns *= 1.3;
	s.cost_ns *= 1.3;
	s.rest_ns *= 1.3;
	add_many(&s, 3);
	ktap_ok(is_found(&s, DRIFT_CPU), "where all work takes longer, it is the CPU's speed");
	s = begin(0.02);
	add_many(&s, 60);
	s.cost_ns *= 1.3;
	add_many(&s, 3);
	ktap_ok(is_found(&s, DRIFT_KVM), "where the part outside KVM stays, it is this machine's KVM");
	s = begin(0);
	s.rest_ns = s.stolen_ppm = -1;
	s = changed(0.02, 1.3, s);
	ktap_ok(is_found(&s, DRIFT_L0) && s.last.to.stolen_ppm == CANARY_UNKNOWN &&
		    s.last.to.rest_ns == CANARY_UNKNOWN, "what is not known is not taken for 0");
	s = begin(0.02);
	add_many(&s, 60);
	s.machine = 2;
	s.cost_ns *= 1.3;
	add_many(&s, 60);
	ktap_ok(!s.changes, "where this machine itself changed, a new baseline begins");
}

int main(void)
{
	ktap_start();
	test_nothing();
	test_change();
	test_cause();
	return ktap_end();
}
