// SPDX-License-Identifier: Apache-2.0
/* .eh_frame and .debug_frame, with entries made byte by byte. What call frame instructions mean: tests/system/cfi.t. */
#include "elf/eh_frame.h"
#include "unwind/rule.h"
#include "unwind/table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "frame_maker.h"

struct fixture {
	struct buf section;
	struct elf_maker maker;
	struct elf elf;
	struct eh_frame frames;
};

static int load(struct fixture *f, const char *name, uint32_t type)
{
	frame_file(&f->maker, name, type, &f->section, true);
	assert_int_equal(elf_open(&f->elf, f->maker.file.v, f->maker.file.n), 0);
	return eh_frame_open(&f->frames, &f->elf);
}

static void clear(struct fixture *f)
{
	eh_frame_free(&f->frames);
	maker_free(&f->maker);
	buf_free(&f->section);
	memset(f, 0, sizeof(*f));
}

static void assert_function(const struct fixture *f, size_t i, uint64_t start, uint32_t size)
{
	assert_true(i < f->frames.functions.n);
	assert_int_equal(f->frames.functions.v[i].start, start);
	assert_int_equal(f->frames.functions.v[i].size, size);
}

struct rows {
	size_t n;
	uint64_t pc[8];
	struct cfi_state state[8];
};

static bool take_row(void *ctx, uint64_t pc, const struct cfi_state *state)
{
	struct rows *rows = ctx;

	assert_true(rows->n < ARRAY_SIZE(rows->pc));
	rows->pc[rows->n] = pc;
	rows->state[rows->n++] = *state;
	return true;
}

/* The rule of function i's first row. */
static void assert_rule(const struct fixture *f, size_t i, const char *expected)
{
	struct unwind_rule rule;
	char text[UNWIND_RULE_TEXT];
	struct rows rows = {0};

	assert_true(i < f->frames.functions.n);
	assert_int_equal(eh_frame_rows(&f->frames, &f->frames.functions.v[i], take_row, &rows), 0);
	rule = unwind_rule_of(&rows.state[0]);
	assert_string_equal(unwind_rule_text(&rule, text), expected);
}

#define USUAL "CFA=rsp+8 fp=same ra=*(CFA-8)"

static void sorts_functions(void **state)
{
	struct fixture f = {0};
	size_t cie = put_usual_cie(&f.section);

	put_fde(&f.section, cie, 0x3000, 0x10, "", 0);
	put_fde(&f.section, cie, 0x2000, 0x20, "", 0);
	cie = put_usual_cie(&f.section);
	put_fde(&f.section, cie, 0x500000, 0x30, "", 0);
	put_fde(&f.section, cie, 0x1000, 0x40, "", 0);
	assert_int_equal(load(&f, ".eh_frame", SHT_PROGBITS), 0);
	assert_int_equal(f.frames.functions.n, 4);
	assert_function(&f, 0, 0x1000, 0x40);
	assert_function(&f, 1, 0x2000, 0x20);
	assert_function(&f, 2, 0x3000, 0x10);
	assert_function(&f, 3, 0x500000, 0x30);
	assert_rule(&f, 3, USUAL);
	clear(&f);
}

static void counts_what_is_no_function(void **state)
{
	struct fixture f = {0};
	size_t cie = put_usual_cie(&f.section);

	put_fde(&f.section, cie, 0x2000, 0, "", 0);	       /* empty */
	put_fde(&f.section, cie, 0, 0x10, "", 0);	       /* discarded */
	put_fde(&f.section, cie, TEXT_END, 0x10, "", 0);       /* behind the text */
	put_fde(&f.section, cie, TEXT_END - 8, 0x10, "", 0);   /* half of it */
	put_fde(&f.section, cie + 4, 0x3000, 0x10, "", 0);     /* no CIE there */
	put_fde(&f.section, cie, 0x4000, 0x10, "\x3f", 1);     /* no such instruction: seen when it is run */
	assert_int_equal(load(&f, ".eh_frame", SHT_PROGBITS), 0);
	assert_int_equal(f.frames.counts.empty, 1);
	assert_int_equal(f.frames.counts.outside, 2);
	assert_int_equal(f.frames.counts.bad, 1);
	assert_int_equal(f.frames.functions.n, 2);
	assert_function(&f, 0, 0x4000, 0x10);
	assert_function(&f, 1, TEXT_END - 8, 8);
	clear(&f);
}

