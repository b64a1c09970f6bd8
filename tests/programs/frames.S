// SPDX-License-Identifier: Apache-2.0
/*
 * Call frame information of every odd kind that compilers and hand-written assembly are known to have. Nothing here runs: the
 * instructions only make room. Each AT(rule) is an address and what the unwind table must say there (user/unwind/rule.c has
 * the notation); tests/system/cfi.t reads both from the sections `expected`.
 */
#define AT(rule)                     \
	.pushsection expected, "", @progbits; \
	.quad 9f;                    \
	.asciz rule;                 \
	.popsection;                 \
9:	nop

#define USUAL "CFA=rsp+8 fp=same ra=*(CFA-8)"
#define FUNCTION(name) .balign 16; .type name, @function; name: .cfi_startproc
#define END(name) .cfi_endproc; .size name, .-name

	.text
	.globl _start
FUNCTION(_start)
	AT("CFA=rsp+8 fp=same ra=*(CFA-8)")
	.cfi_undefined rip
	AT("CFA=rsp+8 fp=unknown ra=end of stack")
END(_start)

FUNCTION(framed)
	AT(USUAL)
	.cfi_def_cfa_offset 16
	.cfi_offset rbp, -16
	AT("CFA=rsp+16 fp=*(CFA-16) ra=*(CFA-8)")
	.cfi_def_cfa_register rbp
	AT("CFA=rbp+16 fp=*(CFA-16) ra=*(CFA-8)")
	.cfi_remember_state
	.cfi_restore rbp
	.cfi_def_cfa rsp, 8
	AT(USUAL)
	.cfi_restore_state
	AT("CFA=rbp+16 fp=*(CFA-16) ra=*(CFA-8)")
END(framed)

/* GNU_args_size, with a padded operand; two changes at one place; a change at the very end. */
FUNCTION(small_things)
	.cfi_escape 0x2e, 0x90, 0x80, 0x00
	AT(USUAL)
	.cfi_def_cfa_offset 16
	.cfi_def_cfa_offset 24
	AT("CFA=rsp+24 fp=same ra=*(CFA-8)")
	.cfi_def_cfa_offset 32
END(small_things)

FUNCTION(remembered_ten_deep)
	.irp n, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88
	.cfi_remember_state
	.cfi_def_cfa_offset \n
	nop
	.endr
	AT("CFA=rsp+88 fp=same ra=*(CFA-8)")
	.rept 5
	.cfi_restore_state
	nop
	.endr
	AT("CFA=rsp+48 fp=same ra=*(CFA-8)")
	.rept 5
	.cfi_restore_state
	nop
	.endr
	AT(USUAL)
END(remembered_ten_deep)

/* rsp + 8 + ((rip & 15) >= L ? 8 : 0): L = 11 is the classic one, 9 that of -z ibtplt, 10 is known to others. */
FUNCTION(linkage_11)
	.cfi_escape 0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22
	AT("CFA=rsp+8+(rip&15>=11?8:0) fp=same ra=*(CFA-8)")
	.skip 15, 0x90
END(linkage_11)
FUNCTION(linkage_10)
	.cfi_escape 0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3a, 0x2a, 0x33, 0x24, 0x22
	AT("CFA=rsp+8+(rip&15>=10?8:0) fp=same ra=*(CFA-8)")
	.skip 15, 0x90
END(linkage_10)
FUNCTION(linkage_9)
	.cfi_escape 0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x39, 0x2a, 0x33, 0x24, 0x22
	AT("CFA=rsp+8+(rip&15>=9?8:0) fp=same ra=*(CFA-8)")
	.skip 15, 0x90
END(linkage_9)

/* GCC, a realigned stack: prologue and epilogue by r10, or r13 where r10 is taken. */
FUNCTION(realigned)
	.cfi_def_cfa r10, 0
	AT("CFA=r10+0 fp=same ra=*(CFA-8)")
	.cfi_escape 0x10, 6, 2, 0x76, 0
	AT("CFA=r10+0 fp=*(rbp+0) ra=*(CFA-8)")
	.cfi_escape 0x0f, 3, 0x76, 0x78, 6
	AT("CFA=*(rbp-8)+0 fp=*(rbp+0) ra=*(CFA-8)")
	.cfi_escape 0x0f, 3, 0x76, 0x58, 6
	AT("CFA=*(rbp-40)+0 fp=*(rbp+0) ra=*(CFA-8)")
	.cfi_def_cfa r13, 0
	AT("CFA=r13+0 fp=*(rbp+0) ra=*(CFA-8)")
	.cfi_def_cfa rsp, 8
	AT(USUAL)
