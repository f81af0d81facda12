// SPDX-License-Identifier: GPL-2.0
/* Measures what one exit of each kind costs here, by bench's own guest. */
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/util.h"
#include "base/wait.h"
#include "bench/bench.h"
#include "bench/split.h"
#include "bench/trace.h"
#include "bench/vm.h"

#define WARM_UP		64
#define BATCH		1000
#define MIN_BATCH	100
/* The most time of a batch and of a kind, where exits are slow. */
#define MAX_BATCH_NS	(NSEC_PER_SEC / 4)
#define MAX_BATCHES	20
#define MAX_NS		NSEC_PER_SEC
/*
 * Short enough that most are free of the machine's timer; more than one exit,
 * so that the end of the batch can be distinguished by its number.
 */
#define SPLIT_NS	(NSEC_PER_SEC / 1000)
#define MIN_SPLIT	2
#define MAX_SPLIT	32
#define SPLIT_BATCHES	64
/* As many pages as are fresh at once. */
#define FRESH_4K	512
#define FRESH_2M	32
#define MIN_DELAY_NS	500000
/* The longest that a guest may run without an end: for the first exits, for a batch. */
#define FIRST_SECONDS	5
#define RUN_SECONDS	120
/* Parts of a round trip that a few VMREADs may take, if they are no exits. */
#define SHADOWED	0.03
#define NOT_SHADOWED	0.05

const struct bench_kind bench_kinds[NUM_BENCH_KINDS] = {
	[BENCH_CPUID] = { "cpuid", "CPUID, emulated by KVM", true },
	[BENCH_VMCALL] = { "vmcall", "a hypercall unknown to KVM", true },
	[BENCH_PIO_KVM] = { "pio_kvm", "OUT to an eventfd, as a virtio doorbell", true },
	[BENCH_PIO_USER] = { "pio_user", "OUT, served by the VMM", true },
	[BENCH_MMIO_KVM] = { "mmio_kvm", "a store to an eventfd, as a virtio doorbell", true },
	[BENCH_MMIO_USER] = { "mmio_user", "a store to a device, served by the VMM", true },
	[BENCH_RDMSR] = { "rdmsr", "reading IA32_MISC_ENABLE", true },
	[BENCH_WRMSR] = { "wrmsr", "writing IA32_BIOS_SIGN_ID", true },
	[BENCH_HLT_TIMER] = { "hlt_timer", "from a timer's deadline until the halted vCPU is interrupted", false },
	[BENCH_HLT_IPI] = { "hlt_ipi", "from sending an IPI until the halted vCPU gets it", false },
	[BENCH_EPT_4K] = { "ept_4k", "first touch of a page of 4 KB that the VMM has", true },
	[BENCH_EPT_2M] = { "ept_2m", "first touch of a page of 2 MB that the VMM has", true },
	[BENCH_L3_CPUID] = { "l3_cpuid", "CPUID in a guest of this guest, which emulates it", true },
};

/* How each of them is done; what differs with the ISA is in code_of(). */
static const struct {
	const unsigned char *code, *svm_code;
	/* The batch's own end shall not be an exit of the kind. */
	bool done_by_mmio;
} programs[NUM_BENCH_KINDS] = {
	[BENCH_CPUID] = { bench_guest_cpuid },
	[BENCH_VMCALL] = { bench_guest_vmcall, bench_guest_vmmcall },
	[BENCH_PIO_KVM] = { bench_guest_pio_kvm, .done_by_mmio = true },
	[BENCH_PIO_USER] = { bench_guest_pio_user, .done_by_mmio = true },
	[BENCH_MMIO_KVM] = { bench_guest_mmio_kvm },
	[BENCH_MMIO_USER] = { bench_guest_mmio_user },
	[BENCH_RDMSR] = { bench_guest_rdmsr },
	[BENCH_WRMSR] = { bench_guest_wrmsr },
	[BENCH_HLT_TIMER] = { bench_guest_hlt_timer },
	[BENCH_HLT_IPI] = { bench_guest_hlt_ipi },
	[BENCH_EPT_4K] = { bench_guest_fresh },
	[BENCH_EPT_2M] = { bench_guest_fresh },
	[BENCH_L3_CPUID] = { bench_guest_l3_cpuid_vmx, bench_guest_l3_cpuid_svm },
};

