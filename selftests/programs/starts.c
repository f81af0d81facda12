// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: starts END [wait_ms=N] [cpuid=N] [out=N] [out_us=N]
 * A guest whose start is known:
 *
 *	the VMM creates it, and works for wait_ms before the first KVM_RUN
 *	without paging it executes CPUID N times, as firmware would
 *	it turns paging on
 *	it writes to port 0x80 N times; the VMM works for out_us at each
 *	it ends its start by END:
 *		idle		HLT
 *		port		OUT to port 0xf4, at which the VMM works for 20 ms, then HLT
 *		spin		it never halts
 *		dies		the VMM exits at the first OUT
 *		unpaged		HLT, and paging is never turned on
 *		hold		the VMM does not run it
 *
 * Prints what took how long by this program's clock, in nanoseconds, and stays
 * until it is killed:
 *
 *	vmm N	from KVM_CREATE_VM to the first KVM_RUN
 *	all N	from KVM_CREATE_VM to the exit that ends the start
 */
#define _GNU_SOURCE
#include <sched.h>

#include "kvm.h"

#define MEMORY		0x10000
#define END_WORK_NS	20000000
#define CODE		0x1000
#define GDT		0x4000
#define PAGE_DIRECTORY	0x8000
#define WORK_PORT	0x80
#define END_PORT	0xf4

/* ESI CPUIDs, then paging, then EDI OUTs. EBP: 0 for no paging, 1 to end by a port, 2 by HLT. */
GUEST_CODE(firmware_and_kernel, 32,
	   "1: test %esi, %esi\n jz 2f\n xor %eax, %eax\n cpuid\n dec %esi\n jmp 1b\n"
	   "2: test %ebp, %ebp\n jz 5f\n mov $0x80000031, %eax\n mov %eax, %cr0\n"
	   "3: test %edi, %edi\n jz 4f\n out %al, $0x80\n dec %edi\n jmp 3b\n"
	   "4: cmp $1, %ebp\n jne 5f\n out %al, $0xf4\n"
	   "5: cmp $3, %ebp\n je 6f\n hlt\n"
	   "6: sti\n 7: jmp 7b\n");

static uint64_t wait_ms, cpuids = 100, outs = 100, out_us;

static void parse(const char *word)
{
	const char *value = strchr(word, '=');
	size_t len = value ? (size_t)(value - word) : 0;

	if (len == 7 && !strncmp(word, "wait_ms", len))
		wait_ms = strtoull(value + 1, NULL, 0);
	else if (len == 5 && !strncmp(word, "cpuid", len))
		cpuids = strtoull(value + 1, NULL, 0);
	else if (len == 3 && !strncmp(word, "out", len))
		outs = strtoull(value + 1, NULL, 0);
	else if (len == 6 && !strncmp(word, "out_us", len))
		out_us = strtoull(value + 1, NULL, 0);
	else
		errx(2, "unknown word: %s", word);
}

static uint64_t how_it_ends(const char *end)
{
	static const char * const ends[] = { "unpaged", "port", "idle", "spin" };
	size_t i;

	for (i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (!strcmp(end, ends[i]))
			return i;
	return 2;
}

static int create(int kvm, int vm, const char *end)
{
	uint8_t *memory = allocate(MEMORY);
	struct kvm_regs regs = { .rip = CODE, .rsp = 0x800, .rflags = 2 };
	struct kvm_sregs sregs;
	int vcpu;

	GUEST_CODE_COPY(memory + CODE, firmware_and_kernel);
	*(uint32_t *)(memory + PAGE_DIRECTORY) = 0xe3;
	kvm_set_slot(vm, 0, 0, MEMORY, memory);
	vcpu = kvm_create_vcpu(vm, 0);
	kvm_offer_all(kvm, vcpu);
	kvm_flat_mode(vcpu, (uint64_t *)(memory + GDT), GDT, CODE);
	sregs = kvm_get_sregs(vcpu);
	sregs.cr3 = PAGE_DIRECTORY;
	sregs.cr4 |= CR4_PSE;
	kvm_set_sregs(vcpu, &sregs);
	regs.rsi = cpuids;
	regs.rdi = outs;
	regs.rbp = how_it_ends(end);
	if (ioctl(vcpu, KVM_SET_REGS, &regs))
		err(1, "KVM_SET_REGS");
	return vcpu;
}

/* Until it halts; *first is when it began to. Returns when the exit was that ended the start. */
static uint64_t run_until_end(int kvm, int vcpu, const char *end, uint64_t *first)
{
	struct kvm_run *run = kvm_map_run(kvm, vcpu);
	uint64_t ended = 0;

	*first = now_ns();
	for (;;) {
		if (ioctl(vcpu, KVM_RUN, 0))
			err(1, "KVM_RUN");
		if (run->exit_reason == KVM_EXIT_HLT)
			return ended ? ended : now_ns();
		if (run->exit_reason != KVM_EXIT_IO)
			errx(1, "exit reason %u", run->exit_reason);
		if (!strcmp(end, "dies"))
			exit(0);
		if (run->io.port == END_PORT) {
			ended = now_ns();
			spin_ns(END_WORK_NS);
		} else {
			spin_ns(out_us * 1000);
		}
	}
}

/* So that its clock and the module's are read at the same time; but a guest that spins. */
static void run_before_others(const char *end)
{
	const struct sched_param first = { .sched_priority = 1 };

	if (strcmp(end, "spin") && sched_setscheduler(0, SCHED_FIFO, &first))
		err(1, "SCHED_FIFO");
}

int main(int argc, char **argv)
{
	int kvm = kvm_open(), vm, vcpu, i;
	uint64_t created, first, ended;
	const char *end;

	if (argc < 2)
		errx(2, "usage: starts END [KEY=N]...");
	end = argv[1];
	for (i = 2; i < argc; i++)
		parse(argv[i]);
	run_before_others(end);
	created = now_ns();
	vm = kvm_create_vm(kvm);
	vcpu = create(kvm, vm, end);
	spin_ns(wait_ms * 1000000);
	if (!strcmp(end, "hold")) {
		printf("vmm %llu\n", (unsigned long long)(now_ns() - created));
	} else {
		ended = run_until_end(kvm, vcpu, end, &first);
		printf("vmm %llu\nall %llu\n", (unsigned long long)(first - created),
		       (unsigned long long)(ended - created));
	}
	fflush(stdout);
	for (;;)
		pause();
}
