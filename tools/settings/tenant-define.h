/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TENANT_DEFINE_H
#define L1TUNE_TENANT_DEFINE_H

#include "base/env.h"
#include "model/tenant.h"

/*
 * A path or pattern from the user, as the module takes it: a copy without a slash
 * at its end, or NULL and what is wrong with it.
 */
char *tenant_parse(const char *text, const char **wrong);

/*
 * STATUS_OK, or another exit status after saying why there are no tenants here, or why
 * their limits count for nobody.
 */
int tenants_check_module(const struct env *env);
int tenants_check_cgroups(const struct env *env);

/* STATUS_OK, or another exit status after a message. Free with tenants_free() in every case. */
int tenants_load(const struct env *env, struct tenants *tenants);

/*
 * Define one; where is a prefix of messages. *id is the one that it may get, or 0, and
 * becomes the one that it has: many are defined without reading all each time.
 * STATUS_OK, or another exit status after a message.
 */
int tenant_define(const struct env *env, const char *where, const char *cgroup, uint64_t *id);
/* The same for removing one with its limits. */
int tenant_remove(const struct env *env, const char *cgroup, uint64_t id);

#endif
