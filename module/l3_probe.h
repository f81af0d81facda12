/* SPDX-License-Identifier: GPL-2.0 */
/* Entries into L3 that KVM refuses. */
#ifndef L1TUNE_L3_PROBE_H
#define L1TUNE_L3_PROBE_H

#include <linux/types.h>

void l1t_probe_entry_failed(void *data, const char *message, u32 error);

#endif
