// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "model/machine.h"
#include "model/real-mode.h"

enum real_mode real_mode_of(const char *sysfs)
{
	char offered[8], used[8];

	if (!sysfs ||
	    !machine_file(sysfs, offered, sizeof(offered), "class/l1tune/l1/vmx/unrestricted_guest") ||
	    !machine_file(sysfs, used, sizeof(used), "module/kvm_intel/parameters/unrestricted_guest"))
		return REAL_MODE_UNKNOWN;
	if (strcmp(offered, "1"))
		return REAL_MODE_NOT_OFFERED;
	return strcmp(used, "Y") ? REAL_MODE_NOT_USED : REAL_MODE_RUN;
}
