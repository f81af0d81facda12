// SPDX-License-Identifier: GPL-2.0
/* The questions that doctor asks of any machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/format.h"
#include "base/util.h"
#include "doctor/checks.h"
#include "doctor/device.h"
#include "doctor/doctor.h"
#include "doctor/l0.h"
#include "doctor/seen.h"
#include "doctor/unloaded.h"
#include "model/module-rules.h"
#include "model/proc.h"
#include "model/real-mode.h"

static const char *root(const struct doctor *doctor)
{
	return doctor->env->sysfs;
}

static void check_layer(struct doctor *doctor)
{
	const struct machine *machine = &doctor->machine;
	const char *l0 = doctor->has_module ? doctor->host.hypervisor : "";

	if (!machine->virtualized && !machine->is_cpu_known)
		doctor_add(doctor, "layer", DOCTOR_INFO,
			   xstrdup("unknown: see the row cpu"), NULL);
	else if (!machine->virtualized)
		doctor_add(doctor, "layer", DOCTOR_INFO,
			   xstrdup("this machine is L0: it is not virtualized, and its guests' exits end here; what other rows and columns say about L0 does not apply"),
			   NULL);
	else
		doctor_add(doctor, "layer", DOCTOR_OK,
			   xasprintf("this machine is an L1: a guest of %s, and its guests' exits trap to L0 first",
				     l0[0] ? l0 : "a hypervisor"), NULL);
}

static void check_pvm(struct doctor *doctor)
{
	if (doctor_has_pvm(doctor))
		doctor_add(doctor, "pvm", DOCTOR_INFO,
			   xstrdup("KVM is loaded as PVM (kvm_pvm), which runs guests without VMX or SVM and without exits to L0: l1tune neither counts nor limits its guests"),
			   NULL);
}

static void add_unknown_cpu(struct doctor *doctor)
{
	doctor_add(doctor, "cpu", DOCTOR_INFO,
		   xstrdup("whether the CPU offers VMX or SVM is unknown: /proc/cpuinfo has no flags here, as in an LXC container whose lxcfs has ended, or where /proc is mounted with subset=pid (systemd's ProcSubset=pid). What other rows say of the CPU and of L0 does not count"),
		   xstrdup("head /proc/cpuinfo\nfindmnt /proc /proc/cpuinfo"));
}

static void check_cpu(struct doctor *doctor)
{
	const char *flag = doctor_flag(doctor);
	char offered[8];
	bool locked;

	if (!doctor->machine.is_cpu_known) {
		add_unknown_cpu(doctor);
		return;
	}
	if (doctor_cpu_is_ready(doctor)) {
		doctor_add(doctor, "cpu", DOCTOR_OK,
			   xasprintf("the CPU offers %s (flag %s)", doctor->machine.amd ? "SVM" : "VMX",
				     flag), NULL);
		return;
	}
	if (doctor_has_pvm(doctor)) {
		doctor_add(doctor, "cpu", DOCTOR_INFO,
			   xasprintf("the CPU offers no %s, which PVM does not need: see the row pvm",
				     doctor->machine.amd ? "SVM" : "VMX"), NULL);
		return;
	}
	if (doctor_is_confidential(doctor)) {
		doctor_add(doctor, "cpu", DOCTOR_PROBLEM,
			   xasprintf("this is a confidential VM (TDX, SEV-SNP), which has no %s on any host, so KVM cannot run guests: use a machine that is not confidential",
				     doctor->machine.amd ? "SVM" : "VMX"), NULL);
		return;
	}
	/* The kernel hides the flag when firmware has locked the feature. */
	locked = machine_file(root(doctor), offered, sizeof(offered), "class/l1tune/l1/%s/offered",
			      flag) && !strcmp(offered, "1");
	if (locked)
		doctor_add(doctor, "cpu", DOCTOR_PROBLEM,
			   xasprintf("firmware has disabled and locked %s, so KVM cannot run guests: enable it in the firmware setup, or have L0 enable it",
				     doctor->machine.amd ? "SVM" : "VMX"),
			   xstrdup("dmesg | grep -i 'disabled by BIOS'"));
	else
		doctor_add(doctor, "cpu", DOCTOR_PROBLEM,
			   xasprintf("the CPU offers no %s, so KVM cannot run guests: %s",
				     doctor->machine.amd ? "SVM" : "VMX",
				     l0_is_xen_dom0(doctor) ? "Xen, which runs below it, does not pass it on" :
				     doctor->machine.virtualized ?
				     "enable nested virtualization for this machine on its host" :
				     "enable it in the firmware setup"),
			   xasprintf("grep -cw %s /proc/cpuinfo", flag));
}

