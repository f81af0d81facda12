// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/activity.h"
#include "model/machine.h"

/* What a kernel was built without, it does not do: 0. */
static uint64_t value_of(const char *text, const char *name)
{
	size_t len = strlen(name);

	while (text && *text) {
		if (!strncmp(text, name, len) && text[len] == ' ')
			return strtoull(text + len, NULL, 10);
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return 0;
}

void activity_read(const struct env *env, struct activity *activity)
{
	char *text = machine_text(env->proc, "vmstat");

	*activity = (struct activity){
		.is_known = text,
		.numa_updates = value_of(text, "numa_pte_updates"),
		.migrations = value_of(text, "pgmigrate_success"),
		.swap_ins = value_of(text, "pswpin"),
	};
	free(text);
}

void activity_subtract(struct activity *activity,
		       const struct activity *before)
{
	activity->is_known &= before->is_known;
	activity->numa_updates = sub_clamped(activity->numa_updates,
					     before->numa_updates);
	activity->migrations = sub_clamped(activity->migrations,
					   before->migrations);
	activity->swap_ins = sub_clamped(activity->swap_ins, before->swap_ins);
}
