// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that QEMU emulates in software: KVM does not know of them, so no other row and no
 * count has them, and they are slow.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "doctor/checks.h"

#define PROGRAM		"qemu-system-"
/* What KVM calls the file of a VM. */
#define VM_FILE		"anon_inode:kvm-vm"
#define MOST_SHOWN	8

struct emulated {
	/* "123 (qemu-system-x86_64), 124 (...)" */
	char *list, *of_others;
	size_t num, num_of_others, num_unknown;
};

/* By the program's name; the Android emulator's is qemu-system-x86_64-headless. */
static bool is_qemu_name(const char *name)
{
	return begins_with(name, PROGRAM) || !strcmp(name, "qemu-kvm") || !strcmp(name, "kvm");
}

/* KVM runs guests of this machine's architecture only. */
static bool is_of_other_machine(const char *name)
{
	return begins_with(name, PROGRAM) && !begins_with(name, PROGRAM "x86_64") &&
	       !begins_with(name, PROGRAM "i386");
}

/* 1 or 0, or -errno. */
static int has_vm(const char *directory)
{
	DIR *dir = opendir(directory);
	char target[sizeof(VM_FILE)];
	struct dirent *entry;
	int found = 0;

	if (!dir)
		return -errno;
	while (!found && (entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (len < 0)
			continue;
		target[len] = '\0';
		found = !strcmp(target, VM_FILE);
	}
	closedir(dir);
	return found;
}

static void add(char **list, size_t *num, const char *pid, const char *name)
{
	if (++*num > MOST_SHOWN)
		return;
	if (*list)
		append(list, ", %s (%s)", pid, name);
	else
		*list = xasprintf("%s (%s)", pid, name);
}

static void look_at(const struct doctor *doctor, const char *pid, struct emulated *found)
{
	char *file = xasprintf("%s/cmdline", pid);
	char *program = machine_text(doctor->env->proc, file);
	char *files = xasprintf("%s/%s/fd", doctor->env->proc, pid);
	const char *slash = program ? strrchr(program, '/') : NULL;
	const char *name = slash ? slash + 1 : program;
	int has = name && is_qemu_name(name) ? has_vm(files) : 1;

	if (!has && is_of_other_machine(name))
		add(&found->of_others, &found->num_of_others, pid, name);
	else if (!has)
		add(&found->list, &found->num, pid, name);
	else if (has == -EACCES || has == -EPERM)
		found->num_unknown++;
	free(files);
	free(program);
	free(file);
}

static void look_at_all(const struct doctor *doctor, struct emulated *found)
{
	DIR *dir = opendir(doctor->env->proc);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strspn(entry->d_name, "0123456789") == strlen(entry->d_name))
			look_at(doctor, entry->d_name, found);
	if (dir)
		closedir(dir);
}

static char *count_rest(size_t num)
{
	return num > MOST_SHOWN ? xasprintf(" and %zu more", num - MOST_SHOWN) : xstrdup("");
}

static void add_row(struct doctor *doctor, enum doctor_state state, const char *list, size_t num,
		    const char *why)
{
	char *others = count_rest(num);

	doctor_add(doctor, "emulated", state,
		   xasprintf("QEMU emulates the guest's CPU in software (TCG), many times slower than KVM, and l1tune does not see that guest: PID %s%s. %s",
			     list, others, why),
		   xstrdup("ps -o pid,user,args -C qemu-system-x86_64,qemu-kvm,kvm"));
	free(others);
}

void check_emulated(struct doctor *doctor)
{
	struct emulated found = { };

	look_at_all(doctor, &found);
	if (found.num)
		add_row(doctor, DOCTOR_WARNING, found.list, found.num,
			"It was not told to use KVM (-accel kvm, -enable-kvm; libvirt: domain type kvm; OpenStack: virt_type=kvm; KubeVirt: no useEmulation; Android emulator: -accel on), or could not open /dev/kvm: see the row kvm, in a container its devices. Start it again with KVM");
	if (found.num_of_others)
		add_row(doctor, DOCTOR_INFO, found.of_others, found.num_of_others,
			"It is of another architecture, which KVM cannot run here");
	if (found.num_unknown)
		doctor_add(doctor, "emulated", DOCTOR_INFO,
			   xasprintf("whether KVM runs the guests of %zu processes of QEMU cannot be read: only root may see their open files",
				     found.num_unknown), NULL);
	free(found.list);
	free(found.of_others);
}
