/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_KVM_DIRECTORY_H
#define L1TUNE_KVM_DIRECTORY_H

#include "model/snapshot.h"

/*
 * KVM's directory of a guest in debugfs, a copy in *dir. 0, or -errno: -ENXIO if
 * there is none, -ENOTUNIQ if the process has several VMs and the guest's cannot be
 * recognised.
 */
int kvm_directory_find(const struct env *env, const struct guest_snapshot *guest,
		       char **dir);

#endif
