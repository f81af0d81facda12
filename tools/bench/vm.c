// SPDX-License-Identifier: GPL-2.0
/* bench's guest: made by the bare ioctls of /dev/kvm, run and unmade. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/util.h"
#include "bench/guest.h"
#include "bench/kvm.h"
#include "bench/long-mode.h"
#include "bench/vm.h"

#define MB2		(2ul << 20)

#define CR4_VMXE	(1u << 13)
#define EFER_SVME	(1u << 12)
#define APIC_BASE_EN_X2	(3u << 10)
#define APIC_SPIV	0xf0
#define APIC_ENABLED	0x1ff
#define APIC_LVTT	0x320
#define LVTT_DEADLINE	(2u << 17)

int bench_vm_fail(struct bench_vm *vm, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(vm->error, sizeof(vm->error), fmt, ap);
	va_end(ap);
	return -1;
}

static int fail_errno(struct bench_vm *vm, const char *what)
{
	return bench_vm_fail(vm, "%s: %s", what, strerror(errno));
}

uint32_t bench_vm_code(const unsigned char *label)
{
	return label - bench_guest_start;
}

void bench_vm_set_param(struct bench_vm *vm, unsigned int offset,
			uint64_t value, size_t size)
{
	memcpy(vm->memory + GUEST_PARAMS + offset, &value, size);
}

static int open_kvm(struct bench_vm *vm, const char *dev)
{
	struct kvm_enable_cap irqchip = {
		.cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 },
	};
	static const struct {
		int cap;
		const char *name;
	} needed[] = {
		{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
		{ KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD" },
		{ KVM_CAP_SPLIT_IRQCHIP, "KVM_CAP_SPLIT_IRQCHIP" },
		{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
	};
	size_t i;

	vm->kvm_fd = kvm_open(dev, vm->error);
	if (vm->kvm_fd < 0) {
		vm->is_withheld = errno == EACCES || errno == EPERM;
		return -1;
	}
	for (i = 0; i < ARRAY_SIZE(needed); i++)
		if (ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, needed[i].cap) <= 0)
			return bench_vm_fail(vm, "this KVM lacks %s, which bench needs",
					     needed[i].name);
	vm->fd = kvm_create_vm(vm->kvm_fd, vm->error);
	if (vm->fd < 0)
		return -1;
	if (ioctl(vm->fd, KVM_ENABLE_CAP, &irqchip))
		return fail_errno(vm, "KVM_CAP_SPLIT_IRQCHIP");
	vm->run_size = kvm_run_size(vm->kvm_fd, vm->error);
	vm->cpuid = vm->run_size ? kvm_supported_cpuid(vm->kvm_fd, vm->error) : NULL;
	return vm->cpuid ? 0 : -1;
}

/* What this program needs of CPUID: x2APIC and the APIC's deadline timer. */
static void complete_cpuid(struct bench_vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->cpuid->nent; i++)
		if (vm->cpuid->entries[i].function == 1)
			vm->cpuid->entries[i].ecx |= 1u << 21 | 1u << 24;
}

static int set_slot(struct bench_vm *vm, unsigned int slot, uint64_t gpa,
		    void *memory, size_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (uintptr_t)memory,
	};

	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		return fail_errno(vm, "KVM_SET_USER_MEMORY_REGION");
	return 0;
}

static struct long_mode mode_of(const struct bench_vm *vm)
{
	return (struct long_mode) {
		.memory = vm->memory, .pml4 = GUEST_PML4, .pdpt = GUEST_PDPT, .pd = GUEST_PD,
		.gdt = GUEST_TABLES, .idt = GUEST_IDT, .num_gates = 240,
	};
}

static void write_tables(const struct bench_vm *vm)
{
	const struct long_mode mode = mode_of(vm);

	long_mode_write_tables(&mode);
	long_mode_write_gate(&mode, IRQ_VECTOR, GUEST_CODE + bench_vm_code(bench_guest_irq));
}

