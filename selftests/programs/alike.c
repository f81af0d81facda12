// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: alike [-name guest=NAME] KIND [WHAT]
 * Guests that look alike by their exits, some thousands a second, and differ in
 * what these are for; until it is killed.
 *
 *	port PORT	reads a port, which the VMM serves
 *	kvm_port PORT	the same, of a device that KVM has
 *	mmio ADDRESS	reads an address without memory, which the VMM serves
 *	msr MSR		reads an MSR, which KVM serves
 *	filtered MSR	the same, left to the VMM by a filter
 *	hlt		HLT, which the VMM serves
 *	anonymous	writes to anonymous memory that KVM has not mapped
 *	refused		the same, with MADV_NOHUGEPAGE
 *	memfd		the same of shared memory
 *	file FILE	the same of a private mapping of a file
 *	logged		writes to pages whose dirty log is read
 *	userfaultfd	writes to missing pages, which a thread of the VMM fills
 *	slow		the same, with a thread that takes its time
 *	executes	executes in pages that KVM has not mapped
 *	slots		writes to pages that KVM forgets as another memory slot is removed
 *	dropped		writes to anonymous memory that the VMM gives back each time
 *	computes	nothing but that, for 10 ms of each second
 *	works		the same, and a thread of the VMM works half of the time
 *	ticks		the same, with a PIT of KVM's that nobody waits for
 *
 * After every 128 of these the guest rests in its VMM, so that it has a CPU to
 * spare and runs at the same pace wherever it runs.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>

#include "kvm.h"

#define CODE		0x1000ul
#define GDT		0x2000ul
#define STACK		0x3000ul
#define DATA		0x200000ul
#define DATA_SIZE	(16ul << 20)
#define LARGE		(2ul << 20)
/* Ports of the guest's own words to its VMM. */
#define REST		"0x10"
#define TOUCHED_ALL	"0x11"
#define PORT_REST	0x10
#define PORT_TOUCHED_ALL 0x11
#define RET		0xc3
#define SERVE_NS	20000
#define SLOW_US		2000
#define LOG_US		100000
#define WORK_NS		5000000

/* ebx: the port, address, MSR or first page; edi: the next page; ebp: the end of the pages. */
#define ACCESSES(name, access)						\
	GUEST_CODE(name, 32,						\
		   "1:	mov $128, %esi\n"				\
		   "2:\n" access					\
		   "	dec %esi\n"					\
		   "	jnz 2b\n"					\
		   "	out %al, $" REST "\n"				\
		   "	jmp 1b\n")

ACCESSES(reads_port,
	 "	mov %ebx, %edx\n"
	 "	in %dx, %al\n");
ACCESSES(reads_address,
	 "	mov (%ebx), %al\n");
ACCESSES(reads_msr,
	 "	mov %ebx, %ecx\n"
	 "	rdmsr\n");
ACCESSES(halts,
	 "	hlt\n");
#define NEXT_PAGE							\
	"	add $4096, %edi\n"					\
	"	cmp %ebp, %edi\n"					\
	"	jb 3f\n"						\
	"	out %al, $" TOUCHED_ALL "\n"				\
	"	mov %ebx, %edi\n"					\
	"3:\n"
ACCESSES(touches,
	 "	movl $1, (%edi)\n" NEXT_PAGE);
ACCESSES(executes,
	 "	call *%edi\n" NEXT_PAGE);

/* 5 million rounds of two instructions: 10 ms where one takes a nanosecond. */
GUEST_CODE(computes, 32,
	   "1:	mov $5000000, %ecx\n"
	   "2:	dec %ecx\n"
	   "	jnz 2b\n"
	   "	out %al, $" REST "\n"
	   "	jmp 1b\n");

static int vm, uffd;
static uint8_t *data, *other;
static unsigned int fill_us, rest_us = 12000;

static void start_thread(void *(*run)(void *unused))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, NULL))
		errx(1, "pthread_create");
}

/* The guest's addresses and these agree modulo 2 MB, as large pages need it. */
static void map_data(int flags, int fd)
{
	uintptr_t place = (uintptr_t)allocate(DATA_SIZE + LARGE);

	place = (place + LARGE - 1) & ~(LARGE - 1);
	if (!(flags & MAP_ANONYMOUS) && ftruncate(fd, DATA_SIZE))
		err(1, "a file of memory");
	data = mmap((void *)place, DATA_SIZE, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
	if (data == MAP_FAILED)
		err(1, "mmap");
}

static void add_data(uint32_t flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = 1,
		.flags = flags,
		.guest_phys_addr = DATA,
		.memory_size = DATA_SIZE,
		.userspace_addr = (uintptr_t)data,
	};

	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		err(1, "memory slot 1");
}

