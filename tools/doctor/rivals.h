/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_RIVALS_H
#define L1TUNE_RIVALS_H

#include "doctor/doctor.h"

/* Adds the row kvm where KVM is not loaded, and another hypervisor may keep it from that. */
bool rivals_add_unloaded(struct doctor *doctor);

#endif
