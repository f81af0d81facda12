/* SPDX-License-Identifier: GPL-2.0 */
/* Kernels that check the type of functions that are called by pointer (kCFI). */
#ifndef L1TUNE_CFI_H
#define L1TUNE_CFI_H

#include <linux/types.h>

/*
 * There the probes take all arguments of their tracepoint. Elsewhere they take only
 * what they need, which is the same on more kernels.
 */
#if defined(CONFIG_CFI) || defined(CONFIG_CFI_CLANG)
#define L1T_PROBES_TYPED

bool l1t_cfi_fits(const char *name, const void *probe, const char *module);
#else
static inline bool l1t_cfi_fits(const char *name, const void *probe,
				const char *module)
{
	return true;
}
#endif

#endif