static bool vendor_is_built_in(const struct doctor *doctor)
{
	return machine_is_built_in(root(doctor), doctor_vendor_module(doctor));
}

static void check_kvm(struct doctor *doctor, struct trial *trial)
{
	const char *vendor = doctor_vendor_module(doctor);

	if (vendor_is_built_in(doctor) && doctor_lacks_cpu(doctor))
		doctor_add(doctor, "kvm", DOCTOR_PROBLEM,
			   xasprintf("%s is built into this kernel and has no CPU to use: see the row cpu", vendor),
			   NULL);
	else if (machine_has(root(doctor), "module/%s", vendor) || doctor_has_pvm(doctor) ||
		 device_is_registered(doctor))
		device_check(doctor, trial);
	else if (machine_has(doctor->env->dev, "mshv") && !machine_has(doctor->env->dev, "kvm"))
		device_check(doctor, trial);
	else if (doctor_lacks_cpu(doctor))
		doctor_add(doctor, "kvm", DOCTOR_PROBLEM,
			   xasprintf("%s is not loaded, and cannot be: see the row cpu", vendor), NULL);
	else
		unloaded_add_row(doctor);
}

static void check_unloaded_module(struct doctor *doctor)
{
	char *why = modules_why_signed(doctor->env);

	if (modules_are_disabled(doctor->env))
		doctor_add(doctor, "module", DOCTOR_WARNING,
			   xasprintf("the module is not loaded, and this kernel loads no module until the next boot (kernel.modules_disabled is 1). What /etc/modules-load.d lists is loaded before that is set; name %s there, too",
				     doctor_vendor_module(doctor)),
			   xasprintf("printf 'l1tune\\n%s\\n' > /etc/modules-load.d/l1tune.conf", doctor_vendor_module(doctor)));
	else if (why)
		doctor_add(doctor, "module", DOCTOR_WARNING,
			   xasprintf("the module is not loaded, and this kernel loads only modules that are signed by a key that it trusts (%s)",
				     why),
			   xstrdup("l1tune apply --load || dmesg | tail -n 3\nmokutil --import KEY   # Debian, EL: /var/lib/dkms/mok.pub; Ubuntu: /var/lib/shim-signed/mok/MOK.der; or your own; then start the machine again and confirm"));
	else if (!proc_is_in_first_namespace())
		doctor_add(doctor, "module", DOCTOR_WARNING,
			   xstrdup("the module is not loaded: nothing is counted. This is a PID namespace of its own, as in a container: install l1tune on the host, and load the module there"),
			   xstrdup("l1tune apply --load   # on the host"));
	else
		doctor_add(doctor, "module", DOCTOR_WARNING,
			   xstrdup("the module is not loaded: nothing is counted"),
			   xstrdup("l1tune apply --load"));
	free(why);
}

static void check_module(struct doctor *doctor)
{
	if (doctor->has_other_module)
		doctor_add(doctor, "module", DOCTOR_WARNING,
			   xstrdup("the loaded module did not come with this l1tune, which cannot read it"),
			   xstrdup(RELOAD));
	else if (!doctor->has_module)
		check_unloaded_module(doctor);
	else if (strcmp(doctor->host.module, L1TUNE_VERSION))
		doctor_add(doctor, "module", DOCTOR_WARNING,
			   xasprintf("the module is %s, this tool %s: build both from one version, then load the module again",
				     doctor->host.module, L1TUNE_VERSION),
			   xstrdup(RELOAD));
	else
		doctor_add(doctor, "module", DOCTOR_OK,
			   xasprintf("l1tune %s is loaded", doctor->host.module), NULL);
}

/* Hooks that are not in place, "a waiting, b detached"; empty if there are none. */
static char *list_hooks(const struct host *host, bool wait_for_kvm)
{
	char *list = xstrdup("");
	size_t i;

	for (i = 0; i < host->num_hooks; i++) {
		const struct host_hook *hook = &host->hooks[i];

		if (!strcmp(hook->state, "ok") || !strcmp(hook->state, "off") ||
		    hook_waits_for_kvm(hook->state) != wait_for_kvm)
			continue;
		append(&list, "%s%s %s", *list ? ", " : "", hook->name, hook->state);
	}
	return list;
}

