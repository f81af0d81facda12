// SPDX-License-Identifier: GPL-2.0
/* Makes a guest's program of any mix and number of the kinds of exits. */
#include <string.h>
#include <sys/mman.h>

#include "vmm-int.h"

#define PTE_PRESENT	(1u << 0)
#define PTE_WRITE	(1u << 1)
#define PTE_ACCESSED	(1u << 5)
#define PTE_DIRTY	(1u << 6)
#define PTE_LARGE	(1u << 7)
#define PTE_TABLE	(PTE_PRESENT | PTE_WRITE | PTE_ACCESSED)
#define PTE_PAGE	(PTE_TABLE | PTE_DIRTY | PTE_LARGE)
#define NAP_HALTS	5

#define MAX_FRESH	((GUEST_MMIO - GUEST_FRESH) / GUEST_STRIDE)

_Static_assert(offsetof(struct guest_params, fresh) == PARAMS_FRESH, "guest.h");
_Static_assert(offsetof(struct guest_params, l3_fresh) == PARAMS_L3_FRESH, "guest.h");
_Static_assert(offsetof(struct guest_params, halt_ticks) == PARAMS_HALT_TICKS, "guest.h");
_Static_assert(offsetof(struct guest_params, vmxon_pa) == PARAMS_VMXON_PA, "guest.h");
_Static_assert(offsetof(struct guest_params, hsave_pa) == PARAMS_HSAVE_PA, "guest.h");
_Static_assert(offsetof(struct guest_params, early) == PARAMS_EARLY, "guest.h");
_Static_assert(offsetof(struct guest_params, nap_ticks) == PARAMS_NAP_TICKS, "guest.h");
_Static_assert(offsetof(struct guest_params, steps) == PARAMS_STEPS, "guest.h");
_Static_assert(offsetof(struct guest_params, gdt) == PARAMS_GDT, "guest.h");
_Static_assert(offsetof(struct guest_params, idt) == PARAMS_IDT, "guest.h");
_Static_assert(offsetof(struct guest_params, nmistakes) == PARAMS_NMISTAKES, "guest.h");
_Static_assert(offsetof(struct guest_params, failures) == PARAMS_FAILURES, "guest.h");
_Static_assert(offsetof(struct guest_params, zero_pa) == PARAMS_ZERO_PA, "guest.h");
_Static_assert(offsetof(struct guest_params, mistakes) == PARAMS_MISTAKES, "guest.h");
_Static_assert(offsetof(struct guest_params, vmwrites) == PARAMS_VMWRITES, "guest.h");
_Static_assert(sizeof(struct guest_params) + 256 <= PARAMS_STACK, "no room for the stack");
_Static_assert(VMM_KINDS <= MAX_STEPS, "guest.h");

static const struct kind {
	const char *name;
	const char *help;
	const uint8_t *fn[2];		/* by ISA */
} kinds[VMM_KINDS] = {
	[VMM_CPUID] = { "cpuid", "CPUID", { guest_cpuid, guest_cpuid } },
	[VMM_OUT] = { "out", "OUT, handled by the VMM", { guest_out, guest_out } },
	[VMM_IN] = { "in", "IN, handled by the VMM", { guest_in, guest_in } },
	[VMM_MMIO] = { "mmio", "write to an address without memory, handled by the VMM",
		       { guest_mmio, guest_mmio } },
	[VMM_RDMSR] = { "rdmsr", "RDMSR, emulated by KVM", { guest_rdmsr, guest_rdmsr } },
	[VMM_WRMSR] = { "wrmsr", "WRMSR, emulated by KVM", { guest_wrmsr, guest_wrmsr } },
	[VMM_HLT] = { "hlt", "HLT, exits to the VMM, which resumes at once",
		      { guest_hlt, guest_hlt } },
	[VMM_HALT] = { "halt", "HLT, sleeps in KVM until the guest's APIC timer fires",
		       { guest_halt, guest_halt } },
	[VMM_NAP] = { "nap", "the same for five times as long", { guest_nap, guest_nap } },
	[VMM_PAUSE] = { "pause", "PAUSE 1000 times in a loop, which the CPU may exit for",
			{ guest_pause, guest_pause } },
	[VMM_VMCALL] = { "vmcall", "VMCALL (VMMCALL) which KVM answers with -KVM_ENOSYS",
			 { guest_vmcall, guest_vmmcall } },
	[VMM_EPT] = { "ept", "first write to a fresh page of memory", { guest_ept, guest_ept } },
	[VMM_OFF] = { "off", "the guest ends to be a hypervisor: VMXOFF, or EFER.SVME off",
		      { guest_off_vmx, guest_off_svm } },
	[VMM_L3] = { "l3", "CPUID of a nested guest, reflected to L2, which resumes it",
		     { guest_l3_cpuid_vmx, guest_l3_cpuid_svm } },
	[VMM_L3OUT] = { "l3out", "OUT of a nested guest, which L1 handles (in the VMM)",
			{ guest_l3_out_vmx, guest_l3_out_svm } },
	[VMM_L3RDMSR] = { "l3rdmsr", "RDMSR of a nested guest, which L1 handles (in KVM)",
			  { guest_l3_rdmsr_vmx, guest_l3_rdmsr_svm } },
	[VMM_L3EPT] = { "l3ept", "first write of a nested guest to a fresh page",
			{ guest_l3_ept_vmx, guest_l3_ept_svm } },
};