static const int caught[] = {
	SIGINT, SIGTERM, SIGHUP, SIGALRM, BENCH_VM_WAKE_SIGNAL,
};

static volatile uint8_t *immediate_exit[2];

static volatile sig_atomic_t is_overdue;

/* KVM_RUN not yet begun returns at once, begun is interrupted. */
static void interrupt(int sig)
{
	size_t i;

	is_overdue |= sig == SIGALRM;
	for (i = 0; i < ARRAY_SIZE(immediate_exit); i++)
		if (immediate_exit[i])
			*immediate_exit[i] = 1;
}

static void catch_signals(struct bench_vm *vm)
{
	const struct sigaction action = { .sa_handler = interrupt };
	unsigned int i;

	for (i = 0; i < vm->num_vcpus; i++)
		immediate_exit[i] = &vm->vcpu[i].run->immediate_exit;
	for (i = 0; i < ARRAY_SIZE(caught); i++)
		sigaction(caught[i], &action, NULL);
	is_overdue = false;
}

static void release_signals(void)
{
	size_t i;

	memset((void *)immediate_exit, 0, sizeof(immediate_exit));
	for (i = 0; i < ARRAY_SIZE(caught); i++)
		signal(caught[i], SIG_DFL);
}

double bench_ns(const struct measurement *m, double cycles)
{
	return m->tsc_khz ? cycles * 1e6 / m->tsc_khz : 0;
}

double bench_rest_ns(const struct measurement *m, const struct bench_result *r)
{
	return bench_ns(m, r->cycles.median) - r->kvm_ns - r->vmm_ns;
}

const char *bench_shadow_name(enum bench_shadow shadow)
{
	static const char *const names[] = {
		[BENCH_SHADOW_UNKNOWN] = "unknown",
		[BENCH_SHADOW_NOT_APPLICABLE] = "not_applicable",
		[BENCH_SHADOW_YES] = "yes",
		[BENCH_SHADOW_NO] = "no",
		[BENCH_SHADOW_UNCLEAR] = "unclear",
	};

	return names[shadow];
}

/* The state of a measurement. */
struct bench {
	struct bench_vm vm;
	struct bench_split split;
	struct measurement *m;
	const struct env *env;
};

/*
 * As bench_vm_run(), with a timeout: it would never return for a guest that does not
 * exit, or a device that is not KVM.
 */
static int run_within(struct bench *b, unsigned int seconds,
		      const unsigned char *fn, uint32_t count, bool done_by_mmio)
{
	int err;

	alarm(seconds);
	err = bench_vm_run(&b->vm, fn, count, done_by_mmio);
	alarm(0);
	if (is_overdue)
		bench_vm_fail(&b->vm, "the guest does not exit here: no end of %u exits within %u seconds",
			      count, seconds);
	return err;
}

static int run_guest(struct bench *b, const unsigned char *fn, uint32_t count,
		     bool done_by_mmio)
{
	return run_within(b, RUN_SECONDS, fn, count, done_by_mmio);
}

static const unsigned char *code_of(const struct bench *b, enum bench_kind_id kind)
{
	return b->vm.svm && programs[kind].svm_code ? programs[kind].svm_code :
						      programs[kind].code;
}

static uint64_t clock_offset(const struct bench *b, enum bench_kind_id kind)
{
	return bench_kinds[kind].is_round_trip ? b->m->clock_cycles : 0;
}

/* Takes batches until the median is sure; 0 or -1. */
static int sample(struct bench *b, enum bench_kind_id kind, uint32_t batch,
		  struct bench_series *series, struct bench_series *whole)
{
	const uint64_t end = monotonic_ns() + MAX_NS;
	struct bench_summary summary;
	unsigned int i;

	for (i = 0; i < MAX_BATCHES; i++) {
		if (run_guest(b, code_of(b, kind), batch,
				 programs[kind].done_by_mmio))
			return -1;
		bench_series_add(series, bench_vm_samples(&b->vm), batch);
		if (whole)
			bench_series_add(whole, bench_vm_cycles(&b->vm), batch);
		summary = bench_summarize(series, clock_offset(b, kind));
		if ((i && bench_is_sure(&summary)) || monotonic_ns() > end)
			break;
	}
	return 0;
}

