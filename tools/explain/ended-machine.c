// SPDX-License-Identifier: GPL-2.0
/* What the machine on which a guest ended says of why. */
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/ended-machine.h"
#include "model/hlt-exits.h"
#include "model/machine.h"
#include "model/real-mode.h"
#include "model/rival-modules.h"

/* The error number of VMX for an entry with invalid controls. */
#define INVALID_CONTROLS	7

/* The reason of an exit for an entry with an invalid state of the guest. */
#define INVALID_STATE	0x80000021

/* Protected mode, in CR0. */
#define CR0_PE	1

static bool is_without_reason(const struct gone *gone, const struct gone_vcpu *vcpu)
{
	return !strcmp(gone->end, "fail_entry") && !vcpu->run.words[0];
}

/* Hyper-V as L0 gives no number where others say that controls are invalid. */
static bool is_refused_for_controls(const struct gone *gone, const struct gone_vcpu *vcpu)
{
	return is_without_reason(gone, vcpu) ||
	       (!strcmp(gone->end, "fail_entry") && vcpu->run.words[0] == INVALID_CONTROLS);
}

/* VMX that another hypervisor switched off, or took, fails without an error number. */
static void add_rivals(const char *sysfs, struct ended *ended)
{
	char *modules = rival_modules(sysfs);

	if (*modules) {
		free(ended->cause);
		ended->cause = xasprintf("the CPU refused to enter the guest and gave no reason, as when another hypervisor (%s) switches VMX off",
					 modules);
		ended->confidence = "medium";
		sentences_add(&ended->evidence, "loaded now: %s", modules);
		ended->made_next = xasprintf("stop the other hypervisor's guests and unload it: modprobe -r %s",
					     modules);
		ended->next = ended->made_next;
	} else {
		sentences_add(&ended->ruled_out, "another hypervisor, which may switch VMX off: no module of " RIVAL_HYPERVISORS " is loaded now");
	}
	free(modules);
}

static void try_first(struct ended *ended, const char *what)
{
	char *next = xasprintf("%s; otherwise: %s", what, ended->next);

	free(ended->made_next);
	ended->made_next = next;
	ended->next = next;
}

/* The controls of a guest are not in its record. */
static void add_hlt_exits(const char *sysfs, struct ended *ended)
{
	const char *why_needed = hlt_exits_why_needed(sysfs);

	if (!why_needed)
		return;
	sentences_add(&ended->open, "a guest whose HLT does not exit: %s", why_needed);
	try_first(ended, "start it with exits for HLT, if they are off: QEMU without -overcommit cpu-pm=on, l1tune tune hlt_in_guest=default, a VMM without KVM_CAP_X86_DISABLE_EXITS");
}

/* It lacks fields, and old kernels use some of these as soon as L0's CPU has what they control. */
static void add_evmcs(const char *sysfs, struct ended *ended)
{
	char used[8];

	if (!machine_file(sysfs, used, sizeof(used), "module/kvm_intel/parameters/enlightened_vmcs") ||
	    strcmp(used, "Y"))
		return;
	sentences_add(&ended->open, "Hyper-V's enlightened VMCS, which KVM uses here and which lacks some fields");
	try_first(ended, "if dmesg has \"unsupported EVMCS field\": a newer kernel, or load kvm_intel with enlightened_vmcs=0");
}

/*
 * Without unrestricted guests KVM runs real mode as virtual-8086 mode, for which the CPU checks
 * more of the state, and emulates what that cannot be, on the way to protected mode, too.
 */
static void add_real_mode(const char *sysfs, const char *which, const char *what,
			  struct ended *ended)
{
	static const char *const changes[] = {
		[REAL_MODE_NOT_OFFERED] = "if it was in real mode, as while it boots: ask whoever runs L0 for unrestricted guests, or start it in protected mode (PVH, or a kernel that the VMM loads itself)",
		[REAL_MODE_NOT_USED] = "if it was in real mode, as while it boots: load kvm_intel with unrestricted_guest=1 and ept=1",
	};
	enum real_mode mode = real_mode_of(sysfs);

	if (mode == REAL_MODE_UNKNOWN)
		return;
	if (mode == REAL_MODE_RUN) {
		sentences_add(&ended->ruled_out, "%s that KVM %s: KVM uses unrestricted guests", which, what);
		return;
	}
	sentences_add(&ended->open, "%s, which KVM %s here: %s", which, what,
		      mode == REAL_MODE_NOT_USED ? "kvm_intel.unrestricted_guest is N" :
						   "L0 does not offer unrestricted guests");
	try_first(ended, changes[mode]);
}

static bool is_in_real_mode(const struct gone_vcpu *vcpu)
{
	return vcpu->cr0.is_known && !(vcpu->cr0.value & CR0_PE);
}

static bool is_fault(const struct gone_exit *e)
{
	static const char *const names[] = { "EPT_VIOLATION", "EPT_MISCONFIG", "npf" };
	size_t i;

	for (i = 0; e && i < ARRAY_SIZE(names); i++)
		if (!strcmp(reason_kind(e->key.reason), names[i]))
			return true;
	return false;
}

/* An instruction that no page fault made KVM emulate. */
static bool is_unforced_emulation(const struct gone *gone, const struct gone_vcpu *vcpu)
{
	return !strcmp(gone->end, "internal_error") &&
	       (uint32_t)vcpu->run.words[0] == KVM_INTERNAL_ERROR_EMULATION &&
	       !is_fault(gone_last_exit(vcpu, 0));
}

static void add_mode(const struct gone *gone, const struct gone_vcpu *vcpu, const char *sysfs,
		     struct ended *ended)
{
	bool is_protected = vcpu->cr0.is_known && vcpu->cr0.value & CR0_PE;

	if (!strcmp(gone->end, "fail_entry") && vcpu->run.words[0] == INVALID_STATE && !is_protected)
		add_real_mode(sysfs, "real mode", "runs as virtual-8086 mode", ended);
	if (!is_unforced_emulation(gone, vcpu))
		return;
	add_real_mode(sysfs, "real mode or the way out of it", "emulates", ended);
	if (real_mode_of(sysfs) != REAL_MODE_UNKNOWN || !is_in_real_mode(vcpu))
		return;
	sentences_add(&ended->open, "real mode, which KVM emulates on VMX where unrestricted guests are not offered by L0 or not used");
	ended->next = "l1tune caps: whether L0 offers unrestricted_guest, and whether KVM uses it";
}

static void add_ignored(const char *sysfs, struct ended *ended)
{
	char value[8];

	if (!ended->next || !strstr(ended->next, IGNORE_MSRS) ||
	    !machine_file(sysfs, value, sizeof(value), "module/kvm/parameters/ignore_msrs"))
		return;
	if (strcmp(value, "Y"))
		sentences_add(&ended->evidence, "kvm.ignore_msrs is off now");
	else
		sentences_add(&ended->ruled_out, "an MSR that KVM does not know: kvm.ignore_msrs is on now");
}

void ended_explain_here(const struct gone *gone, const struct probe *probe, const char *sysfs,
			struct ended *ended)
{
	const struct gone_vcpu *vcpu = ended_vcpu(gone);

	ended_explain(gone, probe, ended);
	add_mode(gone, vcpu, sysfs, ended);
	if (!sysfs)
		return;
	if (is_without_reason(gone, vcpu))
		add_rivals(sysfs, ended);
	if (is_refused_for_controls(gone, vcpu) && !ended->made_next) {
		add_evmcs(sysfs, ended);
		add_hlt_exits(sysfs, ended);
	}
	add_ignored(sysfs, ended);
}
