// SPDX-License-Identifier: GPL-2.0
/* Other hypervisors on this machine: VMX or SVM is of one of them at a time. */
#include <stdlib.h>

#include "base/util.h"
#include "doctor/checks.h"
#include "doctor/rivals.h"
#include "model/rival-modules.h"

void rivals_add_unloaded(struct doctor *doctor)
{
	const char *vendor = doctor_vendor_module(doctor);
	char *modules = rival_modules(doctor->env->sysfs);

	if (*modules)
		doctor_add(doctor, "kvm", DOCTOR_PROBLEM,
			   xasprintf("%s is not loaded, and %s is: another hypervisor has %s while its guests run, and KVM cannot have it then (from Linux 6.12 on it does not even load). Stop its guests and unload it first",
				     vendor, modules, doctor->machine.amd ? "SVM" : "VMX"),
			   xasprintf("modprobe -r %s\nmodprobe %s", modules, vendor));
	else
		doctor_add(doctor, "kvm", DOCTOR_PROBLEM,
			   xasprintf("%s is not loaded, though the CPU offers %s. If modprobe does nothing, or it is not loaded after the next boot either, a file in modprobe.d forbids it, as some instructions for VirtualBox have it (second command). If modprobe does not find it, a package of this kernel is missing (kernel-modules, linux-modules-extra), or this kernel has no KVM. If it fails with an I/O error or as not supported, %s (third command)",
				     vendor, doctor->machine.amd ? "SVM" : "VMX",
				     doctor->machine.virtualized ?
				     "L0 offers less than KVM needs: start this machine with its host's CPU model" :
				     "the firmware keeps it off"),
			   xasprintf("modprobe %s\nmodprobe -c | grep -E '^(blacklist|install) kvm'\ndmesg | grep -i kvm", vendor));
	free(modules);
}

/* KVM of Linux 6.12 and later has VMX or SVM from its load on, not from its first guest on. */
void check_rivals(struct doctor *doctor)
{
	const char *vendor = doctor_vendor_module(doctor);

	if (!machine_has(doctor->env->sysfs, "module/vboxdrv") ||
	    !machine_has(doctor->env->sysfs, "module/%s", vendor) ||
	    !machine_param_on(doctor->env, "kvm", "enable_virt_at_load"))
		return;
	doctor_add(doctor, "vboxdrv", DOCTOR_INFO,
		   xasprintf("vboxdrv is loaded, and this KVM keeps %s switched on while it is loaded (enable_virt_at_load): VirtualBox cannot start guests, unless it is new enough to ask KVM for it. With the parameter off each has it while its guests run",
			     doctor->machine.amd ? "SVM" : "VMX"),
		   machine_is_built_in(doctor->env->sysfs, "kvm") ?
		   xstrdup("grep -o 'kvm.enable_virt_at_load=[^ ]*' /proc/cmdline") :
		   xasprintf("echo 'options kvm enable_virt_at_load=0' > /etc/modprobe.d/l1tune-kvm.conf\n"
			     "modprobe -r %s kvm && modprobe %s   # no guest may run", vendor, vendor));
}
