// SPDX-License-Identifier: GPL-2.0
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/util.h"
#include "bench/kvm.h"

#define MAX_CPUID	256

static void fail(char *error, const char *what, const char *hint)
{
	snprintf(error, KVM_ERROR_SIZE, "%s: %s%s", what, strerror(errno), hint);
}

int kvm_open(const char *dev, char *error)
{
	char *path = xasprintf("%s/kvm", dev);
	int fd = open(path, O_RDWR | O_CLOEXEC), err = fd < 0 ? errno : 0;

	if (fd < 0) {
		fail(error, path, errno == EACCES || errno == EPERM ?
		     ": run as root or as a member of the group kvm" :
		     ": l1tune doctor says what is missing");
	} else if (ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
		snprintf(error, KVM_ERROR_SIZE, "this KVM has an interface version unknown to l1tune");
		close(fd);
		fd = -1;
	}
	free(path);
	errno = err;
	return fd;
}

int kvm_create_vm(int kvm_fd, char *error)
{
	int fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);

	if (fd < 0)
		fail(error, errno == EDQUOT ? "KVM_CREATE_VM: a limit refuses it (see l1/limits)" :
					      "KVM_CREATE_VM", "");
	return fd;
}

struct kvm_cpuid2 *kvm_supported_cpuid(int kvm_fd, char *error)
{
	struct kvm_cpuid2 *cpuid = xcalloc(1, sizeof(*cpuid) +
					   MAX_CPUID * sizeof(cpuid->entries[0]));
	int err;

	cpuid->nent = MAX_CPUID;
	if (!ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid))
		return cpuid;
	err = errno;
	fail(error, "KVM_GET_SUPPORTED_CPUID", "");
	free(cpuid);
	errno = err;
	return NULL;
}

size_t kvm_run_size(int kvm_fd, char *error)
{
	int size = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (size > 0)
		return size;
	fail(error, "KVM_GET_VCPU_MMAP_SIZE", "");
	return 0;
}

bool cpu_has_svm(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & 1 << 2);
}
