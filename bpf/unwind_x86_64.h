/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the unwinder knows of x86-64, all of it: registers, the signal frame, and the few instructions that it recognizes.
 * Another architecture is another file with these names.
 */
#ifndef BPF_UNWIND_X86_64_H
#define BPF_UNWIND_X86_64_H

/* DWARF register numbers: psABI figure 3.36. */
#define UNWIND_REGISTERS 17 /* 16 is the return address column: here the program counter */
#define UNWIND_REG_FP 6
#define UNWIND_REG_SP 7
#define UNWIND_REG_PC 16

/* User addresses are below 2^47 (2^56 with 5-level paging); the first page is never mapped. */
#define UNWIND_ADDRESS_MIN 0x1000ull
#define UNWIND_ADDRESS_END 0x0100000000000000ull

/*
 * The signal frame: when the handler has returned into the trampoline, the stack pointer is at a ucontext whose mcontext, 40 bytes
 * on, begins with these registers (arch/x86/include/uapi/asm/sigcontext.h: r8 .. r15 di si bp bx dx ax cx sp ip).
 */
#define UNWIND_SIGCONTEXT_OFFSET 40
#define UNWIND_SIGCONTEXT_WORDS 17
#define UNWIND_SIGCONTEXT_REGISTERS {8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16}

/* A word holds eight bytes of code, the first in the lowest. */
#define UNWIND_CODE(word, i) ((__u8)((word) >> 8 * (i)))

/* Is this code, of two words, the trampoline's? mov $15 (rt_sigreturn), %rax or %eax; syscall. */
static inline int unwind_is_trampoline(__u64 code, __u64 next)
{
	return (code == 0x0F0000000FC0C748ull && (next & 0xFF) == 0x05) || (code & 0xFFFFFFFFFFFFFFull) == 0x050F0000000FB8ull;
}

/* Does a call end where these eight bytes end? e8 rel32, or ff /2 with any operand (Intel SDM volume 2, CALL). */
static inline int unwind_ends_in_call(__u64 code)
{
	if (UNWIND_CODE(code, 3) == 0xE8)
		return 1;
	/* ff, then a ModRM byte whose middle bits are 2, with 0, 1, 2, 4 or 5 bytes behind them. */
	return (code & 0x38FF000000000000ull) == 0x10FF000000000000ull || (code & 0x0038FF0000000000ull) == 0x0010FF0000000000ull ||
	       (code & 0x000038FF00000000ull) == 0x000010FF00000000ull || (code & 0x0000000038FF0000ull) == 0x0000000010FF0000ull ||
	       (code & 0x000000000038FF00ull) == 0x000000000010FF00ull;
}

/*
 * HotSpot's interpreter jumps to what it calls, with an address on the stack that no call precedes. What is there restores the stack
 * pointer: mov -16(%rbp),%rsp; movq $0,-16(%rbp) up to JDK 20, then mov -16(%rbp),%rcx; lea 0(%rbp,%rcx,8),%rsp
 * (src/hotspot/cpu/x86/templateInterpreterGenerator_x86.cpp, generate_return_entry_for).
 */
static inline int unwind_is_interpreter_entry(__u64 code, __u64 next)
{
	return (code == 0xF045C748F0658B48ull && !(__u32)next) ||
	       (code == 0xCD648D48F04D8B48ull && !(next & 0xFF));
}

/*
 * Does the code that begins with these nine words make a frame of so many bytes below the return address, as HotSpot's compilers do it
 * (MacroAssembler::verified_entry, C1_MacroAssembler::build_frame; it may begin with a check of the receiver's class)? push %rbp;
 * sub $n,%rsp, or sub $n,%rsp and then mov %rbp to the top of it. Either way the caller's rbp stands below the return address.
 */
static inline int unwind_makes_frame(const __u64 *code, __u64 bytes)
{
	__u64 pushed = bytes - 8, push = pushed < 128 ? 0xEC834855ull | pushed << 32 : 0xEC814855ull | pushed << 32;
	__u64 push_mask = pushed < 128 ? 0xFFFFFFFFFFull : ~0ull, sub = 0xEC8148ull | bytes << 24;
	__u8 before = 0;

	for (int i = 0; i < 8; i++)
		for (int k = 0; k < 8; k++) {
			__u64 at = k ? code[i] >> 8 * k | code[i + 1] << (64 - 8 * k) : code[i];

			if ((at & push_mask) == push || ((at & 0xFFFFFFFFFFFFFFull) == sub && before != 0x55))
				return 1;
			before = at;
		}
	return 0;
}

/* The target of a direct call that ends at `address` behind these bytes, or 0. */
static inline __u64 unwind_call_target(__u64 code, __u64 address)
{
	return UNWIND_CODE(code, 3) == 0xE8 ? address + (__s64)(__s32)(code >> 32) : 0;
}

/*
 * How many words stand on the stack below the return address, where code alone says so. UNWIND_FRAMED anywhere else: then the frame
 * pointer is the function's own, if it has one.
 */
enum unwind_pushed { UNWIND_UNFRAMED, UNWIND_PUSHED_FP, UNWIND_PUSHED_WORD, UNWIND_FRAMED };

