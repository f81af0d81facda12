/* SPDX-License-Identifier: GPL-2.0 */
/* Guests as devices. */
#ifndef L1TUNE_DEVICE_H
#define L1TUNE_DEVICE_H

#include "guest.h"

void l1t_device_changed(struct l1t_guest *g);
void l1t_devices_update(bool delay);
int l1t_devices_init(void);
void l1t_devices_exit(void);

#endif
