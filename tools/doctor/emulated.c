// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that QEMU emulates in software: KVM does not know of them, so no other row and no
 * count has them, and they are slow.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file-within.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "doctor/checks.h"
#include "model/proc.h"

#define PROGRAM		"qemu-system-"
/* What KVM calls the file of a VM. */
#define VM_FILE		"anon_inode:kvm-vm"
#define MOST_SHOWN	8

struct emulated {
	/* "123 (qemu-system-x86_64), 124 (...)" */
	char *list, *of_others;
	size_t num, num_of_others, num_unknown, num_withheld;
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
static int has_vm(int procfd, uint64_t pid)
{
	char path[32], target[sizeof(VM_FILE)];
	struct dirent *entry;
	int found = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%llu/fd", (unsigned long long)pid);
	dir = sysfs_list_dir(procfd, path);
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

/* The first word of its command line, which has a NUL after each; to free. */
static char *read_program(int procfd, uint64_t pid)
{
	char path[32];
	size_t len;

	snprintf(path, sizeof(path), "%llu/cmdline", (unsigned long long)pid);
	return file_read_within(procfd, path, PATH_MAX, &len, pid, SHORT_FILE_NS);
}

static void add(char **list, size_t *num, uint64_t pid, const char *name)
{
	if (++*num > MOST_SHOWN)
		return;
	append(list, "%s%llu (%s)", *num > 1 ? ", " : "", (unsigned long long)pid, name);
}

static void look_at(int procfd, const struct proc_entry *process, void *arg)
{
	struct emulated *found = arg;
	char *program = read_program(procfd, process->pid);
	bool is_withheld = !program && errno == ETIMEDOUT;
	const char *slash = program ? strrchr(program, '/') : NULL;
	const char *name = slash ? slash + 1 : program;
	int has = name && is_qemu_name(name) ? has_vm(procfd, process->pid) : 1;

	found->num_withheld += is_withheld;
	if (!has && is_of_other_machine(name))
		add(&found->of_others, &found->num_of_others, process->pid, name);
	else if (!has)
		add(&found->list, &found->num, process->pid, name);
	else if (sysfs_is_withheld(has))
		found->num_unknown++;
	free(program);
}

static void look_at_all(const struct doctor *doctor, struct emulated *found)
{
	int procfd = sysfs_open_dir(AT_FDCWD, doctor->env->proc);

	if (procfd < 0)
		return;
	proc_for_each(procfd, look_at, found);
	close(procfd);
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
	struct emulated found = { .list = xstrdup(""), .of_others = xstrdup("") };

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
	if (found.num_withheld)
		doctor_add(doctor, "emulated", DOCTOR_INFO,
			   xasprintf("processes whose command line cannot be read, as the kernel waits for them (ps hangs too): %zu",
				     found.num_withheld), NULL);
	free(found.list);
	free(found.of_others);
}
