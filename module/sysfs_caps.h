/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_SYSFS_CAPS_H
#define L1TUNE_SYSFS_CAPS_H

#include <linux/sysfs.h>

extern struct attribute_group l1t_caps_group;

void l1t_sysfs_caps_init(void);

#endif
