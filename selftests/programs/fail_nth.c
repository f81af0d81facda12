// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: fail_nth load MODULE-FILE [FUNCTION]
 *        fail_nth guest
 * Loads l1tune, or creates and runs a guest, again and again. Run N makes the
 * kernel's Nth allocation fail, until a run has fewer than N. Each run must
 * succeed or fail with an errno for lack of memory. Prints how often which;
 * status 1 if there was another errno, something was left behind, an
 * allocation failed that must not, or no failed allocation was the module's.
 *
 * When loading, allocations before FUNCTION is called are skipped; the default
 * skips those of the kernel's loader before it calls the module, which are most.
 *
 * Needs a kernel with fault injection (/proc/thread-self/fail-nth) that logs
 * each failure with a stack trace (verbose is 2).
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MEMORY		0x4000
#define ENTRY		0x1000
#define RUNS		200

#define MANY		1000000

/* What it allocates must not fail: else a VM would not be charged to its users. */
#define CHARGES		" l1t_users_alloc+"

static int fail_fd, log_fd;
static const char *module, *begin = "do_init_module";
static bool load;
static unsigned char *guest_memory;

/* What has been tried, and what came of it. */
static unsigned int tried, refused, had, ours, bad;

static void fail(unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(fail_fd, text, len, 0) != len)
		err(2, "fail-nth");
}

/* How many more allocations are to come until one is to fail; 0: that has come. */
static unsigned int to_come(void)
{
	char text[16] = "";

	if (pread(fail_fd, text, sizeof(text) - 1, 0) <= 0)
		err(2, "fail-nth");
	return strtoul(text, NULL, 10);
}

/* Who asked for the allocation that failed. The kernel does not tell of all. */
enum asker { UNKNOWN, BEFORE, ANOTHER, OURS };

/* Reads what the log has since the last time. */
static enum asker read_asker(void)
{
	enum asker asker = UNKNOWN;
	bool begun = !load;
	char record[4096];
	ssize_t len;

	for (;;) {
		len = read(log_fd, record, sizeof(record) - 1);
		if (len < 0 && errno == EPIPE)
			continue;
		if (len < 0)
			break;
		record[len] = 0;
		if (strstr(record, "FAULT_INJECTION"))
			asker = ANOTHER;
		/* A frame that the unwinder is not sure of has a question mark. */
		if (asker == UNKNOWN || strstr(record, " ? "))
			continue;
		if (strstr(record, begin))
			begun = true;
		if (strstr(record, " [l1tune]"))
			asker = OURS;
		if (strstr(record, CHARGES)) {
			printf("# failed:%s", strstr(record, CHARGES));
			bad++;
		}
	}
	return asker == UNKNOWN || begun ? asker : BEFORE;
}

static bool is_loaded(void)
{
	return !access("/sys/module/l1tune", F_OK);
}

/* Each try returns 0 or an errno, with nothing of it left but what undo() takes. */
static int try_load(void)
{
	int fd = open(module, O_RDONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return errno;
	if (syscall(SYS_finit_module, fd, "", 0))
		ret = errno;
	close(fd);
	return ret;
}

static bool undo_load(int ret)
{
	if (is_loaded() == !!ret)
		return false;
	return ret || !syscall(SYS_delete_module, "l1tune", O_NONBLOCK);
}

/* A loop of CPUID, in real mode. */
static const unsigned char code[] = { 0x0f, 0xa2, 0xe6, 0x10, 0xeb, 0xfa };

/* Retries on EAGAIN and EINTR, as a VMM does. */
static int run_vcpu(int vcpu)
{
	int ret;

	do
		ret = ioctl(vcpu, KVM_RUN, 0);
	while (ret && (errno == EINTR || errno == EAGAIN));
	return ret;
}

static int start_vcpu(int vm, int vcpu, size_t run_size)
{
	struct kvm_userspace_memory_region slot = {
		.memory_size = MEMORY, .userspace_addr = (uintptr_t)guest_memory,
	};
	struct kvm_regs regs = { .rip = ENTRY, .rflags = 2 };
	struct kvm_sregs sregs;
	struct kvm_run *run;
	int i, ret = 0;

	run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		return errno;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) || ioctl(vcpu, KVM_GET_SREGS, &sregs))
		goto out_errno;
	sregs.cs.selector = 0;
	sregs.cs.base = 0;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) || ioctl(vcpu, KVM_SET_REGS, &regs))
		goto out_errno;
	for (i = 0; i < RUNS; i++)
		if (run_vcpu(vcpu) || run->exit_reason != KVM_EXIT_IO)
			goto out_errno;
	goto out;

