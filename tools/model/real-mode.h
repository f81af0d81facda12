/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_REAL_MODE_H
#define L1TUNE_REAL_MODE_H

/*
 * Does KVM run a guest's real mode as it is, which VMX calls an unrestricted guest? Not known
 * of another ISA or machine, nor without the module.
 */
enum real_mode { REAL_MODE_UNKNOWN, REAL_MODE_RUN, REAL_MODE_NOT_OFFERED, REAL_MODE_NOT_USED };

enum real_mode real_mode_of(const char *sysfs);

#endif
