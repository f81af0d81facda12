/* SPDX-License-Identifier: GPL-2.0 */
/*
 * probe's guest: 64-bit code that the VMM copies to PROBE_CODE. It switches on
 * what a feature needs, tries the feature a few times, and says how that went
 * by the port that it writes to.
 *
 * Registers: r15 parameters, ebp how many tries are to go, r8 the start of one.
 * What is tried finds zero in eax, ecx and edx, and PROBE_SCRATCH in esi and edi.
 */
#include "probe/guest.h"

	.set	MSR_TSC_DEADLINE, 0x6e0
	.set	MSR_X2APIC_EOI, 0x80b
	.set	HYPERCALL_UNKNOWN, 0xfff0

	.section .rodata
	.code64
	.balign 16
	.globl probe_guest_start
probe_guest_start:

	/* The TSC in rax, when all before it is done. */
	.macro NOW
	lfence
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	.endm

	.globl probe_guest_main
probe_guest_main:
	mov	$PROBE_PARAMS, %r15d
	mov	PARAMS_CR4(%r15), %rcx
	test	%rcx, %rcx
	jz	1f
	mov	%cr4, %rax
	or	%rcx, %rax
	mov	%rax, %cr4
1:	mov	PARAMS_XCR0(%r15), %eax
	test	%eax, %eax
	jz	2f
	mov	PARAMS_XCR0 + 4(%r15), %edx
	xor	%ecx, %ecx
	xsetbv
2:	movl	$1, PARAMS_READY(%r15)
	mov	PARAMS_COUNT(%r15), %ebp
3:	mov	$PROBE_SCRATCH, %esi
	mov	%esi, %edi
	NOW
	mov	%rax, %r8
	xor	%eax, %eax
	xor	%ecx, %ecx
	xor	%edx, %edx
	call	*PARAMS_CODE(%r15)
	NOW
	sub	%r8, %rax
	cmp	PARAMS_TICKS(%r15), %rax
	jae	4f
	mov	%rax, PARAMS_TICKS(%r15)
4:	dec	%ebp
	jnz	3b
	mov	$PROBE_PORT_DONE, %edx
	out	%eax, %dx
	hlt

	.globl probe_guest_nothing
probe_guest_nothing:
	ret

	.globl probe_guest_cpuid
probe_guest_cpuid:
	cpuid
	ret

	.globl probe_guest_xsetbv
probe_guest_xsetbv:
	mov	PARAMS_VALUE(%r15), %eax
	mov	PARAMS_VALUE + 4(%r15), %edx
	xsetbv
	xgetbv
	cmp	PARAMS_VALUE(%r15), %eax
	jne	wrong
	ret

	.globl probe_guest_cr4
probe_guest_cr4:
	mov	%cr4, %rax
	or	PARAMS_VALUE(%r15), %rax
	mov	%rax, %cr4
	mov	%cr4, %rcx
	cmp	%rax, %rcx
	jne	wrong
	xor	PARAMS_VALUE(%r15), %rax
	mov	%rax, %cr4
	ret

	.globl probe_guest_rdmsr
probe_guest_rdmsr:
	mov	PARAMS_MSR(%r15), %ecx
	rdmsr
	ret

	.globl probe_guest_wrmsr
probe_guest_wrmsr:
	mov	PARAMS_MSR(%r15), %ecx
	mov	PARAMS_VALUE(%r15), %eax
	mov	PARAMS_VALUE + 4(%r15), %edx
	wrmsr
	ret

	/* The host writes to memory when it is asked to. */
	.globl probe_guest_shared
probe_guest_shared:
	call	probe_guest_wrmsr
	cpuid
	mov	$PROBE_SCRATCH, %esi
	mov	$PROBE_SCRATCH_SIZE / 8, %ecx
	xor	%eax, %eax
1:	or	(%rsi), %rax
	add	$8, %rsi
	dec	%ecx
	jnz	1b
	test	%rax, %rax
	jz	wrong
	ret

	.globl probe_guest_vmcall
probe_guest_vmcall:
	mov	$HYPERCALL_UNKNOWN, %eax
	vmcall
	ret

	.globl probe_guest_vmmcall
probe_guest_vmmcall:
	mov	$HYPERCALL_UNKNOWN, %eax
	vmmcall
	ret

	.globl probe_guest_doorbell
probe_guest_doorbell:
	mov	$PROBE_PORT_DOORBELL, %edx
	out	%eax, %dx
	ret

	.globl probe_guest_pause
probe_guest_pause:
	mov	$PROBE_PAUSES, %ecx
1:	pause
	dec	%ecx
	jnz	1b
	ret

	.globl probe_guest_timer
probe_guest_timer:
	rdtsc
	mov	$MSR_TSC_DEADLINE, %ecx
	add	PARAMS_VALUE(%r15), %eax
	adc	$0, %edx
	wrmsr

	/* An interrupt that is there already ends the halt at once. */
	.globl probe_guest_halt
probe_guest_halt:
	movl	$0, PARAMS_WOKEN(%r15)
	sti
	hlt
	cli
	cmpl	$0, PARAMS_WOKEN(%r15)
	je	wrong
	ret

wrong:
	mov	$PROBE_PORT_WRONG, %edx
	out	%eax, %dx
	hlt

	.globl probe_guest_irq
probe_guest_irq:
	push	%rax
	push	%rcx
	push	%rdx
	incl	PARAMS_WOKEN(%r15)
	mov	$MSR_X2APIC_EOI, %ecx
	xor	%eax, %eax
	xor	%edx, %edx
	wrmsr
	pop	%rdx
	pop	%rcx
	pop	%rax
	iretq

	/* A handler an exception. */
	.balign	PROBE_HANDLER_SIZE
	.globl probe_guest_exceptions
probe_guest_exceptions:
	.set	vector, 0
	.rept	PROBE_EXCEPTIONS
	.balign	PROBE_HANDLER_SIZE
	mov	$vector, %eax
	jmp	fault
	.set	vector, vector + 1
	.endr

	.balign	PROBE_HANDLER_SIZE
fault:
	mov	$PROBE_PORT_FAULT, %edx
	out	%eax, %dx
	hlt

	.globl probe_guest_end
probe_guest_end:

	.section .note.GNU-stack, "", @progbits
