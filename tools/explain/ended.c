// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/format.h"
#include "base/util.h"
#include "explain/ended-error.h"
#include "explain/ended-status.h"
#include "explain/ended.h"
#include "explain/guest-request.h"
#include "explain/signal-end.h"
#include "explain/vmm-status.h"
#include "model/entry-refusal.h"
#include "model/exception.h"
#include "model/l3.h"
#include "probe/met.h"

/* An exception that KVM injected this long before the end is named with it. */
#define REFUSED_RECENTLY_NS	(30 * NSEC_PER_SEC)

/* A later CPU model has it, or KVM never does. */
#define ABOUT_MSR	"if KVM does not know this MSR, l1tune tune " IGNORE_MSRS "=1: it then reads as 0, and writes are ignored (report_ignored_msrs=0 keeps them out of the log); otherwise a CPU model that has it (QEMU: -cpu host)"
#define ABOUT_CPU	"compare the CPU features that the VMM gives the guest with those that this host has (l1tune caps, /proc/cpuinfo); the guest's console shows the panic"

#define RESET_OR_PANIC	"the guest's console shows whether it was a reboot or a panic"

/* How SVM and VMX name what the module counts. */
static const struct reasons msr_reads = { { "MSR_READ", "msr" } };
static const struct reasons msr_writes = { { "MSR_WRITE", "msr" } };
static const struct reasons xsetbvs = { { "XSETBV", "xsetbv" } };
static const struct reasons crs = { { "CR_ACCESS", "write_cr0", "write_cr3", "write_cr4", "cr0_sel_write" } };
static const struct reasons shutdowns = { { "TRIPLE_FAULT", "shutdown" } };

/* "RDMSR of MSR 0x12345678", as far as it is known what the guest did: a copy. */
static char *describe_refused(const struct gone_refused *r)
{
	const char *reason = r->key.reason;
	const uint64_t value = r->edx << 32 | r->eax;

	if (!strcmp(reason, "msr"))
		return xasprintf("RDMSR or WRMSR of MSR 0x%" PRIx64, r->ecx);
	if (reasons_have(&msr_reads, reason))
		return xasprintf("RDMSR of MSR 0x%" PRIx64, r->ecx);
	if (reasons_have(&msr_writes, reason))
		return xasprintf("WRMSR of MSR 0x%" PRIx64 " (value 0x%" PRIx64 ")", r->ecx,
				 value);
	if (reasons_have(&xsetbvs, reason))
		return xasprintf("XSETBV of XCR%" PRIu64 " (value 0x%" PRIx64 ")", r->ecx, value);
	if (reasons_have(&crs, reason))
		return xstrdup("a write to a control register");
	return xasprintf("an exit %s", reason);
}

static bool is_recent(const struct gone *gone, const struct gone_refused *r)
{
	return r->since_ns && sub_clamped(gone->ended_ns.value, r->since_ns) <= REFUSED_RECENTLY_NS;
}

/* Kernels try MSRs to see whether they are there, but these only after CPUID has said so. */
static bool is_promised(const struct gone_refused *r)
{
	return reasons_have(&xsetbvs, r->key.reason) || reasons_have(&crs, r->key.reason);
}

static bool is_of_msr(const struct gone_refused *r)
{
	return reasons_have(&msr_reads, r->key.reason) || reasons_have(&msr_writes, r->key.reason);
}

/* What KVM refused before the end, as evidence or as what else fits. */
static bool add_refused(const struct gone *gone, const struct gone_vcpu *vcpu,
			struct sentences *texts)
{
	const struct gone_refused *r = &vcpu->refused;
	uint64_t ago_ns = sub_clamped(gone->ended_ns.value, r->since_ns);
	char *what, *ago;

	if (!is_recent(gone, r))
		return false;
	what = describe_refused(r);
	ago = format_ns(ago_ns);
	sentences_add(texts, "KVM answered %s with %s %s before the end", what,
		      exception_name(r->vector), ago);
	free(what);
	free(ago);
	return true;
}