/* All say that they are in place: are they called, too? */
static void check_calls(struct doctor *doctor, const struct trial *trial)
{
	unsigned int seen;
	char *unseen;

	if (!trial->has_run || !seen_of_guest(doctor->env, trial->since_ns, &seen)) {
		doctor_add(doctor, "hooks", DOCTOR_OK,
			   xstrdup("all hooks into KVM are attached; whether they are called was not checked: a trial as root checks it"),
			   NULL);
	} else if (seen == SEEN_ALL) {
		doctor_add(doctor, "hooks", DOCTOR_OK,
			   xstrdup("all hooks into KVM are attached, and reported the trial's guest: its start, its exits, its end"),
			   NULL);
	} else {
		unseen = seen_list_missed(seen);
		doctor_add(doctor, "hooks", DOCTOR_WARNING,
			   xasprintf("all hooks into KVM are attached, but not all are called: they missed the trial guest's %s, so counts and limits are wrong. This kernel's KVM was built in a way unknown to l1tune",
				     unseen),
			   xstrdup("rmmod l1tune\ngrep -E 'LTO|CFI|COMPILER' /boot/config-$(uname -r)"));
		free(unseen);
	}
}

static void check_hooks(struct doctor *doctor, const struct trial *trial)
{
	char *bad, *waiting;

	if (!doctor->has_module)
		return;
	bad = list_hooks(&doctor->host, false);
	waiting = list_hooks(&doctor->host, true);
	if (!*bad && !*waiting)
		check_calls(doctor, trial);
	else if (!*bad)
		doctor_add(doctor, "hooks", DOCTOR_WARNING, xasprintf("KVM is not loaded: %s", waiting),
			   xasprintf("modprobe %s", doctor_vendor_module(doctor)));
	else
		doctor_add(doctor, "hooks", DOCTOR_WARNING,
			   xasprintf("this KVM does not have them, or another user holds them, so their counts are missing: %s%s%s",
				     bad, *waiting ? "; KVM is not loaded: " : "", waiting),
			   xstrdup("dmesg | grep l1tune\nls /sys/kernel/livepatch\ncat /sys/kernel/tracing/enabled_functions"));
	free(waiting);
	free(bad);
}

/* What L0 takes is known by KVM's steal clock only. */
static void check_steal(struct doctor *doctor)
{
	static const struct {
		const char *clock;
		enum doctor_state state;
		const char *text;
		const char *commands;
	} rows[] = {
		{ "ok", DOCTOR_OK, "known by KVM's steal clock, which L0 offers", NULL },
		{ "bare_metal", DOCTOR_INFO, "there is no L0 that could steal any", NULL },
		{ "not_offered", DOCTOR_INFO,
		  "unknown, because L0 offers no KVM steal clock: stolen time is counted as KVM's, the VMM's and the guest's time. If L0 is a KVM of yours, start this machine with it (QEMU: -cpu ...,kvm-steal-time=on)",
		  NULL },
		{ "not_enabled", DOCTOR_WARNING,
		  "unknown, because this kernel does not use the steal clock that L0 offers: start it without nopv, with CONFIG_KVM_GUEST",
		  "grep -w nopv /proc/cmdline\ngrep CONFIG_KVM_GUEST /boot/config-$(uname -r)\ndmesg | grep -e kvm-guest -e l1tune" },
		{ "no_hooks", DOCTOR_WARNING,
		  "unknown, because the hooks run, put and sched_in are not attached: see the row hooks",
		  NULL },
	};
	size_t i;

	if (!doctor->has_module)
		return;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(doctor->host.steal_clock, rows[i].clock))
			break;
	if (i < ARRAY_SIZE(rows))
		doctor_add(doctor, "stolen time", rows[i].state, xstrdup(rows[i].text),
			   rows[i].commands ? xstrdup(rows[i].commands) : NULL);
	else
		doctor_add(doctor, "stolen time", DOCTOR_INFO,
			   *doctor->host.steal_clock ?
			   xasprintf("the module says %s, which this tool does not know: build both from one version",
				     doctor->host.steal_clock) :
			   xstrdup("unknown: this module does not count it"), NULL);
}

