// SPDX-License-Identifier: GPL-2.0
/* What each capability is good for on a machine where exits are expensive. */
#include "base/util.h"
#include "model/caps-table.h"

const struct cap vmx_caps[] = {
	{ "ept", "kvm_intel/ept", "the guest changes its page tables without exits", "EXCEPTION_NMI, INVLPG, CR_ACCESS" },
	{ "ept_2m", NULL, "one exit for a fresh 2 MB, not 512", "EPT_VIOLATION" },
	{ "ept_1g", NULL, "one exit for a fresh 1 GB", "EPT_VIOLATION" },
	{ "ept_ad", "kvm_intel/eptad", "the CPU marks pages accessed and written; PML needs it", "EPT_VIOLATION" },
	{ "vpid", "kvm_intel/vpid", "an exit does not flush the guest's TLB", NULL },
	{ "unrestricted_guest", "kvm_intel/unrestricted_guest", "boot code runs without emulation", NULL },
	{ "vmcs_shadowing", "kvm_intel/enable_shadow_vmcs", "for L2s that run guests: VMREAD and VMWRITE without exits", "VMREAD, VMWRITE" },
	{ "tpr_shadow", "kvm_intel/flexpriority", "the task priority without exits", "TPR_BELOW_THRESHOLD, APIC_ACCESS" },
	{ "apic_access", "kvm_intel/flexpriority", "accesses to the local APIC's page have their own exit", "EPT_MISCONFIG" },
	{ "apic_register_virtualization", "kvm_intel/enable_apicv", "reads of the local APIC without exits", "APIC_ACCESS, MSR_READ" },
	{ "x2apic_virtualization", "kvm_intel/enable_apicv", "the same by MSRs", "MSR_READ, MSR_WRITE" },
	{ "virtual_interrupt_delivery", "kvm_intel/enable_apicv", "the end of an interrupt without an exit", "MSR_WRITE, EOI_INDUCED, INTERRUPT_WINDOW" },
	{ "posted_interrupts", "kvm_intel/enable_apicv", "interrupts reach a running guest without an exit", "EXTERNAL_INTERRUPT" },
	{ "ipi_virtualization", "kvm_intel/enable_ipiv", "IPIs between vCPUs without an exit of the sender", "MSR_WRITE, APIC_WRITE" },
	{ "preemption_timer", "kvm_intel/preemption_timer", "a guest's timer needs no timer of the host", "EXTERNAL_INTERRUPT, MSR_WRITE" },
	{ "tsc_scaling", NULL, "a guest migrated from a host with another TSC rate keeps its TSC", "RDTSC" },
	{ "pause_loop_exiting", "kvm_intel/ple_gap", "a vCPU that spins yields to the vCPU it waits for", NULL },
	{ "pml", "kvm_intel/pml", "for live migration: written pages are logged, 512 per exit", "EPT_VIOLATION" },
	{ "msr_bitmaps", NULL, "MSRs passed through to the guest do not exit", "MSR_READ, MSR_WRITE" },
	{ "xsaves", NULL, "the guest may use XSAVES", NULL },
	{ "invpcid", NULL, "the guest may use INVPCID", NULL },
	{ "rdtscp", NULL, "the guest may use RDTSCP", NULL },
	{ "invvpid", NULL, "one guest's TLB entries can be flushed alone", NULL },
	{ "virtual_nmi", "kvm_intel/vnmi", "the CPU tracks the end of an NMI", "NMI_WINDOW" },
	{ "mode_based_execute", NULL, "for guests that protect their kernel code, as Windows does", "EPT_VIOLATION" },
	{ "ept_violation_ve", NULL, "some EPT violations go to the guest itself", "EPT_VIOLATION" },
	{ "vm_functions", NULL, "a guest may switch EPTs itself (eptp_switching)", NULL },
	{ "eptp_switching", NULL, "for L2s that run guests: a change of EPT without an exit", NULL },
	{ "ept_execute_only", NULL, "pages that can be executed but not read", NULL },
	{ "ept_5level", NULL, "guests with more than 256 TB of memory", NULL },
	{ "user_wait_pause", NULL, "the guest may use TPAUSE and UMWAIT", NULL },
	{ "bus_lock_exiting", NULL, "a guest that locks the bus can be slowed", "BUS_LOCK" },
	{ "notify_exiting", NULL, "a guest that blocks interrupts can be stopped", "NOTIFY" },
	{ "enlightened_vmcs", "kvm_intel/enlightened_vmcs", "for Hyper-V as L0: KVM's VMREAD and VMWRITE without trips to L0", NULL },
};
const size_t num_vmx_caps = ARRAY_SIZE(vmx_caps);

const struct cap svm_caps[] = {
	{ "npt", "kvm_amd/npt", "the guest changes its page tables without exits", "npf, INVLPG" },
	{ "nrip_save", "kvm_amd/nrips", "KVM need not decode the instruction that exits", NULL },
	{ "decode_assists", NULL, "KVM need not fetch the instruction that exits", NULL },
	{ "vmcb_clean", NULL, "an entry loads only what has changed", NULL },
	{ "flush_by_asid", NULL, "one guest's TLB entries can be flushed alone", NULL },
	{ "avic", "kvm_amd/avic", "interrupts and IPIs without exits", "interrupt, msr, avic_incomplete_ipi" },
	{ "x2avic", "kvm_amd/avic", "the same by MSRs", "msr" },
	{ "virtual_gif", "kvm_amd/vgif", "for L2s that run guests: STGI and CLGI without exits", "stgi, clgi" },
	{ "virtual_vmload_vmsave", "kvm_amd/vls", "for L2s that run guests: VMLOAD and VMSAVE without exits", "vmload, vmsave" },
	{ "lbr_virtualization", "kvm_amd/lbrv", "the guest's own last-branch records", NULL },
	{ "tsc_scaling", "kvm_amd/tsc_scaling", "a guest migrated from a host with another TSC rate keeps its TSC", "rdtsc" },
	{ "pause_filter", "kvm_amd/pause_filter_count", "a vCPU that spins yields to the vCPU it waits for", NULL },
	{ "pause_filter_threshold", "kvm_amd/pause_filter_thresh", "only when it spins in a tight loop", NULL },
	{ "virtual_nmi", "kvm_amd/vnmi", "the CPU tracks the end of an NMI", "iret" },
	{ "virtual_spec_ctrl", NULL, "the guest's own SPEC_CTRL without a switch at each exit", NULL },
	{ "mode_based_execute", NULL, "for guests that protect their kernel code", "npf" },
	{ "svm_lock", NULL, "software can lock SVM off", NULL },
};
const size_t num_svm_caps = ARRAY_SIZE(svm_caps);
