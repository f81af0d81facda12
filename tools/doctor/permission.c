// SPDX-License-Identifier: GPL-2.0
/*
 * Who may open /dev/kvm. Its owner, group and mode may be set here, by udev, or on the
 * host of this container, and what a group or root of a container may is the host's
 * decision.
 */
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/util.h"
#include "doctor/l0.h"
#include "doctor/permission.h"

/* What the kernel shows for an owner or a group that has no id in this user namespace. */
#define NO_ID	65534

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
			   xasprintf("only root and the group %s may use %s: the user must be in that group, which takes effect at the next login; what cannot log in again, as a CI job, gets the device itself until the next boot (second line)",
				     group->gr_name, path),
			   xasprintf("usermod -aG %s %s\nsetfacl -m u:%s:rw /dev/kvm", group->gr_name, user, user));
	free(user);
}

/* Ids of the first user namespace are those of the host: all of them, each itself. */
static bool is_in_user_namespace(const struct doctor *doctor)
{
	char *map = machine_text(doctor->env->proc, "self/uid_map");
	unsigned int inside, outside, num;
	/* A kernel without user namespaces has no such file. */
	bool is_first = !map || (sscanf(map, "%u %u %u", &inside, &outside, &num) == 3 &&
				 !inside && !outside && num == UINT32_MAX);

	free(map);
	return !is_first;
}

static bool has_no_id(const struct stat *st)
{
	return st->st_uid == NO_ID || st->st_gid == NO_ID;
}

/* Root of a user namespace is root only for files whose owner and group have ids in it. */
static bool mode_allows(const struct stat *st, bool is_in_namespace)
{
	return (st->st_mode & 06) == 06 ||
	       (!geteuid() && !(is_in_namespace && has_no_id(st)));
}

static bool is_without_devices(const char *path)
{
	struct statvfs fs;

	return !statvfs(path, &fs) && fs.f_flag & ST_NODEV;
}

/* Who asks is not in the host's group, whatever the groups are called in here. */
static void add_namespace_row(struct doctor *doctor, const char *path, const struct stat *st,
			      int err)
{
	doctor_add(doctor, "kvm", DOCTOR_WARNING,
		   xasprintf("%s: %s. This is a user namespace (a rootless or unprivileged container): root in here is not root of the host and is in none of its groups, and mode %04o of %u:%u lets only those in. Start the container with one of the first three lines, or let everybody use the device on the host (last line)",
			     path, strerror(err), st->st_mode & 07777, st->st_uid, st->st_gid),
		   xstrdup("podman run --device /dev/kvm --group-add keep-groups ...   # by a user in the host's group kvm\n"
			   "pct set CTID --dev0 /dev/kvm,gid=GID   # Proxmox; GID is that of the group kvm in the container\n"
			   "incus config device add CONTAINER kvm unix-char path=/dev/kvm gid=GID   # or lxc\n"
			   "chmod 0666 /dev/kvm"));
}

/* WSL2 without systemd, a container, a system with another manager of devices. */
static void add_row_without_udev(struct doctor *doctor, const char *path, const struct stat *st,
				 const char *why)
{
	char *user = user_name();

	if (l0_is_wsl(doctor))
		doctor_add(doctor, "kvm", DOCTOR_WARNING,
			   xasprintf("only root may use %s (mode %04o, group %u): %s. Without systemd there is no udevd in WSL2 to change that: below [boot] in /etc/wsl.conf set systemd=true, or the command of the second line, then start WSL again",
				     path, st->st_mode & 07777, st->st_gid, why),
			   xasprintf("groupadd -f -r kvm && usermod -aG kvm %s\n"
				     "printf '[boot]\\ncommand = chown root:kvm /dev/kvm; chmod 660 /dev/kvm\\n' >> /etc/wsl.conf\n"
				     "wsl.exe --shutdown", user));
	else
		doctor_add(doctor, "kvm", DOCTOR_WARNING,
			   xasprintf("only root may use %s (mode %04o, group %u): %s. No udevd runs here. In a container owner and mode are those of the host: the rule belongs there (first three lines), and the container is started with the host's group (fourth). Elsewhere run the last line at each boot",
				     path, st->st_mode & 07777, st->st_gid, why),
			   xasprintf(UDEV_RULE
				     "docker run --device /dev/kvm --group-add $(stat -c %%g /dev/kvm) ...\n"
				     "chown root:kvm /dev/kvm && chmod 0660 /dev/kvm && usermod -aG kvm %s", user));
	free(user);
}

/* No group of users may use it, so being in one does not help. */
static void add_owner_row(struct doctor *doctor, const char *path, const struct stat *st)
{
	char *user = user_name();
	const char *why = !st->st_gid ? "its group is root" :
			  (st->st_mode & 060) != 060 ? "its mode does not let its group in" :
			  "its group has no name here";

	/* The socket by which udevadm reaches udevd, as this process sees it. */
	if (!machine_has(doctor->env->proc, "self/root/run/udev/control"))
		add_row_without_udev(doctor, path, st, why);
	else
		doctor_add(doctor, "kvm", DOCTOR_WARNING,
			   xasprintf("only root may use %s (mode %04o, group %u): %s. A udev rule gives it to the group kvm; membership takes effect at the next login",
				     path, st->st_mode & 07777, st->st_gid, why),
			   xasprintf(UDEV_RULE "usermod -aG kvm %s", user));
	free(user);
}

void permission_add_row(struct doctor *doctor, const char *path, int err)
{
	bool is_in_namespace = is_in_user_namespace(doctor);
	const struct group *group;
	struct stat st;

	if (stat(path, &st)) {
		doctor_add(doctor, "kvm", DOCTOR_WARNING,
			   xasprintf("%s: %s, and its mode cannot be read", path, strerror(err)),
			   xasprintf("ls -l %s", path));
		return;
	}
	/* The refusal is not that of the mode. */
	if (mode_allows(&st, is_in_namespace) && is_without_devices(path)) {
		doctor_add(doctor, "kvm", DOCTOR_WARNING,
			   xasprintf("%s: %s, because it is on a file system that is mounted with nodev, on which no device can be opened: mount that without nodev, or for a jail or a container use another directory",
				     path, strerror(err)),
			   xasprintf("findmnt -T %s\nmount -o remount,dev DIRECTORY", path));
		return;
	}
	if (mode_allows(&st, is_in_namespace)) {
		doctor_add(doctor, "kvm", DOCTOR_WARNING,
			   xasprintf("%s: %s, although its mode %04o allows it: the list of devices of a container, of a systemd unit (DeviceAllow=) or of a snap, or a security module refuses it",
				     path, strerror(err), st.st_mode & 07777),
			   xstrdup("docker run --device /dev/kvm ...\n"
				   "systemctl edit UNIT   # [Service] DeviceAllow=/dev/kvm rw\n"
				   "snap connect SNAP:kvm\n" FIND_DENIALS));
		return;
	}
	group = st.st_gid && (st.st_mode & 060) == 060 ? getgrgid(st.st_gid) : NULL;
	/* A container's other groups have the number of the host's kvm by chance. */
	if (is_in_namespace && !(group && !strcmp(group->gr_name, "kvm")))
		add_namespace_row(doctor, path, &st, err);
	else if (group)
		add_group_row(doctor, path, group);
	else
		add_owner_row(doctor, path, &st);
}