static void check_lockdown(struct doctor *doctor)
{
	char mode[32];

	lockdown_read(doctor->env, mode, sizeof(mode));
	if (!mode[0])
		doctor_add(doctor, "lockdown", DOCTOR_INFO,
			   xstrdup("cannot be read here (no securityfs, or not root)"), NULL);
	else if (!strcmp(mode, "none"))
		doctor_add(doctor, "lockdown", DOCTOR_OK, xstrdup("off"), NULL);
	else
		doctor_add(doctor, "lockdown", DOCTOR_INFO,
			   xasprintf("%s: KVM's statistics in debugfs are hidden (kvm_stat shows nothing), those of l1tune are not", mode), NULL);
}

/* How a parameter of a module of KVM is set; to free. */
static char *set_nested(const struct doctor *doctor)
{
	const char *vendor = doctor_vendor_module(doctor);

	if (l0_is_wsl(doctor))
		return xasprintf("add %s.nested=1 to kernelCommandLine below [wsl2] in .wslconfig, then run wsl.exe --shutdown in Windows", vendor);
	if (vendor_is_built_in(doctor))
		return xasprintf("%s is built into this kernel: %s.nested=1 on the kernel command line lets them, from the next boot on", vendor, vendor);
	return xasprintf("%s with nested=1 lets them", vendor);
}

static void check_nested(struct doctor *doctor, const struct trial *trial)
{
	const char *vendor = doctor_vendor_module(doctor);
	char *set;

	if (!machine_has(root(doctor), "module/%s/parameters/nested", vendor))
		return;
	if (!machine_param_on(doctor->env, vendor, "nested")) {
		set = set_nested(doctor);
		doctor_add(doctor, "nesting", DOCTOR_INFO,
			   xasprintf("off: guests of this machine cannot run guests (L3) themselves; %s", set), NULL);
		free(set);
	} else if (!trial->is_cpuid_known) {
		doctor_add(doctor, "nesting", DOCTOR_OK,
			   xasprintf("on by the parameter of %s: guests of this machine may run guests (L3) themselves. Whether a vCPU shows %s was not tried",
				     vendor, doctor_flag(doctor)), NULL);
	} else if (trial->shows_nesting) {
		doctor_add(doctor, "nesting", DOCTOR_OK,
			   xasprintf("on: guests of this machine may run guests (L3) themselves, a vCPU's CPUID shows %s",
				     doctor_flag(doctor)), NULL);
	} else {
		doctor_add(doctor, "nesting", DOCTOR_WARNING,
			   xasprintf("the parameter of %s is on, but a vCPU's CPUID does not show %s: KVM lacks what it needs for guests inside guests (EPT or NPT, see the parameters ept and npt)",
				     vendor, doctor_flag(doctor)),
			   xasprintf("grep . /sys/module/%s/parameters/*\nl1tune caps\ndmesg | grep -i kvm", vendor));
	}
}

/* Without these KVM has page tables of its own for guests, and keeps them up to date by exits. */
static void check_paging(struct doctor *doctor)
{
	const char *vendor = doctor_vendor_module(doctor), *param = doctor->machine.amd ? "npt" : "ept";
	char *flags;
	bool is_offered;

	if (!machine_has(root(doctor), "module/%s/parameters/%s", vendor, param) ||
	    machine_param_on(doctor->env, vendor, param))
		return;
	flags = machine_cpuinfo(doctor->env, "flags");
	is_offered = flags && machine_has_word(flags, param);
	free(flags);
	doctor_add(doctor, "paging", DOCTOR_WARNING,
		   xasprintf("KVM does not use %s: each page fault and most changes of a page table in a guest are exits, which is slow. %s",
			     doctor->machine.amd ? "NPT" : "EPT",
			     is_offered ? "The CPU offers it, so a parameter switches it off: remove that, and load KVM again while no guest runs" :
			     doctor->machine.virtualized ? "L0 does not offer it: start this machine with a CPU model that has it (QEMU: -cpu host)" :
			     "The CPU does not offer it"),
		   is_offered ?
		   xasprintf("grep -rw %s /etc/modprobe.d /proc/cmdline\nmodprobe -r %s && modprobe %s", param, vendor, vendor) :
		   NULL);
}

