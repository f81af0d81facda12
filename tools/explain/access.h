/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ACCESS_H
#define L1TUNE_ACCESS_H

#include "explain/sample.h"

/* Something of a PC that guests know by its ports, addresses or MSRs. */
struct known_access {
	enum access_kind kind;
	uint64_t first, last;
	const char *name;
	/* What makes a guest need it less; NULL if that is not known. */
	const char *change;
	/* KVM answers its reads, if it has an interrupt controller for the guest. */
	bool by_kvm;
};

/* What of a guest's accesses belongs together: a device, a page, a port, an MSR. */
struct access_group {
	enum access_kind kind;
	/* The lowest and highest that were seen. */
	uint64_t first, last;
	/* NULL if it is nothing that is known. */
	const struct known_access *known;
	/* In a second. */
	double reads, writes;
	/* Which of those the VMM served. */
	double by_vmm;
};

/* Of a guest, most often first; empty without a sample. */
struct access_groups {
	struct access_group *v;
	size_t num;
};

/* Those of a VMM, whichever of its guests did them: free v. */
struct access_groups access_groups(const struct sample *sample, uint64_t pid);

const char *access_kind_name(enum access_kind kind);

/* "port 0x3f8 to 0x3fd (first serial port)", a copy. */
char *access_text(const struct access_group *group);

/* How often in a second anything by address. */
double access_mmio(const struct access_groups *groups);

/* How often in a second MSRs of a range were written. */
double access_msr_writes(const struct access_groups *groups, uint64_t first,
			 uint64_t last);

#endif
