// SPDX-License-Identifier: GPL-2.0
/*
 * What can be collapsed of a guest's memory, by its slots and by the mappings
 * that they are in. KVM maps 2 MB at once only where a slot's guest-physical and
 * host-virtual addresses agree modulo 2 MB.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "settings/collapse-plan.h"

const struct fate collapse_fates[NUM_FATES] = {
	[FATE_COLLAPSED] = { "collapsed", "collapsed into 2M pages" },
	[FATE_POSSIBLE] = { "possible", "can be collapsed" },
	[FATE_HUGE] = { "huge", "already in huge pages" },
	[FATE_EDGE] = { "edge", "less than an aligned 2M of a slot or mapping" },
	[FATE_MISALIGNED] = { "misaligned", "guest and VMM addresses differ modulo 2M: KVM can only map 4K pages; the VMM must align its memory" },
	[FATE_LOGGED] = { "dirty_log", "the VMM logs dirty pages (migration, snapshot): KVM maps 4K pages meanwhile" },
	[FATE_WATCHED] = { "userfaultfd", "registered with a userfaultfd: the VMM handles it in pages" },
	[FATE_ADVISED] = { "nohugepage", "the VMM forbids huge pages here (MADV_NOHUGEPAGE)" },
	[FATE_DISABLED] = { "disabled", "the VMM may have no huge pages (PR_SET_THP_DISABLE)" },
	[FATE_FILE] = { "file", "mapped from a file on a disk: the kernel keeps it in 4K pages" },
	[FATE_PRIVATE_FILE] = { "private_file", "a private mapping of a file: the kernel keeps it in 4K pages" },
	[FATE_OFFSET] = { "offset", "offset in the file and VMM address differ modulo 2M: the VMM must align its mapping" },
	[FATE_DEVICE] = { "device", "memory of a device" },
	[FATE_UNMAPPED] = { "unmapped", "not mapped in the VMM" },
	[FATE_ABSENT] = { "absent", "not all pages are there (balloon, or not used yet): not filled" },
	[FATE_SWAPPED] = { "swapped", "some pages are in swap: not read back" },
	[FATE_SHARED] = { "shared", "some pages are shared (KSM, zero page, fork): not copied" },
	[FATE_UNREADABLE] = { "unreadable", "its pages cannot be checked in /proc/PID/pagemap" },
	[FATE_PINNED] = { "pinned", "some pages are pinned or locked (VFIO, io_uring, vmsplice)" },
	[FATE_NO_HUGE_PAGE] = { "no_huge_page", "the kernel has no free 2M page" },
	[FATE_NO_CHARGE] = { "no_charge", "memory.max of the VMM's cgroup allows no 2M page" },
	[FATE_REFUSED] = { "refused", "refused by the kernel (read-only after a fork, or the mapping changed)" },
};

static uint64_t round_up(uint64_t address)
{
	return (address + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
}

static uint64_t round_down(uint64_t address)
{
	return address & ~(HUGE_BYTES - 1);
}

static bool is_congruent(uint64_t a, uint64_t b)
{
	return !((a ^ b) & (HUGE_BYTES - 1));
}

static bool is_all_huge(const struct mapping *m)
{
	uint64_t start = round_up(m->start), end = round_down(m->end);

	return end > start && m->huge_bytes >= end - start;
}

static enum collapse_fate fate_of(const struct memslot *slot,
				  const struct mapping *m, bool is_disabled)
{
	if (m->backing == BACKING_HUGETLB)
		return FATE_HUGE;
	if (m->is_device)
		return FATE_DEVICE;
	if (mapping_is_private_file(m))
		return FATE_PRIVATE_FILE;
	if (m->backing == BACKING_FILE)
		return FATE_FILE;
	if (m->is_watched)
		return FATE_WATCHED;
	/* Firmware, ROMs and the like: no alignment helps those. */
	if (slot->bytes < HUGE_BYTES)
		return FATE_EDGE;
	if (memslot_is_misaligned(slot))
		return FATE_MISALIGNED;
	if (slot->is_logged)
		return FATE_LOGGED;
	if (m->is_refused)
		return FATE_ADVISED;
	if (is_disabled)
		return FATE_DISABLED;
	if (m->backing != BACKING_ANONYMOUS && !is_congruent(m->offset, m->start))
		return FATE_OFFSET;
	return is_all_huge(m) ? FATE_HUGE : FATE_POSSIBLE;
}