static void explain_triple_fault(const struct gone *gone, const struct gone_vcpu *vcpu,
				 struct ended *ended)
{
	const struct gone_exit *last = gone_last_exit(vcpu, 0);
	const struct gone_exit *before = gone_last_exit(vcpu, 1);
	const struct gone_refused *r = &vcpu->refused;
	char *what;

	if (last && last->key.level == 3) {
		ended_conclude(ended, "high", "triple fault in a guest inside it, which it does not intercept");
		sentences_add(&ended->evidence, "the last exit, %s, is at level 3", last->key.reason);
		return;
	}
	if (ended_exit_is(last, &shutdowns))
		sentences_add(&ended->evidence, "the last exit is %s", last->key.reason);
	if (r->since_ns && before && r->since_ns == before->since_ns) {
		what = describe_refused(r);
		ended_conclude(ended, "high", "triple fault: KVM answered %s with %s, and the guest could not handle it",
			       what, exception_name(r->vector));
		free(what);
		sentences_add(&ended->evidence, "the exit before it, %s, is where KVM injected %s",
			      before->key.reason, exception_name(r->vector));
		ended->next = is_of_msr(r) ? ABOUT_MSR : is_promised(r) ? ABOUT_CPU :
			      "the guest's console or crash dump shows the exception";
		return;
	}
	if (vcpu->exception_queued.is_known && vcpu->exception_queued.value) {
		ended_conclude(ended, "medium", "triple fault while %s was delivered",
			       exception_name(vcpu->exception.value));
		sentences_add(&ended->evidence, "KVM had %s queued", exception_name(vcpu->exception.value));
		return;
	}
	sentences_add(&ended->ruled_out, "an exception injected by KVM: none in the exit before");
	if (is_recent(gone, r) && is_promised(r)) {
		what = describe_refused(r);
		ended_conclude(ended, "medium", "triple fault, likely a restart after a panic: KVM answered %s with %s",
			       what, exception_name(r->vector));
		free(what);
		add_refused(gone, vcpu, &ended->evidence);
		ended->next = ABOUT_CPU;
		return;
	}
	ended_conclude(ended, "medium", "triple fault by an exception that did not exit to KVM");
	if (!add_refused(gone, vcpu, &ended->open) && vcpu->exception.is_known && vcpu->exception.value)
		sentences_add(&ended->open, "an earlier %s that KVM injected", exception_name(vcpu->exception.value));
	sentences_add(&ended->open, "a deliberate restart: Linux triple-faults with reboot=t, and if no other reset works");
	ended->next = is_recent(gone, r) && is_of_msr(r) ?
		"the guest's console or crash dump shows the exception; if it is because of an MSR: " ABOUT_MSR :
		"the guest's console or crash dump shows the exception";
}

static void explain_shutdown(const struct gone *gone, const struct gone_vcpu *vcpu,
			     struct ended *ended)
{
	explain_triple_fault(gone, vcpu, ended);
	sentences_add(&ended->evidence, "KVM_RUN returned KVM_EXIT_SHUTDOWN");
	if (vcpu->rip.is_known)
		sentences_add(&ended->evidence, "RIP was 0x%" PRIx64, vcpu->rip.value);
}

static void add_reset_meaning(const struct gone *gone, struct ended *ended)
{
	const char *meaning = vmm_reset_meaning(gone->comm);

	if (meaning)
		sentences_add(&ended->open, "%s", meaning);
}

static void explain_reset(const struct gone *gone, const struct gone_vcpu *vcpu,
			  struct ended *ended)
{
	const struct gone_run *run = &vcpu->run;
	const char *way = vcpu->port.port == 0x64 ? "the keyboard controller (port 0x64)" :
						     "port 0xcf9";

