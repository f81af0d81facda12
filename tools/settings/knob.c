// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/sysfs.h"
#include "base/util.h"
#include "model/machine.h"
#include "settings/knob.h"

#define NEW(_name, _unset, _least, _most, _what, ...)			\
	{ .name = _name, .kind = KNOB_NEW_GUESTS, .unset = _unset,	\
	  .least = _least, .most = _most, .what = _what, __VA_ARGS__ }
#define PARAM(_name, _what)						\
	{ .name = _name, .kind = KNOB_PARAM, .what = _what }

const struct knob knobs[] = {
	NEW("uid", "any", 0, UINT32_MAX - 1,
	    "whose guests get the next three: any, or a user's number"),
	NEW("halt_poll_ns", "default", 0, UINT32_MAX,
	    "how long a halted vCPU polls before it sleeps; 0: not at all",
	    .is_guests = true),
	NEW("pause_in_guest", "default", 1, 1,
	    "1: spinning on PAUSE does not exit; for vCPUs with a CPU each"),
	NEW("hlt_in_guest", "default", 1, 1,
	    "1: HLT does not exit, and keeps the CPU; for vCPUs with a CPU each"),
	PARAM("kvm.halt_poll_ns", "how long halted vCPUs of all guests poll at most; 0: not at all"),
	PARAM("kvm.halt_poll_ns_grow", "by what factor that grows when it was too short; 0: never"),
	PARAM("kvm.halt_poll_ns_grow_start", "what it grows from"),
	PARAM("kvm.halt_poll_ns_shrink", "by what divisor it shrinks; 0: to nothing at once"),
	PARAM("kvm.nx_huge_pages", "split large pages that the guest executes (iTLB multihit); costs EPT violations"),
	PARAM("kvm.nx_huge_pages_recovery_ratio", "of the split pages, the part that is merged again in a period"),
	PARAM("kvm.eager_page_split", "split large pages as dirty logging begins, not at each write"),
	PARAM("kvm.pi_inject_timer", "1: another CPU injects timer interrupts; for vCPUs with a CPU each"),
	PARAM("kvm.min_timer_period_us", "the shortest period of a guest's APIC timer"),
	PARAM("kvm.tdp_mmu", "the MMU whose faults run in parallel"),
	PARAM("kvm.lapic_timer_advance_ns", "start timers early and spin for the rest; -1: as measured"),
	PARAM("kvm.mmio_caching", "remember which addresses are devices: EPT_MISCONFIG instead of EPT_VIOLATION"),
	PARAM("kvm_intel.vmentry_l1d_flush", "flush L1D before entries (L1TF): not where L0 says that it does"),
	PARAM("kvm_intel.ple_gap", "cycles between PAUSEs of one loop; 0: no exits for PAUSE"),
	PARAM("kvm_intel.ple_window", "cycles in a loop before it exits"),
	PARAM("kvm_intel.enable_apicv", "the CPU serves the guest's APIC, if L0 offers that"),
	PARAM("kvm_intel.preemption_timer", "the guest's timer by the VMX preemption timer, which an L0 emulates"),
	PARAM("kvm_intel.ept", "the CPU walks the guest's page tables; without it each change of them exits"),
	PARAM("kvm_intel.eptad", "accessed and dirty bits in EPT"),
	PARAM("kvm_intel.vpid", "TLB entries outlive exits"),
	PARAM("kvm_intel.unrestricted_guest", "guests in real mode without emulation"),
	PARAM("kvm_intel.pml", "the CPU logs dirty pages, if L0 offers that"),
	PARAM("kvm_intel.enlightened_vmcs", "the VMCS in memory that it shares with an L0 that is Hyper-V"),
	PARAM("kvm_intel.nested", "guests may have guests"),
	PARAM("kvm_amd.npt", "the CPU walks the guest's page tables; without it each change of them exits"),
	PARAM("kvm_amd.avic", "the CPU serves the guest's APIC, if L0 offers that"),
	PARAM("kvm_amd.pause_filter_count", "PAUSEs in a loop before it exits; 0: never"),
	PARAM("kvm_amd.vgif", "a nested hypervisor's global interrupt flag without exits"),
	PARAM("kvm_amd.vls", "a nested hypervisor's VMLOAD and VMSAVE without exits"),
	PARAM("kvm_amd.nested", "guests may have guests"),
};

