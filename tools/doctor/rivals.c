// SPDX-License-Identifier: GPL-2.0
/* Other hypervisors on this machine: VMX or SVM is of one of them at a time. */
#include <stdio.h>
#include <stdlib.h>

#include "base/util.h"
#include "doctor/checks.h"
#include "doctor/rivals.h"
#include "model/rival-modules.h"

bool rivals_add_unloaded(struct doctor *doctor)
{
	const char *vendor = doctor_vendor_module(doctor);
	char *modules = rival_modules(doctor->env->sysfs);
	bool are_loaded = *modules;

	if (are_loaded)
		doctor_add(doctor, "kvm", DOCTOR_PROBLEM,
			   xasprintf("%s is not loaded, and %s is: another hypervisor has %s while its guests run, and KVM cannot have it then (from Linux 6.12 on it does not even load). Stop its guests and unload it first",
				     vendor, modules, doctor->machine.amd ? "SVM" : "VMX"),
			   xasprintf("modprobe -r %s\nmodprobe %s", modules, vendor));
	free(modules);
	return are_loaded;
}

/* From this one on VirtualBox leaves it to KVM to switch VMX or SVM on. */
#define VERSION(major, minor, patch)	((major) << 16 | (minor) << 8 | (patch))
#define RELIES_FROM	VERSION(7, 2, 10)

enum relies { RELIES_UNKNOWN, RELIES, RELIES_NOT };

static enum relies vbox_relies_on_kvm(const struct doctor *doctor)
{
	unsigned int major, minor, patch;
	char version[64];

	if (!machine_file(doctor->env->sysfs, version, sizeof(version), "module/vboxdrv/version") ||
	    sscanf(version, "%u.%u.%u", &major, &minor, &patch) != 3)
		return RELIES_UNKNOWN;
	return VERSION(major, minor, patch) >= RELIES_FROM ? RELIES : RELIES_NOT;
}

/* By a word of the command line, as the kernel and its modules take it. */
static char *change_at_load(const struct doctor *doctor, const char *first, const char *options)
{
	const char *vendor = doctor_vendor_module(doctor);

	return machine_is_built_in(doctor->env->sysfs, "kvm") ?
	       xasprintf("%sgrep -o 'kvm.enable_virt_at_load=[^ ]*' /proc/cmdline", first) :
	       xasprintf("%s%s\nmodprobe -r %s kvm && modprobe %s   # no guest may run", first, options,
			 vendor, vendor);
}

static void add_taken(struct doctor *doctor, const char *what, const char *first)
{
	doctor_add(doctor, "vboxdrv", DOCTOR_INFO,
		   xasprintf("vboxdrv is loaded, and this KVM keeps %s switched on while it is loaded (enable_virt_at_load): VirtualBox before 7.2.10%s cannot start guests. With the parameter off each has it while its guests run; VirtualBox from 7.2.10 on needs it on",
			     doctor->machine.amd ? "SVM" : "VMX", what),
		   change_at_load(doctor, first,
				  "echo 'options kvm enable_virt_at_load=0' > /etc/modprobe.d/l1tune-kvm.conf"));
}

static void add_withheld(struct doctor *doctor)
{
	doctor_add(doctor, "vboxdrv", DOCTOR_INFO,
		   xasprintf("vboxdrv is loaded, and is of a version that leaves it to KVM to switch %s on, which this KVM does for its own guests only (enable_virt_at_load is off): VirtualBox cannot start guests, and was seen to hang machines. Remove the parameter, which VirtualBox before 7.2.10 needed",
			     doctor->machine.amd ? "SVM" : "VMX"),
		   change_at_load(doctor, "", "grep -r enable_virt_at_load /etc/modprobe.d /usr/lib/modprobe.d /proc/cmdline"));
}

/* KVM of Linux 6.12 and later has VMX or SVM from its load on, not from its first guest on. */
void check_rivals(struct doctor *doctor)
{
	enum relies relies = vbox_relies_on_kvm(doctor);
	char value[8];
	bool is_on;

	if (!machine_has(doctor->env->sysfs, "module/vboxdrv") ||
	    !machine_has(doctor->env->sysfs, "module/%s", doctor_vendor_module(doctor)) ||
	    !machine_file(doctor->env->sysfs, value, sizeof(value), "module/kvm/parameters/enable_virt_at_load"))
		return;
	is_on = machine_param_on(doctor->env, "kvm", "enable_virt_at_load");
	if (is_on && relies == RELIES_NOT)
		add_taken(doctor, ", as this one is,", "");
	else if (is_on && relies == RELIES_UNKNOWN)
		add_taken(doctor, "", "modinfo -F version vboxdrv   # only if before 7.2.10:\n");
	else if (!is_on && relies == RELIES)
		add_withheld(doctor);
}