	if (run->is_final && run->reason == KVM_EXIT_SYSTEM_EVENT) {
		ended_conclude(ended, "high", "the guest asked for a reset through a paravirtual interface");
		sentences_add(&ended->evidence, "KVM_RUN returned KVM_EXIT_SYSTEM_EVENT, type reset");
	} else {
		ended_conclude(ended, "high", "the guest reset itself through %s, and the VMM ended it", way);
		sentences_add(&ended->evidence, "its last exit is OUT of 0x%" PRIx64 " to port 0x%" PRIx64
			      ", from which the VMM did not return", vcpu->port.value, vcpu->port.port);
	}
	add_reset_meaning(gone, ended);
	/* Linux does so on panic and on reboot. */
	if (add_refused(gone, vcpu, &ended->open))
		sentences_add(&ended->open, "a guest panic because of that, with a reboot");
	else
		sentences_add(&ended->ruled_out, "an instruction that KVM refused in the last 30 s: none");
	ended->next = is_recent(gone, &vcpu->refused) && is_of_msr(&vcpu->refused) ?
		RESET_OR_PANIC "; if a panic because of an MSR: " ABOUT_MSR : RESET_OR_PANIC;
}

/* Firmware asks for System Management Mode by this port, and the other vCPUs may follow. */
#define SMI_PORT	0xb2

static bool asked_for_smm(const struct gone *gone)
{
	size_t i;

	for (i = 0; i < gone->num_vcpus; i++)
		if (gone->vcpus[i].port.is_known && !gone->vcpus[i].port.is_in &&
		    gone->vcpus[i].port.port == SMI_PORT)
			return true;
	return false;
}

static void add_smm(const struct gone *gone, struct ended *ended)
{
	if (!asked_for_smm(gone))
		return;
	sentences_add(&ended->evidence, "the last access of a vCPU to a port is OUT to port 0xb2: its firmware asked for System Management Mode");
	ended->next = "firmware that needs no System Management Mode (for OVMF one without secure boot, or built without SMM_REQUIRE; QEMU -machine smm=off; libvirt <smm state='off'/>): some L0s, among them Hyper-V with AMD CPUs, do not run guests of a guest in it. Otherwise dump_invalid_vmcs=1 (kvm_intel) or dump_invalid_vmcb=1 (kvm_amd) shows the field";
}

static void explain_fail_entry(const struct gone *gone, const struct gone_vcpu *vcpu,
			       struct ended *ended)
{
	uint64_t reason = vcpu->run.words[0];
	const char *text = entry_refusal_text(reason);

	ended_conclude(ended, "high", "the CPU refused to enter the guest%s%s", text ? ": " : "",
		       text ? text : reason ? "" : " and gave no reason");
	sentences_add(&ended->evidence, "KVM_RUN returned KVM_EXIT_FAIL_ENTRY, hardware reason 0x%" PRIx64,
		      reason);
	/* An error number of a VMX instruction, or 0 for one that failed without a number. */
	ended->next = vmx_error_text(reason) || !reason ?
		"not caused by the guest: controls that were offered to KVM are rejected; l1tune probe shows whether any guest can run here, dump_invalid_vmcs=1 (kvm_intel) which controls KVM set" :
		"only the CPU knows the field: set dump_invalid_vmcs=1 (kvm_intel) or dump_invalid_vmcb=1 (kvm_amd)";
	add_smm(gone, ended);
}

/* Types that older headers lack. */
#define SYSTEM_EVENT_SEV_TERM	6
#define SYSTEM_EVENT_TDX_FATAL	7

static const struct {
	uint32_t type;
	const char *text, *next;
} system_events[] = {
	{ KVM_SYSTEM_EVENT_SHUTDOWN, "the guest asked to be powered off", NULL },
	{ KVM_SYSTEM_EVENT_CRASH, "the guest reported that it crashed",
	  "the guest's console or crash dump shows why; libvirt's log (/var/log/libvirt/qemu) has the stop code of Windows (\"panic hyper-v: arg1=\")" },
	{ SYSTEM_EVENT_SEV_TERM, "the guest's firmware or kernel ended it, which is confidential (SEV), by a termination request",
	  "dmesg has the reason (\"guest requested termination\")" },
	{ SYSTEM_EVENT_TDX_FATAL, "the guest's firmware or kernel, which is confidential (TDX), reported a fatal error",
	  "the VMM's own log has the error" },
};

