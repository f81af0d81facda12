/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the code of bench's guest (assembler) and its VMM (C) agree on. The
 * guest has 2 MB at address 0, which it sees where they are, and a region of
 * pages to touch for the first time.
 */
#ifndef L1TUNE_BENCH_GUEST_H
#define L1TUNE_BENCH_GUEST_H

#define GUEST_CODE		0x1000
#define GUEST_PML4		0x3000
#define GUEST_PDPT		0x4000
#define GUEST_PD		0x5000
#define GUEST_PARAMS		0x6000
#define GUEST_STACK		0x8000	/* ends here */
#define GUEST_STACK_SLEEPER	0x9000
#define GUEST_TABLES		0x9000	/* GDT, then IDT */
#define GUEST_IDT		0x9100
#define GUEST_VMXON		0xa000
#define GUEST_VMCS		0xb000	/* or the VMCB */
/* Three pages that stay zero: bitmaps which intercept nothing. */
#define GUEST_BITMAP		0xc000
#define GUEST_HSAVE		0xf000
#define GUEST_SAMPLES		0x100000
#define GUEST_CYCLES		0x180000
#define GUEST_MEMORY		0x200000
#define MAX_SAMPLES		((GUEST_CYCLES - GUEST_SAMPLES) / 8)

#define GUEST_FRESH		0x10000000
/* No memory: the second one is an eventfd's in KVM. */
#define GUEST_MMIO_USER		0x3fe00000
#define GUEST_MMIO_KVM		0x3fe01000
#define GUEST_MMIO_DONE		0x3fe02000

#define PORT_DONE		0x5000
#define PORT_USER		0x5010
#define PORT_KVM		0x5020
#define PORT_FAILED		0x5030

/* The parameter page. */
#define PARAMS_FN		0x00	/* what to do: offset in the code */
#define PARAMS_COUNT		0x04
#define PARAMS_DONE_BY_MMIO	0x08
#define PARAMS_STOP		0x0c
#define PARAMS_FRESH		0x10
#define PARAMS_STRIDE		0x18
#define PARAMS_DELAY		0x20	/* TSC ticks */
#define PARAMS_WOKEN		0x28	/* TSC of the sleeper's interrupt */
#define PARAMS_VMXON_PA		0x30
#define PARAMS_VMCS_PA		0x38
#define PARAMS_NWRITES		0x40
#define PARAMS_VMWRITES		0x48
#define VMWRITE_SIZE		16
#define MAX_VMWRITES		64

#define IRQ_VECTOR		0x20
#define HYPERCALL_UNKNOWN	0xfff0

#define MSR_READ_INDEX		0x1a0	/* IA32_MISC_ENABLE: kvm.ko emulates it */
#define MSR_WRITE_INDEX		0x8b	/* IA32_BIOS_SIGN_ID: kvm.ko ignores writes */
#define MSR_TSC_DEADLINE	0x6e0
#define MSR_X2APIC_EOI		0x80b
#define MSR_X2APIC_ICR		0x830
#define MSR_SVM_HSAVE		0xc0010117

#endif
