/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bench's guest: 64-bit code that the VMM copies to GUEST_CODE. It does what
 * the parameters say, times each exit by the TSC, and says that it is done.
 *
 * Registers: r15 parameters, rdi where the next sample goes, ebp how many are
 * to go, r8 the start of the one being taken.
 */
#include "bench/guest.h"

	.section .rodata
	.code64
	.balign 16
	.globl bench_guest_start
bench_guest_start:

	.globl bench_guest_main
bench_guest_main:
	mov	$GUEST_PARAMS, %r15d
1:	mov	$GUEST_SAMPLES, %edi
	mov	PARAMS_COUNT(%r15), %ebp
	mov	PARAMS_FN(%r15), %eax
	lea	bench_guest_start(%rip), %rcx
	add	%rcx, %rax
	call	*%rax
	cmpl	$0, PARAMS_DONE_BY_MMIO(%r15)
	jne	2f
	mov	$PORT_DONE, %edx
	out	%eax, %dx
	jmp	1b
2:	mov	$GUEST_MMIO_DONE, %ecx
	mov	%eax, (%rcx)
	jmp	1b

	/* The TSC in rax, when all before it is done. */
	.macro NOW
	lfence
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	.endm

	.macro BEGIN
	NOW
	mov	%rax, %r8
	.endm

	.macro SAMPLE
	sub	%r8, %rax
	mov	%rax, (%rdi)
	add	$8, %rdi
	dec	%ebp
	.endm

	.macro END again
	NOW
	SAMPLE
	jnz	\again
	.endm

	.globl bench_guest_nothing
bench_guest_nothing:
	BEGIN
	END	bench_guest_nothing
	ret

	.globl bench_guest_cpuid
bench_guest_cpuid:
	BEGIN
	xor	%eax, %eax
	xor	%ecx, %ecx
	cpuid
	END	bench_guest_cpuid
	ret

	.globl bench_guest_vmcall
bench_guest_vmcall:
	BEGIN
	mov	$HYPERCALL_UNKNOWN, %eax
	vmcall
	END	bench_guest_vmcall
	ret

	.globl bench_guest_vmmcall
bench_guest_vmmcall:
	BEGIN
	mov	$HYPERCALL_UNKNOWN, %eax
	vmmcall
	END	bench_guest_vmmcall
	ret

	.globl bench_guest_pio_kvm
bench_guest_pio_kvm:
	BEGIN
	mov	$PORT_KVM, %edx
	out	%eax, %dx
	END	bench_guest_pio_kvm
	ret

	.globl bench_guest_pio_user
bench_guest_pio_user:
	BEGIN
	mov	$PORT_USER, %edx
	out	%eax, %dx
	END	bench_guest_pio_user
	ret

	.globl bench_guest_mmio_kvm
bench_guest_mmio_kvm:
	BEGIN
	mov	$GUEST_MMIO_KVM, %ecx
	mov	%eax, (%rcx)
	END	bench_guest_mmio_kvm
	ret

	.globl bench_guest_mmio_user
bench_guest_mmio_user:
	BEGIN
	mov	$GUEST_MMIO_USER, %ecx
	mov	%eax, (%rcx)
	END	bench_guest_mmio_user
	ret

	.globl bench_guest_rdmsr
bench_guest_rdmsr:
	BEGIN
	mov	$MSR_READ_INDEX, %ecx
	rdmsr
	END	bench_guest_rdmsr
	ret

	.globl bench_guest_wrmsr
bench_guest_wrmsr:
	BEGIN
	mov	$MSR_WRITE_INDEX, %ecx
	xor	%eax, %eax
	xor	%edx, %edx
	wrmsr
	END	bench_guest_wrmsr
	ret

	.globl bench_guest_fresh
bench_guest_fresh:
	mov	PARAMS_FRESH(%r15), %r9
	mov	PARAMS_STRIDE(%r15), %r10
1:	BEGIN
	mov	%eax, (%r9)
	add	%r10, %r9
	END	1b
	mov	%r9, PARAMS_FRESH(%r15)
	ret

	/*
	 * Sleep until a deadline; the interrupt says in r9 when it came. The
	 * second series is the whole of it, from arming to being awake.
	 */
	.globl bench_guest_hlt_timer
bench_guest_hlt_timer:
	BEGIN
	mov	%r8, %r10
	add	PARAMS_DELAY(%r15), %r8
	mov	%r8d, %eax
	mov	%r8, %rdx
	shr	$32, %rdx
	mov	$MSR_TSC_DEADLINE, %ecx
	wrmsr
	sti
	hlt
	cli
	NOW
	sub	%r10, %rax
	mov	%rax, GUEST_CYCLES-GUEST_SAMPLES(%rdi)
	mov	%r9, %rax
	SAMPLE
	jnz	bench_guest_hlt_timer
	ret

	/* Wake the other vCPU, which has had time to fall asleep. */
	.globl bench_guest_hlt_ipi
bench_guest_hlt_ipi:
	BEGIN
	add	PARAMS_DELAY(%r15), %r8
1:	pause
	NOW
	cmp	%r8, %rax
	jb	1b
	movq	$0, PARAMS_WOKEN(%r15)
	BEGIN
	mov	$MSR_X2APIC_ICR, %ecx
	mov	$IRQ_VECTOR, %eax
	mov	$1, %edx
	wrmsr
