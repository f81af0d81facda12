// SPDX-License-Identifier: GPL-2.0
/* The exits a program must take, worked out from the program alone. */
#include <asm/svm.h>
#include <asm/vmx.h>

#include "vmm-int.h"

/* Code pages, page tables and parameters, see guest.h: a fault for each. */
#define L2_PAGES	5	/* PML4, PDPT, PD, code, parameters */
#define L3_PAGES	4	/* the same without the parameters */
/* VMREADs after each exit that is reflected to L2; one VMWRITE follows. */
#define L2_VMREADS	3

enum exit {
	E_CPUID,
	E_IO,
	E_RDMSR,
	E_WRMSR,
	E_HLT,
	E_VMCALL,
	E_FAULT,
	E_MMIO,
	E_VMXON,
	E_VMCLEAR,
	E_VMPTRLD,
	E_VMREAD,
	E_VMWRITE,
	E_VMLAUNCH,
	E_VMRESUME,
	E_VMRUN,
	E_VMXOFF,
	EXITS,
};

static const uint32_t codes[EXITS][2] = {
	[E_CPUID]    = { EXIT_REASON_CPUID,          SVM_EXIT_CPUID },
	[E_IO]	     = { EXIT_REASON_IO_INSTRUCTION, SVM_EXIT_IOIO },
	[E_RDMSR]    = { EXIT_REASON_MSR_READ,	     SVM_EXIT_MSR },
	[E_WRMSR]    = { EXIT_REASON_MSR_WRITE,	     SVM_EXIT_MSR },
	[E_HLT]	     = { EXIT_REASON_HLT,	     SVM_EXIT_HLT },
	[E_VMCALL]   = { EXIT_REASON_VMCALL,	     SVM_EXIT_VMMCALL },
	[E_FAULT]    = { EXIT_REASON_EPT_VIOLATION,  SVM_EXIT_NPF },
	[E_MMIO]     = { EXIT_REASON_EPT_MISCONFIG,  SVM_EXIT_NPF },
	[E_VMXON]    = { EXIT_REASON_VMON },
	[E_VMCLEAR]  = { EXIT_REASON_VMCLEAR },
	[E_VMPTRLD]  = { EXIT_REASON_VMPTRLD },
	[E_VMREAD]   = { EXIT_REASON_VMREAD },
	[E_VMWRITE]  = { EXIT_REASON_VMWRITE },
	[E_VMLAUNCH] = { EXIT_REASON_VMLAUNCH },
	[E_VMRESUME] = { EXIT_REASON_VMRESUME },
	[E_VMRUN]    = { 0,			     SVM_EXIT_VMRUN },
	[E_VMXOFF]   = { EXIT_REASON_VMOFF },
};

struct name {
	uint32_t code;
	const char *name;
};

static const struct name vmx_names[] = { VMX_EXIT_REASONS };
static const struct name svm_names[] = { SVM_EXIT_REASONS };

static const uint32_t vmx_host_caused[] = {
	EXIT_REASON_EXCEPTION_NMI, EXIT_REASON_EXTERNAL_INTERRUPT, EXIT_REASON_INTERRUPT_WINDOW,
	EXIT_REASON_NMI_WINDOW, EXIT_REASON_PREEMPTION_TIMER, EXIT_REASON_PML_FULL,
	EXIT_REASON_MCE_DURING_VMENTRY,
};

static const uint32_t svm_host_caused[] = {
	SVM_EXIT_INTR, SVM_EXIT_NMI, SVM_EXIT_SMI, SVM_EXIT_VINTR,
};

static const char *reason_name(enum vmm_isa isa, uint32_t code)
{
	const struct name *names = isa == VMM_VMX ? vmx_names : svm_names;
	size_t i, n = isa == VMM_VMX ? ARRAY_SIZE(vmx_names) : ARRAY_SIZE(svm_names);

	for (i = 0; i < n; i++) {
		if (names[i].code == code)
			return names[i].name;
	}
	return "UNKNOWN";
}

bool vmm_host_caused(unsigned int i, struct vmm_exits *exits)
{
	const enum vmm_isa isa = vmm_isa();
	const size_t n = isa == VMM_VMX ? ARRAY_SIZE(vmx_host_caused)
					: ARRAY_SIZE(svm_host_caused);

	if (i >= n)
		return false;
	*exits = (struct vmm_exits){
		.code = isa == VMM_VMX ? vmx_host_caused[i] : svm_host_caused[i],
	};
	exits->reason = reason_name(isa, exits->code);
	return true;
}

struct table {
	enum vmm_isa isa;
	struct vmm_exits *exits;
	unsigned int n;
	unsigned int max;
};

static void add(struct table *t, unsigned int level, enum exit exit, uint64_t count)
{
	const uint32_t code = codes[exit][t->isa];
	unsigned int i;

	if (!count)
		return;
	for (i = 0; i < t->n; i++) {
		if (t->exits[i].code == code && t->exits[i].level == level)
			break;
	}
	if (i == t->max)
		return;
	if (i == t->n) {
		t->exits[i].reason = reason_name(t->isa, code);
		t->exits[i].code = code;
		t->exits[i].level = level;
		t->exits[i].count = 0;
		t->n++;
	}
	t->exits[i].count += count;
}

