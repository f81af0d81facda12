/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stands in a bzImage in the place of the compressed kernel: the kernel lies raw at the front of the initrd instead. Copies it to where it
 * belongs, lets the initrd begin behind it, enters long mode with the low 4 GiB mapped and jumps to the kernel's own 64-bit entry.
 *
 * Entered by the boot loader in 32-bit protected mode at 1 MiB, %esi = struct boot_params (Documentation/arch/x86/boot.rst).
 */
#define RAMDISK_IMAGE	0x218
#define RAMDISK_SIZE	0x21c

/* Six pages behind the stub: one PML4, one PDPT, four page directories of 2 MiB pages. The kernel is loaded far above. */
#define PML4		0x110000
#define PDPT		0x111000
#define PDS		0x112000
#define TABLES_END	0x116000
#define STACK_TOP	0x120000

	.code32
	.text
	.globl	_start
_start:
	cli
	cld
	movl	%esi, %ebp

	/* The kernel goes down to its place; the rest of the initrd stays where it is. */
	movl	RAMDISK_IMAGE(%ebp), %esi
	movl	kernel_addr, %edi
	movl	kernel_size, %ecx
	addl	%ecx, RAMDISK_IMAGE(%ebp)
	subl	%ecx, RAMDISK_SIZE(%ebp)
	shrl	$2, %ecx
	rep movsl

	movl	$PML4, %edi
	xorl	%eax, %eax
	movl	$((TABLES_END - PML4) / 4), %ecx
	rep stosl
	movl	$(PDPT + 7), PML4
	movl	$(PDS + 7), %eax
	movl	$PDPT, %edi
	movl	$4, %ecx
1:	movl	%eax, (%edi)
	addl	$0x1000, %eax
	addl	$8, %edi
	loop	1b

	movl	$0x83, %eax
	movl	$PDS, %edi
	movl	$2048, %ecx
2:	movl	%eax, (%edi)
	addl	$0x200000, %eax
	addl	$8, %edi
	loop	2b

	lgdt	gdt_pointer
	movl	%cr4, %eax
	orl	$0x20, %eax			/* PAE */
	movl	%eax, %cr4
	movl	$PML4, %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx		/* EFER.LME */
	rdmsr
	orl	$0x100, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$0x80000001, %eax		/* PG, PE */
	movl	%eax, %cr0
	ljmp	$0x10, $3f

	.code64
3:	movl	$0x18, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%eax, %fs
	movl	%eax, %gs
	movl	$STACK_TOP, %esp
	movl	%ebp, %esi
	movl	entry(%rip), %eax
	jmp	*%rax

	.balign	8
gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	gdt
	.balign	8
gdt:
	.quad	0, 0
	.quad	0x00af9a000000ffff		/* 0x10: 64-bit code */
	.quad	0x00cf92000000ffff		/* 0x18: data */
gdt_end:

	/* Filled in by fastboot.py: keep these last, in this order. */
	.balign	4
entry:		.long	0
kernel_addr:	.long	0
kernel_size:	.long	0