static void explain_system_event(const struct gone *gone, const struct gone_vcpu *vcpu,
				 struct ended *ended)
{
	uint32_t type = vcpu->run.words[0];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(system_events) && system_events[i].type != type; i++)
		;
	if (i < ARRAY_SIZE(system_events)) {
		ended_conclude(ended, "high", "%s", system_events[i].text);
		ended->next = system_events[i].next;
	} else {
		ended_conclude(ended, "low", "the guest raised a system event of a type that this version of l1tune does not know");
		ended->next = "the VMM's own log";
	}
	sentences_add(&ended->evidence, "KVM_RUN returned KVM_EXIT_SYSTEM_EVENT, type %" PRIu32, type);
	add_refused(gone, vcpu, &ended->open);
}

static void add_last_exit(const struct gone *gone, const struct gone_vcpu *vcpu,
			  struct ended *ended)
{
	const struct gone_exit *last = gone_last_exit(vcpu, 0);

	if (!last) {
		sentences_add(&ended->evidence, "the guest never had an exit");
		return;
	}
	if (!last->is_open)
		sentences_add(&ended->evidence, "vCPU %" PRIu64 " was in the guest", vcpu->id);
	else if (ended_exit_is(last, &halts))
		sentences_add(&ended->evidence, "vCPU %" PRIu64 " was halted", vcpu->id);
	else
		sentences_add(&ended->evidence, "the last exit of vCPU %" PRIu64 " is %s", vcpu->id,
			      last->key.reason);
	sentences_add(&ended->ruled_out, "a triple fault or a system event of the guest: KVM_RUN returned none");
	add_refused(gone, vcpu, &ended->open);
}

/* What a guest asks for by an access like any other. */
static void add_request(const struct gone *gone, struct ended *ended)
{
	struct guest_request request;

	if (guest_request_find(gone, &request))
		sentences_add(&ended->evidence, "the last access of a vCPU to a port is OUT of 0x%" PRIx64
			      " to port 0x%" PRIx64 ": %s", request.port->value,
			      request.port->port, request.text);
	else
		sentences_add(&ended->open, "a guest that switched itself off through a device of the VMM, such as ACPI");
}

/* Which memory was used up is in the kernel's log only. */
static void explain_oom(const struct gone *gone, struct ended *ended)
{
	char *memory = format_bytes(gone->memory_bytes);

	ended_conclude(ended, "high", "the OOM killer killed the VMM");
	if (gone->memory_bytes)
		sentences_add(&ended->evidence, "the guest had %s of memory, so the VMM needs more than that",
			      memory);
	free(memory);
	sentences_add(&ended->open, "the memory limit (memory.max) of the VMM's cgroup (its container, pod or service) has no room for the VMM's own memory beside the guest's: the usual cause if the machine had memory free");
	sentences_add(&ended->open, "the memory of this machine was used up, of which hugetlbfs's reserve and ZFS's ARC are a part");
	sentences_add(&ended->open, "the memory of the NUMA nodes that the VMM may use was used up (a memory policy, a cpuset), though others had some");
	ended->next = "dmesg: \"Memory cgroup out of memory\" is a limit, and memory.events (oom_kill) of the VMM's cgroup or of those above it counts it: raise memory.max there above the guest's memory plus the VMM's own; \"Out of memory\" alone is this machine (CONSTRAINT_NONE): give its guests less memory, run fewer, or reserve less for hugetlbfs and the ARC; with CONSTRAINT_MEMORY_POLICY or CONSTRAINT_CPUSET it is a node: let the VMM use more of them";
}

static void explain_killed(const struct gone *gone, const struct gone_vcpu *vcpu,
			   struct ended *ended)
{
	int number = gone->vmm_code & 0x7f;

	if (gone->is_oom_victim)
		explain_oom(gone, ended);
	else
		ended_explain_signal(number, ended);
	sentences_add(&ended->evidence, "the VMM was ended by signal %d", number);
	if (!gone->is_oom_victim)
		sentences_add(&ended->ruled_out, "the kernel's OOM killer: it did not kill the VMM");
	if (!gone->is_oom_victim && signal_end_of(number)->is_sent)
		add_request(gone, ended);
	add_last_exit(gone, vcpu, ended);
}

