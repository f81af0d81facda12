// SPDX-License-Identifier: GPL-2.0
/* The questions that doctor asks of any machine. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/format.h"
#include "base/util.h"
#include "doctor/doctor.h"

void doctor_add(struct doctor *doctor, const char *name, enum doctor_state state,
		char *text, char *commands)
{
	*GROW(doctor->rows, doctor->num_rows) = (struct doctor_row) {
		.name = name, .state = state, .text = text, .commands = commands,
	};
}

const char *doctor_flag(const struct doctor *doctor)
{
	return doctor->machine.amd ? "svm" : "vmx";
}

const char *doctor_vendor_module(const struct doctor *doctor)
{
	return doctor->machine.amd ? "kvm_amd" : "kvm_intel";
}

bool doctor_cpu_is_ready(const struct doctor *doctor)
{
	return doctor->machine.amd ? doctor->machine.svm : doctor->machine.vmx;
}

static const char *root(const struct doctor *doctor)
{
	return doctor->env->sysfs;
}

static void check_layer(struct doctor *doctor)
{
	const struct machine *machine = &doctor->machine;
	const char *l0 = doctor->has_module ? doctor->host.hypervisor : "";

	if (!machine->virtualized)
		doctor_add(doctor, "layer", DOCTOR_INFO,
			   xstrdup("this machine is L0: it is not virtualized, its guests' exits go no further than here; what other rows and columns say of L0 does not apply"),
			   NULL);
	else
		doctor_add(doctor, "layer", DOCTOR_OK,
			   xasprintf("this machine is an L1: a guest of %s, and its guests' exits go to that first",
				     l0[0] ? l0 : "a hypervisor"), NULL);
}

static void check_cpu(struct doctor *doctor)
{
	const char *flag = doctor_flag(doctor);
	char offered[8];
	bool locked;

	if (doctor_cpu_is_ready(doctor)) {
		doctor_add(doctor, "cpu", DOCTOR_OK,
			   xasprintf("the CPU offers %s (flag %s)", doctor->machine.amd ? "SVM" : "VMX",
				     flag), NULL);
		return;
	}
	/* The kernel hides the flag when firmware has locked the feature. */
	locked = machine_file(root(doctor), offered, sizeof(offered), "class/l1tune/l1/%s/offered",
			      flag) && !strcmp(offered, "1");
	if (locked)
		doctor_add(doctor, "cpu", DOCTOR_PROBLEM,
			   xasprintf("firmware has locked %s away, so KVM cannot run guests: switch it on in the firmware's set-up, or have L0 do it",
				     doctor->machine.amd ? "SVM" : "VMX"),
			   xstrdup("dmesg | grep -i 'disabled by BIOS'"));
	else
		doctor_add(doctor, "cpu", DOCTOR_PROBLEM,
			   xasprintf("the CPU offers no %s, so KVM cannot run guests: %s",
				     doctor->machine.amd ? "SVM" : "VMX",
				     doctor->machine.virtualized ?
				     "nested virtualization is to be switched on for this machine where it was started" :
				     "switch it on in the firmware's set-up"),
			   xasprintf("grep -cw %s /proc/cpuinfo", flag));
}

static bool vendor_is_built_in(const struct doctor *doctor)
{
	return machine_is_built_in(root(doctor), doctor_vendor_module(doctor));
}

static void check_dev(struct doctor *doctor)
{
	char *path = xasprintf("%s/kvm", doctor->env->dev);
	int fd = open(path, O_RDWR | O_CLOEXEC), err = errno;

	if (fd >= 0) {
		close(fd);
		doctor_add(doctor, "kvm", DOCTOR_OK, xasprintf("%s can be used", path), NULL);
	} else if (err == EACCES || err == EPERM) {
		doctor_add(doctor, "kvm", DOCTOR_WARNING,
			   xasprintf("%s is there and this user may not open it", path),
			   xasprintf("usermod -aG kvm %s", getenv("USER") ? "\"$USER\"" : "USER"));
	} else {
		doctor_add(doctor, "kvm", DOCTOR_PROBLEM,
			   xasprintf("%s: %s", path, strerror(err)),
			   vendor_is_built_in(doctor) ? xstrdup("dmesg | grep -i kvm") :
			   xasprintf("dmesg | grep -i kvm\nmodprobe -r %s && modprobe %s",
				     doctor_vendor_module(doctor), doctor_vendor_module(doctor)));
	}
	free(path);
}

static void check_kvm(struct doctor *doctor)
{
	const char *vendor = doctor_vendor_module(doctor);

	if (vendor_is_built_in(doctor) && !doctor_cpu_is_ready(doctor))
		doctor_add(doctor, "kvm", DOCTOR_PROBLEM,
			   xasprintf("%s is part of this kernel and has no CPU to work with: see the row cpu", vendor),
			   NULL);
	else if (machine_has(root(doctor), "module/%s", vendor))
		check_dev(doctor);
	else if (!doctor_cpu_is_ready(doctor))
		doctor_add(doctor, "kvm", DOCTOR_PROBLEM,
			   xasprintf("%s is not loaded, and cannot be: see the row cpu", vendor), NULL);
	else
		doctor_add(doctor, "kvm", DOCTOR_PROBLEM, xasprintf("%s is not loaded", vendor),
			   xasprintf("modprobe %s", vendor));
}

