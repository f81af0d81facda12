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
#include "explain/ended.h"
#include "explain/power-off.h"
#include "model/entry-refusal.h"
#include "model/exception.h"
#include "model/l3.h"
#include "probe/met.h"

/* An exception that KVM injected this long before the end is named with it. */
#define REFUSED_RECENTLY_NS	(30 * NSEC_PER_SEC)

/* Protected mode, in CR0. */
#define CR0_PE	1

/* How SVM and VMX name what the module counts. */
static const char *const msr_reads[] = { "MSR_READ", "msr", NULL };
static const char *const msr_writes[] = { "MSR_WRITE", "msr", NULL };
static const char *const xsetbvs[] = { "XSETBV", "xsetbv", NULL };
static const char *const crs[] = { "CR_ACCESS", "write_cr0", "write_cr3", "write_cr4", "cr0_sel_write", NULL };
static const char *const page_faults[] = { "EPT_VIOLATION", "EPT_MISCONFIG", "npf", NULL };
static const char *const halts[] = { "HLT", "hlt", NULL };
static const char *const shutdowns[] = { "TRIPLE_FAULT", "shutdown", NULL };

static bool is_named(const char *reason, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(reason_kind(reason), *names))
			return true;
	return false;
}

static bool is_one_of(const struct gone_exit *e, const char *const *names)
{
	return e && is_named(e->key.reason, names);
}

__printf(3, 4) static void conclude(struct ended *ended, const char *confidence,
				    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ended->cause = xvasprintf(fmt, ap);
	va_end(ap);
	ended->confidence = confidence;
}

/* "RDMSR of MSR 0x12345678", as far as it is known what the guest did: a copy. */
static char *describe_refused(const struct gone_refused *r)
{
	const char *reason = r->key.reason;
	const uint64_t value = r->edx << 32 | r->eax;

	if (!strcmp(reason, "msr"))
		return xasprintf("RDMSR or WRMSR of MSR 0x%" PRIx64, r->ecx);
	if (is_named(reason, msr_reads))
		return xasprintf("RDMSR of MSR 0x%" PRIx64, r->ecx);
	if (is_named(reason, msr_writes))
		return xasprintf("WRMSR of MSR 0x%" PRIx64 " (value 0x%" PRIx64 ")", r->ecx,
				 value);
	if (is_named(reason, xsetbvs))
		return xasprintf("XSETBV of XCR%" PRIu64 " (value 0x%" PRIx64 ")", r->ecx, value);
	if (is_named(reason, crs))
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
	return is_named(r->key.reason, xsetbvs) || is_named(r->key.reason, crs);
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
		conclude(ended, "high", "triple fault in a guest inside it, which it does not intercept");
		sentences_add(&ended->evidence, "the last exit, %s, is at level 3", last->key.reason);
		return;
	}
	if (is_one_of(last, shutdowns))
		sentences_add(&ended->evidence, "the last exit is %s", last->key.reason);
	if (r->since_ns && before && r->since_ns == before->since_ns) {
		what = describe_refused(r);
		conclude(ended, "high", "triple fault: KVM answered %s with %s, and the guest could not handle it",
			 what, exception_name(r->vector));
		free(what);
		sentences_add(&ended->evidence, "the exit before it, %s, is where KVM injected %s",
			      before->key.reason, exception_name(r->vector));
		return;
	}
	if (vcpu->exception_queued.is_known && vcpu->exception_queued.value) {
		conclude(ended, "medium", "triple fault while %s was delivered",
			 exception_name(vcpu->exception.value));
		sentences_add(&ended->evidence, "KVM had %s queued", exception_name(vcpu->exception.value));
		return;
	}
	sentences_add(&ended->ruled_out, "an exception injected by KVM: none in the exit before");
	if (is_recent(gone, r) && is_promised(r)) {
		what = describe_refused(r);
		conclude(ended, "medium", "triple fault, likely a restart after a panic: KVM answered %s with %s",
			 what, exception_name(r->vector));
		free(what);
		add_refused(gone, vcpu, &ended->evidence);
		ended->next = "compare the CPU features that the VMM gives the guest with those that this host has (l1tune caps, /proc/cpuinfo); the guest's console shows the panic";
		return;
	}
	conclude(ended, "medium", "triple fault by an exception that did not exit to KVM");
	if (!add_refused(gone, vcpu, &ended->open) && vcpu->exception.is_known && vcpu->exception.value)
		sentences_add(&ended->open, "an earlier %s that KVM injected", exception_name(vcpu->exception.value));
	sentences_add(&ended->open, "a deliberate restart: Linux triple-faults with reboot=t, and if no other reset works");
	ended->next = "the guest's console or crash dump shows the exception";
}

