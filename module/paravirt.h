/* SPDX-License-Identifier: GPL-2.0 */
/* The file of a vCPU about KVM's paravirtual interface. */
#ifndef L1TUNE_PARAVIRT_H
#define L1TUNE_PARAVIRT_H

#include "guest.h"

ssize_t l1t_paravirt_read(struct l1t_vcpu *v, char *buf, loff_t pos, size_t count);

#endif
