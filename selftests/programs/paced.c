// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: paced [OPTION]... [ACCESS=COUNT]... [-- [OPTION]... [ACCESS=COUNT]...]...
 * A guest of one vCPU that makes the same accesses in each period, until it is
 * killed: how often it makes them does not depend on how long they take. Prints
 * "round N cpu_ns N" after each tenth period: the CPU time of the vCPU's thread.
 * Accesses, with ports, addresses and MSRs in hexadecimal:
 *
 *	out:PORT in:PORT		a port
 *	write:ADDRESS read:ADDRESS	an address without memory
 *	wrmsr:INDEX rdmsr:INDEX		an MSR; written is VALUE with wrmsr:INDEX:VALUE
 *	rdtsc:0				the TSC, without an exit
 *	cpuid:0				CPUID
 *	hlt:0				HLT, from which the VMM resumes at once
 *	vmcall:NUMBER vmmcall:NUMBER	a hypercall, on VMX and on SVM
 *
 * Options:
 *	--period-ms MS	the period (10)
 *	--spin-us US	CPU time that the VMM burns for each access that it serves (0)
 *	--irqchip	KVM has the interrupt controllers and the PIT; x2APIC is on
 *	--xapic		the same, but the local APIC is used by its page
 *	--ioeventfd	KVM tells an eventfd of writes to port 0x5010
 *	--filter	the VMM serves writes of MSR 0x8b
 *	--hyperv	the guest is offered Hyper-V's interface
 *	--name NAME	only to be seen in the command line
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>

#include "kvm.h"

#define MEMORY		0x20000
#define CODE		0x1000
#define GDT		0x4000
#define STEPS		0x8000
#define MAX_STEPS	64
#define MAX_MACHINES	4
#define ROUND_DONE	0x30
#define DOORBELL	0x5010
#define FILTERED_MSR	0x8b
#define APIC_X2		(1u << 10)

enum { END, OUT, IN, WRITE, READ, WRMSR, RDMSR, RDTSC, CPUID, HLT, VMCALL, VMMCALL };

/* As the guest reads them. */
struct step {
	uint32_t kind, address, count, value;
};

GUEST_CODE(steps, 32,
	   "1:	movl $0x8000, %ebx\n"
	   "2:	movl (%ebx), %ebp\n"
	   "	movl 4(%ebx), %edi\n"
	   "	movl 8(%ebx), %esi\n"
	   "	testl %ebp, %ebp\n"
	   "	jz 9f\n"
	   "3:	movl %edi, %edx\n"
	   "	movl %edi, %ecx\n"
	   "	movl 12(%ebx), %eax\n"
	   "	cmpl $1, %ebp\n"
	   "	jne 4f\n"
	   "	outb %al, %dx\n"
	   "	jmp 8f\n"
	   "4:	cmpl $2, %ebp\n"
	   "	jne 4f\n"
	   "	inb %dx, %al\n"
	   "	jmp 8f\n"
	   "4:	cmpl $3, %ebp\n"
	   "	jne 4f\n"
	   "	movl %eax, (%edi)\n"
	   "	jmp 8f\n"
	   "4:	cmpl $4, %ebp\n"
	   "	jne 4f\n"
	   "	movl (%edi), %eax\n"
	   "	jmp 8f\n"
	   "4:	xorl %edx, %edx\n"
	   "	cmpl $5, %ebp\n"
	   "	jne 4f\n"
	   "	wrmsr\n"
	   "	jmp 8f\n"
	   "4:	cmpl $6, %ebp\n"
	   "	jne 4f\n"
	   "	rdmsr\n"
	   "	jmp 8f\n"
	   "4:	cmpl $7, %ebp\n"
	   "	jne 4f\n"
	   "	rdtsc\n"
	   "	jmp 8f\n"
	   "4:	cmpl $8, %ebp\n"
	   "	jne 4f\n"
	   "	pushl %ebx\n"
	   "	cpuid\n"
	   "	popl %ebx\n"
	   "	jmp 8f\n"
	   "4:	cmpl $9, %ebp\n"
	   "	jne 4f\n"
	   "	hlt\n"
	   "	jmp 8f\n"
	   "4:	movl %edi, %eax\n"
	   "	cmpl $10, %ebp\n"
	   "	jne 4f\n"
	   "	vmcall\n"
	   "	jmp 8f\n"
	   "4:	vmmcall\n"
	   "8:	decl %esi\n"
	   "	jnz 3b\n"
	   "	addl $16, %ebx\n"
	   "	jmp 2b\n"
	   /* ROUND_DONE */
	   "9:	outb %al, $0x30\n"
	   "	jmp 1b");

