// SPDX-License-Identifier: GPL-2.0
/* KVM's own statistics of a vCPU, read through KVM_GET_STATS_FD. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm-int.h"

static int read_all(int fd, void *buf, size_t size, off_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, (char *)buf + done, size - done, offset + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return vmm_fail("KVM statistics: %s", n ? strerror(errno) : "short file");
		done += n;
	}
	return 0;
}

static int read_stats(int fd, vmm_stat_fn fn, void *data)
{
	struct kvm_stats_header head;
	struct kvm_stats_desc *desc;
	uint64_t value;
	char *descs;
	size_t size;
	unsigned int i;
	int ret;

	if (read_all(fd, &head, sizeof(head), 0))
		return -1;
	size = sizeof(*desc) + head.name_size;
	descs = calloc(head.num_desc, size);
	if (!descs)
		return vmm_fail("out of memory");
	ret = read_all(fd, descs, head.num_desc * size, head.desc_offset);
	for (i = 0; !ret && i < head.num_desc; i++) {
		desc = (struct kvm_stats_desc *)(descs + i * size);
		if (desc->size != 1)		/* a histogram */
			continue;
		ret = read_all(fd, &value, sizeof(value), head.data_offset + desc->offset);
		if (!ret)
			fn(desc->name, value, data);
	}
	free(descs);
	return ret;
}

bool vmm_has_stats(const struct vmm *vm)
{
	return ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_BINARY_STATS_FD) > 0;
}

int vmm_read_stats(struct vmm *vm, unsigned int vcpu, vmm_stat_fn fn, void *data)
{
	int fd, ret;

	fd = ioctl(vm->vcpus[vcpu].fd, KVM_GET_STATS_FD, NULL);
	if (fd < 0)
		return vmm_fail_errno("KVM_GET_STATS_FD", "kernels have it since 5.14");
	ret = read_stats(fd, fn, data);
	close(fd);
	return ret;
}

struct wanted {
	const char *name;
	uint64_t value;
	bool found;
};

static void pick(const char *name, uint64_t value, void *data)
{
	struct wanted *w = data;

	if (!strcmp(name, w->name)) {
		w->value = value;
		w->found = true;
	}
}

int vmm_stat(struct vmm *vm, unsigned int vcpu, const char *name, uint64_t *value)
{
	struct wanted w = { .name = name };

	if (vmm_read_stats(vm, vcpu, pick, &w))
		return -1;
	if (!w.found)
		return vmm_fail("KVM has no statistic named %s", name);
	*value = w.value;
	return 0;
}