static void explain_shutdown(const struct gone *gone, const struct gone_vcpu *vcpu,
			     struct ended *ended)
{
	explain_triple_fault(gone, vcpu, ended);
	sentences_add(&ended->evidence, "KVM_RUN returned KVM_EXIT_SHUTDOWN");
	if (vcpu->rip.is_known)
		sentences_add(&ended->evidence, "RIP was 0x%" PRIx64, vcpu->rip.value);
}

static void explain_reset(const struct gone *gone, const struct gone_vcpu *vcpu,
			  struct ended *ended)
{
	const struct gone_run *run = &vcpu->run;
	const char *way = vcpu->port.port == 0x64 ? "the keyboard controller (port 0x64)" :
						     "port 0xcf9";

	if (run->is_final && run->reason == KVM_EXIT_SYSTEM_EVENT) {
		conclude(ended, "high", "the guest asked for a reset through a paravirtual interface");
		sentences_add(&ended->evidence, "KVM_RUN returned KVM_EXIT_SYSTEM_EVENT, type reset");
	} else {
		conclude(ended, "high", "the guest reset itself through %s, and the VMM ended it", way);
		sentences_add(&ended->evidence, "its last exit is OUT of 0x%" PRIx64 " to port 0x%" PRIx64
			      ", from which the VMM did not return", vcpu->port.value, vcpu->port.port);
	}
	/* Linux does so when it panics, and when it is told to reboot. */
	if (add_refused(gone, vcpu, &ended->open))
		sentences_add(&ended->open, "a guest panic because of that, with a reboot");
	else
		sentences_add(&ended->ruled_out, "an instruction that KVM refused in the last 30 s: none");
	ended->next = "the guest's console shows whether it was a reboot or a panic";
}

static void explain_fail_entry(const struct gone *gone, const struct gone_vcpu *vcpu,
			       struct ended *ended)
{
	uint64_t reason = vcpu->run.words[0];
	const char *text = entry_refusal_text(reason);

	(void)gone;
	conclude(ended, "high", "the CPU refused to enter the guest%s%s", text ? ": " : "",
		 text ? text : reason ? "" : " and gave no reason");
	sentences_add(&ended->evidence, "KVM_RUN returned KVM_EXIT_FAIL_ENTRY, hardware reason 0x%" PRIx64,
		      reason);
	/* An instruction that fails without an error number; 0 is none. */
	ended->next = vmx_error_text(reason) || !reason ?
		"not caused by the guest: controls that were offered to KVM are rejected; l1tune probe shows whether any guest can run here, dump_invalid_vmcs=1 (kvm_intel) which controls KVM set" :
		"only the CPU knows the field: set dump_invalid_vmcs=1 (kvm_intel) or dump_invalid_vmcb=1 (kvm_amd)";
}

/* Instructions that no page fault made KVM emulate. */
static void add_real_mode(const struct gone_vcpu *vcpu, struct ended *ended)
{
	if (!vcpu->cr0.is_known || vcpu->cr0.value & CR0_PE)
		return;
	sentences_add(&ended->open, "real mode, which KVM emulates on VMX where unrestricted guests are not offered by L0 or not used");
	ended->next = "l1tune caps: whether L0 offers unrestricted_guest, and whether KVM uses it";
}

static void explain_internal_error(const struct gone *gone, const struct gone_vcpu *vcpu,
				   struct ended *ended)
{
	const struct gone_exit *last = gone_last_exit(vcpu, 0);
	uint32_t suberror = vcpu->run.words[0];
	const char *where = vcpu->rip.is_known ? "at RIP 0x" : "at an unknown RIP";
	char *rip = vcpu->rip.is_known ? xasprintf("%s%" PRIx64, where, vcpu->rip.value) :
					 xstrdup(where);

