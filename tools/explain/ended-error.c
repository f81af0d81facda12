// SPDX-License-Identifier: GPL-2.0
/* What KVM could not continue from: its internal errors, and the errors of KVM_RUN. */
#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/ended-error.h"
#include "model/exception.h"

/* The vector of #AC. */
#define ALIGNMENT_CHECK	17

static const struct reasons page_faults = { { "EPT_VIOLATION", "EPT_MISCONFIG", "npf" } };

#define MORE_IN_LOGS	"the VMM's own log has more (QEMU: the instruction's bytes behind Code=), and dmesg may"

static void add_emulated_access(const struct gone_exit *last, struct ended *ended)
{
	if (!ended_exit_is(last, &page_faults))
		return;
	sentences_add(&ended->evidence, "the last exit is %s: the instruction or its operand is at an address without memory, or with read-only memory",
		      last->key.reason);
	ended->next = MORE_IN_LOGS ". Bytes that begin with c4, c5 or 62 are AVX, of which KVM emulates little, and older kernels nothing: a program in the guest accessed a device with it; give the guest another device (graphics card), or a CPU model without AVX";
}

/* As both VMX and SVM have what an exit interrupted. */
#define INFO_VALID	(1u << 31)
#define INFO_VECTOR(info)	((info) & 0xff)
#define INFO_TYPE(info)		((info) >> 8 & 7)
#define TYPE_EXCEPTION	3

static void add_delivery(uint32_t info, struct ended *ended)
{
	if (!(info & INFO_VALID))
		return;
	if (INFO_TYPE(info) == TYPE_EXCEPTION)
		sentences_add(&ended->evidence, "it interrupted the delivery of %s", exception_name(INFO_VECTOR(info)));
	else
		sentences_add(&ended->evidence, "it interrupted the delivery of vector %" PRIu32, INFO_VECTOR(info));
}

/* What KVM says beside the number of the error: how many words, then these. */
static void add_error_data(const struct gone_vcpu *vcpu, uint32_t suberror, struct ended *ended)
{
	const struct gone_exit *last = gone_last_exit(vcpu, 0);
	uint32_t num = vcpu->run.words[0] >> 32;

	if (last)
		sentences_add(&ended->evidence, "the last exit is %s", last->key.reason);
	switch (suberror) {
	case KVM_INTERNAL_ERROR_SIMUL_EX:
	case KVM_INTERNAL_ERROR_DELIVERY_EV:
		if (num >= 2)
			add_delivery(vcpu->run.words[1], ended);
		ended->next = ended_exit_is(last, &page_faults) ?
			MORE_IN_LOGS ". Where the guest's stack, IDT, GDT or TSS is no memory, as after a stack overflow, its console shows why" :
			MORE_IN_LOGS ". KVM expects no such exit there: try a newer kernel, or ask whoever runs L0";
		break;
	case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
		if (num)
			sentences_add(&ended->evidence, "KVM names exit reason 0x%" PRIx64, vcpu->run.words[1]);
		ended->next = MORE_IN_LOGS ". The CPU, or L0, ends guests for something that this KVM did not ask for: try a newer kernel, or ask whoever runs L0";
		break;
	default:
		break;
	}
}

void ended_explain_internal_error(const struct gone *gone, const struct gone_vcpu *vcpu,
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
		ended_conclude(ended, "high", "KVM could not emulate an instruction %s", rip);
		break;
	case KVM_INTERNAL_ERROR_SIMUL_EX:
		ended_conclude(ended, "high", "KVM met an exception while it delivered another %s", rip);
		break;
	case KVM_INTERNAL_ERROR_DELIVERY_EV:
		ended_conclude(ended, "high", "an exit occurred during event delivery %s, for example with the IDT in MMIO",
			       rip);
		break;
	case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
		ended_conclude(ended, "high", "KVM met an unknown exit reason %s", rip);
		break;
	default:
		ended_conclude(ended, "low", "KVM reported an internal error %s of a kind that this version of l1tune does not know",
			       rip);
	}
	free(rip);
	ended->next = MORE_IN_LOGS;
	sentences_add(&ended->evidence, "KVM_RUN returned KVM_EXIT_INTERNAL_ERROR, suberror %" PRIu32,
		      suberror);
	if (suberror == KVM_INTERNAL_ERROR_EMULATION)
		add_emulated_access(last, ended);
	else
		add_error_data(vcpu, suberror, ended);
	if (ended_exit_is(last, &page_faults) && vcpu->info2.is_known)
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
	sentences_add(&ended->open, "the mapping there cannot provide a page: a full tmpfs (/dev/shm), no page in hugetlbfs that is free, on a node that it may use, and within its cgroup's limit (hugetlb.2MB.max), a file that was truncated, an error of its disk");
	sentences_add(&ended->open, "the VMM mapped it without the right to this access (mprotect)");
	ended->next = "df of the tmpfs that has its memory, free_hugepages below /sys/devices/system/node, max in hugetlb.*.events of the VMM's cgroup and those above it, dmesg, and the VMM's own log";
}

