/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of guest.S: the guest as a hypervisor, and its own guest.
 *
 * The nested guest (L3) runs on its hypervisor's (L2's) page tables, without
 * nested paging, and shares its general registers. It asks for work with
 * VMCALL; L2 answers with the address of a loop in r9 and its count in r8d.
 * L2 intercepts CPUID and VMCALL only: all other exits of L3 are L1's own.
 */

	/* L3: r8d count, r9 what to do, r11 the next fresh page */
	.globl guest_l3_vmx
guest_l3_vmx:
	vmcall
	jmp	*%r9

	.globl guest_l3_svm
guest_l3_svm:
	vmmcall
	jmp	*%r9

	.macro L3_DONE insn
	dec	%r8d
	jnz	\insn
	jmp	*%r10
	.endm

l3_cpuid:
	xor	%eax, %eax
	xor	%ecx, %ecx
	cpuid
	L3_DONE	l3_cpuid

l3_out:
	mov	$PORT_OUT, %edx
	out	%eax, %dx
	L3_DONE	l3_out

l3_rdmsr:
	mov	$MSR_READ_INDEX, %ecx
	rdmsr
	L3_DONE	l3_rdmsr

l3_ept:
	mov	%eax, (%r11)
	add	$GUEST_STRIDE, %r11
	L3_DONE	l3_ept

	/* L2: the steps that let L3 do something */
	.macro L3_STEP name
	.globl guest_l3_\name\()_vmx
guest_l3_\name\()_vmx:
	lea	l3_\name(%rip), %r9
	lea	guest_l3_vmx(%rip), %r10
	jmp	l3_work_vmx

	.globl guest_l3_\name\()_svm
guest_l3_\name\()_svm:
	lea	l3_\name(%rip), %r9
	lea	guest_l3_svm(%rip), %r10
	jmp	l3_work_svm
	.endm

	L3_STEP	cpuid
	L3_STEP	out
	L3_STEP	rdmsr
	L3_STEP	ept

	/* ---- VMX ---- */
	.set	VMCS_EXIT_REASON, 0x4402
	.set	VMCS_EXIT_INSTRUCTION_LEN, 0x440c
	.set	VMCS_GUEST_RIP, 0x681e
	.set	VMCS_HOST_RIP, 0x6c16
	.set	VMCS_NO_FIELD, 0x7ffe
	.set	VMX_REASON_CPUID, 10
	.set	VMX_REASON_VMCALL, 18

	.globl guest_nested_vmx
guest_nested_vmx:
	mov	$FAIL_VMXON, %eax
	vmxon	PARAMS_VMXON_PA(%r15)
	jbe	fail
	mov	$FAIL_VMCLEAR, %eax
	vmclear	PARAMS_VMCS_PA(%r15)
	jbe	fail
	mov	$FAIL_VMPTRLD, %eax
	vmptrld	PARAMS_VMCS_PA(%r15)
	jbe	fail
	mov	PARAMS_NWRITES(%r15), %ecx
	lea	PARAMS_VMWRITES(%r15), %rsi
	mov	$FAIL_VMWRITE, %eax
1:	mov	(%rsi), %rdx
	vmwrite	8(%rsi), %rdx
	jbe	fail
	add	$VMWRITE_SIZE, %rsi
	dec	%ecx
	jnz	1b
	mov	PARAMS_FAILURES(%r15), %ebx
	test	%ebx, %ebx
	jnz	failures_vmx
failures_done_vmx:
	mov	PARAMS_NMISTAKES(%r15), %ebx
	test	%ebx, %ebx
	jnz	mistakes_vmx
l3_launch_vmx:
	mov	$FAIL_VMENTRY, %eax
	vmlaunch
	jmp	fail

	/* Each fails with an error number: vmx_failures in nested.c */
failures_vmx:
	mov	$FAIL_FAILURE, %eax
1:	vmxon	PARAMS_VMXON_PA(%r15)
	jnz	fail
	vmclear	PARAMS_ODD_PA(%r15)
	jnz	fail
	vmclear	PARAMS_VMXON_PA(%r15)
	jnz	fail
	vmptrld	PARAMS_ODD_PA(%r15)
	jnz	fail
	vmptrld	PARAMS_VMXON_PA(%r15)
	jnz	fail
	vmptrld	PARAMS_ZERO_PA(%r15)
	jnz	fail
	vmresume
	jnz	fail
	mov	$VMCS_NO_FIELD, %edx
	vmread	%rdx, %rcx
	jnz	fail
	vmwrite	%rcx, %rdx
	jnz	fail
	dec	%ebx
	jnz	1b
	jmp	failures_done_vmx

	/*
	 * What is wrong for L2 itself makes VMLAUNCH fail, what is wrong for L3
	 * is an exit of L3.
	 */
mistakes_vmx:
	lea	PARAMS_MISTAKES(%r15), %rsi
	lea	mistake_made_vmx(%rip), %rcx
	mov	$VMCS_HOST_RIP, %edx
	mov	$FAIL_VMWRITE, %eax
	vmwrite	%rcx, %rdx
	jbe	fail
