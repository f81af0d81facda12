/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest: 64-bit code which the VMM copies to GUEST_CODE and starts at
 * guest_entry with flat segments, interrupts off, and its stack in the
 * parameter page. It only uses addresses relative to itself and the constants
 * of guest.h.
 *
 * Registers: r15 parameters, r14d "steps are left", r13 step, r12d steps to
 * go, ebp how often to do it. The functions called for a step may use all
 * others.
 */
#include "guest.h"

	.section .rodata
	.code64
	.balign 16
	.globl guest_start
guest_start:

	.globl guest_entry
guest_entry:
	mov	$GUEST_PARAMS, %r15d
	mov	PARAMS_NESTED(%r15), %eax
	test	%eax, %eax
	jz	round
	lea	guest_start(%rip), %rcx
	add	%rcx, %rax
	call	*%rax

	/* The VMM fills in the steps before it lets the guest go on. */
round:
	mov	$PORT_ROUND, %edx
	out	%eax, %dx
pass:
	xor	%r14d, %r14d
	lea	PARAMS_STEPS(%r15), %r13
	mov	PARAMS_NSTEPS(%r15), %r12d
	test	%r12d, %r12d
	jz	round
step:
	mov	STEP_LEFT(%r13), %ebp
	test	%ebp, %ebp
	jz	next
	mov	PARAMS_BURST(%r15), %eax
	cmp	%eax, %ebp
	cmova	%eax, %ebp
	sub	%ebp, STEP_LEFT(%r13)
	or	STEP_LEFT(%r13), %r14d
	mov	STEP_FN(%r13), %eax
	lea	guest_start(%rip), %rcx
	add	%rcx, %rax
	call	*%rax
next:
	add	$STEP_SIZE, %r13
	dec	%r12d
	jnz	step
	test	%r14d, %r14d
	jnz	pass
	jmp	round

	.globl guest_cpuid
guest_cpuid:
	xor	%eax, %eax
	xor	%ecx, %ecx
	cpuid
	dec	%ebp
	jnz	guest_cpuid
	ret

	.globl guest_out
guest_out:
	mov	$PORT_OUT, %edx
1:	out	%eax, %dx
	dec	%ebp
	jnz	1b
	ret

	.globl guest_in
guest_in:
	mov	$PORT_IN, %edx
1:	in	%dx, %eax
	dec	%ebp
	jnz	1b
	ret

	.globl guest_mmio
guest_mmio:
	mov	$GUEST_MMIO, %edi
1:	mov	%eax, (%rdi)
	dec	%ebp
	jnz	1b
	ret

	.globl guest_rdmsr
guest_rdmsr:
	mov	$MSR_READ_INDEX, %ecx
1:	rdmsr
	dec	%ebp
	jnz	1b
	ret

	.globl guest_wrmsr
guest_wrmsr:
	mov	$MSR_WRITE_INDEX, %ecx
	xor	%eax, %eax
	xor	%edx, %edx
1:	wrmsr
	dec	%ebp
	jnz	1b
	ret

	.globl guest_hlt
guest_hlt:
	hlt
	dec	%ebp
	jnz	guest_hlt
	ret

	/*
	 * Arm the local APIC's timer and sleep until it fires. The interrupt
	 * cannot come before HLT: sti holds it back for one instruction. An L0
	 * that forgets this (guest_irq) has it done again.
	 */
	.globl guest_nap
guest_nap:
	mov	PARAMS_NAP_TICKS(%r15), %ebx
	jmp	halt_again
	.globl guest_halt
guest_halt:
	mov	PARAMS_HALT_TICKS(%r15), %ebx
halt_again:
	cli
	mov	%ebx, %eax
	xor	%edx, %edx
	mov	$MSR_X2APIC_TMICT, %ecx
	wrmsr
	sti
halt_hlt:
	hlt
	dec	%ebp
	jnz	halt_again
	cli
	ret

	/* The same until a deadline, which begins to run before it is armed. */
	.globl guest_nap_deadline
guest_nap_deadline:
	mov	PARAMS_NAP_TICKS(%r15), %ebx
	jmp	deadline_again
	.globl guest_halt_deadline
guest_halt_deadline:
	mov	PARAMS_HALT_TICKS(%r15), %ebx
deadline_again:
	cli
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	add	%rbx, %rax
	mov	%rax, %rdx
	shr	$32, %rdx
	mov	$MSR_TSC_DEADLINE, %ecx
	wrmsr
	sti
deadline_hlt:
	hlt
	dec	%ebp
	jnz	deadline_again
	cli
	ret

	/* A loop is one if its PAUSEs are close to each other. */
	.globl guest_pause
guest_pause:
	mov	$PAUSES, %ecx
1:	pause
	dec	%ecx
	jnz	1b
	dec	%ebp
	jnz	guest_pause
	ret

	/*
	 * QEMU's SVM forgets what sti holds back when an exit comes between it
	 * and HLT. The interrupt then comes before the HLT that it is to end,
	 * and nothing would.
	 */
	.globl guest_irq
guest_irq:
	xor	%eax, %eax
	xor	%edx, %edx
	mov	$MSR_X2APIC_EOI, %ecx
	wrmsr
	lea	halt_again(%rip), %rdx
	lea	halt_hlt(%rip), %rax
	cmp	%rax, (%rsp)
	je	1f
	lea	deadline_again(%rip), %rdx
	lea	deadline_hlt(%rip), %rax
	cmp	%rax, (%rsp)
	jne	2f
1:	mov	%rdx, (%rsp)
	incl	PARAMS_EARLY(%r15)
2:	iretq

	/* #UD: go on behind the call of what has met it. */
	.globl guest_undefined
guest_undefined:
	incl	PARAMS_UNDEFINED(%r15)
	lea	1f(%rip), %rax
	mov	%rax, (%rsp)
	iretq
1:	ret

	.globl guest_vmcall
guest_vmcall:
	mov	$HYPERCALL_UNKNOWN, %eax
	vmcall
	dec	%ebp
	jnz	guest_vmcall
	ret

	.globl guest_vmmcall
guest_vmmcall:
	mov	$HYPERCALL_UNKNOWN, %eax
	vmmcall
	dec	%ebp
	jnz	guest_vmmcall
	ret

	.globl guest_ept
guest_ept:
	mov	PARAMS_FRESH(%r15), %rdi
1:	mov	%eax, (%rdi)
	add	$GUEST_STRIDE, %rdi
	dec	%ebp
	jnz	1b
	mov	%rdi, PARAMS_FRESH(%r15)
	ret

	.globl guest_off_vmx
guest_off_vmx:
	vmxoff
	ret

	.globl guest_off_svm
guest_off_svm:
	mov	$MSR_EFER, %ecx
	mov	$EFER_LONG_MODE, %eax
	xor	%edx, %edx
	wrmsr
	ret

#include "guest-l3.S"

	.globl guest_end
guest_end:

	.section .note.GNU-stack, "", @progbits
