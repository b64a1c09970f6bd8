/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Unwind tables as user space writes them and the BPF unwinder reads them, in memory both map.
 *
 * The text of an image is cut into *parts*; each part is one *extent*: consecutive 32-bit words inside one slab that hold, in this
 * order, a header, a directory, rows and rules. Extents are relocatable: all words are counted from the extent's first.
 *
 *   directory  one word per bucket of UNWIND_BUCKET_BYTES of text, and a closing one: the index of the first row that starts in
 *              the bucket. The row in force at a bucket's begin is the one before it, so row 0 starts at or before the first
 *              bucket; it is always there.
 *   rows       ascending: the low UNWIND_BUCKET_BITS of the address where the row begins, and the index of its rule. A row
 *              holds until the next one.
 *   rules      what a row says, each once.
 *
 * Addresses are the image's own (ELF virtual addresses); a mapping says by how much they are moved in a process.
 */
#ifndef BPF_UNWIND_TABLE_H
#define BPF_UNWIND_TABLE_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define UNWIND_BUCKET_BITS 10
#define UNWIND_BUCKET_BYTES (1u << UNWIND_BUCKET_BITS)

#define UNWIND_SLAB_BYTES (2u << 20) /* one array value: kernels before 6.2 allow no 4 MiB */
#define UNWIND_SLAB_WORDS (UNWIND_SLAB_BYTES / 4)

/* A row in one word. */
#define UNWIND_ROW(pc_low, rule) ((__u32)(pc_low) | (__u32)(rule) << 16)
#define UNWIND_ROW_PC(row) ((row) & 0xFFFF) /* 0 .. UNWIND_BUCKET_BYTES - 1 */
#define UNWIND_ROW_RULE(row) ((row) >> 16)
#define UNWIND_RULES_MAX 65536

struct unwind_extent {
	__u32 buckets;    /* of the directory, without the closing entry */
	__u32 rows_word;  /* where the rows begin */
	__u32 rules_word; /* where the rules begin: a multiple of 4 */
	__u32 rules;      /* how many */
	/* __u32 directory[buckets + 1] follows */
};

/* Where the canonical frame address (CFA) is: the value of the stack pointer before the call. */
enum unwind_cfa {
	UNWIND_CFA_NONE,     /* no rule for this text (a hole between functions, or what no rule kind can express) */
	UNWIND_CFA_SP,       /* stack pointer + cfa_offset */
	UNWIND_CFA_FP,       /* frame pointer + cfa_offset */
	UNWIND_CFA_REG,      /* register `reg` (DWARF number) + cfa_offset: only where registers are live, the innermost frame */
	UNWIND_CFA_DEREF_SP, /* *(stack pointer + cfa_offset) + cfa_addend */
	UNWIND_CFA_DEREF_FP, /* *(frame pointer + cfa_offset) + cfa_addend */
	UNWIND_CFA_PLT,	     /* stack pointer + 8 + ((pc & 15) >= reg ? 8 : 0): entries of a procedure linkage table */
	UNWIND_CFA_SIGNAL,   /* a signal trampoline: all registers are in the frame that the kernel built */
	/*
	 * Code that GHC made. It has no frames on this stack: the stack pointer is where StgRun left it (rts/StgCRun.c), but for what
	 * aligns it for a call to C, and all else is as in the rule of StgRun. That is a guess, which the return address must prove.
	 */
	UNWIND_CFA_STG,
};

/* Where the caller's frame pointer is. */
enum unwind_fp {
	UNWIND_FP_SAME,	  /* not touched */
	UNWIND_FP_AT_CFA, /* *(CFA + fp_offset) */
	UNWIND_FP_AT_FP,  /* *(frame pointer + fp_offset): functions that realign their stack */
	UNWIND_FP_REG,	  /* in register number fp_offset: only where registers are live */
	UNWIND_FP_UNKNOWN, /* lost: frames further out that need it cannot be walked */
	UNWIND_FP_AT_SP,  /* *(stack pointer + fp_offset), where the CFA is no offset from it */
};

/* Where the return address is. */
enum unwind_ra {
	UNWIND_RA_AT_CFA, /* *(CFA + ra_offset), nearly always -8 on x86-64; above a CFA without offset: then so is the caller's stack pointer */
	UNWIND_RA_REG,	  /* in register number ra_offset: only where registers are live */
	UNWIND_RA_END,	  /* undefined: the outermost frame of a thread, whatever else the rule says */
	UNWIND_RA_NONE,	  /* what no rule kind can express */
};

struct unwind_rule {
	__u8 cfa; /* enum unwind_cfa */
	__u8 fp;  /* enum unwind_fp */
	__u8 ra;  /* enum unwind_ra */
	__u8 reg; /* DWARF register number of UNWIND_CFA_REG; byte offset of UNWIND_CFA_PLT */
	__s32 cfa_offset;
	__s32 fp_offset;
	__s16 cfa_addend;
	__s16 ra_offset;
};

/* One executable mapping of a process, or that part of it whose rules one extent holds. */
struct unwind_mapping {
	__u64 start, end; /* user addresses [start, end) */
	__u64 text;	  /* the user address of the extent's first bucket; may lie below start */
	__u32 slab;	  /* or one of the two below */
	__u32 word;	  /* of the slab, where the extent begins: a multiple of 4; without a table: 0, or UNWIND_CODE_HOTSPOT */
};
#define UNWIND_NO_TABLE 0xFFFFFFFFu  /* no rules are known for this text: frame pointers may lead on */
#define UNWIND_TABLE_OUT 0xFFFFFFFEu /* it has rules, which are not in a slab: there is no way on but them */

#define UNWIND_CODE_HOTSPOT 1 /* made at run time, in a process with a Java virtual machine */

_Static_assert(sizeof(struct unwind_extent) == 16, "the directory follows");
_Static_assert(sizeof(struct unwind_rule) == 16, "four words");
_Static_assert(sizeof(struct unwind_mapping) == 32, "half a cache line");
#endif
