// SPDX-License-Identifier: Apache-2.0
/*
 * The BPF program's stack walk, compiled for the host: every kind of rule and every reason to end, on tables and stacks laid out by
 * hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/unwind_host.h"

#define STACK 0x7FFD00000000ull
#define TEXT 0x400000ull /* with rules */
#define BARE 0x500000ull /* without a table */
#define HIGH 0x600000ull /* with rules, of the same extent, mapped elsewhere */
#define OUT 0x680000ull /* with rules that are not loaded */
#define TEXT_BYTES 0x1000ull

static uint64_t stack[512];	     /* what is at STACK */
static uint8_t code[TEXT_BYTES + 64]; /* what is at BARE - 32 */

static long read_memory(void *dst, uint32_t size, uint64_t address)
{
	if (address >= STACK && address + size <= STACK + sizeof(stack))
		memcpy(dst, (const char *)stack + (address - STACK), size);
	else if (address >= BARE - 32 && address + size <= BARE - 32 + sizeof(code))
		memcpy(dst, code + (address - (BARE - 32)), size);
	else
		return -14;
	return 0;
}

/* One rule for each 64 bytes of text, in the order of this list. */
enum { HOLE, SP8, SP24, FP16, FP16_SAVED, ADJACENT, DISTANT, FAR_APART, REG, DEREF_SP, DEREF_FP, PLT, SIGNAL, FP_AT_FP, FP_REG,
       FP_UNKNOWN, RA_REG, RA_ABOVE, END, NO_RA, UNKNOWN_KIND, BACKWARDS, UNALIGNED, HUGE_FRAME, RESOLVER, STG_RUN, STG, RULES };
static const struct unwind_rule rules[RULES] = {
	[HOLE] = {.cfa = UNWIND_CFA_NONE},
	[SP8] = {.cfa = UNWIND_CFA_SP, .cfa_offset = 8, .ra_offset = -8},
	[SP24] = {.cfa = UNWIND_CFA_SP, .cfa_offset = 24, .ra_offset = -8},
	[FP16] = {.cfa = UNWIND_CFA_FP, .cfa_offset = 16, .ra_offset = -8},
	[FP16_SAVED] = {.cfa = UNWIND_CFA_FP, .cfa_offset = 16, .fp = UNWIND_FP_AT_CFA, .fp_offset = -16, .ra_offset = -8},
	[ADJACENT] = {.cfa = UNWIND_CFA_SP, .cfa_offset = 32, .fp = UNWIND_FP_AT_CFA, .fp_offset = -16, .ra_offset = -8},
	[DISTANT] = {.cfa = UNWIND_CFA_SP, .cfa_offset = 64, .fp = UNWIND_FP_AT_CFA, .fp_offset = -56, .ra_offset = -8},
	[FAR_APART] = {.cfa = UNWIND_CFA_SP, .cfa_offset = 128, .fp = UNWIND_FP_AT_CFA, .fp_offset = -120, .ra_offset = -8},
	[REG] = {.cfa = UNWIND_CFA_REG, .reg = 10, .cfa_offset = 16, .ra_offset = -8},
	[DEREF_SP] = {.cfa = UNWIND_CFA_DEREF_SP, .cfa_offset = 8, .cfa_addend = 8, .ra_offset = -8},
	[DEREF_FP] = {.cfa = UNWIND_CFA_DEREF_FP, .cfa_offset = -8, .fp = UNWIND_FP_AT_FP, .ra_offset = -8},
	[PLT] = {.cfa = UNWIND_CFA_PLT, .reg = 11, .ra_offset = -8},
	[SIGNAL] = {.cfa = UNWIND_CFA_SIGNAL},
	[FP_AT_FP] = {.cfa = UNWIND_CFA_SP, .cfa_offset = 8, .fp = UNWIND_FP_AT_FP, .ra_offset = -8},
	[FP_REG] = {.cfa = UNWIND_CFA_SP, .cfa_offset = 8, .fp = UNWIND_FP_REG, .fp_offset = 9, .ra_offset = -8},
	[FP_UNKNOWN] = {.cfa = UNWIND_CFA_SP, .cfa_offset = 8, .fp = UNWIND_FP_UNKNOWN, .ra_offset = -8},
	[RA_REG] = {.cfa = UNWIND_CFA_SP, .cfa_offset = 0, .ra = UNWIND_RA_REG, .ra_offset = 5},
	[RA_ABOVE] = {.cfa = UNWIND_CFA_SP, .cfa_offset = 16, .fp = UNWIND_FP_AT_CFA, .fp_offset = 24, .ra_offset = 40},
	[END] = {.cfa = UNWIND_CFA_SP, .cfa_offset = 8, .ra = UNWIND_RA_END},
	[NO_RA] = {.cfa = UNWIND_CFA_SP, .cfa_offset = 8, .ra = UNWIND_RA_NONE},
	[UNKNOWN_KIND] = {.cfa = 77, .ra_offset = -8},
	[BACKWARDS] = {.cfa = UNWIND_CFA_SP, .cfa_offset = -8, .ra_offset = -8},
	[UNALIGNED] = {.cfa = UNWIND_CFA_SP, .cfa_offset = 12, .ra_offset = -8},
	[STG_RUN] = {.cfa = UNWIND_CFA_SP, .fp = UNWIND_FP_AT_CFA, .fp_offset = 136, .ra_offset = 176},
	[STG] = {.cfa = UNWIND_CFA_STG, .fp = UNWIND_FP_AT_CFA, .fp_offset = 136, .ra_offset = 176},
	[RESOLVER] = {.cfa = UNWIND_CFA_REG, .reg = 3, .cfa_offset = 32, .ra_offset = -8},
	[HUGE_FRAME] = {.cfa = UNWIND_CFA_SP, .cfa_offset = 0x7FFFFFF8, .ra_offset = -8},
};

