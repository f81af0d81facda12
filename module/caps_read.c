// SPDX-License-Identifier: GPL-2.0
/*
 * Reads what L0 offers once, when the module is loaded, because each read exits to L0.
 * All CPUs should agree; a CPU that differs is reported.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>

#include "caps_read.h"
#include "compat.h"

#define CPUID_1_ECX_VMX			(1u << 5)
#define CPUID_80000001_ECX_SVM		(1u << 2)
#define MSR_VM_CR_AMD			0xc0010114
#define HYPERV_MAX_LEAF_NESTED		0x4000000a

static struct l1t_caps caps;

static void read_vmx(struct l1t_vmx_caps *vmx)
{
	u32 low, high;
	int i;

	vmx->offered = cpuid_ecx(1) & CPUID_1_ECX_VMX;
	if (!vmx->offered)
		return;
	for (i = 0; i < L1T_VMX_REGISTERS; i++) {
		if (rdmsr_safe(l1t_vmx_msrs[i].index, &low, &high))
			continue;
		vmx->present |= BIT(i);
		vmx->value[i] = (u64)high << 32 | low;
	}
}

static void read_svm(struct l1t_svm_caps *svm)
{
	u32 low, high, ecx;

	svm->offered = cpuid_eax(0x80000000) >= 0x8000000a &&
		       (cpuid_ecx(0x80000001) & CPUID_80000001_ECX_SVM);
	if (!svm->offered)
		return;
	cpuid(0x8000000a, &svm->eax, &svm->ebx, &ecx, &svm->edx);
	if (!rdmsr_safe(MSR_VM_CR_AMD, &low, &high)) {
		svm->has_vm_cr = true;
		svm->vm_cr = (u64)high << 32 | low;
	}
}

static void read_hyperv(struct l1t_hyperv_caps *hyperv)
{
	u32 max, signature[3];

	if (!boot_cpu_has(X86_FEATURE_HYPERVISOR))
		return;
	cpuid(0x40000000, &max, &signature[0], &signature[1], &signature[2]);
	if (memcmp(signature, "Microsoft Hv", sizeof(signature)) || max < HYPERV_MAX_LEAF_NESTED)
		return;
	hyperv->hints = cpuid_eax(0x40000004);
	hyperv->nested = cpuid_eax(HYPERV_MAX_LEAF_NESTED);
}

static void read_here(void *data)
{
	struct l1t_caps *here = data;

	/* It is compared as a whole, so padding must be zero. */
	memset(here, 0, sizeof(*here));
	if (caps.is_svm)
		read_svm(&here->svm);
	else
		read_vmx(&here->vmx);
}

static void tell_difference(unsigned int cpu, const struct l1t_caps *there)
{
	int i;

	if (caps.is_svm || caps.vmx.offered != there->vmx.offered) {
		pr_warn("CPU %u offers another virtualization than the first CPU: guests may fail on it\n",
			cpu);
		return;
	}
	for (i = 0; i < L1T_VMX_REGISTERS; i++)
		if ((caps.vmx.present ^ there->vmx.present) & BIT(i) ||
		    caps.vmx.value[i] != there->vmx.value[i])
			pr_warn("MSR %#x of CPU %u is %#llx, of the first CPU %#llx: guests may fail on one of them\n",
				l1t_vmx_msrs[i].index, cpu, there->vmx.value[i], caps.vmx.value[i]);
}

static void compare_cpus(void)
{
	struct l1t_caps there;
	unsigned int cpu;

	cpus_read_lock();
	for_each_online_cpu(cpu) {
		if (smp_call_function_single(cpu, read_here, &there, 1))
			continue;
		if (!memcmp(&there.vmx, &caps.vmx, sizeof(caps.vmx)) &&
		    !memcmp(&there.svm, &caps.svm, sizeof(caps.svm)))
			continue;
		caps.cpus_differ = true;
		tell_difference(cpu, &there);
	}
	cpus_read_unlock();
}

/**
 * l1t_caps_init() - read what L0 offers
 */
void __init l1t_caps_init(void)
{
	struct l1t_caps first;
	bool is_svm = boot_cpu_data.x86_vendor == X86_VENDOR_AMD ||
		      boot_cpu_data.x86_vendor == X86_VENDOR_HYGON;

	caps.is_svm = is_svm;
	read_here(&first);
	first.is_svm = is_svm;
	read_hyperv(&first.hyperv);
	caps = first;
	compare_cpus();
	if (!(is_svm ? caps.svm.offered : caps.vmx.offered))
		pr_info("this CPU offers no %s: KVM cannot run guests here\n", is_svm ? "SVM" : "VMX");
}

/**
 * l1t_caps() - what L0 offers
 *
 * Return: the capabilities as of load; they do not change.
 */
const struct l1t_caps *l1t_caps(void)
{
	return &caps;
}