static int create_memory(struct bench_vm *vm)
{
	void *memory = mmap(NULL, GUEST_MEMORY, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		return fail_errno(vm, "memory for the guest");
	vm->memory = memory;
	memcpy(vm->memory + GUEST_CODE, bench_guest_start,
	       bench_guest_end - bench_guest_start);
	write_tables(vm);
	return set_slot(vm, 0, 0, memory, GUEST_MEMORY);
}

static int create_doorbells(struct bench_vm *vm)
{
	struct kvm_ioeventfd pio = {
		.addr = PORT_KVM, .len = 4, .flags = KVM_IOEVENTFD_FLAG_PIO,
	};
	struct kvm_ioeventfd mmio = { .addr = GUEST_MMIO_KVM };

	vm->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vm->event_fd < 0)
		return fail_errno(vm, "eventfd");
	pio.fd = mmio.fd = vm->event_fd;
	/* Of any length: KVM needs not look at the instruction then. */
	if (ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_IOEVENTFD_ANY_LENGTH) <= 0)
		mmio.len = 4;
	if (ioctl(vm->fd, KVM_IOEVENTFD, &pio) || ioctl(vm->fd, KVM_IOEVENTFD, &mmio))
		return fail_errno(vm, "KVM_IOEVENTFD");
	return 0;
}

static int init_sregs(struct bench_vm *vm, struct bench_vcpu *vcpu)
{
	const struct long_mode mode = mode_of(vm);
	struct kvm_sregs *s = &vcpu->sregs;
	bool nested = bench_nested_is_on(vm);

	if (ioctl(vcpu->fd, KVM_GET_SREGS, s))
		return fail_errno(vm, "KVM_GET_SREGS");
	long_mode_set_sregs(&mode, s);
	s->cr4 |= nested && !vm->svm ? CR4_VMXE : 0;
	s->efer |= nested && vm->svm ? EFER_SVME : 0;
	s->apic_base |= APIC_BASE_EN_X2;
	if (ioctl(vcpu->fd, KVM_SET_SREGS, s))
		return fail_errno(vm, "KVM_SET_SREGS");
	return 0;
}

static int init_lapic(struct bench_vm *vm, struct bench_vcpu *vcpu)
{
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
	const uint32_t spiv = APIC_ENABLED, lvtt = LVTT_DEADLINE | IRQ_VECTOR;
	struct kvm_lapic_state lapic;

	if (ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic))
		return fail_errno(vm, "KVM_GET_LAPIC");
	memcpy(lapic.regs + APIC_SPIV, &spiv, sizeof(spiv));
	memcpy(lapic.regs + APIC_LVTT, &lvtt, sizeof(lvtt));
	if (ioctl(vcpu->fd, KVM_SET_LAPIC, &lapic))
		return fail_errno(vm, "KVM_SET_LAPIC");
	if (ioctl(vcpu->fd, KVM_SET_MP_STATE, &runnable))
		return fail_errno(vm, "KVM_SET_MP_STATE");
	return 0;
}

static int set_regs(struct bench_vm *vm, struct bench_vcpu *vcpu,
		    const unsigned char *entry, uint64_t stack)
{
	const struct kvm_regs regs = {
		.rip = GUEST_CODE + bench_vm_code(entry), .rsp = stack, .rflags = 2,
	};

	if (ioctl(vcpu->fd, KVM_SET_REGS, &regs))
		return fail_errno(vm, "KVM_SET_REGS");
	return 0;
}

static int create_vcpu(struct bench_vm *vm, unsigned int index)
{
	struct bench_vcpu *vcpu = &vm->vcpu[index];
	void *run;

	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, index);
	if (vcpu->fd < 0)
		return fail_errno(vm, "KVM_CREATE_VCPU");
	run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   vcpu->fd, 0);
	if (run == MAP_FAILED)
		return fail_errno(vm, "mmap of the vCPU");
	vcpu->run = run;
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, vm->cpuid))
		return fail_errno(vm, "KVM_SET_CPUID2");
	if (init_sregs(vm, vcpu) || init_lapic(vm, vcpu))
		return -1;
	return set_regs(vm, vcpu, index ? bench_guest_sleeper : bench_guest_main,
			index ? GUEST_STACK_SLEEPER : GUEST_STACK);
}

