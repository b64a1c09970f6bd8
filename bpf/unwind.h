/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One step of the user stack walk: from a frame to its caller. Pure: the includer says how to read user memory and where the
 * tables are, so the same file is compiled into the BPF program and into the host's tests.
 *
 * The includer defines the three functions declared below.
 * Nothing in tables or on the stack is trusted: whatever they hold, a step reads within them, ends, and moves up the stack.
 */
#ifndef BPF_UNWIND_H
#define BPF_UNWIND_H

#include "sample.h"
#include "unwind_table.h"
#include "unwind_x86_64.h"

/* Of those functions that the kernel should check once, not for each call; they check their pointer themselves. */
#ifndef UNWIND_FUNCTION
#define UNWIND_FUNCTION static inline
#endif

#define UNWIND_CONTINUE (-1) /* else an enum unwind_end */

/* No sane frame is larger; a frame pointer that leaps further was a general purpose register. */
#define UNWIND_FRAME_BYTES_MAX (64ull << 20)
#define UNWIND_HOLE_BYTES_MAX 16384 /* larger ones are shown as text without a table */
#define UNWIND_ENTRY_BYTES_MAX (8ull << 20) /* of arguments and environment */
#define UNWIND_COMPILED_BYTES_MAX 65536 /* from a compiled method's entry to what runs in it */
#define UNWIND_COMPILED_CACHE_MAX (2ull << 30) /* HotSpot's limit: its calls have 32 bits */
#define UNWIND_MAPPING_STEPS 17 /* halvings: 131,072 mappings in a process */
#define UNWIND_ROW_STEPS 11	/* a bucket has at most one row for each of its bytes */
#define UNWIND_COMPILED_TRIES 256
#define UNWIND_COMPILED_LINES 8 /* of 64 bytes: as much of a frame is searched for its return address */
#define UNWIND_SCRATCH_WORDS 32
#define UNWIND_SLAB_BITS 19 /* of the index of a word */
_Static_assert(UNWIND_SLAB_WORDS == 1u << UNWIND_SLAB_BITS, "any such index lies in a slab");

/* A walk under way. All of it may be garbage from an earlier walk but what unwind_begin() sets. */
struct unwind_walk {
	__u64 pc, sp, fp;
	__u32 first, count; /* the process's mappings */
	/* The pc is an instruction to be run (interrupted, or a trampoline's), not a return address: rules are found at pc itself. */
	__u8 exact;
	__u8 live;	 /* `registers` are those at pc; LIVE_BEFORE: those one frame further in, in the same text */
	__u8 fp_unknown; /* the caller's frame pointer was lost on the way */
	__u8 code_known; /* `trampoline` says what is at pc */
	__u8 trampoline;
	__u16 tries; /* words on stacks of compiled Java that may yet turn out to be no return addresses: who forges them gets no more */
	__u8 moved; /* a signal frame was crossed: `registers` are not those of the leaf any more */
	struct unwind_mapping mapping; /* the one that was looked for last; empty: none */
	struct unwind_rule rule;
	__u64 registers[32]; /* by DWARF number: UNWIND_REGISTERS of them; the rest makes any masked index valid */
	__u64 words[UNWIND_SCRATCH_WORDS]; /* what was read last */
};
/* Memory of the walked thread: 0, or not. */
static inline long unwind_read(struct unwind_walk *w, void *dst, __u32 size, __u64 address);
/* By index of the array of mappings, and by number: UNWIND_SLAB_WORDS words. NULL: no such one. */
static inline const struct unwind_mapping *unwind_mapping_at(struct unwind_walk *w, __u32 index);
static inline const __u32 *unwind_slab_at(struct unwind_walk *w, __u32 slab);

#define UNWIND_LIVE 1
#define UNWIND_LIVE_BEFORE 2

/*
 * A number below 2^bits. The compiler must not see through it: what it can prove it does not mask, and then the kernel cannot prove
 * it (Linux 6.1 follows fewer values than it did).
 */
