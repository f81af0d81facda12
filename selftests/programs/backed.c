// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: backed [-p MS] KIND TOUCHED_MB ALL_MB [FILE]
 * A guest of one vCPU that writes to each page of the first TOUCHED_MB of its
 * ALL_MB of memory; then its VMM has KVM forget what it has mapped, and so on
 * until it is killed. Each round the guest so faults for each page, or for each
 * 2 MB where KVM maps that at once. Prints "round N gap_us N cpu_ns N" after each:
 * the longest time between two of its writes, which the guest itself has seen, and
 * the CPU time of its vCPU's thread. With -p a round begins every MS milliseconds.
 *
 *	anon		anonymous memory
 *	slots		the same, and 2000 slots of a page each
 *	executed	the same, and the guest executes in each page instead
 *	nohuge		the same with MADV_NOHUGEPAGE
 *	odd		the same, whose address is 1 MB off the guest's modulo 2 MB
 *	userfaultfd	the same, watched by a userfaultfd
 *	logged		the same, whose dirty pages are logged
 *	tracked		the same, and the log is read after each round instead
 *	kept		anonymous memory that KVM never has to forget
 *	memfd		a memfd, shared
 *	memfd_odd	the same, whose offset is 1 MB off its address modulo 2 MB
 *	file		FILE, shared
 *	private		FILE, private
 */
#define _GNU_SOURCE
#include "kvm.h"

#define CODE_MEMORY	0x10000
#define CODE		0x1000
#define GDT		0x4000
#define GPA		0x40000000ul
#define MB		(1ul << 20)
#define ODD		MB

/* The first byte of each page is a function that returns. */
#define RET		0xc3

#define NUM_PAGES	0x8000
#define GAP		0x8004
#define MORE_SLOTS	2000
#define MORE_GPA	0x80000000ul

/* What the guest does with each page, whose address is in edi */
#define ROUNDS(name, access)						\
	GUEST_CODE(name, 32,						\
		   "1:	movl $0x40000000, %edi\n"			\
		   "	movl 0x8000, %ecx\n"				\
		   "	rdtsc\n"					\
		   "	movl %eax, %esi\n"				\
		   "2:	" access "\n"					\
		   "	rdtsc\n"					\
		   "	movl %eax, %ebx\n"				\
		   "	subl %esi, %ebx\n"				\
		   "	movl %eax, %esi\n"				\
		   "	cmpl 0x8004, %ebx\n"				\
		   "	jbe 3f\n"					\
		   "	movl %ebx, 0x8004\n"				\
		   "3:	addl $4096, %edi\n"				\
		   "	loop 2b\n"					\
		   "	out %al, $0x30\n"				\
		   "	jmp 1b")

ROUNDS(touch, "incb (%edi)");
ROUNDS(execute, "call *%edi");

static int is_kind(const char *kind, const char *name)
{
	return !strcmp(kind, name);
}

/* An address that is aligned to 2 MB, or 1 MB off. */
static void *choose_address(size_t size, size_t off)
{
	uintptr_t start = (uintptr_t)allocate(size + 4 * MB);

	munmap((void *)start, size + 4 * MB);
	return (void *)(((start + 2 * MB - 1) & ~(2 * MB - 1)) + off);
}

static int open_file(const char *kind, const char *file, size_t size)
{
	int fd = file ? open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600) :
			memfd_create("guest", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, size))
		err(1, "%s", file ? file : kind);
	return fd;
}