const char *vmm_kind_name(enum vmm_kind kind)
{
	return kind < VMM_KINDS ? kinds[kind].name : NULL;
}

const char *vmm_kind_help(enum vmm_kind kind)
{
	return kind < VMM_KINDS ? kinds[kind].help : NULL;
}

bool kind_is_l3(enum vmm_kind kind)
{
	return kind >= VMM_L3;
}

bool program_sleeps(const struct vmm_config *cfg)
{
	return cfg->count[VMM_HALT] || cfg->count[VMM_NAP];
}

static size_t fresh_pages(const struct vmm_config *cfg)
{
	return (size_t)cfg->count[VMM_EPT] + cfg->count[VMM_L3EPT];
}

int program_check(const struct vmm_config *cfg)
{
	unsigned int i;

	if (cfg->count[VMM_HLT] && program_sleeps(cfg))
		return vmm_fail("hlt cannot be combined with halt or nap: HLT either exits to the VMM or sleeps in KVM");
	if (fresh_pages(cfg) > MAX_FRESH)
		return vmm_fail("ept and l3ept: at most %d pages a round, use more rounds",
				MAX_FRESH);
	if (cfg->count[VMM_OFF] > 1 || (cfg->count[VMM_OFF] && cfg->rounds != 1))
		return vmm_fail("off: once, in the only round");
	for (i = VMM_L3; cfg->count[VMM_OFF] && i < VMM_KINDS; i++)
		if (cfg->count[i])
			return vmm_fail("off cannot be combined with l3 kinds");
	if (cfg->halt_period_us > 4000000 || (cfg->count[VMM_NAP] && cfg->halt_period_us > 800000))
		return vmm_fail("halt period: at most 4000000 us, and 800000 us with nap");
	return 0;
}

size_t program_memory(const struct vmm_config *cfg)
{
	size_t size = GUEST_FRESH + fresh_pages(cfg) * GUEST_STRIDE;

	return (size + LARGE_SIZE - 1) & ~(LARGE_SIZE - 1);
}

/* Virtual 0 to 1 GiB is the vCPU's own gibibyte. */
static void load_page_tables(struct vcpu *vcpu)
{
	const uint64_t base = VCPU_GPA(vcpu->index);
	uint64_t *pml4 = (uint64_t *)(vcpu->mem + GUEST_PML4);
	uint64_t *pdpt = (uint64_t *)(vcpu->mem + GUEST_PDPT);
	uint64_t *pd = (uint64_t *)(vcpu->mem + GUEST_PD);
	unsigned int i;

	pml4[0] = (base + GUEST_PDPT) | PTE_TABLE;
	pdpt[0] = (base + GUEST_PD) | PTE_TABLE;
	for (i = 0; i < 512; i++)
		pd[i] = (base + i * LARGE_SIZE) | PTE_PAGE;
}

