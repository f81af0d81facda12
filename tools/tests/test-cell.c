// SPDX-License-Identifier: GPL-2.0
/* What is derived from the counts: busy time, percentiles, differences. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "ktap.h"
#include "model/cell.h"

static struct exit_cell cell(unsigned int level, unsigned int code,
			     const char *reason, uint64_t count,
			     uint64_t time_ns)
{
	struct exit_cell c = {
		.key = { .level = level, .code = code },
		.has = { [CELL_COUNT] = true, [CELL_TIME] = true,
			 [CELL_MAX] = true },
		.value = { [CELL_COUNT] = count, [CELL_TIME] = time_ns,
			   [CELL_MAX] = time_ns },
	};

	strcpy(c.key.reason, reason);
	return c;
}

/* As the module has it: what the other parts leave is the kernel's. */
static struct exit_cell split(const char *reason, uint64_t time_ns,
			      uint64_t vmm, uint64_t halted, uint64_t runq,
			      uint64_t throttled)
{
	struct exit_cell c = cell(2, 12, reason, 1, time_ns);
	enum time_part part;

	for (part = 0; part < NUM_PARTS; part++)
		c.has[CELL_KERNEL + part] = true;
	c.value[CELL_KERNEL] = time_ns - vmm - halted - runq - throttled;
	c.value[CELL_VMM] = vmm;
	c.value[CELL_HALTED] = halted;
	c.value[CELL_RUNQ] = runq;
	c.value[CELL_THROTTLED] = throttled;
	return c;
}

static void test_busy(void)
{
	struct exit_cell c = cell(2, 10, "CPUID", 4, 4000);

	ktap_ok(cell_busy_ns(&c) == 4000, "an exit's time is busy time");
	c = cell(2, 12, "HLT", 4, 4000);
	ktap_ok(!cell_busy_ns(&c) && cell_is_idle(&c), "VMX HLT is not");
	c = cell(2, 120, "hlt", 4, 4000);
	ktap_ok(!cell_busy_ns(&c) && cell_is_idle(&c), "SVM hlt is not");
	c = cell(2, 166, "idle-halt", 4, 4000);
	ktap_ok(!cell_busy_ns(&c) && cell_is_idle(&c), "SVM idle-halt is not");
	c = cell(2, 12, "write_cr2", 4, 4000);
	ktap_ok(cell_busy_ns(&c) == 4000, "code 12 by another name is");
	c = split("HLT", 1000, 100, 600, 50, 50);
	c.value[CELL_VMM_SLEEP] = c.value[CELL_BLOCKED] = 1000;
	ktap_ok(!cell_is_idle(&c) && cell_part_ns(&c, PART_KERNEL) == 200 &&
		cell_busy_ns(&c) == 300,
		"with parts, busy time is that of the kernel and of the VMM on a CPU");
	c.value[CELL_KERNEL] = 1;
	ktap_ok(cell_busy_ns(&c) == 101,
		"the kernel's part is the file's own, and not what the others leave");
	c.value[CELL_VMM] = UINT64_MAX;
	ktap_ok(cell_busy_ns(&c) == UINT64_MAX, "busy time does not wrap");
	c.has[CELL_BLOCKED] = false;
	ktap_ok(cell_is_idle(&c), "a time is not split if one of the parts is missing");
}

