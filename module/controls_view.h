/* SPDX-License-Identifier: GPL-2.0 */
/* The file "nested_controls" of a vCPU: the controls of its own VMCS or VMCB. */
#ifndef L1TUNE_CONTROLS_VIEW_H
#define L1TUNE_CONTROLS_VIEW_H

#include "guest.h"

ssize_t l1t_controls_read(struct l1t_vcpu *v, char *buf, loff_t pos, size_t count);

#endif