/* Does the guest's end of interrupt exit? Not if the CPU virtualizes its APIC. */
static bool eoi_exits(enum vmm_isa isa)
{
	const char *param = isa == VMM_VMX ? "/sys/module/kvm_intel/parameters/enable_apicv"
					   : "/sys/module/kvm_amd/parameters/avic";

	return !vmm_module_param(param, false);
}

static void expect_plain(struct table *t, struct vcpu *vcpu, uint64_t rounds)
{
	const uint32_t *n = vcpu->vm->cfg.count;
	const uint64_t mmio = n[VMM_MMIO] * rounds;
	const uint64_t slept = (n[VMM_HALT] + (uint64_t)n[VMM_NAP]) * rounds;
	const uint64_t armed = slept + vcpu_params(vcpu)->early;

	add(t, 2, E_CPUID, n[VMM_CPUID] * rounds);
	add(t, 2, E_IO, (n[VMM_OUT] + (uint64_t)n[VMM_IN] + 1) * rounds + 1);
	add(t, 2, E_RDMSR, n[VMM_RDMSR] * rounds);
	add(t, 2, E_WRMSR, n[VMM_WRMSR] * rounds);
	add(t, 2, E_HLT, n[VMM_HLT] * rounds + slept);
	add(t, 2, E_WRMSR, armed * (eoi_exits(t->isa) ? 2 : 1));
	add(t, 2, E_VMCALL, n[VMM_VMCALL] * rounds);
	add(t, 2, E_FAULT, L2_PAGES + n[VMM_EPT] * rounds);
	/*
	 * KVM makes the first access an EPT misconfiguration for all that follow;
	 * kernels before 6.0 have no parameter to prevent it.
	 */
	if (mmio && vmm_module_param("/sys/module/kvm/parameters/mmio_caching", true)) {
		add(t, 2, E_FAULT, 1);
		add(t, 2, E_MMIO, mmio - 1);
	} else {
		add(t, 2, E_FAULT, mmio);
	}
}

static void expect_nested(struct table *t, struct vcpu *vcpu, uint64_t rounds)
{
	const struct vmm_config *cfg = &vcpu->vm->cfg;
	const uint32_t *n = cfg->count;
	uint64_t jobs = 0, entries, writes;
	unsigned int kind;

	/* how often L2 hands work to L3 in a round: in turn, or all at once */
	for (kind = VMM_L3; kind < VMM_KINDS; kind++)
		jobs += cfg->mixed ? n[kind] : !!n[kind];
	/* L3 is entered to come to its first VMCALL, for each job, and after each CPUID */
	entries = 1 + (jobs + n[VMM_L3]) * rounds;

	add(t, 3, E_CPUID, n[VMM_L3] * rounds);
	add(t, 3, E_VMCALL, 1 + jobs * rounds);
	add(t, 3, E_IO, n[VMM_L3OUT] * rounds);
	add(t, 3, E_RDMSR, n[VMM_L3RDMSR] * rounds);
	add(t, 3, E_FAULT, L3_PAGES + n[VMM_L3EPT] * rounds);
	if (t->isa == VMM_SVM) {
		add(t, 2, E_VMRUN, entries);
		add(t, 2, E_WRMSR, 1 + n[VMM_OFF]);	/* VM_HSAVE_PA, EFER */
		add(t, 2, E_FAULT, 1);		/* L2 reads the VMCB */
		return;
	}
	add(t, 2, E_VMXON, 1);
	add(t, 2, E_VMXOFF, n[VMM_OFF]);
	add(t, 2, E_VMCLEAR, 1);
	add(t, 2, E_VMPTRLD, 1);
	add(t, 2, E_VMLAUNCH, 1);
	add(t, 2, E_VMRESUME, entries - 1);
	writes = vcpu_params(vcpu)->nwrites;
	if (vmm_module_param("/sys/module/kvm_intel/parameters/enable_shadow_vmcs", false)) {
		add(t, 2, E_VMWRITE, writes - vcpu->shadowed_vmwrites);
	} else {
		add(t, 2, E_VMWRITE, writes + entries);
		add(t, 2, E_VMREAD, entries * L2_VMREADS);
	}
}

unsigned int vmm_expect(struct vmm *vm, unsigned int vcpu, struct vmm_exits *exits,
			unsigned int max)
{
	struct table t = { .isa = vm->isa, .exits = exits, .max = max };
	const struct vmm_result *res = &vm->vcpus[vcpu].res;

	if (!res->complete)
		return 0;
	expect_plain(&t, &vm->vcpus[vcpu], res->rounds);
	if (vm->nested)
		expect_nested(&t, &vm->vcpus[vcpu], res->rounds);
	return t.n;
}
