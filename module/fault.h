/* SPDX-License-Identifier: GPL-2.0 */
/* Exits in which KVM injects an exception, because it rejects what the guest did. */
#ifndef L1TUNE_FAULT_H
#define L1TUNE_FAULT_H

#include <linux/types.h>

#include "cfi.h"

#ifdef L1T_PROBES_TYPED
void l1t_probe_fault(void *data, unsigned int vector, bool has_error,
		     u32 error_code, bool reinjected);
#else
void l1t_probe_fault(void *data, unsigned int vector, bool has_error,
		     u32 error_code);
#endif

#endif
