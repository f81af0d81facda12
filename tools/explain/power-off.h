/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_POWER_OFF_H
#define L1TUNE_POWER_OFF_H

#include "model/gone.h"

/*
 * The port through which a vCPU of the guest asked ACPI to switch it off, if that was
 * its last access to a port; or NULL, which does not say that none did.
 */
const struct gone_port *power_off_port(const struct gone *gone);

#endif
