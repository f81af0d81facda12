// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "bench/file.h"
#include "explain/advise.h"
#include "explain/rules-access.h"
#include "explain/rules.h"

void advice_free(struct advice *advice)
{
	free(advice->guest_name);
	free(advice->evidence);
	free(advice->change);
	free(advice->accesses);
}

/* What a wake-up by the timer takes beyond an exit, by bench --save. */
static double read_wake_ns(const struct env *env)
{
	struct measurement saved;
	const struct measurement *m;
	struct machine machine;
	const char *why;
	double ns;

	machine_read(env, &machine);
	m = bench_saved(env->state, &machine, &saved, &why);
	if (!m || !m->results[BENCH_HLT_TIMER].cycles.count ||
	    !m->results[BENCH_CPUID].cycles.count)
		return 0;
	ns = bench_ns(m, m->results[BENCH_HLT_TIMER].cycles.median) -
	     bench_ns(m, m->results[BENCH_CPUID].cycles.median);
	return ns > 0 ? ns : 0;
}

static int compare(const void *a, const void *b)
{
	const struct advice *x = a, *y = b;

	if (x->gain.high != y->gain.high)
		return x->gain.high > y->gain.high ? -1 : 1;
	if (x->guest_id != y->guest_id)
		return x->guest_id < y->guest_id ? -1 : 1;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static void look(const struct facts *facts, struct advice **list, size_t *num)
{
	const struct guest *guest = &facts->guest->guest;
	size_t i;

	for (i = 0; i < num_rules; i++) {
		struct advice advice = {
			.rule = &rules[i], .guest_id = guest->id,
		};

		if (!rules[i].applies(facts, &advice))
			continue;
		advice.guest_name = xstrdup(guest->name ? guest->name : "");
		*GROW(*list, *num) = advice;
	}
}

/* What is so for all guests. */
static struct facts facts_of(const struct env *env,
			     const struct observation *seen)
{
	struct facts facts = {
		.env = env,
		.host = seen->host,
		.wake_ns = read_wake_ns(env),
		.num_vcpus = host_count(&seen->host->usage, "vcpus"),
		.is_sampled = seen->sample,
	};
	struct machine machine;

	machine_read(env, &machine);
	transit_read(env, &facts.transit);
	facts.num_cpus = machine.num_cpus;
	return facts;
}

static void look_at(struct facts *facts, const struct observation *seen,
		    size_t i)
{
	facts->guest = &seen->snapshot->guests[i];
	kvm_counts_read(facts->env, facts->guest->guest.pid, &facts->kvm);
	if (seen->before)
		kvm_counts_subtract(&facts->kvm, &seen->before[i]);
}

struct advice *advise(const struct env *env,
		      const struct observation *seen, size_t *num)
{
	struct facts facts = facts_of(env, seen);
	struct advice *list = NULL;
	size_t i;

	*num = 0;
	for (i = 0; i < seen->snapshot->num_guests; i++) {
		look_at(&facts, seen, i);
		facts.accesses = access_groups(seen->sample,
					       facts.guest->guest.pid);
		look(&facts, &list, num);
		free(facts.accesses.v);
	}
	if (list)
		qsort(list, *num, sizeof(*list), compare);
	return list;
}

bool advise_wants_sample(const struct env *env,
			 const struct observation *seen)
{
	struct facts facts = facts_of(env, seen);
	size_t i;

	for (i = 0; i < seen->snapshot->num_guests; i++) {
		facts.guest = &seen->snapshot->guests[i];
		if (accesses_matter(&facts))
			return true;
	}
	return false;
}

char *gain_text(const struct gain *gain)
{
	switch (gain->kind) {
	case GAIN_RANGE:
		return gain->high - gain->low < 0.005 ?
		       xasprintf("%.2f CPUs", gain->high) :
		       xasprintf("%.2f to %.2f CPUs", gain->low, gain->high);
	case GAIN_AT_LEAST:
		return xasprintf("at least %.2f CPUs, and the exits' way to L0, which l1tune bench --save measures",
				 gain->low);
	case GAIN_AT_MOST:
		return xasprintf("at most %.2f CPUs", gain->high);
	default:
		return xstrdup("not known before it is tried");
	}
}
