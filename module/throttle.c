// SPDX-License-Identifier: GPL-2.0
/*
 * Slows down an L2 that exits too often.
 *
 * A guest has a bucket of tokens, which arrive at its rate. Its vCPUs take them from
 * the bucket as leases, so that an exit costs only a subtraction. A vCPU whose lease
 * is used up gets the next one when its thread is about to enter the guest again,
 * where KVM holds no lock except the vCPU's mutex: there it may have to sleep until
 * tokens are available. A thread that returns to the VMM is not delayed, only when it
 * comes back: without the vCPU's mutex another thread could run the vCPU, and both
 * would write to its account.
 *
 * A tenant has a bucket that all its guests share: a lease is taken from each bucket
 * that limits the guest, or from none if one of them lacks tokens.
 *
 * The bucket holds the tokens of 50 ms, all leases together as many again: so a guest
 * that was below its limit may at once take what it may take in 100 ms.
 */
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "event.h"
#include "exit.h"
#include "find.h"
#include "guest.h"
#include "limit.h"
#include "split.h"
#include "throttle.h"
#include "trace.h"

#define BUCKET_NS	(50 * NSEC_PER_MSEC)
#define SLICE_NS	(10 * NSEC_PER_MSEC)
#define MOST_LEASE	4096
#define EVENT_NS	(10ULL * NSEC_PER_SEC)

static DECLARE_WAIT_QUEUE_HEAD(rates_changed);
static atomic_t rates_version = ATOMIC_INIT(0);
static bool stopping;

/* Number of guests that have their own rate. */
static atomic_t nr_own_rates = ATOMIC_INIT(0);

/**
 * l1t_throttle_rate() - a guest's own rate, or the machine's
 * @g: the guest
 *
 * Return: exits per second, or L1T_NO_LIMIT.
 */
u64 l1t_throttle_rate(const struct l1t_guest *g)
{
	u64 rate = READ_ONCE(g->throttle.rate);

	if (rate != L1T_RATE_DEFAULT)
		return rate;
	return l1t_limit_value(L1T_MAX_EXITS_PER_SEC, L1T_BOUND_LIMIT);
}

static u64 audit_rate(void)
{
	return l1t_limit_value(L1T_MAX_EXITS_PER_SEC, L1T_BOUND_AUDIT);
}

/**
 * struct pace - a rate that limits a guest: its own, or a tenant's
 * @tenant: the tenant, or NULL
 * @level: of the tenant, plus 1; 0: the guest's own
 * @rate: exits per second
 * @bucket: the tokens
 */
struct pace {
	struct l1t_tenant *tenant;
	unsigned int level;
	u64 rate;
	struct l1t_bucket *bucket;
};

/* Context: RCU read section. Returns false if there is no pace at @level. */
static bool pace_at(struct l1t_guest *g, unsigned int level, enum l1t_bound bound,
		    struct pace *p)
{
	struct l1t_throttle *t = &g->throttle;
	struct l1t_tenant *tenant;

	if (!level) {
		p->tenant = NULL;
		p->rate = bound == L1T_BOUND_LIMIT ? l1t_throttle_rate(g) : audit_rate();
		p->bucket = bound == L1T_BOUND_LIMIT ? &t->limit : &t->audit;
	} else {
		tenant = l1t_place(&g->places, level - 1);
		if (!tenant)
			return false;
		p->tenant = tenant;
		p->rate = l1t_tenant_value(tenant, L1T_MAX_EXITS_PER_SEC, bound);
		p->bucket = &tenant->pace[bound];
	}
	p->level = level;
	return p->rate != L1T_NO_LIMIT;
}

/*
 * Sets *@p to the first pace at @level or after it; a loop continues at p->level + 1.
 * Context: RCU read section. Returns false if there is none.
 */
static bool next_pace(struct l1t_guest *g, unsigned int level, enum l1t_bound bound,
		      struct pace *p)
{
	unsigned int levels = READ_ONCE(g->places.levels);

