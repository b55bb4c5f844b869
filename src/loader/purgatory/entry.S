/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the purgatory is entered and left. It is entered as arch/x86/kernel/relocate_kernel_64.S leaves
 * the old kernel: 64-bit mode, interrupts off, page tables that map all memory where it is, a stack
 * that is the old kernel's, descriptor tables that are gone. It may lie anywhere: every address is
 * made from the instruction pointer.
 */
#include "loader/purgatory/params.h"

#define CODE_64 0x10 /* __BOOT_CS of boot.rst */
#define DATA	0x18 /* __BOOT_DS */
#define CODE_32 0x20

	.hidden params
	.hidden purgatory_main
	.hidden exception_report
	.hidden stack_top

	.section .head, "ax", @progbits
	.code64
	.globl start
	.hidden start
start:
	cli
	cld
	jmp	begin

	/* The parameters: KM_PURGATORY_PARAMS_AT. */
	.org	KM_PURGATORY_PARAMS_AT

	.section .text, "ax", @progbits
begin:
	movq	%rsp, entry_stack(%rip)
	leaq	stack_top(%rip), %rsp
	leaq	gdt_64(%rip), %rax
	movq	%rax, gdt_64_pointer + 2(%rip)
	lgdt	gdt_64_pointer(%rip)
	movl	$DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %fs
	movl	%eax, %gs
	movl	%eax, %ss
	leaq	1f(%rip), %rax
	pushq	$CODE_64
	pushq	%rax
	lretq
1:
	call	purgatory_main
	cmpl	$KM_PURGATORY_ENTER_64, %eax
	jne	leave_64

/* The 64-bit entry: %rsi is boot_params, the rest is nothing. */
	testl	$KM_PURGATORY_KEEP_STACK, params + KM_PURGATORY_AT_FLAGS(%rip)
	jz	1f
	movq	entry_stack(%rip), %rsp
1:
	movq	params + KM_PURGATORY_AT_RSI(%rip), %rsi
	xorl	%eax, %eax
	xorl	%ebx, %ebx
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	xorl	%edi, %edi
	xorl	%ebp, %ebp
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	xorl	%r10d, %r10d
	xorl	%r11d, %r11d
	xorl	%r12d, %r12d
	xorl	%r13d, %r13d
	xorl	%r14d, %r14d
	xorl	%r15d, %r15d
	jmp	*params + KM_PURGATORY_AT_ENTRY(%rip)

/* Out of long mode (Intel SDM, volume 3, 9.8.5.4): through a 32-bit code segment, below 4 GiB. From here
 * on %ebp is where the purgatory begins, %edi the mode; a symbol is an offset, since it is linked at 0. */
leave_64:
	movl	%eax, %edi
	leaq	start(%rip), %rbp
	leaq	gdt_32(%rip), %rax
	movl	%eax, gdt_32_pointer + 2(%rip)
	leaq	in_32(%rip), %rax
	pushq	$CODE_32
	pushq	%rax
	lretq

	.code32
in_32:
	movl	%cr0, %eax
	andl	$~0x80000000, %eax	/* paging */
	movl	%eax, %cr0
	movl	$0xc0000080, %ecx	/* EFER: long mode, system calls, no-execute */
	rdmsr
	andl	$~0x901, %eax
	wrmsr
	xorl	%eax, %eax
	movl	%eax, %cr4
	movl	%eax, %cr3
	lgdt	gdt_32_pointer(%ebp)
	leal	flat_32(%ebp), %eax
	pushl	$CODE_64
	pushl	%eax
	lretl
flat_32:
	movl	$DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %fs
	movl	%eax, %gs
	movl	%eax, %ss
	cmpl	$KM_PURGATORY_ENTER_REAL, %edi
	je	leave_32

/* The 32-bit entry: boot.rst wants %esi, multiboot %eax and %ebx. */
	leal	params(%ebp), %ecx
	movl	KM_PURGATORY_AT_ENTRY(%ecx), %edx
	movl	KM_PURGATORY_AT_EAX(%ecx), %eax
	movl	KM_PURGATORY_AT_EBX(%ecx), %ebx
	movl	KM_PURGATORY_AT_RSI(%ecx), %esi
	xorl	%ecx, %ecx
	xorl	%edi, %edi
	xorl	%ebp, %ebp
	jmp	*%edx

