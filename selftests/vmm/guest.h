/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the guest's code (assembler) and the VMM (C) agree on: the layout of
 * the guest's memory and the format of its program.
 *
 * Every vCPU has a gibibyte of guest-physical memory of its own, which it sees
 * at virtual address 0. Nothing is shared between vCPUs, so that no two of
 * them can fault on the same page at the same time.
 */
#ifndef VMM_GUEST_H
#define VMM_GUEST_H

/*
 * No two pages the guest touches are in the same aligned group of 8: KVM's
 * legacy MMU maps the neighbours of a faulting page in such groups.
 */
#define GUEST_STRIDE		0x8000

#define GUEST_CODE		(1 * GUEST_STRIDE)
#define GUEST_PML4		(2 * GUEST_STRIDE)
#define GUEST_PDPT		(3 * GUEST_STRIDE)
#define GUEST_PD		(4 * GUEST_STRIDE)
#define GUEST_PARAMS		(5 * GUEST_STRIDE)
#define GUEST_VMXON		(6 * GUEST_STRIDE)
#define GUEST_VMCS		(7 * GUEST_STRIDE)
#define GUEST_VMCB		(8 * GUEST_STRIDE)
#define GUEST_HSAVE		(9 * GUEST_STRIDE)
/* Three pages that stay zero: bitmaps which intercept nothing. */
#define GUEST_BITMAP		(10 * GUEST_STRIDE)
#define GUEST_FRESH		0x200000
/* The last 2 MiB of the gibibyte are not backed by memory: MMIO. */
#define GUEST_MMIO		0x3fe00000

/* The parameter page; the stack grows down from its end. */
#define PARAMS_BURST		0x000
#define PARAMS_NSTEPS		0x004
#define PARAMS_NESTED		0x008
#define PARAMS_NWRITES		0x00c
#define PARAMS_FRESH		0x010
#define PARAMS_L3_FRESH		0x018
#define PARAMS_HALT_TICKS	0x020
#define PARAMS_VMXON_PA		0x028
#define PARAMS_VMCS_PA		0x030
#define PARAMS_VMCB_PA		0x038
#define PARAMS_HSAVE_PA		0x040
#define PARAMS_UNDEFINED	0x048
#define PARAMS_EARLY		0x04c
#define PARAMS_NAP_TICKS	0x050
#define PARAMS_NMISTAKES	0x054
#define PARAMS_FAILURES		0x058
#define PARAMS_ODD_PA		0x060
#define PARAMS_ZERO_PA		0x068
#define PARAMS_STEPS		0x080
#define PARAMS_GDT		0x200
#define PARAMS_IDT		0x280
#define PARAMS_MISTAKES		0x500
#define PARAMS_VMWRITES		0x800
#define PARAMS_STACK		0x1000

/* A step: do what the code at @fn does another @left times. */
#define STEP_LEFT		0
#define STEP_FN			4
#define STEP_SIZE		8
#define MAX_STEPS		24

/* A VMWRITE of the nested guest's set-up: u64 field, u64 value. */
#define VMWRITE_SIZE		16
#define MAX_VMWRITES		96

/*
 * An entry into L3 that KVM refuses: u64 where, a field of the VMCS or an address in
 * the VMCB; u64 the wrong value; u64 the right value.
 */
#define MISTAKE_WHERE		0
#define MISTAKE_WRONG		8
#define MISTAKE_RIGHT		16
#define MISTAKE_SIZE		24
#define MAX_MISTAKES		24

#define SEL_CODE		0x08
#define SEL_DATA		0x10
#define SEL_TSS			0x18

#define UNDEFINED_VECTOR		0x06
#define IRQ_VECTOR		0x20

#define PORT_ROUND		0x5000	/* a round is done, ready for the next */
#define PORT_OUT		0x5010
#define PORT_IN			0x5020
#define PORT_FAIL		0x5030	/* the guest saw what cannot be */

/* What the guest says at PORT_FAIL. */
#define FAIL_VMXON		1
#define FAIL_VMCLEAR		2
#define FAIL_VMPTRLD		3
#define FAIL_VMWRITE		4
#define FAIL_VMENTRY		5
#define FAIL_VMREAD		6
#define FAIL_L3_EXIT		7
#define FAIL_MISTAKE		8
#define FAIL_FAILURE		9

#define PAUSES			1000

#define HYPERCALL_UNKNOWN	0xfff0

#define MSR_READ_INDEX		0x1a0	/* IA32_MISC_ENABLE: kvm.ko emulates it */
#define MSR_WRITE_INDEX		0x8b	/* IA32_BIOS_SIGN_ID: kvm.ko ignores writes */
#define MSR_TSC_DEADLINE	0x6e0
#define MSR_X2APIC_EOI		0x80b
#define MSR_X2APIC_TMICT	0x838
#define MSR_SVM_HSAVE		0xc0010117
#define MSR_EFER		0xc0000080
#define EFER_LONG_MODE		0x500	/* LME and LMA, and no SVME */

#endif
