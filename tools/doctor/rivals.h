/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_RIVALS_H
#define L1TUNE_RIVALS_H

#include "doctor/doctor.h"

/* The row kvm where KVM is not loaded: may another hypervisor keep it from that? */
void rivals_add_unloaded(struct doctor *doctor);

#endif
