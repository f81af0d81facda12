// SPDX-License-Identifier: GPL-2.0
/* A vCPU's account: its memory, and how it is read. exit.c writes it. */
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
 * l1t_accounts_init() - get ready for accounts
 *
 * Called once, after l1t_clock_init() and l1t_steal_init(). Return: 0 or -ENOMEM.
 */
int l1t_accounts_init(void)
{
	BUILD_BUG_ON(L1T_CELLS_MAX > U8_MAX);
	/* What an exit and its entry write: four cache lines, these two... */
	BUILD_BUG_ON(offsetofend(struct l1t_cell, plain_ticks) > 16);
	BUILD_BUG_ON(sizeof(struct l1t_cell) % 16);
	/* ...only the first buckets, so that the others may be of another form... */
	BUILD_BUG_ON((L1T_SLOW_LEAST_NS >> (L1T_HIST_SHIFT + L1T_HIST_SHORT - 1)) != 0);
	/* ...the ring's... */
	BUILD_BUG_ON(L1_CACHE_BYTES % sizeof(struct l1t_ring_exit));
	BUILD_BUG_ON(offsetof(struct l1t_account, ring) % sizeof(struct l1t_ring_exit));
	/* ...and the account's own. */
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
 * l1t_accounts_exit() - undo l1t_accounts_init(), when all are freed
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
	/* new_cell(), on another CPU by now, sees the chunk. */
	smp_store_release(&acct->nr_allocated, n + L1T_CELLS_CHUNK);
	return 0;
}

static bool lacks_cells(const struct l1t_account *acct)
{
	return acct->nr_cells + L1T_CELLS_CHUNK / 2 >= acct->nr_allocated &&
	       acct->nr_allocated < L1T_CELLS_MAX;
}

/* L2 has entered an L3, or tried to. */
static bool lacks_l3(const struct l1t_account *acct)
{
	return !acct->l3 && (acct->l3_entries || acct->l3_failed);
}

static void refill(struct l1t_work *work, bool cancelled)
{
	struct l1t_account *acct = container_of(work, struct l1t_account, refill);

	/* Without memory the next that lacks it asks again. */
	if (!cancelled && lacks_cells(acct))
		add_chunk(acct);
	if (!cancelled && lacks_l3(acct)) {
		/* With all that it begins with: pairs with the acquire in l3_view.c. */
		smp_store_release(&acct->l3, l1t_l3_new(&acct->l3_first));
	}
	l1t_work_done(work);
}

/**
 * l1t_account_ask_for_more() - have its thread allocate what an account lacks
 * @acct: the account
 *
 * Context: the exit path. It is there before the next entry, if there is memory.
 */
void l1t_account_ask_for_more(struct l1t_account *acct)
{
	l1t_work_queue(&acct->refill);
}

/*
 * What KVM had counted before our first exit, of a vCPU that was running
 * before it was known. KVM counts after its tracepoint, except where that
 * stands in the exit handler (SVM before 6.12), out of guest mode.
 */
static void set_kvm_exits_base(struct l1t_account *acct,
			       const struct kvm_vcpu *vcpu)
{
	u64 exits = vcpu->stat.exits;

	if (READ_ONCE(vcpu->mode) != IN_GUEST_MODE && exits)
		exits--;
	WRITE_ONCE(acct->kvm_exits_base, exits);
}

/* One that is there and not in @cells, so that its exits are unusual ones. */
static struct l1t_cell *find_cell(const struct l1t_account *acct, u32 key)
{
	unsigned int n;

	for (n = 0; n < acct->nr_cells; n++)
		if (l1t_account_cell(acct, n)->key == key)
			return l1t_account_cell(acct, n);
	return NULL;
}

/**
 * l1t_account_new_cell() - a cell for the first exit of its kind
 * @acct: the account
 * @vcpu: its vCPU
 * @level: of the exit
 * @slot: of the exit
 *
 * The first cell is OTHER's and is always there. Context: the exit path. Return: the
 * cell, that of OTHER for want of memory.
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
	/* Its thread may have entered KVM_RUN before there were hooks. */
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
	cell->token = !l1t_slot_host_caused(l1t_isa(), slot);
	cell->returned = L1T_RETURNED_NONE;
	if (!l1t_slot_loses_state(l1t_isa(), slot))
		acct->cells[level][slot] = cell;
	/* Readers that count it see its key. */
	smp_store_release(&acct->nr_cells, n + 1);
	return cell;
}

/**
 * l1t_account_init() - make an account ready for its first exit
 * @acct: all zero
 *
 * Context: may sleep. Return: 0 or -ENOMEM, and then @acct is to be freed.
 */