	(void)gone;
	switch (suberror) {
	case KVM_INTERNAL_ERROR_EMULATION:
		conclude(ended, "high", "KVM could not emulate an instruction %s", rip);
		break;
	case KVM_INTERNAL_ERROR_SIMUL_EX:
		conclude(ended, "high", "KVM met an exception while it delivered another %s", rip);
		break;
	case KVM_INTERNAL_ERROR_DELIVERY_EV:
		conclude(ended, "high", "an exit occurred during event delivery %s, for example with the IDT in MMIO",
			 rip);
		break;
	case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
		conclude(ended, "high", "KVM met an unknown exit reason %s", rip);
		break;
	default:
		conclude(ended, "low", "KVM reported an internal error %s of a kind that this version of l1tune does not know",
			 rip);
	}
	free(rip);
	sentences_add(&ended->evidence, "KVM_RUN returned KVM_EXIT_INTERNAL_ERROR, suberror %" PRIu32,
		      suberror);
	if (!is_one_of(last, page_faults)) {
		add_real_mode(vcpu, ended);
		return;
	}
	sentences_add(&ended->evidence, "the last exit is %s: the instruction or its operand is where no memory is, or none that may be written",
		      last->key.reason);
	if (vcpu->info2.is_known)
		sentences_add(&ended->evidence, "%s physical address 0x%" PRIx64,
			      last->key.level == 3 ? "the inner guest's" : "guest", vcpu->info2.value);
}

/* Of VMX it is the exit qualification, of SVM a page fault's error code. */
static void add_access(const struct gone_exit *last, uint64_t info1, struct ended *ended)
{
	bool is_svm = !strcmp(last->key.reason, "npf");

	if (!is_svm && strcmp(last->key.reason, "EPT_VIOLATION"))
		return;
	sentences_add(&ended->evidence, "the guest %s", info1 & (is_svm ? 16 : 4) ? "executed there" :
		      info1 & 2 ? "wrote there" : "read there or walked its page tables");
}

/* KVM_RUN has one errno for all of these, and the VMM's mappings ended with it. */
static void add_missing_page(struct ended *ended)
{
	sentences_add(&ended->open, "the VMM has nothing mapped there");
	sentences_add(&ended->open, "what is mapped there has no page to give: a full tmpfs (/dev/shm), no free page in hugetlbfs, a file that was truncated, an error of its disk");
	sentences_add(&ended->open, "the VMM mapped it without the right to this access (mprotect)");
	ended->next = "df of the tmpfs that has its memory, HugePages_Free in /proc/meminfo, dmesg, and the VMM's own log";
}

/*
 * At level 3 the address is one that the guest's hypervisor gave to a guest inside it.
 * It tells nothing of memslots, and the memory may be that of its page tables.
 */
static void explain_missing_memory(const struct gone_vcpu *vcpu, struct ended *ended)
{
	const struct gone_exit *last = gone_last_exit(vcpu, 0);

	if (last->key.level == 3)
		conclude(ended, "medium", "memory is missing for a guest inside it, or for that guest's page tables: KVM got no page from the VMM's memory behind a memslot");
	else if (vcpu->info2.is_known)
		conclude(ended, "medium", "memory is missing: KVM got no page for guest physical address 0x%" PRIx64
			 " from the VMM's memory behind its memslot",
			 vcpu->info2.value & ~UINT64_C(0xfff));
	else
		conclude(ended, "medium", "memory is missing: KVM got no page from the VMM's memory behind a memslot");
	add_missing_page(ended);
	sentences_add(&ended->evidence, "the last exit is %s%s", last->key.reason,
		      last->key.level == 3 ? ", at level 3" : "");
	if (last->key.level == 3 && vcpu->info2.is_known)
		sentences_add(&ended->evidence, "the inner guest's physical address is 0x%" PRIx64, vcpu->info2.value);
	else if (last->key.level != 3 && vcpu->info1.is_known)
		add_access(last, vcpu->info1.value, ended);
}

