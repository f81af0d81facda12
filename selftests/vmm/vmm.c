// SPDX-License-Identifier: GPL-2.0
/* A VM with its memory and vCPUs: made and unmade here, run in run.c. */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm-int.h"

_Thread_local char vmm_error_text[256];

const char *vmm_error(void)
{
	return vmm_error_text;
}

int vmm_fail_errno(const char *what, const char *hint)
{
	return vmm_fail("%s: %s%s%s", what, strerror(errno), hint ? "; " : "", hint ? hint : "");
}

bool vmm_module_param(const char *path, bool missing)
{
	FILE *f = fopen(path, "re");
	int c;

	if (!f)
		return missing;
	c = fgetc(f);
	fclose(f);
	return c == 'Y' || c == '1';
}

enum vmm_isa vmm_isa(void)
{
	unsigned int a, b, c, d;

	if (__get_cpuid(1, &a, &b, &c, &d) && (c & 1 << 5))
		return VMM_VMX;
	if (__get_cpuid(0x80000001, &a, &b, &c, &d) && (c & 1 << 2))
		return VMM_SVM;
	return VMM_VMX;
}

static const char *open_hint(void)
{
	switch (errno) {
	case ENOENT:
	case ENODEV:
		return "is kvm_intel or kvm_amd loaded, and does the CPU offer VMX or SVM?";
	case EACCES:
	case EPERM:
		return "run as root or as a member of the group kvm";
	default:
		return NULL;
	}
}

static const char *create_hint(void)
{
	switch (errno) {
	case EBUSY:
		return "is another hypervisor using the CPU's virtualization?";
	case EDQUOT:
		return "a limit set on this machine refuses it (see /sys/class/l1tune/l1/limits)";
	case EINVAL:
		return "is kvm_intel or kvm_amd loaded?";
	default:
		return NULL;
	}
}

static int open_kvm(struct vmm *vm)
{
	int version;

	vm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0)
		return vmm_fail_errno("/dev/kvm", open_hint());
	version = ioctl(vm->kvm_fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION)
		return vmm_fail("KVM_GET_API_VERSION: %d instead of %d: not KVM as we know it",
				version, KVM_API_VERSION);
	vm->fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		return vmm_fail_errno("KVM_CREATE_VM", create_hint());
	return 0;
}

/* In-kernel local APICs only; a PC's other interrupt controllers are not needed. */
static int create_lapics(struct vmm *vm)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };

	if (ioctl(vm->fd, KVM_ENABLE_CAP, &cap))
		return vmm_fail_errno("KVM_ENABLE_CAP KVM_CAP_SPLIT_IRQCHIP", NULL);
	return 0;
}

/* Nobody reads what the guest writes there. */
static int create_ioeventfd(struct vmm *vm)
{
	struct kvm_ioeventfd io = {
		.addr = PORT_OUT, .len = 4, .flags = KVM_IOEVENTFD_FLAG_PIO,
	};

	vm->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (vm->event_fd < 0)
		return vmm_fail_errno("eventfd", NULL);
	io.fd = vm->event_fd;
	if (ioctl(vm->fd, KVM_IOEVENTFD, &io))
		return vmm_fail_errno("KVM_IOEVENTFD", NULL);
	return 0;
}

static int create_memory(struct vcpu *vcpu)
{
	struct kvm_userspace_memory_region region = {
		.slot = vcpu->index,
		.guest_phys_addr = VCPU_GPA(vcpu->index),
	};
	void *mem;

	vcpu->mem_size = program_memory(&vcpu->vm->cfg);
	/* Huge pages are wanted where the guest's are, so some more for it. */
	mem = mmap(NULL, vcpu->mem_size + LARGE_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem == MAP_FAILED)
		return vmm_fail_errno("mmap of guest memory", NULL);
	vcpu->map = mem;
	mem = (void *)(((uintptr_t)mem + LARGE_SIZE - 1) & ~(LARGE_SIZE - 1));
	vcpu->mem = mem;
	/*
	 * One EPT fault per page wants small pages. Kernels without huge pages
	 * answer EINVAL, and have none.
	 */
	if (!vcpu->vm->cfg.huge_pages &&
	    madvise(mem, vcpu->mem_size, MADV_NOHUGEPAGE) && errno != EINVAL)
		return vmm_fail_errno("madvise MADV_NOHUGEPAGE", NULL);
	region.memory_size = vcpu->mem_size;
	region.userspace_addr = (uintptr_t)mem;
	if (ioctl(vcpu->vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		return vmm_fail_errno("KVM_SET_USER_MEMORY_REGION", create_hint());
	return 0;
}

static int create_vcpu(struct vcpu *vcpu, struct kvm_cpuid2 *cpuid)
{
	struct vmm *vm = vcpu->vm;
	void *run;

	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, vcpu->index);
	if (vcpu->fd < 0)
		return vmm_fail_errno("KVM_CREATE_VCPU", create_hint());
	run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED)
		return vmm_fail_errno("mmap of the vCPU", NULL);
	vcpu->run = run;
	if (create_memory(vcpu) || vcpu_init_state(vcpu, cpuid))
		return -1;
	program_load(vcpu);
	if (vm->nested && vcpu_init_nested(vcpu))
		return -1;
	program_touch_fresh(vcpu);
	return 0;
}