/* As many exits as take a moment, by what the warm-up took. */
static uint32_t batch_size(struct bench *b)
{
	struct bench_series series = { };
	double ns, fitting;

	bench_series_add(&series, bench_vm_samples(&b->vm), WARM_UP);
	ns = bench_ns(b->m, bench_summarize(&series, 0).median);
	bench_series_free(&series);
	fitting = ns > 0 ? MAX_BATCH_NS / ns : BATCH;
	return fitting > BATCH ? BATCH : fitting < MIN_BATCH ? MIN_BATCH : fitting;
}

static bool is_fresh(enum bench_kind_id kind)
{
	return kind == BENCH_EPT_4K || kind == BENCH_EPT_2M;
}

static uint32_t fresh_pages(enum bench_kind_id kind)
{
	return kind == BENCH_EPT_2M ? FRESH_2M : FRESH_4K;
}

/* Fresh pages are used up by a batch. */
static int sample_fresh(struct bench *b, enum bench_kind_id kind,
			struct bench_series *series)
{
	const uint32_t batch = fresh_pages(kind);
	const uint64_t end = monotonic_ns() + MAX_NS;
	struct bench_summary summary;
	unsigned int i;

	for (i = 0; i < MAX_BATCHES; i++) {
		if (bench_vm_fresh(&b->vm, kind == BENCH_EPT_2M) ||
		    run_guest(b, bench_guest_fresh, batch, false))
			return -1;
		bench_series_add(series, bench_vm_samples(&b->vm), batch);
		summary = bench_summarize(series, b->m->clock_cycles);
		if ((i && bench_is_sure(&summary)) || monotonic_ns() > end)
			break;
	}
	return 0;
}

/* The mean of the batch that has just run. */
static double mean_round_trip_ns(struct bench *b, enum bench_kind_id kind, uint32_t count)
{
	struct bench_series series = { };
	double cycles;

	bench_series_add(&series, bench_vm_samples(&b->vm), count);
	cycles = bench_summarize(&series, clock_offset(b, kind)).mean;
	bench_series_free(&series);
	return bench_ns(b->m, cycles);
}

/* What KVM and the VMM have of a round trip. */
static int split(struct bench *b, enum bench_kind_id kind)
{
	struct bench_result *r = &b->m->results[kind];
	double ns = bench_ns(b->m, r->cycles.median);
	double fitting = ns > 0 ? SPLIT_NS / ns : MAX_SPLIT;
	uint32_t count = fitting > MAX_SPLIT ? MAX_SPLIT : fitting < MIN_SPLIT ? MIN_SPLIT : fitting;
	uint32_t pages = 0;
	double rest_ns;
	unsigned int i;

	if (!bench_kinds[kind].is_round_trip || !b->m->tsc_khz || !bench_split_begin(&b->split))
		return 0;
	for (i = 0; i < SPLIT_BATCHES; i++) {
		if (is_fresh(kind) && pages < count) {
			if (bench_vm_fresh(&b->vm, kind == BENCH_EPT_2M))
				return -1;
			pages = fresh_pages(kind);
		}
		if (run_guest(b, code_of(b, kind), count, programs[kind].done_by_mmio))
			return -1;
		pages -= is_fresh(kind) ? count : 0;
		if (!bench_split_read(&b->split, mean_round_trip_ns(b, kind, count)))
			return 0;
	}
	r->is_split = bench_split_end(&b->split, count, ns, &r->vmm_ns, &rest_ns);
	if (r->is_split)
		r->kvm_ns = fmax(0, ns - r->vmm_ns - rest_ns);
	return 0;
}

static int sample_ipi(struct bench *b, struct bench_series *series)
{
	int err;

	if (bench_vm_start_sleeper(&b->vm))
		return -1;
	err = run_guest(b, bench_guest_hlt_ipi, BATCH / 4, false);
	if (err)
		bench_vm_stop_sleeper(&b->vm);
	if (bench_vm_join_sleeper(&b->vm) || err)
		return -1;
	bench_series_add(series, bench_vm_samples(&b->vm), BATCH / 4);
	return 0;
}

