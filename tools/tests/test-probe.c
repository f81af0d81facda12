// SPDX-License-Identifier: GPL-2.0
/* What probe concludes from what its guest did; the guest itself needs KVM. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "ktap.h"
#include "model/gone.h"
#include "model/saved.h"
#include "probe/file.h"
#include "probe/met.h"
#include "probe/probe.h"

static size_t row(const char *name)
{
	size_t i;

	for (i = 0; i < num_probe_features; i++)
		if (!strcmp(probe_features[i].name, name))
			return i;
	fprintf(stderr, "no row %s\n", name);
	exit(1);
}

/* A machine on which all works: 100 ticks an instruction, 20,000 an exit. */
static struct probe healthy(void)
{
	struct probe probe = {
		.results = xcalloc(num_probe_features, sizeof(*probe.results)),
		.tsc_khz = 2000000,
	};
	size_t i;

	for (i = 0; i < num_probe_features; i++)
		probe.results[i] = (struct probe_result) {
			.verdict = VERDICT_OK, .ticks = probe_features[i].exits ? 20000 : 100,
		};
	return probe;
}

static size_t num_slow(const struct probe *probe)
{
	size_t i, num = 0;

	for (i = 0; i < num_probe_features; i++)
		num += probe->results[i].verdict == VERDICT_SLOW;
	return num;
}

static enum probe_verdict judged(const char *name, uint64_t ticks)
{
	struct probe probe = healthy();
	enum probe_verdict verdict;

	probe.results[row(name)].ticks = ticks;
	probe_judge_times(&probe);
	verdict = probe.results[row(name)].verdict;
	probe_free(&probe);
	return verdict;
}

static void test_times(void)
{
	struct probe probe = healthy();

	probe_judge_times(&probe);
	ktap_ok(!num_slow(&probe), "where all take what they should, none is slow");
	probe_free(&probe);
	ktap_ok(judged("RDTSCP", 7000) == VERDICT_SLOW, "an instruction that takes as long as an exit is slow");
	ktap_ok(judged("RDTSCP", 6000) == VERDICT_OK, "one that takes less than a third of an exit is not");
	ktap_ok(judged("PAUSE", 19000) == VERDICT_SLOW, "a PAUSE that exits is slow");
	ktap_ok(judged("MSR PAT", 200000) == VERDICT_SLOW, "an exit that takes ten times as long as others is slow");
	ktap_ok(judged("MSR PAT", 199999) == VERDICT_OK, "one that takes a little less is not");
	ktap_ok(judged("TSC deadline timer", 900000) == VERDICT_OK, "a sleep takes its time");

	probe = healthy();
	probe.results[row("CPUID")].ticks = 0;
	probe.results[row("RDTSCP")].ticks = 7000;
	probe_judge_times(&probe);
	ktap_ok(!num_slow(&probe), "without the time of an exit none is judged slow");
	probe_free(&probe);
}

static void test_met(void)
{
	struct probe probe = healthy();
	struct gone_refused xsetbv = { .since_ns = 1, .eax = 7 };
	struct gone_refused msr = { .since_ns = 1, .ecx = 0x277 };

	snprintf(xsetbv.key.reason, sizeof(xsetbv.key.reason), "XSETBV");
	snprintf(msr.key.reason, sizeof(msr.key.reason), "MSR_READ");
	ktap_ok(probe_met(&probe, &xsetbv) < 0, "a promise that is kept is not to blame");
	probe.results[row("XCR0.AVX")].verdict = VERDICT_FAULTS;
	probe.results[row("MSR PAT")].verdict = VERDICT_DIES;
	ktap_ok(probe_met(&probe, &xsetbv) == (int)row("XCR0.AVX"), "XSETBV of a value with a broken component met it");
	ktap_ok(probe_met(&probe, &msr) == (int)row("MSR PAT"), "a read of a broken MSR met it");
	xsetbv.eax = 3;
	msr.ecx = 0x276;
	ktap_ok(probe_met(&probe, &xsetbv) < 0 && probe_met(&probe, &msr) < 0, "another component or MSR did not");
	xsetbv.eax = 7;
	xsetbv.since_ns = 0;
	ktap_ok(probe_met(&probe, &xsetbv) < 0, "a guest that was refused nothing met none");
	probe_free(&probe);
}

static bool is_same(const struct probe *a, const struct probe *b)
{
	size_t i;

	for (i = 0; i < num_probe_features; i++)
		if (a->results[i].verdict != b->results[i].verdict ||
		    a->results[i].ticks != b->results[i].ticks ||
		    strcmp(a->results[i].detail, b->results[i].detail))
			return false;
	return a->svm == b->svm && a->tsc_khz == b->tsc_khz;
}

static void test_file(void)
{
	char dir[] = "/tmp/l1tune-probe-XXXXXX";
	struct probe probe = healthy(), loaded;
	char *path;
	const char *why;

	if (!mkdtemp(dir))
		exit(1);
	path = xasprintf("%s/probe.json", dir);
	snprintf(probe.machine.boot_id, sizeof(probe.machine.boot_id), "a-boot");
	probe.results[row("XCR0.AVX")] = (struct probe_result) {
		.verdict = VERDICT_FAULTS, .detail = "#GP",
	};
	probe.results[row("XCR0.AMX")] = (struct probe_result) { .verdict = VERDICT_NOT_PROMISED };
	ktap_ok(probe_save(dir, &probe) == STATUS_OK, "what was found is kept");
	ktap_ok(probe_load(path, &loaded) == STATUS_OK && is_same(&probe, &loaded), "and is read as it was");
	probe_free(&loaded);
	/* It has to be root's. */
	ktap_ok(probe_saved(dir, &probe.machine, &loaded, &why) == !geteuid() && !why == !geteuid(),
		"on the same machine it is good if root wrote it");
	probe_free(&loaded);
	snprintf(probe.machine.boot_id, sizeof(probe.machine.boot_id), "another");
	ktap_ok(!probe_saved(dir, &probe.machine, &loaded, &why) && strstr(why, "l1tune probe --save"),
	     "after another boot it is not, and what to do is said");
	probe_free(&loaded);
	complain_to(complain_ignore);
	ktap_ok(!truncate(path, 100) && probe_load(path, &loaded) == STATUS_FAILED, "a damaged file is an error");
	complain_to(NULL);
	probe_free(&loaded);
	unlink(path);
	rmdir(dir);
	free(path);
	probe_free(&probe);
}

/* What two rows have in common would be found in the other's place in a file. */
static void test_rows(void)
{
	size_t i, j, same = 0, empty = 0;

	for (i = 0; i < num_probe_features; i++) {
		const struct probe_feature *f = &probe_features[i];

		empty += !f->fn && !f->code && f->how != TRY_NESTED;
		for (j = 0; j < i; j++)
			same += !strcmp(f->name, probe_features[j].name);
	}
	ktap_ok(!same, "no two rows have the same name");
	ktap_ok(!empty, "each row has something to try");
}

int main(void)
{
	ktap_start();
	test_rows();
	test_times();
	test_met();
	test_file();
	return ktap_end();
}
