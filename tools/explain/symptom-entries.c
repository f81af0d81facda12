// SPDX-License-Identifier: GPL-2.0
/*
 * What makes each exit and entry expensive, whatever it is for: how L0 handles
 * this machine's VMCS, and mitigations that L0 and L1 both apply.
 */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "bench/file.h"
#include "explain/cause.h"
#include "explain/feature.h"
#include "model/machine.h"

#define EVMCS	"kvm_intel.enlightened_vmcs"

/* Those of guests inside it come here as well, and go back through L0. */
static double exit_rate(const struct facts *f)
{
	return load_of_both(f, &all_reasons).rate;
}

/* Does KVM not use what only Hyper-V offers? */
static enum answer lacks_evmcs(const struct facts *f, char **seen)
{
	if (strcmp(f->host->hypervisor, "Microsoft Hv")) {
		*seen = xstrdup("L0 is not Hyper-V");
		return ANSWER_NO;
	}
	return lacks_feature(f, "enlightened_vmcs", EVMCS, seen);
}

/* By what bench --save measured: each VMREAD of L1's KVM is then an exit to L0. */
static enum answer lacks_shadowing(const struct facts *f, char **seen)
{
	const struct measurement *m;
	struct measurement saved;
	const char *why;

	if (strcmp(f->host->isa, "vmx")) {
		*seen = xstrdup("SVM has no VMCS");
		return ANSWER_NO;
	}
	m = bench_saved(f->env->state, &f->machine, &saved, &why);
	if (!m || (m->shadow != BENCH_SHADOW_YES && m->shadow != BENCH_SHADOW_NO)) {
		*seen = xasprintf("whether L0 shadows the VMCS was not measured: %s",
				  m ? "l1tune bench could not tell" : why);
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("L0 %s the VMCS, as l1tune bench measured",
			  m->shadow == BENCH_SHADOW_YES ? "shadows" : "does not shadow");
	return m->shadow == BENCH_SHADOW_NO ? ANSWER_YES : ANSWER_NO;
}

static enum answer flushes_l1d(const struct facts *f, char **seen)
{
	uint64_t flushes;
	double rate;

	if (!kvm_count_of(f, KVM_L1D_FLUSHES, &flushes)) {
		*seen = xasprintf("l1d_flush cannot be read: %s",
				  kvm_count_why_not(f->kvm.v[KVM_L1D_FLUSHES].err));
		return ANSWER_UNKNOWN;
	}
	rate = in_interval(f, flushes) * NSEC_PER_SEC;
	*seen = xasprintf("KVM flushed L1D %.0f times per second", rate);
	return rate >= 1000 * f->scale ? ANSWER_YES : ANSWER_NO;
}

/* By the kernel's words about these vulnerabilities, the last of which is NULL. */
static enum answer does_mitigate(const struct facts *f, const char *const *names,
				 const char *words, const char *what, char **seen)
{
	char value[256];
	size_t num = 0;

	for (; *names; names++) {
		if (!machine_file(f->env->sysfs, value, sizeof(value),
				  "devices/system/cpu/vulnerabilities/%s", *names))
			continue;
		num++;
		if (!strstr(value, words))
			continue;
		*seen = xasprintf("%s: %s", *names, value);
		return ANSWER_YES;
	}
	*seen = xasprintf(num ? "no vulnerability of the CPU makes this kernel %s" :
				"whether a vulnerability of the CPU makes this kernel %s cannot be read",
			  what);
	return num ? ANSWER_NO : ANSWER_UNKNOWN;
}

/* VERW at each entry, which L0 executes at its own. */
static enum answer clears_buffers(const struct facts *f, char **seen)
{
	static const char *const names[] = {
		"mds", "tsx_async_abort", "mmio_stale_data", "tsa", NULL
	};

	return does_mitigate(f, names, "Clear CPU buffers", "clear CPU buffers", seen);
}

/* Mitigations of AMD's CPUs that flush branch predictions at each exit. */
static const struct {
	const char *file, *on_exit, *change;
} flushes[] = {
	{ "spec_rstack_overflow", "IBPB",
	  "spec_rstack_overflow=safe-ret on the kernel's command line, if another was set there: it needs no IBPB. Where the kernel has chosen IBPB itself (Zen 5), only spec_rstack_overflow=off avoids it, for trusted guests" },
	{ "retbleed", "IBPB",
	  "retbleed=unret on the kernel's command line, if retbleed=ibpb was set there: it needs no IBPB; retbleed=off only for trusted guests" },
	{ "vmscape", "IBPB on VMEXIT",
	  "vmscape=off on the kernel's command line, only for trusted guests" },
};

/* Which of them, and how many can be read; ARRAY_SIZE(flushes) for none. */
static size_t find_flush(const struct facts *f, char value[128], size_t *num)
{
	size_t i;

	*num = 0;
	for (i = 0; i < ARRAY_SIZE(flushes); i++) {
		if (!machine_file(f->env->sysfs, value, 128,
				  "devices/system/cpu/vulnerabilities/%s", flushes[i].file))
			continue;
		++*num;
		if (strstr(value, flushes[i].on_exit))
			break;
	}
	return i;
}

/* VMSCAPE's IBPB before an exit to user space is only for exits that the VMM serves. */
static enum answer flushes_predictions(const struct facts *f, char **seen)
{
	char value[128];
	size_t num, i = find_flush(f, value, &num);