static int measure_one(struct bench *b, enum bench_kind_id kind)
{
	struct bench_result *r = &b->m->results[kind];
	struct bench_series series = { }, whole = { };
	uint32_t batch;
	int err = 0;

	if (!is_fresh(kind) && kind != BENCH_HLT_IPI)
		err = run_guest(b, code_of(b, kind), WARM_UP,
				   programs[kind].done_by_mmio);
	if (err)
		return err;
	/* A sleep takes longer than its samples, which lack the time until the timer fires. */
	batch = kind == BENCH_HLT_TIMER ? 2 * MIN_BATCH : batch_size(b);
	if (is_fresh(kind))
		err = sample_fresh(b, kind, &series);
	else if (kind == BENCH_HLT_IPI)
		err = sample_ipi(b, &series);
	else
		err = sample(b, kind, batch, &series,
			     kind == BENCH_HLT_TIMER ? &whole : NULL);
	if (!err) {
		r->cycles = bench_summarize(&series, clock_offset(b, kind));
		r->whole = bench_summarize(&whole, 0);
		err = split(b, kind);
	}
	bench_series_free(&series);
	bench_series_free(&whole);
	return err;
}

/* What reading the clock twice takes: nothing lies between. */
static int measure_clock(struct bench *b)
{
	struct bench_series series = { };
	int err = run_guest(b, bench_guest_nothing, BATCH, false);

	if (!err) {
		bench_series_add(&series, bench_vm_samples(&b->vm), BATCH);
		b->m->clock_cycles = bench_summarize(&series, 0).median;
	}
	bench_series_free(&series);
	return err;
}

/* Long enough asleep that halt polling is over. */
static void set_delay(struct bench *b)
{
	uint64_t poll_ns = 0;
	char text[32];

	machine_file(b->env->sysfs, text, sizeof(text), "module/kvm/parameters/halt_poll_ns");
	parse_u64(text, &poll_ns);
	b->m->halt_delay_ns = 2 * poll_ns > MIN_DELAY_NS ? 2 * poll_ns : MIN_DELAY_NS;
	bench_vm_set_delay(&b->vm, b->m->halt_delay_ns * b->m->tsc_khz / 1000000);
}

static int median_cpuid(struct bench *b, uint64_t *median)
{
	struct bench_series series = { };
	int err = run_guest(b, bench_guest_cpuid, WARM_UP, false);

	if (!err)
		err = sample(b, BENCH_CPUID, batch_size(b), &series, NULL);
	if (!err)
		*median = bench_summarize(&series, b->m->clock_cycles).median;
	bench_series_free(&series);
	return err;
}

/*
 * The trace event kvm_exit reads a few fields of the VMCS. kvm_cpuid is as
 * heavy and reads none: the difference is what these few VMREADs cost. Each
 * is a trip to L0 when that does not shadow the VMCS.
 */
void bench_judge_shadow(struct measurement *m)
{
	double part = (int64_t)(m->vmread_event_cycles - m->event_cycles) /
		      (double)m->plain_cycles;

	m->shadow = part < SHADOWED ? BENCH_SHADOW_YES :
		    part > NOT_SHADOWED ? BENCH_SHADOW_NO : BENCH_SHADOW_UNCLEAR;
}

static int measure_with(struct bench *b, const struct bench_trace *trace,
			const char *event, uint64_t *median)
{
	int err = bench_trace_set(trace, event, true);

	if (err) {
		snprintf(b->m->shadow_text, sizeof(b->m->shadow_text),
			 "trace event %s: %s", event, strerror(-err));
		return 0;
	}
	err = median_cpuid(b, median);
	bench_trace_set(trace, event, false);
	return err;
}

