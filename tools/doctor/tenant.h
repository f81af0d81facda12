/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_DOCTOR_TENANT_H
#define L1TUNE_DOCTOR_TENANT_H

#include "doctor/doctor.h"
#include "model/tenant.h"

/* Is a cgroup a tenant, or below one, or would a pattern make it one? */
bool doctor_knows_tenant(const struct tenants *tenants, const char *path);

/*
 * Adds rows about what the limits leave for the guests of a tenant, or of a cgroup below
 * tenants. STATUS_OK, or another exit status after a message.
 */
int doctor_check_tenant(struct doctor *doctor, const struct tenants *tenants,
			const char *path);

#endif
