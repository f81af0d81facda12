// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: die KIND
 * A guest of one vCPU that executes CPUID 70 times and then ends in a way that is
 * known; "die list" prints the kinds. Prints "run REASON ERRNO" for the last
 * KVM_RUN that returned.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/wait.h>

#include "kvm.h"

#define MEMORY		0x10000
#define CODE		0x1000
#define GDT		0x4000
#define HOLE		0x200000
#define HOLE_SIZE	0x1000
#define OOM_BYTES	(64ul << 20)
#define EFER_LME_LMA	((1ull << 8) | (1ull << 10))
#define CR4_PAE		(1ull << 5)

#define CPUIDS	"mov $70, %esi\n 1: xor %eax, %eax\n cpuid\n dec %esi\n jnz 1b\n"

GUEST_CODE(ud, 32, CPUIDS "ud2");
GUEST_CODE(bp, 32, CPUIDS "int3");
GUEST_CODE(rdmsr, 32, CPUIDS "mov $0x12345678, %ecx\n rdmsr");
GUEST_CODE(wrmsr, 32, CPUIDS "mov $0x12345678, %ecx\n wrmsr");
GUEST_CODE(xsetbv, 32, CPUIDS "xor %ecx, %ecx\n xor %eax, %eax\n xor %edx, %edx\n xsetbv");
GUEST_CODE(cr4, 32, CPUIDS "mov $0x80000000, %eax\n mov %eax, %cr4");
GUEST_CODE(kbc, 32, CPUIDS "mov $0xfe, %al\n out %al, $0x64\n hlt");
GUEST_CODE(cf9, 32, CPUIDS "mov $0xcf9, %dx\n mov $6, %al\n out %al, %dx\n hlt");
GUEST_CODE(hv, 32, CPUIDS "mov $0x40000003, %ecx\n mov $1, %eax\n xor %edx, %edx\n wrmsr\n hlt");
GUEST_CODE(jump, 32, CPUIDS "mov $0xe0000000, %eax\n jmp *%eax");
GUEST_CODE(reads, 32, CPUIDS "mov 0x200000, %eax\n hlt");
GUEST_CODE(writes, 32, CPUIDS "mov %eax, 0x200000\n hlt");
GUEST_CODE(calls, 32, CPUIDS "mov $0x200000, %eax\n jmp *%eax");
GUEST_CODE(outs, 32, CPUIDS "out %al, $0x80\n hlt");
GUEST_CODE(halts, 32, CPUIDS "cli\n hlt");
/* Bochs holds the host's interrupts back, too, while the guest has disabled its own. */
GUEST_CODE(spins, 32, CPUIDS "sti\n 1: jmp 1b");

static int kvm, vm, vcpu;
static uint8_t *memory;
static struct kvm_run *run;
static size_t run_bytes;
static struct kvm_sregs sregs;

static int is_svm(void)
{
	return !system("grep -qw svm /proc/cpuinfo");
}

static void with_idt_in_mmio(void)
{
	sregs.idt.base = 0xe0000000;
	sregs.idt.limit = 0x7ff;
}

/* What the CPU does not enter, and KVM does not look at. */
static void with_invalid_state(void)
{
	if (is_svm()) {
		sregs.efer |= EFER_LME_LMA;
		sregs.cr4 |= CR4_PAE;
		sregs.cr0 |= CR0_PG;
		sregs.cr3 = 0x8000;
		sregs.cs.l = 1;
	} else {
		/* In pages, so all of its low 12 bits would have to be set. */
		sregs.ds.g = 1;
		sregs.ds.limit = 0x1000;
	}
}

static void with_hole(void)
{
	void *pages = allocate(HOLE_SIZE);

	kvm_set_slot(vm, 1, HOLE, HOLE_SIZE, pages);
	/* Unmapped, the address would be given to the next mapping. */
	mprotect(pages, HOLE_SIZE, PROT_NONE);
}

static void with_hyperv(void)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[4];
	} cpuid = {
		.head.nent = 4,
		.entries = {
			{ .function = 0x40000000, .eax = 0x40000005, .ebx = 0x7263694d,
			  .ecx = 0x666f736f, .edx = 0x76482074 },
			{ .function = 0x40000001, .eax = 0x31237648 },
			{ .function = 0x40000003, .eax = 1 << 7 },
			{ .function = 0, .eax = 1 },
		},
	};

	if (ioctl(vcpu, KVM_SET_CPUID2, &cpuid))
		err(1, "KVM_SET_CPUID2");
}

static void exits(void)
{
	exit(0);
}

static void exits_with_3(void)
{
	exit(3);
}

static void kills_itself(void)
{
	raise(SIGKILL);
}

static void segfaults(void)
{
	raise(SIGSEGV);
}

/* In a cgroup with less memory. */
static void grows(void)
{
	memset(allocate(OOM_BYTES), 1, OOM_BYTES);
}

