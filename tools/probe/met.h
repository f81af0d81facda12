/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_PROBE_MET_H
#define L1TUNE_PROBE_MET_H

#include "model/gone.h"
#include "probe/probe.h"

/*
 * The row of a promise that is broken here, by what l1tune probe found, and that
 * a guest met with what KVM refused it last; -1 if there is none.
 */
int probe_met(const struct probe *probe, const struct gone_refused *refused);

#endif