static void of_overlapping_ones_the_last_to_start_counts(void **state)
{
	struct fixture f = {0};
	size_t cie = put_usual_cie(&f.section);

	put_fde(&f.section, cie, 0x2000, 0x100, "", 0);
	put_fde(&f.section, cie, 0x2040, 0x10, "\x0e\x10", 2);
	put_fde(&f.section, cie, 0x2040, 0x80, "\x0e\x20", 2);
	assert_int_equal(load(&f, ".eh_frame", SHT_PROGBITS), 0);
	assert_int_equal(f.frames.functions.n, 2);
	assert_function(&f, 0, 0x2000, 0x40);
	assert_function(&f, 1, 0x2040, 0x10);
	assert_rule(&f, 1, "CFA=rsp+16 fp=same ra=*(CFA-8)");
	assert_int_equal(f.frames.counts.clipped, 1);
	assert_int_equal(f.frames.counts.hidden, 1);
	clear(&f);
}

/* An FDE of a CIE with this encoding; `pointer` and `size` as they stand in the file. */
static void put_encoded(struct buf *section, uint8_t encoding, const void *pointer, size_t n, const void *size, size_t size_n)
{
	uint8_t data[] = {encoding};
	size_t cie = put_cie(section, 1, "zR", data, 1, CIE_PROGRAM);
	struct buf b = {0};

	put(&b, section->n + 4 - cie, 4);
	buf_add(&b, pointer, n);
	buf_add(&b, size, size_n);
	put_uleb(&b, 0);
	put_entry(section, &b);
}

static void reads_every_pointer_encoding(void **state)
{
	struct fixture f = {0};
	uint64_t at = 0x2000, n = 0x10, pcrel;
	struct buf aligned = {0};

	put_encoded(&f.section, 0x00, &at, 8, &n, 8); /* absptr */
	at = 0x3000;
	put_encoded(&f.section, 0x03, &at, 4, &n, 4); /* udata4 */
	at = 0x4000;
	put_encoded(&f.section, 0x02, &at, 2, &n, 2); /* udata2 */
	put_encoded(&f.section, 0x01, "\x80\xa0\x81\x00", 4, "\x90\x80\x00", 3); /* uleb128, padded: 0x5000, 0x10 */
	put_encoded(&f.section, 0x09, "\x80\xc0\x01", 3, "\x10", 1);	  /* sleb128: 0x6000 */
	at = 0x7000;
	put_encoded(&f.section, 0x0a, &at, 2, &n, 2); /* sdata2 */
	at = 0x8000;
	put_encoded(&f.section, 0x0c, &at, 8, &n, 8); /* sdata8 */
	pcrel = 0x9000 - (FRAME_ADDRESS + f.section.n + 24 + 8); /* the CIE has 24 bytes */
	put_encoded(&f.section, 0x1c, &pcrel, 8, &n, 8);
	at = 0xa000;
	put(&aligned, 0, -(f.section.n + 24 + 8) & 7);
	buf_add(&aligned, &at, 8);
	put_encoded(&f.section, 0x50, aligned.v, aligned.n, &n, 8);
	at = FRAME_ADDRESS; /* where 0x14 0x00 0x00 0x00, then the id 0 is: address 0x14, which is no text */
	put_encoded(&f.section, 0x80, &at, 8, &n, 8);
	put_encoded(&f.section, 0x20, &at, 8, &n, 8); /* textrel: from nothing that a file says */
	put_encoded(&f.section, 0xff, &at, 8, &n, 8); /* omitted */
	assert_int_equal(load(&f, ".eh_frame", SHT_PROGBITS), 0);
	assert_int_equal(f.frames.functions.n, 9);
	for (size_t i = 0; i < 9; i++)
		assert_function(&f, i, 0x2000 + i * 0x1000, 0x10);
	assert_int_equal(f.frames.counts.outside, 1);
	assert_int_equal(f.frames.counts.bad, 2);
	buf_free(&aligned);
	clear(&f);
}

