// SPDX-License-Identifier: GPL-2.0
/*
 * Halts: their exits, sleeping and waking, and KVM's polling before a sleep.
 * Polling that finds work is well spent and no symptom.
 */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/cause.h"
#include "explain/cpus.h"
#include "explain/device.h"
#include "explain/hlt-in-guest.h"
#include "explain/interface.h"
#include "explain/stolen.h"
#include "settings/setting.h"

/* A vCPU that sleeps longer has little of a CPU to itself: its CPU is for others, or to rest. */
#define MOST_KEPT_NS	1000000

/* To halt a vCPU and to wake it again takes KVM less, in seconds. */
#define LONGEST_HALT	2e-3

/* To put a vCPU's thread to sleep and to wake it takes longer. */
#define LONGEST_NAP_NS	500


/* Polling, where it is known, is not part of the cost of exits. */
struct halting {
	struct load load;
	/* Halts per second of the busiest vCPU. */
	double rate;
	double each_ns;
	bool is_polling_known;
	double hit, miss;
	/* What KVM does for them besides. */
	double unpolled;
	struct gain exits;
};

static struct halting halting_of(const struct facts *f)
{
	struct halting h = {
		.load = load_of(f, &halts, 2), .rate = busiest_rate(f, &halts),
	};
	uint64_t hit_ns, miss_ns;
	double kernel;

	h.is_polling_known = kvm_count_of(f, KVM_POLL_HIT_NS, &hit_ns) &
			     kvm_count_of(f, KVM_POLL_MISS_NS, &miss_ns);
	h.hit = in_interval(f, hit_ns);
	h.miss = in_interval(f, miss_ns);
	if (h.load.rate)
		h.each_ns = h.load.parts[PART_HALTED] * NSEC_PER_SEC / h.load.rate;
	kernel = h.load.parts[PART_KERNEL] - h.hit - h.miss;
	h.unpolled = kernel > 0 ? kernel : 0;
	h.exits = gain_of(f, h.unpolled, h.load.rate);
	/* Polling may be all of KVM's time, or none of it. */
	if (!h.is_polling_known) {
		h.exits.low -= kernel;
		if (h.exits.kind == GAIN_AT_LEAST)
			h.exits.kind = GAIN_UNKNOWN;
	}
	return h;
}

/*
 * Without interrupt controllers in KVM no HLT sleeps there. A VMM also has some
 * time of an HLT where a signal has ended it.
 */
static bool are_served_by_vmm(const struct halting *h)
{
	double vmm = h->load.parts[PART_VMM] + h->load.parts[PART_VMM_SLEEP];
	bool is_polled = !h->is_polling_known || h->hit + h->miss > 0;

	return vmm > h->load.parts[PART_HALTED] &&
	       (!is_polled || vmm > h->load.parts[PART_KERNEL] / 4);
}

static bool is_in_vain(const struct facts *f, const struct halting *h)
{
	const uint64_t vcpus = f->guest->guest.vcpus;
	/* Each vCPU that is idle polls a little. */
	const double least = MIN_GAIN * (vcpus < 5 ? vcpus : 5);

	return h->miss > h->hit && is_often(f, h->miss, least);
}

/* Polling costs a CPU: not worth it where others wait for that. */
static bool is_short(const struct facts *f, const struct halting *h)
{
	const struct gain gain =
		gain_at_most(h->load.rate * f->wake_ns / NSEC_PER_SEC);

	return is_often(f, h->rate, 200) && h->each_ns >= 1000 &&
	       h->each_ns <= 500000 && is_worth_it(f, &gain);
}

/* On shared CPUs a halt is how a guest should wait: only many are a symptom. */
static bool are_exits_many(const struct facts *f, const struct halting *h)
{
	double of_vcpu = h->load.rate ? h->exits.high * h->rate / h->load.rate : 0;

	return is_often(f, h->rate, 500) && is_worth_it(f, &h->exits) &&
	       (is_often(f, of_vcpu, 0.05) || owns_cpus(f));
}

