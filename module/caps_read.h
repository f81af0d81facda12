/* SPDX-License-Identifier: GPL-2.0 */
/* What L0 offers to this machine, as read when the module was loaded. */
#ifndef L1TUNE_CAPS_READ_H
#define L1TUNE_CAPS_READ_H

#include "caps.h"

/* Only one of vmx and svm is filled in. */
struct l1t_caps {
	bool is_svm;
	bool cpus_differ;
	struct l1t_vmx_caps vmx;
	struct l1t_svm_caps svm;
	struct l1t_hyperv_caps hyperv;
};

void l1t_caps_init(void);
const struct l1t_caps *l1t_caps(void);

#endif
