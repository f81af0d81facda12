/* SPDX-License-Identifier: GPL-2.0 */
/* The files of a vCPU about its L3. */
#ifndef L1TUNE_L3_VIEW_H
#define L1TUNE_L3_VIEW_H

#include "guest.h"

ssize_t l1t_l3_read(struct l1t_vcpu *v, char *buf, loff_t pos, size_t count);
ssize_t l1t_l3_read_failed(struct l1t_vcpu *v, char *buf, loff_t pos, size_t count);

#endif
