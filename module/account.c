// SPDX-License-Identifier: GPL-2.0
/* A vCPU's account: its memory and its readers. exit.c writes it. */
#include <linux/delay.h>
#include <linux/seqlock.h>
#include <linux/slab.h>

#include "account.h"
#include "clock.h"

const u32 l1t_no_reason = U32_MAX;

static struct kmem_cache *chunk_cache;

u64 l1t_hist_mult __read_mostly;
u64 l1t_hist_plain_ticks __read_mostly;

/**
 * l1t_accounts_init() - create the cache of cells, and scale histograms to the clock
 *
 * Called once, after l1t_clock_init() and l1t_steal_init().
 *
 * Return: 0 or -ENOMEM.
 */
int l1t_accounts_init(void)
{
	BUILD_BUG_ON(L1T_CELLS_MAX > U8_MAX);
	/* An exit and its entry write four cache lines: two of the cell... */
	BUILD_BUG_ON(offsetofend(struct l1t_cell, plain_ticks) > 16);
	BUILD_BUG_ON(sizeof(struct l1t_cell) % 16);
	/* ...because a usual exit counts in the 64-bit buckets only... */
	BUILD_BUG_ON((L1T_SLOW_LEAST_NS >> (L1T_HIST_SHIFT + L1T_HIST_SHORT - 1)) != 0);
	/* ...one of the ring... */
	BUILD_BUG_ON(L1_CACHE_BYTES % sizeof(struct l1t_ring_exit));
	BUILD_BUG_ON(offsetof(struct l1t_account, ring) % sizeof(struct l1t_ring_exit));
	/* ...and the account's first. */
	BUILD_BUG_ON(offsetofend(struct l1t_account, ring_place) > L1_CACHE_BYTES);
	BUILD_BUG_ON(offsetofend(struct l1t_account, seq) > L1_CACHE_BYTES);
	BUILD_BUG_ON(offsetofend(struct l1t_account, l3_exits_handled) > L1_CACHE_BYTES);

	l1t_hist_mult = l1t_tick_mult << (64 - L1T_TICK_SHIFT - (L1T_HIST_SHIFT - 1));
	l1t_hist_plain_ticks = l1t_ticks_below(L1T_SLOW_LEAST_NS);

	chunk_cache = kmem_cache_create("l1tune_chunk", sizeof(struct l1t_chunk),
					L1_CACHE_BYTES, SLAB_ACCOUNT, NULL);
	return chunk_cache ? 0 : -ENOMEM;
}

/**
 * l1t_accounts_exit() - undo l1t_accounts_init(), after all accounts are freed
 */
void l1t_accounts_exit(void)
{
	kmem_cache_destroy(chunk_cache);
}

static int add_chunk(struct l1t_account *acct)
{
	unsigned int n = acct->nr_allocated;
	struct l1t_chunk *chunk;

	chunk = kmem_cache_zalloc(chunk_cache, GFP_KERNEL_ACCOUNT);
	if (!chunk)
		return -ENOMEM;
	acct->chunks[n / L1T_CELLS_CHUNK] = chunk;
	/* l1t_account_new_cell(), maybe on another CPU by now, sees the chunk. */
	smp_store_release(&acct->nr_allocated, n + L1T_CELLS_CHUNK);
	return 0;
}

static bool lacks_cells(const struct l1t_account *acct)
{
	return acct->nr_cells + L1T_CELLS_CHUNK / 2 >= acct->nr_allocated &&
	       acct->nr_allocated < L1T_CELLS_MAX;
}

/* L2 has entered L3, or tried to, and there is no memory for it yet. */
static bool lacks_l3(const struct l1t_account *acct)
{
	return !acct->l3 && (acct->l3_entries || acct->l3_failed);
}

/* If an allocation fails, the next exit that lacks the memory asks again. */
static void allocate_lacking(struct l1t_account *acct)
{
	if (lacks_cells(acct))
		add_chunk(acct);
	if (lacks_l3(acct)) {
		/* Initialized before it is visible: pairs with l3_view.c. */
		smp_store_release(&acct->l3, l1t_l3_new(&acct->l3_first));
	}
	if (l1t_slow_lacks_memory(&acct->slow))
		l1t_slow_alloc(&acct->slow);
}

