/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_DEVICE_H
#define L1TUNE_DEVICE_H

#include "doctor/doctor.h"
#include "doctor/trial.h"

/* The rows kvm and trial: is /dev/kvm there, may this user open it, does it work? */
void device_check(struct doctor *doctor, struct trial *trial);

/* Has KVM registered its device with the kernel, whether or not this system has a node of it? */
bool device_is_registered(const struct doctor *doctor);

#endif