static void explain_run_error(const struct gone *gone, const struct gone_vcpu *vcpu,
			      struct ended *ended)
{
	const struct gone_exit *last = gone_last_exit(vcpu, 0);
	const struct gone_run *run = &vcpu->run;

	(void)gone;
	if (run->error == EFAULT && is_one_of(last, page_faults))
		explain_missing_memory(vcpu, ended);
	else if (run->has_error && run->error)
		conclude(ended, "medium", "KVM_RUN failed: %s%s", strerror(run->error),
			 run->error == EIO ? "; KVM ends a VM so after an error of its own" : "");
	else
		conclude(ended, "low", "KVM_RUN returned reason %" PRIu64 ", which no VMM can continue from",
			 run->reason);
	if (run->has_error)
		sentences_add(&ended->evidence, "KVM_RUN returned errno %d", run->error);
	else
		sentences_add(&ended->evidence, "the result of KVM_RUN is unknown");
}

static void explain_system_event(const struct gone *gone, const struct gone_vcpu *vcpu,
				 struct ended *ended)
{
	uint32_t type = vcpu->run.words[0];

	conclude(ended, "high", type == KVM_SYSTEM_EVENT_SHUTDOWN ? "the guest asked to be powered off" :
		 type == KVM_SYSTEM_EVENT_CRASH ? "the guest reported that it crashed" :
						  "the guest raised a system event");
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
	else if (is_one_of(last, halts))
		sentences_add(&ended->evidence, "vCPU %" PRIu64 " was halted", vcpu->id);
	else
		sentences_add(&ended->evidence, "the last exit of vCPU %" PRIu64 " is %s", vcpu->id,
			      last->key.reason);
	sentences_add(&ended->ruled_out, "a triple fault or a system event of the guest: KVM_RUN returned none");
	add_refused(gone, vcpu, &ended->open);
}

/* Through ACPI a guest switches itself off by an access like any other. */
static void add_power_off(const struct gone *gone, struct ended *ended)
{
	const struct gone_port *port = power_off_port(gone);

	if (port)
		sentences_add(&ended->evidence, "the last access of a vCPU to a port is OUT of 0x%" PRIx64
			      " to port 0x%" PRIx64 ": the guest switched itself off through ACPI",
			      port->value, port->port);
	else
		sentences_add(&ended->open, "a guest that switched itself off through a device of the VMM, such as ACPI");
}

/* By what it did itself: nobody sent these. */
static bool is_crash(int number)
{
	return number == SIGSEGV || number == SIGBUS || number == SIGABRT || number == SIGILL ||
	       number == SIGFPE || number == SIGTRAP;
}

/* Who sent a signal is not recorded. */
static void add_sender(const struct gone *gone, int number, struct ended *ended)
{
	sentences_add(&ended->open, number == SIGKILL ?
		      "whoever may send it: an administrator, what manages the VM, its container or its cgroup, an OOM killer in user space (systemd-oomd, earlyoom)" :
		      "whoever may send it: an administrator, or what manages the VM, its service or its session");
	add_power_off(gone, ended);
	ended->next = number == SIGKILL ?
		"journalctl around that time (systemd-oomd, the manager of the VM); perf trace -e signal:signal_generate names the next sender" :
		"journalctl around that time, and the log of what manages the VM";
}

static void explain_crash(int number, const char *name, struct ended *ended)
{
	conclude(ended, "high", "the VMM crashed (SIG%s)", name);
	if (number != SIGBUS)
		return;
	sentences_add(&ended->open, "memory without a page to give: a full tmpfs (/dev/shm), no free page in hugetlbfs, a file that was truncated, memory that the hardware reported as broken");
	ended->next = "dmesg (memory failure), df of the tmpfs that has its memory, HugePages_Free in /proc/meminfo";
}

static void explain_killed(const struct gone *gone, const struct gone_vcpu *vcpu,
			   struct ended *ended)
{
	int number = gone->vmm_code & 0x7f;
	const char *abbrev = sigabbrev_np(number), *name = abbrev ? abbrev : "?";