/* The first byte under a rule, and where it is returned to behind a call there. */
static uint64_t at(int rule)
{
	return TEXT + rule * 64;
}

static uint64_t into(int rule)
{
	return at(rule) + 32;
}

static uint32_t *slab;
static struct unwind_mapping mappings[] = {
	{TEXT, TEXT + TEXT_BYTES, TEXT, 0, 16},
	{BARE, BARE + TEXT_BYTES, 0, UNWIND_NO_TABLE, 0},
	{HIGH, HIGH + TEXT_BYTES, HIGH, 0, 16},
	{OUT, OUT + TEXT_BYTES, 0, UNWIND_TABLE_OUT, 0},
};

/* An extent at word 16: 64-byte steps of text, four buckets. Row 0 is the hole before all text. */
static int set_up(void **state)
{
	struct unwind_extent e = {.buckets = TEXT_BYTES >> UNWIND_BUCKET_BITS, .rules = RULES};
	uint32_t *extent, rows = 1 + RULES + 1;

	slab = calloc(UNWIND_SLAB_WORDS, sizeof(*slab));
	extent = slab + 16;
	e.rows_word = 4 + e.buckets + 1;
	e.rules_word = (e.rows_word + rows + 3) & ~3u;
	memcpy(extent, &e, sizeof(e));
	for (uint32_t b = 0; b <= e.buckets; b++)
		extent[4 + b] = 1 + (b * 16 < RULES + 1 ? b * 16 : RULES + 1);
	extent[e.rows_word] = UNWIND_ROW(0, HOLE);
	for (uint32_t r = 0; r < RULES; r++)
		extent[e.rows_word + 1 + r] = UNWIND_ROW(r * 64 & (UNWIND_BUCKET_BYTES - 1), r);
	extent[e.rows_word + 1 + RULES] = UNWIND_ROW(RULES * 64 & (UNWIND_BUCKET_BYTES - 1), HOLE);
	memcpy(extent + e.rules_word, rules, sizeof(rules));
	host.mappings = mappings;
	host.mappings_n = sizeof(mappings) / sizeof(mappings[0]);
	host.slabs = &slab;
	host.slabs_n = 1;
	host.read = read_memory;
	return 0;
}

static int tear_down(void **state)
{
	free(slab);
	return 0;
}

/* Before each test: an empty stack, and code without a call. */
static int clear(void **state)
{
	memset(stack, 0, sizeof(stack));
	memset(code, 0x90, sizeof(code));
	return 0;
}

static struct unwind_walk begin(uint64_t pc, uint64_t sp, uint64_t fp)
{
	struct unwind_walk w;

	memset(&w, 0xA5, sizeof(w)); /* nothing left over from another walk may matter */
	w.registers[UNWIND_REG_PC] = pc;
	w.registers[UNWIND_REG_SP] = sp;
	w.registers[UNWIND_REG_FP] = fp;
	unwind_begin(&w, 0, host.mappings_n, 0);
	return w;
}

static void expect(const struct unwind_walk *w, uint64_t pc, uint64_t sp, uint64_t fp)
{
	assert_int_equal(w->pc, pc);
	assert_int_equal(w->sp, sp);
	assert_int_equal(w->fp, fp);
}

static int step(struct unwind_walk *w)
{
	return unwind_step(w);
}

static void finds_the_rule_of_each_address(void **state)
{
	struct unwind_walk w = begin(TEXT, STACK, 0);

	for (uint64_t a = TEXT; a < TEXT + TEXT_BYTES; a++) {
		uint32_t want = (a - TEXT) / 64 < RULES ? (a - TEXT) / 64 : HOLE;

		assert_true(unwind_find_mapping(&w, a));
		memset(&w.rule, 0xEE, sizeof(w.rule));
		unwind_find_rule(&w, a);
		assert_memory_equal(&w.rule, &rules[want], sizeof(w.rule));
	}
	assert_false(unwind_find_mapping(&w, TEXT - 1));
	assert_false(unwind_find_mapping(&w, TEXT + TEXT_BYTES));
	assert_true(unwind_find_mapping(&w, HIGH));
	unwind_find_rule(&w, HIGH + SP24 * 64);
	assert_int_equal(w.rule.cfa_offset, 24);
}

