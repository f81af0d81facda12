/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_HUGE_SETTING_H
#define L1TUNE_HUGE_SETTING_H

#include <stdbool.h>
#include <stddef.h>

#define HUGE_SETTINGS	"kernel/mm/transparent_hugepage/"

/* What this machine says of transparent huge pages of 2 MB for one kind of memory. */
struct huge_setting {
	/* "always", "madvise"; empty: this kernel has none. */
	char word[16];
	/* Below HUGE_SETTINGS, the file that says so. */
	char file[40];
};

/* NAME is "enabled", for anonymous memory, or "shmem_enabled". */
void huge_setting_read(const char *sysfs, const char *name, struct huge_setting *setting);

/* IS_ADVISED: the process asked for them by madvise. */
bool huge_setting_allows(const struct huge_setting *setting, bool is_advised);

#endif
