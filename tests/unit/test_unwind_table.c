// SPDX-License-Identifier: Apache-2.0
/* Tables in the layout of bpf/unwind_table.h, of images made so that the expected rule at each address is known. */
#include "unwind/rule.h"
#include "unwind/table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "frame_maker.h"

struct fixture {
	struct buf section;
	struct elf_maker maker;
	struct elf elf;
	struct unwind_table table;
	size_t cie;
};

static void start(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	f->cie = put_usual_cie(&f->section);
}

/* Text at [TEXT, TEXT_END) and, if `end` is not 0, at [1 << 32, end). */
static int build(struct fixture *f, uint64_t end)
{
	uint64_t at;

	maker_start(&f->maker);
	at = maker_bytes(&f->maker, f->section.v, f->section.n);
	maker_segment(&f->maker, (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = TEXT, .p_memsz = TEXT_END - TEXT});
	if (end)
		maker_segment(&f->maker, (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 1ull << 32,
						      .p_memsz = end - (1ull << 32)});
	maker_section(&f->maker, ".eh_frame", (Elf64_Shdr){.sh_type = SHT_PROGBITS, .sh_addr = FRAME_ADDRESS, .sh_offset = at,
							   .sh_size = f->section.n});
	maker_end(&f->maker, true);
	assert_int_equal(elf_open(&f->elf, f->maker.file.v, f->maker.file.n), 0);
	return unwind_table_build(&f->table, &f->elf);
}

static void clear(struct fixture *f)
{
	for (size_t i = 0; i < f->table.parts.n; i++)
		assert_true(unwind_part_valid(&f->table.parts.v[i]));
	unwind_table_free(&f->table);
	maker_free(&f->maker);
	buf_free(&f->section);
}

/* An FDE with an 8-byte absolute address. */
static void put_far_fde(struct fixture *f, uint64_t address, uint64_t size)
{
	size_t cie = put_cie(&f->section, 1, "zR", "", 1, CIE_PROGRAM); /* encoding 0: absptr */
	struct buf b = {0};

	put(&b, f->section.n + 4 - cie, 4);
	put(&b, address, 8);
	put(&b, size, 8);
	put_uleb(&b, 0);
	put_entry(&f->section, &b);
}

/* rsp+n at an address, or 0 where there is no rule. */
static int64_t offset_at(const struct fixture *f, uint64_t vaddr)
{
	const struct unwind_part *part = unwind_table_part(&f->table, vaddr);
	const struct unwind_rule *rule = part ? unwind_table_find(part, vaddr) : NULL;

	if (!rule || rule->cfa == UNWIND_CFA_NONE)
		return 0;
	assert_int_equal(rule->cfa, UNWIND_CFA_SP);
	assert_int_equal(rule->ra, UNWIND_RA_AT_CFA);
	assert_int_equal(rule->ra_offset, -8);
	return rule->cfa_offset;
}

static void finds_rules_and_holes(void **state)
{
	struct fixture f;

	start(&f);
	put_fde(&f.section, f.cie, 0x1100, 0x11, "\x41\x0e\x10", 3);	 /* 8, from +1 on 16 */
	put_fde(&f.section, f.cie, 0x1120, 0x10, "", 0);		 /* behind 15 bytes of padding */
	put_fde(&f.section, f.cie, 0x1140, 0x10, "\x0e\x18", 2);	 /* behind a hole of 16 */
	put_fde(&f.section, f.cie, 0x3400, 0x400, "\x44\x0e\x20", 3);	 /* whole buckets are empty before it */
	put_fde(&f.section, f.cie, 0x5ff0, 0x20, "\x50\x0e\x28", 3);	 /* a row where a bucket begins */
	assert_int_equal(build(&f, 0), 0);
	assert_int_equal(f.table.parts.n, 1);
	assert_int_equal(f.table.parts.v[0].start, 0x1000);
	assert_int_equal(f.table.counts.functions, 5);
	for (uint64_t at = 0; at < TEXT_END; at += at < 0x7000 ? 1 : 0x100) {
		int64_t expected = at < 0x1100 ? 0 : at < 0x1101 ? 8 : at < 0x1120 ? 16 : at < 0x1130 ? 8 : at < 0x1140 ? 0 :
				   at < 0x1150 ? 24 : at < 0x3400 ? 0 : at < 0x3404 ? 8 : at < 0x3800 ? 32 : at < 0x5ff0 ? 0 :
				   at < 0x6000 ? 8 : at < 0x6010 ? 40 : 0;

		assert_int_equal(offset_at(&f, at), expected);
	}
	assert_null(unwind_table_find(&f.table.parts.v[0], 0xfff));
	assert_null(unwind_table_find(&f.table.parts.v[0], f.table.parts.v[0].end));
	clear(&f);
}

