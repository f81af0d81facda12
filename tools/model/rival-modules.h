/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_RIVAL_MODULES_H
#define L1TUNE_RIVAL_MODULES_H

/* Whose modules these are. */
#define RIVAL_HYPERVISORS	"VirtualBox, VMware, HAXM, Bareflank and Jailhouse"

/*
 * "vboxdrv vmmon": modules of other hypervisors that are loaded, by the tree that stands
 * for /sys, in the order in which they can be unloaded. Empty if there are none; to be
 * freed.
 */
char *rival_modules(const char *sysfs);

#endif
