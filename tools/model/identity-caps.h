/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_IDENTITY_CAPS_H
#define L1TUNE_IDENTITY_CAPS_H

#include <stdint.h>

/* The MSRs that have the capabilities of VMX. */
#define IDENTITY_VMX_FIRST	0x480
#define IDENTITY_VMX_LAST	0x493

/*
 * Adds the names of the capabilities that a register has with one value and not
 * with another, "a, b"; reg is the name of its file in l1/vmx or l1/svm.
 */
void identity_caps_missing(char **text, const char *reg, uint64_t has, uint64_t lacks);

#endif