int bench_vm_open(struct bench_vm *vm, const char *dev, unsigned int num_vcpus)
{
	unsigned int i;

	*vm = (struct bench_vm){ .kvm_fd = -1, .fd = -1, .event_fd = -1 };
	vm->svm = cpu_has_svm();
	vm->num_vcpus = num_vcpus;
	for (i = 0; i < ARRAY_SIZE(vm->vcpu); i++) {
		vm->vcpu[i].vm = vm;
		vm->vcpu[i].fd = -1;
	}
	if (open_kvm(vm, dev))
		return -1;
	complete_cpuid(vm);
	if (create_memory(vm) || create_doorbells(vm))
		return -1;
	for (i = 0; i < num_vcpus; i++)
		if (create_vcpu(vm, i))
			return -1;
	return bench_nested_is_on(vm) ? bench_nested_init(vm) : 0;
}

void bench_vm_close(struct bench_vm *vm)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vm->vcpu); i++) {
		if (vm->vcpu[i].run)
			munmap(vm->vcpu[i].run, vm->run_size);
		if (vm->vcpu[i].fd >= 0)
			close(vm->vcpu[i].fd);
	}
	if (vm->event_fd >= 0)
		close(vm->event_fd);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->kvm_fd >= 0)
		close(vm->kvm_fd);
	if (vm->memory)
		munmap(vm->memory, GUEST_MEMORY);
	if (vm->mapped)
		munmap(vm->mapped, vm->mapped_size);
	free(vm->cpuid);
}

/* Is the page that was just touched part of a huge page? */
static bool is_huge(const uint8_t *page)
{
	char *line = NULL;
	size_t size = 0;
	bool here = false, huge = false;
	FILE *f = fopen("/proc/self/smaps", "re");

	while (f && getline(&line, &size, f) > 0) {
		unsigned long start, end, kb;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = start <= (uintptr_t)page && (uintptr_t)page < end;
		else if (here && sscanf(line, "AnonHugePages: %lu kB", &kb) == 1)
			huge = kb >= MB2 / 1024;
	}
	if (f)
		fclose(f);
	free(line);
	return huge;
}

