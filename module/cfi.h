/* SPDX-License-Identifier: GPL-2.0 */
/* Types of probes, for kernels that check the type of a function called by pointer (kCFI). */
#ifndef L1TUNE_CFI_H
#define L1TUNE_CFI_H

#include <linux/types.h>

/*
 * With kCFI a probe takes all arguments of its tracepoint. Otherwise it takes only those
 * that it needs, which are the same on more kernels.
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