/*
 * Where HotSpot's compilers begin and end a method: mov %eax,-n(%rsp), which touches the stack's guard; push %rbp; sub $n,%rsp,
 * and add $n,%rsp; pop %rbp; cmp n(%r15),%rsp; ja; ret.
 */
static inline enum unwind_pushed unwind_words_pushed_by_hotspot(__u64 before, __u64 code)
{
	if (((code & 0xFFFFFF) == 0x248489 && UNWIND_CODE(code, 7) == 0x55) || (code & 0xFFFFFF) == 0xA73B49 ||
	    ((code & 0xFFFF) == 0x870F && UNWIND_CODE(code, 6) == 0xC3))
		return UNWIND_UNFRAMED;
	if ((code & 0xFFFFFFFF) == 0xA73B495D ||
	    (UNWIND_CODE(before, 7) == 0x55 && ((code & 0xFFFFFF) == 0xEC8348 || (code & 0xFFFFFF) == 0xEC8148)))
		return UNWIND_PUSHED_FP;
	return UNWIND_FRAMED;
}

/*
 * Of a function about to run `code` with `before` in front of it: none at its first instruction (endbr64, push %rbp, or sub $8,%rsp
 * behind endbr64), at its ret, in a linkage table (jmp *address), at mov $n,%rax; ret, and in HotSpot's SpinPause (pause; and these
 * two); one at mov %rsp,%rbp, the caller's frame pointer, and at add $8,%rsp; ret.
 */
static inline enum unwind_pushed unwind_words_pushed(__u64 before, __u64 code)
{
	const __u32 endbr64 = 0xFA1E0FF3;

	if (UNWIND_CODE(code, 0) == 0x55 || UNWIND_CODE(code, 0) == 0xC3 || (code & 0xFFFF) == 0xC3F3 || (__u32)code == endbr64 ||
	    (code & 0xFFFF) == 0x25FF || (code & 0xFFFFFF) == 0x25FFF2 || code == 0x000001C0C74890F3ull ||
	    (code & 0xFF00000000FFFFFFull) == 0xC300000000C0C748ull || (before >> 32 == endbr64 && (__u32)code == 0x08EC8348))
		return UNWIND_UNFRAMED;
	if (UNWIND_CODE(before, 7) == 0x55 && ((code & 0xFFFFFF) == 0xE58948 || (code & 0xFFFFFF) == 0xEC8B48))
		return UNWIND_PUSHED_FP;
	if ((code & 0xFFFFFFFFFFull) == 0xC308C48348ull)
		return UNWIND_PUSHED_WORD;
	return unwind_words_pushed_by_hotspot(before, code);
}

/*
 * Lazily bound calls: the frame of ld.so's _dl_runtime_resolve_xsavec, which all that runs while a symbol is looked up has among its
 * callers, hangs on rbx (CFA = rbx + 32), a register that its callees save. But it can be found: below rbx the stack pointer was
 * aligned to 64, less 64 bytes for registers and the size of an XSAVE area in compacted form, which says itself what is in it
 * (glibc sysdeps/x86_64/dl-trampoline.h; Intel SDM volume 1, 13.4). That leaves four places. Which one it is says the register itself
 * when the one function called from there, _dl_fixup, has not changed it yet, and else one of the words that this pushed first. It
 * points at
 *     saved rbx, link map, relocation index, return address
 * of which two were pushed by the linkage table.
 */
#define UNWIND_REG_RESOLVER 3
#define UNWIND_RESOLVER_CFA_OFFSET 32
#define UNWIND_RESOLVER_COMPONENTS_AT (64 + 512 + 8) /* XCOMP_BV */
#define UNWIND_RESOLVER_PUSHES 6

/* The bytes from the stack pointer to where rbx may point first, by the components that the area holds. */
static inline __u64 unwind_resolver_area(__u64 components)
{
	__u64 size = 64 + 512 + 64;

	if (!(components >> 63))
		return 0;
	size += components & 1 << 2 ? 256 : 0;	/* AVX */
	size += components & 1 << 3 ? 64 : 0;	/* MPX bounds */
	size += components & 1 << 5 ? 64 : 0;	/* AVX-512: masks */
	size += components & 1 << 6 ? 512 : 0;	/* upper halves */
	size += components & 1 << 7 ? 1024 : 0; /* upper registers */
	size += components & 1 << 19 ? 128 : 0; /* APX */
	return size;
}

/* May rbx point there, if it points at the area's end or up to 48 bytes above it? */
static inline int unwind_is_resolver_base(__u64 rbx, __u64 area_end)
{
	return rbx - area_end <= 48 && !(rbx & 15);
}

/*
 * The stack pointer that StgRun left behind, of code that runs on it or calls from it: it is 8 above a multiple of 16, and 8 below that
 * around calls, which want it aligned (GHC rts/StgCRun.c, compiler/GHC/CmmToAsm/X86/CodeGen.hs).
 */
static inline __u64 unwind_stg_stack_pointer(__u64 sp)
{
	return ((sp + 7) & ~15ull) + 8;
}

/* System calls after whose point of no return the stack that made them is gone: execve, execveat. */
#define UNWIND_IS_EXEC(number) ((number) == 59 || (number) == 322)

#endif