/* As many of them neither sleep nor poll: something else is due each time. */
static bool end_at_once(const struct facts *f, const struct halting *h)
{
	double polled_ns = (h->hit + h->miss) * NSEC_PER_SEC;

	return h->is_polling_known && is_often(f, h->rate, 2000) &&
	       h->each_ns <= LONGEST_NAP_NS && polled_ns <= h->load.rate * LONGEST_NAP_NS;
}

/* Few of them that take KVM long, or many that take no time: it does not come to sleep. */
static bool is_kept_awake(const struct facts *f, const struct halting *h)
{
	return takes_much(f, h->unpolled) &&
	       (h->unpolled >= h->load.rate * LONGEST_HALT || end_at_once(f, h));
}

static bool are_many(const struct facts *f, struct advice *a)
{
	struct halting h = halting_of(f);

	if (are_served_by_vmm(&h))
		return false;
	if (!is_in_vain(f, &h) && !are_exits_many(f, &h) && !is_kept_awake(f, &h) &&
	    !(is_short(f, &h) && owns_cpus(f)))
		return false;
	a->gain = h.exits;
	a->gain.low += h.miss;
	a->gain.high += h.miss;
	if (h.is_polling_known)
		a->evidence = xasprintf("%.0f exits per second for HLT, asleep %.0f us each; KVM's polling failed for %.3f s of each second, succeeded for %.3f s",
					h.load.rate, h.each_ns / 1000, h.miss, h.hit);
	else
		a->evidence = xasprintf("%.0f exits per second for HLT, asleep %.0f us each; they take KVM %.3f s of each second, and which part of that is polling cannot be read",
					h.load.rate, h.each_ns / 1000, h.load.parts[PART_KERNEL]);
	return true;
}

/* An interrupt that is there already ends a halt, too: of those that an MSR shows. */
static bool are_interrupted(const struct facts *f, const struct halting *h, char **seen)
{
	double rate = access_rate(&f->accesses, BIT_OF(ACCESS_IPI) | BIT_OF(ACCESS_EOI) |
						BIT_OF(ACCESS_HYPERV_EOI));

	if (!end_at_once(f, h) || rate < h->load.rate / 2)
		return false;
	append(seen, "; %.0f exits per second send or end an interrupt by an MSR", rate);
	return true;
}

static enum answer stays_awake(const struct facts *f, char **seen)
{
	struct halting h = halting_of(f);

	*seen = xasprintf("KVM works %.2f s of each second for %.0f exits for HLT, %s, and each sleeps for %.1f us",
			  h.unpolled, h.load.rate, h.is_polling_known ? "beside polling" : "or polls",
			  h.each_ns / 1000);
	if (!is_kept_awake(f, &h))
		return ANSWER_NO;
	if (are_interrupted(f, &h, seen))
		return ANSWER_UNKNOWN;
	if (may_be_stolen(f, h.unpolled, seen) != ANSWER_NO)
		return ANSWER_UNKNOWN;
	return h.is_polling_known ? ANSWER_YES : ANSWER_UNKNOWN;
}

static enum answer polls_in_vain(const struct facts *f, char **seen)
{
	struct halting h = halting_of(f);

	if (!h.is_polling_known) {
		*seen = xasprintf("halt_poll_fail_ns cannot be read: %s",
				  kvm_count_why_not(f->kvm.v[KVM_POLL_MISS_NS].err));
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("polling failed for %.3f s of each second and succeeded for %.3f s",
			  h.miss, h.hit);
	return is_in_vain(f, &h) ? ANSWER_YES : ANSWER_NO;
}

/* The guest's, where it has one of its own, or KVM's; 0 if KVM polls for nobody. */
static bool read_longest_poll(const struct facts *f, uint64_t *ns)
{
	char value[32];

	if (setting_read_guest(setting_find("halt_poll_ns", SETTING_TUNE), f->env,
			 &f->guest->guest, value, sizeof(value)) > 0 &&
	    !parse_u64(value, ns))
		return true;
	return setting_read(setting_find("kvm.halt_poll_ns", SETTING_PARAM), f->env,
			    NULL, value, sizeof(value)) > 0 &&
	       !parse_u64(value, ns);
}

/* Does KVM not poll, though it does for sleeps as short as these? */
static enum answer lacks_polling(const struct facts *f, char **seen)
{
	struct halting h = halting_of(f);
	uint64_t longest_ns;