/* Any number of mappings: each is found, from its first byte to its last, and nothing between them. */
static void finds_mappings(void **state)
{
	enum { MOST = 3000 };
	struct unwind_mapping *many = calloc(MOST, sizeof(*many));
	struct unwind_walk w = begin(TEXT, STACK, 0);

	for (uint32_t i = 0; i < MOST; i++)
		many[i] = (struct unwind_mapping){0x10000 + i * 0x3000ull, 0x11000 + i * 0x3000ull, 0, UNWIND_NO_TABLE, i};
	host.mappings = many;
	for (uint32_t n = 0; n <= MOST; n = n < 70 ? n + 1 : n * 2 + 1) {
		host.mappings_n = w.count = n;
		for (uint32_t i = 0; i < n; i += 1 + n / 50) {
			w.mapping.start = w.mapping.end = 0;
			assert_true(unwind_find_mapping(&w, many[i].start));
			assert_int_equal(w.mapping.word, i);
			w.mapping.start = w.mapping.end = 0;
			assert_true(unwind_find_mapping(&w, many[i].end - 1));
			assert_int_equal(w.mapping.word, i);
			assert_false(unwind_find_mapping(&w, many[i].end));
			assert_false(unwind_find_mapping(&w, many[i].start - 1));
		}
	}
	free(many);
	host.mappings = mappings;
	host.mappings_n = sizeof(mappings) / sizeof(mappings[0]);
}

static void steps_by_the_stack_pointer(void **state)
{
	struct unwind_walk w = begin(at(SP24), STACK, 77);

	stack[2] = into(SP8);
	stack[3] = into(END);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, into(SP8), STACK + 24, 77);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, into(END), STACK + 32, 77);
	assert_int_equal(step(&w), UNWIND_WHOLE);
}

/* A return address belongs to the call before it; an interrupted instruction to itself. */
static void looks_up_calls_before_return_addresses(void **state)
{
	struct unwind_walk w = begin(at(SP24), STACK, 0);

	for (int i = 0; i < 64; i++)
		stack[i] = into(SP8);
	stack[2] = at(END); /* a call that never returns ends the code before, and END begins behind it */
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	assert_int_not_equal(step(&w), UNWIND_WHOLE);
	stack[2] = at(END) + 1;
	w = begin(at(SP24), STACK, 0);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	assert_int_equal(step(&w), UNWIND_WHOLE);
	/* The first instruction of a function, behind the end of another one. */
	w = begin(at(END), STACK, 0);
	assert_int_equal(step(&w), UNWIND_WHOLE);
	/* Behind a system call, on the other hand, the instruction is the one before. */
	w = begin(at(END), STACK, 0);
	unwind_begin(&w, 0, host.mappings_n, 1);
	assert_int_not_equal(step(&w), UNWIND_WHOLE);
}

static void steps_by_the_frame_pointer(void **state)
{
	struct unwind_walk w = begin(at(FP16), STACK, STACK + 80);

	stack[11] = into(SP8);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, into(SP8), STACK + 96, STACK + 80);
	stack[10] = 1234;
	w = begin(at(FP16_SAVED), STACK, STACK + 80);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, into(SP8), STACK + 96, 1234);
}

/* The caller's frame pointer beside the return address, some words away, and too far for one read. */
static void restores_the_frame_pointer(void **state)
{
	static const struct {
		int rule, fp, ra, words;
	} cases[] = {{ADJACENT, 2, 3, 4}, {DISTANT, 1, 7, 8}, {FAR_APART, 1, 15, 16}, {RA_ABOVE, 5, 7, 2}};

	for (size_t i = 0; i < 4; i++) {
		struct unwind_walk w = begin(at(cases[i].rule), STACK, 0);

		clear(state);
		stack[cases[i].fp] = 4321;
		stack[cases[i].ra] = into(SP8);
		assert_int_equal(step(&w), UNWIND_CONTINUE);
		expect(&w, into(SP8), STACK + cases[i].words * 8, 4321);
	}
}

static void uses_live_registers_at_the_leaf_only(void **state)
{
	struct unwind_walk w = begin(at(REG), STACK, 5);

	w.registers[10] = STACK + 24;
	stack[4] = into(SP8);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, into(SP8), STACK + 40, 5);
	/* Two frames further out nobody knows r10. */
	stack[0] = into(SP8);
	stack[1] = into(REG);
	w = begin(at(SP8), STACK, 5);
	w.registers[10] = STACK + 24;
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	assert_int_equal(step(&w), UNWIND_LOST_REGISTER);

	w = begin(at(FP_REG), STACK, 5);
	w.registers[9] = 99;
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, into(SP8), STACK + 8, 99);

	/* vfork() keeps its return address in a register: no frame at all. */
	w = begin(at(RA_REG), STACK, 5);
	w.registers[5] = into(SP24);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, into(SP24), STACK, 5);
	stack[0] = into(RA_REG);
	w = begin(at(SP8), STACK, 5);
	w.registers[5] = into(SP24);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	assert_true(step(&w) != UNWIND_CONTINUE);
}

/* One frame further out in the same text a register may still hold, if what it leads to is behind a call. */
static void trusts_registers_of_the_next_frame_if_they_lead_to_a_call(void **state)
{
	struct unwind_walk w = begin(at(SP8), STACK, 5);

	memcpy(code + 32 + 0x100 - 5, "\xE8\0\0\0", 5);
	stack[0] = into(REG);
	stack[4] = BARE + 0x100;
	w.registers[10] = STACK + 24;
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, BARE + 0x100, STACK + 40, 5);
	stack[4] = BARE + 0x200;
	w = begin(at(SP8), STACK, 5);
	w.registers[10] = STACK + 24;
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	assert_int_equal(step(&w), UNWIND_BAD_RETURN);
}

