/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_L0_H
#define L1TUNE_L0_H

#include "doctor/doctor.h"

/* Is this WSL2, whose kernel and its command line Windows sets? */
bool l0_is_wsl(const struct doctor *doctor);

/* Is this the first domain of Xen, which is below it though the machine's hardware is its own? */
bool l0_is_xen_dom0(const struct doctor *doctor);

/* A machine of Hyper-V's that is known not to be Azure's. */
bool l0_is_hyperv(const struct doctor *doctor);

/* The hypervisor below, if it is one's own: how it offers VMX or SVM. */
void l0_check(struct doctor *doctor, bool all);

#endif