static const struct {
	const char *name;
	uint32_t kind;
} kinds[] = {
	{ "out", OUT }, { "in", IN }, { "write", WRITE }, { "read", READ },
	{ "wrmsr", WRMSR }, { "rdmsr", RDMSR }, { "rdtsc", RDTSC },
	{ "cpuid", CPUID }, { "hlt", HLT }, { "vmcall", VMCALL }, { "vmmcall", VMMCALL },
};

/* One VM, and the thread that runs its vCPU. */
struct machine {
	unsigned long period_ms, spin_us;
	bool irqchip, xapic, ioeventfd, filter, hyperv;
	bool is_first;
	struct step steps[MAX_STEPS + 1];
	int vm, vcpu;
	struct kvm_run *run;
	pthread_t thread;
};

static struct step parse_step(const char *text)
{
	struct step step = { };
	char name[16], rest[64];
	size_t i;

	if (sscanf(text, "%15[a-z]:%x:%x=%u", name, &step.address, &step.value, &step.count) != 4 &&
	    sscanf(text, "%15[a-z]:%x=%u%63s", name, &step.address, &step.count, rest) != 3)
		errx(2, "'%s' is not ACCESS=COUNT", text);
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(name, kinds[i].name))
			step.kind = kinds[i].kind;
	if (!step.kind || !step.count)
		errx(2, "'%s' is not ACCESS=COUNT", text);
	return step;
}

/* Returns how many of the arguments are this machine's. */
static int parse(struct machine *m, int argc, char **argv)
{
	static const struct option options[] = {
		{ "period-ms", required_argument, NULL, 'p' },
		{ "spin-us", required_argument, NULL, 's' },
		{ "irqchip", no_argument, NULL, 'i' },
		{ "xapic", no_argument, NULL, 'x' },
		{ "ioeventfd", no_argument, NULL, 'e' },
		{ "filter", no_argument, NULL, 'f' },
		{ "hyperv", no_argument, NULL, 'h' },
		{ "name", required_argument, NULL, 'n' },
		{ }
	};
	int c, own, num = 0;

	for (own = 1; own < argc && strcmp(argv[own], "--"); own++)
		;
	m->period_ms = 10;
	optind = 0;
	while ((c = getopt_long(own, argv, "+", options, NULL)) != -1) {
		switch (c) {
		case 'p': m->period_ms = atoi(optarg); break;
		case 's': m->spin_us = atoi(optarg); break;
		case 'i': m->irqchip = true; break;
		case 'x': m->irqchip = m->xapic = true; break;
		case 'e': m->ioeventfd = true; break;
		case 'f': m->filter = true; break;
		case 'h': m->hyperv = true; break;
		case 'n': break;
		default: exit(2);
		}
	}
	while (optind < own && num < MAX_STEPS)
		m->steps[num++] = parse_step(argv[optind++]);
	return own;
}

static void ring_eventfd(int vm)
{
	struct kvm_ioeventfd ring = {
		.addr = DOORBELL, .len = 1, .fd = eventfd(0, EFD_CLOEXEC),
		.flags = KVM_IOEVENTFD_FLAG_PIO,
	};

	if (ring.fd < 0 || ioctl(vm, KVM_IOEVENTFD, &ring))
		err(1, "KVM_IOEVENTFD");
}

static void filter_msr(int vm)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR, .args = { KVM_MSR_EXIT_REASON_FILTER },
	};
	uint8_t none = 0;
	struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
		.ranges[0] = {
			.flags = KVM_MSR_FILTER_WRITE, .base = FILTERED_MSR, .nmsrs = 1,
			.bitmap = &none,
		},
	};

	if (ioctl(vm, KVM_ENABLE_CAP, &cap) || ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter))
		err(1, "a filter of MSRs");
}

static void create_irqchip(int vm)
{
	struct kvm_pit_config pit = { };

	if (ioctl(vm, KVM_CREATE_IRQCHIP, 0) || ioctl(vm, KVM_CREATE_PIT2, &pit))
		err(1, "KVM's interrupt controllers");
}

