// SPDX-License-Identifier: GPL-2.0
/* Whether compat.h has found the form of each interface that KERNEL has. */
#include "compat.h"

#define FOUND(_condition, _since)	static_assert(!!(_condition) == (KERNEL >= (_since)))
#define IS_CONST(_type, _plain) \
	__builtin_types_compatible_p(typeof((_type *)NULL), typeof((const _plain *)NULL))

FOUND(IS_CONST(l1t_ownership_device, struct device), 613);
FOUND(IS_CONST(l1t_uevent_device, struct device), 613);
FOUND(IS_CONST(l1t_read_bin_attribute, struct bin_attribute), 616);
FOUND(IS_CONST(l1t_group_bin_attribute, struct bin_attribute), 616);
FOUND(L1T_EXIT_INFO_REASON, 613);
FOUND(L1T_PREPARE_OLD_NEW, 613);
FOUND(L1T_COMMIT_OLD_NEW, 613);

#ifdef L1T_FTRACE_REGS_HIDDEN
FOUND(1, 613);
#endif
#ifdef L1T_FTRACE_PT_REGS
FOUND(0, 613);
#endif
#ifdef L1T_MEMSLOTS_TREE
FOUND(1, 613);
#endif
#ifdef L1T_MEMSLOTS_ARRAY
FOUND(0, 613);
#endif
#ifdef L1T_HALT_POLL_OVERRIDE
FOUND(1, 613);
#endif
#ifdef L1T_HALT_POLL_ALWAYS
FOUND(0, 613);
#endif
#ifdef L1T_VM_TYPE_MEMBER
FOUND(1, 613);
#endif
#ifdef L1T_VM_TYPE_NONE
FOUND(0, 613);
#endif
#ifdef L1T_EXITS_MASK
FOUND(1, 616);
#endif
#ifdef L1T_EXITS_BOOLS
FOUND(0, 616);
#endif
#ifdef L1T_REGS_BITMAP
FOUND(1, 702);
#endif
#ifdef L1T_REGS_WORD
FOUND(0, 702);
#endif
#ifdef L1T_EXCEPTION_VECTOR
FOUND(1, 613);
#endif
#ifdef L1T_EXCEPTION_NR
FOUND(0, 613);
#endif
#ifdef L1T_CPUID_API
FOUND(1, 616);
#endif
#ifdef L1T_CPUID_PROCESSOR
FOUND(0, 616);
#endif
