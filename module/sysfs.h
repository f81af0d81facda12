/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_SYSFS_H
#define L1TUNE_SYSFS_H

#include "guest.h"

extern struct class l1t_class;

/* sysfs_limit.c; for this machine and for tenants */
extern const struct attribute_group l1t_limits_group;
extern const struct attribute_group l1t_audit_group;
extern const struct attribute_group l1t_denied_group;
extern const struct attribute_group l1t_would_deny_group;
extern const struct attribute_group l1t_effective_group;
extern const struct attribute_group l1t_guest_limits_group;

/* sysfs_slow.c */
extern const struct attribute_group l1t_slow_group;
extern struct bin_attribute l1t_guest_slow;

/* sysfs_start.c */
extern const struct attribute_group l1t_start_group;
extern const struct attribute_group l1t_tenant_start_group;
extern struct bin_attribute l1t_guest_start;

/* sysfs_tenant.c */
extern const struct attribute_group l1t_tenants_group;
extern const struct attribute_group l1t_guest_tenants_group;

/* sysfs_totals.c; for this machine and for tenants */
extern const struct attribute_group l1t_totals_group;
extern const struct attribute_group l1t_usage_group;

/* sysfs_tune.c */
extern const struct attribute_group l1t_tune_group;
extern const struct attribute_group l1t_guest_tune_group;

int l1t_sysfs_check_writer(const char *buf, size_t count);
ssize_t l1t_stolen_show(u64 stolen_ns, char *buf);
int l1t_sysfs_init(void);
void l1t_sysfs_exit(void);
int l1t_sysfs_tenants_init(void);
void l1t_sysfs_tenants_exit(void);

/* used by device.c to publish guests */
extern const struct device_type l1t_guest_type;
int l1t_sysfs_add_vcpu(struct l1t_vcpu *v);
void l1t_sysfs_remove_vcpu(struct l1t_vcpu *v);

#endif
