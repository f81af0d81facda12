// SPDX-License-Identifier: GPL-2.0
/*
 * Only a guest that has run shows that KVM works: the device can be opened while another
 * hypervisor has the CPU, and a vCPU can be created though L0 rejects the controls that it
 * offers. Like most VMMs, the trial uses KVM's interrupt controllers.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/util.h"
#include "base/wait.h"
#include "doctor/seen.h"
#include "doctor/trial.h"
#include "model/entry-refusal.h"
#include "model/rival-modules.h"
#include "probe/vm.h"

#define KVM_MAJOR	10
#define KVM_MINOR	232
#define MAX_CPUID	256

/* Where on Intel KVM has three pages of its own for a guest in real mode. */
#define TSS_ADDRESS	0xfffbd000
#define GUEST_BYTES	4096
#define TIMEOUT_MS	1000

/* The feature bits of nesting. */
#define LEAF_VMX	1u
#define ECX_VMX		(1u << 5)
#define LEAF_SVM	0x80000001u
#define ECX_SVM		(1u << 2)

static bool is_device(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISCHR(st.st_mode) &&
	       major(st.st_rdev) == KVM_MAJOR && minor(st.st_rdev) == KVM_MINOR;
}

/* One more would be refused, counted and logged: of that nothing is to be left. */
static bool is_at_limit(const struct doctor *doctor)
{
	static const struct {
		const char *limit, *usage;
		uint64_t need;
	} limits[] = {
		{ "max_vms", "vms", 1 }, { "max_vms_per_user", "vms", 1 },
		{ "max_vcpus", "vcpus", 1 }, { "max_vcpus_per_vm", NULL, 1 },
		{ "max_memory_bytes", "memory_bytes", GUEST_BYTES },
		{ "max_memory_per_vm_bytes", NULL, GUEST_BYTES },
	};
	static const char *const kinds[] = { "limits", "audit" };
	const char *sysfs = doctor->env->sysfs;
	char limit[32], usage[32];
	size_t i, kind;

	for (i = 0; i < ARRAY_SIZE(limits); i++)
		for (kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
			if (!machine_file(sysfs, limit, sizeof(limit), "class/l1tune/l1/%s/%s",
					  kinds[kind], limits[i].limit) ||
			    !strcmp(limit, "max"))
				continue;
			snprintf(usage, sizeof(usage), "0");
			if (limits[i].usage &&
			    !machine_file(sysfs, usage, sizeof(usage),
					  "class/l1tune/l1/usage/%s", limits[i].usage))
				return true;
			if (strtoull(usage, NULL, 10) + limits[i].need > strtoull(limit, NULL, 10))
				return true;
		}
	return false;
}

static bool fail(struct trial *trial, const char *step)
{
	trial->step = step;
	trial->err = errno;
	return false;
}

static struct kvm_cpuid2 *new_cpuid(void)
{
	struct kvm_cpuid2 *cpuid = xcalloc(1, sizeof(*cpuid) +
					   MAX_CPUID * sizeof(cpuid->entries[0]));

	cpuid->nent = MAX_CPUID;
	return cpuid;
}

static bool has_bit(const struct kvm_cpuid2 *cpuid, __u32 leaf, __u32 ecx)
{
	__u32 i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == leaf && cpuid->entries[i].ecx & ecx)
			return true;
	return false;
}

/* What KVM offers is set, and what the vCPU then has is read. */
static void read_cpuid(int kvm, int vcpu, struct trial *trial)
{
	struct kvm_cpuid2 *cpuid = new_cpuid();

	if (!ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid) &&
	    !ioctl(vcpu, KVM_SET_CPUID2, cpuid)) {
		cpuid->nent = MAX_CPUID;
		trial->is_cpuid_known = !ioctl(vcpu, KVM_GET_CPUID2, cpuid);
		trial->shows_nesting = trial->is_cpuid_known &&
				       (has_bit(cpuid, LEAF_VMX, ECX_VMX) ||
					has_bit(cpuid, LEAF_SVM, ECX_SVM));
	}
	free(cpuid);
}

/* OUT of a port, which ends the run, in real mode at the beginning of its memory. */
static const uint8_t guest_code[] = { 0xe6, 0x80 };