	if (gone->is_oom_victim) {
		conclude(ended, "high", "the OOM killer killed the VMM");
	} else if (is_crash(number)) {
		explain_crash(number, name, ended);
	} else if (number == SIGSYS) {
		conclude(ended, "high", "the VMM made a system call that its seccomp filter forbids (SIGSYS)");
		ended->next = "dmesg or the audit log: type=1326 (SECCOMP) has the number of the system call";
	} else {
		conclude(ended, "high", "the VMM was killed by SIG%s", name);
		add_sender(gone, number, ended);
	}
	sentences_add(&ended->evidence, "the VMM was ended by signal %d", number);
	if (!gone->is_oom_victim)
		sentences_add(&ended->ruled_out, "the kernel's OOM killer: it did not kill the VMM");
	add_last_exit(gone, vcpu, ended);
}

static bool is_denied(const struct gone *gone)
{
	return strcmp(gone->denied, "-");
}

static void explain_exited(const struct gone *gone, const struct gone_vcpu *vcpu,
			   struct ended *ended)
{
	int code = gone->vmm_code >> 8;

	if (code && is_denied(gone))
		conclude(ended, "medium", "the VMM exited by itself with status %d after l1tune had denied it something for limit %s",
			 code, gone->denied);
	else if (!code && power_off_port(gone))
		conclude(ended, "medium", "the guest switched itself off through ACPI, and the VMM exited");
	else
		conclude(ended, code ? "medium" : "low", "the VMM exited by itself with status %d", code);
	sentences_add(&ended->evidence, "exit status %d", code);
	add_last_exit(gone, vcpu, ended);
	add_power_off(gone, ended);
	ended->next = "see the VMM's own log";
}

static void explain_closed(const struct gone *gone, const struct gone_vcpu *vcpu,
			   struct ended *ended)
{
	if (!strcmp(gone->vmm, "other"))
		conclude(ended, "low", "the last process to hold the guest is not the one that ran it");
	else
		conclude(ended, "medium", "the VMM closed the guest and keeps running");
	add_last_exit(gone, vcpu, ended);
	add_power_off(gone, ended);
}

static const struct {
	const char *end;
	void (*explain)(const struct gone *gone, const struct gone_vcpu *vcpu, struct ended *ended);
} ends[] = {
	{ "shutdown", explain_shutdown },
	{ "reset", explain_reset },
	{ "fail_entry", explain_fail_entry },
	{ "internal_error", explain_internal_error },
	{ "run_error", explain_run_error },
	{ "system_event", explain_system_event },
	{ "killed", explain_killed },
	{ "exited", explain_exited },
	{ "closed", explain_closed },
};

static void add_beside(const struct gone *gone, struct ended *ended)
{
	char *lived = format_ns(gone_lived_ns(gone));

	if (gone->first_exit_ns.is_known && gone_lived_ns(gone) < NSEC_PER_SEC)
		sentences_add(&ended->evidence, "it ended %s after its first exit", lived);
	free(lived);
	if (is_denied(gone))
		sentences_add(strcmp(gone->end, "exited") && strcmp(gone->end, "killed") ?
			      &ended->open : &ended->evidence,
			      "l1tune denied it something for limit %s", gone->denied);
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

void ended_explain(const struct gone *gone, const struct probe *probe, struct ended *ended)
{
	static const struct gone_vcpu none;
	const struct gone_vcpu *vcpu = gone->num_vcpus ? &gone->vcpus[0] : &none;
	size_t i;

	*ended = (struct ended){ };
	for (i = 0; i < ARRAY_SIZE(ends) && !ended->cause; i++)
		if (!strcmp(gone->end, ends[i].end))
			ends[i].explain(gone, vcpu, ended);
	if (!ended->cause)
		conclude(ended, "low", "this version of l1tune does not know this end");
	add_beside(gone, ended);
	if (probe)
		add_promise(vcpu, probe, ended);
}

void ended_free(struct ended *ended)
{
	free(ended->cause);
	sentences_free(&ended->evidence);
	sentences_free(&ended->ruled_out);
	sentences_free(&ended->open);
	*ended = (struct ended){ };
}