	if (h.hit + h.miss > 0) {
		*seen = xstrdup("KVM polls for it");
		return ANSWER_NO;
	}
	if (!h.is_polling_known || !read_longest_poll(f, &longest_ns)) {
		*seen = xstrdup("whether KVM polls for it cannot be read");
		return ANSWER_UNKNOWN;
	}
	if (h.each_ns >= longest_ns) {
		*seen = xstrdup("its sleeps are longer than KVM polls");
		return ANSWER_NO;
	}
	*seen = xasprintf("KVM does not poll for it, though it sleeps %.0f us and KVM polls for up to %llu us",
			  h.each_ns / 1000, (unsigned long long)longest_ns / 1000);
	return ANSWER_YES;
}

/* With 0 polling stays at 0, where it begins. */
static bool does_polling_grow(const struct facts *f)
{
	char value[32];

	return setting_read(setting_find("kvm.halt_poll_ns_grow", SETTING_PARAM),
			    f->env, NULL, value, sizeof(value)) <= 0 ||
	       strcmp(value, "0");
}

/*
 * Other reasons for which KVM does not poll: the VMM has turned it off by
 * KVM_CAP_HALT_POLL, which no file shows, or the guest started before the parameter was
 * raised, on kernels where that is for later guests.
 */
static enum answer polls_by_itself(const struct facts *f, char **seen)
{
	enum answer lacks = lacks_polling(f, seen);

	if (lacks != ANSWER_YES)
		return lacks;
	if (!does_polling_grow(f)) {
		append(seen, "; kvm.halt_poll_ns_grow is 0: it polls for no guest");
		return ANSWER_UNKNOWN;
	}
	switch (pv_state_of(f, "poll_control")) {
	case PV_USED:
		append(seen, "; the guest turned KVM's polling off");
		return ANSWER_YES;
	case PV_NOT_USED:
	case PV_NOT_OFFERED:
		append(seen, "; the guest did not turn KVM's polling off");
		return ANSWER_NO;
	default:
		append(seen, "; whether the guest turned KVM's polling off is not known");
		return ANSWER_UNKNOWN;
	}
}

static bool is_unpolled(const struct facts *f)
{
	char *seen = NULL;
	enum answer lacks = lacks_polling(f, &seen);

	free(seen);
	return lacks == ANSWER_YES;
}

/* KVM does not poll for it, and would not for longer sleeps either. */
static enum answer is_never_polled(const struct facts *f, char **seen)
{
	enum answer by_itself = polls_by_itself(f, seen);

	return is_unpolled(f) && !does_polling_grow(f) ? ANSWER_YES : by_itself;
}

static enum answer halts_on_own_cpus(const struct facts *f, char **seen)
{
	struct halting h = halting_of(f);

	if (!is_often(f, h.rate, 500)) {
		*seen = xasprintf("%.0f exits per second for HLT of the busiest vCPU", h.rate);
		return ANSWER_NO;
	}
	if (end_at_once(f, &h)) {
		*seen = xstrdup("its halts end at once, and do not keep it from running");
		return ANSWER_NO;
	}
	if (h.each_ns > MOST_KEPT_NS) {
		*seen = xasprintf("it sleeps %.1f ms at a time, and would keep %.2f CPUs that it does not use",
				  h.each_ns / 1000000, h.load.parts[PART_HALTED]);
		return ANSWER_NO;
	}
	return has_own_cpus(f, seen);
}

static enum answer sleeps_shortly(const struct facts *f, char **seen)
{
	struct halting h = halting_of(f);
	enum answer owns;
	char *cpus = NULL;

