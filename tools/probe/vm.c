// SPDX-License-Identifier: GPL-2.0
/*
 * probe's guest: made by the bare ioctls of /dev/kvm. One VM serves for all
 * that is tried, also after its vCPU has shut down: each VM that ends is an
 * end that l1tune keeps, and of those of real guests it is to push none out.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/util.h"
#include "bench/long-mode.h"
#include "probe/guest.h"
#include "probe/vm.h"

#define MAX_MSRS	1024
#define GSI		0

#define CR4_OSFXSR	(1u << 9)
#define CR4_OSXMMEXCPT	(1u << 10)
#define CR4_LA57	(1u << 12)
#define APIC_BASE_EN_X2	(3u << 10)
#define APIC_SPIV	0xf0
#define APIC_ENABLED	0x1ff
#define APIC_LVTT	0x320
#define LVTT_DEADLINE	(2u << 17)
#define MSI_ADDRESS	0xfee00000u

__printf(2, 3) static int fail(struct probe_vm *vm, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(vm->error, sizeof(vm->error), fmt, ap);
	va_end(ap);
	return -1;
}

static int fail_errno(struct probe_vm *vm, const char *what)
{
	vm->err = errno;
	return fail(vm, "%s: %s", what, strerror(errno));
}

static uint32_t offset(const unsigned char *label)
{
	return label - probe_guest_start;
}

static void set_param(struct probe_vm *vm, unsigned int at, uint64_t value, size_t size)
{
	memcpy(vm->memory + PROBE_PARAMS + at, &value, size);
}

static uint64_t param(const struct probe_vm *vm, unsigned int at, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, vm->memory + PROBE_PARAMS + at, size);
	return value;
}

bool probe_vm_has_cap(const struct probe_vm *vm, int cap)
{
	return ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, cap) > 0;
}

uint32_t probe_vm_cpuid(const struct probe_vm *vm, uint32_t leaf, uint32_t sub,
			unsigned int reg)
{
	const struct kvm_cpuid_entry2 *e;
	unsigned int i;

	for (i = 0; i < vm->cpuid->nent; i++) {
		e = &vm->cpuid->entries[i];
		if (e->function != leaf ||
		    (e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX && e->index != sub))
			continue;
		return reg == 0 ? e->eax : reg == 1 ? e->ebx : reg == 2 ? e->ecx : e->edx;
	}
	return 0;
}

struct kvm_msr_list *probe_vm_msrs(const struct probe_vm *vm)
{
	struct kvm_msr_list *list = xcalloc(1, sizeof(*list) +
					    MAX_MSRS * sizeof(list->indices[0]));

	list->nmsrs = MAX_MSRS;
	if (!ioctl(vm->kvm_fd, KVM_GET_MSR_INDEX_LIST, list))
		return list;
	free(list);
	return NULL;
}

static int open_kvm(struct probe_vm *vm, const char *dev)
{
	vm->kvm_fd = kvm_open(dev, vm->error);
	if (vm->kvm_fd >= 0)
		vm->fd = kvm_create_vm(vm->kvm_fd, vm->error);
	if (vm->fd >= 0)
		vm->run_size = kvm_run_size(vm->kvm_fd, vm->error);
	if (vm->run_size)
		vm->cpuid = kvm_supported_cpuid(vm->kvm_fd, vm->error);
	vm->err = vm->cpuid ? 0 : errno;
	return vm->cpuid ? 0 : -1;
}

/* The guest's own timer and interrupts want them; a guest without can still try the rest. */
static void create_apic(struct probe_vm *vm)
{
	struct kvm_enable_cap irqchip = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };
	unsigned int i;

	vm->has_apic = !ioctl(vm->fd, KVM_ENABLE_CAP, &irqchip);
	for (i = 0; i < vm->cpuid->nent; i++)
		if (vm->has_apic && vm->cpuid->entries[i].function == 1)
			vm->cpuid->entries[i].ecx |= 1u << 21 | 1u << 24;
}

