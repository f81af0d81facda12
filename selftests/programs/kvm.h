/* SPDX-License-Identifier: GPL-2.0 */
/* A VMM in a few lines: VMs, vCPUs, slots and first registers, errors end the program. */
#ifndef PROGRAMS_KVM_H
#define PROGRAMS_KVM_H

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/kvm.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE		4096ul
#define NOBODY		65534
#define MAX_FILES	20000

#define EFER_SVME	(1ull << 12)
#define CR0_PE		(1ull << 0)
#define CR0_ET		(1ull << 4)
#define CR0_NE		(1ull << 5)
#define CR0_PG		(1ull << 31)
#define CR4_PSE		(1ull << 4)
#define CR4_VMXE	(1ull << 13)
#define MSR_FEAT_CTL	0x3a
#define MSR_VMX_BASIC	0x480

/*
 * GUEST_CODE(name, bits, code): guest code that the VMM copies as bytes, from
 * name to name##_end
 */
#define GUEST_CODE(name, bits, code)					\
	extern const char name[], name##_end[];				\
	asm(".pushsection .rodata\n"					\
	    ".code" #bits "\n"						\
	    #name ":\n" code "\n"					\
	    #name "_end:\n"						\
	    ".code64\n"							\
	    ".popsection\n")

/* An entry of a table of such guests, by their names. */
#define GUEST_KIND(called, guest, ...)					\
	{ .name = called, .code = guest, .end = guest##_end, ##__VA_ARGS__ }

#define GUEST_CODE_SIZE(name)	((size_t)(name##_end - name))
#define GUEST_CODE_COPY(to, name) memcpy(to, name, GUEST_CODE_SIZE(name))

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static inline uint64_t thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* Computes until so much time has passed. */
static inline void spin_ns(uint64_t ns)
{
	uint64_t from = now_ns();

	while (now_ns() - from < ns)
		;
}

/* The thread, and those that it creates from now on. */
static inline void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "CPU %d", cpu);
}

/* Drops all privilege, and keeps only the open files. */
static inline void become(uid_t uid)
{
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		err(1, "cannot become user %d", uid);
}

static inline void allow_many_files(void)
{
	const struct rlimit limit = { MAX_FILES, MAX_FILES };

	if (setrlimit(RLIMIT_NOFILE, &limit))
		err(1, "RLIMIT_NOFILE");
}

static inline void *allocate(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

/* Of all processes that are forked later. */
static inline void *allocate_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

/* Which file descriptor the next open file will have. */
static inline int next_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

static inline void ignore(int sig)
{
	(void)sig;
}

/* Gives @sig a handler that does nothing, so that the signal only ends KVM_RUN. */
static inline void let_interrupt(int sig)
{
	const struct sigaction action = { .sa_handler = ignore };

	sigaction(sig, &action, NULL);
}

static inline int kvm_open(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0)
		err(1, "/dev/kvm");
	return kvm;
}

static inline int kvm_create_vm(int kvm)
{
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);

	if (vm < 0)
		err(1, "KVM_CREATE_VM");
	return vm;
}

static inline int kvm_create_vcpu(int vm, unsigned long id)
{
	int vcpu = ioctl(vm, KVM_CREATE_VCPU, id);

	if (vcpu < 0)
		err(1, "KVM_CREATE_VCPU %lu", id);
	return vcpu;
}

/* Returns what KVM does; a slot of no bytes is deleted. */
static inline int kvm_try_slot(int vm, uint32_t slot, uint64_t gpa, uint64_t size, void *memory)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)memory,
	};

	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static inline void kvm_set_slot(int vm, uint32_t slot, uint64_t gpa, uint64_t size, void *memory)
{
	if (kvm_try_slot(vm, slot, gpa, size, memory))
		err(1, "memory slot %u", slot);
}

/* All that KVM offers, nested virtualization included. */
static inline void kvm_offer_all(int kvm, int vcpu)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[256];
	} cpuid;

	if (!cpuid.head.nent) {
		cpuid.head.nent = 256;
		if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid))
			err(1, "KVM_GET_SUPPORTED_CPUID");
	}
	if (ioctl(vcpu, KVM_SET_CPUID2, &cpuid))
		err(1, "KVM_SET_CPUID2");
}

static inline struct kvm_run *kvm_map_run(int kvm, int vcpu)
{
	int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	void *run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);

	if (run == MAP_FAILED)
		err(1, "mmap of a vCPU");
	return run;
}

static inline struct kvm_sregs kvm_get_sregs(int vcpu)
{
	struct kvm_sregs sregs;

	if (ioctl(vcpu, KVM_GET_SREGS, &sregs))
		err(1, "KVM_GET_SREGS");
	return sregs;
}