static void offer(const struct machine *m, int kvm)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[256];
	} cpuid = { };
	uint32_t i, num = 0;

	cpuid.head.nent = 250;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid))
		err(1, "KVM_GET_SUPPORTED_CPUID");
	for (i = 0; i < cpuid.head.nent; i++)
		if (!m->hyperv || cpuid.entries[i].function >> 16 != 0x4000)
			cpuid.entries[num++] = cpuid.entries[i];
	if (m->hyperv) {
		cpuid.entries[num++] = (struct kvm_cpuid_entry2){
			.function = 0x40000000, .eax = 0x40000003,
			.ebx = 0x7263694d, .ecx = 0x666f736f, .edx = 0x76482074,
		};
		cpuid.entries[num++] = (struct kvm_cpuid_entry2){
			.function = 0x40000001, .eax = 0x31237648,
		};
		/* HV_MSR_TIME_REF_COUNT_AVAILABLE and HV_MSR_HYPERCALL_AVAILABLE */
		cpuid.entries[num++] = (struct kvm_cpuid_entry2){
			.function = 0x40000003, .eax = 1 << 1 | 1 << 5,
		};
	}
	cpuid.head.nent = num;
	if (ioctl(m->vcpu, KVM_SET_CPUID2, &cpuid))
		err(1, "KVM_SET_CPUID2");
}

static void enable_x2apic(int vcpu)
{
	struct kvm_sregs sregs = kvm_get_sregs(vcpu);

	sregs.apic_base |= APIC_X2;
	kvm_set_sregs(vcpu, &sregs);
}

/* What serving an access takes. */
static void spin(const struct machine *m)
{
	uint64_t end = thread_cpu_ns() + m->spin_us * 1000;

	while (thread_cpu_ns() < end)
		;
}

static void wait_for_next(const struct machine *m, struct timespec *next)
{
	next->tv_nsec += m->period_ms * 1000000;
	while (next->tv_nsec >= 1000000000) {
		next->tv_nsec -= 1000000000;
		next->tv_sec++;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL) == EINTR)
		;
}

static void create(struct machine *m, int kvm)
{
	uint8_t *memory = allocate(MEMORY);

	m->vm = kvm_create_vm(kvm);
	if (m->irqchip)
		create_irqchip(m->vm);
	if (m->ioeventfd)
		ring_eventfd(m->vm);
	if (m->filter)
		filter_msr(m->vm);
	memcpy(memory + STEPS, m->steps, sizeof(m->steps));
	GUEST_CODE_COPY(memory + CODE, steps);
	kvm_set_slot(m->vm, 0, 0, MEMORY, memory);
	m->vcpu = kvm_create_vcpu(m->vm, 0);
	offer(m, kvm);
	m->run = kvm_map_run(kvm, m->vcpu);
	if (m->irqchip && !m->xapic)
		enable_x2apic(m->vcpu);
	kvm_flat_mode(m->vcpu, (uint64_t *)(memory + GDT), GDT, CODE);
}

static void *run(void *arg)
{
	const struct machine *m = arg;
	struct timespec next;
	unsigned long round = 0;

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		if (ioctl(m->vcpu, KVM_RUN, 0) && errno != EINTR)
			err(1, "KVM_RUN");
		switch (m->run->exit_reason) {
		case KVM_EXIT_IO:
			if (m->run->io.port != ROUND_DONE) {
				spin(m);
				break;
			}
			if (++round % 10 == 0 && m->is_first)
				printf("round %lu cpu_ns %lu\n", round, thread_cpu_ns());
			wait_for_next(m, &next);
			break;
		case KVM_EXIT_MMIO:
		case KVM_EXIT_HLT:
		case KVM_EXIT_X86_WRMSR:
			spin(m);
			break;
		case KVM_EXIT_INTR:
			break;
		default:
			errx(1, "the guest ended: exit reason %u", m->run->exit_reason);
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct machine machines[MAX_MACHINES];
	int kvm = kvm_open(), num = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while (num < MAX_MACHINES && argc > 0) {
		struct machine *m = &machines[num];
		int own = parse(m, argc, argv);

		m->is_first = !num++;
		create(m, kvm);
		if (pthread_create(&m->thread, NULL, run, m))
			errx(1, "pthread_create");
		/* VMs that are created one after the other, as a VMM's are. */
		usleep(200000);
		argc -= own;
		argv += own;
	}
	pause();
	return 0;
}
