// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/util.h"
#include "doctor/checks.h"

/* For whom one is open, by what this kernel says of it. */
enum open_for {
	OPEN_FOR_NOBODY,
	/* This machine's own processes; KVM closes it for guests. */
	OPEN_FOR_PROCESSES,
	/* What runs on the other thread of the core. */
	OPEN_FOR_SIBLINGS,
	OPEN_UNKNOWN,
	OPEN_FOR_GUESTS,
	NUM_OPEN_FOR,
};

static bool says_kvm_is_safe(const char *part)
{
	const char *kvm = strstr(part, "KVM: ");

	return kvm && !strcasestr(kvm, "vulnerable");
}

static enum open_for open_by_vulnerable(const char *part, const char *vulnerable)
{
	if (says_kvm_is_safe(part))
		return OPEN_FOR_PROCESSES;
	if (vulnerable - part >= 4 && begins_with(vulnerable - 4, "SMT "))
		return OPEN_FOR_SIBLINGS;
	return OPEN_FOR_GUESTS;
}

/* One of "Mitigation: PTE Inversion; VMX: conditional cache flushes, SMT vulnerable". */
static enum open_for open_by_part(const char *part)
{
	const char *vulnerable = strcasestr(part, "vulnerable");

	if (vulnerable)
		return open_by_vulnerable(part, vulnerable);
	if (strcasestr(part, "unknown"))
		return OPEN_UNKNOWN;
	/* TSA by tsa=user, tsa=vm: the other boundary is not mitigated. */
	if (strstr(part, "Clear CPU buffers: user/kernel boundary"))
		return OPEN_FOR_GUESTS;
	if (strstr(part, "Clear CPU buffers: VM"))
		return OPEN_FOR_PROCESSES;
	return OPEN_FOR_NOBODY;
}

/* The worst of its parts: a mitigation for this kernel leaves others open. */
static enum open_for open_by_value(char *value)
{
	enum open_for worst = OPEN_FOR_NOBODY, open;
	char *part, *save = NULL;

	if (begins_with(value, "Not affected"))
		return OPEN_FOR_NOBODY;
	for (part = strtok_r(value, ";", &save); part; part = strtok_r(NULL, ";", &save)) {
		open = open_by_part(part);
		if (open > worst)
			worst = open;
	}
	return worst;
}

/* The names of the vulnerabilities that are open for each; to free. */
static void list_vulnerabilities(const struct doctor *doctor, char *lists[NUM_OPEN_FOR])
{
	static const char *const names[] = {
		"l1tf", "mds", "meltdown", "spectre_v1", "spectre_v2", "spec_store_bypass",
		"tsx_async_abort", "mmio_stale_data", "retbleed", "gather_data_sampling",
		"reg_file_data_sampling", "spec_rstack_overflow", "srbds", "tsa", "vmscape",
		"indirect_target_selection", "itlb_multihit",
	};
	char value[256], **list;
	size_t i;

	for (i = 0; i < NUM_OPEN_FOR; i++)
		lists[i] = xstrdup("");
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!machine_file(doctor->env->sysfs, value, sizeof(value),
				  "devices/system/cpu/vulnerabilities/%s", names[i]))
			continue;
		list = &lists[open_by_value(value)];
		append(list, "%s%s", **list ? ", " : "", names[i]);
	}
}

static char *mitigations_text(char *const lists[NUM_OPEN_FOR])
{
	bool is_open = *lists[OPEN_FOR_GUESTS];
	const char *also = is_open ? ";" : ", except";
	char *text = is_open ?
		xasprintf("guests may read others' data or hang a CPU, as this kernel does not mitigate for guests: %s",
			  lists[OPEN_FOR_GUESTS]) :
		xstrdup("this kernel reports no open vulnerability of the CPU");

	if (*lists[OPEN_FOR_SIBLINGS])
		append(&text, "%s between the two threads of a core (SMT): %s", also,
		       lists[OPEN_FOR_SIBLINGS]);
	if (*lists[OPEN_FOR_PROCESSES])
		append(&text, "%s for its own processes, not for guests: %s", also,
		       lists[OPEN_FOR_PROCESSES]);
	if (*lists[OPEN_UNKNOWN])
		append(&text, is_open ? "; unknown to it: %s" :
					", but cannot tell for: %s. Of a virtual machine whoever runs L0 knows",
		       lists[OPEN_UNKNOWN]);
	return text;
}

