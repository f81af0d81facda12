// SPDX-License-Identifier: GPL-2.0
#include "base/util.h"
#include "model/machine.h"
#include "model/rival-modules.h"

/*
 * While guests of these run VMX or SVM is theirs. Users of another module first. Not of
 * Xen or ACRN, which are below this kernel: it cannot unload them.
 */
static const char *const rivals[] = {
	"vboxnetadp", "vboxnetflt", "vboxdrv", "vmmon", "haxm", "bareflank", "jailhouse",
};

char *rival_modules(const char *sysfs)
{
	char *list = xstrdup("");
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rivals); i++)
		if (machine_has(sysfs, "module/%s", rivals[i]))
			append(&list, "%s%s", *list ? " " : "", rivals[i]);
	return list;
}