	while (level <= levels && !pace_at(g, level, bound, p))
		level++;
	return level <= levels;
}

/* Protects tenants' buckets, which guests share. Taken with a guest's lock held. */
static DEFINE_RAW_SPINLOCK(tenants_lock);

/*
 * Tokens in the bucket that has the fewest, whose pace is stored in @least; U64_MAX if
 * there is no pace.
 */
static u64 fewest_tokens(struct l1t_guest *g, u64 now, struct pace *least)
{
	u64 fewest = U64_MAX, tokens;
	unsigned int level;
	struct pace p;

	for (level = 0; next_pace(g, level, L1T_BOUND_LIMIT, &p); level = p.level + 1) {
		tokens = l1t_bucket_tokens(p.bucket, p.rate, BUCKET_NS, now);
		if (tokens >= fewest)
			continue;
		fewest = tokens;
		*least = p;
	}
	return fewest;
}

/* Number of vCPUs that share a pace. */
static u64 sharers(const struct l1t_guest *g, const struct pace *p)
{
	u64 n = READ_ONCE(g->nr_vcpus);

	if (p->tenant) {
		/* It may change meanwhile, but only the size of leases depends on it. */
		n = data_race(READ_ONCE(p->tenant->use.of[L1T_USED_VCPUS]));
	}
	return max_t(u64, n, 1);
}

/* @shared: with the vCPUs that there are now; else the most that any number may get. */
static s64 lease_size(struct l1t_guest *g, bool shared)
{
	u64 size = MOST_LEASE, tokens;
	unsigned int level, bound;
	struct pace p;

	rcu_read_lock();
	for (bound = 0; bound < L1T_BOUNDS; bound++) {
		for (level = 0; next_pace(g, level, bound, &p); level = p.level + 1) {
			tokens = div64_u64(p.rate, NSEC_PER_SEC / BUCKET_NS);
			if (shared)
				tokens = div64_u64(tokens, sharers(g, &p));
			size = min(size, tokens);
		}
	}
	rcu_read_unlock();
	return max_t(u64, size, 1);
}

static bool paced(struct l1t_guest *g)
{
	unsigned int level, bound;
	bool found = false;
	struct pace p;

	rcu_read_lock();
	for (bound = 0; bound < L1T_BOUNDS; bound++)
		for (level = 0; next_pace(g, level, bound, &p); level = p.level + 1)
			found = true;
	rcu_read_unlock();
	return found;
}

static u64 lowest_rate(struct l1t_guest *g)
{
	u64 rate = L1T_NO_LIMIT;
	unsigned int level;
	struct pace p;

	rcu_read_lock();
	for (level = 0; next_pace(g, level, L1T_BOUND_LIMIT, &p); level = p.level + 1)
		rate = min(rate, p.rate);
	rcu_read_unlock();
	return rate;
}

/* A shortage of tokens that must be reported; @count 0: none. */
struct excess {
	unsigned int level;
	u64 value;
	u64 rate;
	u64 count;
};

static void tokens_short(const struct pace *p, enum l1t_bound bound, u64 now,
			 struct excess *excess)
{
	struct l1t_bucket *b = p->bucket;
	u64 since_ns = now - b->reported_ns;

	if (p->tenant)
		l1t_tenant_count(p->tenant, L1T_MAX_EXITS_PER_SEC, bound);
	else
		l1t_limit_count(L1T_MAX_EXITS_PER_SEC, bound);
	b->exceeded++;
	/* If two buckets are short at once, the other is reported next time. */
	if ((b->reported && since_ns < EVENT_NS) || excess[bound].count)
		return;
	excess[bound] = (struct excess){
		.level = p->level,
		.value = p->rate,
		.rate = mul_u64_u64_div_u64(b->taken, NSEC_PER_SEC,
					    max_t(u64, since_ns, NSEC_PER_MSEC)),
		.count = b->exceeded,
	};
	b->reported = true;
	b->reported_ns = now;
	b->taken = 0;
	b->exceeded = 0;
}