static int create_vcpus(struct vmm *vm)
{
	struct kvm_cpuid2 *cpuid;
	unsigned int i;
	int ret, size;

	size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < 0)
		return vmm_fail_errno("KVM_GET_VCPU_MMAP_SIZE", NULL);
	vm->run_size = size;
	cpuid = vmm_supported_cpuid(vm);
	if (!cpuid)
		return -1;
	ret = vm->nested ? vmm_check_nested(vm, cpuid) : 0;
	for (i = 0; !ret && i < vm->cfg.vcpus; i++)
		ret = create_vcpu(&vm->vcpus[i], cpuid);
	free(cpuid);
	return ret;
}

struct vmm *vmm_create(const struct vmm_config *cfg)
{
	struct vmm *vm;
	unsigned int i;

	if (cfg->vcpus > VMM_MAX_VCPUS) {
		vmm_fail("%u vCPUs: at most %d", cfg->vcpus, VMM_MAX_VCPUS);
		return NULL;
	}
	if (program_check(cfg))
		return NULL;
	vm = calloc(1, sizeof(*vm));
	if (vm)
		vm->vcpus = calloc(cfg->vcpus + 1, sizeof(*vm->vcpus));
	if (!vm || !vm->vcpus) {
		free(vm);
		vmm_fail("out of memory");
		return NULL;
	}
	vm->cfg = *cfg;
	if (!vm->cfg.halt_period_us)
		vm->cfg.halt_period_us = 1000;
	vm->isa = vmm_isa();
	vm->nested = cfg->nested || cfg->count[VMM_OFF];
	for (i = 0; i < VMM_KINDS; i++)
		vm->nested |= kind_is_l3(i) && cfg->count[i];
	vm->kvm_fd = -1;
	vm->fd = -1;
	vm->event_fd = -1;
	for (i = 0; i < cfg->vcpus; i++) {
		vm->vcpus[i].vm = vm;
		vm->vcpus[i].index = i;
		vm->vcpus[i].fd = -1;
	}
	pthread_mutex_init(&vm->lock, NULL);
	pthread_cond_init(&vm->cond, NULL);

	if (open_kvm(vm) ||
	    (program_sleeps(cfg) && create_lapics(vm)) ||
	    (cfg->ioeventfd && create_ioeventfd(vm)) ||
	    (cfg->vcpus && create_vcpus(vm))) {
		vmm_destroy(vm);
		return NULL;
	}
	return vm;
}

void vmm_destroy(struct vmm *vm)
{
	struct vcpu *vcpu;
	unsigned int i;

	if (!vm)
		return;
	for (i = 0; i < vm->cfg.vcpus; i++) {
		vcpu = &vm->vcpus[i];
		if (vcpu->run)
			munmap(vcpu->run, vm->run_size);
		if (vcpu->fd >= 0)
			close(vcpu->fd);
	}
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->event_fd >= 0)
		close(vm->event_fd);
	for (i = 0; i < vm->cfg.vcpus; i++) {
		vcpu = &vm->vcpus[i];
		if (vcpu->map)
			munmap(vcpu->map, vcpu->mem_size + LARGE_SIZE);
	}
	if (vm->kvm_fd >= 0)
		close(vm->kvm_fd);
	pthread_cond_destroy(&vm->cond);
	pthread_mutex_destroy(&vm->lock);
	free(vm->vcpus);
	free(vm);
}