END(realigned)

/* glibc's trampoline: all registers are in a sigcontext; the operands padded. */
FUNCTION(signal_frame)
	.cfi_signal_frame
	.cfi_escape 0x0f, 5, 0x77, 0xa0, 0x81, 0x00, 6
	.cfi_escape 0x10, 6, 3, 0x77, 0xf8, 0
	.cfi_escape 0x10, 16, 3, 0x77, 0xa8, 1
	AT("signal frame")
END(signal_frame)
/* The letter alone is none of the kernel's frames. */
FUNCTION(signal_letter)
	.cfi_signal_frame
	AT(USUAL)
END(signal_letter)

/* OpenSSL: the CFA is saved on the stack. The third operand is padded, as libgcrypt has it. */
FUNCTION(saved_stack_pointer)
	.cfi_escape 0x0f, 5, 0x77, 0x78, 6, 0x23, 8
	AT("CFA=*(rsp-8)+8 fp=same ra=*(CFA-8)")
	.cfi_escape 0x0f, 6, 0x77, 0x98, 1, 6, 0x23, 56
	AT("CFA=*(rsp+152)+56 fp=same ra=*(CFA-8)")
	.cfi_escape 0x0f, 9, 0x77, 0x98, 0x81, 0x80, 0x00, 6, 0x23, 0xc0, 0
	AT("CFA=*(rsp+152)+64 fp=same ra=*(CFA-8)")
	.cfi_escape 0x0f, 5, 0x76, 0x78, 6, 0x38, 0x22
	AT("CFA=*(rbp-8)+8 fp=same ra=*(CFA-8)")
	.cfi_escape 0x0f, 4, 0x92, 7, 0x10, 6
	AT("CFA=*(rsp+16)+0 fp=same ra=*(CFA-8)")
	.cfi_escape 0x10, 6, 3, 0x77, 0xa0, 1
	AT("CFA=*(rsp+16)+0 fp=*(rsp+160) ra=*(CFA-8)")
	/* An expression that is an offset after all. */
	.cfi_escape 0x0f, 2, 0x77, 40
	AT("CFA=rsp+40 fp=*(CFA+120) ra=*(CFA-8)")
	/* *(rsp + 8 + 8 * r9) + 8: no rule says that. */
	.cfi_escape 0x0f, 10, 0x77, 8, 0x79, 0, 0x33, 0x24, 0x22, 6, 0x23, 8
	AT("no rule")
END(saved_stack_pointer)

/* libgcrypt: from an expression back to the register, with the offset from before the expression. */
FUNCTION(after_expression)
	.cfi_def_cfa_offset 56
	nop
	.cfi_def_cfa_register rax
	AT("CFA=rax+56 fp=same ra=*(CFA-8)")
	.cfi_escape 0x0f, 6, 0x77, 0x98, 4, 6, 0x23, 56
	AT("CFA=*(rsp+536)+56 fp=same ra=*(CFA-8)")
	.cfi_def_cfa_register rsp
	AT("CFA=rsp+56 fp=same ra=*(CFA-8)")
	.cfi_def_cfa_offset 48
	AT("CFA=rsp+48 fp=same ra=*(CFA-8)")
END(after_expression)

/* The CFA in other registers: 0 is rax, not "nothing". */
FUNCTION(other_registers)
	.cfi_def_cfa rax, 8
	AT("CFA=rax+8 fp=same ra=*(CFA-8)")
	.cfi_def_cfa rbx, 32
	AT("CFA=rbx+32 fp=same ra=*(CFA-8)")
	.cfi_def_cfa r15, 8
	AT("CFA=r15+8 fp=same ra=*(CFA-8)")
	.cfi_def_cfa 17, 8 /* xmm0 */
	AT("no rule")
	.cfi_def_cfa_offset 16
	AT("no rule")
END(other_registers)

