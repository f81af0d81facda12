// SPDX-License-Identifier: GPL-2.0
/*
 * bench on a /dev/kvm that is unlike others. ioctl() of this program is called
 * instead of libc's: a KVM that has all that bench asks for, and whose guests
 * never exit, or one that lacks something.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/wait.h"
#include "bench/bench.h"
#include "ktap.h"

#define RUN_SIZE	4096

static int lacking_cap, num_runs;
static char said[512];

static int file_of(size_t size)
{
	int fd = memfd_create("fake", MFD_CLOEXEC);

	return fd < 0 || ftruncate(fd, size) ? -1 : fd;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	unsigned long arg;

	(void)fd;
	va_start(ap, request);
	arg = va_arg(ap, unsigned long);
	va_end(ap);
	switch (request) {
	case KVM_GET_API_VERSION:
		return KVM_API_VERSION;
	case KVM_CHECK_EXTENSION:
		return (int)arg != lacking_cap;
	case KVM_GET_VCPU_MMAP_SIZE:
		return RUN_SIZE;
	case KVM_CREATE_VM:
	case KVM_CREATE_VCPU:
		return file_of(RUN_SIZE);
	case KVM_GET_SUPPORTED_CPUID:
		((struct kvm_cpuid2 *)arg)->nent = 0;
		return 0;
	case KVM_GET_TSC_KHZ:
		return 2000000;
	case KVM_RUN:
		num_runs++;
		pause();
		errno = EINTR;
		return -1;
	default:
		return 0;
	}
}

static int measure(const char *dir)
{
	struct env env = { .sysfs = dir, .proc = dir, .dev = dir, .state = dir };
	const struct bench_options options = { .dev = dir };
	struct measurement m;
	int status, fd;
	ssize_t len;

	num_runs = 0;
	fd = file_of(0);
	dup2(fd, STDERR_FILENO);
	status = bench_measure(&env, &options, &m);
	len = pread(fd, said, sizeof(said) - 1, 0);
	said[len > 0 ? len - 1 : 0] = '\0';
	close(fd);
	return status;
}

int main(void)
{
	char dir[] = "/tmp/l1tune-test-XXXXXX", *path;
	uint64_t start;
	int fd;

	ktap_start();
	if (!mkdtemp(dir))
		return 1;
	path = xasprintf("%s/kvm", dir);
	fd = open(path, O_CREAT | O_RDWR, 0600);
	if (fd >= 0)
		close(fd);

	start = monotonic_ns();
	ktap_ok(measure(dir) == STATUS_FAILED && num_runs == 1,
		"a guest that never exits ends the run with a failure");
	ktap_ok(strstr(said, "the guest does not exit here"),
		"the message says that the guest does not exit: %s", said);
	ktap_ok(monotonic_ns() - start < 30 * NSEC_PER_SEC,
		"it does not wait longer than the first exits may take");

	lacking_cap = KVM_CAP_IMMEDIATE_EXIT;
	ktap_ok(measure(dir) == STATUS_FAILED && !num_runs &&
		strstr(said, "KVM_CAP_IMMEDIATE_EXIT"),
		"a KVM that lacks what bench needs is not tried: %s", said);

	unlink(path);
	ktap_ok(measure(dir) == STATUS_FAILED && strstr(said, "No such file"),
		"no /dev/kvm is told: %s", said);
	rmdir(dir);
	free(path);
	return ktap_end();
}