static void test_percentiles(void)
{
	struct exit_cell c = cell(2, 10, "CPUID", 101, 100000);
	struct percentile p;

	p = cell_percentile(&c, 50);
	ktap_ok(p.kind == PERCENTILE_NONE, "no histogram, no percentile");
	ktap_ok(cell_avg_ns(&c) == 990, "average over the count without one");
	c.num_buckets = 25;
	p = cell_percentile(&c, 50);
	ktap_ok(p.kind == PERCENTILE_NONE && !cell_avg_ns(&c),
		"nothing completed, none either");
	c.hist[9] = 50;
	c.hist[12] = 49;
	c.hist[15] = 1;
	ktap_ok(cell_completed(&c) == 100 && cell_avg_ns(&c) == 1000,
		"the open exit is not in the average");
	p = cell_percentile(&c, 50);
	ktap_ok(p.kind == PERCENTILE_LE && p.ns == 512, "p50 of 100 is the 50th");
	p = cell_percentile(&c, 51);
	ktap_ok(p.ns == 4096, "p51 is the 51st");
	p = cell_percentile(&c, 99);
	ktap_ok(p.ns == 4096, "p99 is the 99th");
	c.hist[15] = 2;
	p = cell_percentile(&c, 99);
	ktap_ok(p.ns == 32768, "p99 of 101 is the 100th");
	/* 101 exits of 15 times 101 ns; the 51st and the 101st of them. */
	c.value[CELL_TIME] = 15 * 101;
	p = cell_percentile_tight(&c, 51);
	ktap_ok(p.kind == PERCENTILE_LE && p.ns == 15 * 101 / 50,
		"at least 50 of 101 took the p51, so it is no more than a 50th of the total");
	c.value[CELL_TIME] = 101 * 4000;
	p = cell_percentile_tight(&c, 51);
	ktap_ok(p.ns == 4096, "the end of its bucket is left where that is less");
	c.value[CELL_TIME] = 15 * 101;
	c.has[CELL_MAX] = false;
	p = cell_percentile_tight(&c, 51);
	ktap_ok(p.ns == 4096, "an interval's total lacks a part of the first exits and bounds nothing");
	c.has[CELL_MAX] = true;
	memset(c.hist, 0, sizeof(c.hist));
	c.hist[24] = 5;
	p = cell_percentile(&c, 99);
	ktap_ok(p.kind == PERCENTILE_ABOVE && p.ns == 1 << 23,
		"a percentile in the last bucket is above its start");
	c.has[CELL_MAX] = false;
	p = cell_percentile(&c, 99);
	ktap_ok(p.kind == PERCENTILE_ABOVE && p.ns == 1 << 23,
		"a percentile in the last bucket is the same in an interval, which has no maximum");
	c.num_buckets = 64;
	memset(c.hist, 0xff, sizeof(c.hist));
	p = cell_percentile(&c, 99);
	ktap_ok(cell_completed(&c) == UINT64_MAX && p.kind == PERCENTILE_LE,
		"counts near 2^64 do not wrap");
	c.num_buckets = 1;
	p = cell_percentile(&c, 50);
	ktap_ok(p.kind == PERCENTILE_ABOVE && !p.ns, "one bucket, open");
}

static void test_subtract(void)
{
	struct exit_cell before_cells[] = {
		cell(2, 10, "CPUID", 10, 1000), cell(2, 30, "IO", 5, 500),
		cell(2, 48, "EPT", 7, 700),
	};
	struct exit_cell after_cells[] = {
		cell(2, 1, "IRQ", 3, 300), cell(2, 10, "CPUID", 15, 1600),
		cell(2, 48, "EPT", 6, 800), cell(3, 10, "CPUID", 2, 20),
	};
	struct exit_stats before = { .cells = before_cells, .num_cells = 3,
				     .value = { [STAT_EXITS] = 22 } };
	struct exit_stats after = { .cells = after_cells, .num_cells = 4,
				    .value = { [STAT_EXITS] = 26 } };
	struct exit_stats diff;

	before_cells[0].num_buckets = after_cells[1].num_buckets = 25;
	before_cells[0].hist[9] = 10;
	after_cells[1].hist[9] = 14;
	after_cells[1].hist[10] = 1;
	exits_subtract(&before, &after, &diff);
	ktap_ok(diff.value[STAT_EXITS] == 4 && diff.num_cells == 4,
		"as many cells as there are now");
	ktap_ok(diff.cells[0].value[CELL_COUNT] == 3, "new cell: all of it");
	ktap_ok(diff.cells[1].value[CELL_COUNT] == 5 &&
		diff.cells[1].value[CELL_TIME] == 600 &&
		diff.cells[1].hist[9] == 4 && diff.cells[1].hist[10] == 1,
		"cell of both: what was added");
	ktap_ok(!diff.cells[2].value[CELL_COUNT] &&
		diff.cells[2].value[CELL_TIME] == 100, "never below zero");
	ktap_ok(diff.cells[3].value[CELL_COUNT] == 2,
		"another level is another cell");
	ktap_ok(!diff.cells[0].has[CELL_MAX] && !diff.cells[1].has[CELL_MAX],
		"no maximum of an interval");
	exits_free(&diff);
}

static void test_average(void)
{
	struct exit_cell c = split("HLT", 100000, 0, 90000, 0, 0);

	c.value[CELL_COUNT] = 11;
	c.num_buckets = 25;
	c.hist[10] = 10;
	c.value[CELL_MAX] = 2000;
	ktap_ok(cell_avg_ns(&c) == 1024, "an open exit is not in the average");
	c.value[CELL_MAX] = 1000;
	ktap_ok(cell_avg_ns(&c) == 1000, "which is no longer than the longest");
	c.value[CELL_TIME] = 9000;
	ktap_ok(cell_avg_ns(&c) == 900, "and takes nothing from it");
	c.value[CELL_TIME] = 1 << 30;
	c.hist[24] = 10;
	c.value[CELL_MAX] = 10000000;
	ktap_ok(cell_avg_ns(&c) == (10 * 10000000 + 10240) / 20,
		"the open bucket is bounded by the maximum");
	c.has[CELL_MAX] = false;
	ktap_ok(cell_avg_ns(&c) == (1 << 30) / 20,
		"and without one by nothing");
}

