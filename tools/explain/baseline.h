/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_BASELINE_H
#define L1TUNE_BASELINE_H

#include "explain/cause.h"

/* Has this type of machine a CPU baseline, above which L0 takes CPUs away? Known of EC2. */
enum answer has_cpu_baseline(const struct facts *facts, char **seen);

#endif
