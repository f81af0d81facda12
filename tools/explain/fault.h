/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_FAULT_H
#define L1TUNE_FAULT_H

#include "explain/load.h"

/*
 * A fault of the nested page tables is for memory, or an access to a device by
 * its address: exits alone do not tell which.
 */

/* Those that are not known to be accesses: an upper bound. */
struct load memory_faults(const struct facts *facts);

/*
 * Accesses among them; where nothing tells, all faults on CPUs on which each
 * access is one.
 */
struct load device_faults(const struct facts *facts);

/* Does a count of KVM's or a sample tell the two kinds apart? */
bool faults_are_told_apart(const struct facts *facts);

#endif
