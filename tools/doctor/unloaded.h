/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_UNLOADED_H
#define L1TUNE_UNLOADED_H

#include "doctor/doctor.h"

/* Adds the row kvm of a machine whose CPU is ready, and whose KVM is not loaded: why that may be. */
void unloaded_add_row(struct doctor *doctor);

#endif
