// SPDX-License-Identifier: GPL-2.0
/* Which settings running guests do not get. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/util.h"
#include "model/machine.h"
#include "settings/setting.h"

/* vmlinux has some 6 MB. */
#define MAX_BTF	(64 << 20)

/*
 * Since 6.1 a VM has its own value only if its VMM has set one, which this member of
 * struct kvm shows. Before 6.1, each VM takes the parameter's value at its creation.
 */
#define FLAG	"override_halt_poll_ns"

/* The kernel's own description of KVM's types; NULL if it has none. */
static char *read_types(const struct env *env, size_t *len)
{
	const char *name = machine_is_built_in(env->sysfs, "kvm") ? "vmlinux" : "kvm";
	char *path = xasprintf("%s/kernel/btf/%s", env->sysfs, name);
	char *types = file_read(AT_FDCWD, path, MAX_BTF, len);

	free(path);
	return types;
}

static bool is_before_6_1(const struct env *env)
{
	unsigned int major, minor;
	char release[128];

	return machine_file(env->proc, release, sizeof(release), "sys/kernel/osrelease") &&
	       sscanf(release, "%u.%u", &major, &minor) == 2 &&
	       (major < 6 || (major == 6 && minor < 1));
}

static bool has_each_vm_its_own(const struct env *env)
{
	size_t len;
	char *types = read_types(env, &len);
	bool has_flag = types && memmem(types, len, FLAG, sizeof(FLAG));

	free(types);
	return types ? !has_flag : is_before_6_1(env);
}

bool setting_is_for_new(const struct setting *setting, const struct env *env)
{
	return setting->kind == SETTING_TUNE ||
	       (!strcmp(setting->name, "kvm.halt_poll_ns") && has_each_vm_its_own(env));
}