static void follows_indirect_and_data_relative_pointers(void **state)
{
	struct fixture f = {0};
	uint64_t slot = 0x2000, at = FRAME_ADDRESS, n = 0x10, offset = 0x40;
	Elf64_Dyn dynamic[] = {{.d_tag = DT_PLTGOT, .d_un.d_ptr = 0x3000}, {.d_tag = DT_NULL}};
	uint64_t file;

	put(&f.section, 12, 4); /* an entry that holds the slot: an FDE of a CIE that does not exist */
	put(&f.section, 0x99, 4);
	buf_add(&f.section, &slot, 8);
	at = FRAME_ADDRESS + 8;
	put_encoded(&f.section, 0x80, &at, 8, &n, 8);
	put_encoded(&f.section, 0x33, &offset, 4, &n, 4); /* datarel udata4 */
	maker_start(&f.maker);
	file = maker_bytes(&f.maker, f.section.v, f.section.n);
	maker_bytes(&f.maker, dynamic, sizeof(dynamic));
	maker_segment(&f.maker, (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = TEXT, .p_memsz = TEXT_END - TEXT});
	maker_segment(&f.maker, (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R, .p_vaddr = FRAME_ADDRESS, .p_offset = file,
					     .p_filesz = f.maker.file.n - file, .p_memsz = f.maker.file.n - file});
	maker_segment(&f.maker, (Elf64_Phdr){.p_type = PT_DYNAMIC, .p_filesz = sizeof(dynamic),
					     .p_vaddr = FRAME_ADDRESS + f.maker.file.n - sizeof(dynamic) - file});
	maker_section(&f.maker, ".eh_frame", (Elf64_Shdr){.sh_type = SHT_PROGBITS, .sh_addr = FRAME_ADDRESS, .sh_offset = file,
							  .sh_size = f.section.n});
	maker_end(&f.maker, true);
	assert_int_equal(elf_open(&f.elf, f.maker.file.v, f.maker.file.n), 0);
	assert_int_equal(eh_frame_open(&f.frames, &f.elf), 0);
	assert_int_equal(f.frames.functions.n, 2);
	assert_function(&f, 0, 0x2000, 0x10);
	assert_function(&f, 1, 0x3040, 0x10);
	clear(&f);
}

static void reads_every_kind_of_cie(void **state)
{
	static const struct {
		uint8_t version;
		const char *letters, *data;
		size_t n;
		bool good;
	} cies[] = {
		{1, "zR", "\x1b", 1, true},
		{3, "zR", "\x1b", 1, true},
		{4, "zR", "\x1b", 1, true},
		{1, "zPLR", "\x9b\1\2\3\4\x1b\x1b", 7, true},	      /* personality: indirect pcrel sdata4; LSDA encoding */
		{1, "zRPL", "\x1b\x03\1\2\3\4\x1b", 7, true},	      /* in another order */
		{1, "zRSBG", "\x1b", 1, true},			      /* letters without data */
		{1, "zRX", "\x1b\1\2\3", 4, true},		      /* an unknown letter: its data are skipped */
		{1, "R", "\x1b", 1, false},			      /* no size: the FDE would have no augmentation length either */
		{1, "X", "\1", 1, false},			      /* unknown data of unknown size */
		{2, "zR", "\x1b", 1, false},
		{1, "zR", "", 0, false},			      /* the encoding is missing */
	};
	struct fixture f = {0};

	for (size_t i = 0; i < ARRAY_SIZE(cies); i++) {
		size_t cie = put_cie(&f.section, cies[i].version, cies[i].letters, cies[i].data, cies[i].n, CIE_PROGRAM);

		put_fde(&f.section, cie, 0x2000 + i * 0x10, 0x10, cies[i].letters[0] == 'R' ? "\x3f" : "", cies[i].letters[0] == 'R');
	}
	assert_int_equal(load(&f, ".eh_frame", SHT_PROGBITS), 0);
	for (size_t i = 0, k = 0; i < ARRAY_SIZE(cies); i++) {
		if (!cies[i].good)
			continue;
		while (f.frames.functions.v[k].start < 0x2000 + i * 0x10)
			k++;
		assert_function(&f, k, 0x2000 + i * 0x10, 0x10);
		assert_rule(&f, k, USUAL);
	}
	assert_int_equal(f.frames.counts.bad, 3);
	clear(&f);
}

