/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ATTACH_REASON_H
#define L1TUNE_ATTACH_REASON_H

int l1t_find_vmx_reason(const char *module);
int l1t_find_svm_reason(const char *module);

#endif