/* 0 if none did. */
static int ended_by_signal(const struct gone *gone)
{
	return strcmp(gone->vmm, "exited") ? 0 : gone->vmm_code & 0x7f;
}

/* A thread that is killed in a page fault gets no page. */
static bool may_be_killed_in_fault(const struct gone *gone, const struct gone_run *run)
{
	return ended_by_signal(gone) == SIGKILL && (run->error == EFAULT || run->error == ENOMEM);
}

static void explain_run_error(const struct gone *gone, const struct gone_vcpu *vcpu,
			      struct ended *ended)
{
	const struct gone_run *run = &vcpu->run;

	/* The OOM killer is woken up by page faults, the vCPU's own among them. */
	if (gone->is_oom_victim && may_be_killed_in_fault(gone, run)) {
		explain_killed(gone, vcpu, ended);
		sentences_add(&ended->evidence, "KVM_RUN returned errno %d, as for a page that the thread did not get because it was killed", run->error);
		return;
	}
	ended_explain_run_error(vcpu, ended);
	if (may_be_killed_in_fault(gone, run))
		sentences_add(&ended->open, "SIGKILL, which ended the VMM, and in a page fault makes KVM_RUN fail so: journalctl around that time");
	if (run->has_error)
		sentences_add(&ended->evidence, "KVM_RUN returned errno %d", run->error);
	else
		sentences_add(&ended->evidence, "the result of KVM_RUN is unknown");
}

static bool is_denied(const struct gone *gone)
{
	return strcmp(gone->denied, "-");
}

static void add_reset_request(const struct gone *gone, const struct guest_request *request,
			      struct ended *ended)
{
	if (request->kind != REQUEST_RESET)
		return;
	add_reset_meaning(gone, ended);
	ended->next = RESET_OR_PANIC;
}

/* By what the guest asked for. False if it did not, or that is not how a VMM answers. */
static bool explain_request(const struct gone *gone, int status, struct ended *ended)
{
	struct guest_request request;

	if (!guest_request_find(gone, &request) || !guest_request_explains(&request, status))
		return false;
	if (status)
		ended_conclude(ended, "medium", "%s, and the VMM exited with status %d", request.text, status);
	else
		ended_conclude(ended, "medium", "%s, and the VMM exited", request.text);
	add_reset_request(gone, &request, ended);
	return true;
}

/* As Cloud Hypervisor does after a reset, and programs with many guests do. */
static bool explain_closed_request(const struct gone *gone, struct ended *ended)
{
	struct guest_request request;

	if (!guest_request_find(gone, &request) || !guest_request_explains(&request, 0))
		return false;
	ended_conclude(ended, "medium", "%s, and the VMM closed it and keeps running", request.text);
	add_reset_request(gone, &request, ended);
	return true;
}

/* Some VMMs enter the guest once more after it has asked for that. */
static bool has_reset(const struct gone *gone)
{
	struct guest_request request;

	return !strcmp(gone->end, "shutdown") || !strcmp(gone->end, "reset") ||
	       (guest_request_find(gone, &request) && request.kind == REQUEST_RESET);
}

static void explain_exited(const struct gone *gone, const struct gone_vcpu *vcpu,
			   struct ended *ended)
{
	int status = gone->vmm_code >> 8;
	const struct vmm_status *known = vmm_status_of(gone->comm, status);

	ended->next = "see the VMM's own log";
	sentences_add(&ended->evidence, "exit status %d", status);
	if (status && is_denied(gone))
		ended_conclude(ended, "medium", "the VMM exited by itself with status %d after l1tune had denied it a request for limit %s",
			       status, gone->denied);
	else if (known)
		ended_explain_status(known, status, ended);
	else if (!explain_request(gone, status, ended))
		ended_explain_other_status(status, ended);
	add_last_exit(gone, vcpu, ended);
	if (!known)
		add_request(gone, ended);
	else if (known->status == ANY_STATUS && !status && has_reset(gone))
		sentences_add(&ended->open, "a kernel that reset itself before it had started that program, as after an early panic: its status is 0 then, too");
}