static void add_anonymous(const char *unused)
{
	(void)unused;
	map_data(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	add_data(0);
}

static void add_refused(const char *unused)
{
	add_anonymous(unused);
	if (madvise(data, DATA_SIZE, MADV_NOHUGEPAGE))
		err(1, "MADV_NOHUGEPAGE");
}

static void add_other(const char *unused)
{
	other = allocate(PAGE);
	add_anonymous(unused);
}

/* Each page is a function that returns. */
static void add_functions(const char *unused)
{
	add_anonymous(unused);
	memset(data, RET, DATA_SIZE);
}

static void add_memfd(const char *unused)
{
	(void)unused;
	map_data(MAP_SHARED, memfd_create("ram", MFD_CLOEXEC));
	add_data(0);
}

static void add_file(const char *file)
{
	int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		err(1, "%s", file);
	map_data(MAP_PRIVATE, fd);
	add_data(0);
}

static void *read_log(void *unused)
{
	static uint8_t bitmap[DATA_SIZE / PAGE / 8];
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };

	for (;;) {
		usleep(LOG_US);
		if (ioctl(vm, KVM_GET_DIRTY_LOG, &log))
			err(1, "KVM_GET_DIRTY_LOG");
	}
	return unused;
}

static void add_logged(const char *unused)
{
	(void)unused;
	map_data(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	add_data(KVM_MEM_LOG_DIRTY_PAGES);
	start_thread(read_log);
}

static void *fill(void *unused)
{
	struct pollfd fd = { .fd = uffd, .events = POLLIN };
	struct uffd_msg message;

	while (poll(&fd, 1, -1) == 1 && read(uffd, &message, sizeof(message)) == sizeof(message)) {
		if (fill_us)
			usleep(fill_us);
		fill_page(uffd, (void *)(message.arg.pagefault.address & ~(PAGE - 1)));
	}
	return unused;
}

static void add_filled(const char *unused)
{
	add_anonymous(unused);
	uffd = block_pages(data, DATA_SIZE);
	start_thread(fill);
}

static void add_slowly_filled(const char *unused)
{
	fill_us = SLOW_US;
	add_filled(unused);
}

/* KVM serves them in so little time that there have to be more of them. */
static void add_devices(const char *unused)
{
	const struct kvm_pit_config pit = { };

	(void)unused;
	rest_us = 8000;
	if (ioctl(vm, KVM_CREATE_IRQCHIP, 0) || ioctl(vm, KVM_CREATE_PIT2, &pit))
		err(1, "KVM's devices");
}

static void rest_longer(const char *unused)
{
	(void)unused;
	rest_us = 990000;
}

static void *work(void *unused)
{
	for (;;) {
		spin_ns(WORK_NS);
		usleep(WORK_NS / 1000);
	}
	return unused;
}

static void add_worker(const char *unused)
{
	rest_longer(unused);
	start_thread(work);
}

/* Its thread runs as often as KVM lets a timer be. */
static void add_ticks(const char *unused)
{
	struct kvm_pit_state2 pit;

	add_devices(unused);
	rest_longer(unused);
	if (ioctl(vm, KVM_GET_PIT2, &pit))
		err(1, "KVM_GET_PIT2");
	pit.channels[0].mode = 2;
	pit.channels[0].count = 1;
	if (ioctl(vm, KVM_SET_PIT2, &pit))
		err(1, "KVM_SET_PIT2");
}

/* Reads of that MSR are the VMM's. */
static void add_filter(const char *msr)
{
	static uint8_t none;
	const struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR, .args = { KVM_MSR_EXIT_REASON_FILTER },
	};
	const struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
		.ranges[0] = {
			.flags = KVM_MSR_FILTER_READ,
			.nmsrs = 1,
			.base = strtoul(msr, NULL, 0),
			.bitmap = &none,
		},
	};

	if (ioctl(vm, KVM_ENABLE_CAP, &cap) || ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter))
		err(1, "MSR filter");
}

/* KVM forgets them: each page faults once more. */
static void unmap_data(void)
{
	if (mprotect(data, DATA_SIZE, PROT_NONE) ||
	    mprotect(data, DATA_SIZE, PROT_READ | PROT_WRITE))
		err(1, "mprotect");
}

/* The pages are missing once more. */
static void drop_data(void)
{
	if (madvise(data, DATA_SIZE, MADV_DONTNEED))
		err(1, "MADV_DONTNEED");
}

/* KVM forgets all that it has mapped, though none of that is in this slot. */
static void change_slot(void)
{
	struct kvm_userspace_memory_region region = {
		.slot = 2,
		.guest_phys_addr = DATA + DATA_SIZE,
		.memory_size = PAGE,
		.userspace_addr = (uintptr_t)other,
	};

	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		err(1, "memory slot 2");
	region.memory_size = 0;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		err(1, "removal of memory slot 2");
}