	if (!f->wake_ns) {
		*seen = xstrdup("how long waking takes was not measured: l1tune bench --save");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("it sleeps %.0f us at a time, waking takes at most %.0f us more than an exit, and polling instead would take %.2f CPUs",
			  h.each_ns / 1000, f->wake_ns / 1000,
			  h.load.parts[PART_HALTED]);
	if (!is_short(f, &h))
		return ANSWER_NO;
	if (is_unpolled(f)) {
		append(seen, "; KVM may poll for longer than that already, and does not");
		return ANSWER_UNKNOWN;
	}
	owns = has_own_cpus(f, &cpus);
	append(seen, "; %s", cpus);
	free(cpus);
	return owns;
}

/*
 * As often as it halts? Each wake-up of another vCPU is such an interrupt; but one that
 * the APIC's page, a hypercall or the CPU itself sends is no MSR.
 */
static enum answer wakes_itself(const struct facts *f, char **seen)
{
	struct halting h = halting_of(f);
	double rate;

	if (f->guest->guest.vcpus == 1) {
		*seen = xstrdup("it has one vCPU");
		return ANSWER_NO;
	}
	if (!f->is_sampled) {
		*seen = xstrdup(NOT_SAMPLED);
		return ANSWER_UNKNOWN;
	}
	rate = access_rate(&f->accesses, BIT_OF(ACCESS_IPI));
	*seen = xasprintf("%.0f exits per second send an IPI by an MSR",
			  rate);
	return rate >= h.load.rate / 2 ? ANSWER_YES : ANSWER_UNKNOWN;
}

/*
 * An idle guest that halts for another reason arms its timer, too, and a periodic one is
 * armed once: it shows nothing, and rules nothing out.
 */
static enum answer arms_timers(const struct facts *f, char **seen)
{
	if (!f->is_sampled) {
		*seen = xstrdup(NOT_SAMPLED);
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("%.0f exits per second arm a timer by an MSR",
			  access_rate(&f->accesses, BIT_OF(ACCESS_TIMER)));
	return ANSWER_UNKNOWN;
}

static char *no_polling(const struct facts *f)
{
	return xasprintf("l1tune tune %llu halt_poll_ns=0",
			 (unsigned long long)f->guest->guest.id);
}

#define CPU_PM	"QEMU -overcommit cpu-pm=on, which is for PAUSE and MWAIT, too, and for this guest only"

/* The VMM's own switch is for one guest. */
static char *keep_cpu(const struct facts *f)
{
	if (!takes_hlt_in_guest(f))
		return xasprintf("%s" CPU_PM, only_on_own_cpus(f));
	return xasprintf("%s%sl1tune tune uid=%llu hlt_in_guest=1, start it again, then l1tune tune uid=any: otherwise all later guests of the uid get it",
			 only_on_own_cpus(f), has_safe_cpu_pm(f) ? CPU_PM "; or " : "",
			 (unsigned long long)f->guest->guest.uid);
}

/* Twice as long as it sleeps, in steps of 10 us. */
static char *poll_longer(const struct facts *f)
{
	struct halting h = halting_of(f);
	unsigned long long poll_ns = (2 * h.each_ns / 10000 + 1);

	return xasprintf("l1tune tune %llu halt_poll_ns=%llu",
			 (unsigned long long)f->guest->guest.id, poll_ns * 10000);
}

#define NO_ASYNC_PF "in the guest no-kvmapf, or a VMM that does not offer them (QEMU -cpu MODEL,kvm-asyncpf-int=off)"

/* Linux 5.13. */
#define APF_MENDED	5013

/* A page that is there, of which KVM cannot tell a guest whose APIC is off. */
static char *let_sleep(const struct facts *f)
{
	if (kernel_version_of(f) >= APF_MENDED)
		return xstrdup("find out what keeps it awake: perf record -g -t TID of the vCPU. Whether it is an asynchronous page fault shows a guest without them: " NO_ASYNC_PF);
	if (pv_state_of(f, "async_pf") == PV_USED)
		return xstrdup("a kernel from Linux 5.13 on: up to then a page that KVM has for a guest, and cannot tell it of while its APIC is off, keeps its vCPU awake. Until then no asynchronous page faults: " NO_ASYNC_PF);
	return xstrdup("find out what keeps it awake: perf record -g -t TID of the vCPU. Up to Linux 5.12 it can be an asynchronous page fault of a guest whose APIC is off: " NO_ASYNC_PF);
}

/* Without polling neither kind is left. */
static struct gain polling_gain(const struct facts *f, const struct gain *all)
{
	struct halting h = halting_of(f);