int l1t_account_init(struct l1t_account *acct)
{
	l1t_work_init(&acct->refill, NULL, refill);
	l1t_away_init(&acct->split.away);
	if (l1t_slow_init(&acct->slow) || add_chunk(acct))
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
 * @acct: without a writer or reader left
 */
void l1t_account_free(struct l1t_account *acct)
{
	unsigned int i;

	l1t_away_exit(&acct->split.away);
	l1t_slow_exit(&acct->slow);
	kfree(acct->l3);
	for (i = 0; i < acct->nr_allocated / L1T_CELLS_CHUNK; i++)
		kmem_cache_free(chunk_cache, acct->chunks[i]);
}

/**
 * l1t_account_cells() - how many cells there are; they are never fewer later
 * @acct: the account
 */
unsigned int l1t_account_cells(const struct l1t_account *acct)
{
	/* Pairs with the release in new_cell(). */
	return smp_load_acquire(&acct->nr_cells);
}

/**
 * l1t_account_key() - level and slot of the nth cell
 * @acct: the account
 * @n: below l1t_account_cells()
 */
u32 l1t_account_key(const struct l1t_account *acct, unsigned int n)
{
	return l1t_account_cell(acct, n)->key;
}

/**
 * l1t_account_read_begin() - a reader begins
 * @acct: may be written meanwhile
 * @m: what it is at
 *
 * What is read from here to l1t_account_read_again() is of one moment if that
 * says so. Each smp_rmb() pairs with one of the writer's. An exit or an entry
 * writes @open, then @since_ticks, then @state; here the order is the reverse:
 *
 * - If one was under way when this read @open, @state was still the old.
 * - If one began later and has not ended, @open has changed.
 * - If more than one did, @since_ticks has changed: it is a time.
 */
void l1t_account_read_begin(const struct l1t_account *acct, struct l1t_moment *m)
{
	m->seq = READ_ONCE(acct->seq);
	smp_rmb(); /* pairs with l1t_account_write_*() */
	m->since_ticks = READ_ONCE(acct->since_ticks);
	m->state = READ_ONCE(acct->state);
	smp_rmb(); /* these before @open: see above */
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
 * l1t_account_read_again() - must a reader read once more
 * @acct: may be written meanwhile
 * @m: from l1t_account_read_begin()
 */
bool l1t_account_read_again(const struct l1t_account *acct,
			    const struct l1t_moment *m)
{
	bool in_guest = m->state & L1T_AT_GUEST;

	kcsan_atomic_next(0);
	/* An LFENCE: the caller's RDTSC comes before what is read now. */
	rmb();
	if (!(m->seq & 1) && in_guest == !m->open && is_still(acct, m))
		return false;
	/* L0 may have taken the writer's CPU away. */
	cpu_relax();
	return true;
}

/* Longer than a store stays in its CPU's store buffer. */
#define STORE_NS 1000

/*
 * After the clock was read for what goes on. A writer has read it a little before
 * others see that it writes, as no fence is on its way. Who reads it in between
 * would show more than there will be in the end, and less the next time. So the
 * reader waits until it would see such a writer, and then reads once more. (If L0
 * takes the writer's CPU just there it takes longer.)
 */
static void let_writers_show(void)
{
	ndelay(STORE_NS);
}

/*
 * What the reader saw of a time outside KVM_RUN is divided, and kept for those who
 * read next, under the lock that the writer takes to end it: a writer that has not
 * begun to takes this into account, any other is seen here.
 */
static bool add_stay(struct l1t_account *acct, const struct l1t_moment *m,
		     const struct l1t_left *left, const struct l1t_stay *stay,
		     u64 since_ticks, u64 now_ticks, u64 *parts_ticks)
{
	struct l1t_away *away = &acct->split.away;
	bool is_same;

	raw_spin_lock(&away->lock);
	is_same = !l1t_account_read_again(acct, m);
	if (is_same)
		l1t_away_divide(away, left, stay, since_ticks, now_ticks, parts_ticks);
	raw_spin_unlock(&away->lock);
	return is_same;
}

/**
 * l1t_account_add_cell() - add a cell's numbers to a sum, as of one moment
 * @acct: may be written meanwhile
 * @n: which cell, below l1t_account_cells()
 * @sum: takes them
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
	bool is_away;
	u8 part;

	do {
		l1t_account_read_begin(acct, &m);
		c = *cell;
		part = acct->split.part;
		part_since_ticks = acct->split.since_ticks;
		left = acct->split.away.left;
		/* Here, so that it is no later than the exit's end. */
		now = l1t_ticks();
		is_away = m.open == cell && part == L1T_PART_VMM;
		if (is_away)
			l1t_away_look(&acct->split.away, &stay);
		if (m.open == cell)
			let_writers_show();
	} while (l1t_account_read_again(acct, &m) ||
		 (is_away && !add_stay(acct, &m, &left, &stay, part_since_ticks,
				       now, c.parts_ticks)));

	if (m.open == cell) {
		sum->count++;
		c.time_ticks += l1t_ticks_since(m.since_ticks, now);
		if (!is_away && part != L1T_PART_KERNEL)
			c.parts_ticks[part] +=
				l1t_ticks_since(part_since_ticks, now);
	}

	/*
	 * Never more than the whole: begin and end of a part may have been on
	 * CPUs whose clocks differ by a little. The whole is the sum of parts as
	 * they are rounded, so that what is left, KVM's, never goes back.
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
 * l1t_account_guest_ns() - time in the guest, up to now
 * @acct: may be written meanwhile
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
	/* Below zero only by what the clocks of CPUs differ. */
	return l1t_ticks_to_ns(max(ticks, 0LL));
}

/**
 * l1t_account_stolen_ns() - what L0 took in the guest and in exits, up to now
 * @acct: may be written meanwhile
 */
u64 l1t_account_stolen_ns(const struct l1t_account *acct)
{
	struct l1t_stolen stolen;
	struct l1t_moment m;
	u64 ns;

	do {
		l1t_account_read_begin(acct, &m);
		stolen = acct->stolen;
		/* Here, so that the thread is still on that CPU. */
		ns = l1t_stolen_ns(&stolen, acct->split.in_run);
	} while (l1t_account_read_again(acct, &m));

	return ns;
}

/**
 * l1t_account_now() - what a vCPU is at
 * @acct: may be written meanwhile
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
	u64 since, part_since, kernel_since, now;
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
		if (part == L1T_PART_VMM && l1t_away_is_asleep(&acct->split.away))
			at->state = L1T_STATE_VMM_SLEEP;
		at->key = m.open->key;
		since = part == L1T_PART_KERNEL ? max(since, kernel_since) :
						  part_since;
	} else if (since) {
		at->state = L1T_STATE_GUEST;
	}
	if (at->state != L1T_STATE_NONE)
		at->for_ns = l1t_ticks_to_ns(l1t_ticks_since(since, now));
}
