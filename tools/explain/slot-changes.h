/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_SLOT_CHANGES_H
#define L1TUNE_SLOT_CHANGES_H

#include "explain/cause.h"

/* A clue: does KVM forget what is mapped because the VMM removes or moves memory slots? */
enum answer drops_with_slots(const struct facts *facts, char **seen);

#endif