static void reads_64_bit_lengths(void **state)
{
	struct fixture f = {0};
	size_t cie;

	/* As put_usual_cie() and put_fde() have it, with 8 bytes of id. */
	put(&f.section, UINT32_MAX, 4);
	put(&f.section, 24, 8);
	cie = f.section.n - 12;
	put(&f.section, 0, 8);
	buf_add(&f.section, "\1zR\0\x01\x78\x10\1\x1b" CIE_PROGRAM "\0\0", 16);
	put(&f.section, UINT32_MAX, 4);
	put(&f.section, 20, 8);
	put(&f.section, f.section.n - cie, 8);
	put(&f.section, 0x2000 - (FRAME_ADDRESS + f.section.n), 4);
	put(&f.section, 0x10, 4);
	put(&f.section, 0, 4);
	put_fde(&f.section, cie, 0x3000, 0x10, "", 0); /* and a usual one of the same CIE */
	assert_int_equal(load(&f, ".eh_frame", SHT_PROGBITS), 0);
	assert_int_equal(f.frames.functions.n, 2);
	assert_function(&f, 0, 0x2000, 0x10);
	assert_rule(&f, 0, USUAL);
	assert_function(&f, 1, 0x3000, 0x10);
	clear(&f);
}

static void goes_on_behind_a_zero_length(void **state)
{
	struct fixture f = {0};
	size_t cie = put_usual_cie(&f.section);

	put_fde(&f.section, cie, 0x2000, 0x10, "", 0);
	put(&f.section, 0, 8);
	put_fde(&f.section, cie, 0x3000, 0x10, "", 0);
	put(&f.section, 0, 4);
	assert_int_equal(load(&f, ".eh_frame", SHT_PROGBITS), 0);
	assert_int_equal(f.frames.functions.n, 2);
	assert_int_equal(f.frames.counts.cut, 0);
	clear(&f);
}

static void a_length_out_of_the_section_costs_what_follows(void **state)
{
	struct fixture f = {0};
	size_t cie = put_usual_cie(&f.section);

	put_fde(&f.section, cie, 0x2000, 0x10, "", 0);
	put(&f.section, 0x7fffffff, 4);
	put_fde(&f.section, cie, 0x3000, 0x10, "", 0);
	assert_int_equal(load(&f, ".eh_frame", SHT_PROGBITS), 0);
	assert_int_equal(f.frames.functions.n, 1);
	assert_int_equal(f.frames.counts.cut, 1);
	clear(&f);
}