static inline __u64 unwind_masked(__u64 value, int bits)
{
	asm volatile("" : "+r"(value));
	return value & ((1ull << bits) - 1);
}

static inline int unwind_is_user_address(__u64 address)
{
	return address >= UNWIND_ADDRESS_MIN && address < UNWIND_ADDRESS_END;
}

/* The walk starts at w->registers. `at_call`: pc stands behind an instruction that entered the kernel on purpose. */
static inline void unwind_begin(struct unwind_walk *w, __u32 first, __u32 count, int at_call)
{
	w->pc = w->registers[UNWIND_REG_PC];
	w->sp = w->registers[UNWIND_REG_SP];
	w->fp = w->registers[UNWIND_REG_FP];
	w->first = first;
	w->count = count;
	w->exact = !at_call;
	w->live = UNWIND_LIVE;
	w->fp_unknown = 0;
	w->code_known = 0;
	w->moved = 0;
	w->tries = UNWIND_COMPILED_TRIES;
	w->mapping.start = w->mapping.end = 0;
}

/* All ones when a < b, else 0, for numbers below 2^63; without a branch that would be mispredicted half of the times. */
static inline __u64 unwind_mask_below(__u64 a, __u64 b)
{
	return (__u64)((__s64)(a - b) >> 63);
}

/* Makes w->mapping the one that holds `address`. */
UNWIND_FUNCTION int unwind_find_mapping(struct unwind_walk *w, __u64 address)
{
	const struct unwind_mapping *m;
	__u32 low, n, half;

	if (!w)
		return 0;
	low = w->first;
	n = w->count;
	if (address >= w->mapping.start && address < w->mapping.end)
		return 1;
	for (int i = 0; i < UNWIND_MAPPING_STEPS && n > 1; i++) {
		half = n / 2;
		m = unwind_mapping_at(w, low + half);
		if (!m)
			return 0;
		low += half & ~(__u32)unwind_mask_below(address, m->start);
		n -= half;
	}
	m = n ? unwind_mapping_at(w, low) : 0;
	if (!m || address < m->start || address >= m->end)
		return 0;
	w->mapping = *m;
	return 1;
}

/* An index into a slab, of one word or of four. */
static inline __u64 unwind_word(__u32 index)
{
	return unwind_masked(index, UNWIND_SLAB_BITS);
}

static inline __u64 unwind_four_words(__u32 index)
{
	return unwind_masked(index / 4, UNWIND_SLAB_BITS - 2) * 4;
}

/* Makes w->rule the one for `address`, which lies in w->mapping; leaves it alone, and returns 0, when there is no sane table. */
UNWIND_FUNCTION int unwind_find_rule(struct unwind_walk *w, __u64 address)
{
	const struct unwind_extent *e;
	__u32 base, bucket, low, first, n, half, row, rows;
	const __u32 *slab;
	__u64 rel;

	if (!w)
		return 0;
	rel = address - w->mapping.text;
	base = w->mapping.word;
	bucket = rel >> UNWIND_BUCKET_BITS;
	low = rel & (UNWIND_BUCKET_BYTES - 1);
	if (w->mapping.slab >= UNWIND_TABLE_OUT || rel >> 32)
		return 0;
	slab = unwind_slab_at(w, w->mapping.slab);
	if (!slab)
		return 0;
	e = (const struct unwind_extent *)&slab[unwind_four_words(base)];
	if (bucket >= e->buckets)
		return 0;
	first = slab[unwind_word(base + 4 + bucket)];
	n = slab[unwind_word(base + 5 + bucket)] - first;
	rows = base + e->rows_word;
	/* Finds the number of rows in the bucket that begin at or below `low`. */
	for (int i = 0; i < UNWIND_ROW_STEPS && n; i++) {
		half = (n + 1) / 2;
		row = slab[unwind_word(rows + first + half - 1)];
		first += half & ~(__u32)unwind_mask_below(low, UNWIND_ROW_PC(row));
		n -= half;
	}
	row = UNWIND_ROW_RULE(slab[unwind_word(rows + first - 1)]);
	if (row >= e->rules)
		return 0;
	w->rule = *(const struct unwind_rule *)&slab[unwind_four_words(base + e->rules_word + row * 4)];
	return 1;
}

