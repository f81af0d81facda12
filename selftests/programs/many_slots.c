// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: many_slots SLOTS
 *        many_slots seconds SECONDS
 *        many_slots moving SLOTS
 * Adds memory slots to a VM, and prints what one costs among the first hundred
 * and among the last hundred, "first N" and "last N" in ns. With "seconds"
 * changes a slot's flags for SECONDS, and prints "changes N" and "worst N" (ns).
 * With "moving" adds so many of a page each, prints "moving", and removes and adds
 * the last one until it is killed.
 */
#define _GNU_SOURCE
#include "kvm.h"

#define BLOCK	100

static int vm;
static void *page;

static uint64_t add_block(uint32_t from)
{
	uint64_t start = now_ns();
	uint32_t i;

	for (i = from; i < from + BLOCK; i++)
		kvm_set_slot(vm, i, (uint64_t)i * 2 * PAGE, PAGE, page);
	return (now_ns() - start) / BLOCK;
}

static void delete_block(uint32_t from)
{
	uint32_t i;

	for (i = from; i < from + BLOCK; i++)
		kvm_set_slot(vm, i, 0, 0, NULL);
}

/* The least of several tries, to exclude what other work on the machine costs. */
static uint64_t least_cost(uint32_t from)
{
	uint64_t least = -1ull, cost;
	int try;

	for (try = 0; try < 5; try++) {
		cost = add_block(from);
		if (cost < least)
			least = cost;
		delete_block(from);
	}
	return least;
}

static void add_many(uint32_t slots)
{
	uint64_t first;
	uint32_t i;

	first = least_cost(0);
	for (i = 0; i + BLOCK < slots; i++)
		kvm_set_slot(vm, i, (uint64_t)i * 2 * PAGE, PAGE, page);
	printf("first %lu\nlast %lu\n", first, least_cost(slots - BLOCK));
}

static void change_for(unsigned int seconds)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = PAGE,
		.userspace_addr = (uintptr_t)page,
	};
	uint64_t start = now_ns(), before = start, now, worst = 0;
	long changes = 0;

	while (before - start < seconds * 1000000000ull) {
		region.flags ^= KVM_MEM_LOG_DIRTY_PAGES;
		if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
			err(1, "change");
		now = now_ns();
		if (now - before > worst)
			worst = now - before;
		before = now;
		changes++;
	}
	printf("changes %ld\nworst %lu\n", changes, worst);
}

static void move_one(uint32_t slots)
{
	const uint32_t last = slots - 1;
	uint32_t i;

	for (i = 0; i < slots; i++)
		kvm_set_slot(vm, i, (uint64_t)i * 2 * PAGE, PAGE, page);
	puts("moving");
	fflush(stdout);
	for (;;) {
		kvm_set_slot(vm, last, 0, 0, NULL);
		kvm_set_slot(vm, last, (uint64_t)last * 2 * PAGE, PAGE, page);
	}
}

int main(int argc, char **argv)
{
	vm = kvm_create_vm(kvm_open());
	page = allocate(PAGE);
	if (argc == 2)
		add_many(atoi(argv[1]));
	else if (argc == 3 && !strcmp(argv[1], "seconds"))
		change_for(atoi(argv[2]));
	else if (argc == 3 && !strcmp(argv[1], "moving"))
		move_one(atoi(argv[2]));
	else
		errx(2, "usage: many_slots SLOTS | many_slots seconds SECONDS | many_slots moving SLOTS");
	return 0;
}
