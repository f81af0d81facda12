/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_PROBE_MET_H
#define L1TUNE_PROBE_MET_H

#include "model/gone.h"
#include "probe/probe.h"

/*
 * The row of a promise that l1tune probe found broken and that explains what KVM
 * refused a guest last; -1 if there is none.
 */
int probe_met(const struct probe *probe, const struct gone_refused *refused);

#endif
