/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_HLT_EXITS_H
#define L1TUNE_HLT_EXITS_H

/*
 * Why L0 enters no guest of this machine whose HLT does not exit, by its /sys; NULL if
 * it is not known to refuse. KVM lets a VMM switch these exits off even then.
 */
const char *hlt_exits_why_needed(const char *sysfs);

#endif
