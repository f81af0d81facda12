// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "bench/file.h"
#include "explain/advise.h"
#include "explain/cause.h"
#include "explain/cpus.h"
#include "explain/device.h"
#include "explain/load.h"
#include "explain/together.h"
#include "explain/vmm-wait.h"
#include "model/machine.h"
#include "model/proc.h"

/* Factor of the thresholds for a guest that is looked at as one of many. */
#define SCALE_OF_MANY	0.05

/* By how much KVM starts a timer early, where it measures how much that has to be. */
#define MOST_ADVANCE_NS	5000

/*
 * KVM starts a timer that has a deadline early, so that of waking bench has only
 * measured what that did not hide. Of other timers and interrupts nothing is hidden.
 */
static double most_advance_ns(const struct env *env)
{
	char value[16];
	int64_t ns;

	if (machine_file(env->sysfs, value, sizeof(value),
			 "module/kvm/parameters/lapic_timer_advance"))
		return strcmp(value, "N") ? MOST_ADVANCE_NS : 0;
	if (machine_file(env->sysfs, value, sizeof(value),
			 "module/kvm/parameters/lapic_timer_advance_ns")) {
		ns = strtoll(value, NULL, 10);
		return ns >= 0 ? ns : MOST_ADVANCE_NS;
	}
	return MOST_ADVANCE_NS;
}

/* What a wake-up takes at most beyond an exit, by bench --save. */
static double read_wake_ns(const struct env *env, const struct machine *machine)
{
	struct measurement saved;
	const struct measurement *m;
	const char *why;
	double ns;

	m = bench_saved(env->state, machine, &saved, &why);
	if (!m || !m->results[BENCH_HLT_TIMER].cycles.count ||
	    !m->results[BENCH_CPUID].cycles.count)
		return 0;
	ns = bench_ns(m, m->results[BENCH_HLT_TIMER].cycles.median) -
	     bench_ns(m, m->results[BENCH_CPUID].cycles.median);
	return (ns > 0 ? ns : 0) + most_advance_ns(env);
}