static void follows_saved_stack_pointers(void **state)
{
	struct unwind_walk w = begin(at(DEREF_SP), STACK, 5);

	stack[1] = STACK + 40;
	stack[5] = into(SP8);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, into(SP8), STACK + 48, 5);

	/* A realigned frame: the CFA below the frame pointer, the caller's frame pointer at it. */
	w = begin(at(DEREF_FP), STACK, STACK + 160);
	stack[19] = STACK + 240;
	stack[20] = 333;
	stack[29] = into(SP8);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, into(SP8), STACK + 240, 333);

	/* GCC's epilogue: the frame pointer is the caller's again, whatever the rule says. */
	w = begin(at(FP_AT_FP), STACK, STACK + 160);
	stack[0] = into(SP8);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, into(SP8), STACK + 8, STACK + 160);
}

static void steps_out_of_linkage_tables(void **state)
{
	for (int i = 0; i < 16; i++) {
		struct unwind_walk w = begin(at(PLT) + i, STACK, 5);

		clear(state);
		stack[i >= 11 ? 1 : 0] = into(SP8);
		assert_int_equal(step(&w), UNWIND_CONTINUE);
		expect(&w, into(SP8), STACK + (i >= 11 ? 16 : 8), 5);
	}
}

/* A ucontext at `words` of the stack (sigcontext.h): the registers that were interrupted. */
static void put_signal_frame(int word, uint64_t pc, uint64_t sp, uint64_t fp)
{
	uint64_t *c = stack + word + 5;

	for (int i = 0; i < 17; i++)
		c[i] = 0x1000 + i;
	c[2] = STACK + 24; /* r10 */
	c[10] = fp;
	c[15] = sp;
	c[16] = pc;
}

static void returns_from_signals(void **state)
{
	struct unwind_walk w = begin(at(SP8), STACK + 2048, 0);

	/* The interrupted stack lies lower: the handler ran on one of its own. */
	stack[256] = at(SIGNAL) + 1;
	put_signal_frame(257, at(REG), STACK, 55);
	stack[4] = into(SP8);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, at(SIGNAL) + 1, STACK + 2056, 0);
	assert_false(w.exact);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, at(REG), STACK, 55);
	assert_true(w.exact);
	assert_int_equal(w.registers[15], 0x1007);
	/* All its registers are known, as at a leaf. */
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, into(SP8), STACK + 40, 55);
}

static void knows_trampolines_without_rules_by_their_code(void **state)
{
	static const char *const codes[] = {"\x48\xC7\xC0\x0F\0\0\0\x0F\x05", "\xB8\x0F\0\0\0\x0F\x05"};

	for (int i = 0; i < 2; i++) {
		struct unwind_walk w = begin(at(SP8), STACK, 0);

		clear(state);
		memcpy(code + 32 + 0x300, codes[i], i ? 7 : 9);
		stack[0] = BARE + 0x300;
		put_signal_frame(1, at(SP24), STACK + 1024, 66);
		assert_int_equal(step(&w), UNWIND_CONTINUE);
		assert_int_equal(step(&w), UNWIND_CONTINUE);
		expect(&w, at(SP24), STACK + 1024, 66);
		assert_true(w.exact);
		/* Interrupted right there, and reached along frame pointers. */
		w = begin(BARE + 0x300, STACK + 8, 0);
		assert_int_equal(step(&w), UNWIND_CONTINUE);
		expect(&w, at(SP24), STACK + 1024, 66);
	}
}

/* Code in BARE that a call precedes, at 0x100 and so on. */
static uint64_t called_from(int i)
{
	uint64_t offset = 0x100 * i;

	memcpy(code + 32 + offset - 5, "\xE8\0\0\0", 5);
	return BARE + offset;
}

/* A frame at word `i`: the caller's frame pointer and the return address (psABI figure 3.3). */
static uint64_t frame(int i, uint64_t caller_fp, uint64_t return_address)
{
	stack[i] = caller_fp;
	stack[i + 1] = return_address;
	return STACK + i * 8;
}

static void walks_text_without_rules_along_frame_pointers(void **state)
{
	uint64_t outer = frame(40, 0, called_from(1)), middle = frame(20, outer, called_from(2)), leaf = frame(4, middle, called_from(3));
	struct unwind_walk w = begin(BARE + 0x40, STACK, leaf);
	uint64_t frames[8];
	int end;

	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, BARE + 0x300, leaf + 16, middle);
	w = begin(BARE + 0x40, STACK, leaf);
	assert_int_equal(host_walk(&w, 0, frames, 8, &end), 4);
	assert_int_equal(end, UNWIND_WHOLE);
	assert_int_equal(frames[0], (BARE + 0x40) | SAMPLE_FRAME_EXACT);
	assert_int_equal(frames[1], BARE + 0x300);
	assert_int_equal(frames[3], BARE + 0x100);
}