/* As firmware and boot loaders begin; with EPT off it is not used either. */
static void check_real_mode(struct doctor *doctor)
{
	enum real_mode mode = real_mode_of(root(doctor));
	const char *vendor = doctor_vendor_module(doctor);

	if ((mode != REAL_MODE_NOT_OFFERED && mode != REAL_MODE_NOT_USED) ||
	    !machine_param_on(doctor->env, vendor, "ept"))
		return;
	doctor_add(doctor, "real mode", DOCTOR_WARNING,
		   xasprintf("KVM does not use unrestricted guests: it runs a guest's real mode as virtual-8086 mode and emulates the rest, so firmware is slow, and some guests end before they have booted. %s",
			     mode == REAL_MODE_NOT_USED ?
			     "L0 offers them, so a parameter switches them off: remove that, and load KVM again while no guest runs" :
			     "L0 does not offer them: start this machine with a CPU model that has them (QEMU: -cpu host), or its guests in protected mode (PVH, or a kernel that the VMM loads itself)"),
		   mode == REAL_MODE_NOT_USED ?
		   xasprintf("grep -rw unrestricted_guest /etc/modprobe.d /proc/cmdline\nmodprobe -r %s && modprobe %s", vendor, vendor) :
		   xstrdup("l1tune caps"));
}

static bool hibernation_is_planned(const struct doctor *doctor)
{
	char resume[32], state[64];
	char *cmdline = machine_text(doctor->env->proc, "cmdline");
	bool planned;

	machine_file(root(doctor), state, sizeof(state), "power/state");
	machine_file(root(doctor), resume, sizeof(resume), "power/resume");
	planned = machine_has_word(state, "disk") &&
		  ((resume[0] && strcmp(resume, "0:0")) || (cmdline && strstr(cmdline, "resume=")));
	free(cmdline);
	return planned;
}

/* A desktop has one by default, and KVM stops and goes on with it. */
static void add_hibernation(struct doctor *doctor)
{
	if (doctor->machine.virtualized)
		doctor_add(doctor, "hibernation", DOCTOR_WARNING,
			   xstrdup("a device to resume from is set: guests that run while this machine hibernates lose their time, and clouds do not support it together with nested virtualization on all systems; stop the guests before"),
			   xstrdup("systemctl mask hibernate.target hybrid-sleep.target"));
	else
		doctor_add(doctor, "hibernation", DOCTOR_INFO,
			   xstrdup("a device to resume from is set: guests that run while this machine hibernates lose their time"),
			   NULL);
}

static void check_hibernation(struct doctor *doctor)
{
	if (hibernation_is_planned(doctor))
		add_hibernation(doctor);
	else
		doctor_add(doctor, "hibernation", DOCTOR_OK, xstrdup("not planned: no device to resume from"), NULL);
}

static void check_cost(struct doctor *doctor)
{
	const struct measurement *m = doctor->measurement;
	char *time;

	if (!m) {
		doctor_add(doctor, "exit cost", DOCTOR_INFO, xstrdup(doctor->why_none), NULL);
		return;
	}
	time = format_ns(bench_ns(m, m->results[BENCH_CPUID].cycles.median));
	doctor_add(doctor, "exit cost", DOCTOR_INFO,
		   xasprintf("a CPUID exit takes %s here%s", time,
			     m->shadow == BENCH_SHADOW_YES ? ", L0 shadows the VMCS" :
			     m->shadow == BENCH_SHADOW_NO ? ", L0 does not shadow the VMCS" : ""), NULL);
	free(time);
}

void doctor_check_machine(struct doctor *doctor)
{
	struct trial trial = { };

	check_layer(doctor);
	check_cpu(doctor);
	check_pvm(doctor);
	check_kvm(doctor, &trial);
	check_rivals(doctor);
	check_devices(doctor);
	check_emulated(doctor);
	check_module(doctor);
	check_hooks(doctor, &trial);
	check_namespace(doctor);
	check_steal(doctor);
	check_cpus(doctor);
	check_moved(doctor);
	check_nested(doctor, &trial);
	check_paging(doctor);
	check_real_mode(doctor);
	check_promises(doctor);
	check_clocksource(doctor);
	check_lockdown(doctor);
	check_hibernation(doctor);
	check_huge_pages(doctor);
	check_memory_limits(doctor);
	check_tasks(doctor);
	check_overcommit(doctor);
	check_room(doctor);
	check_security(doctor);
	check_cost(doctor);
}
