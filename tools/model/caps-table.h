/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CAPS_TABLE_H
#define L1TUNE_CAPS_TABLE_H

#include <stddef.h>

/*
 * What is known of a capability: param is the parameter that shows whether KVM
 * uses it, "MODULE/NAME", NULL when none does; exits names the exit reasons
 * that it saves.
 */
struct cap {
	const char *name;
	const char *param;
	const char *why;
	const char *exits;
};

/* By ISA, the most important first; unknown files of sysfs follow. */
extern const struct cap vmx_caps[], svm_caps[];
extern const size_t num_vmx_caps, num_svm_caps;

#endif
