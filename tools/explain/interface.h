/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_INTERFACE_H
#define L1TUNE_INTERFACE_H

#include "explain/cause.h"
#include "explain/facts.h"

/*
 * Which hypervisor's interface a guest uses: its clocks and timers are cured by that.
 * Where only the VMM's command line tells, it is offered, and another may be used.
 */
enum interface {
	INTERFACE_UNKNOWN, INTERFACE_HYPERV, INTERFACE_HYPERV_OFFERED, INTERFACE_KVM,
};

/* Says in *why what it was told by, or why it is not known: a copy. */
enum interface interface_of(const struct facts *facts, char **why);

/* Is it Hyper-V's, or likely so, as that is offered? */
enum answer is_hyperv(enum interface interface);

/*
 * Is the guest offered a part of KVM's interface, see pv_features(), and does it use it?
 * Without a look at its hypercalls: of one that makes some those are not known.
 */
enum pv_state {
	PV_UNKNOWN, PV_NOT_OFFERED, PV_NOT_USED, PV_USED,
};

enum pv_state pv_state_of(const struct facts *facts, const char *feature);

/* Does the VMM offer one of Hyper-V's properties: "time", "" for any? */
bool offers_hyperv(const struct facts *facts, const char *property);

#endif