/* Rates may be changed while this runs. */
static void take(struct l1t_guest *g, u64 wanted, u64 now, struct excess *excess)
{
	unsigned int level;
	struct pace p;
	u64 tokens;

	for (level = 0; next_pace(g, level, L1T_BOUND_LIMIT, &p); level = p.level + 1) {
		p.bucket->taken += wanted;
		l1t_bucket_take(p.bucket, p.rate, wanted);
	}
	for (level = 0; next_pace(g, level, L1T_BOUND_AUDIT, &p); level = p.level + 1) {
		p.bucket->taken += wanted;
		tokens = l1t_bucket_tokens(p.bucket, p.rate, BUCKET_NS, now);
		if (tokens < wanted)
			tokens_short(&p, L1T_BOUND_AUDIT, now, excess);
		l1t_bucket_take(p.bucket, p.rate, min(tokens, wanted));
	}
}

/*
 * How long to sleep for tokens that a vCPU alone would wait @alone_ns for: those that share
 * them wait, too, and must not all wake up for the tokens of one.
 */
static u64 sleep_ns(u64 alone_ns, u64 sharers)
{
	return alone_ns < SLICE_NS / sharers ? alone_ns * sharers : SLICE_NS;
}

/*
 * Takes the next lease of a vCPU, after paying for the exits that it has had without
 * one. Returns 0, or how many ns to sleep because tokens are missing; @waits: it has
 * already slept for them.
 */
static u64 take_lease(struct l1t_vcpu *v, bool waits, struct excess *excess)
{
	u64 debt = max_t(s64, -READ_ONCE(v->acct.lease), 0), more, tokens;
	struct l1t_guest *g = v->guest;
	u64 now = ktime_get_ns();
	struct pace least;

	more = lease_size(g, true);
	tokens = fewest_tokens(g, now, &least);
	if (tokens == U64_MAX) {
		take(g, debt + more, now, excess);
		WRITE_ONCE(v->acct.lease, paced(g) ? more : L1T_LEASE_UNLIMITED);
		return 0;
	}
	if (tokens > debt) {
		more = min(more, tokens - debt);
		take(g, debt + more, now, excess);
		WRITE_ONCE(v->acct.lease, more);
		return 0;
	}
	if (!waits)
		tokens_short(&least, L1T_BOUND_LIMIT, now, excess);
	if (!least.rate)
		return SLICE_NS;
	/* Pays in parts, because the debt may exceed what the bucket can hold. */
	if (tokens) {
		debt -= tokens;
		take(g, tokens, now, excess);
		WRITE_ONCE(v->acct.lease, -(s64)debt);
	}
	return sleep_ns(l1t_tokens_ns(debt + more, least.rate), sharers(g, &least));
}

static u64 renew_lease(struct l1t_vcpu *v, bool waits, struct excess *excess)
{
	u64 ns;

	lockdep_assert_held(&v->guest->throttle.lock);
	rcu_read_lock();
	raw_spin_lock(&tenants_lock);
	ns = take_lease(v, waits, excess);
	raw_spin_unlock(&tenants_lock);
	rcu_read_unlock();
	return ns;
}

static void report(const struct l1t_guest *g, const struct excess *excess)
{
	enum l1t_bound bound;
	unsigned int level;

	for (bound = 0; bound < L1T_BOUNDS; bound++) {
		if (!excess[bound].count)
			continue;
		raw_spin_lock(&l1t_lock);
		level = excess[bound].level;
		l1t_event_exceeded(&(struct l1t_exceeded){
			.limit = L1T_MAX_EXITS_PER_SEC,
			.bound = bound,
			.tenant = level ? l1t_place(&g->places, level - 1) : NULL,
			.value = excess[bound].value,
			.use = excess[bound].rate,
			.guest_id = g->id,
			.count = excess[bound].count,
		});
		raw_spin_unlock(&l1t_lock);
	}
}

