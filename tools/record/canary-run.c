// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/util.h"
#include "base/wait.h"
#include "record/canary-run.h"

#define PPM	1000000

static uint64_t own_cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * NSEC_PER_SEC + time.tv_nsec;
}

int canary_run_open(struct canary_run *run, const struct env *env, int dir_fd,
		    uint64_t bytes, uint64_t every_ns)
{
	struct canary_samples samples;
	struct drift_change change;
	size_t i;
	int err;

	*run = (struct canary_run){ .env = env, .every_ns = every_ns, .due_ns = monotonic_ns() };
	canary_init(&run->canary, env);
	err = canary_log_open(&run->log, dir_fd, bytes);
	if (err)
		return err;
	err = canary_log_read(dir_fd, &samples);
	/* Changes in these were reported when they were new. */
	for (i = 0; i < samples.num; i++)
		drift_add(&run->drift, &samples.v[i], &change);
	canary_samples_free(&samples);
	return err;
}

void canary_run_close(struct canary_run *run)
{
	canary_close(&run->canary);
	canary_log_close(&run->log);
}

static uint64_t take_stolen(struct canary_run *run, const struct host *host)
{
	struct cpu_ticks before = run->ticks;
	uint64_t all, stolen;

	canary_ticks_read(run->env, host, &run->ticks);
	if (!before.is_known || !run->ticks.is_known)
		return CANARY_UNKNOWN;
	all = sub_clamped(run->ticks.all, before.all);
	stolen = sub_clamped(run->ticks.stolen, before.stolen);
	return all ? stolen * PPM / all : CANARY_UNKNOWN;
}

/* Once over the CPU time that it may take, the next has to wait for as many times longer. */
static uint64_t wait_ns(const struct canary_run *run, uint64_t cpu_ns)
{
	double times = (double)cpu_ns / CANARY_CPU_NS;

	return times > 1 ? run->every_ns * times : run->every_ns;
}

bool canary_run_sample(struct canary_run *run, const struct host *host,
		       struct drift_change *change, const char **error)
{
	struct canary_sample sample = { .time_ns = realtime_ns() };
	uint64_t start_ns = own_cpu_ns();
	bool is_changed = false;
	int err;

	*error = NULL;
	sample.machine = canary_machine(run->env, host);
	sample.stolen_ppm = take_stolen(run, host);
	err = canary_measure(&run->canary, host ? host->loaded_ns : 0, &sample, error);
	sample.cpu_ns = own_cpu_ns() - start_ns;
	if (!err) {
		err = canary_log_add(&run->log, &sample);
		*error = err ? strerror(-err) : NULL;
		is_changed = drift_add(&run->drift, &sample, change);
	}
	run->due_ns = monotonic_ns() + wait_ns(run, own_cpu_ns() - start_ns);
	return is_changed;
}
