// SPDX-License-Identifier: GPL-2.0
/*
 * Tries the rows one by one in one VM, and says how each ended. What is slow
 * is known at the end only, from the others.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/util.h"
#include "bench/vm.h"
#include "model/entry-refusal.h"
#include "model/exception.h"
#include "model/machine.h"
#include "probe/guest.h"
#include "probe/probe.h"
#include "probe/vm.h"

#define TRIES		5
/* A machine that has little of its CPU may take longer: then it has a second, longer try. */
#define TIMEOUT_MS	300
#define LAST_TIMEOUT_MS	1200
#define REPEATED_TRIES	2
#define NESTED_TIMEOUT_MS	1500

/* Times of a kind are compared by these. */
#define TIMES_SLOWER	10
#define PART_OF_AN_EXIT	3

#define REQ_XCOMP_GUEST_PERM	0x1025
#define XFEATURE_XTILEDATA	18

const char *probe_verdict_name(enum probe_verdict verdict)
{
	static const char *const names[NUM_VERDICTS] = {
		[VERDICT_UNKNOWN] = "unknown",
		[VERDICT_NOT_PROMISED] = "not promised",
		[VERDICT_OK] = "ok",
		[VERDICT_SLOW] = "slow",
		[VERDICT_UNSTEADY] = "unsteady",
		[VERDICT_UNTRIED] = "untried",
		[VERDICT_FAULTS] = "faults",
		[VERDICT_WRONG] = "wrong",
		[VERDICT_DIES] = "dies",
		[VERDICT_HANGS] = "hangs",
	};

	return names[verdict];
}

bool probe_is_bad(enum probe_verdict verdict)
{
	return verdict == VERDICT_FAULTS || verdict == VERDICT_WRONG ||
	       verdict == VERDICT_DIES || verdict == VERDICT_HANGS;
}

const char *probe_means(const struct probe *probe, size_t i)
{
	const enum probe_verdict verdict = probe->results[i].verdict;

	return probe_is_bad(verdict) || verdict == VERDICT_SLOW || verdict == VERDICT_UNSTEADY ?
	       probe_features[i].means : NULL;
}

__printf(3, 4) static void judge(struct probe_result *result, enum probe_verdict verdict,
				 const char *fmt, ...)
{
	va_list ap;

	result->verdict = verdict;
	va_start(ap, fmt);
	vsnprintf(result->detail, sizeof(result->detail), fmt, ap);
	va_end(ap);
}

static bool is_promised(const struct probe_vm *vm, const struct probe_feature *feature)
{
	const struct probe_promise *p = &feature->promise;

	if (feature->isa != PROBE_ANY_ISA && (feature->isa == PROBE_SVM_ONLY) != vm->svm)
		return false;
	if (p->cap)
		return probe_vm_has_cap(vm, p->cap);
	return !p->leaf || probe_vm_cpuid(vm, p->leaf, p->sub, p->reg) & p->mask;
}

/* XCR0 with a component, those that it depends on, and the other bit of a pair. */
static uint64_t component_value(const struct probe_vm *vm, const struct probe_feature *feature)
{
	uint64_t bits = feature->promise.mask | 1;
	const uint64_t sse = 2, avx = 4, avx512 = 0xe0;

	if (bits & ~(sse | 1))
		bits |= sse;
	if (bits & avx512)
		bits |= avx;
	return bits & (probe_vm_cpuid(vm, 0xd, 0, REG_EAX) | feature->promise.mask | 1);
}