static inline void kvm_set_sregs(int vcpu, const struct kvm_sregs *sregs)
{
	if (ioctl(vcpu, KVM_SET_SREGS, sregs))
		err(1, "KVM_SET_SREGS");
}

static inline void kvm_set_rip(int vcpu, uint64_t rip)
{
	const struct kvm_regs regs = { .rip = rip, .rsp = 0x800, .rflags = 2 };

	if (ioctl(vcpu, KVM_SET_REGS, &regs))
		err(1, "KVM_SET_REGS");
}

static inline void kvm_set_msr(int vcpu, uint32_t index, uint64_t value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = { .head.nmsrs = 1, .entry = { .index = index, .data = value } };

	if (ioctl(vcpu, KVM_SET_MSRS, &msrs) != 1)
		errx(1, "MSR %#x cannot be set", index);
}

/* Of a VM of its own, ready for nested state with VMXON in it. */
static inline int kvm_create_hypervisor(int kvm)
{
	int vm = kvm_create_vm(kvm), vcpu;
	struct kvm_sregs sregs;

	kvm_set_slot(vm, 0, 0, 8 * PAGE, allocate(8 * PAGE));
	vcpu = kvm_create_vcpu(vm, 0);
	kvm_offer_all(kvm, vcpu);
	kvm_set_msr(vcpu, MSR_FEAT_CTL, 5);
	sregs = kvm_get_sregs(vcpu);
	sregs.cr4 |= CR4_VMXE;
	kvm_set_sregs(vcpu, &sregs);
	return vcpu;
}

static inline uint64_t kvm_get_msr(int vcpu, uint32_t index)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = { .head.nmsrs = 1, .entry.index = index };

	if (ioctl(vcpu, KVM_GET_MSRS, &msrs) != 1)
		errx(1, "MSR %#x cannot be read", index);
	return msrs.entry.data;
}

/* VMXON takes paging, here one page of 4 MB, and a region with KVM's revision. */
static inline void kvm_prepare_vmxon(int vcpu, uint8_t *memory, uint32_t page_table,
				     uint32_t region, struct kvm_sregs *sregs)
{
	uint32_t entry = 0x83, revision;

	kvm_set_msr(vcpu, MSR_FEAT_CTL, 5);
	revision = kvm_get_msr(vcpu, MSR_VMX_BASIC) & 0x7fffffff;
	memcpy(memory + region, &revision, sizeof(revision));
	memcpy(memory + page_table, &entry, sizeof(entry));
	sregs->cr3 = page_table;
	sregs->cr4 |= CR4_PSE | CR4_VMXE;
	sregs->cr0 |= CR0_PG;
}

/* Real mode, all segments at 0. */
static inline void kvm_real_mode(int vcpu, uint16_t ip)
{
	struct kvm_sregs sregs = kvm_get_sregs(vcpu);

	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	kvm_set_sregs(vcpu, &sregs);
	kvm_set_rip(vcpu, ip);
}

/* Protected mode with flat 32-bit segments that are in a GDT, which IRET reads. */
static inline void kvm_flat_mode(int vcpu, uint64_t *gdt, uint32_t gdt_gpa, uint32_t eip)
{
	struct kvm_sregs sregs = kvm_get_sregs(vcpu);
	const struct kvm_segment code = {
		.limit = 0xffffffff, .selector = 8, .type = 11, .present = 1, .s = 1, .db = 1, .g = 1,
	};
	struct kvm_segment data = code;

	data.selector = 16;
	data.type = 3;
	gdt[0] = 0;
	gdt[1] = 0x00cf9b000000ffff;
	gdt[2] = 0x00cf93000000ffff;
	sregs.gdt.base = gdt_gpa;
	sregs.gdt.limit = 3 * sizeof(*gdt) - 1;
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 = CR0_PE | CR0_ET | CR0_NE;
	kvm_set_sregs(vcpu, &sregs);
	kvm_set_rip(vcpu, eip);
}

/* Whoever touches these pages waits until they are filled through the descriptor returned. */
static inline int block_pages(void *pages, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { (uintptr_t)pages, size },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &range))
		err(1, "userfaultfd");
	return uffd;
}

static inline void fill_page(int uffd, void *page)
{
	struct uffdio_zeropage zero = { .range = { (uintptr_t)page, PAGE } };

	if (ioctl(uffd, UFFDIO_ZEROPAGE, &zero))
		err(1, "UFFDIO_ZEROPAGE");
}

#endif
