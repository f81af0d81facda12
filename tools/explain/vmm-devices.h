/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_VMM_DEVICES_H
#define L1TUNE_VMM_DEVICES_H

#include "explain/facts.h"

/* Devices of QEMU's command line that take its own threads CPU time, busy guest or not. */

/* A USB tablet that is, or may be, on a controller with a timer for each frame. */
bool has_polled_tablet(const struct facts *facts);
/* An HPET, which a PC of QEMU's has by default: it ticks whether the guest listens or not. */
bool has_hpet(const struct facts *facts);
/* User networking (SLIRP), which QEMU also has without an option for any network. */
bool has_user_network(const struct facts *facts);

/* What an I/O APIC of KVM's cannot serve: with on, QEMU or the guest's devices do not start. */
#define OR_SPLIT "split with -M microvm, an emulated IOMMU that remaps interrupts, or more than 255 vCPUs"

/* By its command line: has the guest a device of this machine (VFIO)? */
bool passes_devices_through(const struct facts *facts);

#endif
