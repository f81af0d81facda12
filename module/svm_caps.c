// SPDX-License-Identifier: GPL-2.0
/* Decodes the CPUID leaf of SVM. */
#include "caps.h"

#define VM_CR_SVM_DISABLED	(1ull << 4)

const struct l1t_svm_feature l1t_svm_features[L1T_SVM_FEATURES] = {
	{ "npt", 0 },
	{ "lbr_virtualization", 1 },
	{ "svm_lock", 2 },
	{ "nrip_save", 3 },
	{ "tsc_scaling", 4 },
	{ "vmcb_clean", 5 },
	{ "flush_by_asid", 6 },
	{ "decode_assists", 7 },
	{ "pause_filter", 10 },
	{ "pause_filter_threshold", 12 },
	{ "avic", 13 },
	{ "virtual_vmload_vmsave", 15 },
	{ "virtual_gif", 16 },
	{ "mode_based_execute", 17 },
	{ "x2avic", 18 },
	{ "virtual_spec_ctrl", 20 },
	{ "virtual_nmi", 25 },
};

/**
 * l1t_svm_has() - is a feature offered
 * @caps: CPUID as read
 * @feature: of l1t_svm_features
 *
 * Return: true if it is.
 */
bool l1t_svm_has(const struct l1t_svm_caps *caps, const struct l1t_svm_feature *feature)
{
	return caps->offered && (caps->edx >> feature->bit & 1);
}

/**
 * l1t_svm_allowed() - may SVM be enabled
 * @caps: CPUID and VM_CR as read
 *
 * Return: false if there is no SVM, or firmware has disabled it. If VM_CR cannot be
 * read, nothing is disabled.
 */
bool l1t_svm_allowed(const struct l1t_svm_caps *caps)
{
	return caps->offered && !(caps->has_vm_cr && (caps->vm_cr & VM_CR_SVM_DISABLED));
}
