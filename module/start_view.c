// SPDX-License-Identifier: GPL-2.0
/*
 * A start is recorded as sums up to each mark, so a phase is the difference of two. For
 * the current phase, the second is what the account has now.
 */
#include "clock.h"
#include "hook.h"
#include "start_view.h"

const char * const l1t_start_state_names[L1T_START_STATES] = {
	[L1T_START_UNKNOWN] = "unknown",
	[L1T_START_STARTING] = "starting",
	[L1T_START_STARTED] = "started",
	[L1T_START_ENDED] = "ended",
};

/* The boot vCPU, if it has a start, or NULL. */
static struct l1t_vcpu *boot_vcpu(struct l1t_guest *g)
{
	struct l1t_vcpu *v;

	/* Entries live as long as @g; RCU is needed for the list's growth only. */
	list_for_each_entry_rcu(v, &g->vcpus, link, true)
		if (v->start)
			return v;
	return NULL;
}

static bool is_seen(const struct l1t_guest *g)
{
	return g->is_born && l1t_hook_state(L1T_HOOK_KVM_EXIT) == L1T_HOOK_OK &&
	       l1t_hook_state(L1T_HOOK_KVM_ENTRY) == L1T_HOOK_OK;
}

/* Marks that have not been reached are 0. */
static void get_marks(const struct l1t_guest *g, const struct l1t_start *s,
		      u64 *marks)
{
	int i;

	/* The last one first: if it is set, so are those before it. */
	for (i = L1T_MARKS - 1; s && i >= 0; i--)
		marks[i] = l1t_start_mark(s, i);
	marks[L1T_MARK_CREATED] = g->created_ticks;
}

static void get_times(const struct l1t_guest *g, const struct l1t_start *s,
		      const u64 *marks, struct l1t_start_times *times)
{
	u64 closed = s ? READ_ONCE(s->closed_ticks) : 0;
	u64 until = closed ?: l1t_ticks();
	unsigned int i;

	times->port = s ? s->port : l1t_start_port();
	times->has_entry = s && s->has_run;
	if (marks[L1T_MARK_END])
		times->state = L1T_START_STARTED;
	else if (is_seen(g))
		times->state = closed || !READ_ONCE(g->kvm) ? L1T_START_ENDED :
							      L1T_START_STARTING;
	if (times->state == L1T_START_UNKNOWN)
		return;
	for (i = 0; i < L1T_PHASES && marks[i]; i++) {
		times->ns[i] = l1t_ticks_to_ns(l1t_ticks_since(marks[i],
							       marks[i + 1] ?: until));
		times->nr = i + 1;
	}
}

/**
 * l1t_start_get_times() - how long each phase of a guest's start took
 * @g: alive or dead
 * @times: all zero, filled in
 */
void l1t_start_get_times(struct l1t_guest *g, struct l1t_start_times *times)
{
	struct l1t_vcpu *v = boot_vcpu(g);
	u64 marks[L1T_MARKS] = {};

	get_marks(g, v ? v->start : NULL, marks);
	get_times(g, v ? v->start : NULL, marks, times);
}

/* Parts are never more than the whole: see l1t_account_add_cell(). */
static void get_reason(const struct l1t_start_row *row, struct l1t_start_reason *r)
{
	u64 rest = row->ticks, ticks;
	unsigned int i;

	r->key = row->key;
	r->count = row->count;
	for (i = 0; i < L1T_PARTS; i++) {
		ticks = min(row->parts_ticks[i], rest);
		rest -= ticks;
		r->parts_ns[i] = l1t_ticks_to_ns(ticks);
	}
	r->parts_ns[L1T_PART_KERNEL] = l1t_ticks_to_ns(rest);
}

static void get_sums(const struct l1t_start_sums *sums, struct l1t_start_guest *to)
{
	unsigned int i;

	to->guest_ns = l1t_ticks_to_ns(sums->guest_ticks);
	to->nr = sums->nr;
	for (i = 0; i < sums->nr; i++)
		get_reason(&sums->rows[i], &to->reasons[i]);
}

/* Sums up to now, including the open exit. */
static void get_sums_now(struct l1t_account *acct, struct l1t_start_guest *to)
{
	unsigned int n, i, nr = l1t_account_cells(acct);

	to->guest_ns = l1t_account_guest_ns(acct);
	to->nr = min(nr, L1T_START_ROWS + 0u);
	for (n = 0; n < nr; n++) {
		struct l1t_start_reason *r =
			&to->reasons[min(n, L1T_START_REASONS + 0u)];
		struct l1t_sample sample = {};

		l1t_account_add_cell(acct, n, &sample);
		r->key = n < L1T_START_REASONS ? l1t_account_key(acct, n) :
						 l1t_key(L1T_LEVEL2, L1T_SLOT_OTHER);
		r->count += sample.count;
		for (i = 0; i < L1T_PARTS_AND_KERNEL; i++)
			r->parts_ns[i] += sample.parts_ns[i];
	}
}

static u64 less(u64 a, u64 b)
{
	return a - min(a, b);
}

/* Leaves what came after @before, which has the same rows, or fewer. */
static void subtract(struct l1t_start_guest *from, const struct l1t_start_guest *before)
{
	unsigned int i, n;

	from->guest_ns = less(from->guest_ns, before->guest_ns);
	for (n = 0; n < before->nr; n++) {
		struct l1t_start_reason *r = &from->reasons[n];

		r->count = less(r->count, before->reasons[n].count);
		for (i = 0; i < L1T_PARTS_AND_KERNEL; i++)
			r->parts_ns[i] = less(r->parts_ns[i],
					      before->reasons[n].parts_ns[i]);
	}
}

static u64 since_creation_ns(const struct l1t_guest *g, u64 ticks)
{
	return ticks ? l1t_ticks_to_ns(l1t_ticks_since(g->created_ticks, ticks)) : 0;
}

/**
 * l1t_start_get_view() - everything about a guest's start
 * @g: alive or dead
 * @view: all zero, filled in
 */
void l1t_start_get_view(struct l1t_guest *g, struct l1t_start_view *view)
{
	struct l1t_vcpu *v = boot_vcpu(g);
	struct l1t_start *s = v ? v->start : NULL;
	u64 marks[L1T_MARKS] = {};

	get_marks(g, s, marks);
	get_times(g, s, marks, &view->times);
	if (!s || view->times.state == L1T_START_UNKNOWN)
		return;
	view->memory_ns = since_creation_ns(g, READ_ONCE(g->memory_ticks));
	view->vcpu_ns = since_creation_ns(g, s->vcpu_ticks);
	view->halt_ns = since_creation_ns(g, READ_ONCE(s->halt_ticks));
	view->idle_ns = since_creation_ns(g, READ_ONCE(s->idle_ticks));
	if (!marks[L1T_MARK_ENTERED])
		return;
	if (!marks[L1T_MARK_PAGED]) {
		get_sums_now(&v->acct, &view->firmware);
		return;
	}
	get_sums(&s->paged, &view->firmware);
	if (marks[L1T_MARK_END])
		get_sums(&s->end, &view->boot);
	else
		get_sums_now(&v->acct, &view->boot);
	subtract(&view->boot, &view->firmware);
}
