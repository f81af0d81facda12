/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_FEATURE_H
#define L1TUNE_FEATURE_H

#include "explain/cause.h"

/*
 * Features of the CPU that L0 may offer and KVM, whose parameter says which ISA has
 * them, may not use. Yes: KVM could; no: it does, or L0 does not offer it.
 */
enum answer lacks_feature(const struct facts *facts, const char *feature,
			  const char *parameter, char **seen);
/* How to load KVM with it; a copy. */
char *use_feature(const struct facts *facts, const char *parameter);

/* The CPU cannot walk the guest's page tables: L0 offers neither EPT nor NPT. */
enum answer lacks_nested_paging(const struct facts *facts, char **seen);

/* Of two symptoms: the APIC's page, and its MSRs. */
enum answer lacks_apicv(const struct facts *facts, char **seen);
char *use_apicv(const struct facts *facts);
/* Does KVM use APICv, or AVIC? */
enum answer uses_apicv(const struct facts *facts, char **seen);

/* KVM switches it off for a VM, and not for others; no file says so. */
#define APICV_INHIBITED_HOW "perf record -e kvm:kvm_apicv_inhibit_changed -a while the guest starts: the reasons' numbers are in enum kvm_apicv_inhibit of the kernel"
#define APICV_INHIBITED_CHANGE "end what switches it off: AutoEOI of Hyper-V's interrupt controller (QEMU hv-synic without hv-apicv), a changed APIC ID or base, a debugger that blocks interrupts; with AVIC also a PIT that reinjects (QEMU -global kvm-pit.lost_tick_policy=discard; in other VMMs KVM_REINJECT_CONTROL) and guests inside the guest"

/* @first, and what APICv or AVIC could do besides, if anything; a copy. */
char *or_apicv(const struct facts *facts, const char *first);

/* How to access the local APIC other than by its page; a copy. */
char *avoid_apic_page(const struct facts *facts);

#endif
