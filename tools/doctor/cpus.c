// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "doctor/checks.h"

/* What of /proc/cpuinfo has to be the same on all CPUs. */
static const char *const keys[] = { "vmx flags", "microcode", "flags" };

/* The value of "key\t: value"; NULL if this is another line. */
static const char *value_of(const char *line, const char *key)
{
	size_t len = strlen(key);
	const char *colon;

	if (strncmp(line, key, len) || (line[len] != '\t' && line[len] != ' ' && line[len] != ':'))
		return NULL;
	colon = strchr(line, ':');
	return colon ? colon + 1 + (colon[1] == ' ') : NULL;
}

/* Of flags only VMX and SVM matter to guests here. */
static bool is_same(const char *key, const char *a, const char *b)
{
	if (strcmp(key, "flags"))
		return !strcmp(a, b);
	return machine_has_word(a, "vmx") == machine_has_word(b, "vmx") &&
	       machine_has_word(a, "svm") == machine_has_word(b, "svm");
}

/* The first CPU whose value differs from the first CPU's; -1 if there is none. */
static long find_other(const char *cpuinfo, const char *key)
{
	char *text = xstrdup(cpuinfo), *line, *save = NULL;
	const char *first = NULL, *value;
	long cpu = -1, other = -1;

	for (line = strtok_r(text, "\n", &save); line && other < 0;
	     line = strtok_r(NULL, "\n", &save)) {
		value = value_of(line, "processor");
		if (value)
			cpu = strtol(value, NULL, 10);
		value = value_of(line, key);
		if (value && !first)
			first = value;
		else if (value && !is_same(key, first, value))
			other = cpu;
	}
	free(text);
	return other;
}

static bool module_says_so(const struct doctor *doctor)
{
	char value[8];

	return machine_file(doctor->env->sysfs, value, sizeof(value),
			    "class/l1tune/l1/%s/cpus_differ", doctor_flag(doctor)) &&
	       !strcmp(value, "1");
}

void check_cpus(struct doctor *doctor)
{
	char *cpuinfo = machine_text(doctor->env->proc, "cpuinfo"), *list = xstrdup("");
	size_t i;

	for (i = 0; cpuinfo && i < ARRAY_SIZE(keys); i++) {
		long other = find_other(cpuinfo, keys[i]);

		if (other >= 0)
			append(&list, "; CPU %ld differs from the first one in \"%s\"", other, keys[i]);
	}
	if (module_says_so(doctor))
		append(&list, "; the registers of %s differ between CPUs",
		       doctor->machine.amd ? "SVM" : "VMX");
	if (*list)
		doctor_add(doctor, "cpus", DOCTOR_WARNING,
			   xasprintf("CPUs differ in what they offer: guests may fail on some of them, and KVM may refuse to load%s. Load the same microcode on all of them; if L0 is yours, give this machine one CPU model", list),
			   xstrdup("grep -e processor -e 'vmx flags' -e microcode /proc/cpuinfo | sort | uniq -c | sort -n\n"
				   "dmesg | grep -i -e inconsisten -e 'l1tune: .*differ'"));
	free(list);
	free(cpuinfo);
}
