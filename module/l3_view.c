// SPDX-License-Identifier: GPL-2.0
/* The files of a vCPU about its L3, see ABI/. Each line is consistent in itself. */
#include <linux/kernel.h>

#include "clock.h"
#include "compat.h"
#include "guest.h"
#include "hook.h"
#include "l3_view.h"
#include "lines.h"
#include "nested.h"
#include "reason.h"

#define LINE_BYTES		160
#define FAILED_LINE_BYTES	(L1T_L3_MESSAGE_BYTES + 40)

struct reader {
	struct l1t_vcpu *v;
};

static struct l1t_l3 *l3_of(const struct l1t_account *acct)
{
	/* Pairs with the release in allocate_lacking(). */
	return smp_load_acquire(&acct->l3);
}

static void print_in_l3(char *line, const struct l1t_l3 *l3, enum l1t_nested nested)
{
	u64 since = l3 ? READ_ONCE(l3->entered_ticks) : 0;

	if (nested != L1T_NESTED_RUNNING)
		snprintf(line, LINE_BYTES, "in_l3_ns none");
	else if (!since)
		snprintf(line, LINE_BYTES, "in_l3_ns unknown");
	else
		snprintf(line, LINE_BYTES, "in_l3_ns %llu",
			 l1t_ticks_to_ns(l1t_ticks_since(since, l1t_ticks())));
}

static const char *paging_name(const struct l1t_l3 *l3)
{
	if (!l3 || !READ_ONCE(l3->entered_ticks))
		return "unknown";
	return READ_ONCE(l3->own_paging) ? "nested" : "shadow";
}

/* On some kernels KVM refuses entries without a tracepoint. */
static bool failures_are_told(const struct l1t_account *acct)
{
	return READ_ONCE(acct->l3_failed) ||
	       (l1t_hook_state(L1T_HOOK_NESTED_FAILED) == L1T_HOOK_OK &&
		(l1t_isa() == L1T_ISA_VMX || L1T_SVM_TELLS_FAILED));
}

static void print_failed_count(char *line, const struct l1t_account *acct)
{
	if (failures_are_told(acct))
		snprintf(line, LINE_BYTES, "failed %llu", READ_ONCE(acct->l3_failed));
	else
		snprintf(line, LINE_BYTES, "failed unknown");
}

/* Reflected exits in no line: also those whose reason had no cell, and is not known. */
static u64 unkept(struct l1t_account *acct, struct l1t_l3 *l3)
{
	struct l1t_moment m;
	unsigned int i;
	u64 n;

	do {
		l1t_account_read_begin(acct, &m);
		n = acct->l3_exits_left;
		for (i = 0; l3 && i < l3->nr_trips; i++)
			if (l3->trips[i].key >= l1t_key(L1T_LEVEL3, 0))
				n -= l3->trips[i].reflected;
	} while (l1t_account_read_again(acct, &m));
	return n;
}

/* Exits of L3 for one reason: how many, and what became of those reflected. */
static void print_exits(char *line, struct l1t_account *acct, unsigned int cell)
{
	struct l1t_l3 *l3 = l3_of(acct);
	u32 key = l1t_account_key(acct, cell);
	struct l1t_trips trips = {};
	struct l1t_sample sum = {};
	struct l1t_moment m;
	unsigned int i;
	char name[32];

	if (l3) {
		do {
			l1t_account_read_begin(acct, &m);
			trips = (struct l1t_trips){};
			for (i = 0; i < l3->nr_trips; i++)
				if (l3->trips[i].key == key)
					trips = l3->trips[i];
		} while (l1t_account_read_again(acct, &m));
	}
	/* Read after the trips, so that there are never more of those than exits. */
	l1t_account_add_cell(acct, cell, &sum);
	l1t_slot_name(l1t_isa(), key % L1T_SLOTS, name, sizeof(name));
	snprintf(line, LINE_BYTES, "exits %s %llu %llu %llu %llu %llu", name, sum.count,
		 trips.reflected, trips.back, l1t_ticks_to_ns(trips.ticks), trips.l2_exits);
}

