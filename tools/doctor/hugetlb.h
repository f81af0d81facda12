/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_HUGETLB_H
#define L1TUNE_HUGETLB_H

#include "doctor/doctor.h"

/* The row hugetlbfs, if huge pages of any size are reserved. Can a guest get some of them? */
bool hugetlb_add_row(struct doctor *doctor);

#endif
