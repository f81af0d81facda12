// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "model/memory.h"
#include "model/memslots.h"

static uint64_t size_of(const struct mapping *mapping)
{
	return mapping->end - mapping->start;
}

/* Bytes of the guest's slots that are in a mapping. */
static uint64_t bytes_in(const struct mapping *mapping, const struct memslots *slots)
{
	uint64_t bytes = 0, start, end;
	size_t i;

	for (i = 0; i < slots->num; i++) {
		const struct memslot *slot = &slots->v[i];

		start = slot->hva > mapping->start ? slot->hva : mapping->start;
		end = slot->hva + slot->bytes < mapping->end ?
		      slot->hva + slot->bytes : mapping->end;
		bytes += sub_clamped(end, start);
	}
	return bytes;
}

/*
 * Without the slots the guest's is the largest mapping that is not larger than
 * its memory may be: others that large are reserved and not used. If the process
 * has several VMs, that may be another's.
 */
static uint64_t bytes_by_size(const struct mapping *mapping, uint64_t guest_bytes)
{
	uint64_t bytes = size_of(mapping);

	return mapping->is_writable && bytes <= 2 * guest_bytes ? bytes : 0;
}

/* An incomplete list of slots is not used. */
static void add_slots(const struct memslots *slots, struct guest_memory *memory)
{
	size_t i;

	for (i = 0; i < slots->num && !slots->has_more; i++) {
		memory->slot_bytes = add_saturated(memory->slot_bytes, slots->v[i].bytes);
		if (slots->v[i].is_logged)
			memory->logged_bytes = add_saturated(memory->logged_bytes,
							     slots->v[i].bytes);
		if (slots->v[i].is_private)
			memory->private_bytes = add_saturated(memory->private_bytes,
							      slots->v[i].bytes);
		if (memslot_is_misaligned(&slots->v[i]))
			memory->misaligned_bytes = add_saturated(memory->misaligned_bytes,
								 slots->v[i].bytes);
	}
}

/* A guest may have its memory in several mappings: nodes, modules, a disk image as pmem. */
static void add_mapping(const struct mapping *mapping, uint64_t bytes,
			struct guest_memory *memory)
{
	memory->swapped_bytes = add_saturated(memory->swapped_bytes, mapping->swapped_bytes);
	if (mapping->backing == BACKING_FILE)
		memory->file_bytes = add_saturated(memory->file_bytes, bytes);
	memory->is_watched |= mapping->is_watched;
	memory->is_served |= mapping->is_served;
	memory->is_mergeable |= mapping->is_mergeable;
}

/* The mapping that has most of the guest's memory, and what all of them have together. */
static void find_memory(const struct env *env, const struct guest *guest,
			const struct mapping *mappings, size_t num,
			struct guest_memory *memory)
{
	struct memslots slots = { };
	uint64_t most = 0;
	size_t i;

	/* Without the module's there are none, and in a replay those of now are not those of then. */
	if (!env->past)
		memslots_read(env, guest->id, &slots);
	add_slots(&slots, memory);
	for (i = 0; i < num; i++) {
		uint64_t bytes = slots.num ? bytes_in(&mappings[i], &slots) :
				 bytes_by_size(&mappings[i], guest->memory_bytes);

		if (slots.num && bytes)
			add_mapping(&mappings[i], bytes, memory);
		if (bytes <= most)
			continue;
		most = bytes;
		memory->mapping = mappings[i];
	}
	if (!slots.num)
		add_mapping(&memory->mapping, most, memory);
	memslots_free(&slots);
}

/* What the VMM has mapped there is for what the guest shares with it: nothing of it applies. */
static void leave_to_guest_memfd(struct guest_memory *memory)
{
	memory->mapping = (struct mapping){
		.start = memory->mapping.start, .end = memory->mapping.end,
		.backing = BACKING_GUEST_MEMFD,
	};
	memory->swapped_bytes = memory->file_bytes = 0;
	memory->is_watched = memory->is_served = memory->is_mergeable = false;
	memory->is_disabled = false;
}

void guest_memory_read(const struct env *env, const struct guest *guest,
		       struct guest_memory *memory)
{
	struct mapping *mappings;
	size_t num;
	int err = mappings_read(env, guest->pid, &mappings, &num);

	*memory = (struct guest_memory){ };
	find_memory(env, guest, mappings, num, memory);
	free(mappings);
	if (!err) {
		memory->is_disabled = mappings_are_disabled(env, guest->pid);
		if (!size_of(&memory->mapping))
			err = -ENODATA;
	}
	if (memory->private_bytes > memory->slot_bytes / 2)
		leave_to_guest_memfd(memory);
	memory->err = err;
	memory->is_read = true;
}

char *backing_text(const struct guest_memory *memory)
{
	const struct mapping *mapping = &memory->mapping;
	const char *name = backing_names[mapping->backing];

	return *mapping->path && mapping->backing != BACKING_HUGETLB ?
	       xasprintf("%s, %s%s", name, mapping->path,
			 mapping_is_private_file(mapping) ? ", mapped privately" : "") :
	       xstrdup(name);
}
