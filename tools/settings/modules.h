/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_MODULES_H
#define L1TUNE_MODULES_H

#include "base/env.h"

/*
 * Loads the module if it is not there, with its parameter gid if that is not
 * NULL, and KVM's module of this CPU. That KVM cannot be loaded is no failure:
 * limits that wait for it are reported. STATUS_OK, or another exit status after a
 * message.
 */
int load_modules(const struct env *env, const char *gid);

#endif