/* StgRun's frame as its call frame information has it (rts/StgCRun.c), with 128 bytes instead of 16,384 for Haskell code. */
static void walks_haskell_code_on_the_frame_of_stg_run(void **state)
{
	static const struct {
		int rule, sp, at_call; /* words */
	} cases[] = {{STG_RUN, 9, 0}, {STG, 9, 0}, {STG, 8, 1}}; /* 8 above a multiple of 16, and aligned for a call */
	struct unwind_walk w;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		stack[9 + 17] = 77;
		stack[9 + 22] = called_from(3);
		w = begin(at(cases[i].rule), STACK + cases[i].sp * 8, 0);
		w.exact = !cases[i].at_call;
		w.pc += cases[i].at_call;
		assert_int_equal(step(&w), UNWIND_CONTINUE);
		expect(&w, BARE + 0x300, STACK + (9 + 23) * 8, 77);
	}
	/* What is no return address there is none of StgRun's. */
	w = begin(at(STG), STACK + 9 * 8, 0);
	stack[9 + 22] = BARE + 0x500;
	assert_int_equal(step(&w), UNWIND_BAD_RETURN);
}

/* HotSpot's interpreter jumps to what it calls. */
static void knows_where_an_interpreter_is_returned_to(void **state)
{
	static const char *const codes[] = {"\x48\x8B\x65\xF0\x48\xC7\x45\xF0\0\0\0\0", "\x48\x8B\x4D\xF0\x48\x8D\x64\xCD\0\x90\x90\x90"};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct unwind_walk w = begin(BARE + 0x40, STACK, frame(4, STACK + 160, BARE + 0x500));

		memset(code, 0x90, sizeof(code));
		assert_int_equal(step(&w), UNWIND_NO_FRAME_POINTER);
		memcpy(code + 32 + 0x500, codes[i], 12);
		w = begin(BARE + 0x40, STACK, STACK + 32);
		assert_int_equal(step(&w), UNWIND_CONTINUE);
		expect(&w, BARE + 0x500, STACK + 48, STACK + 160);
	}
}

/* Before a function without rules has a frame, and when it has none any more. */
static void knows_prologues_and_epilogues_without_rules(void **state)
{
	uint64_t outer = frame(40, 0, called_from(1)), callers = frame(20, outer, called_from(2));
	struct unwind_walk w;

	stack[2] = called_from(3);
	memcpy(code + 32 + 0x40, "\x55\x48\x89\xE5", 4); /* push %rbp; mov %rsp,%rbp */
	code[32 + 0x60] = 0xC3;				 /* ret */
	w = begin(BARE + 0x40, STACK + 16, callers);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, BARE + 0x300, STACK + 24, callers);
	stack[1] = callers;
	w = begin(BARE + 0x41, STACK + 8, callers);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, BARE + 0x300, STACK + 24, callers);
	w = begin(BARE + 0x60, STACK + 16, callers);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, BARE + 0x300, STACK + 24, callers);
}

static void refuses_frame_pointers_that_are_none(void **state)
{
	static const uint64_t bad[] = {STACK + 12, STACK - 32, STACK + UNWIND_FRAME_BYTES_MAX + 8, 1};
	struct unwind_walk w;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		w = begin(BARE + 0x40, STACK, bad[i]);
		assert_int_equal(step(&w), UNWIND_NO_FRAME_POINTER);
		w = begin(at(HOLE), STACK, bad[i]);
		assert_int_equal(step(&w), UNWIND_NO_RULE);
	}
	w = begin(BARE + 0x40, STACK, STACK + sizeof(stack));
	assert_int_equal(step(&w), UNWIND_FAULT);
	/* No call before the return address, no code at it, no user address. */
	w = begin(BARE + 0x40, STACK, frame(4, STACK + 160, BARE + 0x500));
	assert_int_equal(step(&w), UNWIND_NO_FRAME_POINTER);
	w = begin(BARE + 0x40, STACK, frame(4, STACK + 160, 0x700000));
	assert_int_equal(step(&w), UNWIND_NO_FRAME_POINTER);
	w = begin(BARE + 0x40, STACK, frame(4, STACK + 160, 0xFFFFFFFF81000000ull));
	assert_int_equal(step(&w), UNWIND_NO_FRAME_POINTER);
	/* At the leaf a frame pointer of 0 says nothing of the callers, but that the stack is as the kernel made it does. */
	w = begin(BARE + 0x40, STACK, 0);
	assert_int_equal(step(&w), UNWIND_NO_FRAME_POINTER);
	stack[0] = 2;
	stack[1] = STACK + 2048;
	w = begin(BARE + 0x40, STACK, 0);
	assert_int_equal(step(&w), UNWIND_WHOLE);
	stack[1] = STACK - 2048;
	w = begin(BARE + 0x40, STACK, 0);
	assert_int_equal(step(&w), UNWIND_NO_FRAME_POINTER);
}

/* A return address behind a call to `target`. */
static uint64_t call_to(uint64_t target, int i)
{
	uint64_t address = called_from(i);
	int32_t distance = target - address;

	memcpy(code + 32 + 0x100 * i - 4, &distance, 4);
	return address;
}

/*
 * A hole in text that has rules is no end: the walk goes on by the frame pointer if that leads to a call of this very code, else it says
 * that there is no rule. The register may as well be an outer function's, with the caller left out.
 */
