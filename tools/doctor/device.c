// SPDX-License-Identifier: GPL-2.0
/* /dev/kvm: whether it is there, who may open it, and what to do if not. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "doctor/device.h"

#define UDEV_RULE \
	"groupadd -f -r kvm\n" \
	"echo 'KERNEL==\"kvm\", GROUP=\"kvm\", MODE=\"0660\"' > /etc/udev/rules.d/65-kvm.rules\n" \
	"udevadm control --reload && udevadm trigger --action=change --name-match=kvm\n"

static char *user_name(void)
{
	const struct passwd *user = getpwuid(getuid());

	return user ? xstrdup(user->pw_name) : xasprintf("USER");
}

/* Is the user in the group, but not this login yet? */
static bool is_member(const struct group *group, const char *user)
{
	char **member;

	for (member = group->gr_mem; *member; member++)
		if (!strcmp(*member, user))
			return true;
	return false;
}

/* The group may use the device: become one of it. */
static void add_group_row(struct doctor *doctor, const char *path, const struct group *group)
{
	char *user = user_name();

	if (is_member(group, user))
		doctor_add(doctor, "kvm", DOCTOR_WARNING,
			   xasprintf("the group %s may use %s, and %s is in it, but not yet in this login: log in again",
				     group->gr_name, path, user),
			   xasprintf("newgrp %s", group->gr_name));
	else
		doctor_add(doctor, "kvm", DOCTOR_WARNING,
			   xasprintf("only root and the group %s may use %s: the user must be in that group, which takes effect at the next login",
				     group->gr_name, path),
			   xasprintf("usermod -aG %s %s", group->gr_name, user));
	free(user);
}

/* No group of users may use it, so being in one does not help. */
static void add_udev_row(struct doctor *doctor, const char *path, const struct stat *st)
{
	char *user = user_name();
	const char *why = !st->st_gid ? "its group is root" :
			  (st->st_mode & 060) != 060 ? "its mode does not let its group in" :
			  "its group has no name here";

	doctor_add(doctor, "kvm", DOCTOR_WARNING,
		   xasprintf("only root may use %s (mode %04o, group %u): %s. A udev rule gives it to the group kvm; membership takes effect at the next login",
			     path, st->st_mode & 07777, st->st_gid, why),
		   xasprintf(UDEV_RULE "usermod -aG kvm %s", user));
	free(user);
}

static void add_refused(struct doctor *doctor, const char *path, int err)
{
	const struct group *group;
	struct stat st;

	if (stat(path, &st)) {
		doctor_add(doctor, "kvm", DOCTOR_WARNING,
			   xasprintf("%s: %s, and its mode cannot be read", path, strerror(err)),
			   xasprintf("ls -l %s", path));
		return;
	}
	/* Root, or a mode that would do: the refusal is not that of the mode. */
	if (!geteuid() || (st.st_mode & 06) == 06) {
		doctor_add(doctor, "kvm", DOCTOR_WARNING,
			   xasprintf("%s: %s, although its mode %04o allows it: a container's list of devices or a security module refuses it",
				     path, strerror(err), st.st_mode & 07777),
			   xstrdup("docker run --device /dev/kvm ...\ndmesg | grep -i denied"));
		return;
	}
	group = st.st_gid && (st.st_mode & 060) == 060 ? getgrgid(st.st_gid) : NULL;
	if (group)
		add_group_row(doctor, path, group);
	else
		add_udev_row(doctor, path, &st);
}

/* Microsoft's hypervisor keeps the CPU's extensions to itself. */
static bool add_mshv(struct doctor *doctor)
{
	if (!machine_has(doctor->env->dev, "mshv"))
		return false;
	doctor_add(doctor, "kvm", DOCTOR_PROBLEM,
		   xasprintf("%s/kvm is not there, and %s/mshv is: this machine runs guests on Microsoft's hypervisor, not on KVM. VMMs that support it (Cloud Hypervisor, QEMU with the accelerator mshv) can use it; l1tune sees guests of KVM only",
			     doctor->env->dev, doctor->env->dev), NULL);
	return true;
}

static void add_missing(struct doctor *doctor, const char *path, int err)
{
	const char *vendor = doctor_vendor_module(doctor);

	if (err == ENOENT && add_mshv(doctor))
		return;
	doctor_add(doctor, "kvm", DOCTOR_PROBLEM, xasprintf("%s: %s", path, strerror(err)),
		   machine_is_built_in(doctor->env->sysfs, vendor) ?
		   xstrdup("dmesg | grep -i kvm") :
		   xasprintf("dmesg | grep -i kvm\nmodprobe -r %s && modprobe %s", vendor, vendor));
}

/* With --dev it may stand for the device of another machine. */
static bool is_replaced(const char *path)
{
	struct stat st;

	return !strcmp(path, "/dev/kvm") && !stat(path, &st) && !S_ISCHR(st.st_mode);
}

void device_check(struct doctor *doctor, struct trial *trial)
{
	char *path = xasprintf("%s/kvm", doctor->env->dev);
	int fd = open(path, O_RDWR | O_CLOEXEC), err = errno;

	*trial = (struct trial){ .why_not = "see the row kvm" };
	if (fd >= 0 && is_replaced(path)) {
		doctor_add(doctor, "kvm", DOCTOR_PROBLEM,
			   xasprintf("%s is a file, not a device: something wrote to it before KVM was loaded", path),
			   xasprintf("rm %s\nmodprobe -r %s && modprobe %s", path,
				     doctor_vendor_module(doctor), doctor_vendor_module(doctor)));
	} else if (fd >= 0) {
		doctor_add(doctor, "kvm", DOCTOR_OK, xasprintf("%s can be opened", path), NULL);
		trial_run(doctor, fd, trial);
		trial_add_row(doctor, trial);
	} else if (err == EACCES || err == EPERM) {
		add_refused(doctor, path, err);
	} else {
		add_missing(doctor, path, err);
	}
	if (fd >= 0)
		close(fd);
	free(path);
}