static void add(struct collapse_plan *plan, uint64_t start, uint64_t end,
		enum backing backing, enum collapse_fate fate)
{
	if (start < end)
		*GROW(plan->v, plan->num) =
			(struct collapse_span){ start, end, backing, fate };
}

static void add_part(struct collapse_plan *plan, uint64_t start, uint64_t end,
		     enum backing backing, enum collapse_fate fate)
{
	uint64_t first = round_up(start), last = round_down(end);

	if (fate != FATE_POSSIBLE) {
		add(plan, start, end, backing, fate);
	} else if (first >= last) {
		add(plan, start, end, backing, FATE_EDGE);
	} else {
		add(plan, start, first, backing, FATE_EDGE);
		add(plan, first, last, backing, FATE_POSSIBLE);
		add(plan, last, end, backing, FATE_EDGE);
	}
}

static void add_slot(struct collapse_plan *plan, const struct memslot *slot,
		     const struct mapping *mappings, size_t num, bool is_disabled)
{
	uint64_t at = slot->hva, end = slot->hva + slot->bytes;
	size_t i;

	for (i = 0; i < num && at < end; i++) {
		const struct mapping *m = &mappings[i];
		uint64_t stop = m->end < end ? m->end : end;

		if (m->end <= at || m->start >= end)
			continue;
		if (m->start > at) {
			add(plan, at, m->start, BACKING_ANONYMOUS, FATE_UNMAPPED);
			at = m->start;
		}
		add_part(plan, at, stop, m->backing,
			 fate_of(slot, m, is_disabled));
		at = stop;
	}
	add(plan, at, end, BACKING_ANONYMOUS, FATE_UNMAPPED);
}

static int compare(const void *a, const void *b)
{
	const struct collapse_span *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Two slots may have the same memory: it is visited once. */
static void drop_overlaps(struct collapse_plan *plan)
{
	uint64_t done = 0;
	size_t i;

	if (plan->num)
		qsort(plan->v, plan->num, sizeof(*plan->v), compare);
	for (i = 0; i < plan->num; i++) {
		struct collapse_span *span = &plan->v[i];

		if (span->fate != FATE_POSSIBLE)
			continue;
		if (span->start < done)
			span->start = done < span->end ? done : span->end;
		if (span->end > done)
			done = span->end;
	}
}

static int complain_slots(const struct env *env, const struct guest *guest, int err)
{
	char *file = xasprintf("l2-%llu/memslots", (unsigned long long)guest->id);
	int status = STATUS_FAILED;

	switch (err) {
	case -EAGAIN:
		complain("the memory slots of %s keep changing: try again later",
			 guest->name);
		break;
	case -ENODATA:
		complain("%s has no vCPU, so its memory slots are not known",
			 guest->name);
		break;
	case -ENOENT:
		status = env_complain_older(env, file);
		break;
	default:
		status = env_complain(env, file, err);
	}
	free(file);
	return status;
}

static int read_slots(const struct env *env, const struct guest *guest,
		      struct memslots *slots)
{
	int err = memslots_read(env, guest->id, slots);

	return err ? complain_slots(env, guest, err) : STATUS_OK;
}

int collapse_plan(const struct env *env, const struct guest *guest,
		  struct collapse_plan *plan)
{
	struct memslots slots = { };
	struct mapping *mappings;
	size_t num, i;
	int status = read_slots(env, guest, &slots), err;
	bool is_disabled;

	*plan = (struct collapse_plan){ .has_more = slots.has_more };
	if (status != STATUS_OK)
		return status;
	err = mappings_read(env, guest->pid, &mappings, &num);
	if (err) {
		complain("%s/%llu/smaps: %s: the backing of the memory of %s is not known",
			 env->proc, (unsigned long long)guest->pid,
			 env_why_not(env, err), guest->name);
		status = err == -EACCES || err == -EPERM ? STATUS_NOT_PERMITTED :
							   STATUS_FAILED;
	}
	is_disabled = mappings_are_disabled(env, guest->pid);
	for (i = 0; i < slots.num && !err; i++)
		if (!slots.v[i].space)
			add_slot(plan, &slots.v[i], mappings, num, is_disabled);
	drop_overlaps(plan);
	free(mappings);
	memslots_free(&slots);
	return status;
}

void collapse_plan_free(struct collapse_plan *plan)
{
	free(plan->v);
	*plan = (struct collapse_plan){ };
}