static void refill(struct l1t_work *work, bool cancelled)
{
	struct l1t_account *acct = container_of(work, struct l1t_account, refill);

	if (!cancelled)
		allocate_lacking(acct);
	l1t_work_done(work);
}

/**
 * l1t_account_ask_for_more() - have the vCPU's thread allocate what an account lacks
 * @acct: the account
 *
 * Context: the exit path. Allocation happens before the next entry, and may fail.
 */
void l1t_account_ask_for_more(struct l1t_account *acct)
{
	l1t_work_queue(&acct->refill);
}

/*
 * KVM's count before our first exit, for a vCPU that ran before it was known. KVM
 * counts an exit after its tracepoint, unless the tracepoint is in the exit handler
 * (SVM before 6.12), where the vCPU is out of guest mode.
 */
static void set_kvm_exits_base(struct l1t_account *acct,
			       const struct kvm_vcpu *vcpu)
{
	u64 exits = vcpu->stat.exits;

	if (READ_ONCE(vcpu->mode) != IN_GUEST_MODE && exits)
		exits--;
	WRITE_ONCE(acct->kvm_exits_base, exits);
}

/* A cell that exists but is not in @cells, so that its exits are unusual. */
static struct l1t_cell *find_cell(const struct l1t_account *acct, u32 key)
{
	unsigned int n;

	for (n = 0; n < acct->nr_cells; n++)
		if (l1t_account_cell(acct, n)->key == key)
			return l1t_account_cell(acct, n);
	return NULL;
}

/*
 * KVM also opens a window whenever a VMM asks for one that injects interrupts itself: one
 * that asks again and again would not be paced.
 */
static bool takes_token(const struct kvm_vcpu *vcpu, enum l1t_level level, unsigned int slot)
{
	return !l1t_slot_host_caused(l1t_isa(), level, slot) ||
	       (l1t_slot_is_window(l1t_isa(), slot) &&
		vcpu->kvm->arch.irqchip_mode != KVM_IRQCHIP_KERNEL);
}

/**
 * l1t_account_new_cell() - find or take the cell of an unusual exit
 * @acct: the account
 * @vcpu: its vCPU
 * @level: of the exit
 * @slot: of the exit
 *
 * The first cell is OTHER's and always exists.
 *
 * Context: the exit path.
 * Return: the cell, or that of OTHER if none is free.
 */
struct l1t_cell *l1t_account_new_cell(struct l1t_account *acct,
				      const struct kvm_vcpu *vcpu,
				      enum l1t_level level, unsigned int slot)
{
	unsigned int n = acct->nr_cells;
	struct l1t_cell *cell;

	if (acct->kvm_exits_base == L1T_BASE_UNKNOWN)
		set_kvm_exits_base(acct, vcpu);
	if (!acct->first_ticks) {
		acct->first_ticks = l1t_ticks();
		acct->l3_offered = l1t_l3_offered(vcpu);
	}
	/* Its thread may have entered KVM_RUN before the hooks were attached. */
	l1t_away_take(&acct->split.away);
	WRITE_ONCE(acct->split.in_run, true);
	if (acct->stolen.cpu < 0)
		l1t_steal_begin(&acct->stolen, l1t_ticks());
	if (slot == L1T_SLOT_OTHER)
		return l1t_account_cell(acct, 0);
	cell = find_cell(acct, l1t_key(level, slot));
	if (cell)
		return cell;
	if (lacks_cells(acct))
		l1t_account_ask_for_more(acct);
	/* Pairs with the release in add_chunk(). */
	if (n >= smp_load_acquire(&acct->nr_allocated)) {
		WRITE_ONCE(acct->lost_cells, acct->lost_cells + 1);
		return l1t_account_cell(acct, 0);
	}
	cell = l1t_account_cell(acct, n);
	cell->key = l1t_key(level, slot);
	cell->token = takes_token(vcpu, level, slot);
	cell->returned = L1T_RETURNED_NONE;
	if (!l1t_slot_loses_state(l1t_isa(), slot))
		acct->cells[level][slot] = cell;
	/* A reader that sees the new count also sees the key. */
	smp_store_release(&acct->nr_cells, n + 1);
	return cell;
}

/**
 * l1t_account_init() - prepare an account for its first exit
 * @acct: all zero
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM; the caller then frees @acct.
 */