static inline int unwind_arrive(struct unwind_walk *w, __u64 pc, __u64 sp, __u64 fp)
{
	w->pc = pc;
	w->sp = sp;
	w->fp = fp;
	w->exact = 0;
	w->live = 0;
	return UNWIND_CONTINUE;
}

/* From the trampoline to what the signal interrupted. Its stack may be another one. */
static inline int unwind_step_signal(struct unwind_walk *w)
{
	static const __u8 order[UNWIND_SIGCONTEXT_WORDS] = UNWIND_SIGCONTEXT_REGISTERS;
	__u16 tries;

	if (unwind_read(w, w->words, UNWIND_SIGCONTEXT_WORDS * 8, w->sp + UNWIND_SIGCONTEXT_OFFSET))
		return UNWIND_FAULT;
	for (int i = 0; i < UNWIND_SIGCONTEXT_WORDS; i++)
		w->registers[unwind_masked(order[i], 5)] = w->words[i];
	if (!unwind_is_user_address(w->registers[UNWIND_REG_PC]))
		return UNWIND_BAD_RETURN;
	tries = w->tries;
	unwind_begin(w, w->first, w->count, 0);
	w->tries = tries;
	w->moved = 1;
	return UNWIND_CONTINUE;
}

/* Is the code that `address` returns to known, and a call before it? Reads 24 bytes around it to words[0 .. 2]. */
UNWIND_FUNCTION int unwind_is_return_address(struct unwind_walk *w, __u64 address)
{
	if (!w || !unwind_is_user_address(address) || !unwind_find_mapping(w, address - 1))
		return 0;
	w->code_known = !unwind_read(w, w->words, 24, address - 8);
	w->trampoline = w->code_known && unwind_is_trampoline(w->words[1], w->words[2]);
	return !w->code_known || w->trampoline || unwind_ends_in_call(w->words[0]) || unwind_is_interpreter_entry(w->words[1], w->words[2]);
}

/*
 * The innermost frame, of a function that keeps frame pointers, when the frame pointer is not its own yet or no more. Returns
 * UNWIND_CONTINUE with the caller's state, or 0 when that is not so.
 */
static inline int unwind_step_unframed(struct unwind_walk *w)
{
	enum unwind_pushed pushed;
	__u64 stack[2];

	if (unwind_read(w, w->words, 24, w->pc - 8))
		return 0;
	if (unwind_is_trampoline(w->words[1], w->words[2]))
		return unwind_step_signal(w);
	pushed = unwind_words_pushed(w->words[0], w->words[1]);
	if (pushed == UNWIND_FRAMED || unwind_read(w, stack, sizeof(stack), w->sp))
		return 0;
	if (pushed == UNWIND_UNFRAMED)
		return unwind_is_return_address(w, stack[0]) ? unwind_arrive(w, stack[0], w->sp + 8, w->fp) : 0;
	if (!unwind_is_return_address(w, stack[1]))
		return 0;
	return unwind_arrive(w, stack[1], w->sp + 16, pushed == UNWIND_PUSHED_FP ? stack[0] : w->fp);
}

/* Is the stack as a program finds it, with argc and a pointer to the string argv[0] above? (psABI 3.4.1.) Then nobody called. */
static inline int unwind_is_entry_stack(struct unwind_walk *w)
{
	return !unwind_read(w, w->words, 16, w->sp) && w->words[0] && w->words[0] < 1 << 22 && w->words[1] > w->sp &&
	       w->words[1] - w->sp < UNWIND_ENTRY_BYTES_MAX;
}

