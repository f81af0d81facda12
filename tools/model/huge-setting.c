// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>

#include "model/huge-setting.h"
#include "model/machine.h"

/* Settings of one size, from Linux 6.8 on, and 6.11 for shared memory. */
#define OF_2M	"hugepages-2048kB/"

/* The word in brackets: "always [madvise] never". Empty if there is no file. */
static void read_choice(const char *sysfs, const char *file, char *word, size_t size)
{
	char line[128], *start;

	*word = '\0';
	if (!machine_file(sysfs, line, sizeof(line), HUGE_SETTINGS "%s", file))
		return;
	start = strchr(line, '[');
	if (start)
		snprintf(word, size, "%.*s", (int)strcspn(start + 1, "]"), start + 1);
}

/* The setting of the size counts, unless it inherits; deny is for all sizes. */
void huge_setting_read(const char *sysfs, const char *name, struct huge_setting *setting)
{
	char own[sizeof(setting->word)];

	snprintf(setting->file, sizeof(setting->file), OF_2M "%s", name);
	read_choice(sysfs, setting->file, own, sizeof(own));
	read_choice(sysfs, name, setting->word, sizeof(setting->word));
	if (*own && strcmp(own, "inherit") && strcmp(setting->word, "deny"))
		strcpy(setting->word, own);
	else
		snprintf(setting->file, sizeof(setting->file), "%s", name);
}

bool huge_setting_allows(const struct huge_setting *setting, bool is_advised)
{
	const char *word = setting->word;

	return !strcmp(word, "always") || !strcmp(word, "force") ||
	       !strcmp(word, "within_size") ||
	       (is_advised && (!strcmp(word, "madvise") || !strcmp(word, "advise")));
}