static void judge_end(const struct probe_feature *feature, const struct probe_end *end,
		      unsigned int timeout_ms, struct probe_result *result)
{
	const char *text;

	if (!end->ready && end->how != PROBE_DONE && (feature->cr4 || feature->xcr0)) {
		judge(result, VERDICT_UNTRIED, "the CR4 or XCR0 bit that it needs does not work: see its row");
		return;
	}
	switch (end->how) {
	case PROBE_DONE:
		judge(result, VERDICT_OK, "%s", "");
		result->ticks = end->ticks;
		break;
	case PROBE_FAULT:
		judge(result, VERDICT_FAULTS, "%s", exception_name(end->vector));
		break;
	case PROBE_WRONG:
		judge(result, VERDICT_WRONG, "it has no effect");
		break;
	case PROBE_SHUTDOWN:
		judge(result, VERDICT_DIES, "triple fault");
		break;
	case PROBE_EMULATION:
		judge(result, VERDICT_DIES, "KVM has to emulate it and cannot");
		break;
	case PROBE_REFUSED_ENTRY:
		text = entry_refusal_text(end->hardware_reason);
		judge(result, VERDICT_DIES, "the CPU refuses to enter the guest: %s (reason %#llx)",
		      text ? text : "no known reason", (unsigned long long)end->hardware_reason);
		break;
	case PROBE_HANGS:
		judge(result, VERDICT_HANGS, "nothing for %u ms", timeout_ms);
		break;
	case PROBE_OTHER:
		if (end->err)
			judge(result, VERDICT_DIES, "KVM_RUN: %s", strerror(end->err));
		else
			judge(result, VERDICT_DIES, "KVM exit reason %u", end->exit_reason);
		break;
	}
}

/* An interrupt is good for one halt. */
static unsigned int tries(const struct probe_feature *feature)
{
	return feature->how == TRY_INTERRUPT ? 1 : TRIES;
}

static int try_once(struct probe_vm *vm, const struct probe_feature *feature,
		    unsigned int timeout_ms, struct probe_result *result)
{
	struct probe_start start = {
		.fn = feature->fn, .code = feature->code, .code_size = feature->code_size,
		.cr4 = feature->cr4, .xcr0 = feature->xcr0, .value = feature->value,
		.msr = feature->msr, .count = tries(feature), .la57 = feature->la57,
	};
	struct probe_end end;

	if (feature->group == PROBE_STATE)
		start.value = component_value(vm, feature);
	if (feature->how == TRY_TIMER)
		/* A tenth of a millisecond. */
		start.value = vm->tsc_khz / 10;
	if (feature->how == TRY_INTERRUPT && vm->irq_fd < 0) {
		judge(result, VERDICT_UNTRIED, "KVM has no interrupt controller that takes an irqfd here");
		return 0;
	}
	start.interrupt = feature->how == TRY_INTERRUPT;
	if (probe_vm_try(vm, &start, timeout_ms, &end))
		return -1;
	judge_end(feature, &end, timeout_ms, result);
	if (result->verdict == VERDICT_OK && feature->repeated)
		result->ticks /= feature->repeated;
	if (feature->how == TRY_DOORBELL && result->verdict == VERDICT_OK && !probe_vm_has_rung(vm))
		judge(result, VERDICT_WRONG, "KVM did not notice the doorbell");
	return 0;
}

/* What fails is tried again: a promise that is kept at times is not a broken one. */
static int try_row(struct probe_vm *vm, const struct probe_feature *feature,
		   struct probe_result *result)
{
	struct probe_result again = { };
	int i, err = try_once(vm, feature, TIMEOUT_MS, result);

	for (i = 0; !err && i < REPEATED_TRIES && probe_is_bad(result->verdict); i++) {
		err = try_once(vm, feature, LAST_TIMEOUT_MS, &again);
		if (result->verdict == VERDICT_HANGS) {
			/* Long enough to be sure. */
			*result = again;
			break;
		}
		if (again.verdict == VERDICT_OK)
			result->verdict = VERDICT_UNSTEADY;
	}
	return err;
}

/* How often the module has refused nested guests; 0 without it. */
static uint64_t nested_denials(const struct env *env)
{
	char text[24];

	if (!machine_file(env->sysfs, text, sizeof(text), "class/l1tune/l1/denied/max_nested_vms"))
		return 0;
	return strtoull(text, NULL, 10);
}

