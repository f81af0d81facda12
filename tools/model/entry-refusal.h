/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ENTRY_REFUSAL_H
#define L1TUNE_ENTRY_REFUSAL_H

#include <stdint.h>

/* Why a CPU refuses to enter a guest, as KVM_EXIT_FAIL_ENTRY has it; NULL if unknown. */
const char *entry_refusal_text(uint64_t hardware_reason);

#endif