static bool run_once(int vcpu, const struct kvm_run *run, struct trial *trial)
{
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs sregs;
	int err;

	if (ioctl(vcpu, KVM_GET_SREGS, &sregs))
		return fail(trial, "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) || ioctl(vcpu, KVM_SET_REGS, &regs))
		return fail(trial, "KVM_SET_SREGS");
	probe_watchdog(TIMEOUT_MS);
	err = ioctl(vcpu, KVM_RUN, 0);
	probe_watchdog(0);
	if (err)
		return fail(trial, "KVM_RUN");
	trial->has_run = true;
	trial->has_run_wrong = run->exit_reason != KVM_EXIT_IO;
	trial->exit_reason = run->exit_reason;
	if (run->exit_reason == KVM_EXIT_FAIL_ENTRY)
		trial->hardware_reason = run->fail_entry.hardware_entry_failure_reason;
	return true;
}

static bool run_with(int kvm, int vcpu, struct trial *trial)
{
	int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct kvm_run *run;
	bool has_run;

	if (size < (int)sizeof(*run))
		return fail(trial, "KVM_GET_VCPU_MMAP_SIZE");
	run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		return fail(trial, "mmap of the vCPU");
	has_run = run_once(vcpu, run, trial);
	munmap(run, size);
	return has_run;
}

static bool try_vcpu(int kvm, int vm, struct trial *trial)
{
	int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	bool has_run;

	if (vcpu < 0)
		return fail(trial, "KVM_CREATE_VCPU");
	read_cpuid(kvm, vcpu, trial);
	has_run = run_with(kvm, vcpu, trial);
	close(vcpu);
	return has_run;
}

static bool try_vm(int kvm, int vm, struct trial *trial)
{
	struct kvm_userspace_memory_region region = { .memory_size = GUEST_BYTES };
	uint8_t *memory = mmap(NULL, GUEST_BYTES, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool has_run;

	if (memory == MAP_FAILED)
		return fail(trial, "mmap");
	memcpy(memory, guest_code, sizeof(guest_code));
	region.userspace_addr = (uintptr_t)memory;
	if (ioctl(vm, KVM_SET_TSS_ADDR, TSS_ADDRESS))
		has_run = fail(trial, "KVM_SET_TSS_ADDR");
	else if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		has_run = fail(trial, "KVM_SET_USER_MEMORY_REGION");
	else if (ioctl(vm, KVM_CREATE_IRQCHIP, 0))
		has_run = fail(trial, "KVM_CREATE_IRQCHIP");
	else
		has_run = try_vcpu(kvm, vm, trial);
	munmap(memory, GUEST_BYTES);
	return has_run;
}

void trial_run(const struct doctor *doctor, int kvm, struct trial *trial)
{
	int vm;

	*trial = (struct trial){ };
	if (doctor->no_try)
		trial->why_not = "--no-try was given";
	else if (!is_device(kvm))
		trial->why_not = "it is not KVM's device";
	else if (is_at_limit(doctor))
		trial->why_not = "a limit or audit threshold of l1tune is reached";
	if (trial->why_not)
		return;
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
		fail(trial, "KVM_GET_API_VERSION");
		return;
	}
	trial->since_ns = boottime_ns();
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0) {
		fail(trial, "KVM_CREATE_VM");
		return;
	}
	if (try_vm(kvm, vm, trial))
		seen_wait_for_begin(doctor->env, trial->since_ns);
	close(vm);
}

static void add_busy(struct doctor *doctor, const struct trial *trial)
{
	char *modules = rival_modules(doctor->env->sysfs);

	if (*modules)
		doctor_add(doctor, "trial", DOCTOR_PROBLEM,
			   xasprintf("%s: another hypervisor has the CPU, most likely that of %s: stop its guests and unload it",
				     trial->step, modules),
			   xasprintf("modprobe -r %s", modules));
	else
		doctor_add(doctor, "trial", DOCTOR_PROBLEM,
			   xasprintf("%s: another hypervisor has the CPU, and no module known to do so is loaded: check what else is loaded",
				     trial->step),
			   xstrdup("lsmod\ndmesg | grep -i -e vmx -e svm -e kvm"));
	free(modules);
}

