/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_RULES_ACCESS_H
#define L1TUNE_RULES_ACCESS_H

#include "explain/facts.h"

/* Whether it is worth to have the kernel count which ones they are. */
bool accesses_matter(const struct facts *facts);

/* Rules on what guests access; without a sample they do not know what it is. */
bool emulates_devices(const struct facts *facts, struct advice *advice);
bool kvm_emulates_devices(const struct facts *facts, struct advice *advice);
bool accesses_msrs(const struct facts *facts, struct advice *advice);

#endif