1:	mov	MISTAKE_WHERE(%rsi), %rdx
	vmwrite	MISTAKE_WRONG(%rsi), %rdx
	jbe	fail
	vmlaunch
mistake_made_vmx:
	jbe	2f
	mov	$FAIL_VMREAD, %eax
	mov	$VMCS_EXIT_REASON, %edx
	vmread	%rdx, %rcx
	jbe	fail
	mov	$FAIL_MISTAKE, %eax
	test	%ecx, %ecx
	jns	fail
2:	mov	$FAIL_VMWRITE, %eax
	mov	MISTAKE_WHERE(%rsi), %rdx
	vmwrite	MISTAKE_RIGHT(%rsi), %rdx
	jbe	fail
	add	$MISTAKE_SIZE, %rsi
	dec	%ebx
	jnz	1b
	lea	guest_l3_exit_vmx(%rip), %rcx
	mov	$VMCS_HOST_RIP, %edx
	vmwrite	%rcx, %rdx
	jbe	fail
	jmp	l3_launch_vmx

l3_work_vmx:
	mov	%ebp, %r8d
	mov	PARAMS_L3_FRESH(%r15), %r11
l3_resume_vmx:
	mov	$FAIL_VMENTRY, %eax
	vmresume
	jmp	fail

	/*
	 * HOST_RIP. HOST_RSP points to the return address of the step that let
	 * L3 go: steps are called from one place, at one depth of the stack.
	 */
	.globl guest_l3_exit_vmx
guest_l3_exit_vmx:
	mov	$FAIL_VMREAD, %eax
	mov	$VMCS_EXIT_REASON, %edx
	vmread	%rdx, %rdi
	jbe	fail
	mov	$VMCS_EXIT_INSTRUCTION_LEN, %edx
	vmread	%rdx, %rcx
	jbe	fail
	mov	$VMCS_GUEST_RIP, %edx
	vmread	%rdx, %rdx
	jbe	fail
	add	%rdx, %rcx
	mov	$FAIL_VMWRITE, %eax
	mov	$VMCS_GUEST_RIP, %edx
	vmwrite	%rcx, %rdx
	jbe	fail
	cmp	$VMX_REASON_CPUID, %edi
	je	l3_resume_vmx
	cmp	$VMX_REASON_VMCALL, %edi
	jne	fail_l3
	mov	%r11, PARAMS_L3_FRESH(%r15)
	ret

	/* ---- SVM ---- */
	.set	VMCB_EXIT_CODE, 0x70
	.set	VMCB_RIP, 0x578
	.set	SVM_REASON_CPUID, 0x72
	.set	SVM_REASON_VMMCALL, 0x81
	.set	SVM_REASON_INVALID, -1
	.set	CPUID_LEN, 2
	.set	VMMCALL_LEN, 3

	.globl guest_nested_svm
guest_nested_svm:
	mov	PARAMS_HSAVE_PA(%r15), %eax
	mov	PARAMS_HSAVE_PA+4(%r15), %edx
	mov	$MSR_SVM_HSAVE, %ecx
	wrmsr
	mov	PARAMS_NMISTAKES(%r15), %ebx
	lea	PARAMS_MISTAKES(%r15), %rsi
	test	%ebx, %ebx
	jz	l3_resume_svm
1:	mov	MISTAKE_WHERE(%rsi), %rdi
	mov	MISTAKE_WRONG(%rsi), %rdx
	mov	%rdx, (%rdi)
	mov	PARAMS_VMCB_PA(%r15), %rax
	vmrun	%rax
	mov	$FAIL_MISTAKE, %eax
	mov	$GUEST_VMCB, %edx
	cmpl	$SVM_REASON_INVALID, VMCB_EXIT_CODE(%rdx)
	jne	fail
	mov	MISTAKE_RIGHT(%rsi), %rdx
	mov	%rdx, (%rdi)
	add	$MISTAKE_SIZE, %rsi
	dec	%ebx
	jnz	1b
	jmp	l3_resume_svm

l3_work_svm:
	mov	%ebp, %r8d
	mov	PARAMS_L3_FRESH(%r15), %r11
l3_resume_svm:
	mov	PARAMS_VMCB_PA(%r15), %rax
	vmrun	%rax
	mov	$GUEST_VMCB, %edi
	mov	VMCB_EXIT_CODE(%rdi), %eax
	cmp	$SVM_REASON_CPUID, %eax
	je	l3_cpuid_svm
	cmp	$SVM_REASON_VMMCALL, %eax
	jne	fail_l3
	addq	$VMMCALL_LEN, VMCB_RIP(%rdi)
	mov	%r11, PARAMS_L3_FRESH(%r15)
	ret
l3_cpuid_svm:
	addq	$CPUID_LEN, VMCB_RIP(%rdi)
	jmp	l3_resume_svm

fail_l3:
	mov	$FAIL_L3_EXIT, %eax
fail:
	mov	$PORT_FAIL, %edx
	out	%eax, %dx
	jmp	fail