/* eh_return, vfork, longjmp; StgRun of GHC; where no rule kind reaches. */
FUNCTION(return_addresses)
	.cfi_def_cfa_offset 0
	.cfi_register rip, rcx
	AT("CFA=rsp+0 fp=same ra=rcx")
	.cfi_register rip, rdi
	.cfi_register rbp, r9
	AT("CFA=rsp+0 fp=r9 ra=rdi")
	.cfi_offset rip, 16432
	.cfi_offset rbp, 16392
	AT("CFA=rsp+0 fp=*(CFA+16392) ra=*(CFA+16432)")
	.cfi_offset rip, 40000
	AT("CFA=rsp+0 fp=*(CFA+16392) ra=unknown")
	.cfi_escape 0x10, 16, 2, 0x77, 16
	AT("CFA=rsp+0 fp=*(CFA+16392) ra=*(CFA+16)")
	.cfi_escape 0x10, 16, 3, 0x77, 16, 6
	AT("CFA=rsp+0 fp=*(CFA+16392) ra=unknown")
	.cfi_same_value rip
	AT("CFA=rsp+0 fp=*(CFA+16392) ra=unknown")
	.cfi_restore rip
	.cfi_restore rbp
	.cfi_def_cfa_offset 8
	AT(USUAL)
END(return_addresses)

FUNCTION(frame_pointers)
	.cfi_undefined rbp
	AT("CFA=rsp+8 fp=unknown ra=*(CFA-8)")
	.cfi_same_value rbp
	AT(USUAL)
	.cfi_register rbp, rbp
	AT(USUAL)
	.cfi_val_offset rbp, -16
	AT("CFA=rsp+8 fp=unknown ra=*(CFA-8)")
	.cfi_escape 0x16, 6, 2, 0x77, 0
	AT("CFA=rsp+8 fp=unknown ra=*(CFA-8)")
	.cfi_escape 0x10, 6, 2, 0x23, 16
	AT("CFA=rsp+8 fp=*(CFA+16) ra=*(CFA-8)")
	.cfi_escape 0x2f, 6, 2 /* GNU_negative_offset_extended: -2 * -8 */
	AT("CFA=rsp+8 fp=*(CFA+16) ra=*(CFA-8)")
	.cfi_escape 0x11, 6, 2 /* offset_extended_sf */
	AT("CFA=rsp+8 fp=*(CFA-16) ra=*(CFA-8)")
	.cfi_escape 0x05, 0x86, 0x00, 0x83, 0x00 /* offset_extended, padded */
	AT("CFA=rsp+8 fp=*(CFA-24) ra=*(CFA-8)")
	.cfi_escape 0x06, 6 /* restore_extended */
	AT(USUAL)
END(frame_pointers)

/* Beyond 16 bits, not a multiple of 8, below zero, beyond 32 bits. */
FUNCTION(offsets)
	.cfi_def_cfa_offset 70016
	AT("CFA=rsp+70016 fp=same ra=*(CFA-8)")
	.cfi_def_cfa_offset 1000208
	AT("CFA=rsp+1000208 fp=same ra=*(CFA-8)")
	.cfi_def_cfa_offset 12
	AT("CFA=rsp+12 fp=same ra=*(CFA-8)")
	.cfi_escape 0x13, 2 /* def_cfa_offset_sf: 2 * -8 */
	AT("CFA=rsp-16 fp=same ra=*(CFA-8)")
	.cfi_escape 0x12, 3, 0x7e /* def_cfa_sf: rbx, -2 * -8 */
	AT("CFA=rbx+16 fp=same ra=*(CFA-8)")
	.cfi_escape 0x0e, 0x80, 0x80, 0x80, 0x80, 0x10
	AT("no rule")
END(offsets)

/* What cannot be understood costs what follows it in this function, and nothing else. */
FUNCTION(broken)
	.cfi_def_cfa_offset 16
	AT("CFA=rsp+16 fp=same ra=*(CFA-8)")
	.cfi_escape 0x3f
	AT("no rule")
	.cfi_def_cfa_offset 24
	AT("no rule")
END(broken)
FUNCTION(behind_broken)
	AT(USUAL)
END(behind_broken)

/* Bytes without an FDE: up to 15 are padding, which keeps the rule; 16 are a hole. In a program with a StgRun that is Haskell code. */
	.balign 16
	.skip 16, 0x90
FUNCTION(before_padding)
	.cfi_def_cfa_offset 24
	nop
END(before_padding)
	.skip 7, 0x90
	AT("CFA=rsp+24 fp=same ra=*(CFA-8)")
	.skip 7, 0x90
	.cfi_startproc
	AT(USUAL)
	.cfi_endproc
	AT("CFA=StgRun's rsp fp=*(CFA+16392) ra=*(CFA+16432)")
	.skip 15, 0x90
	.cfi_startproc
	AT(USUAL)
	.cfi_endproc
	AT("CFA=StgRun's rsp fp=*(CFA+16392) ra=*(CFA+16432)")
	.section .note.GNU-stack, "", @progbits