/* The cell of L3's reason @n, in the order of their first exits; -1: none. */
static int l3_cell(const struct l1t_account *acct, unsigned int n)
{
	unsigned int i, cells = l1t_account_cells(acct);

	for (i = 0; i < cells; i++)
		if (l1t_account_key(acct, i) >= l1t_key(L1T_LEVEL3, 0) && !n--)
			return i;
	return -1;
}

static bool print_line(char *line, unsigned int n, const void *arg)
{
	static const char * const offered[] = {
		[L1T_OFFERED_UNKNOWN] = "unknown",
		[L1T_OFFERED_NO] = "no",
		[L1T_OFFERED_YES] = "yes",
	};
	struct l1t_vcpu *v = ((const struct reader *)arg)->v;
	struct l1t_account *acct = &v->acct;
	struct l1t_l3 *l3 = l3_of(acct);
	int cell;

	switch (n) {
	case 0:
		snprintf(line, LINE_BYTES, "offered %s", offered[READ_ONCE(acct->l3_offered)]);
		return true;
	case 1:
		snprintf(line, LINE_BYTES, "state %s", l1t_nested_name(l1t_vcpu_nested(v)));
		return true;
	case 2:
		print_in_l3(line, l3, l1t_vcpu_nested(v));
		return true;
	case 3:
		snprintf(line, LINE_BYTES, "entries %llu", READ_ONCE(acct->l3_entries));
		return true;
	case 4:
		snprintf(line, LINE_BYTES, "paging %s", paging_name(l3));
		return true;
	case 5:
		print_failed_count(line, acct);
		return true;
	case 6:
		snprintf(line, LINE_BYTES, "unkept %llu", unkept(acct, l3));
		return true;
	}
	cell = l3_cell(acct, n - 7);
	if (cell < 0)
		return false;
	print_exits(line, acct, cell);
	return true;
}

/**
 * l1t_l3_read() - read from a vCPU's file "nested"
 * @v: the vCPU
 * @buf: buffer
 * @pos: offset in the file
 * @count: bytes wanted
 *
 * Context: may sleep.
 * Return: bytes read; 0 at the end.
 */
ssize_t l1t_l3_read(struct l1t_vcpu *v, char *buf, loff_t pos, size_t count)
{
	const struct reader reader = { v };
	char line[LINE_BYTES];

	return l1t_lines_read(buf, pos, count, line, sizeof(line), print_line, &reader);
}

/* Line @n: one kind each; the last line sums up those not recorded by kind. */
static bool get_failed(struct l1t_account *acct, unsigned int n, struct l1t_failed *f)
{
	const struct l1t_l3 *l3 = l3_of(acct);
	const struct l1t_failed *kinds = l3 ? l3->failed : &acct->l3_first;
	struct l1t_failed rest = {};
	struct l1t_moment m;
	unsigned int i, nr;

	do {
		l1t_account_read_begin(acct, &m);
		nr = l3 ? l3->nr_failed : !!acct->l3_first.count;
		rest.count = acct->l3_failed;
		for (i = 0; i < nr; i++)
			rest.count -= kinds[i].count;
		*f = n < nr ? kinds[n] : rest;
	} while (l1t_account_read_again(acct, &m));
	return n < nr || (n == nr && rest.count);
}

static bool print_failed(char *line, unsigned int n, const void *arg)
{
	const struct reader *reader = arg;
	struct l1t_failed f;

	if (!get_failed(&reader->v->acct, n, &f))
		return false;
	if (f.message)
		snprintf(line, FAILED_LINE_BYTES, "%llu %u %s", f.count, f.error,
			 l1t_l3_message(f.message));
	else
		snprintf(line, FAILED_LINE_BYTES, "%llu - other", f.count);
	return true;
}

/**
 * l1t_l3_read_failed() - read from a vCPU's file "nested_failed"
 * @v: the vCPU
 * @buf: buffer
 * @pos: offset in the file
 * @count: bytes wanted
 *
 * Context: may sleep.
 * Return: bytes read; 0 at the end.
 */
ssize_t l1t_l3_read_failed(struct l1t_vcpu *v, char *buf, loff_t pos, size_t count)
{
	const struct reader reader = { v };
	char line[FAILED_LINE_BYTES];

	return l1t_lines_read(buf, pos, count, line, sizeof(line), print_failed,
			      &reader);
}