int l1t_account_init(struct l1t_account *acct)
{
	l1t_work_init(&acct->refill, NULL, refill);
	l1t_away_init(&acct->split.away);
	if (add_chunk(acct))
		return -ENOMEM;
	acct->state = L1T_AT_GUEST | L1T_AT_RARE;
	acct->lease = L1T_LEASE_UNLIMITED;
	acct->reason = &l1t_no_reason;
	acct->split.part = L1T_PART_KERNEL;
	acct->stolen.cpu = -1;
	l1t_account_cell(acct, 0)->key = l1t_key(L1T_LEVEL2, L1T_SLOT_OTHER);
	l1t_account_cell(acct, 0)->token = 1;
	l1t_account_cell(acct, 0)->returned = L1T_RETURNED_NONE;
	acct->nr_cells = 1;
	return 0;
}

/**
 * l1t_account_free() - free what l1t_account_init() and exits allocated
 * @acct: has no writer and no reader any more
 */
void l1t_account_free(struct l1t_account *acct)
{
	unsigned int i;

	l1t_away_exit(&acct->split.away);
	l1t_slow_free(&acct->slow);
	kfree(acct->l3);
	for (i = 0; i < acct->nr_allocated / L1T_CELLS_CHUNK; i++)
		kmem_cache_free(chunk_cache, acct->chunks[i]);
}

/**
 * l1t_account_cells() - number of cells, which never decreases
 * @acct: the account
 *
 * Return: the number; cells below it are filled in.
 */
unsigned int l1t_account_cells(const struct l1t_account *acct)
{
	/* Pairs with the release in l1t_account_new_cell(). */
	return smp_load_acquire(&acct->nr_cells);
}

/**
 * l1t_account_key() - level and slot of the nth cell
 * @acct: the account
 * @n: below l1t_account_cells()
 *
 * Return: the key, see l1t_key().
 */
u32 l1t_account_key(const struct l1t_account *acct, unsigned int n)
{
	return l1t_account_cell(acct, n)->key;
}

/**
 * l1t_account_read_begin() - begin to read an account
 * @acct: may be written concurrently
 * @m: filled in
 *
 * What is read between this and l1t_account_read_again() is consistent if the
 * latter returns false. Each smp_rmb() pairs with one of the writer's. An exit or
 * an entry writes @open, then @since_ticks, then @state; the reader reverses this:
 *
 * - If a write was in progress when @open was read, @state still had its old value.
 * - If one began later and has not ended, @open has changed.
 * - If several did, @since_ticks has changed: time does not repeat.
 */
void l1t_account_read_begin(const struct l1t_account *acct, struct l1t_moment *m)
{
	m->seq = READ_ONCE(acct->seq);
	smp_rmb(); /* pairs with l1t_account_write_*() */
	m->since_ticks = READ_ONCE(acct->since_ticks);
	m->state = READ_ONCE(acct->state);
	smp_rmb(); /* both before @open: see above */
	m->open = READ_ONCE(acct->open);
	smp_rmb(); /* @open before the rest */
	kcsan_atomic_next(KCSAN_SEQLOCK_REGION_MAX);
}

static bool is_still(const struct l1t_account *acct, const struct l1t_moment *m)
{
	if (READ_ONCE(acct->open) != m->open)
		return false;
	smp_rmb(); /* @open, then @state: see l1t_account_read_begin() */
	if (READ_ONCE(acct->state) != m->state)
		return false;
	smp_rmb(); /* then @since_ticks */
	if (READ_ONCE(acct->since_ticks) != m->since_ticks)
		return false;
	smp_rmb(); /* pairs with l1t_account_write_*() */
	return READ_ONCE(acct->seq) == m->seq;
}

/**
 * l1t_account_read_again() - must the reader retry
 * @acct: may be written concurrently
 * @m: from l1t_account_read_begin()
 *
 * Return: true if what was read may be inconsistent.
 */
bool l1t_account_read_again(const struct l1t_account *acct,
			    const struct l1t_moment *m)
{
	bool in_guest = m->state & L1T_AT_GUEST;

	kcsan_atomic_next(0);
	/* An LFENCE: the caller's RDTSC is not reordered after the reads below. */
	rmb();
	if (!(m->seq & 1) && in_guest == !m->open && is_still(acct, m))
		return false;
	/* The writer's CPU may have been preempted by L0. */
	cpu_relax();
	return true;
}

