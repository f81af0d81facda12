// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "base/util.h"
#include "explain/baseline.h"
#include "model/machine.h"

/* Instance types with a baseline: above it, L0 gives CPU time for a while or not at all. */
static bool has_baseline(const char *type)
{
	const char *dot = strchr(type, '.');

	return dot && (strstr(type, "-flex.") ||
		       (type[0] == 't' && strchr("234", type[1])));
}

enum answer has_cpu_baseline(const struct facts *f, char **seen)
{
	const struct machine *machine = &f->machine;

	if (!*machine->vendor) {
		*seen = xstrdup("the machine type cannot be read from DMI");
		return ANSWER_UNKNOWN;
	}
	if (!strstr(machine->vendor, "Amazon")) {
		*seen = xasprintf("DMI says %s; it has the type only on EC2", machine->vendor);
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("instance type %s has %s CPU baseline", machine->product,
			  has_baseline(machine->product) ? "a" : "no");
	return has_baseline(machine->product) ? ANSWER_YES : ANSWER_NO;
}