static void test_add(void)
{
	struct exit_cell first[] = {
		split("HLT", 1000, 100, 200, 300, 400),
		cell(2, 30, "IO", 5, 500),
	};
	struct exit_cell second[] = {
		cell(2, 10, "CPUID", 7, 700),
		split("HLT", 3000, 1, 2, 3, 4),
		cell(3, 30, "IO", 1, 100),
	};
	struct exit_stats a = { .cells = first, .num_cells = 2,
				.has = { [STAT_EXITS] = true },
				.value = { [STAT_EXITS] = 6, [STAT_STATE] = 4 } };
	struct exit_stats b = { .cells = second, .num_cells = 3,
				.value = { [STAT_EXITS] = 10 } };
	struct exit_stats sum = { };
	struct exit_cell *hlt;

	first[0].num_buckets = 25;
	first[0].hist[3] = 2;
	first[0].hist[22] = 2;
	first[0].hist[24] = 1;
	second[1].num_buckets = 20;
	second[1].hist[3] = 5;
	second[1].hist[19] = 4;
	exits_add(&sum, &a);
	exits_add(&sum, &b);
	hlt = &sum.cells[1];
	ktap_ok(sum.num_cells == 4 && sum.cells[0].key.code == 10 &&
		sum.cells[2].key.level == 2 && sum.cells[3].key.level == 3,
		"sum: every reason once, in order");
	ktap_ok(hlt->value[CELL_TIME] == 4000 && hlt->value[CELL_MAX] == 3000 &&
		hlt->value[CELL_THROTTLED] == 404 && cell_is_split(hlt) &&
		cell_part_ns(hlt, PART_KERNEL) == 2990,
		"sum: times are added, of maxima the larger one is kept");
	ktap_ok(hlt->num_buckets == 20 && hlt->hist[3] == 7 &&
		hlt->hist[19] == 7, "sum: the shorter histogram's buckets, the last of which has the rest");
	ktap_ok(sum.has[STAT_EXITS] && sum.value[STAT_EXITS] == 16 &&
		!sum.has[STAT_STATE] && !sum.value[STAT_STATE],
		"sum: what counts, not what is now");
	exits_add(&sum, &a);
	hlt = &sum.cells[1];
	ktap_ok(hlt->num_buckets == 20 && hlt->hist[3] == 9 &&
		hlt->hist[19] == 10, "sum: also when the longer one is added");
	second[1].has[CELL_RUNQ] = false;
	second[1].num_buckets = 0;
	exits_add(&sum, &b);
	ktap_ok(!cell_is_split(&sum.cells[1]) && !sum.cells[1].num_buckets,
		"sum: not known of one, not known of it");
	exits_free(&sum);
}

static void test_total(void)
{
	struct exit_cell cells[] = {
		split("HLT", 9000, 0, 9000, 0, 0), cell(2, 30, "IO", 5, 500),
		cell(2, 120, "hlt", 1, 100), cell(3, 12, "HLT", 1, 100),
		cell(2, 12, "write_cr2", 2, 50),
	};
	struct exit_stats stats = { .cells = cells, .num_cells = ARRAY_SIZE(cells) };
	struct exit_cell total;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cells); i++) {
		cells[i].num_buckets = 25;
		cells[i].hist[cell_is_halt(&cells[i]) ? 24 : 12] = 7;
	}
	exits_total(&stats, &total);
	ktap_ok(total.value[CELL_COUNT] == 7 && total.value[CELL_TIME] == 550 &&
		total.hist[12] == 14 && !total.hist[24] &&
		cell_percentile(&total, 99).ns == 4096,
		"percentiles of a whole guest leave out HLT, at each level and of both ISAs");
	stats.num_cells = 1;
	exits_total(&stats, &total);
	ktap_ok(cell_percentile(&total, 99).kind == PERCENTILE_NONE,
		"a guest that did nothing but HLT has no percentiles as a whole");
}

static void test_order(void)
{
	struct exit_cell cells[] = {
		cell(2, 1, "IRQ", 3, 300), cell(2, 12, "HLT", 1, 100000),
		cell(2, 30, "IO", 5, 500), cell(3, 10, "CPUID", 2, 500),
	};
	struct exit_stats stats = { .cells = cells, .num_cells = 4 };
	const struct exit_cell **order = exits_by_busy(&stats);

	ktap_ok(order[0] == &cells[2] && order[1] == &cells[3] &&
		order[2] == &cells[0] && order[3] == &cells[1],
		"by busy time, equal ones by number, idle last");
	ktap_ok(exits_busy_ns(&stats) == 1300, "busy time of all");
	free(order);
}

int main(void)
{
	ktap_start();
	test_busy();
	test_percentiles();
	test_average();
	test_add();
	test_subtract();
	test_total();
	test_order();
	return ktap_end();
}