/* The sleep is a part of the open exit, unless the account is closed. */
static void split_sleep(struct l1t_vcpu *v, bool sleeps)
{
	raw_spin_lock(&l1t_lock);
	if (v->vcpu)
		l1t_split_throttle(&v->acct, sleeps);
	raw_spin_unlock(&l1t_lock);
}

/* Returns false if the thread must not sleep any more. */
static bool pace_sleep(struct l1t_vcpu *v, int version, u64 ns)
{
	u64 start = ktime_get_ns();
	int err;

	split_sleep(v, true);
	err = wait_event_interruptible_hrtimeout(rates_changed,
						 atomic_read(&rates_version) != version ||
						 READ_ONCE(stopping),
						 ns_to_ktime(ns));
	split_sleep(v, false);
	trace_l1tune_throttle(v->guest->id, v->id, lowest_rate(v->guest),
			      ktime_get_ns() - start);
	/* After TIF_NOTIFY_SIGNAL some kernels only run its work, and enter the guest. */
	if (err == -ERESTARTSYS)
		set_thread_flag(TIF_SIGPENDING);
	return err != -ERESTARTSYS && !READ_ONCE(stopping);
}

static void pace_vcpu(struct l1t_work *work, bool cancelled)
{
	struct l1t_vcpu *v = container_of(work, struct l1t_vcpu, acct.pace);
	struct l1t_throttle *t = &v->guest->throttle;
	bool waits = false;
	int version;
	u64 ns;

	while (!cancelled && l1t_account_vcpu_here(&v->acct)) {
		struct excess excess[L1T_BOUNDS] = {};

		version = atomic_read(&rates_version);
		raw_spin_lock(&t->lock);
		ns = renew_lease(v, waits, excess);
		raw_spin_unlock(&t->lock);
		report(v->guest, excess);
		waits = true;
		/* A thread that has a signal must not be delayed. */
		if (!ns || !pace_sleep(v, version, ns))
			break;
	}

	l1t_work_done(work);
}

/*
 * apic_timer_fn(timer): a LAPIC timer that KVM emulates fires, in an interrupt. If it
 * is part of the LAPIC of the vCPU on this CPU, the guest causes the exit for this
 * interrupt, which may come before the call or after it.
 */
#define LAPIC_TIMER_BYTES	64

static void lapic_timer_fires(struct pt_regs *regs)
{
	const void *timer = l1t_argument(regs, 0);
	struct l1t_account *acct = l1t_account_here();
	const struct kvm_vcpu *vcpu;

	vcpu = acct ? l1t_account_vcpu_here(acct) : NULL;
	if (!vcpu)
		return;
	if ((unsigned long)timer - (unsigned long)vcpu->arch.apic >= LAPIC_TIMER_BYTES)
		return;
	if (acct->open && acct->open->token)
		return;
	acct->lease--;
	if (acct->lease < 0)
		l1t_work_queue_within_ioctl(&acct->pace);
}

static struct l1t_function timer_functions[] = {
	{ L1T_HOOK_TIMER, "apic_timer_fn", NULL, lapic_timer_fires },
};

/**
 * l1t_throttle_need() - what rates need of the hooks that enforce them
 * @hook: which
 *
 * Return: what is needed of @hook.
 */
enum l1t_need l1t_throttle_need(enum l1t_hook hook)
{
	if (atomic_read(&nr_own_rates))
		return L1T_NEED_REFUSE;
	return l1t_limit_need(L1T_HOOK_THROTTLE);
}

/* The timer is only observed. */
static enum l1t_need timer_need(enum l1t_hook hook)
{
	return min(l1t_throttle_need(hook), L1T_NEED_AUDIT);
}

struct l1t_optional l1t_throttle_timer = {
	.hook = L1T_HOOK_TIMER,
	.set = L1T_OBSERVERS(timer_functions),
	.need = timer_need,
};

/**
 * l1t_throttle_init() - initialize a guest without its own rate
 * @t: all zero
 */
