// SPDX-License-Identifier: GPL-2.0
/* What happened between two snapshots. */
#include <string.h>

#include "base/util.h"
#include "model/cell.h"
#include "model/snapshot.h"

const struct guest_snapshot *
snapshot_find(const struct snapshot *snapshot,
	      const struct guest_snapshot *other, uint64_t loaded_ns)
{
	size_t i;

	if (snapshot->loaded_ns != loaded_ns)
		return NULL;
	for (i = 0; i < snapshot->num_guests; i++) {
		const struct guest *guest = &snapshot->guests[i].guest;

		if (guest->id == other->guest.id &&
		    guest->created_ns == other->guest.created_ns)
			return &snapshot->guests[i];
	}
	return NULL;
}

bool snapshot_can_subtract(const struct snapshot *a, const struct snapshot *b)
{
	size_t i;

	if (a->is_interval || b->is_interval || !*a->boot_id ||
	    strcmp(a->boot_id, b->boot_id) || !a->loaded_ns)
		return false;
	for (i = 0; i < b->num_guests; i++)
		if (snapshot_find(a, &b->guests[i], b->loaded_ns))
			return true;
	return false;
}

static void subtract_vcpus(const struct guest_snapshot *before,
			   const struct guest_snapshot *after,
			   struct guest_snapshot *diff)
{
	static const struct vcpu_snapshot none;
	size_t i, j = 0;

	diff->vcpus = xcalloc(after->num_vcpus, sizeof(*diff->vcpus));
	diff->num_vcpus = after->num_vcpus;
	for (i = 0; i < after->num_vcpus; i++) {
		uint64_t id = after->vcpus[i].id;
		const struct vcpu_snapshot *old;

		while (before && j < before->num_vcpus &&
		       before->vcpus[j].id < id)
			j++;
		old = before && j < before->num_vcpus && before->vcpus[j].id == id ?
		      &before->vcpus[j] : &none;
		diff->vcpus[i].id = id;
		exits_subtract(&old->stats, &after->vcpus[i].stats, &diff->vcpus[i].stats);
		l3_subtract(&old->l3, &after->vcpus[i].l3, &diff->vcpus[i].l3);
	}
}

/* A guest that was not there before is counted from its start. */
static void subtract_guest(const struct guest_snapshot *before, uint64_t begin_ns,
			   const struct guest_snapshot *after,
			   struct guest_snapshot *diff)
{
	static const struct exit_stats none;
	struct guest *guest = &diff->guest;

	*diff = *after;
	guest_copy(guest, &after->guest);
	if (before) {
		diff->interval_ns = sub_clamped(after->taken_ns,
						before->taken_ns);
		guest->exits = sub_clamped(guest->exits, before->guest.exits);
		guest->exit_time_ns = sub_clamped(guest->exit_time_ns,
						  before->guest.exit_time_ns);
		guest->guest_time_ns = sub_clamped(guest->guest_time_ns,
						   before->guest.guest_time_ns);
	}
	if (before)
		beside_subtract(&before->beside, &after->beside, &diff->beside);
	else
		beside_begin_at(begin_ns, &diff->beside);
	exits_subtract(before ? &before->stats : &none, &after->stats,
		       &diff->stats);
	subtract_vcpus(before, after, diff);
}

static uint64_t time_of(const struct snapshot *snapshot)
{
	return snapshot->time.tv_sec * NSEC_PER_SEC + snapshot->time.tv_nsec;
}

void snapshot_subtract(const struct snapshot *before,
		       const struct snapshot *after, struct snapshot *diff)
{
	size_t i;

	*diff = *after;
	diff->unread = NULL;
	diff->num_unread = 0;
	diff->is_interval = true;
	/* Another load may be of another boot, whose clock began anew. */
	diff->interval_ns = before->loaded_ns == after->loaded_ns ?
			    sub_clamped(after->taken_ns, before->taken_ns) :
			    sub_clamped(time_of(after), time_of(before));
	counted_tenants_subtract(before->loaded_ns == after->loaded_ns ?
				 &before->tenants : NULL, &after->tenants, &diff->tenants);
	diff->guests = xcalloc(after->num_guests, sizeof(*diff->guests));
	for (i = 0; i < after->num_guests; i++) {
		const struct guest_snapshot *guest = &after->guests[i];

		subtract_guest(snapshot_find(before, guest, after->loaded_ns),
			       before->taken_ns, guest, &diff->guests[i]);
	}
}