static void explain_closed(const struct gone *gone, const struct gone_vcpu *vcpu,
			   struct ended *ended)
{
	ended->next = "the VMM's own log; a program that runs many guests, one after another, closes each when it has done its work";
	if (!strcmp(gone->vmm, "other"))
		ended_conclude(ended, "low", "the last process to hold the guest is not the one that ran it");
	else if (!explain_closed_request(gone, ended))
		ended_conclude(ended, "medium", "the VMM closed the guest and keeps running");
	add_last_exit(gone, vcpu, ended);
	add_request(gone, ended);
}

static const struct {
	const char *end;
	void (*explain)(const struct gone *gone, const struct gone_vcpu *vcpu, struct ended *ended);
} ends[] = {
	{ "shutdown", explain_shutdown },
	{ "reset", explain_reset },
	{ "fail_entry", explain_fail_entry },
	{ "internal_error", ended_explain_internal_error },
	{ "run_error", explain_run_error },
	{ "system_event", explain_system_event },
	{ "killed", explain_killed },
	{ "exited", explain_exited },
	{ "closed", explain_closed },
};

/* Of a guest that resets so early no console may be there yet. */
static void add_early_end(const struct gone *gone, struct ended *ended)
{
	char *lived = format_ns(gone_lived_ns(gone));

	sentences_add(&ended->evidence, "it ended %s after its first exit", lived);
	free(lived);
	if (!ended->next || !strcmp(gone->end, "killed") || !has_reset(gone))
		return;
	ended->made_next = xasprintf("%s. If it printed nothing so early: earlyprintk=ttyS0 on a Linux guest's command line, and l1tune probe, which tests what KVM and L0 do for a guest",
				     ended->next);
	ended->next = ended->made_next;
}

static void add_beside(const struct gone *gone, struct ended *ended)
{
	if (gone->first_exit_ns.is_known && gone_lived_ns(gone) < NSEC_PER_SEC)
		add_early_end(gone, ended);
	if (is_denied(gone))
		sentences_add(strcmp(gone->end, "exited") && strcmp(gone->end, "killed") ?
			      &ended->open : &ended->evidence,
			      "l1tune denied it a request for limit %s", gone->denied);
}

/* KVM refused what it promises: of that no guest can know. */
static void add_promise(const struct gone_vcpu *vcpu, const struct probe *probe,
			struct ended *ended)
{
	int i = probe_met(probe, &vcpu->refused);

	if (i >= 0)
		sentences_add(&ended->evidence, "KVM promises %s, but it does not work here: l1tune probe found that it %s%s%s",
			      probe_features[i].name, probe_verdict_name(probe->results[i].verdict),
			      probe->results[i].detail[0] ? ", " : "", probe->results[i].detail);
}

const struct gone_vcpu *ended_vcpu(const struct gone *gone)
{
	static const struct gone_vcpu none;

	return gone->num_vcpus ? &gone->vcpus[0] : &none;
}

void ended_explain(const struct gone *gone, const struct probe *probe, struct ended *ended)
{
	const struct gone_vcpu *vcpu = ended_vcpu(gone);
	size_t i;

	*ended = (struct ended){ };
	for (i = 0; i < ARRAY_SIZE(ends) && !ended->cause; i++)
		if (!strcmp(gone->end, ends[i].end))
			ends[i].explain(gone, vcpu, ended);
	if (!ended->cause)
		ended_conclude(ended, "low", "this version of l1tune does not know this end");
	add_beside(gone, ended);
	if (probe)
		add_promise(vcpu, probe, ended);
}

void ended_free(struct ended *ended)
{
	free(ended->cause);
	free(ended->made_next);
	sentences_free(&ended->evidence);
	sentences_free(&ended->ruled_out);
	sentences_free(&ended->open);
	*ended = (struct ended){ };
}