static struct long_mode mode_of(const struct probe_vm *vm)
{
	return (struct long_mode) {
		.memory = vm->memory, .pml4 = PROBE_PML4, .pdpt = PROBE_PDPT, .pd = PROBE_PD,
		.gdt = PROBE_TABLES, .idt = PROBE_IDT, .num_gates = PROBE_VECTOR + 1,
	};
}

static void write_tables(const struct probe_vm *vm)
{
	const struct long_mode mode = mode_of(vm);
	uint64_t *pml5 = (uint64_t *)(vm->memory + PROBE_PML5);
	unsigned int i;

	long_mode_write_tables(&mode);
	pml5[0] = PROBE_PML4 | PAGE_PRESENT_W_A_D;
	for (i = 0; i < PROBE_EXCEPTIONS; i++)
		long_mode_write_gate(&mode, i, PROBE_CODE + offset(probe_guest_exceptions) +
					       i * PROBE_HANDLER_SIZE);
	long_mode_write_gate(&mode, PROBE_VECTOR, PROBE_CODE + offset(probe_guest_irq));
}

static int create_memory(struct probe_vm *vm)
{
	void *memory = mmap(NULL, PROBE_MEMORY, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = {
		.memory_size = PROBE_MEMORY, .userspace_addr = (uintptr_t)memory,
	};

	if (memory == MAP_FAILED)
		return fail_errno(vm, "memory for the guest");
	vm->memory = memory;
	memcpy(vm->memory + PROBE_CODE, probe_guest_start, probe_guest_end - probe_guest_start);
	write_tables(vm);
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		return fail_errno(vm, "KVM_SET_USER_MEMORY_REGION");
	return 0;
}

static int init_sregs(struct probe_vm *vm)
{
	const struct long_mode mode = mode_of(vm);
	struct kvm_sregs *s = &vm->sregs;

	if (ioctl(vm->vcpu_fd, KVM_GET_SREGS, s))
		return fail_errno(vm, "KVM_GET_SREGS");
	long_mode_set_sregs(&mode, s);
	s->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT;
	if (vm->has_apic)
		s->apic_base |= APIC_BASE_EN_X2;
	return 0;
}

static int init_lapic(struct probe_vm *vm)
{
	const uint32_t spiv = APIC_ENABLED, lvtt = LVTT_DEADLINE | PROBE_VECTOR;

	if (!vm->has_apic)
		return 0;
	if (ioctl(vm->vcpu_fd, KVM_SET_SREGS, &vm->sregs))
		return fail_errno(vm, "KVM_SET_SREGS");
	if (ioctl(vm->vcpu_fd, KVM_GET_LAPIC, &vm->lapic))
		return fail_errno(vm, "KVM_GET_LAPIC");
	memcpy(vm->lapic.regs + APIC_SPIV, &spiv, sizeof(spiv));
	memcpy(vm->lapic.regs + APIC_LVTT, &lvtt, sizeof(lvtt));
	return 0;
}

static int create_vcpu(struct probe_vm *vm)
{
	void *run;
	int khz;

	vm->vcpu_fd = ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	if (vm->vcpu_fd < 0)
		return fail_errno(vm, errno == EDQUOT ?
				  "KVM_CREATE_VCPU: a limit refuses it (see l1/limits)" :
				  "KVM_CREATE_VCPU");
	run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu_fd, 0);
	if (run == MAP_FAILED)
		return fail_errno(vm, "mmap of the vCPU");
	vm->run = run;
	if (ioctl(vm->vcpu_fd, KVM_SET_CPUID2, vm->cpuid))
		return fail_errno(vm, "KVM_SET_CPUID2");
	khz = ioctl(vm->vcpu_fd, KVM_GET_TSC_KHZ, 0);
	vm->tsc_khz = khz > 0 ? khz : 0;
	return init_sregs(vm) || init_lapic(vm) ? -1 : 0;
}

