/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_EXCEPTION_H
#define L1TUNE_EXCEPTION_H

#include <stdint.h>

/* "#GP" of 13. */
const char *exception_name(uint64_t vector);

#endif