static void asks_for_more(void)
{
	if (ioctl(vm, KVM_CREATE_VCPU, 1) < 0)
		err(1, "KVM_CREATE_VCPU");
}

static void closes(void)
{
	/* The vCPU's descriptor keeps the VM. */
	sleep(1);
}

/* A child that holds the files is the last to let go of them. */
static void hands_over(void)
{
	if (!fork()) {
		usleep(300000);
		_exit(0);
	}
	_exit(5);
}

static const struct kind {
	const char *name;
	const char *code;
	const char *end;
	void (*prepare)(void);
	void (*finish)(void);
	int in_kernel_apic;
	int signal;
	int unmaps;
} kinds[] = {
	GUEST_KIND("ud", ud),
	GUEST_KIND("bp", bp),
	GUEST_KIND("rdmsr", rdmsr),
	GUEST_KIND("wrmsr", wrmsr),
	GUEST_KIND("xsetbv", xsetbv),
	GUEST_KIND("cr4", cr4),
	GUEST_KIND("kbc", kbc),
	GUEST_KIND("cf9", cf9),
	GUEST_KIND("hyperv", hv, .prepare = with_hyperv),
	GUEST_KIND("invalid", outs, .prepare = with_invalid_state),
	GUEST_KIND("execute_mmio", jump),
	GUEST_KIND("idt_mmio", ud, .prepare = with_idt_in_mmio),
	GUEST_KIND("hole_read", reads, .prepare = with_hole),
	GUEST_KIND("hole_write", writes, .prepare = with_hole),
	GUEST_KIND("hole_execute", calls, .prepare = with_hole),
	GUEST_KIND("exit", outs, .finish = exits),
	GUEST_KIND("exit_3", outs, .finish = exits_with_3),
	GUEST_KIND("abort", outs, .finish = abort),
	GUEST_KIND("segv", outs, .finish = segfaults),
	GUEST_KIND("kill_outside", outs, .finish = kills_itself),
	GUEST_KIND("kill_halted", halts, .in_kernel_apic = 1, .signal = SIGKILL),
	GUEST_KIND("kill_spinning", spins, .signal = SIGKILL),
	GUEST_KIND("term_spinning", spins, .signal = SIGTERM),
	GUEST_KIND("hlt", halts, .finish = exits),
	GUEST_KIND("oom", outs, .finish = grows),
	GUEST_KIND("denied", outs, .finish = asks_for_more),
	GUEST_KIND("close", outs, .finish = closes, .unmaps = 1),
	GUEST_KIND("child", outs, .finish = hands_over),
};

#define NR_KINDS (sizeof(kinds) / sizeof(*kinds))

static void create(const struct kind *kind)
{
	vm = kvm_create_vm(kvm);
	if (kind->in_kernel_apic && ioctl(vm, KVM_CREATE_IRQCHIP, 0))
		err(1, "KVM_CREATE_IRQCHIP");
	memcpy(memory + CODE, kind->code, kind->end - kind->code);
	kvm_set_slot(vm, 0, 0, MEMORY, memory);
	vcpu = kvm_create_vcpu(vm, 0);
	kvm_offer_all(kvm, vcpu);
	kvm_flat_mode(vcpu, (uint64_t *)(memory + GDT), GDT, CODE);
	sregs = kvm_get_sregs(vcpu);
	sregs.idt.limit = 0;
	if (kind->prepare)
		kind->prepare();
	kvm_set_sregs(vcpu, &sregs);
}

/* Another process sends it: a signal from within would end KVM_RUN before. */
static void send_soon(int number)
{
	pid_t vmm = getpid();

	if (fork())
		return;
	/* Its copies of the files and of the mapping would keep the guest. */
	munmap(run, run_bytes);
	close(vcpu);
	close(vm);
	usleep(300000);
	kill(vmm, number);
	_exit(0);
}

int main(int argc, char **argv)
{
	const struct kind *kind = NULL;
	int error;
	size_t i;

	if (argc != 2)
		errx(2, "usage: die KIND");
	for (i = 0; i < NR_KINDS; i++) {
		if (!strcmp(argv[1], "list"))
			printf("%s\n", kinds[i].name);
		else if (!strcmp(argv[1], kinds[i].name))
			kind = &kinds[i];
	}
	if (!kind)
		return strcmp(argv[1], "list") ? 2 : 0;
	kvm = kvm_open();
	memory = allocate(MEMORY);
	create(kind);
	run = kvm_map_run(kvm, vcpu);
	run_bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	/* So that the guest has a device before it ends. */
	usleep(200000);
	if (kind->signal)
		send_soon(kind->signal);
	error = ioctl(vcpu, KVM_RUN, 0) ? errno : 0;
	printf("run %u %d\n", run->exit_reason, error);
	fflush(stdout);
	if (kind->unmaps) {
		munmap(run, run_bytes);
		close(vcpu);
		close(vm);
	}
	if (kind->finish)
		kind->finish();
	return 0;
}