static void equal_rules_merge(void **state)
{
	struct fixture f;

	start(&f);
	for (int i = 0; i < 100; i++)
		put_fde(&f.section, f.cie, 0x1000 + i * 16, 16, "\x41\x0e\x08\x41\x0a\x41\x0b", 7);
	assert_int_equal(build(&f, 0), 0);
	assert_int_equal(f.table.counts.rows, 3); /* row 0, the rule, and no rule behind the last function */
	assert_int_equal(f.table.counts.rules, 2);
	clear(&f);
}

/* A row at every byte. */
static void fills_a_bucket(void **state)
{
	struct buf program = {0};
	struct fixture f;

	start(&f);
	for (int i = 1; i < 3000; i++) {
		buf_add(&program, "\x41\x0e", 2);
		put_uleb(&program, 8 + i);
	}
	put_fde(&f.section, f.cie, 0x1400, 3000, program.v, program.n);
	assert_int_equal(build(&f, 0), 0);
	for (uint64_t at = 0x1400; at < 0x1400 + 3000; at++)
		assert_int_equal(offset_at(&f, at), 8 + at - 0x1400);
	assert_int_equal(offset_at(&f, 0x1400 + 3000), 0);
	buf_free(&program);
	clear(&f);
}

/* More than a slab holds: contiguous parts that stand alone. 64 rules, so that it is the rows that fill it. */
static void cuts_a_large_image_between_buckets(void **state)
{
	size_t rows = 1500000, at = TEXT;
	struct buf program = {0};
	struct fixture f;

	start(&f);
	for (size_t i = 1; i < rows; i++) {
		buf_add(&program, "\x44\x0e", 2);
		put_uleb(&program, 8 + i % 64 * 8);
	}
	put_fde(&f.section, f.cie, at, rows * 4, program.v, program.n);
	assert_int_equal(build(&f, 0), 0);
	assert_int_equal(f.table.parts.n, 3); /* 1,500,000 rows and 5,860 buckets at 4 bytes in 2 MiB slabs: 2.87 of them */
	for (size_t i = 0; i < f.table.parts.n; i++) {
		assert_true(unwind_part_valid(&f.table.parts.v[i]));
		if (i)
			assert_int_equal(f.table.parts.v[i].start, f.table.parts.v[i - 1].end);
	}
	for (size_t i = 0; i < rows; i++) {
		assert_int_equal(offset_at(&f, at + i * 4), 8 + i % 64 * 8);
		assert_int_equal(offset_at(&f, at + i * 4 + 3), 8 + i % 64 * 8);
	}
	buf_free(&program);
	clear(&f);
}

/* More rules than an index can name. */
static void cuts_where_rules_run_out(void **state)
{
	struct buf program = {0};
	struct fixture f;
	int rows = 200000;

	start(&f);
	for (int i = 1; i < rows; i++) {
		buf_add(&program, "\x48\x0e", 2);
		put_uleb(&program, 8 + i);
	}
	put_fde(&f.section, f.cie, TEXT, rows * 8, program.v, program.n);
	assert_int_equal(build(&f, 0), 0);
	assert_true(f.table.parts.n >= 4);
	assert_int_equal(f.table.counts.left_out, 0);
	for (int i = 0; i < rows; i++)
		assert_int_equal(offset_at(&f, TEXT + i * 8), 8 + i);
	buf_free(&program);
	clear(&f);
}

