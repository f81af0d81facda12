// SPDX-License-Identifier: GPL-2.0
/* Why KVM is not loaded where the CPU offers what it needs. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "doctor/l0.h"
#include "doctor/rivals.h"
#include "doctor/unloaded.h"
#include "model/module-rules.h"
#include "model/proc.h"

/* A container shares the kernel of its host, which loads the modules. */
static void add_container(struct doctor *doctor, const char *vendor)
{
	doctor_add(doctor, "kvm", DOCTOR_PROBLEM,
		   xasprintf("%s is not loaded, and this is a PID namespace of its own, as in a container, which can load none: load it on the host, for good by a file in its /etc/modules-load.d, then start the container with /dev/kvm",
			     vendor),
		   xasprintf("modprobe %s   # on the host\n"
			     "echo %s > /etc/modules-load.d/kvm.conf   # on the host\n"
			     "docker run --device /dev/kvm ...   # or podman; l1tune doctor names other ways once it is loaded",
			     vendor, vendor));
}

static void add_no_modules(struct doctor *doctor, const char *vendor)
{
	if (l0_is_wsl(doctor))
		doctor_add(doctor, "kvm", DOCTOR_PROBLEM,
			   xasprintf("%s is not loaded, and this kernel's modules are not there (/lib/modules/%s): a kernel of your own needs kernelModules= below [wsl2] in .wslconfig, with the modules.vhdx of the same build; that of WSL needs neither kernel= nor kernelModules=",
				     vendor, doctor->machine.kernel),
			   xasprintf("cmd.exe /c 'notepad %%USERPROFILE%%\\.wslconfig'\nwsl.exe --update\nwsl.exe --shutdown"));
	else
		doctor_add(doctor, "kvm", DOCTOR_PROBLEM,
			   xasprintf("%s is not loaded, and this kernel's modules are not there (/lib/modules/%s), as after an upgrade of the kernel: start the machine again, into the kernel that is installed",
				     vendor, doctor->machine.kernel),
			   xstrdup("uname -r; ls /lib/modules\nreboot"));
}

/* False as well if that cannot be read. */
static bool lacks_module(const struct doctor *doctor, const char *vendor)
{
	char *path = xasprintf("self/root/lib/modules/%s/modules.dep", doctor->machine.kernel);
	char *dep = machine_text(doctor->env->proc, path);
	/* Files have either, and maybe .xz or .zst. */
	char *file = xasprintf("/%s.ko", vendor), *underscore;
	bool is_missing = dep && *dep && !strstr(dep, file);

	underscore = strchr(file, '_');
	*underscore = '-';
	is_missing = is_missing && !strstr(dep, file);
	free(file);
	free(dep);
	free(path);
	return is_missing;
}

static void add_lacking(struct doctor *doctor, const char *vendor)
{
	doctor_add(doctor, "kvm", DOCTOR_PROBLEM,
		   xasprintf("%s is not loaded, and is not among this kernel's modules (/lib/modules/%s/modules.dep): install the package that has the rest of them, or a kernel that is not made for small images",
			     vendor, doctor->machine.kernel),
		   xstrdup("apt install linux-modules-extra-$(uname -r)   # Ubuntu\n"
			   "dnf install kernel-modules-$(uname -r)   # EL, Fedora\n"
			   "grep CONFIG_KVM /boot/config-$(uname -r)"));
}

static void add_unknown(struct doctor *doctor, const char *vendor)
{
	doctor_add(doctor, "kvm", DOCTOR_PROBLEM,
		   xasprintf("%s is not loaded%s%s. If modprobe does nothing, or it is not loaded after the next boot either, a file in modprobe.d forbids it, as some instructions for VirtualBox have it (second command). If modprobe does not find it, a package of this kernel is missing (kernel-modules, linux-modules-extra), or this kernel has no KVM. If it fails with an I/O error or as not supported, %s (third command)",
			     vendor, doctor->machine.is_cpu_known ? ", though the CPU offers " : "",
			     !doctor->machine.is_cpu_known ? "" : doctor->machine.amd ? "SVM" : "VMX",
			     doctor->machine.virtualized ?
			     "L0 offers less than KVM needs: start this machine with its host's CPU model" :
			     "the firmware keeps it off"),
		   xasprintf("modprobe %s\nmodprobe -c | grep -E '^(blacklist|install) kvm'\ndmesg | grep -i kvm", vendor));
}

void unloaded_add_row(struct doctor *doctor)
{
	const char *vendor = doctor_vendor_module(doctor);

	if (rivals_add_unloaded(doctor))
		return;
	if (!proc_is_in_first_namespace())
		add_container(doctor, vendor);
	else if (modules_are_gone(doctor->env))
		add_no_modules(doctor, vendor);
	else if (lacks_module(doctor, vendor))
		add_lacking(doctor, vendor);
	else
		add_unknown(doctor, vendor);
}