static void load_descriptors(struct guest_params *p)
{
	static const struct {
		unsigned int vector;
		const uint8_t *handler;
	} gates[] = { { UNDEFINED_VECTOR, guest_undefined }, { IRQ_VECTOR, guest_irq } };
	unsigned int i;

	p->gdt[SEL_CODE / 8] = 0x00af9b000000ffff;
	p->gdt[SEL_DATA / 8] = 0x00cf93000000ffff;
	/* 64-bit interrupt gates; handlers are below 64 KiB */
	for (i = 0; i < ARRAY_SIZE(gates); i++)
		p->idt[2 * gates[i].vector] = guest_code(gates[i].handler) | SEL_CODE << 16 |
					      0x8e00ull << 32;
}

static const uint8_t *code_of(const struct vmm *vm, enum vmm_kind kind)
{
	if (kind == VMM_HALT && vm->cfg.halt_deadline)
		return guest_halt_deadline;
	if (kind == VMM_NAP && vm->cfg.halt_deadline)
		return guest_nap_deadline;
	return kinds[kind].fn[vm->isa];
}

/* A tick of KVM's APIC timer is a nanosecond; a tick of the TSC depends on its frequency. */
static uint32_t halt_ticks(const struct vcpu *vcpu)
{
	const struct vmm_config *cfg = &vcpu->vm->cfg;

	return cfg->halt_deadline ? (uint64_t)cfg->halt_period_us * vcpu->tsc_khz / 1000 :
				    cfg->halt_period_us * 1000;
}

void program_load(struct vcpu *vcpu)
{
	const struct vmm_config *cfg = &vcpu->vm->cfg;
	struct guest_params *p = vcpu_params(vcpu);
	unsigned int kind;

	memcpy(vcpu->mem + GUEST_CODE, guest_start, guest_end - guest_start);
	load_page_tables(vcpu);
	load_descriptors(p);
	p->burst = cfg->mixed ? 1 : ~0u;
	p->halt_ticks = halt_ticks(vcpu);
	p->nap_ticks = NAP_HALTS * p->halt_ticks;
	for (kind = 0; kind < VMM_KINDS; kind++) {
		if (cfg->count[kind])
			p->steps[p->nsteps++].fn = code_of(vcpu->vm, kind) - guest_start;
	}
}

void program_next_round(struct vcpu *vcpu)
{
	const struct vmm_config *cfg = &vcpu->vm->cfg;
	struct guest_params *p = vcpu_params(vcpu);
	unsigned int kind, step = 0;

	for (kind = 0; kind < VMM_KINDS; kind++) {
		if (cfg->count[kind])
			p->steps[step++].left = cfg->count[kind];
	}
	p->fresh = GUEST_FRESH;
	p->l3_fresh = GUEST_FRESH + (uint64_t)cfg->count[VMM_EPT] * GUEST_STRIDE;
}

/*
 * The guest's first write to a page must find the page there already: KVM may
 * otherwise let the vCPU try again while it is being brought in.
 */
void program_touch_fresh(struct vcpu *vcpu)
{
	size_t i, n = fresh_pages(&vcpu->vm->cfg);

	for (i = 0; i < n; i++)
		vcpu->mem[GUEST_FRESH + i * GUEST_STRIDE] = 1;
}

/*
 * Makes the pages fresh again. Other vCPUs must not be in the guest: KVM makes
 * all faults of the VM that are under way at this time try again.
 */
void program_recycle_fresh(struct vcpu *vcpu)
{
	uint8_t *fresh = vcpu->mem + GUEST_FRESH;
	size_t size = vcpu->mem_size - GUEST_FRESH;

	/* KVM forgets what it has mapped; the host's pages stay, with their size. */
	if (vcpu->vm->cfg.huge_pages) {
		mprotect(fresh, size, PROT_NONE);
		mprotect(fresh, size, PROT_READ | PROT_WRITE);
		return;
	}
	madvise(vcpu->mem + GUEST_FRESH, vcpu->mem_size - GUEST_FRESH, MADV_DONTNEED);
	program_touch_fresh(vcpu);
}