	if (i < ARRAY_SIZE(flushes)) {
		*seen = xasprintf("%s: %s", flushes[i].file, value);
		return ANSWER_YES;
	}
	if (!num) {
		*seen = xstrdup("whether this kernel flushes branch predictions cannot be read");
		return ANSWER_UNKNOWN;
	}
	*seen = xstrdup("no vulnerability of the CPU makes this kernel flush branch predictions at each exit");
	return ANSWER_NO;
}

/* Not Enhanced or Automatic IBRS, which the kernel sets once. */
static enum answer writes_ibrs(const struct facts *f, char **seen)
{
	static const char *const names[] = { "retbleed", "spectre_v2", NULL };

	return does_mitigate(f, names, "Mitigation: IBRS", "switch IBRS at each exit", seen);
}

static char *avoid_flush(const struct facts *f)
{
	char value[128];
	size_t num, i = find_flush(f, value, &num);

	return xstrdup(i < ARRAY_SIZE(flushes) ? flushes[i].change :
						 "find out in /sys/devices/system/cpu/vulnerabilities what flushes them");
}

static bool is_any(const struct facts *f,
		   enum answer (*look)(const struct facts *f, char **seen))
{
	char *seen = NULL;
	enum answer answer = look(f, &seen);

	free(seen);
	return answer == ANSWER_YES;
}

/* Exits by themselves are no symptom: only if one of these can make them cheaper. */
static bool are_expensive(const struct facts *f, struct advice *a)
{
	double rate = exit_rate(f);

	if (!f->host->virtualized || !is_often_of_both(f, &all_reasons, 1000) ||
	    !(is_any(f, lacks_evmcs) || is_any(f, lacks_shadowing) ||
	      is_any(f, flushes_l1d) ||
	      (is_often_of_both(f, &all_reasons, 20000) &&
	       (is_any(f, clears_buffers) || is_any(f, flushes_predictions) ||
		is_any(f, writes_ibrs)))))
		return false;
	a->gain.kind = GAIN_UNKNOWN;
	a->evidence = xasprintf("%.0f exits per second, each of them through L0",
				rate);
	return true;
}

static char *use_evmcs(const struct facts *f)
{
	return use_feature(f, EVMCS);
}

static const struct cause causes[] = {
	{
		"evmcs", "Hyper-V's enlightened VMCS is not used", "L1",
		"all guests must stop for it",
		{ { lacks_evmcs, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"/sys/module/kvm_intel/parameters/enlightened_vmcs",
		.change_of = use_evmcs,
	}, {
		"vmcs-shadowing", "L0 does not shadow the VMCS", "L0", "none",
		{ { lacks_shadowing, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"l1tune bench --save",
		"ask whoever runs L0 for VMCS shadowing (KVM: kvm_intel.enable_shadow_vmcs=1 there); until then do not trace KVM events here: they read the VMCS",
	}, {
		"l1d-flush", "L1D flushes", "L0 and L1",
		"if L0 does not flush, guests may read each other's data (L1TF)",
		{ { flushes_l1d, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"l1d_flush in /sys/kernel/debug/kvm/PID-FD",
		"ask whoever runs L0 whether it flushes at its own entries; if so: l1tune tune kvm_intel.vmentry_l1d_flush=never",
	}, {
		"ibpb", "branch predictions that are flushed at each exit (IBPB)", "L1",
		"without the mitigation a guest may read this machine's data and that of other guests",
		{ { flushes_predictions, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"retbleed, spec_rstack_overflow and vmscape in /sys/devices/system/cpu/vulnerabilities",
		.change_of = avoid_flush,
	}, {
		"ibrs", "a mitigation that writes an MSR at each exit (IBRS)", "L1",
		"without a mitigation a guest may read this machine's data and that of other guests",
		{ { writes_ibrs, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"retbleed and spectre_v2 in /sys/devices/system/cpu/vulnerabilities",
		"retbleed=stuff on the kernel's command line, which writes no MSR: Linux 6.2 or later, built with call depth tracking. Where L0 intercepts the MSR, each of these writes is an exit to L0. retbleed=off only for trusted guests",
	}, {
		"cpu-buffers", "CPU buffers that L1 and L0 both clear", "L0 and L1",
		"if L0 does not clear them, guests may read others' data",
		{ { clears_buffers, VERDICT_OPEN, VERDICT_RULED_OUT } },
		"whoever runs L0 knows whether it clears CPU buffers at its own entries; l1tune doctor names this machine's mitigations",
		"ask whoever runs L0 whether it clears CPU buffers at its own entries; if so, and all programs of this machine are trusted, L1 need not clear them (mds=off and the like on the kernel's command line)",
	},
};

const struct symptom symptom_entries = {
	"entries", "cost of each exit and entry", CAUSES(causes), are_expensive,
};