/* Longer than a store stays in a CPU's store buffer. */
#define STORE_NS 1000

/*
 * Called after the clock was read for what is still in progress. The writer reads
 * the clock a little before other CPUs see that it writes, because it has no fence.
 * A reader in that window would show more than the final value, and less the next
 * time. So it waits until such a writer would be visible, and then checks. (The
 * window is longer if L0 preempts the writer's CPU within it.)
 */
static void let_writers_show(void)
{
	ndelay(STORE_NS);
}

/*
 * Looks at what the vCPU's thread does, and tells the writer. False if the part that the
 * reader saw has ended.
 */
static bool look(struct l1t_account *acct, const struct l1t_moment *m, u64 since_ticks,
		 struct l1t_stay *stay)
{
	struct l1t_away *away = &acct->split.away;
	bool is_same;

	raw_spin_lock(&away->lock);
	is_same = !l1t_account_read_again(acct, m);
	if (is_same)
		l1t_away_show(away, since_ticks);
	raw_spin_unlock(&away->lock);
	if (is_same)
		l1t_away_look(away, stay);
	return is_same;
}

/*
 * Divides the part that the reader saw, and records the result for later readers. A
 * writer that knows of it ends the part under the same lock: it either has not taken the
 * lock yet, and then honours the record, or is noticed here, as one is that does not know.
 */
static bool add_stay(struct l1t_account *acct, const struct l1t_moment *m,
		     enum l1t_part part, const struct l1t_left *left,
		     const struct l1t_stay *stay, u64 since_ticks, u64 *now_ticks,
		     u64 *parts_ticks)
{
	struct l1t_away *away = &acct->split.away;
	bool is_same;

	raw_spin_lock(&away->lock);
	is_same = !l1t_account_read_again(acct, m);
	if (is_same)
		*now_ticks = l1t_away_divide(away, part, left, stay, since_ticks,
					     *now_ticks, parts_ticks);
	raw_spin_unlock(&away->lock);
	return is_same;
}

/**
 * l1t_account_add_cell() - add a consistent snapshot of a cell to a sum
 * @acct: may be written concurrently
 * @n: which cell, below l1t_account_cells()
 * @sum: the sum
 */
void l1t_account_add_cell(struct l1t_account *acct, unsigned int n,
			  struct l1t_sample *sum)
{
	const struct l1t_cell *cell = l1t_account_cell(acct, n);
	u64 now, part_since_ticks, rest, ticks, exits;
	struct l1t_stay stay;
	struct l1t_left left;
	struct l1t_cell c;
	struct l1t_moment m;
	unsigned int i;
	bool is_divided, is_same;
	u8 part;

	do {
		l1t_account_read_begin(acct, &m);
		c = *cell;
		part = acct->split.part;
		part_since_ticks = acct->split.since_ticks;
		left = acct->split.away.left;
		/* Read here, so that it is not later than the end of the exit. */
		now = l1t_ticks();
		is_divided = m.open == cell && l1t_part_is_divided(part);
		is_same = !is_divided || look(acct, &m, part_since_ticks, &stay);
		if (m.open == cell)
			let_writers_show();
	} while (!is_same || l1t_account_read_again(acct, &m) ||
		 (is_divided && !add_stay(acct, &m, part, &left, &stay, part_since_ticks,
					  &now, c.parts_ticks)));

	if (m.open == cell) {
		sum->count++;
		c.time_ticks += l1t_ticks_since(m.since_ticks, now);
		if (!is_divided && part != L1T_PART_KERNEL)
			c.parts_ticks[part] +=
				l1t_ticks_since(part_since_ticks, now);
	}

	/*
	 * Parts are never more than the whole: a part may have begun and ended on CPUs
	 * whose clocks differ. The whole is the sum of the rounded parts, so that the
	 * rest, which is KVM's, never decreases.
	 */
	rest = c.time_ticks;
	for (i = 0; i < L1T_PARTS; i++) {
		ticks = min(c.parts_ticks[i], rest);
		rest -= ticks;
		sum->parts_ns[i] += l1t_ticks_to_ns(ticks);
		sum->time_ns += l1t_ticks_to_ns(ticks);
	}
	sum->parts_ns[L1T_PART_KERNEL] += l1t_ticks_to_ns(rest);
	sum->time_ns += l1t_ticks_to_ns(rest);
	sum->stolen_ns += c.stolen_ns;
	sum->max_ns = max(sum->max_ns, l1t_ticks_to_ns(c.max_ticks));
	for (i = 0; i < L1T_HIST_BUCKETS; i++) {
		exits = l1t_cell_exits(&c, i);
		sum->hist[i] += exits;
		sum->count += exits;
	}
}