static void keep_data(void)
{
}

#define CODE_OF(name)	.code = (name), .code_end = name##_end

static const struct kind {
	const char *name, *code, *code_end;
	void (*prepare)(const char *what);
	void (*touched_all)(void);
} kinds[] = {
	{ .name = "port", CODE_OF(reads_port) },
	{ .name = "kvm_port", CODE_OF(reads_port), .prepare = add_devices },
	{ .name = "mmio", CODE_OF(reads_address) },
	{ .name = "msr", CODE_OF(reads_msr) },
	{ .name = "filtered", CODE_OF(reads_msr), .prepare = add_filter },
	{ .name = "hlt", CODE_OF(halts) },
	{ .name = "anonymous", CODE_OF(touches), .prepare = add_anonymous,
	  .touched_all = unmap_data },
	{ .name = "refused", CODE_OF(touches), .prepare = add_refused,
	  .touched_all = unmap_data },
	{ .name = "memfd", CODE_OF(touches), .prepare = add_memfd,
	  .touched_all = unmap_data },
	{ .name = "file", CODE_OF(touches), .prepare = add_file,
	  .touched_all = unmap_data },
	{ .name = "logged", CODE_OF(touches), .prepare = add_logged,
	  .touched_all = keep_data },
	{ .name = "userfaultfd", CODE_OF(touches), .prepare = add_filled,
	  .touched_all = drop_data },
	{ .name = "slow", CODE_OF(touches), .prepare = add_slowly_filled,
	  .touched_all = drop_data },
	{ .name = "executes", CODE_OF(executes), .prepare = add_functions,
	  .touched_all = unmap_data },
	{ .name = "slots", CODE_OF(touches), .prepare = add_other,
	  .touched_all = change_slot },
	{ .name = "dropped", CODE_OF(touches), .prepare = add_anonymous,
	  .touched_all = drop_data },
	{ .name = "computes", CODE_OF(computes), .prepare = rest_longer },
	{ .name = "works", CODE_OF(computes), .prepare = add_worker },
	{ .name = "ticks", CODE_OF(computes), .prepare = add_ticks },
};

static const struct kind *find_kind(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	errx(2, "usage: alike [-name guest=NAME] KIND [WHAT]");
}

static void put_code(int vcpu, uint8_t *memory, const struct kind *kind, const char *what)
{
	unsigned long number = strtoul(what, NULL, 0);
	struct kvm_regs regs;

	kvm_flat_mode(vcpu, (uint64_t *)(memory + GDT - CODE), GDT, CODE);
	memcpy(memory, kind->code, kind->code_end - kind->code);
	if (ioctl(vcpu, KVM_GET_REGS, &regs))
		err(1, "KVM_GET_REGS");
	regs.rbx = kind->touched_all ? DATA : number;
	regs.rdi = DATA;
	regs.rbp = DATA + DATA_SIZE;
	regs.rsp = STACK;
	if (ioctl(vcpu, KVM_SET_REGS, &regs))
		err(1, "KVM_SET_REGS");
}

static void handle_exit(const struct kind *kind, struct kvm_run *run)
{
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		if (run->io.port == PORT_REST)
			usleep(rest_us);
		else if (run->io.port == PORT_TOUCHED_ALL)
			kind->touched_all();
		else
			spin_ns(SERVE_NS);
		break;
	case KVM_EXIT_X86_RDMSR:
		run->msr.error = 0;
		/* fall through */
	case KVM_EXIT_MMIO:
	case KVM_EXIT_HLT:
		spin_ns(SERVE_NS);
		break;
	default:
		errx(1, "exit %u", run->exit_reason);
	}
}

int main(int argc, char **argv)
{
	int first = argc > 2 && !strcmp(argv[1], "-name") ? 3 : 1;
	const struct kind *kind = find_kind(argc > first ? argv[first] : "");
	const char *what = argc > first + 1 ? argv[first + 1] : "";
	uint8_t *memory = allocate(2 * PAGE);
	int kvm = kvm_open(), vcpu;
	struct kvm_run *run;

	vm = kvm_create_vm(kvm);
	kvm_set_slot(vm, 0, CODE, 2 * PAGE, memory);
	if (kind->prepare)
		kind->prepare(what);
	vcpu = kvm_create_vcpu(vm, 0);
	run = kvm_map_run(kvm, vcpu);
	put_code(vcpu, memory, kind, what);
	for (;;) {
		if (!ioctl(vcpu, KVM_RUN, 0))
			handle_exit(kind, run);
		else if (errno != EINTR)
			err(1, "KVM_RUN");
	}
}
