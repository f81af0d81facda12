// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: moves TIMES
 * A slot of a gigabyte, in whose place the address space of System Management Mode has
 * many small ones, moves by a page and back, TIMES times. Then prints how many bytes the
 * VM's slots have, and waits to be killed.
 */
#define _GNU_SOURCE
#include "kvm.h"

#define SMALL_SLOTS	64ul
#define BYTES		(1ul << 30)
#define SMM_SPACE	(1u << 16)

int main(int argc, char **argv)
{
	unsigned long times, i;
	void *small, *large;
	int vm;

	if (argc != 2)
		errx(2, "usage: moves TIMES");
	times = strtoul(argv[1], NULL, 10);
	vm = kvm_create_vm(kvm_open());
	small = allocate(SMALL_SLOTS * PAGE);
	large = allocate(BYTES);
	for (i = 0; i < SMALL_SLOTS; i++)
		kvm_set_slot(vm, SMM_SPACE + i, i * PAGE, PAGE, (char *)small + i * PAGE);
	for (i = 0; i <= times; i++)
		kvm_set_slot(vm, 0, i % 2 * PAGE, BYTES, large);
	printf("%lu\n", BYTES + SMALL_SLOTS * PAGE);
	fflush(stdout);
	pause();
	return 0;
}