static int measure_shadow(struct bench *b)
{
	struct measurement *m = b->m;
	struct bench_trace trace;
	int err;

	if (b->vm.svm || !m->machine.virtualized) {
		m->shadow = BENCH_SHADOW_NOT_APPLICABLE;
		return 0;
	}
	err = bench_trace_open(&trace, b->env);
	if (err) {
		snprintf(m->shadow_text, sizeof(m->shadow_text),
			 "needs tracefs: %s", strerror(-err));
		return 0;
	}
	err = median_cpuid(b, &m->plain_cycles);
	if (!err)
		err = measure_with(b, &trace, "kvm_cpuid", &m->event_cycles);
	if (!err)
		err = measure_with(b, &trace, "kvm_exit", &m->vmread_event_cycles);
	bench_trace_close(&trace);
	if (m->event_cycles && m->vmread_event_cycles)
		bench_judge_shadow(m);
	return err;
}

/* Is there a reason not to? */
static bool skip(struct bench *b, enum bench_kind_id kind,
		 const struct bench_options *options)
{
	struct bench_result *r = &b->m->results[kind];

	if (kind == BENCH_HLT_IPI && b->vm.num_vcpus < 2)
		snprintf(r->skipped, sizeof(r->skipped), "needs two CPUs");
	if (kind == BENCH_L3_CPUID && !bench_nested_is_on(&b->vm))
		snprintf(r->skipped, sizeof(r->skipped), "nesting is off: load %s with nested=1",
			 b->vm.svm ? "kvm_amd" : "kvm_intel");
	if (options->has_selection && !options->wanted[kind])
		snprintf(r->skipped, sizeof(r->skipped), "not asked for");
	return r->skipped[0];
}

static int measure_all(struct bench *b, const struct bench_options *options)
{
	enum bench_kind_id kind;

	if (run_within(b, FIRST_SECONDS, bench_guest_nothing, WARM_UP, false) ||
	    measure_clock(b))
		return -1;
	for (kind = 0; kind < NUM_BENCH_KINDS; kind++) {
		if (options->progress)
			options->progress(bench_kinds[kind].name, kind + 1, NUM_BENCH_KINDS);
		/* Once VMX is on in the guest, its other exits are another matter. */
		if (kind == BENCH_L3_CPUID && measure_shadow(b))
			return -1;
		if (skip(b, kind, options))
			continue;
		if (kind == BENCH_L3_CPUID &&
		    run_guest(b, b->vm.svm ? bench_guest_svm_on :
						     bench_guest_vmx_on, 1, false))
			return -1;
		if (!measure_one(b, kind))
			continue;
		/* Huge pages may not be had, and that is all that is missing. */
		if (kind != BENCH_EPT_2M)
			return -1;
		snprintf(b->m->results[kind].skipped,
			 sizeof(b->m->results[kind].skipped), "%s", b->vm.error);
	}
	return 0;
}

static unsigned int num_vcpus(void)
{
	cpu_set_t set;

	return !sched_getaffinity(0, sizeof(set), &set) && CPU_COUNT(&set) > 1 ? 2 : 1;
}

int bench_measure(const struct env *env, const struct bench_options *options,
		  struct measurement *m)
{
	struct bench b = { .m = m, .env = env };
	int khz, err;

	*m = (struct measurement){ };
	machine_read(env, &m->machine);
	bench_trace_clean(env);
	clock_gettime(CLOCK_REALTIME, &m->time);
	err = bench_vm_open(&b.vm, options->dev, num_vcpus());
	if (err) {
		complain("%s", b.vm.error);
		bench_vm_close(&b.vm);
		return b.vm.is_withheld ? STATUS_NOT_PERMITTED : STATUS_FAILED;
	}
	khz = ioctl(b.vm.vcpu[0].fd, KVM_GET_TSC_KHZ, 0);
	m->tsc_khz = khz > 0 ? khz : 0;
	catch_signals(&b.vm);
	bench_split_open(&b.split, env);
	snprintf(m->module, sizeof(m->module), "%s", b.split.host.module);
	set_delay(&b);
	err = measure_all(&b, options);
	bench_split_close(&b.split);
	release_signals();
	if (options->progress)
		options->progress(NULL, 0, 0);
	if (err)
		complain("%s", b.vm.error);
	bench_vm_close(&b.vm);
	return err ? STATUS_FAILED : STATUS_OK;
}