/* bench has a guest that runs one: a hypervisor's whole way, and no shorter one would do. */
static void try_nested(const struct env *env, struct probe_result *result)
{
	uint64_t denials = nested_denials(env);
	struct bench_vm vm;
	int err = bench_vm_open(&vm, env->dev, 1);

	/* Neither is a promise that KVM has broken. */
	if (err) {
		judge(result, VERDICT_UNTRIED, "%.120s", vm.error);
		bench_vm_close(&vm);
		return;
	}
	probe_watchdog(NESTED_TIMEOUT_MS);
	if (vm.svm)
		err = bench_vm_run(&vm, bench_guest_svm_on, 1, false) ||
		      bench_vm_run(&vm, bench_guest_l3_cpuid_svm, TRIES, false);
	else
		err = bench_vm_run(&vm, bench_guest_vmx_on, 1, false) ||
		      bench_vm_run(&vm, bench_guest_l3_cpuid_vmx, TRIES, false);
	probe_watchdog(0);
	if (!err)
		judge(result, VERDICT_OK, "%s", "");
	else if (nested_denials(env) != denials)
		judge(result, VERDICT_UNTRIED, "l1tune's limit max_nested_vms refuses it");
	else
		judge(result, strcmp(vm.error, "interrupted") ? VERDICT_DIES : VERDICT_HANGS,
		      "%.120s", vm.error);
	bench_vm_close(&vm);
}

static int read_msrs(struct probe_vm *vm, struct probe *probe)
{
	struct kvm_msr_list *list = probe_vm_msrs(vm);
	struct probe_end end;
	int err = 0;
	uint32_t i;

	for (i = 0; list && !err && i < list->nmsrs; i++) {
		const struct probe_start start = {
			.fn = probe_guest_rdmsr, .msr = list->indices[i], .count = 1,
		};

		err = probe_vm_try(vm, &start, TIMEOUT_MS, &end);
		if (!err && end.how != PROBE_DONE)
			*GROW(probe->faulting_msrs, probe->num_faulting) = list->indices[i];
	}
	probe->has_msrs = list;
	probe->num_msrs = list ? list->nmsrs : 0;
	free(list);
	return err;
}

struct run {
	const struct env *env;
	void (*progress)(const char *name, size_t done, size_t all);
	struct probe *probe;
};

/* The rows that do, or do not, want the kernel's permission first. */
static int try_rows(const struct run *run, struct probe_vm *vm, bool permitted)
{
	const struct probe_feature *feature;
	struct probe_result *result;
	size_t i;

	for (i = 0; i < num_probe_features; i++) {
		feature = &probe_features[i];
		result = &run->probe->results[i];
		if (feature->asks_permission != permitted)
			continue;
		if (run->progress)
			run->progress(feature->name, i, num_probe_features);
		if (!is_promised(vm, feature))
			judge(result, VERDICT_NOT_PROMISED, "%s", "");
		else if (i && probe_is_bad(run->probe->results[0].verdict))
			judge(result, VERDICT_UNTRIED, "no guest runs here: see the row %s",
			      probe_features[0].name);
		else if (feature->how == TRY_NESTED)
			try_nested(run->env, result);
		else if (try_row(vm, feature, result))
			return -1;
	}
	return permitted || probe_is_bad(run->probe->results[0].verdict) ? 0 :
	       read_msrs(vm, run->probe);
}

/* It is often what KVM uses for interrupts that L0 offers and does not take. */
static void try_without_apic(const struct run *run)
{
	struct probe_result *first = &run->probe->results[0], without = { };
	size_t len = strlen(first->detail);
	struct probe_vm vm;

	if (!probe_vm_open(&vm, run->env->dev, false) &&
	    !try_row(&vm, &probe_features[0], &without) && without.verdict == VERDICT_OK)
		snprintf(first->detail + len, sizeof(first->detail) - len,
			 "; one without KVM's interrupt controller runs%s",
			 vm.svm ? " (kvm_amd avic=0)" : " (kvm_intel enable_apicv=0)");
	probe_vm_close(&vm);
}