static void finds_the_section_by_name_whatever_its_type(void **state)
{
	struct fixture f = {0};

	put_fde(&f.section, put_usual_cie(&f.section), 0x2000, 0x10, "", 0);
	assert_int_equal(load(&f, ".eh_frame", 0x70000001), 0); /* SHT_X86_64_UNWIND */
	assert_int_equal(f.frames.functions.n, 1);
	clear(&f);
	put_fde(&f.section, put_usual_cie(&f.section), 0x2000, 0x10, "", 0);
	assert_int_equal(load(&f, ".eh_frame", SHT_NOBITS), -ENOENT); /* a debug file */
	clear(&f);
	put_fde(&f.section, put_usual_cie(&f.section), 0x2000, 0x10, "", 0);
	assert_int_equal(load(&f, ".no_frame", SHT_PROGBITS), -ENOENT);
	clear(&f);
}

static void put_debug_frame(struct buf *section)
{
	struct buf cie = {0};

	for (uint64_t start = 0; start <= 0x2000; start += 0x2000) { /* 0: where nothing was linked */
		struct buf fde = {0};

		put(&fde, 2 * 24, 4);
		put(&fde, start, 8);
		put(&fde, 0x10, 8);
		put_entry(section, &fde);
	}
	put(&cie, UINT32_MAX, 4);
	buf_add(&cie, "\3\0\x01\x78\x10" CIE_PROGRAM, 10);
	assert_int_equal(put_entry(section, &cie), 2 * 24);
}

/* .debug_frame: absolute addresses, ids of other meaning, a CIE that comes behind its FDE. */
static void reads_debug_frame(void **state)
{
	struct fixture f = {0};

	put_debug_frame(&f.section);
	assert_int_equal(load(&f, ".debug_frame", SHT_PROGBITS), 0);
	assert_int_equal(f.frames.functions.n, 1);
	assert_function(&f, 0, 0x2000, 0x10);
	assert_rule(&f, 0, USUAL);
	assert_int_equal(f.frames.counts.outside, 1);
	clear(&f);
}

/* Makes a file of compressed frames: a header that says `size`, and `keep` bytes of the stream. Opens what eh_frame_range() tells. */
static int open_compressed(struct fixture *f, bool old, uint64_t size, size_t keep)
{
	struct buf plain = f->section;
	uLongf n = compressBound(plain.n);
	uint8_t stream[256];
	uint64_t offset, bytes;
	char *copy;
	int ret;

	assert_true(n <= sizeof(stream) && compress(stream, &n, (const uint8_t *)plain.v, plain.n) == Z_OK);
	f->section = (struct buf){0};
	if (old) {
		buf_add(&f->section, "ZLIB", 4);
		put(&f->section, __builtin_bswap64(size), 8);
	} else {
		put(&f->section, ELFCOMPRESS_ZLIB, 8);
		put(&f->section, size, 8);
		put(&f->section, 8, 8);
	}
	buf_add(&f->section, stream, keep < n ? keep : n);
	frame_file(&f->maker, old ? ".zdebug_frame" : ".debug_frame", SHT_PROGBITS, &f->section, true);
	if (!old) {
		Elf64_Shdr *sh = (Elf64_Shdr *)(f->maker.file.v + ((const Elf64_Ehdr *)f->maker.file.v)->e_shoff);

		sh[1].sh_flags = SHF_COMPRESSED;
	}
	copy = calloc(1, f->maker.file.n);
	memcpy(copy, f->maker.file.v, sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr));
	offset = ((const Elf64_Ehdr *)copy)->e_shoff;
	memcpy(copy + offset, f->maker.file.v + offset, f->maker.file.n - offset);
	assert_int_equal(elf_open(&f->elf, copy, f->maker.file.n), 0);
	for (unsigned i = 0; eh_frame_range(&f->elf, i, &offset, &bytes); i++)
		if (bytes)
			memcpy(copy + offset, f->maker.file.v + offset, bytes);
	ret = eh_frame_open(&f->frames, &f->elf);
	memset(copy, 0xff, f->maker.file.n); /* what was inflated is our own */
	free(copy);
	buf_free(&plain);
	return ret;
}

