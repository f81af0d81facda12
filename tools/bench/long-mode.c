// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "bench/long-mode.h"

#define MB2		(2ul << 20)
#define CR0		0x80010031u	/* PG WP NE ET PE */
#define EFER_LMA_LME	(1u << 10 | 1u << 8)
#define PAGE_LARGE	0x80
#define GATE_BYTES	16

void long_mode_write_tables(const struct long_mode *mode)
{
	uint64_t *pml4 = (uint64_t *)(mode->memory + mode->pml4);
	uint64_t *pdpt = (uint64_t *)(mode->memory + mode->pdpt);
	uint64_t *pd = (uint64_t *)(mode->memory + mode->pd);
	uint64_t *gdt = (uint64_t *)(mode->memory + mode->gdt);
	unsigned int i;

	pml4[0] = mode->pdpt | PAGE_PRESENT_W_A_D;
	pdpt[0] = mode->pd | PAGE_PRESENT_W_A_D;
	for (i = 0; i < 512; i++)
		pd[i] = i * MB2 | PAGE_PRESENT_W_A_D | PAGE_LARGE;
	gdt[SEL_CODE / 8] = 0x00af9b000000ffff;
	gdt[SEL_DATA / 8] = 0x00cf93000000ffff;
}

void long_mode_write_gate(const struct long_mode *mode, unsigned int vector, uint32_t handler)
{
	const uint16_t gate[GATE_BYTES / 2] = {
		handler & 0xffff, SEL_CODE, 0x8e00, handler >> 16,
	};

	memcpy(mode->memory + mode->idt + vector * GATE_BYTES, gate, sizeof(gate));
}

void long_mode_set_sregs(const struct long_mode *mode, struct kvm_sregs *s)
{
	const struct kvm_segment code = {
		.limit = ~0u, .selector = SEL_CODE, .type = 11, .present = 1,
		.s = 1, .l = 1, .g = 1,
	};
	const struct kvm_segment data = {
		.limit = ~0u, .selector = SEL_DATA, .type = 3, .present = 1,
		.s = 1, .db = 1, .g = 1,
	};
	const struct kvm_segment tss = {
		.limit = 0x67, .selector = SEL_TSS, .type = 11, .present = 1,
	};

	s->cs = code;
	s->ds = s->es = s->fs = s->gs = s->ss = data;
	s->tr = tss;
	memset(&s->ldt, 0, sizeof(s->ldt));
	s->ldt.unusable = 1;
	s->gdt.base = mode->gdt;
	s->gdt.limit = SEL_TSS + 7;
	s->idt.base = mode->idt;
	s->idt.limit = mode->num_gates * GATE_BYTES - 1;
	s->cr0 = CR0;
	s->cr3 = mode->pml4;
	s->cr4 = CR4_PAE;
	s->efer = EFER_LMA_LME;
}
