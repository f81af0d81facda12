/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_BASELINE_H
#define L1TUNE_BASELINE_H

#include "explain/cause.h"

/* Has this type of machine a CPU baseline, above which L0 takes CPUs away? Known of EC2. */
enum answer has_cpu_baseline(const struct facts *facts, char **seen);

#define NO_BASELINE	"an instance type without a baseline (no -flex, no T type), or fewer vCPUs busy at a time"
#define NOT_SHARED	"nothing on this machine: use one whose CPUs are not shared or limited by L0 (on EC2 a dedicated host; elsewhere ask whoever runs L0 about CPU shares, quotas and pinning), or fewer vCPUs busy at a time"

#endif