static void inflates_debug_frame(void **state)
{
	for (int old = 0; old < 2; old++) {
		struct fixture f = {0};

		put_debug_frame(&f.section);
		assert_int_equal(open_compressed(&f, old, f.section.n, SIZE_MAX), 0);
		assert_int_equal(f.frames.functions.n, 1);
		assert_function(&f, 0, 0x2000, 0x10);
		assert_rule(&f, 0, USUAL);
		assert_int_equal(f.frames.counts.cut, 0);
		clear(&f);
	}
}

static void a_debug_frame_that_cannot_be_inflated_is_none(void **state)
{
	struct fixture f = {0};
	uint64_t size;

	put_debug_frame(&f.section);
	size = f.section.n;
	clear(&f);
	for (int old = 0; old < 2; old++) {
		const uint64_t sizes[] = {0, size - 1, size + 1, EH_FRAME_BYTES_MAX + 1ull, UINT64_MAX};

		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			put_debug_frame(&f.section);
			assert_int_equal(open_compressed(&f, old, sizes[i], SIZE_MAX), -ENOENT);
			assert_int_equal(f.frames.counts.cut, 1);
			clear(&f);
		}
		for (size_t keep = 0; keep < 40; keep++) {
			put_debug_frame(&f.section);
			assert_int_equal(open_compressed(&f, old, size, keep), -ENOENT);
			assert_int_equal(f.frames.counts.cut, 1);
			clear(&f);
		}
	}
}

/* Without section headers. The table names the second function, behind a zero length; what follows is other data. */
static void finds_eh_frame_by_its_program_header(void **state)
{
	struct fixture f = {0};
	struct buf hdr = {0};
	size_t cie = put_usual_cie(&f.section), last, n;
	struct unwind_table whole = {0}, partial = {0};
	uint64_t at, offset, size;
	char *copy;

	put_fde(&f.section, cie, 0x2000, 0x10, "", 0);
	put(&f.section, 0, 4);
	last = f.section.n;
	put_fde(&f.section, cie, 0x3000, 0x10, "", 0);
	put(&f.section, 0, 4);
	put(&f.section, 0x11111111, 4);
	/* version 1; eh_frame_ptr pcrel sdata4, count udata4, table datarel sdata4 */
	buf_add(&hdr, "\x01\x1b\x03\x3b", 4);
	put(&hdr, FRAME_ADDRESS - (0x900000 + 4), 4);
	put(&hdr, 1, 4);
	put(&hdr, 0x3000 - 0x900000, 4);
	put(&hdr, FRAME_ADDRESS + last - 0x900000, 4);

	maker_start(&f.maker);
	at = maker_bytes(&f.maker, f.section.v, f.section.n);
	maker_segment(&f.maker, (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = TEXT, .p_memsz = TEXT_END - TEXT});
	maker_segment(&f.maker, (Elf64_Phdr){.p_type = PT_LOAD, .p_vaddr = FRAME_ADDRESS, .p_offset = at, .p_filesz = f.section.n});
	at = maker_bytes(&f.maker, hdr.v, hdr.n);
	maker_segment(&f.maker, (Elf64_Phdr){.p_type = PT_LOAD, .p_vaddr = 0x900000, .p_offset = at, .p_filesz = hdr.n});
	maker_segment(&f.maker, (Elf64_Phdr){.p_type = PT_GNU_EH_FRAME, .p_vaddr = 0x900000, .p_offset = at, .p_filesz = hdr.n});
	maker_end(&f.maker, false);
	n = f.maker.file.n;
	assert_int_equal(elf_open(&f.elf, f.maker.file.v, n), 0);
	assert_int_equal(eh_frame_open(&f.frames, &f.elf), 0);
	assert_int_equal(f.frames.functions.n, 2);
	assert_function(&f, 1, 0x3000, 0x10);
	assert_int_equal(f.frames.counts.cut, 0);

	/* A copy of nothing but the headers and the ranges asked for is as good. */
	assert_int_equal(unwind_table_build(&whole, &f.elf), 0);
	copy = calloc(1, n);
	memcpy(copy, f.maker.file.v, sizeof(Elf64_Ehdr) + 4 * sizeof(Elf64_Phdr));
	assert_int_equal(elf_open(&f.elf, copy, n), 0);
	for (unsigned i = 0; eh_frame_range(&f.elf, i, &offset, &size); i++)
		if (size)
			memcpy(copy + offset, f.maker.file.v + offset, size);
	assert_int_equal(unwind_table_build(&partial, &f.elf), 0);
	assert_int_equal(partial.parts.n, 1);
	assert_int_equal(partial.parts.v[0].n_words, whole.parts.v[0].n_words);
	assert_memory_equal(partial.parts.v[0].words, whole.parts.v[0].words, whole.parts.v[0].n_words * 4);
	unwind_table_free(&whole);
	unwind_table_free(&partial);
	free(copy);
	buf_free(&hdr);
	clear(&f);
}

