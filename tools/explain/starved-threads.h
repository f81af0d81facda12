/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_STARVED_THREADS_H
#define L1TUNE_STARVED_THREADS_H

#include "explain/facts.h"

/*
 * For how long the threads of a VMM that now run no vCPU have waited for a CPU, in ns; false
 * if that is not known. Only a difference within a short time is of the same threads.
 */
bool starved_threads_read(const struct facts *facts, uint64_t *waited_ns);

#endif