/* What nothing describes in a program with StgRun is code of GHC's, before it and behind it, however large. */
static void holes_of_haskell_programs_get_the_rule_of_stg_run(void **state)
{
	const struct unwind_rule *before, *stg, *behind;
	struct fixture f;

	start(&f);
	put_fde(&f.section, f.cie, 0x1100, 0x10, "", 0);
	/* advance 16; CFA = rsp + 0; rbp at CFA + 16392, return address at CFA + 16432: -2049 and -2054 times -8 */
	put_fde(&f.section, f.cie, 0x401000, 0x40, "\x50\x0c\x07\x00\x11\x06\xff\x6f\x11\x10\xfa\x6f", 12);
	assert_int_equal(build(&f, 0), 0);
	assert_int_equal(f.table.parts.n, 1);
	before = unwind_table_find(&f.table.parts.v[0], 0x200000);
	stg = unwind_table_find(&f.table.parts.v[0], 0x401020);
	behind = unwind_table_find(&f.table.parts.v[0], 0x401050);
	assert_int_equal(stg->cfa, UNWIND_CFA_SP);
	assert_int_equal(stg->ra_offset, 16432);
	assert_int_equal(stg->fp_offset, 16392);
	assert_int_equal(before->cfa, UNWIND_CFA_STG);
	assert_int_equal(before->ra_offset, 16432);
	assert_int_equal(before->fp_offset, 16392);
	assert_memory_equal(before, behind, sizeof(*before));
	assert_int_equal(offset_at(&f, 0x1108), 8);
	clear(&f);
}

static void a_large_hole_needs_no_directory(void **state)
{
	struct fixture f;

	start(&f);
	put_fde(&f.section, f.cie, 0x1000, 0x10, "", 0);
	put_fde(&f.section, f.cie, 0x600000, 0x10, "", 0);
	put_far_fde(&f, (1ull << 32) + 0x100000000, 0x10);
	assert_int_equal(build(&f, 1ull << 34), 0);
	assert_int_equal(f.table.parts.n, 3);
	assert_int_equal(offset_at(&f, 0x1000), 8);
	assert_int_equal(offset_at(&f, 0x300000), 0);
	assert_int_equal(offset_at(&f, 0x60000f), 8);
	assert_int_equal(offset_at(&f, 0x200000000), 8);
	assert_int_equal(f.table.parts.v[2].start, 0x200000000);
	assert_true(f.table.parts.v[0].n_words < 64);
	clear(&f);
}

/* One rule over gigabytes: the parts carry it on, up to the bound; then it is told. */
static void bounds_what_a_forged_range_costs(void **state)
{
	struct fixture f;
	size_t words = 0;

	start(&f);
	put_far_fde(&f, 1ull << 32, 1ull << 31);
	assert_int_equal(build(&f, 1ull << 60), 0);
	assert_int_equal(f.table.counts.left_out, 0);
	assert_int_equal(offset_at(&f, (1ull << 32) + (1ull << 30)), 8);
	assert_int_equal(offset_at(&f, (1ull << 32) + (1ull << 31) - 1), 8);
	assert_int_equal(offset_at(&f, (1ull << 32) + (1ull << 31)), 0);
	clear(&f);

	start(&f);
	for (uint64_t i = 0; i < 64; i++)
		put_far_fde(&f, (1ull << 32) + (i << 32), UINT32_MAX);
	assert_int_equal(build(&f, 1ull << 60), 0);
	assert_true(f.table.counts.left_out > 0);
	for (size_t i = 0; i < f.table.parts.n; i++)
		words += f.table.parts.v[i].n_words;
	assert_true(words <= UNWIND_TABLE_WORDS_MAX);
	clear(&f);

	start(&f);
	for (uint64_t i = 0; i < 2 * UNWIND_PARTS_MAX; i++) /* each far enough from the last to be a part */
		put_far_fde(&f, (1ull << 32) + (i << 21), 16);
	assert_int_equal(build(&f, 1ull << 60), 0);
	assert_int_equal(f.table.parts.n, UNWIND_PARTS_MAX);
	assert_int_equal(f.table.counts.left_out, UNWIND_PARTS_MAX);
	assert_int_equal(offset_at(&f, (1ull << 32) + ((UNWIND_PARTS_MAX - 1ull) << 21)), 8);
	clear(&f);
}

static void refuses_what_it_is_not_for(void **state)
{
	struct fixture f;
	Elf64_Half machine = EM_AARCH64;

	start(&f);
	put_fde(&f.section, f.cie, 0x1000, 0x10, "", 0);
	assert_int_equal(build(&f, 0), 0);
	memcpy(f.maker.file.v + offsetof(Elf64_Ehdr, e_machine), &machine, sizeof(machine));
	assert_int_equal(elf_open(&f.elf, f.maker.file.v, f.maker.file.n), 0);
	unwind_table_free(&f.table);
	assert_int_equal(unwind_table_build(&f.table, &f.elf), -ENOEXEC);
	clear(&f);
}

