// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/facts.h"

bool is_qemu(const struct facts *facts)
{
	const char *name = facts->cmdline ? facts->cmdline : "";
	const char *slash = strrchr(name, '/');

	name = slash ? slash + 1 : name;
	return !strncmp(name, "qemu", 4) || !strcmp(name, "kvm");
}

bool vmm_has_option(const struct facts *f, const char *option)
{
	size_t i;

	for (i = 0; f->cmdline && i < f->cmdline_len; i += strlen(f->cmdline + i) + 1)
		if (!strcmp(f->cmdline + i, option))
			return true;
	return false;
}

unsigned int kernel_version_of(const struct facts *facts)
{
	unsigned int major, minor;

	return sscanf(facts->host->kernel, "%u.%u", &major, &minor) == 2 ?
	       major * 1000 + minor : 0;
}

const struct guest_memory *memory_of(const struct facts *facts)
{
	if (!facts->memory->is_read)
		guest_memory_read(facts->env, &facts->guest->guest,
				  facts->memory);
	return facts->memory;
}

bool take_look(const struct facts *facts)
{
	if (!facts->looks || !*facts->looks || facts->env->past || facts->scale != 1)
		return false;
	--*facts->looks;
	return true;
}

bool kvm_count_of(const struct facts *facts, enum kvm_count_id id,
		  uint64_t *value)
{
	*value = facts->kvm.v[id].is_known ? facts->kvm.v[id].value : 0;
	return facts->kvm.v[id].is_known;
}

void advice_free(struct advice *advice)
{
	size_t i;

	free(advice->guest_name);
	free(advice->evidence);
	free(advice->change);
	free(advice->confidence);
	free(advice->accesses);
	for (i = 0; i < advice->num_looked; i++)
		free(advice->looked[i].seen);
	free(advice->looked);
}
