// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: spin KIND SECONDS
 * A guest of one vCPU that runs the loop KIND for SECONDS. Prints "rounds N"
 * and, where an instruction can be refused, "undefined N".
 *
 *	cr0		reads CR0: on SVM an exit for reason 0
 *	cpuid		CPUID, an exit each
 *	busy		nothing, with interrupts enabled
 *	window		the same, and its VMM, which has the interrupt controllers, asks
 *			for a window for an interrupt again and again
 *	timer		nothing, under a periodic APIC timer as fast as KVM has it
 *	timer_no_eoi	the same, and its handler does not end the interrupt
 *	vmxon		VMXON while CR4.VMXE is off (VMX)
 *	vmxon_vmxe	VMXON and VMXOFF, as a hypervisor may (VMX)
 */
#define _GNU_SOURCE
#include <signal.h>

#include "kvm.h"

#define MEMORY		0x10000
#define CODE		0x1000
#define HANDLER		0x2000
#define TIMER_HANDLER	0x2800
#define IDT		0x3000
#define GDT		0x4000
#define VMXON_POINTER	0x6000
#define PAGE_TABLE	0x7000
#define VMXON_GPA	0x8000
#define ROUNDS		0x9000
#define UNDEFINED	0x9004
#define APIC		"0xfee00000"

#define TIMER_VECTOR	0x40

GUEST_CODE(cr0, 32, "1: mov %cr0, %eax\n incl 0x9000\n jmp 1b");
GUEST_CODE(cpuid, 32, "1: xor %eax, %eax\n cpuid\n incl 0x9000\n jmp 1b");
GUEST_CODE(busy, 32, "sti\n1: incl 0x9000\n jmp 1b");
GUEST_CODE(timer, 32,
	   "	movl $0x1ff, " APIC " + 0xf0\n"		/* enabled */
	   "	movl $0xb, " APIC " + 0x3e0\n"		/* divided by 1 */
	   "	movl $0x20040, " APIC " + 0x320\n"	/* periodic, vector 0x40 */
	   "	movl $1, " APIC " + 0x380\n"		/* the shortest period */
	   "	sti\n"
	   "1:	incl 0x9000\n"
	   "	jmp 1b");
GUEST_CODE(end_interrupt, 32, "movl $0, " APIC " + 0xb0\n iret");
GUEST_CODE(no_end, 32, "iret");
/* The handler of #UD counts, and continues after the loop's VMXOFF. */
GUEST_CODE(vmxon, 32,
	   "	jmp 2f\n"
	   "	.org vmxon + 16\n"
	   "1:	incl 0x9000\n"
	   "2:	vmxon 0x6000\n"
	   "	vmxoff\n"
	   "	jmp 1b");
GUEST_CODE(skip, 32, "incl 0x9004\n movl $0x1010, (%esp)\n iret");
GUEST_CODE(fail, 32, "out %al, $0x30\n hlt");

static const struct kind {
	const char *name;
	const char *code;
	const char *end;
	int needs_apic;
	int needs_window;
	int needs_vmxe;
} kinds[] = {
	GUEST_KIND("cr0", cr0),
	GUEST_KIND("cpuid", cpuid),
	GUEST_KIND("busy", busy),
	GUEST_KIND("window", busy, .needs_window = 1),
	GUEST_KIND("timer", timer, .needs_apic = 1),
	GUEST_KIND("timer_no_eoi", timer, .needs_apic = 1),
	GUEST_KIND("vmxon", vmxon),
	GUEST_KIND("vmxon_vmxe", vmxon, .needs_vmxe = 1),
};

static int kvm, vcpu;
static uint8_t *memory;

static void interrupt(int sig)
{
	(void)sig;
}

static const struct kind *find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	}
	errx(2, "there is no kind %s", name);
}

static void set_gate(int vector, uint32_t handler)
{
	uint32_t *gate = (uint32_t *)(memory + IDT) + 2 * vector;

	gate[0] = 8 << 16 | handler;
	gate[1] = 0x8e00;
}

static void write_memory(const struct kind *kind)
{
	int vector;

	memcpy(memory + CODE, kind->code, kind->end - kind->code);
	GUEST_CODE_COPY(memory + HANDLER, skip);
	if (!strcmp(kind->name, "timer_no_eoi"))
		GUEST_CODE_COPY(memory + TIMER_HANDLER, no_end);
	else
		GUEST_CODE_COPY(memory + TIMER_HANDLER, end_interrupt);
	GUEST_CODE_COPY(memory + TIMER_HANDLER + 0x400, fail);
	for (vector = 0; vector < 32; vector++)
		set_gate(vector, TIMER_HANDLER + 0x400);
	set_gate(6, HANDLER);
	set_gate(TIMER_VECTOR, TIMER_HANDLER);
}

static void prepare_vmxon(struct kvm_sregs *sregs)
{
	uint64_t gpa = VMXON_GPA;

	memcpy(memory + VMXON_POINTER, &gpa, sizeof(gpa));
	kvm_prepare_vmxon(vcpu, memory, PAGE_TABLE, VMXON_GPA, sregs);
}

static void create(const struct kind *kind)
{
	int vm = kvm_create_vm(kvm);
	struct kvm_sregs sregs;

	if (kind->needs_apic && ioctl(vm, KVM_CREATE_IRQCHIP, 0))
		err(1, "KVM_CREATE_IRQCHIP");
	kvm_set_slot(vm, 0, 0, MEMORY, memory);
	vcpu = kvm_create_vcpu(vm, 0);
	kvm_offer_all(kvm, vcpu);
	kvm_flat_mode(vcpu, (uint64_t *)(memory + GDT), GDT, CODE);
	sregs = kvm_get_sregs(vcpu);
	sregs.idt.base = IDT;
	sregs.idt.limit = 0x7ff;
	if (kind->needs_vmxe)
		prepare_vmxon(&sregs);
	kvm_set_sregs(vcpu, &sregs);
}

static uint32_t counter(size_t at)
{
	uint32_t n;

	memcpy(&n, memory + at, sizeof(n));
	return n;
}

int main(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = interrupt };
	const struct kind *kind;
	struct kvm_run *run;

	if (argc != 3)
		errx(2, "usage: spin KIND SECONDS");
	kind = find(argv[1]);
	kvm = kvm_open();
	memory = allocate(MEMORY);
	write_memory(kind);
	create(kind);
	run = kvm_map_run(kvm, vcpu);
	run->request_interrupt_window = kind->needs_window;
	sigaction(SIGALRM, &action, NULL);
	alarm(atoi(argv[2]));
	while (!ioctl(vcpu, KVM_RUN, 0))
		if (run->exit_reason != KVM_EXIT_IRQ_WINDOW_OPEN)
			errx(1, "the guest ended with exit %u", run->exit_reason);
	if (errno != EINTR)
		err(1, "KVM_RUN");
	printf("rounds %u\nundefined %u\n", counter(ROUNDS), counter(UNDEFINED));
	return 0;
}
