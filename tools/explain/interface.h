/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_INTERFACE_H
#define L1TUNE_INTERFACE_H

#include "explain/facts.h"

/*
 * Which hypervisor's interface a guest uses. Its clocks and timers are cured by
 * that, and not by its system: Linux takes Hyper-V's where it is offered.
 */
enum interface { INTERFACE_UNKNOWN, INTERFACE_HYPERV, INTERFACE_KVM };

/* Says in *why what it was told by, or why it is not known: a copy. */
enum interface interface_of(const struct facts *facts, char **why);

/* Does the VMM offer one of Hyper-V's properties: "time", "" for any? */
bool offers_hyperv(const struct facts *facts, const char *property);

#endif