/*
 * A hole in text that has rules: hand-written code, mostly without a frame pointer, and what it leaves in that register may be an
 * outer function's. So it must be a call to the very code that `at` is in that stands before the return address (words[0]). Only where
 * the frame pointer is at the top of the stack it is this function's in any case: an outer one lies behind the return address of this.
 */
static inline int unwind_is_called_directly(struct unwind_walk *w, __u64 at, __u64 return_address)
{
	__u64 target = w->code_known ? unwind_call_target(w->words[0], return_address) : 0;

	if (!target || target > at || at - target > UNWIND_HOLE_BYTES_MAX || !unwind_find_mapping(w, target))
		return 0;
	w->rule.cfa = UNWIND_CFA_NONE;
	unwind_find_rule(w, target);
	return w->rule.cfa == UNWIND_CFA_NONE;
}

/*
 * Does the frame pointer that stands below `slot` belong to HotSpot's interpreter, which keeps its own stack pointer 16 bytes below, or to
 * the stub through which C++ calls Java, which has 96 bytes below (frame_x86.hpp, stubGenerator_x86_64.cpp)?
 */
static inline int unwind_is_called_by_hotspot(struct unwind_walk *w, __u64 slot, int interpreter)
{
	__u64 fp, *other = w->words + 4; /* the program's stack is small */

	if (unwind_read(w, other, 8, slot - 8))
		return 0;
	fp = *other;
	if (fp & 7 || fp <= slot || fp - slot > UNWIND_COMPILED_BYTES_MAX)
		return 0;
	if (interpreter)
		return !unwind_read(w, other, 8, fp - 16) && *other > slot && *other <= fp;
	return fp - slot > 96 && !unwind_read(w, other, 8, fp + 8) && unwind_is_return_address(w, *other) &&
	       w->mapping.slab < UNWIND_TABLE_OUT;
}

/*
 * Is `address`, which stands at `slot`, where a method that HotSpot compiled returns to, and which is running at `at`? Proof is that the
 * call before it is of code that makes just this frame. Where the interpreter jumps to a method, or a method began to be interpreted
 * before it was compiled, there is no such call.
 */
UNWIND_FUNCTION int unwind_is_compiled_caller(struct unwind_walk *w, __u64 at, __u64 address, __u64 slot)
{
	__u64 target;
	int interpreter;

	/* Interpreter, stubs and methods are code made at run time, without a table; a word that leads into a library was left behind. */
	if (!w || !unwind_is_return_address(w, address) || !w->code_known || w->mapping.slab != UNWIND_NO_TABLE)
		return 0;
	interpreter = unwind_is_interpreter_entry(w->words[1], w->words[2]);
	target = interpreter ? 0 : unwind_call_target(w->words[0], address);
	if (!target)
		return unwind_is_called_by_hotspot(w, slot, interpreter);
	if (target > at || at - target > UNWIND_COMPILED_BYTES_MAX || unwind_read(w, w->words + 16, 72, target))
		return 0;
	return unwind_makes_frame(w->words + 16, slot - w->sp);
}

/* Compiled Java has a frame of constant size, but the frame pointer may be anything. 0: it was not found. */
UNWIND_FUNCTION int unwind_step_compiled(struct unwind_walk *w, __u64 at)
{
	__u64 slot, address;

	if (!w)
		return 0;
	for (int i = 0; i < UNWIND_COMPILED_LINES; i++) {
		if (unwind_read(w, w->words + 8, 64, w->sp + i * 64))
			return 0;
		for (int k = 0; k < 8; k++) {
			address = w->words[8 + k];
			slot = w->sp + i * 64 + k * 8;
			if (address - at + UNWIND_COMPILED_CACHE_MAX > 2 * UNWIND_COMPILED_CACHE_MAX)
				continue;
			if (!unwind_is_compiled_caller(w, at, address, slot)) {
				if (!w->tries)
					return 0;
				w->tries--;
				continue;
			}
			if (unwind_read(w, w->words + 4, 8, slot - 8))
				return 0;
			w->fp_unknown = 0;
			return unwind_arrive(w, address, slot + 8, w->words[4]);
		}
	}
	return 0;
}

