/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the code of probe's guest (assembler) and its VMM (C) agree on. The
 * guest has 2 MB at address 0, which it sees where they are.
 */
#ifndef L1TUNE_PROBE_GUEST_H
#define L1TUNE_PROBE_GUEST_H

#define PROBE_CODE		0x1000
#define PROBE_PML4		0x3000
#define PROBE_PDPT		0x4000
#define PROBE_PD		0x5000
#define PROBE_PML5		0x6000
#define PROBE_PARAMS		0x7000
#define PROBE_STACK		0x9000	/* ends here */
#define PROBE_TABLES		0x9000	/* GDT, then IDT */
#define PROBE_IDT		0x9100
/* Bytes of an instruction and a return. */
#define PROBE_INSTRUCTION	0xa000
/* Zero at first, and as large as any state that XSAVE writes. */
#define PROBE_SCRATCH		0x10000
#define PROBE_SCRATCH_SIZE	0x4000
#define PROBE_MEMORY		0x200000

#define PROBE_PORT_DONE		0x5000
#define PROBE_PORT_FAULT	0x5010	/* eax is the vector */
#define PROBE_PORT_WRONG	0x5020	/* it did something else than it is to */
#define PROBE_PORT_DOORBELL	0x5030

/* The parameter page. */
#define PARAMS_CODE		0x00	/* address of what is tried */
#define PARAMS_CR4		0x08	/* that it needs */
#define PARAMS_XCR0		0x10	/* or 0 */
#define PARAMS_VALUE		0x18
#define PARAMS_MSR		0x20
#define PARAMS_COUNT		0x28	/* how often it is tried */
#define PARAMS_READY		0x2c	/* 1: what it needs was switched on */
#define PARAMS_TICKS		0x30	/* of the TSC: the fastest time */
#define PARAMS_WOKEN		0x38	/* interrupts so far */

#define PROBE_VECTOR		0x20
#define PROBE_EXCEPTIONS	32
/* Bytes of the handler of each. */
#define PROBE_HANDLER_SIZE	16

/* How many PAUSEs a row that spins executes. */
#define PROBE_PAUSES		256

#endif
