/* SPDX-License-Identifier: GPL-2.0 */
/* Tenants are defined and removed, and get limits, while guests are of them. */
#ifndef L1TUNE_ENROL_H
#define L1TUNE_ENROL_H

#include "tenant.h"

int l1t_enrol(const char *path);
int l1t_enrol_remove(const char *path);
int l1t_enrol_set(struct l1t_tenant *t, enum l1t_limit limit, enum l1t_bound bound,
		  u64 value);
bool l1t_enrol_forget(void);
void l1t_enrol_remove_all(void);

#endif
