// SPDX-License-Identifier: GPL-2.0
/* What doctor says about each way in which trying KVM can end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor/seen.h"
#include "doctor/trial.h"
#include "ktap.h"

struct expectation {
	const char *name;
	struct trial trial;
	enum doctor_state state;
	/* Parts of the row's text and commands. */
	const char *text, *commands;
};

static const struct expectation expectations[] = {
	{ "a guest that ran", { }, DOCTOR_OK, "ran an instruction", NULL },
	{ "controls that are not taken", { .has_run_wrong = true, .exit_reason = 9, .hardware_reason = 7 },
	  DOCTOR_PROBLEM, "entry with invalid controls (reason 0x7)", "l1tune probe" },
	{ "a guest that ended otherwise", { .has_run_wrong = true, .exit_reason = 17 },
	  DOCTOR_PROBLEM, "KVM's exit reason 17", "l1tune probe" },
	{ "a guest that does not come back", { .step = "KVM_RUN", .err = EINTR },
	  DOCTOR_PROBLEM, "within a second", "l1tune probe" },
	{ "nothing was tried", { .why_not = "--no-try was given" }, DOCTOR_INFO,
	  "no VM was created: --no-try", NULL },
	{ "another hypervisor without a module that is known", { .step = "KVM_CREATE_VM", .err = EBUSY },
	  DOCTOR_PROBLEM, "another hypervisor has the CPU, and no module", "lsmod" },
	{ "a limit of l1tune", { .step = "KVM_CREATE_VM", .err = EDQUOT },
	  DOCTOR_WARNING, "a limit of l1tune", "l1tune limits" },
	{ "no memory", { .step = "KVM_CREATE_VCPU", .err = ENOMEM },
	  DOCTOR_PROBLEM, "KVM_CREATE_VCPU failed", "free" },
	{ "memory in too small pieces", { .step = "KVM_CREATE_VCPU", .err = ENOMEM },
	  DOCTOR_PROBLEM, "not enough in one piece", "echo 1 > /proc/sys/vm/compact_memory" },
	{ "a security module", { .step = "KVM_CREATE_VM", .err = EACCES },
	  DOCTOR_PROBLEM, "a security module", "ausearch" },
	{ "a policy", { .step = "KVM_CREATE_VM", .err = EPERM },
	  DOCTOR_PROBLEM, "security policy", "Seccomp" },
	{ "a KVM without an I/O APIC", { .step = "KVM_CREATE_IRQCHIP", .err = ENOTTY },
	  DOCTOR_WARNING, "kernel-irqchip=split", "CONFIG_KVM_IOAPIC" },
	{ "VMX that is off", { .step = "KVM_CREATE_VM", .err = EIO },
	  DOCTOR_PROBLEM, "could not enable VMX or SVM", "dmesg" },
	{ "an error of KVM's own", { .step = "KVM_RUN", .err = EIO },
	  DOCTOR_PROBLEM, "after an error of its own", "dmesg" },
	{ "an error of which nothing is known", { .step = "KVM_CREATE_VM", .err = ENXIO },
	  DOCTOR_PROBLEM, "does not say why", "dmesg" },
};

static void check(struct doctor *doctor, const struct expectation *wanted)
{
	const struct doctor_row *row;

	doctor->num_rows = 0;
	trial_add_row(doctor, &wanted->trial);
	row = &doctor->rows[0];
	ktap_ok(doctor->num_rows == 1 && row->state == wanted->state &&
		strstr(row->text, wanted->text) &&
		(wanted->commands ? row->commands && strstr(row->commands, wanted->commands) :
				    !row->commands), "%s: %s", wanted->name, row->text);
	free(row->text);
	free(row->commands);
}

static void test_seen(void)
{
	const char *events =
		"7 1000 EVENT=guest ACTION=add L2=1 PID=500 UID=0 COMM=x\n"
		"8 2000 EVENT=guest ACTION=add L2=2 PID=50 UID=0 COMM=x\n"
		"9 3000 EVENT=guest ACTION=remove L2=2 PID=50 UID=0 COMM=x EXITS=2 GUEST_TIME_NS=5\n"
		"10 3500 EVENT=guest ACTION=remove L2=3 PID=51 UID=0 COMM=x EXITS=0 GUEST_TIME_NS=5\n";

	ktap_ok(seen_in_events(events, 50, 1500) == SEEN_ALL, "a guest's begin, exits and end are seen");
	ktap_ok(seen_in_events(events, 500, 0) == SEEN_BEGIN, "one that has not ended");
	ktap_ok(seen_in_events(events, 51, 0) == SEEN_END, "one without exits that was there before");
	ktap_ok(!seen_in_events(events, 500, 1500) && !seen_in_events(events, 5, 0),
		"nor an older one of that PID, nor another PID's");
}

int main(void)
{
	static const struct expectation rival = {
		"another hypervisor with its module", { .step = "KVM_CREATE_VM", .err = EBUSY },
		DOCTOR_PROBLEM, "that of vboxdrv", "modprobe -r vboxdrv",
	};
	char directory[] = "/tmp/test-trial.XXXXXX", *module, *modules;
	struct env env = { .sysfs = directory };
	struct doctor doctor = { .env = &env };
	size_t i;

	ktap_start();
	test_seen();
	if (!mkdtemp(directory))
		return 1;
	for (i = 0; i < ARRAY_SIZE(expectations); i++)
		check(&doctor, &expectations[i]);
	modules = xasprintf("%s/module", directory);
	module = xasprintf("%s/vboxdrv", modules);
	ktap_ok(!mkdir(modules, 0700) && !mkdir(module, 0700), "a module is loaded");
	check(&doctor, &rival);
	rmdir(module);
	rmdir(modules);
	rmdir(directory);
	free(module);
	free(modules);
	free(doctor.rows);
	return ktap_end();
}