static int with_vm(const struct run *run, bool permitted)
{
	struct probe_vm vm;
	int status = STATUS_OK;

	if (probe_vm_open(&vm, run->env->dev, true) || try_rows(run, &vm, permitted)) {
		complain("%s", vm.error);
		status = vm.err == EACCES || vm.err == EPERM ? STATUS_NOT_PERMITTED : STATUS_FAILED;
	}
	run->probe->svm = vm.svm;
	run->probe->tsc_khz = vm.tsc_khz;
	probe_vm_close(&vm);
	if (!permitted && probe_is_bad(run->probe->results[0].verdict))
		try_without_apic(run);
	return status;
}

/* It cannot be given back: what needs none was tried before. */
static int with_permission(const struct run *run)
{
	const char *why = "the kernel does not permit it to this process, so KVM does not offer it";
	size_t i;

	if (!syscall(SYS_arch_prctl, REQ_XCOMP_GUEST_PERM, XFEATURE_XTILEDATA))
		return with_vm(run, true);
	for (i = 0; i < num_probe_features; i++)
		if (probe_features[i].asks_permission)
			judge(&run->probe->results[i], VERDICT_NOT_PROMISED, "%s",
			      errno == EPERM ? why : "");
	return STATUS_OK;
}

static int compare_ticks(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Of rows that exit, or do not, and have a time; 0 without any. */
static uint64_t median_ticks(const struct probe *probe, bool exits)
{
	uint64_t *ticks = xcalloc(num_probe_features, sizeof(*ticks)), median;
	size_t i, num = 0;

	for (i = 0; i < num_probe_features; i++)
		if (probe_features[i].exits == exits && probe_features[i].how == TRY_PLAIN &&
		    probe->results[i].verdict == VERDICT_OK)
			ticks[num++] = probe->results[i].ticks;
	qsort(ticks, num, sizeof(*ticks), compare_ticks);
	median = num ? ticks[num / 2] : 0;
	free(ticks);
	return median;
}

static uint64_t exit_ticks(const struct probe *probe)
{
	size_t i;

	for (i = 0; i < num_probe_features; i++)
		if (!strcmp(probe_features[i].name, "CPUID"))
			return probe->results[i].ticks;
	return 0;
}

void probe_judge_times(struct probe *probe)
{
	const uint64_t median[] = { median_ticks(probe, false), median_ticks(probe, true) };
	const uint64_t one_exit = exit_ticks(probe);
	size_t i;

	for (i = 0; i < num_probe_features; i++) {
		const struct probe_feature *feature = &probe_features[i];
		struct probe_result *r = &probe->results[i];
		const uint64_t usual = median[feature->exits];

		if (r->verdict != VERDICT_OK || feature->how != TRY_PLAIN || !usual || !one_exit ||
		    r->ticks / TIMES_SLOWER < usual)
			continue;
		if (feature->exits)
			judge(r, VERDICT_SLOW, "%.0f times as long as the others",
			      (double)r->ticks / usual);
		else if (r->ticks >= one_exit / PART_OF_AN_EXIT)
			judge(r, VERDICT_SLOW, "it exits: it takes %.1f times as long as CPUID",
			      (double)r->ticks / one_exit);
	}
}

int probe_run(const struct env *env, void (*progress)(const char *name, size_t done, size_t all),
	      struct probe *probe)
{
	const struct run run = { .env = env, .progress = progress, .probe = probe };
	int status;

	*probe = (struct probe){ };
	clock_gettime(CLOCK_REALTIME, &probe->time);
	machine_read(env, &probe->machine);
	probe->results = xcalloc(num_probe_features, sizeof(*probe->results));
	status = with_vm(&run, false);
	if (status == STATUS_OK)
		status = with_permission(&run);
	if (progress)
		progress(NULL, 0, 0);
	if (status == STATUS_OK)
		probe_judge_times(probe);
	return status;
}

void probe_free(struct probe *probe)
{
	free(probe->results);
	free(probe->faulting_msrs);
}