static void rows_lie_inside_their_function(void **state)
{
	struct fixture f = {0};
	size_t cie = put_usual_cie(&f.section);
	struct rows rows = {0};

	/* +4: 16; +0: 24 (overwrites); +4: 32; to the end: 40 (no row); beyond: no row */
	put_fde(&f.section, cie, 0x2000, 0x10, "\x44\x0e\x10\x40\x0e\x18\x44\x0e\x20\x48\x0e\x28\x44\x0e\x30", 15);
	/* remember_state 64 deep is a program, 65 deep is not */
	put_fde(&f.section, cie, 0x3000, 0x10, "\x41\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0e\x20\x41\x0b\x0b\x0b\x0b", 18);
	put_fde(&f.section, cie, 0x4000, 0x10, "\x41\x0e\x10\x41\x0b", 5); /* nothing to restore */
	assert_int_equal(load(&f, ".eh_frame", SHT_PROGBITS), 0);
	assert_int_equal(eh_frame_rows(&f.frames, &f.frames.functions.v[0], take_row, &rows), 0);
	assert_int_equal(rows.n, 3);
	assert_int_equal(rows.pc[1], 0x2004);
	assert_int_equal(rows.state[1].cfa.offset, 24);
	assert_int_equal(rows.pc[2], 0x2008);
	assert_int_equal(rows.state[2].cfa.offset, 32);
	rows.n = 0;
	assert_int_equal(eh_frame_rows(&f.frames, &f.frames.functions.v[1], take_row, &rows), 0);
	assert_int_equal(rows.n, 3);
	assert_int_equal(rows.state[1].cfa.offset, 32);
	assert_int_equal(rows.state[2].cfa.offset, 8);
	rows.n = 0;
	assert_int_equal(eh_frame_rows(&f.frames, &f.frames.functions.v[2], take_row, &rows), -EINVAL);
	assert_int_equal(rows.n, 3);
	assert_int_equal(rows.state[1].cfa.offset, 16);
	assert_int_equal(rows.state[2].cfa.how, CFI_UNSPECIFIED);
	clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sorts_functions),
		cmocka_unit_test(counts_what_is_no_function),
		cmocka_unit_test(of_overlapping_ones_the_last_to_start_counts),
		cmocka_unit_test(reads_every_pointer_encoding),
		cmocka_unit_test(follows_indirect_and_data_relative_pointers),
		cmocka_unit_test(reads_every_kind_of_cie),
		cmocka_unit_test(reads_64_bit_lengths),
		cmocka_unit_test(goes_on_behind_a_zero_length),
		cmocka_unit_test(a_length_out_of_the_section_costs_what_follows),
		cmocka_unit_test(finds_the_section_by_name_whatever_its_type),
		cmocka_unit_test(reads_debug_frame),
		cmocka_unit_test(inflates_debug_frame),
		cmocka_unit_test(a_debug_frame_that_cannot_be_inflated_is_none),
		cmocka_unit_test(finds_eh_frame_by_its_program_header),
		cmocka_unit_test(rows_lie_inside_their_function),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