void l1t_throttle_init(struct l1t_throttle *t)
{
	raw_spin_lock_init(&t->lock);
	t->rate = L1T_RATE_DEFAULT;
}

/**
 * l1t_throttle_vcpu() - a vCPU has been created
 * @v: has had no exit
 *
 * Context: l1t_lock held.
 */
void l1t_throttle_vcpu(struct l1t_vcpu *v)
{
	l1t_work_init(&v->acct.pace, &v->guest->dev, pace_vcpu);
	if (paced(v->guest))
		WRITE_ONCE(v->acct.lease, 0);
}

/* Decides whether exits take tokens. Context: may sleep; after a rate was changed. */
static void update_tokens(void)
{
	/* The end of a guest and the setting of a limit may be concurrent. */
	static DEFINE_MUTEX(tokens_lock);

	mutex_lock(&tokens_lock);
	l1t_exit_pace_needed(!READ_ONCE(stopping) &&
			     (l1t_limit_is_wanted(L1T_MAX_EXITS_PER_SEC) ||
			      atomic_read(&nr_own_rates)));
	mutex_unlock(&tokens_lock);
}

/*
 * Ends leases that are longer than lease_size(). Returns false if there was one.
 *
 * An exit may write back a lease that has just been ended. It runs with preemption
 * disabled, so callers try again after a grace period; and then by the size that does
 * not depend on the number of vCPUs, which a VMM could keep changing.
 */
static bool shorten_leases(struct l1t_guest *g, bool shared)
{
	s64 most = paced(g) ? lease_size(g, shared) : L1T_LEASE_UNLIMITED;
	bool all_short = true;
	struct l1t_vcpu *v;

	raw_spin_lock(&g->throttle.lock);
	list_for_each_entry_rcu(v, &g->vcpus, link, true) {
		if (READ_ONCE(v->acct.lease) <= most)
			continue;
		WRITE_ONCE(v->acct.lease, 0);
		all_short = false;
	}
	raw_spin_unlock(&g->throttle.lock);
	return all_short;
}

static bool shorten_all_leases(bool shared)
{
	bool all_short = true;
	struct l1t_guest *g;

	raw_spin_lock(&l1t_lock);
	list_for_each_entry(g, &l1t_guests, link)
		all_short &= shorten_leases(g, shared);
	raw_spin_unlock(&l1t_lock);
	return all_short;
}

static void wake_all(void)
{
	atomic_inc(&rates_version);
	wake_up_all(&rates_changed);
}

/**
 * l1t_throttle_set() - set a guest's own rate
 * @g: the guest; @rate has been checked
 * @rate: exits per second, L1T_NO_LIMIT or L1T_RATE_DEFAULT
 *
 * Context: may sleep; one caller at a time for each guest. The rate is in effect when
 * this returns.
 */
void l1t_throttle_set(struct l1t_guest *g, u64 rate)
{
	if (rate == g->throttle.rate)
		return;
	atomic_add((rate != L1T_RATE_DEFAULT) - (g->throttle.rate != L1T_RATE_DEFAULT),
		   &nr_own_rates);
	WRITE_ONCE(g->throttle.rate, rate);
	update_tokens();
	shorten_leases(g, true);
	do
		synchronize_rcu();
	while (!shorten_leases(g, false));
	wake_all();
}

/**
 * l1t_throttle_update() - the rate of the machine or of tenants has changed
 *
 * Context: may sleep. The rates are in effect when this returns.
 */
void l1t_throttle_update(void)
{
	update_tokens();
	shorten_all_leases(true);
	do
		synchronize_rcu();
	while (!shorten_all_leases(false));
	wake_all();
}

/**
 * l1t_throttle_stop() - pace nothing any more, and wake all threads that sleep for tokens
 *
 * They may still be running when this returns: each has a reference to its guest.
 *
 * Context: may sleep; module unload.
 */
void l1t_throttle_stop(void)
{
	WRITE_ONCE(stopping, true);
	update_tokens();
	wake_up_all(&rates_changed);
}
