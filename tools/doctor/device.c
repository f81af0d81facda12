// SPDX-License-Identifier: GPL-2.0
/* /dev/kvm: whether it is there and can be opened, and what to do if not. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "doctor/device.h"
#include "doctor/permission.h"

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

bool device_is_registered(const struct doctor *doctor)
{
	char *misc = machine_text(doctor->env->proc, "misc");
	bool is_registered = machine_has(doctor->env->sysfs, "class/misc/kvm") ||
			     (misc && strstr(misc, " kvm\n"));

	free(misc);
	return is_registered;
}

/* Reloading KVM does not help: the device node is missing, which udev or others create. */
static void add_node_row(struct doctor *doctor, const char *path)
{
	doctor_add(doctor, "kvm", DOCTOR_PROBLEM,
		   xasprintf("KVM is loaded, but %s is missing: a container has only the devices that it is started with, so start it with this one (first three lines; Kubernetes needs a device plugin), and so have a service with PrivateDevices=yes (fourth) and a Flatpak (fifth). Elsewhere mount devtmpfs on /dev, or make the node (last line)",
			     path),
		   xstrdup("docker run --device /dev/kvm ...   # or podman\n"
			   "incus config device add CONTAINER kvm unix-char path=/dev/kvm   # or lxc\n"
			   "pct set CTID --dev0 /dev/kvm   # Proxmox\n"
			   "systemctl edit UNIT   # [Service] PrivateDevices=no DeviceAllow=/dev/kvm rw, each on a line\n"
			   "flatpak override --user --device=kvm APP\n"
			   "mknod -m 0660 /dev/kvm c 10 232"));
}

static void add_missing(struct doctor *doctor, const char *path, int err)
{
	const char *vendor = doctor_vendor_module(doctor);

	if (err == ENOENT && add_mshv(doctor))
		return;
	if (err == ENOENT && device_is_registered(doctor)) {
		add_node_row(doctor, path);
		return;
	}
	doctor_add(doctor, "kvm", DOCTOR_PROBLEM, xasprintf("%s: %s", path, strerror(err)),
		   machine_is_built_in(doctor->env->sysfs, vendor) ?
		   xstrdup("dmesg | grep -i kvm") :
		   xasprintf("dmesg | grep -i kvm\nmodprobe -r %s && modprobe %s", vendor, vendor));
}

/* Only /dev/kvm itself: with --dev, a file may represent the device of another machine. */
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
		permission_add_row(doctor, path, err);
	} else {
		add_missing(doctor, path, err);
	}
	if (fd >= 0)
		close(fd);
	free(path);
}