out_errno:
	ret = errno;
out:
	munmap(run, run_size);
	return ret;
}

static int try_guest(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm = -1, vcpu = -1, ret = 0;

	if (kvm < 0)
		return errno;
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm >= 0)
		vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu >= 0)
		ret = start_vcpu(vm, vcpu, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	else
		ret = errno;
	close(vcpu);
	close(vm);
	close(kvm);
	return ret;
}

static bool undo_guest(int ret)
{
	(void)ret;
	return true;
}

static bool undo(int ret)
{
	return load ? undo_load(ret) : undo_guest(ret);
}

/* Returns how many allocations there are. */
static unsigned int try_without_failure(void)
{
	unsigned int left;
	int ret;

	fail(MANY);
	ret = load ? try_load() : try_guest();
	left = to_come();
	fail(0);
	if (ret || !undo(ret)) {
		printf("# without a failure: %s\n", strerror(ret));
		bad++;
	}
	return MANY - left;
}

/* Returns false if there are fewer than @nth. */
static bool try_nth(unsigned int nth, enum asker *asker)
{
	bool failed;
	int ret;

	read_asker();
	fail(nth);
	ret = load ? try_load() : try_guest();
	failed = !to_come();
	fail(0);
	*asker = read_asker();
	if (failed) {
		tried++;
		refused += !!ret;
		had += !ret;
		ours += *asker == OURS;
	}
	if (failed ? ret && ret != ENOMEM && ret != EINVAL && ret != EFAULT && ret != ENFILE && ret != EAGAIN : ret) {
		printf("# allocation %u: %s\n", nth, strerror(ret));
		bad++;
	}
	if (!undo(ret)) {
		printf("# allocation %u: %s, and something was left\n", nth,
		       ret ? strerror(ret) : "no error");
		bad++;
	}
	return failed;
}

/* The first allocation of @count that is not left out. */
static unsigned int find_first(unsigned int count)
{
	unsigned int low = 1, high = count, middle, nth;
	enum asker asker;

	while (low < high) {
		middle = low + (high - low) / 2;
		nth = middle;
		while (nth < high && try_nth(nth, &asker) && asker == UNKNOWN)
			nth++;
		if (nth < high && asker == BEFORE)
			low = nth + 1;
		else
			high = middle;
	}
	return low;
}

int main(int argc, char **argv)
{
	unsigned int count, first = 1, nth;
	enum asker asker;

	load = argc >= 3 && !strcmp(argv[1], "load");
	if (!load && (argc != 2 || strcmp(argv[1], "guest")))
		errx(2, "usage: fail_nth load MODULE-FILE [FUNCTION] | fail_nth guest");
	if (load)
		module = argv[2];
	if (load && argc > 3)
		begin = argv[3];
	guest_memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (guest_memory == MAP_FAILED)
		err(2, "mmap");
	memcpy(guest_memory + ENTRY, code, sizeof(code));
	fail_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fail_fd < 0)
		err(2, "/proc/thread-self/fail-nth: a kernel with CONFIG_FAULT_INJECTION has it");

	log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log_fd < 0)
		err(2, "/dev/kmsg");

	count = try_without_failure();
	if (load)
		first = find_first(count);
	for (nth = first; try_nth(nth, &asker); nth++)
		;
	printf("# %u allocations, from %u on each failed: %u refused, %u done without; %u of %u asked for by l1tune\n",
	       nth - 1, first, refused, had, ours, tried);
	return bad || !ours;
}
