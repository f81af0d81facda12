/* SPDX-License-Identifier: GPL-2.0 */
/* Failed VMX instructions of a guest's own hypervisor, by error number. */
#ifndef L1TUNE_VMFAIL_H
#define L1TUNE_VMFAIL_H

#include "attach.h"
#include "guest.h"

extern struct l1t_optional l1t_vmfail[2];

ssize_t l1t_vmfail_read(struct l1t_vcpu *v, char *buf, loff_t pos, size_t count);

#endif