2:	pause
	mov	PARAMS_WOKEN(%r15), %rax
	test	%rax, %rax
	jz	2b
	SAMPLE
	jnz	bench_guest_hlt_ipi
	movl	$1, PARAMS_STOP(%r15)
	mov	$MSR_X2APIC_ICR, %ecx
	mov	$IRQ_VECTOR, %eax
	mov	$1, %edx
	wrmsr
	ret

	.globl bench_guest_sleeper
bench_guest_sleeper:
	mov	$GUEST_PARAMS, %r15d
1:	sti
	hlt
	cli
	cmpl	$0, PARAMS_STOP(%r15)
	je	1b
	mov	$PORT_DONE, %edx
	out	%eax, %dx
	jmp	1b

	.globl bench_guest_irq
bench_guest_irq:
	push	%rax
	push	%rcx
	push	%rdx
	NOW
	mov	%rax, %r9
	mov	%rax, PARAMS_WOKEN(%r15)
	xor	%eax, %eax
	xor	%edx, %edx
	mov	$MSR_X2APIC_EOI, %ecx
	wrmsr
	pop	%rdx
	pop	%rcx
	pop	%rax
	iretq

	/*
	 * The guest's own guest (L3) shares its page tables and general
	 * registers, takes the samples, and calls when they are all there. What
	 * the guest does for a CPUID is the least a hypervisor can: ask why, go
	 * on behind the instruction.
	 */
bench_guest_l3:
	BEGIN
	xor	%eax, %eax
	xor	%ecx, %ecx
	cpuid
	END	bench_guest_l3
	vmcall

	.globl bench_guest_l3_launch
bench_guest_l3_launch:
	vmcall

bench_guest_l3_svm:
	BEGIN
	xor	%eax, %eax
	xor	%ecx, %ecx
	cpuid
	END	bench_guest_l3_svm
	vmmcall

	.set	VMCS_EXIT_REASON, 0x4402
	.set	VMCS_GUEST_RIP, 0x681e
	.set	VMCS_HOST_RSP, 0x6c14
	.set	VMX_REASON_CPUID, 10
	.set	VMX_REASON_VMCALL, 18

	/* Once: VMX on, and a VMCS that L3 can be entered with. */
	.globl bench_guest_vmx_on
bench_guest_vmx_on:
	vmxon	PARAMS_VMXON_PA(%r15)
	jbe	failed
	vmclear	PARAMS_VMCS_PA(%r15)
	jbe	failed
	vmptrld	PARAMS_VMCS_PA(%r15)
	jbe	failed
	mov	PARAMS_NWRITES(%r15), %ecx
	lea	PARAMS_VMWRITES(%r15), %rsi
1:	mov	(%rsi), %rdx
	vmwrite	8(%rsi), %rdx
	jbe	failed
	add	$VMWRITE_SIZE, %rsi
	dec	%ecx
	jnz	1b
	mov	$VMCS_HOST_RSP, %edx
	vmwrite	%rsp, %rdx
	jbe	failed
	/* It calls at once; from then on it is resumed. */
	vmlaunch
	jmp	failed

	.globl bench_guest_l3_cpuid_vmx
bench_guest_l3_cpuid_vmx:
	mov	$VMCS_HOST_RSP, %edx
	vmwrite	%rsp, %rdx
	jbe	failed
	mov	$VMCS_GUEST_RIP, %edx
	lea	bench_guest_l3(%rip), %rax
	vmwrite	%rax, %rdx
	jbe	failed
	vmresume
	jmp	failed

	/* HOST_RIP; the stack is that of whoever let L3 go. */
	.globl bench_guest_l3_exit
bench_guest_l3_exit:
	mov	$VMCS_EXIT_REASON, %edx
	vmread	%rdx, %rax
	jbe	failed
	cmp	$VMX_REASON_CPUID, %eax
	jne	1f
	mov	$VMCS_GUEST_RIP, %edx
	vmread	%rdx, %rax
	jbe	failed
	add	$2, %rax
	vmwrite	%rax, %rdx
	jbe	failed
	vmresume
	jmp	failed
1:	cmp	$VMX_REASON_VMCALL, %eax
	jne	failed
	ret

	.set	VMCB_EXIT_CODE, 0x70
	.set	VMCB_RIP, 0x578
	.set	SVM_REASON_CPUID, 0x72
	.set	SVM_REASON_VMMCALL, 0x81

	.globl bench_guest_svm_on
bench_guest_svm_on:
	mov	$GUEST_HSAVE, %eax
	xor	%edx, %edx
	mov	$MSR_SVM_HSAVE, %ecx
	wrmsr
	ret

	.globl bench_guest_l3_cpuid_svm
bench_guest_l3_cpuid_svm:
	lea	bench_guest_l3_svm(%rip), %rax
	mov	$GUEST_VMCS, %esi
	mov	%rax, VMCB_RIP(%rsi)
1:	mov	%rsi, %rax
	vmrun	%rax
	mov	VMCB_EXIT_CODE(%rsi), %eax
	cmp	$SVM_REASON_CPUID, %eax
	jne	2f
	addq	$2, VMCB_RIP(%rsi)
	jmp	1b
2:	cmp	$SVM_REASON_VMMCALL, %eax
	jne	failed
	ret

failed:
	mov	$PORT_FAILED, %edx
	out	%eax, %dx
	jmp	failed

	.globl bench_guest_end
bench_guest_end:

	.section .note.GNU-stack, "", @progbits