static void crosses_holes_by_frame_pointer(void **state)
{
	struct unwind_walk w = begin(at(HOLE) + 8, STACK, frame(4, 0, call_to(at(HOLE), 2)));

	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, BARE + 0x200, STACK + 48, 0);
	assert_int_equal(step(&w), UNWIND_WHOLE);
	w = begin(at(HOLE) + 8, STACK, frame(4, 0, call_to(at(SP8), 2)));
	assert_int_equal(step(&w), UNWIND_NO_RULE);
	w = begin(TEXT + RULES * 64 + 16, STACK, frame(4, 0, call_to(at(END), 2)));
	assert_int_equal(step(&w), UNWIND_NO_RULE);
	/* At the top of the stack the frame pointer is this function's, whoever called it. */
	w = begin(at(HOLE) + 8, STACK + 32, frame(4, 0, call_to(at(SP8), 2)));
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, BARE + 0x200, STACK + 48, 0);
	w = begin(at(HOLE) + 8, STACK + 32, frame(4, STACK + 160, BARE + 0x500));
	assert_int_equal(step(&w), UNWIND_NO_RULE);
}

/* A method that HotSpot compiled, in a process that says so: its frame is found by the code of its entry, whatever the frame pointer is. */
static void finds_the_frames_of_compiled_java(void **state)
{
	static const struct {
		const char *entry;
		int bytes, words; /* of code; below the return address */
	} entries[] = {
		{"\x89\x84\x24\x00\xC0\xFE\xFF\x55\x48\x83\xEC\x20", 12, 5}, /* mov %eax,-0x14000(%rsp); push %rbp; sub $0x20,%rsp */
		{"\x55\x48\x81\xEC\x80\x00\x00\x00", 8, 17},		    /* push %rbp; sub $0x80,%rsp */
		{"\x48\x81\xEC\x18\x00\x00\x00\x48\x89\x6C\x24\x10", 12, 3},    /* sub $0x18,%rsp; mov %rbp,0x10(%rsp) */
		{"\x44\x8B\x56\x08\x55\x48\x83\xEC\x10", 9, 3},		    /* mov 8(%rsi),%r10d: the receiver's class; push; sub */
	};
	static const uint8_t interpreter[] = {0x48, 0x8B, 0x65, 0xF0, 0x48, 0xC7, 0x45, 0xF0, 0, 0, 0, 0};
	struct unwind_mapping with_library[] = {
		mappings[0],
		{BARE, BARE + 0x400, BARE, 0, 16},
		{BARE + 0x400, BARE + TEXT_BYTES, 0, UNWIND_NO_TABLE, UNWIND_CODE_HOTSPOT},
		mappings[2],
	};
	uint64_t sp = STACK + 16;
	struct unwind_walk w;

	mappings[1].word = UNWIND_CODE_HOTSPOT;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		int slot = 2 + entries[i].words;

		clear(state);
		memcpy(code + 32 + 0x600, entries[i].entry, entries[i].bytes);
		stack[slot] = call_to(BARE + 0x600, 1);
		stack[slot - 1] = 77;
		w = begin(BARE + 0x640, sp, 5);
		assert_int_equal(step(&w), UNWIND_CONTINUE);
		expect(&w, BARE + 0x100, sp + entries[i].words * 8 + 8, 77);
		/* Of another size, or by another method's call: no proof. */
		w = begin(BARE + 0x640, sp + 8, 5);
		assert_int_equal(step(&w), UNWIND_NO_FRAME_POINTER);
		stack[slot] = call_to(BARE + 0x700, 1);
		w = begin(BARE + 0x640, sp, 5);
		assert_int_equal(step(&w), UNWIND_NO_FRAME_POINTER);
	}
	/* Called by the interpreter, whose stack pointer stands 16 bytes below its frame pointer. */
	clear(state);
	memcpy(code + 32 + 0x500, interpreter, sizeof(interpreter));
	stack[8] = BARE + 0x500;
	stack[7] = STACK + 20 * 8;
	stack[18] = STACK + 10 * 8;
	w = begin(BARE + 0x640, sp, 5);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, BARE + 0x500, STACK + 72, STACK + 160);
	stack[18] = STACK + 6 * 8;
	w = begin(BARE + 0x640, sp, 5);
	assert_int_equal(step(&w), UNWIND_NO_FRAME_POINTER);
	/* Called from C++ through a stub: 96 bytes, and then a caller with rules. */
	clear(state);
	memcpy(code + 32 + 0x500 - 2, "\xFF\xD6", 2); /* call *%rsi */
	stack[8] = BARE + 0x500;
	stack[7] = STACK + 24 * 8;
	stack[25] = into(SP8);
	w = begin(BARE + 0x640, sp, 5);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, BARE + 0x500, STACK + 72, STACK + 192);
	stack[25] = called_from(3);
	w = begin(BARE + 0x640, sp, 5);
	assert_int_equal(step(&w), UNWIND_NO_FRAME_POINTER);
	/* The same words, but the call stands in a library: they were left behind, for no library calls compiled code. */
	clear(state);
	memcpy(code + 32 + 0x200 - 2, "\xFF\xD6", 2);
	stack[8] = BARE + 0x200;
	stack[7] = STACK + 24 * 8;
	stack[25] = into(SP8);
	w = begin(BARE + 0x640, sp, 5);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	host.mappings = with_library;
	w = begin(BARE + 0x640, sp, 5);
	assert_int_equal(step(&w), UNWIND_NO_FRAME_POINTER);
	host.mappings = mappings;
	/* Who forges words that look like return addresses gets only so many looked at. */
	clear(state);
	memcpy(code + 32 + 0x600, entries[0].entry, entries[0].bytes);
	for (int i = 0; i < 5; i++)
		stack[2 + i] = call_to(BARE + 0x700, 2);
	stack[7] = call_to(BARE + 0x600, 1);
	w = begin(BARE + 0x640, sp, 5);
	w.tries = 5;
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	w = begin(BARE + 0x640, sp, 5);
	w.tries = 4;
	assert_int_equal(step(&w), UNWIND_NO_FRAME_POINTER);
	mappings[1].word = 0;
}

