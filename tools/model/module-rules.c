// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "model/machine.h"
#include "model/module-rules.h"

void lockdown_read(const struct env *env, char *mode, size_t size)
{
	char text[128], *open, *close_;

	mode[0] = '\0';
	if (!machine_file(env->sysfs, text, sizeof(text), "kernel/security/lockdown"))
		return;
	open = strchr(text, '[');
	close_ = open ? strchr(open, ']') : NULL;
	if (close_) {
		*close_ = '\0';
		snprintf(mode, size, "%s", open + 1);
	}
}

char *modules_why_signed(const struct env *env)
{
	char mode[32];

	lockdown_read(env, mode, sizeof(mode));
	if (*mode && strcmp(mode, "none"))
		return xasprintf("lockdown is %s", mode);
	/* Also CONFIG_MODULE_SIG_FORCE, which has no other file. */
	if (machine_param_on(env, "module", "sig_enforce"))
		return xstrdup("module.sig_enforce is on");
	return NULL;
}

bool modules_are_disabled(const struct env *env)
{
	char value[8];

	return machine_file(env->proc, value, sizeof(value), "sys/kernel/modules_disabled") &&
	       !strcmp(value, "1");
}

bool modules_are_gone(const struct env *env)
{
	char kernel[128];

	return machine_file(env->proc, kernel, sizeof(kernel), "sys/kernel/osrelease") &&
	       machine_has(env->proc, "self/root/lib/modules") &&
	       !machine_has(env->proc, "self/root/lib/modules/%s", kernel);
}
