/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_PERMISSION_H
#define L1TUNE_PERMISSION_H

#include "doctor/doctor.h"

/* The row kvm: why this user may not open KVM's device, and what would let the user in. */
void permission_add_row(struct doctor *doctor, const char *path, int err);

#endif
