/* SPDX-License-Identifier: GPL-2.0 */
/* A vCPU that begins in 64-bit mode, without firmware, and sees memory where it is. */
#ifndef L1TUNE_LONG_MODE_H
#define L1TUNE_LONG_MODE_H

#include <stdint.h>
#include <linux/kvm.h>

#define CR4_PAE			(1u << 5)
#define PAGE_PRESENT_W_A_D	0x63

/* Selectors of its GDT. */
#define SEL_CODE	0x08
#define SEL_DATA	0x10
#define SEL_TSS		0x18

/* Where its tables are, as the guest and its VMM see them. */
struct long_mode {
	uint8_t *memory;
	uint32_t pml4, pdpt, pd, gdt, idt;
	/* Of gates; unused ones are zero. */
	unsigned int num_gates;
};

/* 1 GB by pages of 2 MB that are marked accessed and dirty, and the GDT. */
void long_mode_write_tables(const struct long_mode *mode);
void long_mode_write_gate(const struct long_mode *mode, unsigned int vector, uint32_t handler);

/* Completes what KVM_GET_SREGS had; with CR4.PAE alone. */
void long_mode_set_sregs(const struct long_mode *mode, struct kvm_sregs *s);

#endif