/* Each is optional: the row that needs it says so. */
static void create_wires(struct probe_vm *vm)
{
	struct kvm_ioeventfd doorbell = {
		.addr = PROBE_PORT_DOORBELL, .len = 4, .flags = KVM_IOEVENTFD_FLAG_PIO,
	};
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} routing = {
		.head.nr = 1,
		.entry = {
			.gsi = GSI, .type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = MSI_ADDRESS, .data = PROBE_VECTOR },
		},
	};
	struct kvm_irqfd irq = { .gsi = GSI };

	vm->doorbell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	doorbell.fd = vm->doorbell_fd;
	if (ioctl(vm->fd, KVM_IOEVENTFD, &doorbell)) {
		close(vm->doorbell_fd);
		vm->doorbell_fd = -1;
	}
	vm->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	irq.fd = vm->irq_fd;
	if (!vm->has_apic || ioctl(vm->fd, KVM_SET_GSI_ROUTING, &routing) ||
	    ioctl(vm->fd, KVM_IRQFD, &irq)) {
		close(vm->irq_fd);
		vm->irq_fd = -1;
	}
}

int probe_vm_open(struct probe_vm *vm, const char *dev, bool with_apic)
{
	*vm = (struct probe_vm) {
		.kvm_fd = -1, .fd = -1, .vcpu_fd = -1, .doorbell_fd = -1, .irq_fd = -1,
		.svm = cpu_has_svm(),
	};
	if (open_kvm(vm, dev))
		return -1;
	if (with_apic)
		create_apic(vm);
	if (create_memory(vm) || create_vcpu(vm))
		return -1;
	create_wires(vm);
	return 0;
}

void probe_vm_close(struct probe_vm *vm)
{
	const int fds[] = {
		vm->doorbell_fd, vm->irq_fd, vm->vcpu_fd, vm->fd, vm->kvm_fd,
	};
	size_t i;

	if (vm->run)
		munmap(vm->run, vm->run_size);
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (vm->memory)
		munmap(vm->memory, PROBE_MEMORY);
	free(vm->cpuid);
}

static int reset_registers(struct probe_vm *vm, const struct probe_start *start)
{
	const struct kvm_regs regs = {
		.rip = PROBE_CODE + offset(probe_guest_main), .rsp = PROBE_STACK, .rflags = 2,
	};
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct kvm_vcpu_events events = { };
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs[0].value = 1 };
	struct kvm_sregs sregs = vm->sregs;

	if (start->la57) {
		sregs.cr4 |= CR4_LA57;
		sregs.cr3 = PROBE_PML5;
	}
	if (ioctl(vm->vcpu_fd, KVM_SET_SREGS, &sregs))
		return fail_errno(vm, "KVM_SET_SREGS");
	if (ioctl(vm->vcpu_fd, KVM_SET_REGS, &regs))
		return fail_errno(vm, "KVM_SET_REGS");
	if (vm->has_apic && (ioctl(vm->vcpu_fd, KVM_SET_LAPIC, &vm->lapic) ||
			     ioctl(vm->vcpu_fd, KVM_SET_MP_STATE, &runnable)))
		return fail_errno(vm, "KVM_SET_LAPIC");
	/* What the last try left pending. */
	if (ioctl(vm->vcpu_fd, KVM_SET_VCPU_EVENTS, &events))
		return fail_errno(vm, "KVM_SET_VCPU_EVENTS");
	if (probe_vm_has_cap(vm, KVM_CAP_XCRS) && ioctl(vm->vcpu_fd, KVM_SET_XCRS, &xcrs))
		return fail_errno(vm, "KVM_SET_XCRS");
	return 0;
}

static int interrupt(struct probe_vm *vm)
{
	const uint64_t one = 1;

	return write(vm->irq_fd, &one, sizeof(one)) == sizeof(one) ? 0 :
	       fail_errno(vm, "irqfd");
}