/*
 * At level 3 the address is one that the guest's hypervisor gave to a guest inside it.
 * It says nothing about memslots, and the missing memory may be that of page tables.
 */
static void explain_missing_memory(const struct gone_vcpu *vcpu, struct ended *ended)
{
	const struct gone_exit *last = gone_last_exit(vcpu, 0);

	if (last->key.level == 3)
		ended_conclude(ended, "medium", "memory is missing for a guest inside it, or for that guest's page tables: KVM got no page from the VMM's memory behind a memslot");
	else if (vcpu->info2.is_known)
		ended_conclude(ended, "medium", "memory is missing: KVM got no page for guest physical address 0x%" PRIx64
			       " from the VMM's memory behind its memslot",
			       vcpu->info2.value & ~UINT64_C(0xfff));
	else
		ended_conclude(ended, "medium", "memory is missing: KVM got no page from the VMM's memory behind a memslot");
	add_missing_page(ended);
	sentences_add(&ended->evidence, "the last exit is %s%s", last->key.reason,
		      last->key.level == 3 ? ", at level 3" : "");
	if (last->key.level == 3 && vcpu->info2.is_known)
		sentences_add(&ended->evidence, "the inner guest's physical address is 0x%" PRIx64, vcpu->info2.value);
	else if (last->key.level != 3 && vcpu->info1.is_known)
		add_access(last, vcpu->info1.value, ended);
}

static const struct {
	int error;
	const char *text, *open, *next;
} run_errors[] = {
	{ EIO, "KVM ends a VM so after an error of its own", NULL,
	  "dmesg has KVM's warning: a newer kernel may have it fixed" },
	{ ENOMEM, "KVM got no memory for what it needs itself, such as page tables",
	  "the memory limit (memory.max) of the VMM's cgroup, which that counts towards; or the memory of this machine",
	  "memory.max and memory.events (max) of the VMM's cgroup and those above it, dmesg (page allocation failure), free -m" },
	{ EHWPOISON, "the hardware reported a page of the guest's memory as broken", NULL,
	  "dmesg (memory failure): replace the memory; on a cloud, stop and start this instance, which usually moves it to another host" },
};

static void explain_errno(int error, struct ended *ended)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(run_errors) && run_errors[i].error != error; i++)
		;
	if (i == ARRAY_SIZE(run_errors)) {
		ended_conclude(ended, "medium", "KVM_RUN failed: %s", strerror(error));
		return;
	}
	ended_conclude(ended, "medium", "KVM_RUN failed: %s; %s", strerror(error), run_errors[i].text);
	if (run_errors[i].open)
		sentences_add(&ended->open, "%s", run_errors[i].open);
	ended->next = run_errors[i].next;
}

/* KVM passes this exception to no guest: the kernel forbids what caused it. */
static void explain_split_lock(struct ended *ended)
{
	ended_conclude(ended, "medium", "the guest used a split lock (a locked access across two cache lines), for which this machine ends its VMM");
	sentences_add(&ended->evidence, "KVM_RUN returned KVM_EXIT_EXCEPTION with #AC, as with split_lock_detect=fatal on the kernel command line");
	ended->next = "dmesg | grep -i split; start this machine with split_lock_detect=warn, which slows such a guest down instead";
}

void ended_explain_run_error(const struct gone_vcpu *vcpu, struct ended *ended)
{
	const struct gone_exit *last = gone_last_exit(vcpu, 0);
	const struct gone_run *run = &vcpu->run;

	ended->next = "the VMM's own log, and dmesg";
	if (run->error == EFAULT && ended_exit_is(last, &page_faults))
		explain_missing_memory(vcpu, ended);
	else if (run->has_error && run->error)
		explain_errno(run->error, ended);
	else if (run->reason == KVM_EXIT_EXCEPTION && (uint32_t)run->words[0] == ALIGNMENT_CHECK)
		explain_split_lock(ended);
	else if (run->reason == KVM_EXIT_UNKNOWN)
		ended_conclude(ended, "low", "KVM_RUN returned KVM_EXIT_UNKNOWN, hardware reason 0x%" PRIx64 ", which no VMM can continue from",
			       run->words[0]);
	else
		ended_conclude(ended, "low", "KVM_RUN returned reason %" PRIu64 ", which no VMM can continue from",
			       run->reason);
}