/* To real mode (9.9.2): the last steps run below 1 MiB, where the loader says, in 16-bit segments that
 * begin there. */
leave_32:
	leal	params(%ebp), %ebx
	movl	KM_PURGATORY_AT_TRAMPOLINE(%ebx), %edi
	leal	trampoline(%ebp), %esi
	movl	$(trampoline_end - trampoline), %ecx
	movl	%edi, %edx
	rep	movsb
	/* The bases of the 16-bit segments. */
	leal	gdt_16_code(%ebp), %esi
	movw	%dx, 2(%esi)
	movw	%dx, 10(%esi)
	movl	%edx, %eax
	shrl	$16, %eax
	movb	%al, 4(%esi)
	movb	%al, 12(%esi)
	/* What the trampoline jumps to: itself in real mode, then the kernel's setup. */
	movl	%edx, %eax
	shrl	$4, %eax
	movw	%ax, (real_segment - trampoline)(%edx)
	movl	KM_PURGATORY_AT_ENTRY(%ebx), %eax
	shrl	$4, %eax
	movl	%eax, %ecx
	addl	$0x20, %ecx		/* the setup begins behind the boot sector */
	movw	%cx, (setup_segment - trampoline)(%edx)
	movl	%eax, %ebx
	leal	vectors_pointer(%ebp), %esi
	lidt	(%esi)
	ljmpl	*trampoline_pointer(%ebp)

	.code16
trampoline:
	movw	$0x30, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %fs
	movw	%ax, %gs
	movw	%ax, %ss
	movl	%cr0, %eax
	andb	$~1, %al
	movl	%eax, %cr0
	.byte	0xea			/* ljmp real_segment:1f */
	.word	1f - trampoline
real_segment:
	.word	0
1:
	movw	%bx, %ds
	movw	%bx, %es
	movw	%bx, %fs
	movw	%bx, %gs
	movw	%bx, %ss
	movl	$0xfff0, %esp
	.byte	0xea			/* ljmp setup_segment:0 */
	.word	0
setup_segment:
	.word	0
trampoline_end:

	.code64
/* One for each vector, of one size: those that push no error code get a zero. */
	.balign	16
	.globl exception_stubs
	.hidden exception_stubs
exception_stubs:
	vector = 0
	.rept	32
	.balign	16
	.if	(0x60227d00 >> vector) & 1	/* 8, 10 to 14, 17, 21, 29, 30 push one */
	nop
	nop
	.else
	pushq	$0
	.endif
	pushq	$vector
	jmp	exception_common
	vector = vector + 1
	.endr
	.balign	16
exception_common:
	cld
	popq	%rdi
	popq	%rsi
	movq	(%rsp), %rdx
	movq	%cr2, %rcx
	leaq	stack_top(%rip), %rsp
	call	exception_report
	hlt

	.section .data, "aw", @progbits
	.balign	16
gdt_64:
	.quad	0
	.quad	0
	.quad	0x00af9a000000ffff	/* 0x10: code, 64 bits */
	.quad	0x00cf92000000ffff	/* 0x18: data, flat */
	.quad	0x00cf9a000000ffff	/* 0x20: code, 32 bits, flat */
gdt_64_end:
gdt_32:
	.quad	0
	.quad	0
	.quad	0x00cf9a000000ffff	/* 0x10: code, 32 bits, flat */
	.quad	0x00cf92000000ffff	/* 0x18: data, flat */
	.quad	0
gdt_16_code:
	.quad	0x00009a000000ffff	/* 0x28: code, 16 bits */
	.quad	0x000092000000ffff	/* 0x30: data, 16 bits */
gdt_32_end:
	.balign	8
	.globl entry_stack
	.hidden entry_stack
entry_stack:
	.quad	0
gdt_64_pointer:
	.word	gdt_64_end - gdt_64 - 1
	.quad	0
gdt_32_pointer:
	.word	gdt_32_end - gdt_32 - 1
	.long	0
vectors_pointer:			/* the BIOS's interrupt vectors */
	.word	0x3ff
	.long	0
trampoline_pointer:
	.long	0
	.word	0x28

	.section .note.GNU-stack, "", @progbits
