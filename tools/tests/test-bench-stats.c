// SPDX-License-Identifier: GPL-2.0
/*
 * bench's arithmetic: medians, percentiles and how sure they are; whose time a
 * round trip is; whether L0 shadows the VMCS.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/split.h"
#include "bench/stats.h"
#include "ktap.h"

/* A generator of its own: the same numbers on every machine. */
static uint64_t state = 1;

static uint64_t random_number(void)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return state >> 33;
}

/* How often the interval holds the true median of what the samples are from. */
static unsigned int coverage(unsigned int rounds, size_t num)
{
	unsigned int i, inside = 0;
	uint64_t values[1000];
	size_t j;

	for (i = 0; i < rounds; i++) {
		struct bench_series series = { };
		struct bench_summary s;

		for (j = 0; j < num; j++)
			values[j] = random_number() % 100001;
		bench_series_add(&series, values, num);
		s = bench_summarize(&series, 0);
		inside += s.low <= 50000 && 50000 <= s.high;
		bench_series_free(&series);
	}
	return inside;
}

static struct exit_cell cell(const char *reason, uint32_t code, uint64_t count,
			     uint64_t kernel_ns, uint64_t vmm_ns)
{
	struct exit_cell c = { .key = { .level = 2, .code = code } };
	enum cell_field field;

	strcpy(c.key.reason, reason);
	for (field = 0; field < NUM_CELL_FIELDS; field++)
		c.has[field] = true;
	c.value[CELL_COUNT] = count;
	c.value[CELL_TIME] = kernel_ns + vmm_ns;
	c.value[CELL_KERNEL] = kernel_ns;
	c.value[CELL_VMM] = vmm_ns;
	return c;
}

/*
 * What the module tells after n batches of 10 round trips. Each is one CPUID
 * (3 us in KVM, 1 us in the VMM); one more ends a batch, and interrupts come.
 */
static struct bench_reading reading(unsigned int n, double round_trip_ns)
{
	struct bench_reading r = { .round_trip_ns = round_trip_ns };

	r.stats.num_cells = 2;
	r.stats.cells = calloc(2, sizeof(*r.stats.cells));
	r.stats.cells[0] = cell("EXTERNAL_INTERRUPT", 1, 7 + n, 5000 * n, 0);
	r.stats.cells[1] = cell("CPUID", 10, 100 + 11 * n, 33000 * n, 11000 * n);
	return r;
}

static void test_split(void)
{
	/* The usual ones of 20 us count, and not the slow ones. */
	static const double round_trips_ns[] = {
		0, 90000, 20000, 20100, 70000, 80000, 60000, 95000, 99000,
	};
	struct bench_split split = { };
	struct exit_stats empty = { };
	double vmm_ns = -1, rest_ns = -1;
	size_t i;

	ktap_ok(!bench_split_end(&split, 10, 20000, &vmm_ns, &rest_ns),
		"without a reading there is no split");
	for (i = 0; i < ARRAY_SIZE(round_trips_ns); i++)
		*GROW(split.readings, split.num) = reading(i, round_trips_ns[i]);
	ktap_ok(bench_split_end(&split, 10, 20000, &vmm_ns, &rest_ns),
		"eight batches are split");
	ktap_ok(fabs(vmm_ns - 1000) < 1,
		"the VMM's part is that of one exit, not of one more: %.1f ns", vmm_ns);
	ktap_ok(fabs(rest_ns - 16000) < 101,
		"the rest is that of the usual round trips, without KVM and the VMM: %.1f ns", rest_ns);
	for (i = 0; i < split.num; i++)
		exits_free(&split.readings[i].stats);
	split.readings[0].stats = split.readings[1].stats = empty;
	split.num = 2;
	ktap_ok(!bench_split_end(&split, 10, 20000, &vmm_ns, &rest_ns),
		"batches without an exit are not split");
	free(split.readings);
}

static void test_rest(void)
{
	struct measurement m = { .tsc_khz = 2000000 };
	struct bench_result r = {
		.cycles.median = 20000, .kvm_ns = 3000, .vmm_ns = 1000,
	};

	ktap_ok(bench_ns(&m, 20000) == 10000, "cycles of a TSC of 2 GHz are half nanoseconds");
	ktap_ok(bench_rest_ns(&m, &r) == 6000, "the rest is what KVM and the VMM leave");
	m.tsc_khz = 0;
	ktap_ok(bench_ns(&m, 20000) == 0, "without the TSC's frequency no time is known");
}

static enum bench_shadow judged(uint64_t plain, uint64_t event, uint64_t vmread)
{
	struct measurement m = {
		.plain_cycles = plain, .event_cycles = event,
		.vmread_event_cycles = vmread,
	};

	bench_judge_shadow(&m);
	return m.shadow;
}

static void test_shadow(void)
{
	ktap_ok(judged(20000, 20600, 20900) == BENCH_SHADOW_YES,
		"VMREADs that cost 1.5 %% of a round trip are shadowed");
	ktap_ok(judged(20000, 20600, 20300) == BENCH_SHADOW_YES,
		"VMREADs that seem to cost less than nothing are shadowed");
	ktap_ok(judged(20000, 20600, 21400) == BENCH_SHADOW_UNCLEAR,
		"VMREADs that cost 4 %% of a round trip are not clear");
	ktap_ok(judged(20000, 20600, 23000) == BENCH_SHADOW_NO,
		"VMREADs that cost 12 %% of a round trip are exits");
}

int main(void)
{
	const uint64_t few[] = { 30, 10, 20, 1000, 25 };
	struct bench_series series = { };
	struct bench_summary s;
	unsigned int inside, i;
	uint64_t value = 1000;

	ktap_start();
	s = bench_summarize(&series, 0);
	ktap_ok(!s.count && !bench_is_sure(&s), "of nothing nothing is known");
	bench_series_add(&series, few, 5);
	s = bench_summarize(&series, 5);
	ktap_ok(s.count == 5 && s.median == 20 && s.min == 5 && s.p99 == 995 && s.mean == 212,
		"median, least, p99 and mean, less what the clock takes");
	ktap_ok(s.low == 5 && s.high == 995 && !bench_is_sure(&s), "five are not sure");
	s = (struct bench_summary){ .count = 100, .median = 1000, .low = 995, .high = 1005 };
	ktap_ok(bench_is_sure(&s), "a median within 1 %% is sure");
	s.high = 1006;
	ktap_ok(!bench_is_sure(&s), "one within more is not");
	bench_series_free(&series);

	for (i = 0; i < 1000; i++)
		bench_series_add(&series, &value, 1);
	value = 900000;
	for (i = 0; i < 20; i++)
		bench_series_add(&series, &value, 1);
	s = bench_summarize(&series, 0);
	ktap_ok(s.median == 1000 && bench_is_sure(&s) && s.p99 == 900000,
		"what is the same a thousand times is sure, whatever its tail");
	bench_series_free(&series);

	value = UINT64_MAX - 10;
	bench_series_add(&series, &value, 1);
	s = bench_summarize(&series, 0);
	ktap_ok(s.median == 0, "what ended before it began took no time");
	bench_series_free(&series);

	inside = coverage(2000, 1000);
	printf("# the median was inside in %u of 2000\n", inside);
	ktap_ok(inside >= 1880 && inside <= 1940, "the interval holds the median in 95 %% of cases");
	test_split();
	test_rest();
	test_shadow();
	return ktap_end();
}