/*
 * Text without rules: along the frame pointer, which must validate: aligned, not below the stack pointer (so it strictly
 * grows), not a leap away, and with a return address in code, behind a call. x86-64 psABI 3.2.2: the caller's rbp is at
 * 0(%rbp), the return address at 8(%rbp); the outermost frame has rbp = 0 (3.4.1).
 */
static inline int unwind_step_frame_pointer(struct unwind_walk *w, __u64 at, int hole)
{
	__u64 frame[2];
	int ret;

	if (w->exact) {
		ret = unwind_step_unframed(w);
		if (ret)
			return ret;
	} else {
		if (!w->code_known)
			w->trampoline = !unwind_read(w, w->words, 16, w->pc) && unwind_is_trampoline(w->words[0], w->words[1]);
		if (w->trampoline)
			return unwind_step_signal(w);
	}
	if (w->fp_unknown)
		return UNWIND_LOST_REGISTER;
	if (!w->fp)
		return (!w->exact && !hole) || unwind_is_entry_stack(w) ? UNWIND_WHOLE : UNWIND_BAD_FRAME;
	if (w->fp & 7 || w->fp < w->sp || w->fp - w->sp > UNWIND_FRAME_BYTES_MAX)
		return UNWIND_BAD_FRAME;
	if (unwind_read(w, frame, sizeof(frame), w->fp))
		return UNWIND_FAULT;
	if (!frame[1])
		return w->exact || hole ? UNWIND_BAD_FRAME : UNWIND_WHOLE;
	/* Where a thread of execution was made by hand, its outermost return address was never called from. */
	if (!unwind_is_return_address(w, frame[1]) && !(w->code_known && !frame[0]))
		return UNWIND_BAD_RETURN;
	if (hole && w->fp != w->sp && !unwind_is_called_directly(w, at, frame[1]))
		return UNWIND_BAD_FRAME;
	return unwind_arrive(w, frame[1], w->fp + sizeof(frame), frame[0]);
}

/* Is `rbx` that of a lazily bound call whose XSAVE area ends at `end`? A caller's frame pointer may point there as well. */
UNWIND_FUNCTION int unwind_is_resolver_frame(struct unwind_walk *w, __u64 rbx, __u64 end)
{
	__u64 link_map;

	if (!w || !unwind_is_resolver_base(rbx, end) || unwind_read(w, w->words, 32, rbx))
		return 0;
	link_map = w->words[1];
	if (!unwind_is_user_address(link_map) || link_map & 7 || link_map - w->sp < UNWIND_FRAME_BYTES_MAX || w->words[2] >> 24)
		return 0;
	return unwind_is_return_address(w, w->words[3]) && !unwind_find_mapping(w, link_map);
}

/* Puts rbx of the frame of a lazily bound call where the rule looks for it. */
static inline int unwind_find_resolver_frame(struct unwind_walk *w)
{
	__u64 *pushed = w->words + 8; /* the first ones are for others */
	__u64 end;

	if (w->rule.cfa_offset != UNWIND_RESOLVER_CFA_OFFSET || w->sp & 63 ||
	    unwind_read(w, w->words, 8, w->sp + UNWIND_RESOLVER_COMPONENTS_AT))
		return 0;
	end = w->sp + unwind_resolver_area(w->words[0]);
	/* Below the stack pointer stands the return address, and below that what was pushed. */
	if (end == w->sp || unwind_read(w, pushed, UNWIND_RESOLVER_PUSHES * 8, w->sp - 8 - UNWIND_RESOLVER_PUSHES * 8))
		return 0;
	if (w->live && unwind_is_resolver_frame(w, w->registers[UNWIND_REG_RESOLVER], end))
		return 1;
	for (int i = UNWIND_RESOLVER_PUSHES - 1; i >= 0; i--)
		if (unwind_is_resolver_frame(w, pushed[i], end)) {
			w->registers[UNWIND_REG_RESOLVER] = pushed[i];
			return 1;
		}
	return 0;
}

