/* SPDX-License-Identifier: GPL-2.0 */
/* Defines and removes tenants and sets their limits, while there are guests. */
#ifndef L1TUNE_ENROL_H
#define L1TUNE_ENROL_H

#include "tenant.h"

int l1t_enrol(const char *path);
int l1t_enrol_remove(const char *path);
int l1t_enrol_set(struct l1t_tenant *t, enum l1t_limit limit, enum l1t_bound bound,
		  u64 value);
void l1t_enrol_forget(void);
void l1t_enrol_remove_all(void);

#endif