/* Where a compiled method has no frame yet or no more, its code says so. */
static void knows_prologues_and_epilogues_of_compiled_java(void **state)
{
	static const struct {
		const char *before, *code; /* around the instruction at BARE + 0x640 */
		int before_n, code_n, words;
	} cases[] = {
		{"", "\x89\x84\x24\x00\xC0\xFE\xFF\x55", 0, 8, 0},		       /* mov %eax,-0x14000(%rsp); push %rbp */
		{"\x55", "\x48\x83\xEC\x20", 1, 4, 1},			       /* push %rbp; here: sub $0x20,%rsp */
		{"\x55", "\x48\x81\xEC\x80\x00\x00\x00", 1, 7, 1},	       /* the same with more */
		{"\x48\x83\xC4\x20", "\x5D\x49\x3B\xA7\x40\x03\x00\x00", 4, 8, 1}, /* add $0x20,%rsp; here: pop %rbp; cmp 0x340(%r15),%rsp */
		{"\x5D", "\x49\x3B\xA7\x40\x03\x00\x00", 1, 7, 0},	       /* here: cmp */
		{"", "\x0F\x87\x10\x00\x00\x00\xC3", 0, 7, 0},		       /* ja; ret */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct unwind_walk w = begin(BARE + 0x640, STACK + 16, 5);

		clear(state);
		memcpy(code + 32 + 0x640 - cases[i].before_n, cases[i].before, cases[i].before_n);
		memcpy(code + 32 + 0x640, cases[i].code, cases[i].code_n);
		stack[2] = 77;
		stack[2 + cases[i].words] = called_from(3);
		assert_int_equal(step(&w), UNWIND_CONTINUE);
		expect(&w, BARE + 0x300, STACK + 24 + cases[i].words * 8, cases[i].words ? 77 : 5);
	}
}

/*
 * _dl_runtime_resolve_xsavec as a caller, in all the alignments that rbx may have: its callee has pushed the register, or not changed
 * it yet.
 */
static void finds_the_frame_of_a_lazily_bound_call(void **state)
{
	const uint64_t avx512 = 1ull << 63 | 0xE6, size = 64 + 512 + 64 + 256 + 64 + 512 + 1024, sp = STACK + 192;
	struct unwind_walk w;

	for (int pad = 0; pad < 128; pad += 16) {
		uint64_t rbx = sp + size + (pad & 63);

		clear(state);
		stack[23] = into(RESOLVER);
		stack[24 + (64 + 512 + 8) / 8] = avx512;
		stack[(rbx - STACK) / 8 + 1] = 0x7F0000000400; /* the link map */
		stack[(rbx - STACK) / 8 + 2] = 17;
		stack[(rbx - STACK) / 8 + 3] = called_from(3);
		if (pad < 64) {
			stack[20] = rbx;
			stack[21] = sp + size + (~pad & 48); /* somebody's frame pointer */
			w = begin(at(SP24), sp - 24, 5);
		} else {
			w = begin(at(SP8), sp - 8, 5);
			w.registers[3] = rbx;
			stack[22] = sp + size + (~pad & 48); /* what an earlier call left there */
		}
		assert_int_equal(step(&w), UNWIND_CONTINUE);
		expect(&w, into(RESOLVER), sp, 5);
		assert_int_equal(step(&w), UNWIND_CONTINUE);
		expect(&w, BARE + 0x300, rbx + 32, 5);
	}
	/* Neither. */
	stack[22] = 0;
	w = begin(at(SP8), sp - 8, 5);
	w.registers[3] = 0;
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	assert_int_equal(step(&w), UNWIND_LOST_REGISTER);
	/* Not in compacted form: nobody says how large the area is. */
	stack[24 + (64 + 512 + 8) / 8] = 0;
	w = begin(at(SP8), sp - 8, 5);
	w.registers[3] = sp + size;
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	assert_int_equal(step(&w), UNWIND_LOST_REGISTER);
}

static void ends_with_a_reason(void **state)
{
	static const struct {
		int rule, end;
	} cases[] = {{END, UNWIND_WHOLE}, {NO_RA, UNWIND_BAD_RULE}, {UNKNOWN_KIND, UNWIND_BAD_RULE}, {BACKWARDS, UNWIND_BAD_FRAME},
		     {UNALIGNED, UNWIND_BAD_FRAME}, {HUGE_FRAME, UNWIND_BAD_FRAME}};
	struct unwind_walk w;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		w = begin(at(cases[i].rule), STACK + 64, 0);
		assert_int_equal(step(&w), cases[i].end);
	}
	w = begin(0x700000, STACK, 0);
	assert_int_equal(step(&w), UNWIND_NO_MAPPING);
	w = begin(at(SP8), STACK + sizeof(stack), 0);
	assert_int_equal(step(&w), UNWIND_FAULT);
	stack[0] = 0;
	w = begin(at(SP8), STACK, 0);
	assert_int_equal(step(&w), UNWIND_WHOLE);
	stack[0] = 0xFFFF800000000000ull;
	w = begin(at(SP8), STACK, 0);
	assert_int_equal(step(&w), UNWIND_BAD_RETURN);
	stack[0] = 0x10;
	w = begin(at(SP8), STACK, 0);
	assert_int_equal(step(&w), UNWIND_BAD_RETURN);
}

