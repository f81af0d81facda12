/* SPDX-License-Identifier: GPL-2.0 */
/* Refuses what exceeds a limit. */
#ifndef L1TUNE_REFUSE_H
#define L1TUNE_REFUSE_H

#include "attach.h"

#define L1T_REFUSALS	6
extern struct l1t_optional l1t_refusals[L1T_REFUSALS];

#endif
