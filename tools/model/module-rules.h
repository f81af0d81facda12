/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_MODULE_RULES_H
#define L1TUNE_MODULE_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/env.h"

/* The mode of lockdown, "none" or "integrity"; empty if it cannot be read. */
void lockdown_read(const struct env *env, char *mode, size_t size);

/*
 * Why this kernel loads only modules that are signed by a key that it trusts, for example
 * "lockdown is integrity": to free, or NULL if it is not known to.
 */
char *modules_why_signed(const struct env *env);

/* Does this kernel load no module at all until the next boot? */
bool modules_are_disabled(const struct env *env);

/*
 * Are the modules of the kernel that runs not there, as this process sees /lib/modules? An
 * upgrade may have removed them. False if that cannot be known.
 */
bool modules_are_gone(const struct env *env);

#endif