/* What has rules may have anything in its frame pointer: without them there is no way on, not even along a good one. */
static void does_not_guess_without_rules(void **state)
{
	struct unwind_walk w = begin(OUT + 0x40, STACK, frame(4, STACK + 160, called_from(3)));

	assert_int_equal(step(&w), UNWIND_NOT_LOADED);
	w = begin(BARE + 0x40, STACK, frame(4, STACK + 160, called_from(3)));
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	w = begin(at(SP8), STACK, frame(4, STACK + 160, called_from(3)));
	stack[0] = OUT + 0x40;
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	assert_int_equal(step(&w), UNWIND_NOT_LOADED);
}

/* A frame pointer that was lost is missed only where it is needed, and found again where one was saved. */
static void remembers_that_the_frame_pointer_is_lost(void **state)
{
	struct unwind_walk w = begin(at(FP_UNKNOWN), STACK, STACK + 80);

	stack[0] = into(SP8);
	stack[1] = into(FP16);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	assert_int_equal(step(&w), UNWIND_CONTINUE);
	assert_int_equal(step(&w), UNWIND_LOST_REGISTER);
	stack[1] = into(ADJACENT);
	stack[4] = STACK + 80;
	stack[5] = into(FP16);
	stack[11] = into(SP8);
	w = begin(at(FP_UNKNOWN), STACK, 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(step(&w), UNWIND_CONTINUE);
	expect(&w, into(SP8), STACK + 96, STACK + 80);
}

/* Tables that lie: whatever they hold, a look-up stays inside the slab and a walk ends. */
static void survives_hostile_tables(void **state)
{
	uint64_t random = 88172645463325252ull, frames[600];
	uint32_t *good = malloc(4096);

	memcpy(good, slab, 4096);
	for (int round = 0; round < 20000; round++) {
		struct unwind_walk w;
		int end;

		memcpy(slab, good, 4096);
		for (int i = 0; i < 8; i++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			slab[16 + random % (round & 1 ? 8 : 170)] = random >> 32;
			stack[(random >> 8) % 512] = random & 64 ? TEXT + random % TEXT_BYTES : STACK + random % sizeof(stack);
		}
		w = begin(TEXT + random % TEXT_BYTES, STACK + (random >> 20) % sizeof(stack), STACK + (random >> 30) % sizeof(stack));
		host_walk(&w, 0, frames, 600, &end);
		assert_true(end > UNWIND_NO_USER_STACK && end < UNWIND_ENDS);
	}
	memcpy(slab, good, 4096);
	free(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(finds_the_rule_of_each_address, clear),
		cmocka_unit_test_setup(finds_mappings, clear),
		cmocka_unit_test_setup(steps_by_the_stack_pointer, clear),
		cmocka_unit_test_setup(looks_up_calls_before_return_addresses, clear),
		cmocka_unit_test_setup(steps_by_the_frame_pointer, clear),
		cmocka_unit_test_setup(restores_the_frame_pointer, clear),
		cmocka_unit_test_setup(uses_live_registers_at_the_leaf_only, clear),
		cmocka_unit_test_setup(trusts_registers_of_the_next_frame_if_they_lead_to_a_call, clear),
		cmocka_unit_test_setup(follows_saved_stack_pointers, clear),
		cmocka_unit_test_setup(steps_out_of_linkage_tables, clear),
		cmocka_unit_test_setup(returns_from_signals, clear),
		cmocka_unit_test_setup(knows_trampolines_without_rules_by_their_code, clear),
		cmocka_unit_test_setup(walks_text_without_rules_along_frame_pointers, clear),
		cmocka_unit_test_setup(walks_haskell_code_on_the_frame_of_stg_run, clear),
		cmocka_unit_test_setup(knows_where_an_interpreter_is_returned_to, clear),
		cmocka_unit_test_setup(knows_prologues_and_epilogues_without_rules, clear),
		cmocka_unit_test_setup(refuses_frame_pointers_that_are_none, clear),
		cmocka_unit_test_setup(crosses_holes_by_frame_pointer, clear),
		cmocka_unit_test_setup(finds_the_frames_of_compiled_java, clear),
		cmocka_unit_test_setup(knows_prologues_and_epilogues_of_compiled_java, clear),
		cmocka_unit_test_setup(finds_the_frame_of_a_lazily_bound_call, clear),
		cmocka_unit_test_setup(ends_with_a_reason, clear),
		cmocka_unit_test_setup(does_not_guess_without_rules, clear),
		cmocka_unit_test_setup(remembers_that_the_frame_pointer_is_lost, clear),
		cmocka_unit_test_setup(survives_hostile_tables, clear),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