/**
 * l1t_account_guest_ns() - time in the guest so far
 * @acct: may be written concurrently
 *
 * Return: the time in nanoseconds, including a stay that has not ended.
 */
u64 l1t_account_guest_ns(const struct l1t_account *acct)
{
	struct l1t_moment m;
	u64 from, now;
	s64 ticks;

	do {
		l1t_account_read_begin(acct, &m);
		from = acct->guest_from_ticks;
		now = l1t_ticks();
		if (!m.open)
			let_writers_show();
	} while (l1t_account_read_again(acct, &m));

	ticks = (m.open || !m.since_ticks ? m.since_ticks : now) - from;
	/* Negative only if the CPUs' clocks differ. */
	return l1t_ticks_to_ns(max(ticks, 0LL));
}

/**
 * l1t_account_stolen_ns() - time that L0 stole, in the guest and in exits, so far
 * @acct: may be written concurrently
 *
 * Return: the time in nanoseconds; valid if l1t_stolen_state() is L1T_STEAL_OK.
 */
u64 l1t_account_stolen_ns(const struct l1t_account *acct)
{
	struct l1t_stolen stolen;
	struct l1t_moment m;
	u64 ns;

	do {
		l1t_account_read_begin(acct, &m);
		stolen = acct->stolen;
		/* Within the loop, while the thread is still on that CPU. */
		ns = l1t_stolen_ns(&stolen, acct->split.in_run);
	} while (l1t_account_read_again(acct, &m));

	return ns;
}

/*
 * A thread that has slept in KVM_RUN may wait for a CPU now: @waits_ns is for how long. A
 * VMM that works shares its CPU: each wait would be a new state.
 */
static enum l1t_state state_of_divided(struct l1t_account *acct, enum l1t_part part,
				       enum l1t_state state, u64 *waits_ns)
{
	enum l1t_doing doing = l1t_away_does(&acct->split.away, waits_ns);

	if (part == L1T_PART_VMM) {
		*waits_ns = 0;
		return doing == L1T_DOING_SLEEPS ? L1T_STATE_VMM_SLEEP : state;
	}
	return doing == L1T_DOING_WAITS ? L1T_STATE_RUNQ : state;
}

/**
 * l1t_account_now() - what a vCPU is doing
 * @acct: may be written concurrently
 * @at: filled in
 */
void l1t_account_now(struct l1t_account *acct, struct l1t_now *at)
{
	static const u8 states[] = {
		[L1T_PART_VMM] = L1T_STATE_VMM,
		[L1T_PART_VMM_SLEEP] = L1T_STATE_VMM_SLEEP,
		[L1T_PART_HALTED] = L1T_STATE_HALTED,
		[L1T_PART_BLOCKED] = L1T_STATE_BLOCKED,
		[L1T_PART_RUNQ] = L1T_STATE_RUNQ,
		[L1T_PART_THROTTLED] = L1T_STATE_THROTTLED,
		[L1T_PART_KERNEL] = L1T_STATE_KERNEL,
	};
	u64 since, part_since, kernel_since, now, waits_ns = 0;
	struct l1t_moment m;
	u8 part;

	do {
		l1t_account_read_begin(acct, &m);
		part = acct->split.part;
		part_since = acct->split.since_ticks;
		kernel_since = acct->split.kernel_since_ticks;
		now = l1t_ticks();
	} while (l1t_account_read_again(acct, &m));

	*at = (struct l1t_now){};
	since = m.since_ticks;
	if (m.open) {
		at->state = states[part];
		if (l1t_part_is_divided(part))
			at->state = state_of_divided(acct, part, at->state, &waits_ns);
		at->key = m.open->key;
		since = part == L1T_PART_KERNEL ? max(since, kernel_since) :
						  part_since;
	} else if (since) {
		at->state = L1T_STATE_GUEST;
	}
	if (at->state != L1T_STATE_NONE)
		at->for_ns = waits_ns ?: l1t_ticks_to_ns(l1t_ticks_since(since, now));
}
