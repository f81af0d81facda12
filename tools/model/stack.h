/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_STACK_H
#define L1TUNE_STACK_H

#include <stdint.h>

#include "base/env.h"

/*
 * Where a thread is in the kernel, innermost first, functions with spaces between;
 * a copy, empty if it runs in user space. NULL with errno where that is not known.
 */
char *stack_read(const struct env *env, uint64_t pid, uint64_t tid);

#endif