static void lockdown_of(const struct doctor *doctor, char *mode, size_t size)
{
	char text[128], *open, *close_;

	mode[0] = '\0';
	if (!machine_file(root(doctor), text, sizeof(text), "kernel/security/lockdown"))
		return;
	open = strchr(text, '[');
	close_ = open ? strchr(open, ']') : NULL;
	if (close_) {
		*close_ = '\0';
		snprintf(mode, size, "%s", open + 1);
	}
}

static void check_module(struct doctor *doctor)
{
	char lockdown[32];

	lockdown_of(doctor, lockdown, sizeof(lockdown));
	if (!doctor->has_module && lockdown[0] && strcmp(lockdown, "none"))
		doctor_add(doctor, "module", DOCTOR_WARNING,
			   xasprintf("the module is not loaded, and lockdown (%s) lets only modules in that are signed by a key this kernel trusts",
				     lockdown),
			   xstrdup("modprobe l1tune || dmesg | tail -n 3\nmokutil --import /var/lib/dkms/mok.pub   # then start the machine again and confirm"));
	else if (!doctor->has_module)
		doctor_add(doctor, "module", DOCTOR_WARNING,
			   xstrdup("the module is not loaded: nothing is counted"),
			   xstrdup("modprobe l1tune"));
	else if (strcmp(doctor->host.module, L1TUNE_VERSION))
		doctor_add(doctor, "module", DOCTOR_WARNING,
			   xasprintf("the module is %s, this tool %s: build both from one version, then load the module again",
				     doctor->host.module, L1TUNE_VERSION),
			   xstrdup("modprobe -r l1tune && modprobe l1tune"));
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

static void check_hooks(struct doctor *doctor)
{
	char *bad, *waiting;

	if (!doctor->has_module)
		return;
	bad = list_hooks(&doctor->host, false);
	waiting = list_hooks(&doctor->host, true);
	if (!*bad && !*waiting)
		doctor_add(doctor, "hooks", DOCTOR_OK, xstrdup("all hooks into KVM hold"), NULL);
	else if (!*bad)
		doctor_add(doctor, "hooks", DOCTOR_WARNING, xasprintf("KVM is not loaded: %s", waiting),
			   xasprintf("modprobe %s", doctor_vendor_module(doctor)));
	else
		doctor_add(doctor, "hooks", DOCTOR_WARNING,
			   xasprintf("this KVM does not have them, or another user holds them, so what they count is missing: %s%s%s",
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
		{ "bare_metal", DOCTOR_INFO, "there is no L0 that could take any", NULL },
		{ "not_offered", DOCTOR_INFO,
		  "unknown, because L0 offers no KVM steal clock: what L0 takes is counted as KVM's, the VMM's and the guest's time. If L0 is a KVM of yours, start this machine with it (QEMU: -cpu ...,kvm-steal-time=on)",
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

	lockdown_of(doctor, mode, sizeof(mode));
	if (!mode[0])
		doctor_add(doctor, "lockdown", DOCTOR_INFO,
			   xstrdup("cannot be read here (no securityfs, or not root)"), NULL);
	else if (!strcmp(mode, "none"))
		doctor_add(doctor, "lockdown", DOCTOR_OK, xstrdup("off"), NULL);
	else
		doctor_add(doctor, "lockdown", DOCTOR_INFO,
			   xasprintf("%s: KVM's statistics in debugfs are hidden (kvm_stat is blind), those of l1tune are not", mode), NULL);
}

static void check_clocksource(struct doctor *doctor)
{
	char current[32], available[128];

	if (!machine_file(root(doctor), current, sizeof(current),
			  "devices/system/clocksource/clocksource0/current_clocksource"))
		return;
	machine_file(root(doctor), available, sizeof(available),
		     "devices/system/clocksource/clocksource0/available_clocksource");
	/* tsc-early: for the first seconds, until the kernel has measured it. */
	if (!strcmp(current, "tsc") || !strcmp(current, "tsc-early") ||
	    !strcmp(current, "kvm-clock") || strstr(current, "hyperv_clocksource"))
		doctor_add(doctor, "clocksource", DOCTOR_OK,
			   xasprintf("%s: reading the time takes no exit", current), NULL);
	else if (machine_has_word(available, "tsc") || machine_has_word(available, "kvm-clock"))
		doctor_add(doctor, "clocksource", DOCTOR_WARNING,
			   xasprintf("%s: reading the time is slow, on an L1 an exit to L0 each time", current),
			   xasprintf("echo %s > /sys/devices/system/clocksource/clocksource0/current_clocksource",
				     machine_has_word(available, "kvm-clock") ? "kvm-clock" : "tsc"));
	else
		doctor_add(doctor, "clocksource", DOCTOR_INFO,
			   xasprintf("%s, and this machine has no faster one: reading the time is slow", current), NULL);
}

static void check_nested(struct doctor *doctor)
{
	const char *vendor = doctor_vendor_module(doctor);

	if (!machine_has(root(doctor), "module/%s/parameters/nested", vendor))
		return;
	if (machine_param_on(doctor->env, vendor, "nested"))
		doctor_add(doctor, "nesting", DOCTOR_OK,
			   xstrdup("on: guests of this machine may run guests (L3) themselves"), NULL);
	else
		doctor_add(doctor, "nesting", DOCTOR_INFO,
			   xasprintf("off: guests of this machine cannot run guests (L3) themselves; %s with nested=1 lets them", vendor), NULL);
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

static void check_hibernation(struct doctor *doctor)
{
	if (hibernation_is_planned(doctor))
		doctor_add(doctor, "hibernation", DOCTOR_WARNING,
			   xstrdup("a device to resume from is set: guests that run while this machine hibernates lose their time, and clouds do not support it together with nested virtualization on all systems; stop the guests before"),
			   xstrdup("systemctl mask hibernate.target hybrid-sleep.target"));
	else
		doctor_add(doctor, "hibernation", DOCTOR_OK, xstrdup("not planned: no device to resume from"), NULL);
}

static void check_huge_pages(struct doctor *doctor)
{
	char thp[64], *meminfo = machine_text(doctor->env->proc, "meminfo");
	const char *total = meminfo ? strstr(meminfo, "HugePages_Total:") : NULL;
	unsigned long long reserved = total ? strtoull(total + 16, NULL, 10) : 0;

	free(meminfo);
	machine_file(root(doctor), thp, sizeof(thp), "kernel/mm/transparent_hugepage/enabled");
	if (reserved)
		doctor_add(doctor, "huge pages", DOCTOR_OK,
			   xasprintf("%llu reserved for guests whose VMM asks for them", reserved), NULL);
	else if (strstr(thp, "[always]") || strstr(thp, "[madvise]"))
		doctor_add(doctor, "huge pages", DOCTOR_OK,
			   xasprintf("transparent ones are on (%s)", strstr(thp, "[always]") ? "always" : "madvise"), NULL);
	else if (strstr(thp, "[never]"))
		doctor_add(doctor, "huge pages", DOCTOR_WARNING,
			   xstrdup("off: a guest that touches 2 MB for the first time takes 512 exits instead of one"),
			   xstrdup("echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"));
	else
		doctor_add(doctor, "huge pages", DOCTOR_INFO, xstrdup("this kernel has no transparent ones"), NULL);
}

static void check_cpus_differ(struct doctor *doctor)
{
	char value[8];

	if (machine_file(root(doctor), value, sizeof(value), "class/l1tune/l1/%s/cpus_differ",
			 doctor_flag(doctor)) && !strcmp(value, "1"))
		doctor_add(doctor, "cpus", DOCTOR_WARNING,
			   xstrdup("CPUs differ in what they offer: guests may fail on some of them"),
			   xstrdup("dmesg | grep l1tune"));
}

static bool is_vulnerable(const struct doctor *doctor, const char *name)
{
	char value[256];

	return machine_file(root(doctor), value, sizeof(value),
			    "devices/system/cpu/vulnerabilities/%s", name) &&
	       !strncmp(value, "Vulnerable", 10);
}

/* The user's part of a cloud's shared responsibility, as far as it shows here. */
static void check_security(struct doctor *doctor)
{
	static const char *const names[] = {
		"l1tf", "mds", "meltdown", "spectre_v1", "spectre_v2", "spec_store_bypass",
		"tsx_async_abort", "mmio_stale_data", "retbleed", "gather_data_sampling",
		"reg_file_data_sampling", "spec_rstack_overflow", "srbds", "tsa", "vmscape",
		"indirect_target_selection",
	};
	char *list = xstrdup(""), *path = xasprintf("%s/kvm", doctor->env->dev);
	struct stat st;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (is_vulnerable(doctor, names[i]))
			append(&list, "%s%s", *list ? ", " : "", names[i]);
	if (list[0])
		doctor_add(doctor, "mitigations", DOCTOR_WARNING,
			   xasprintf("guests may read what is not theirs, this kernel says it is vulnerable: %s", list),
			   xstrdup("grep . /sys/devices/system/cpu/vulnerabilities/*\ngrep -o 'mitigations=[^ ]*' /proc/cmdline"));
	else if (machine_has(root(doctor), "devices/system/cpu/vulnerabilities"))
		doctor_add(doctor, "mitigations", DOCTOR_OK,
			   xstrdup("this kernel names no vulnerability of the CPU that is open"), NULL);
	if (!stat(path, &st) && (st.st_mode & S_IWOTH))
		doctor_add(doctor, "access", DOCTOR_INFO,
			   xasprintf("every user may run guests: %s is writable by all", path), NULL);
	free(path);
	free(list);
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
	check_layer(doctor);
	check_cpu(doctor);
	check_kvm(doctor);
	check_module(doctor);
	check_hooks(doctor);
	check_steal(doctor);
	check_cpus_differ(doctor);
	check_nested(doctor);
	check_clocksource(doctor);
	check_lockdown(doctor);
	check_hibernation(doctor);
	check_huge_pages(doctor);
	check_security(doctor);
	check_cost(doctor);
}