/* The canonical frame address by w->rule, to words[0]. */
static inline int unwind_find_cfa(struct unwind_walk *w)
{
	const struct unwind_rule *rule = &w->rule;
	__u64 cfa;

	switch (rule->cfa) {
	case UNWIND_CFA_SP:
		cfa = w->sp + rule->cfa_offset;
		break;
	case UNWIND_CFA_STG:
		cfa = unwind_stg_stack_pointer(w->sp);
		break;
	case UNWIND_CFA_PLT:
		cfa = w->sp + 8 + ((w->pc & 15) >= rule->reg ? 8 : 0);
		break;
	case UNWIND_CFA_FP:
		if (w->fp_unknown)
			return UNWIND_LOST_REGISTER;
		cfa = w->fp + rule->cfa_offset;
		break;
	case UNWIND_CFA_REG:
		if (rule->reg == UNWIND_REG_RESOLVER && w->live != UNWIND_LIVE) {
			if (!unwind_find_resolver_frame(w))
				return UNWIND_LOST_REGISTER;
		} else if (!w->live) {
			return UNWIND_LOST_REGISTER;
		}
		cfa = w->registers[unwind_masked(rule->reg, 5)] + rule->cfa_offset;
		break;
	case UNWIND_CFA_DEREF_SP:
	case UNWIND_CFA_DEREF_FP:
		if (rule->cfa == UNWIND_CFA_DEREF_FP && w->fp_unknown)
			return UNWIND_LOST_REGISTER;
		cfa = (rule->cfa == UNWIND_CFA_DEREF_FP ? w->fp : w->sp) + rule->cfa_offset;
		if (unwind_read(w, &cfa, sizeof(cfa), cfa))
			return UNWIND_FAULT;
		cfa += rule->cfa_addend;
		break;
	default:
		return UNWIND_BAD_RULE;
	}
	w->words[0] = cfa;
	/* Only what jumped here with the return address in a register has no frame at all. */
	if (cfa & 7 || cfa < w->sp || (cfa == w->sp && !(w->live && rule->ra == UNWIND_RA_REG) && rule->ra_offset < 0) ||
	    cfa - w->sp > UNWIND_FRAME_BYTES_MAX)
		return UNWIND_BAD_FRAME;
	return UNWIND_CONTINUE;
}

/* The caller's frame pointer by w->rule, where it does not lie beside the return address. */
static inline int unwind_find_fp(struct unwind_walk *w, __u64 cfa)
{
	const struct unwind_rule *rule = &w->rule;
	__u64 at;

	switch (rule->fp) {
	case UNWIND_FP_SAME:
		return UNWIND_CONTINUE;
	case UNWIND_FP_AT_CFA:
		at = cfa + rule->fp_offset;
		break;
	case UNWIND_FP_AT_FP:
		/* GCC's rules for realigned stacks stay the same when the epilogue has restored the frame pointer. */
		if (rule->cfa != UNWIND_CFA_DEREF_FP && (w->fp < w->sp || w->fp >= cfa))
			return UNWIND_CONTINUE;
		at = w->fp + rule->fp_offset;
		if (w->fp_unknown)
			return UNWIND_CONTINUE;
		break;
	case UNWIND_FP_AT_SP:
		at = w->sp + rule->fp_offset;
		break;
	case UNWIND_FP_REG:
		w->fp = w->registers[unwind_masked(rule->fp_offset, 5)];
		w->fp_unknown = w->live != UNWIND_LIVE;
		return UNWIND_CONTINUE;
	default:
		w->fp_unknown = 1;
		return UNWIND_CONTINUE;
	}
	w->fp_unknown = 0;
	return unwind_read(w, &w->fp, sizeof(w->fp), at) ? UNWIND_FAULT : UNWIND_CONTINUE;
}