static uint8_t *map(const char *kind, size_t size, const char *file)
{
	size_t off = is_kind(kind, "odd") ? ODD : 0;
	size_t offset = is_kind(kind, "memfd_odd") ? ODD : 0;
	int is_file = is_kind(kind, "file") || is_kind(kind, "private");
	int is_memfd = is_kind(kind, "memfd") || offset;
	int flags = (is_memfd || is_kind(kind, "file") ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED;
	int fd = -1;
	void *memory;

	if (is_file || is_memfd)
		fd = open_file(kind, is_file ? file : NULL, size + offset);
	else
		flags |= MAP_ANONYMOUS;
	memory = mmap(choose_address(size, off), size, PROT_READ | PROT_WRITE, flags, fd, offset);
	if (memory == MAP_FAILED)
		err(1, "mmap");
	if (is_kind(kind, "nohuge") && madvise(memory, size, MADV_NOHUGEPAGE))
		err(1, "MADV_NOHUGEPAGE");
	return memory;
}

static int create(const char *kind, int vm, uint8_t *memory, size_t size, uint8_t *code)
{
	struct kvm_userspace_memory_region region = {
		.slot = 1,
		.flags = is_kind(kind, "logged") || is_kind(kind, "tracked") ?
			 KVM_MEM_LOG_DIRTY_PAGES : 0,
		.guest_phys_addr = GPA,
		.memory_size = size,
		.userspace_addr = (uintptr_t)memory,
	};
	uint32_t i;
	int vcpu;

	if (is_kind(kind, "executed"))
		GUEST_CODE_COPY(code + CODE, execute);
	else
		GUEST_CODE_COPY(code + CODE, touch);
	kvm_set_slot(vm, 0, 0, CODE_MEMORY, code);
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		err(1, "memory slot");
	for (i = 0; is_kind(kind, "slots") && i < MORE_SLOTS; i++)
		kvm_set_slot(vm, 2 + i, MORE_GPA + i * 2 * PAGE, PAGE, code);
	vcpu = kvm_create_vcpu(vm, 0);
	kvm_flat_mode(vcpu, (uint64_t *)(code + GDT), GDT, CODE);
	return vcpu;
}

/* After a round: what makes the next one fault. */
static void forget(const char *kind, int vm, uint8_t *memory, size_t size)
{
	static uint8_t bitmap[GPA / PAGE / 8];
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };

	if (is_kind(kind, "kept"))
		return;
	if (is_kind(kind, "tracked")) {
		if (ioctl(vm, KVM_GET_DIRTY_LOG, &log))
			err(1, "KVM_GET_DIRTY_LOG");
		return;
	}
	mprotect(memory, size, PROT_NONE);
	mprotect(memory, size, PROT_READ | PROT_WRITE);
}

static void wait_until(uint64_t at_ns)
{
	const struct timespec at = { at_ns / 1000000000, at_ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

static uint64_t parse_period(int *argc, char ***argv)
{
	uint64_t period_ns = 0;
	int c;

	while ((c = getopt(*argc, *argv, "+p:")) != -1) {
		if (c != 'p')
			exit(2);
		period_ns = atoi(optarg) * 1000000ull;
	}
	*argc -= optind;
	*argv += optind;
	return period_ns;
}

int main(int argc, char **argv)
{
	uint64_t period_ns = parse_period(&argc, &argv), next_ns;
	size_t touched, size, i;
	uint8_t *memory, *code = allocate(CODE_MEMORY);
	uint32_t *gap = (uint32_t *)(code + GAP);
	unsigned long round, khz;
	int kvm, vm, vcpu;

	if (argc < 3)
		errx(2, "usage: backed [-p MS] KIND TOUCHED_MB ALL_MB [FILE]");
	touched = atoi(argv[1]) * MB;
	size = atoi(argv[2]) * MB;
	memory = map(argv[0], size, argv[3]);
	for (i = 0; i < touched; i += PAGE)
		memory[i] = RET;
	if (is_kind(argv[0], "userfaultfd"))
		block_pages(memory, size);
	*(uint32_t *)(code + NUM_PAGES) = touched / PAGE;
	kvm = kvm_open();
	vm = kvm_create_vm(kvm);
	vcpu = create(argv[0], vm, memory, size, code);
	kvm_map_run(kvm, vcpu);
	khz = ioctl(vcpu, KVM_GET_TSC_KHZ, 0);
	next_ns = now_ns();
	for (round = 1; ; round++) {
		if (ioctl(vcpu, KVM_RUN, 0) && errno != EINTR)
			err(1, "KVM_RUN");
		printf("round %lu gap_us %lu cpu_ns %lu\n", round, *gap * 1000ul / khz, thread_cpu_ns());
		*gap = 0;
		fflush(stdout);
		next_ns += period_ns;
		if (period_ns)
			wait_until(next_ns);
		forget(argv[0], vm, memory, size);
	}
}
