/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_HLT_IN_GUEST_H
#define L1TUNE_HLT_IN_GUEST_H

#include "explain/cause.h"

/* Is there nothing by which the guest could halt without exits on this CPU and L0? */
enum answer is_hlt_in_guest_refused(const struct facts *facts, char **seen);

/* Does the module take hlt_in_guest=1? Also if that is not known. */
bool takes_hlt_in_guest(const struct facts *facts);

/* Would QEMU's -overcommit cpu-pm=on be safe on this CPU, and start with this L0? */
bool may_cpu_pm_be_on(const struct facts *facts);
/* And is it QEMU? */
bool has_safe_cpu_pm(const struct facts *facts);

#endif
