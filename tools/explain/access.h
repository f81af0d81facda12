/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ACCESS_H
#define L1TUNE_ACCESS_H

#include "explain/sample.h"
#include "model/snapshot.h"

/* What has the same cure. */
enum access_class {
	/* What has no name here. */
	ACCESS_UNKNOWN,
	/* Devices. */
	ACCESS_CLOCK, ACCESS_RTC, ACCESS_SERIAL, ACCESS_DISPLAY, ACCESS_DISK,
	ACCESS_INPUT, ACCESS_PCI, ACCESS_FIRMWARE, ACCESS_PIC, ACCESS_IO_APIC,
	ACCESS_APIC_PAGE, ACCESS_DELAY, ACCESS_LEGACY, ACCESS_VIRTIO_IRQ, ACCESS_IOMMU,
	ACCESS_ACPI,
	/* MSRs. */
	ACCESS_TIMER, ACCESS_IPI, ACCESS_EOI, ACCESS_HYPERV_EOI, ACCESS_APICV,
	ACCESS_CLOCK_MSR, ACCESS_REFERENCE, ACCESS_SPECULATION, ACCESS_PMU, ACCESS_BRANCHES,
	ACCESS_MODE, ACCESS_STATE, ACCESS_HYPERVISOR, ACCESS_MESSAGE, ACCESS_PAGE_READY,
	ACCESS_SENSOR, ACCESS_NAMED_MSR,
};

#define BIT_OF(class)	(1ULL << (class))

/* Something of a PC that guests know by its ports, addresses or MSRs. */
struct known_access {
	enum access_kind kind;
	uint64_t first, last;
	const char *name;
	enum access_class class;
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

/* A guest's accesses, the most frequent first; empty without a sample. */
struct access_groups {
	struct access_group *v;
	size_t num;
};

/* Those of the threads that run a guest's vCPUs: free v. */
struct access_groups access_groups(const struct sample *sample,
				   const struct guest_snapshot *guest);

const char *access_kind_name(enum access_kind kind);

/* "port 0x3f8 to 0x3fd (first serial port)", a copy. */
char *access_text(const struct access_group *group);

/* What class it is of; ACCESS_UNKNOWN of what has no name. */
enum access_class access_class(const struct access_group *group);

/* How often in a second something of these classes, a BIT_OF() each. */
double access_rate(const struct access_groups *groups, uint64_t classes);

/* How often in a second anything by address. */
double access_mmio(const struct access_groups *groups);

/* How often in a second an MSR of a range. */
double access_msrs(const struct access_groups *groups, uint64_t first,
		   uint64_t last);

#endif
