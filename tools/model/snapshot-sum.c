// SPDX-License-Identifier: GPL-2.0
/* The sum of all guests of a snapshot, and the guest that a selector matches. */
#include <stdlib.h>

#include "base/error.h"
#include "base/util.h"
#include "model/cell.h"
#include "model/snapshot.h"

/* Without an interval each guest has a time of its own: no rates. */
static void start_sum(const struct snapshot *snapshot, const char *name,
		      struct guest_snapshot *sum)
{
	*sum = (struct guest_snapshot) {
		.guest.name = xstrdup(name),
		.guest.label = xstrdup(name),
		.taken_ns = snapshot->taken_ns,
		.interval_ns = snapshot->is_interval ? snapshot->interval_ns : 0,
	};
}

static void add_to_sum(struct guest_snapshot *sum, const struct guest_snapshot *snapshot)
{
	const struct guest *guest = &snapshot->guest;

	sum->guest.vcpus += guest->vcpus;
	sum->guest.memory_bytes += guest->memory_bytes;
	sum->guest.exits = add_saturated(sum->guest.exits, guest->exits);
	sum->guest.exit_time_ns = add_saturated(sum->guest.exit_time_ns,
						guest->exit_time_ns);
	sum->guest.guest_time_ns = add_saturated(sum->guest.guest_time_ns,
						 guest->guest_time_ns);
	exits_add(&sum->stats, &snapshot->stats);
}

void snapshot_sum(const struct snapshot *snapshot, struct guest_snapshot *sum)
{
	size_t i;

	start_sum(snapshot, "all", sum);
	for (i = 0; i < snapshot->num_guests; i++)
		add_to_sum(sum, &snapshot->guests[i]);
}

void snapshot_sum_some(const struct snapshot *snapshot,
		       const struct guest_snapshot *const *guests, size_t num,
		       const char *name, struct guest_snapshot *sum)
{
	size_t i;

	start_sum(snapshot, name, sum);
	for (i = 0; i < num; i++)
		add_to_sum(sum, guests[i]);
}

static int compare_busy(const void *a, const void *b)
{
	const struct guest_snapshot *x = *(const struct guest_snapshot *const *)a;
	const struct guest_snapshot *y = *(const struct guest_snapshot *const *)b;
	uint64_t busy_x = exits_busy_ns(&x->stats);
	uint64_t busy_y = exits_busy_ns(&y->stats);

	if (busy_x != busy_y)
		return busy_x > busy_y ? -1 : 1;
	return x->guest.id < y->guest.id ? -1 : 1;
}

const struct guest_snapshot **snapshot_by_busy(const struct snapshot *snapshot)
{
	const struct guest_snapshot **guests = xcalloc(snapshot->num_guests,
						       sizeof(*guests));
	size_t i;

	for (i = 0; i < snapshot->num_guests; i++)
		guests[i] = &snapshot->guests[i];
	qsort(guests, snapshot->num_guests, sizeof(*guests), compare_busy);
	return guests;
}

const struct guest_snapshot *snapshot_single(const struct snapshot *snapshot,
					     const struct selector *selector,
					     size_t *num)
{
	const struct guest_snapshot *alive = NULL, *ended = NULL;
	size_t num_alive = 0, num_ended = 0, i;

	for (i = 0; i < snapshot->num_guests; i++) {
		const struct guest_snapshot *guest = &snapshot->guests[i];

		if (selector && !selector_matches(selector, &guest->guest))
			continue;
		if (guest->is_ended) {
			ended = guest;
			num_ended++;
		} else {
			alive = guest;
			num_alive++;
		}
	}
	*num = num_alive > 1 || !num_ended ? num_alive : num_ended;
	return *num != 1 ? NULL : num_ended ? ended : alive;
}

bool snapshot_quota_ns(const struct guest_snapshot *guest, uint64_t *ns)
{
	const struct tally *quota = &guest->beside.quota;

	*ns = exits_part_ns(&guest->stats, PART_RUNQ);
	if (*ns > quota->ns)
		*ns = quota->ns;
	return quota->is_known && exits_are_split(&guest->stats);
}

int snapshot_check_single(const struct snapshot *snapshot, struct error *error)
{
	size_t num;

	return snapshot_single(snapshot, NULL, &num) ? STATUS_OK :
	       error_set(error, "%zu guests match, exactly one is needed: l1tune list shows them",
			 num);
}
