/* SPDX-License-Identifier: GPL-2.0 */
/* Records of guests that ended: l1/gone/ and l1/ended/. */
#ifndef L1TUNE_GONE_H
#define L1TUNE_GONE_H

#include "compat.h"
#include "guest.h"

extern const struct attribute_group l1t_ended_group;

typedef void (*l1t_kobject_ownership)(l1t_ownership_kobject *kobj, kuid_t *uid,
				      kgid_t *gid);

int l1t_gone_start(struct device *l1, l1t_kobject_ownership ownership);
void l1t_gone_stop(void);
const char *l1t_gone_keep(struct l1t_guest *g);

#endif
