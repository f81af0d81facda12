// SPDX-License-Identifier: GPL-2.0
/* What an exit costs now: a few hundred CPUID exits of a guest that stays. */
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/util.h"
#include "base/wait.h"
#include "bench/canary.h"
#include "model/guest.h"
#include "bench/stats.h"

#define COMM_BYTES	16
#define WARM_UP		16
#define BATCH		32
#define LEAST_BATCHES	3
#define MOST_BATCHES	8
/* Where exits are slow, fewer have to do. */
#define BATCHES_NS	(3 * NSEC_PER_SEC / 1000)
/* A guest that does not exit would have it wait without end. */
#define RUN_SECONDS	5
#define WORK_STEPS	20000
#define WORK_TIMES	9

static volatile uint8_t *immediate_exit;

/* KVM_RUN not yet begun returns at once, begun is interrupted. */
static void interrupt(int sig)
{
	(void)sig;
	if (immediate_exit)
		*immediate_exit = 1;
}

static int run_guest(struct canary *canary, const unsigned char *fn, uint32_t count)
{
	struct bench_vm *vm = &canary->vm;
	const struct sigaction action = { .sa_handler = interrupt };
	struct sigaction old;
	sigset_t all, unblocked;
	int err;

	/* Signals that end the process wait until the sample is taken. */
	sigfillset(&all);
	sigdelset(&all, SIGALRM);
	sigprocmask(SIG_BLOCK, &all, &unblocked);
	immediate_exit = &vm->vcpu[0].run->immediate_exit;
	*immediate_exit = 0;
	sigaction(SIGALRM, &action, &old);
	alarm(RUN_SECONDS);
	err = bench_vm_run(vm, fn, count, false);
	alarm(0);
	sigaction(SIGALRM, &old, NULL);
	if (*immediate_exit)
		bench_vm_fail(vm, "the guest does not exit here: no end of %u exits within %u seconds",
			      count, RUN_SECONDS);
	immediate_exit = NULL;
	sigprocmask(SIG_SETMASK, &unblocked, NULL);
	return err;
}

static uint64_t to_ns(const struct canary *canary, double cycles)
{
	return cycles * 1e6 / canary->tsc_khz + 0.5;
}

/* The module takes a guest's comm when the VM is created. */
static int open_named(struct canary *canary)
{
	char comm[COMM_BYTES] = "";
	int err;

	prctl(PR_GET_NAME, comm);
	prctl(PR_SET_NAME, CANARY_NAME);
	err = bench_vm_open(&canary->vm, canary->env->dev, 1);
	prctl(PR_SET_NAME, comm);
	return err;
}

/* What reading the clock twice takes: nothing lies between. */
static int measure_clock(struct canary *canary)
{
	struct bench_series series = { };
	int err = run_guest(canary, bench_guest_nothing, BATCH);

	if (!err)
		bench_series_add(&series, bench_vm_samples(&canary->vm), BATCH);
	canary->clock_cycles = bench_summarize(&series, 0).median;
	bench_series_free(&series);
	return err;
}

static int open_guest(struct canary *canary)
{
	int khz;

	if (canary->is_open)
		return 0;
	canary->is_open = true;
	if (open_named(canary))
		return -1;
	khz = ioctl(canary->vm.vcpu[0].fd, KVM_GET_TSC_KHZ, 0);
	if (khz <= 0)
		return bench_vm_fail(&canary->vm, "KVM_GET_TSC_KHZ: KVM does not know the TSC's frequency");
	canary->tsc_khz = khz;
	return measure_clock(canary);
}

/* The module may come, go and come back. */
static void follow_module(struct canary *canary, uint64_t loaded_ns)
{
	if (canary->has_split && canary->split.has_module &&
	    canary->split.host.loaded_ns == loaded_ns)
		return;
	if (canary->has_split)
		bench_split_close(&canary->split);
	canary->has_split = loaded_ns;
	if (canary->has_split)
		bench_split_open(&canary->split, canary->env);
}

static double mean_ns(const struct canary *canary)
{
	struct bench_series series = { };
	double cycles;

	bench_series_add(&series, bench_vm_samples(&canary->vm), BATCH);
	cycles = bench_summarize(&series, canary->clock_cycles).mean;
	bench_series_free(&series);
	return cycles * 1e6 / canary->tsc_khz;
}

/* The guest appears to the module shortly after its VM does: not for the first one. */
static int run_batches(struct canary *canary, struct bench_series *series, bool *is_split)
{
	const uint64_t end_ns = monotonic_ns() + BATCHES_NS;
	unsigned int i;

	*is_split = canary->has_split && bench_split_start(&canary->split);
	for (i = 0; i < MOST_BATCHES && (i < LEAST_BATCHES || monotonic_ns() < end_ns); i++) {
		if (run_guest(canary, bench_guest_cpuid, BATCH))
			return -1;
		bench_series_add(series, bench_vm_samples(&canary->vm), BATCH);
		*is_split = *is_split && bench_split_read(&canary->split, mean_ns(canary));
	}
	return 0;
}

static int measure_exits(struct canary *canary, struct canary_sample *sample)
{
	struct bench_series series = { };
	double vmm_ns, rest_ns;
	bool is_split;

	if (run_guest(canary, bench_guest_cpuid, WARM_UP) ||
	    run_batches(canary, &series, &is_split)) {
		bench_series_free(&series);
		return -1;
	}
	sample->exit_ns = to_ns(canary, bench_summarize(&series, canary->clock_cycles).median);
	bench_series_free(&series);
	sample->rest_ns = CANARY_UNKNOWN;
	if (is_split && bench_split_end(&canary->split, BATCH, sample->exit_ns, &vmm_ns, &rest_ns))
		sample->rest_ns = fmin(rest_ns + 0.5, sample->exit_ns);
	return 0;
}

/* Each step needs the one before, so its time is that of the CPU's clock. */
static void work(void)
{
	uint64_t x = 1;
	unsigned int i;

	for (i = 0; i < WORK_STEPS; i++)
		asm volatile("add %0, %0\n\tror $7, %0" : "+r" (x));
}

static uint64_t measure_work(void)
{
	struct bench_series series = { };
	uint64_t median;
	unsigned int i;

	for (i = 0; i < WORK_TIMES; i++) {
		uint64_t ns = monotonic_ns();

		work();
		ns = monotonic_ns() - ns;
		bench_series_add(&series, &ns, 1);
	}
	median = bench_summarize(&series, 0).median;
	bench_series_free(&series);
	return median;
}

void canary_init(struct canary *canary, const struct env *env)
{
	*canary = (struct canary){ .env = env };
}

void canary_close(struct canary *canary)
{
	if (canary->has_split)
		bench_split_close(&canary->split);
	if (canary->is_open)
		bench_vm_close(&canary->vm);
	canary->has_split = canary->is_open = false;
}

int canary_measure(struct canary *canary, uint64_t loaded_ns,
		   struct canary_sample *sample, const char **error)
{
	static char why[sizeof(canary->vm.error)];

	follow_module(canary, loaded_ns);
	if (!open_guest(canary) && !measure_exits(canary, sample)) {
		sample->work_ns = measure_work();
		return 0;
	}
	memcpy(why, canary->vm.error, sizeof(why));
	*error = why;
	canary_close(canary);
	return -1;
}