/* By w->rule. The usual case is one read, of the caller's frame pointer, what lies between, and the return address. */
static inline int unwind_step_rule(struct unwind_walk *w)
{
	const struct unwind_rule *rule = &w->rule;
	__u32 span = (__u32)rule->ra_offset - (__u32)rule->fp_offset;
	__u8 live = w->live, guess = rule->cfa == UNWIND_CFA_STG || (rule->cfa == UNWIND_CFA_REG && live == UNWIND_LIVE_BEFORE);
	__u64 cfa, top, text = w->mapping.start, ra;
	int ret = unwind_find_cfa(w);

	if (ret != UNWIND_CONTINUE)
		return ret;
	cfa = w->words[0];
	top = cfa;
	if (rule->ra == UNWIND_RA_AT_CFA && rule->ra_offset >= 0 && !rule->cfa_offset)
		top += rule->ra_offset + 8;
	if (rule->ra == UNWIND_RA_AT_CFA && rule->fp == UNWIND_FP_AT_CFA && span - 8 <= 56 && !(span & 7)) {
		if (unwind_read(w, w->words, unwind_masked(span + 8, 7), cfa + rule->fp_offset))
			return UNWIND_FAULT;
		w->fp = w->words[0];
		w->fp_unknown = 0;
		ra = w->words[unwind_masked(span / 8, 4)];
	} else {
		if (rule->ra == UNWIND_RA_REG) {
			if (live != UNWIND_LIVE)
				return UNWIND_LOST_REGISTER;
			ra = w->registers[unwind_masked(rule->ra_offset, 5)];
		} else if (rule->ra != UNWIND_RA_AT_CFA) {
			return UNWIND_BAD_RULE;
		} else if (unwind_read(w, &ra, sizeof(ra), cfa + rule->ra_offset)) {
			return UNWIND_FAULT;
		}
		ret = unwind_find_fp(w, cfa);
		if (ret != UNWIND_CONTINUE)
			return ret;
	}
	if (!ra)
		return UNWIND_WHOLE;
	if (!unwind_is_user_address(ra) || (guess && !unwind_is_return_address(w, ra)))
		return UNWIND_BAD_RETURN;
	unwind_arrive(w, ra, top, w->fp);
	w->code_known = 0;
	/* Hand-written routines that call each other keep registers for each other. */
	if (live == UNWIND_LIVE && ra >= text && ra < w->mapping.end)
		w->live = UNWIND_LIVE_BEFORE;
	return UNWIND_CONTINUE;
}

/* From a frame to its caller. On UNWIND_CONTINUE the state is the caller's. */
static inline int unwind_step(struct unwind_walk *w)
{
	__u64 at = w->pc - !w->exact;
	__u32 slab;
	int ret;

	if (!unwind_find_mapping(w, at))
		return UNWIND_NO_MAPPING;
	slab = w->mapping.slab;
	w->rule.cfa = UNWIND_CFA_NONE;
	w->rule.ra = UNWIND_RA_NONE;
	unwind_find_rule(w, at);
	if (w->rule.ra == UNWIND_RA_END)
		return UNWIND_WHOLE;
	if (w->rule.cfa == UNWIND_CFA_SIGNAL)
		return unwind_step_signal(w);
	if (w->rule.cfa != UNWIND_CFA_NONE)
		return unwind_step_rule(w);
	if (slab == UNWIND_TABLE_OUT)
		return UNWIND_NOT_LOADED;
	if (slab == UNWIND_NO_TABLE && w->mapping.word == UNWIND_CODE_HOTSPOT && unwind_step_compiled(w, at) == UNWIND_CONTINUE)
		return UNWIND_CONTINUE;
	ret = unwind_step_frame_pointer(w, at, slab != UNWIND_NO_TABLE);
	if (ret == UNWIND_BAD_FRAME || ret == UNWIND_BAD_RETURN)
		return slab == UNWIND_NO_TABLE ? UNWIND_NO_FRAME_POINTER : UNWIND_NO_RULE;
	return ret;
}

#endif