/* Of some a virtual machine cannot know whether L0 has closed them. */
static void check_mitigations(struct doctor *doctor)
{
	char *lists[NUM_OPEN_FOR];
	size_t i;

	if (!machine_has(doctor->env->sysfs, "devices/system/cpu/vulnerabilities"))
		return;
	list_vulnerabilities(doctor, lists);
	if (*lists[OPEN_FOR_GUESTS])
		doctor_add(doctor, "mitigations", DOCTOR_WARNING, mitigations_text(lists),
			   xstrdup("grep . /sys/devices/system/cpu/vulnerabilities/*\ngrep -o 'mitigations=[^ ]*' /proc/cmdline"));
	else if (*lists[OPEN_FOR_SIBLINGS] || *lists[OPEN_FOR_PROCESSES] || *lists[OPEN_UNKNOWN])
		doctor_add(doctor, "mitigations", DOCTOR_INFO, mitigations_text(lists),
			   xstrdup("grep -i -e vulnerable -e unknown /sys/devices/system/cpu/vulnerabilities/*"));
	else
		doctor_add(doctor, "mitigations", DOCTOR_OK, mitigations_text(lists), NULL);
	for (i = 0; i < NUM_OPEN_FOR; i++)
		free(lists[i]);
}

/*
 * The kernel looks for VMSCAPE (from a guest into its VMM) on bare metal only, and
 * calls a virtual machine not affected.
 */
static void check_vmscape(struct doctor *doctor)
{
	char value[128];

	if (!doctor->machine.virtualized ||
	    !machine_file(doctor->env->sysfs, value, sizeof(value),
			  "devices/system/cpu/vulnerabilities/vmscape") ||
	    strncmp(value, "Not affected", 12))
		return;
	doctor_add(doctor, "vmscape", DOCTOR_INFO,
		   xstrdup("unknown: this kernel says not affected, because it does not look for VMSCAPE inside a virtual machine. If this CPU's model is affected on bare metal, guests may read their VMM's memory; vmscape=force on the kernel command line mitigates it, for a flush of branch predictions at each exit to the VMM"),
		   xstrdup("grep -m 1 'model name' /proc/cpuinfo\ngrep -o 'vmscape=[^ ]*' /proc/cmdline"));
}

/* The value of a word of the kernel command line, "fatal"; empty if it is not there. */
static void read_word(const struct doctor *doctor, const char *key, char *value, size_t size)
{
	char *cmdline = machine_text(doctor->env->proc, "cmdline"), *word, *save = NULL;

	*value = '\0';
	for (word = cmdline ? strtok_r(cmdline, " \n", &save) : NULL; word;
	     word = strtok_r(NULL, " \n", &save))
		if (begins_with(word, key))
			snprintf(value, size, "%s", word + strlen(key));
	free(cmdline);
}

/* A guest's locked access across two cache lines. */
static void check_split_locks(struct doctor *doctor)
{
	char mitigate[8], detect[32];

	read_word(doctor, "split_lock_detect=", detect, sizeof(detect));
	if (!machine_file(doctor->env->proc, mitigate, sizeof(mitigate),
			  "sys/kernel/split_lock_mitigate"))
		return;
	if (!strcmp(detect, "off"))
		doctor_add(doctor, "split locks", DOCTOR_OK,
			   xstrdup("not detected (split_lock_detect=off): guests that use them are not slowed, but slow all CPUs"), NULL);
	else if (!strcmp(detect, "fatal"))
		doctor_add(doctor, "split locks", DOCTOR_WARNING,
			   xstrdup("split_lock_detect=fatal: a guest that uses one, as some Windows programs do, ends its VMM by SIGBUS"),
			   xstrdup("dmesg | grep -i split"));
	else if (!strcmp(mitigate, "0"))
		doctor_add(doctor, "split locks", DOCTOR_OK,
			   xstrdup("not slowed (split_lock_mitigate is 0): where detected they are logged only"), NULL);
	else
		doctor_add(doctor, "split locks", DOCTOR_INFO,
			   xstrdup("slowed, if this CPU detects them: a guest that uses one waits 10 ms and then runs alone among these. Some games and old Windows drivers use them; without the mitigation such a guest slows all CPUs"),
			   xstrdup("dmesg | grep -i 'split lock'\nsysctl kernel.split_lock_mitigate=0"));
}

/* The user's part of a cloud's shared responsibility, as far as it shows here. */
void check_security(struct doctor *doctor)
{
	char *path = xasprintf("%s/kvm", doctor->env->dev);
	struct stat st;

	check_mitigations(doctor);
	if (!stat(path, &st) && (st.st_mode & 0002))
		doctor_add(doctor, "access", DOCTOR_INFO,
			   xasprintf("every user may run guests: %s is writable by all", path), NULL);
	free(path);
	check_vmscape(doctor);
	check_split_locks(doctor);
}