	(void)all;
	return gain_at_most(h.miss + h.hit);
}

static struct gain exits_gain(const struct facts *f, const struct gain *all)
{
	(void)all;
	return halting_of(f).exits;
}

static struct gain waking_gain(const struct facts *f, const struct gain *all)
{
	struct halting h = halting_of(f);

	(void)all;
	return gain_at_most(h.load.rate * f->wake_ns / NSEC_PER_SEC);
}

static const struct cause causes[] = {
	{
		"halt-loop", "halted vCPUs that KVM does not put to sleep", "L1 and guest",
		"without asynchronous page faults the guest does nothing else while a page is read",
		{ { stays_awake, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"perf record -g -t TID of the vCPU: what KVM does in kvm_vcpu_block or kvm_vcpu_halt",
		.change_of = let_sleep, .gain = gain_of_part,
	}, {
		"poll-down", "unsuccessful halt polling", "L1",
		"wake-ups that polling would catch take longer",
		{ { polls_in_vain, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"halt_poll_fail_ns and halt_poll_success_ns in /sys/kernel/debug/kvm/PID-FD",
		.change_of = no_polling, .gain = polling_gain,
		.change_for_all = "l1tune tune kvm.halt_poll_ns=0, or a value below the current one; before Linux 6.1 that is for guests that start later, and for running ones l1tune tune GUEST halt_poll_ns=0",
	}, {
		"guest-haltpoll", "guest halt polling", "guest",
		"its idle vCPUs take CPU time for longer",
		{ { polls_by_itself, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"cpuidle-haltpoll in the guest's /sys/devices/system/cpu/cpuidle/current_driver; poll_control in l1tune paravirt",
		"nothing on this machine: KVM does not poll for a guest that polls itself (cpuidle-haltpoll). In the guest raise guest_halt_poll_ns in /sys/module/haltpoll/parameters",
		gain_of_part,
	}, {
		"poll-up", "short sleeps", "L1",
		"the CPU time of polling is not available to others",
		{ { sleeps_shortly, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  { is_never_polled, VERDICT_RULED_OUT, VERDICT_OPEN } },
		"l1tune bench --save, and look again; then l1tune try",
		.change_of = poll_longer, .gain = waking_gain,
	}, {
		"hlt-in-guest", "exits for HLT on dedicated CPUs", "L1",
		"a halted vCPU keeps its CPU and looks busy, until the guest ends; not for VMMs that serve HLT themselves; KVM does not offer PV_UNHALT any more, so PV spinlocks spin; on Intel up to kernel 7.2 a vCPU that is reset while it is halted stays halted",
		{ { halts_on_own_cpus, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  { is_hlt_in_guest_refused, VERDICT_RULED_OUT, VERDICT_OPEN } },
		OWN_CPUS_BY,
		.change_of = keep_cpu, .gain = exits_gain,
	}, {
		"vcpu-wakeups", "vCPUs that wake each other", "guest",
		"less runs in parallel",
		{ { wakes_itself, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"in the guest perf record -e sched:sched_wakeup -ag",
		"fewer wake-ups from vCPU to vCPU: fewer vCPUs, or threads that stay on theirs",
		gain_of_part,
	}, {
		"timers", "the guest's timers", "guest",
		"what sets them may need them",
		{ { arms_timers } },
		"in the guest perf record -e timer:hrtimer_expire_entry -ag",
		.change_of = fewer_timers, .gain = gain_of_part,
	}, {
		"device-wakeups", "interrupts of the guest's devices", "guest and VMM",
		"its devices react later",
		/* No count is of them alone. */
		{ },
		"whether device lines grow in the guest's /proc/interrupts",
		"fewer interrupts of its devices: larger packets, fewer queues, interrupt coalescing (ethtool -C in the guest)",
		gain_of_part,
	},
};

const struct symptom symptom_halts = {
	"halts", "exits and polling of halted vCPUs", CAUSES(causes), are_many,
	&halts,
};