static int compare(const void *a, const void *b)
{
	const struct advice *x = a, *y = b;

	if (x->gain.high != y->gain.high)
		return x->gain.high > y->gain.high ? -1 : 1;
	if (x->guest_id != y->guest_id)
		return x->guest_id < y->guest_id ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void look(const struct facts *facts, size_t place, struct advice **list,
		 size_t *num)
{
	const struct guest *guest = &facts->guest->guest;
	struct advice advice = {
		.order = place, .guest_id = guest->id, .num_guests = 1,
		.is_enough = facts->scale == 1,
	};

	if (!symptom_explain(symptoms[place], facts, &advice))
		return;
	advice.guest_name = xstrdup(guest->name ? guest->name : "");
	*GROW(*list, *num) = advice;
}

static bool is_asked_for(const struct observation *seen, size_t i)
{
	return !seen->guests ||
	       selection_matches(seen->guests, &seen->snapshot->guests[i].guest);
}

/* What is so for all guests. */
static struct facts facts_of(const struct env *env,
			     const struct observation *seen,
			     struct cpus_of_guests *cpus)
{
	struct facts facts = {
		.env = env,
		.host = seen->host,
		.num_vcpus = host_count(&seen->host->usage, "vcpus"),
		.is_sampled = seen->sample && !seen->sample->why_not,
		.cpus = cpus,
		.scale = 1,
	};
	size_t i;

	cpus->snapshot = seen->snapshot;
	machine_read(env, &facts.machine);
	facts.wake_ns = read_wake_ns(env, &facts.machine);
	transit_find(env, &facts.machine, &facts.transit);
	for (i = 0; i < seen->snapshot->num_guests; i++)
		facts.waited_ns = add_saturated(facts.waited_ns,
			exits_part_ns(&seen->snapshot->guests[i].stats, PART_RUNQ));
	if (seen->activity)
		facts.activity = *seen->activity;
	return facts;
}

/* One guest of those that were observed, with what is read of it once. */
struct look_at {
	struct facts facts;
	struct guest_memory memory;
	struct vmm_waits waits;
	struct proc_info proc;
};

static void look_at(const struct facts *all, const struct observation *seen,
		    size_t i, struct look_at *at)
{
	const struct guest_snapshot *guest = &seen->snapshot->guests[i];

	*at = (struct look_at){ .facts = *all };
	at->facts.guest = guest;
	at->facts.memory = &at->memory;
	at->facts.waits = &at->waits;
	at->facts.kvm = seen->counts[i];
	proc_read(all->env->proc_fd, guest->guest.pid, guest->guest.created_ns,
		  &at->proc);
	at->facts.cmdline = at->proc.cmdline;
	at->facts.cmdline_len = at->proc.cmdline_len;
	at->facts.accesses = access_groups(seen->sample, guest);
	at->facts.is_sampled &= snapshot_thread(guest) != 0;
}

static void look_away(struct look_at *at)
{
	free(at->facts.accesses.v);
	proc_free(&at->proc);
}

static size_t count_named(const struct advice *list, size_t num,
			  const char *name)
{
	size_t i, count = 0;

	for (i = 0; i < num; i++)
		count += !strcmp(list[i].name, name);
	return count;
}

/* With the thresholds of one of many. */
static void look_at_one_of_many(struct facts *facts, size_t place,
				struct advice **list, size_t *num)
{
	size_t before = *num;

	facts->scale = SCALE_OF_MANY;
	look(facts, place, list, num);
	facts->scale = 1;
	if (*num > before && !can_be_together(&(*list)[before]))
		advice_free(&(*list)[--*num]);
}

/*
 * Looks at each guest separately, then at those without advice together; if too many
 * get the same advice, at all of them together.
 */
static void look_at_all(const struct observation *seen, struct look_at *guests,
			size_t place, struct findings *findings)
{
	struct advice *own = NULL, *shared = NULL;
	size_t num_own = 0, num_shared = 0, i;

	for (i = 0; i < seen->snapshot->num_guests; i++) {
		size_t before = num_own;

		if (!is_asked_for(seen, i))
			continue;
		look(&guests[i].facts, place, &own, &num_own);
		if (num_own == before)
			look_at_one_of_many(&guests[i].facts, place, &shared,
					    &num_shared);
	}
	for (i = 0; i < num_own; i++)
		if (can_be_together(&own[i]) &&
		    count_named(own, num_own, own[i].name) > MAX_ALONE)
			*GROW(shared, num_shared) = own[i];
		else
			*GROW(findings->list, findings->num) = own[i];
	free(own);
	advise_together(shared, num_shared, &findings->list, &findings->num);
}

static struct unread *find_unread(struct findings *findings, int err)
{
	size_t i;

	for (i = 0; i < findings->num_unread; i++)
		if (findings->unread[i].err == err)
			return &findings->unread[i];
	*GROW(findings->unread, findings->num_unread) = (struct unread){
		.err = err, .names = xstrdup(""),
	};
	return &findings->unread[findings->num_unread - 1];
}

/* Where KVM has taken time that one of its counts may have explained. */
static void add_unread(const struct facts *facts, struct findings *findings)
{
	struct load all = load_of(facts, &all_reasons, 2);
	int last = 0;
	size_t i;

	if (all.parts[PART_KERNEL] < MIN_GAIN)
		return;
	for (i = 0; i < NUM_KVM_COUNTS; i++) {
		const struct kvm_count *count = &facts->kvm.v[i];
		struct unread *unread;

		if (count->is_known)
			continue;
		unread = find_unread(findings, count->err);
		if (!strstr(unread->names, kvm_count_name(i)))
			append(&unread->names, "%s%s", *unread->names ? ", " : "",
			       kvm_count_name(i));
		unread->num_guests += count->err != last;
		last = count->err;
	}
}

void advise(const struct env *env, const struct observation *seen,
	    struct findings *findings)
{
	struct cpus_of_guests cpus = { };
	struct facts facts = facts_of(env, seen, &cpus);
	size_t num_guests = seen->snapshot->num_guests, i;
	unsigned int looks = MAX_ALONE;
	struct look_at *guests = xcalloc(num_guests, sizeof(*guests));

	*findings = (struct findings){ };
	facts.looks = &looks;
	for (i = 0; i < num_guests; i++) {
		if (!is_asked_for(seen, i))
			continue;
		look_at(&facts, seen, i, &guests[i]);
		add_unread(&guests[i].facts, findings);
		findings->num_guests++;
	}
	for (i = 0; i < num_symptoms; i++)
		look_at_all(seen, guests, i, findings);
	for (i = 0; i < num_guests; i++)
		look_away(&guests[i]);
	free(guests);
	cpus_of_guests_free(&cpus);
	if (findings->list)
		qsort(findings->list, findings->num, sizeof(*findings->list),
		      compare);
}

void findings_free(struct findings *findings)
{
	size_t i;

	for (i = 0; i < findings->num; i++)
		advice_free(&findings->list[i]);
	for (i = 0; i < findings->num_unread; i++)
		free(findings->unread[i].names);
	free(findings->list);
	free(findings->unread);
	*findings = (struct findings){ };
}

bool advise_wants_sample(const struct env *env,
			 const struct observation *seen)
{
	struct cpus_of_guests cpus = { };
	struct facts facts = facts_of(env, seen, &cpus);
	bool matter = false;
	size_t i;

	for (i = 0; i < seen->snapshot->num_guests && !matter; i++) {
		struct guest_memory memory = { };

		if (!is_asked_for(seen, i))
			continue;
		facts.guest = &seen->snapshot->guests[i];
		facts.memory = &memory;
		matter = accesses_matter(&facts);
	}
	cpus_of_guests_free(&cpus);
	return matter;
}

char *gain_text(const struct gain *gain)
{
	const char *more = gain->lacks_transit ?
		", plus the transit to L0: l1tune bench --save measures it" : "";

	switch (gain->kind) {
	case GAIN_RANGE:
		return gain->high - gain->low < 0.005 ?
		       xasprintf("%.2f CPUs", gain->high) :
		       xasprintf("%.2f to %.2f CPUs", gain->low, gain->high);
	case GAIN_AT_LEAST:
		return xasprintf("at least %.2f CPUs%s", gain->low, more);
	case GAIN_AT_MOST:
		return xasprintf("at most %.2f CPUs%s", gain->high, more);
	default:
		return xstrdup("unknown until tried");
	}
}