static int map_fresh(struct bench_vm *vm, bool huge)
{
	void *mapped;

	vm->mapped_size = vm->fresh_size + MB2;
	mapped = mmap(NULL, vm->mapped_size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mapped == MAP_FAILED)
		return fail_errno(vm, "memory for fresh pages");
	vm->mapped = mapped;
	vm->fresh = (uint8_t *)(((uintptr_t)mapped + MB2 - 1) & ~(MB2 - 1));
	vm->fresh_is_huge = huge;
	/* Kernels without huge pages answer EINVAL, and have none. */
	madvise(vm->fresh, vm->fresh_size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return 0;
}

int bench_vm_fresh(struct bench_vm *vm, bool huge)
{
	const uint64_t stride = huge ? MB2 : 8 * 4096;
	size_t i;

	if (vm->mapped && set_slot(vm, 1, GUEST_FRESH, vm->fresh, 0))
		return -1;
	if (vm->mapped && vm->fresh_is_huge != huge) {
		munmap(vm->mapped, vm->mapped_size);
		vm->mapped = NULL;
	}
	vm->fresh_size = 32 * MB2;
	if (!vm->mapped && map_fresh(vm, huge))
		return -1;
	/* There already: what is measured is the fault of the guest alone. */
	for (i = 0; i < vm->fresh_size; i += stride)
		*(volatile uint8_t *)(vm->fresh + i) = 1;
	if (huge && !is_huge(vm->fresh))
		return bench_vm_fail(vm, "no huge pages can be had here: see /sys/kernel/mm/transparent_hugepage/enabled");
	bench_vm_set_param(vm, PARAMS_FRESH, GUEST_FRESH, 8);
	bench_vm_set_param(vm, PARAMS_STRIDE, stride, 8);
	return set_slot(vm, 1, GUEST_FRESH, vm->fresh, vm->fresh_size);
}

/* 1: it is done, 0: on with it, -1 */
static int serve(struct bench_vm *vm, const struct bench_vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		if (run->io.port == PORT_FAILED)
			return bench_vm_fail(vm, "the guest cannot run a guest of its own here");
		return run->io.port == PORT_DONE;
	case KVM_EXIT_MMIO:
		return run->mmio.phys_addr == GUEST_MMIO_DONE;
	case KVM_EXIT_FAIL_ENTRY:
		return bench_vm_fail(vm, "the CPU refuses to enter the guest, reason %#llx",
				     (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
	case KVM_EXIT_INTERNAL_ERROR:
		return bench_vm_fail(vm, "KVM: internal error, suberror %u",
				     run->internal.suberror);
	case KVM_EXIT_INTR:
		return 0;
	default:
		return bench_vm_fail(vm, "the guest stopped: KVM exit reason %u",
				     run->exit_reason);
	}
}

static int run(struct bench_vm *vm, struct bench_vcpu *vcpu)
{
	int done = 0;

	while (!done) {
		if (!ioctl(vcpu->fd, KVM_RUN, 0))
			done = serve(vm, vcpu);
		/* Whoever stops the sleeper knows why. */
		else if (errno == EINTR && vcpu != &vm->vcpu[0])
			return -1;
		else if (errno != EAGAIN)
			return errno == EINTR ? bench_vm_fail(vm, "interrupted") :
						fail_errno(vm, "KVM_RUN");
	}
	return done < 0 ? -1 : 0;
}

int bench_vm_run(struct bench_vm *vm, const unsigned char *fn, uint32_t count,
		 bool done_by_mmio)
{
	bench_vm_set_param(vm, PARAMS_FN, bench_vm_code(fn), 4);
	bench_vm_set_param(vm, PARAMS_COUNT, count, 4);
	bench_vm_set_param(vm, PARAMS_DONE_BY_MMIO, done_by_mmio, 4);
	return run(vm, &vm->vcpu[0]);
}

const uint64_t *bench_vm_samples(const struct bench_vm *vm)
{
	return (const uint64_t *)(vm->memory + GUEST_SAMPLES);
}

const uint64_t *bench_vm_cycles(const struct bench_vm *vm)
{
	return (const uint64_t *)(vm->memory + GUEST_CYCLES);
}

void bench_vm_set_delay(struct bench_vm *vm, uint64_t ticks)
{
	bench_vm_set_param(vm, PARAMS_DELAY, ticks, 8);
}

static void *sleep_in_guest(void *arg)
{
	struct bench_vcpu *vcpu = arg;
	struct bench_vm *vm = vcpu->vm;

	return run(vm, vcpu) ? vm : NULL;
}

int bench_vm_start_sleeper(struct bench_vm *vm)
{
	int err;

	bench_vm_set_param(vm, PARAMS_STOP, 0, 4);
	err = pthread_create(&vm->vcpu[1].thread, NULL, sleep_in_guest, &vm->vcpu[1]);
	return err ? bench_vm_fail(vm, "a thread for a vCPU: %s", strerror(err)) : 0;
}

void bench_vm_stop_sleeper(struct bench_vm *vm)
{
	vm->vcpu[1].run->immediate_exit = 1;
	pthread_kill(vm->vcpu[1].thread, BENCH_VM_WAKE_SIGNAL);
}

int bench_vm_join_sleeper(struct bench_vm *vm)
{
	void *failed;

	pthread_join(vm->vcpu[1].thread, &failed);
	return failed ? -1 : 0;
}