static void forged_parts_are_not_valid(void **state)
{
	struct unwind_part part;
	uint32_t *words;
	struct fixture f;

	start(&f);
	put_fde(&f.section, f.cie, 0x1000, 0x1010, "\x41\x0e\x10\x41\x0e\x18", 6);
	assert_int_equal(build(&f, 0), 0);
	part = f.table.parts.v[0];
	words = (uint32_t *)part.words;
	assert_true(unwind_part_valid(&part));
	for (size_t i = 0; i < words[2]; i++)
		for (int bit = 0; bit < 32; bit++) {
			bool row = i >= words[1] && i < words[1] + words[words[1] - 1];

			words[i] ^= 1u << bit;
			if (i < 4 || (row && (words[i] >> 16 >= words[3] || UNWIND_ROW_PC(words[i]) >= UNWIND_BUCKET_BYTES)))
				assert_false(unwind_part_valid(&part));
			/* What passes is harmless: it can be searched. */
			for (uint64_t at = part.start; at < part.end && unwind_part_valid(&part); at += 100)
				assert_true(unwind_table_find(&part, at) - (struct unwind_rule *)(words + words[2]) < words[3]);
			words[i] ^= 1u << bit;
		}
	part.n_words -= 4;
	assert_false(unwind_part_valid(&part));
	clear(&f);
}

/* What a rule may say, and what would make its reader look beside its registers. */
static void forged_rules_are_not_valid(void **state)
{
	static const struct unwind_rule bad[] = {
		{.cfa = UNWIND_CFA_STG + 1},
		{.fp = UNWIND_FP_AT_SP + 1},
		{.ra = UNWIND_RA_NONE + 1},
		{.cfa = UNWIND_CFA_REG, .reg = 16},
		{.fp = UNWIND_FP_REG, .fp_offset = 16},
		{.fp = UNWIND_FP_REG, .fp_offset = -1},
		{.ra = UNWIND_RA_REG, .ra_offset = 16},
		{.ra = UNWIND_RA_REG, .ra_offset = -1},
	};
	struct unwind_rule *rules, good = {.cfa = UNWIND_CFA_REG, .reg = 15, .fp = UNWIND_FP_REG, .fp_offset = 15};
	struct fixture f;

	start(&f);
	put_fde(&f.section, f.cie, 0x1000, 0x1010, "\x41\x0e\x10\x41\x0e\x18", 6);
	assert_int_equal(build(&f, 0), 0);
	rules = (struct unwind_rule *)(f.table.parts.v[0].words + f.table.parts.v[0].words[2]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rules[1] = bad[i];
		assert_false(unwind_part_valid(&f.table.parts.v[0]));
	}
	rules[1] = good;
	assert_true(unwind_part_valid(&f.table.parts.v[0]));
	clear(&f);
}

static void parts_of_a_table_ascend(void **state)
{
	struct unwind_part *p;
	struct fixture f;

	start(&f);
	put_fde(&f.section, f.cie, 0x1000, 0x10, "", 0);
	put_far_fde(&f, (1ull << 32) + 0x1000, 0x10);
	assert_int_equal(build(&f, (1ull << 32) + 0x2000), 0);
	assert_int_equal(f.table.parts.n, 2);
	assert_true(unwind_table_valid(&f.table));
	p = f.table.parts.v;
	struct unwind_part first = p[0];
	p[0] = p[1];
	p[1] = first;
	assert_false(unwind_table_valid(&f.table));
	p[1] = p[0];
	assert_false(unwind_table_valid(&f.table)); /* the same twice */
	p[1].start = 0 - (uint64_t)(p[1].end - p[1].start);
	p[1].end = 0;
	assert_false(unwind_table_valid(&f.table)); /* beyond the end of all addresses */
	p[1] = p[0];
	p[0] = first;
	assert_true(unwind_table_valid(&f.table));
	clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_rules_and_holes),
		cmocka_unit_test(equal_rules_merge),
		cmocka_unit_test(fills_a_bucket),
		cmocka_unit_test(cuts_a_large_image_between_buckets),
		cmocka_unit_test(cuts_where_rules_run_out),
		cmocka_unit_test(holes_of_haskell_programs_get_the_rule_of_stg_run),
		cmocka_unit_test(a_large_hole_needs_no_directory),
		cmocka_unit_test(bounds_what_a_forged_range_costs),
		cmocka_unit_test(refuses_what_it_is_not_for),
		cmocka_unit_test(forged_parts_are_not_valid),
		cmocka_unit_test(forged_rules_are_not_valid),
		cmocka_unit_test(parts_of_a_table_ascend),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
