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

#endif
