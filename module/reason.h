/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Exit reasons. KVM's numbers are sparse; accounts need a small dense index, the
 * slot. A slot keeps its meaning while the module is loaded.
 */
#ifndef L1TUNE_REASON_H
#define L1TUNE_REASON_H

#include <linux/types.h>

/* The same numbers as in KVM's tracepoints. */
enum l1t_isa { L1T_ISA_NONE, L1T_ISA_VMX = 1, L1T_ISA_SVM = 2 };

/*
 * VMX: the basic exit reason; all known ones are below 0x100.
 * SVM: 0x000-0x0ff unchanged, 0x400-0x40f after them; the others share the three
 * slots at the end.
 * So a reason below L1T_SLOTS_PLAIN is its own slot on both.
 */
#define L1T_SLOTS_PLAIN		0x100
#define L1T_SLOT_SVM_400	0x100
#define L1T_SLOT_SVM_ERR	0x110
#define L1T_SLOT_OTHER		0x111
#define L1T_SLOT_UNKNOWN	0x112
#define L1T_SLOTS		0x113

/* Codes of the two slots that are not a single reason of KVM's. */
#define L1T_CODE_OTHER		65534
#define L1T_CODE_UNKNOWN	65535

/*
 * The slot of a reason that needs no check of the ISA: VMX has no reasons in SVM's
 * range from 0x400 on. OTHER for all the rest.
 */
static __always_inline unsigned int l1t_slot_usual(u32 reason)
{
	if (likely(reason < L1T_SLOTS_PLAIN))
		return reason;
	if (likely(reason - 0x400 < 0x10))
		return reason - 0x400 + L1T_SLOT_SVM_400;
	return L1T_SLOT_OTHER;
}

/* @reason: as KVM has it; on VMX with flags in its upper half */
static inline unsigned int l1t_slot(enum l1t_isa isa, u32 reason)
{
	if (isa == L1T_ISA_VMX)
		reason &= 0xffff;
	else if (reason == (u32)-1)
		return L1T_SLOT_SVM_ERR;
	return l1t_slot_usual(reason);
}

enum l1t_level { L1T_LEVEL2, L1T_LEVEL3, L1T_LEVELS };

enum l1t_isa l1t_isa(void);
void l1t_isa_set(enum l1t_isa isa);
bool l1t_slot_host_caused(enum l1t_isa isa, enum l1t_level level, unsigned int slot);
bool l1t_slot_is_window(enum l1t_isa isa, unsigned int slot);
bool l1t_slot_loses_state(enum l1t_isa isa, unsigned int slot);
u32 l1t_slot_code(unsigned int slot);
int l1t_slot_name(enum l1t_isa isa, unsigned int slot, char *buf, size_t len);

#endif