const size_t num_knobs = ARRAY_SIZE(knobs);

const struct knob *knob_find(const char *name)
{
	size_t i;

	for (i = 0; i < num_knobs; i++)
		if (!strcmp(knobs[i].name, name))
			return &knobs[i];
	return NULL;
}

const char *knob_check(const struct knob *knob, const char *value)
{
	uint64_t number;

	if (!*value)
		return "a value is missing";
	if (knob->kind == KNOB_PARAM || !strcmp(value, knob->unset))
		return NULL;
	if (parse_u64(value, &number))
		return !strcmp(knob->unset, "any") ?
		       "neither any nor the number of a user" :
		       "neither default nor a number";
	if (number > knob->most)
		return "too large";
	return number < knob->least ?
	       "to force an exit that KVM does without is not possible: default or 1" :
	       NULL;
}

/* "kvm.halt_poll_ns": below the directory of modules. */
static char *param_path(const struct knob *knob, const struct env *env)
{
	const char *dot = strchr(knob->name, '.');

	return xasprintf("%s/module/%.*s/parameters/%s", env->sysfs,
			 (int)(dot - knob->name), knob->name, dot + 1);
}

static void class_path(const struct knob *knob, const struct guest *guest,
		       char *path, size_t size)
{
	if (guest)
		snprintf(path, size, "l2-%llu/tune/%s",
			 (unsigned long long)guest->id, knob->name);
	else
		snprintf(path, size, "l1/tune/%s", knob->name);
}

enum knob_change knob_read(const struct knob *knob, const struct env *env,
			   const struct guest *guest, char *value, size_t size)
{
	enum knob_change change = KNOB_NOW;
	struct stat st;
	char path[64], *param;
	int len;

	if (knob->kind == KNOB_NEW_GUESTS) {
		class_path(knob, guest, path, sizeof(path));
		len = sysfs_read(env->class_fd, path, value, size);
		return len < 0 ? KNOB_ABSENT : KNOB_NOW;
	}
	param = param_path(knob, env);
	len = sysfs_read(AT_FDCWD, param, value, size);
	/* Root may write what has no such mode, and the kernel then refuses. */
	if (len < 0 || stat(param, &st))
		change = KNOB_ABSENT;
	else if (!(st.st_mode & 0222))
		change = KNOB_RELOAD;
	free(param);
	return change;
}

void knob_plan(const struct knob *knob, const struct env *env,
	       const struct guest *guest, const char *value,
	       struct class_write *write)
{
	char *param;

	write->after = xstrdup(value);
	if (knob->kind == KNOB_NEW_GUESTS) {
		class_path(knob, guest, write->path, sizeof(write->path));
		return;
	}
	param = param_path(knob, env);
	snprintf(write->path, sizeof(write->path), "%s", param);
	write->is_whole = true;
	free(param);
}

char *knob_reload(const struct knob *knob, const struct env *env,
		  const char *value)
{
	const char *dot = strchr(knob->name, '.');
	const char *vendor = machine_has(env->sysfs, "module/kvm_amd") ?
			     "kvm_amd" : "kvm_intel";
	char *module = xmemdup0(knob->name, dot - knob->name);
	bool is_built_in = machine_is_built_in(env->sysfs, module);

	free(module);
	if (is_built_in)
		return xasprintf("%s=%s on the kernel's command line, and then start the machine again: KVM is part of this kernel",
				 knob->name, value);
	return xasprintf("a line 'options %.*s %s=%s' in a file of /etc/modprobe.d, and then, with no guest running: modprobe -r %s kvm; modprobe %s",
			 (int)(dot - knob->name), knob->name, dot + 1, value,
			 vendor, vendor);
}