/* What an errno of these ioctls means, and what to do: the first that fits. */
static const struct {
	/* Of this one alone; NULL for all. */
	const char *step;
	int err;
	enum doctor_state state;
	const char *text;
	const char *commands;
} meanings[] = {
	{ "KVM_RUN", EIO, DOCTOR_PROBLEM, "KVM ended the guest after an error of its own, of which the log has a warning: a newer kernel may have it fixed",
	  "dmesg | grep -i kvm" },
	{ NULL, ENOMEM, DOCTOR_PROBLEM, "there is not enough memory, or not enough in one piece for a vCPU (second and third line), or the memory limit of this control group is reached",
	  "free -m\ndmesg | grep -A 3 'page allocation failure'\necho 1 > /proc/sys/vm/compact_memory\ncat /proc/self/cgroup" },
	{ NULL, EDQUOT, DOCTOR_WARNING, "a limit of l1tune denied it: this user cannot start a guest now",
	  "l1tune limits" },
	{ NULL, EPERM, DOCTOR_PROBLEM, "a security policy refused it: seccomp, a security module, or the device list of this container",
	  "grep Seccomp /proc/self/status\n" FIND_DENIALS },
	{ NULL, EINTR, DOCTOR_PROBLEM, "a guest of one instruction did not return within a second: this machine, or L0, does not let guests run",
	  "l1tune probe\ndmesg | grep -i kvm" },
	{ NULL, EACCES, DOCTOR_PROBLEM, "a security module refused it", FIND_DENIALS },
	{ NULL, EMFILE, DOCTOR_WARNING, "this process may have no more open files", "ulimit -n" },
	{ NULL, ENFILE, DOCTOR_PROBLEM, "the machine has no more open files", "cat /proc/sys/fs/file-nr" },
	{ NULL, ENOTTY, DOCTOR_WARNING, "this KVM lacks that call. Built without CONFIG_KVM_IOAPIC it lacks KVM_CREATE_IRQCHIP: VMMs that need it, as Firecracker does, start no guest; QEMU has -machine kernel-irqchip=split",
	  "grep CONFIG_KVM_IOAPIC /boot/config-$(uname -r)" },
	{ NULL, EIO, DOCTOR_PROBLEM, "KVM could not enable VMX or SVM: firmware, or L0, keeps it off on one of the CPUs",
	  "dmesg | grep -i kvm" },
};

static void add_failure(struct doctor *doctor, const struct trial *trial)
{
	enum doctor_state state = DOCTOR_PROBLEM;
	const char *text = "KVM does not say why", *commands = "dmesg | grep -i kvm";
	size_t i;

	for (i = 0; i < ARRAY_SIZE(meanings); i++)
		if (trial->err == meanings[i].err &&
		    (!meanings[i].step || !strcmp(trial->step, meanings[i].step))) {
			state = meanings[i].state;
			text = meanings[i].text;
			commands = meanings[i].commands;
			break;
		}
	doctor_add(doctor, "trial", state,
		   xasprintf("%s failed (%s): %s", trial->step, strerror(trial->err), text),
		   xstrdup(commands));
}

static void add_wrong(struct doctor *doctor, const struct trial *trial)
{
	const char *text = entry_refusal_text(trial->hardware_reason);

	if (trial->exit_reason == KVM_EXIT_FAIL_ENTRY)
		doctor_add(doctor, "trial", DOCTOR_PROBLEM,
			   xasprintf("no guest can run: the CPU refuses to enter one of one instruction: %s (reason %#llx). L0 or the CPU rejects what it offers: ask whoever runs L0",
				     text ? text : "no known reason",
				     (unsigned long long)trial->hardware_reason),
			   xstrdup("l1tune probe\ndmesg | grep -i kvm"));
	else
		doctor_add(doctor, "trial", DOCTOR_PROBLEM,
			   xasprintf("no guest can run: one of one instruction ended with KVM's exit reason %u",
				     trial->exit_reason),
			   xstrdup("l1tune probe\ndmesg | grep -i kvm"));
}

void trial_add_row(struct doctor *doctor, const struct trial *trial)
{
	if (trial->why_not)
		doctor_add(doctor, "trial", DOCTOR_INFO,
			   xasprintf("no VM was created: %s", trial->why_not), NULL);
	else if (trial->step && trial->err == EBUSY)
		add_busy(doctor, trial);
	else if (trial->step)
		add_failure(doctor, trial);
	else if (trial->has_run_wrong)
		add_wrong(doctor, trial);
	else
		doctor_add(doctor, "trial", DOCTOR_OK,
			   xstrdup("a VM with a vCPU was created, ran an instruction, and was closed again"), NULL);
}
