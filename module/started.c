// SPDX-License-Identifier: GPL-2.0
/*
 * Starts of guests since load. Living guests are read directly. When a guest ends, its
 * start is added to the sums of ended guests, and a short record of it is kept, see
 * kept.h.
 */
#include <linux/log2.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "event.h"
#include "kept.h"
#include "lines.h"
#include "started.h"
#include "totals.h"

#define MOST_RECORDS	256
#define LINE_BYTES	256

/* The start of a guest that ended. */
struct record {
	struct l1t_kept kept;
	u64 id;
	pid_t pid;
	uid_t uid;
	char comm[TASK_COMM_LEN];
	u64 created_ns;
	struct l1t_start_times times;
};

/* Protects what follows. Taken before the lock of the totals. */
static DEFINE_MUTEX(lock);
static LIST_HEAD(records);
static unsigned int nr_records;
static struct l1t_starts dead;

static void add_time(struct l1t_starts_hist *hist, u64 ns)
{
	unsigned int bucket = ns >> L1T_STARTS_SHIFT ?
			      ilog2(ns >> L1T_STARTS_SHIFT) + 1 : 0;

	hist->sum_ns += ns;
	hist->buckets[min(bucket, L1T_STARTS_BUCKETS - 1u)]++;
}

static void add_times(struct l1t_starts *sum, const struct l1t_start_times *times)
{
	u64 total_ns = 0;
	unsigned int i;

	sum->ended += times->state == L1T_START_ENDED;
	if (times->state != L1T_START_STARTED)
		return;
	for (i = 0; i < L1T_PHASES; i++) {
		total_ns += times->ns[i];
		if (times->has_entry)
			add_time(&sum->phases[i], times->ns[i]);
	}
	add_time(&sum->total, total_ns);
}

static void drop(struct record *r)
{
	l1t_kept_remove(&records, &r->kept);
	nr_records--;
	kfree(r);
}

/* If there is no memory, there is no record; the sums include it anyway. */
static void add_record(const struct l1t_guest *g, const struct l1t_start_times *times)
{
	struct record *r = kzalloc(sizeof(*r), GFP_KERNEL);

	if (!r)
		return;
	r->id = g->id;
	r->pid = g->pid;
	r->uid = from_kuid(&init_user_ns, g->cred->uid);
	r->kept.user = l1t_cred_outermost(g->cred);
	strscpy(r->comm, g->comm, sizeof(r->comm));
	r->created_ns = g->created_ns;
	r->times = *times;
	l1t_kept_add(&records, &r->kept);
	if (++nr_records > MOST_RECORDS)
		drop(container_of(l1t_kept_least_wanted(&records), struct record, kept));
}

static void add_to_tenant(struct l1t_tenant *t, const void *times)
{
	add_times(&t->started, times);
}

/* To the sums of all guests, and of the tenants that it belongs to. */
static void add_dead(struct l1t_guest *g, const struct l1t_start_times *times)
{
	add_times(&dead, times);
	raw_spin_lock(&l1t_lock);
	l1t_places_each(&g->places, add_to_tenant, times);
	raw_spin_unlock(&l1t_lock);
}

/**
 * l1t_started_keep() - record the start of a guest that has ended
 * @g: the guest; l1t_guest_retire() follows
 *
 * A guest that never had a vCPU is not recorded: VMMs create such VMs to query KVM's
 * capabilities.
 *
 * Context: devices workqueue.
 */
void l1t_started_keep(struct l1t_guest *g)
{
	struct l1t_start_times times = {};

	mutex_lock(&lock);
	g->start_kept = true;
	if (!list_empty(&g->vcpus)) {
		l1t_start_get_times(g, &times);
		add_dead(g, &times);
		if (times.state != L1T_START_UNKNOWN)
			add_record(g, &times);
	}
	mutex_unlock(&lock);
}

struct living {
	const struct l1t_tenant *tenant;
	struct l1t_starts *sum;
};

static void add_living(struct l1t_guest *g, void *arg)
{
	const struct living *living = arg;
	struct l1t_start_times times = {};

	if (g->start_kept || !l1t_places_are_of(&g->places, living->tenant))
		return;
	l1t_start_get_times(g, &times);
	if (times.state == L1T_START_STARTED)
		add_times(living->sum, &times);
}

/**
 * l1t_started_sum() - starts since load, of living and ended guests
 * @tenant: only those of this tenant or pattern; NULL: all
 * @sum: filled in
 *
 * Context: may sleep.
 */
void l1t_started_sum(const struct l1t_tenant *tenant, struct l1t_starts *sum)
{
	struct living living = { .tenant = tenant, .sum = sum };

	mutex_lock(&lock);
	*sum = tenant ? tenant->started : dead;
	l1t_guests_walk(add_living, &living);
	mutex_unlock(&lock);
}

static const struct record *nth_record(unsigned int n)
{
	const struct record *r;

	list_for_each_entry(r, &records, kept.link)
		if (!n--)
			return r;
	return NULL;
}

static bool print_line(char *line, unsigned int n, const void *unused)
{
	const struct record *r = nth_record(n);
	char comm[L1T_COMM_ESCAPED];
	unsigned int i;
	int len;

	if (!r)
		return false;
	l1t_escape_comm(r->comm, comm);
	len = scnprintf(line, LINE_BYTES, "id=%llu pid=%d uid=%u created_ns=%llu state=%s",
			r->id, r->pid, r->uid, r->created_ns,
			l1t_start_state_names[r->times.state]);
	for (i = 0; i < r->times.nr; i++)
		if (i != L1T_PHASE_ENTRY || r->times.has_entry)
			len += scnprintf(line + len, LINE_BYTES - len, " %s_ns=%llu",
					 l1t_phase_names[i], r->times.ns[i]);
	scnprintf(line + len, LINE_BYTES - len, " comm=%s", comm);
	return true;
}

/**
 * l1t_started_read() - read the records
 * @buf: buffer
 * @pos: offset in the text
 * @count: bytes wanted
 *
 * Between two reads older records may be dropped.
 *
 * Context: may sleep.
 * Return: bytes read; 0 at the end.
 */
ssize_t l1t_started_read(char *buf, loff_t pos, size_t count)
{
	char line[LINE_BYTES];
	ssize_t len;

	mutex_lock(&lock);
	len = l1t_lines_read(buf, pos, count, line, sizeof(line), print_line, NULL);
	mutex_unlock(&lock);
	return len;
}

/**
 * l1t_started_stop() - free all records
 *
 * Context: no guest is left, and none can be created.
 */
void l1t_started_stop(void)
{
	struct record *r, *next;

	mutex_lock(&lock);
	list_for_each_entry_safe(r, next, &records, kept.link)
		drop(r);
	mutex_unlock(&lock);
}