static void write_params(struct probe_vm *vm, const struct probe_start *start)
{
	static const char ret = '\xc3';
	uint64_t code = PROBE_INSTRUCTION;

	memset(vm->memory + PROBE_SCRATCH, 0, PROBE_SCRATCH_SIZE);
	if (start->code) {
		memcpy(vm->memory + PROBE_INSTRUCTION, start->code, start->code_size);
		memcpy(vm->memory + PROBE_INSTRUCTION + start->code_size, &ret, 1);
	} else {
		code = PROBE_CODE + offset(start->fn);
	}
	set_param(vm, PARAMS_CODE, code, 8);
	set_param(vm, PARAMS_CR4, start->cr4, 8);
	set_param(vm, PARAMS_XCR0, start->xcr0, 8);
	set_param(vm, PARAMS_VALUE, start->value, 8);
	set_param(vm, PARAMS_MSR, start->msr, 4);
	set_param(vm, PARAMS_COUNT, start->count, 4);
	set_param(vm, PARAMS_READY, 0, 4);
	set_param(vm, PARAMS_TICKS, UINT64_MAX, 8);
	set_param(vm, PARAMS_WOKEN, 0, 4);
}

static volatile sig_atomic_t alarms;

static void note_alarm(int sig)
{
	(void)sig;
	alarms = alarms + 1;
}

void probe_watchdog(unsigned int timeout_ms)
{
	/* The first may come just before a system call that then waits. */
	const struct itimerval timer = {
		.it_value = { timeout_ms / 1000, timeout_ms % 1000 * 1000 },
		.it_interval = { 0, timeout_ms ? 5000 : 0 },
	};
	struct sigaction action = { .sa_handler = timeout_ms ? note_alarm : SIG_IGN };

	alarms = 0;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* Whether it is over; what a port says is in *end then. */
static bool is_over(const struct probe_vm *vm, struct probe_end *end)
{
	const struct kvm_run *run = vm->run;
	const uint32_t *data = (const uint32_t *)((const uint8_t *)run + run->io.data_offset);

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		end->how = run->io.port == PROBE_PORT_DONE ? PROBE_DONE :
			   run->io.port == PROBE_PORT_FAULT ? PROBE_FAULT :
			   run->io.port == PROBE_PORT_WRONG ? PROBE_WRONG : PROBE_OTHER;
		end->vector = end->how == PROBE_FAULT ? *data : 0;
		return run->io.port != PROBE_PORT_DOORBELL;
	case KVM_EXIT_SHUTDOWN:
		end->how = PROBE_SHUTDOWN;
		return true;
	case KVM_EXIT_INTERNAL_ERROR:
		end->how = PROBE_EMULATION;
		return true;
	case KVM_EXIT_FAIL_ENTRY:
		end->how = PROBE_REFUSED_ENTRY;
		end->hardware_reason = run->fail_entry.hardware_entry_failure_reason;
		return true;
	case KVM_EXIT_INTR:
		return false;
	default:
		end->how = PROBE_OTHER;
		end->exit_reason = run->exit_reason;
		return true;
	}
}

int probe_vm_try(struct probe_vm *vm, const struct probe_start *start,
		 unsigned int timeout_ms, struct probe_end *end)
{
	*end = (struct probe_end){ };
	write_params(vm, start);
	if (reset_registers(vm, start) || (start->interrupt && interrupt(vm)))
		return -1;
	probe_watchdog(timeout_ms);
	for (;;) {
		if (!ioctl(vm->vcpu_fd, KVM_RUN, 0)) {
			if (is_over(vm, end))
				break;
		} else if (errno != EINTR && errno != EAGAIN) {
			end->how = PROBE_OTHER;
			end->err = errno;
			break;
		}
		if (alarms) {
			end->how = PROBE_HANGS;
			break;
		}
	}
	probe_watchdog(0);
	end->ready = param(vm, PARAMS_READY, 4);
	end->ticks = param(vm, PARAMS_TICKS, 8);
	return 0;
}

bool probe_vm_has_rung(const struct probe_vm *vm)
{
	uint64_t count;

	return vm->doorbell_fd >= 0 &&
	       read(vm->doorbell_fd, &count, sizeof(count)) == sizeof(count);
}
