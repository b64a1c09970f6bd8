// SPDX-License-Identifier: Apache-2.0
/* What names code where symbol tables do not: Go's own table, MiniDebugInfo, the linker's stubs. Files are made here. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <lzma.h>

#include "elf/minidebug.h"
#include "elf/pclntab.h"
#include "elf/plt.h"
#include "elf_maker.h"

#define TEXT 0x401000u
#define TABLE 0x500000u
#define MODULE 0x600000u
#define GO_TEXT (TEXT + 0x100) /* C start-up code stands before it */

static void put32(struct buf *b, uint32_t v)
{
	buf_add(b, &v, sizeof(v));
}

static void put64(struct buf *b, uint64_t v)
{
	buf_add(b, &v, sizeof(v));
}

static void pad(struct buf *b, size_t n)
{
	while (b->n < n)
		buf_putc(b, '\0');
}

static const char go_names[] = "\0runtime.text\0main.(*T).run\0main.main"; /* at 1, 14, 28 */

/* Three functions at 0, 0x20 and 0x50 of Go's text, which ends at 0x90. */
static const uint64_t entries[] = {0, 0x20, 0x50, 0x90};
static const uint32_t name_offsets[] = {1, 14, 28};

static void table_start(struct buf *b, uint32_t magic)
{
	put32(b, magic);
	buf_add(b, "\0\0\1\10", 4);
	put64(b, 3);
}

/* Go 1.2: everything counts from the header; entries and functions hold addresses. */
static void go_1_2(struct buf *b)
{
	table_start(b, 0xfffffffb);
	for (int i = 0; i < 4; i++) {
		put64(b, GO_TEXT + entries[i]);
		put64(b, i < 3 ? 128 + 16 * i : 0);
	}
	pad(b, 128);
	for (int i = 0; i < 3; i++) {
		put64(b, GO_TEXT + entries[i]);
		put32(b, 200 + name_offsets[i]);
		put32(b, 0);
	}
	pad(b, 200);
	buf_add(b, go_names, sizeof(go_names));
}

/* nfiles, offsets of names, units, files, pc data, functions */
static void go_1_16(struct buf *b)
{
	table_start(b, 0xfffffffa);
	put64(b, 1);
	put64(b, 100);
	put64(b, 0);
	put64(b, 0);
	put64(b, 0);
	put64(b, 200);
	pad(b, 100);
	buf_add(b, go_names, sizeof(go_names));
	pad(b, 200);
	for (int i = 0; i < 4; i++) {
		put64(b, GO_TEXT + entries[i]);
		put64(b, i < 3 ? 100 + 16 * i : 0);
	}
	pad(b, 300);
	for (int i = 0; i < 3; i++) {
		put64(b, GO_TEXT + entries[i]);
		put32(b, name_offsets[i]);
		put32(b, 0);
	}
}

/* The same with the start of text, and 32-bit entries that count from it. */
static void go_1_18(struct buf *b, uint32_t magic, uint64_t text)
{
	table_start(b, magic);
	put64(b, 1);
	put64(b, text);
	put64(b, 100);
	put64(b, 0);
	put64(b, 0);
	put64(b, 0);
	put64(b, 200);
	pad(b, 100);
	buf_add(b, go_names, sizeof(go_names));
	pad(b, 200);
	for (int i = 0; i < 4; i++) {
		put32(b, entries[i]);
		put32(b, i < 3 ? 100 + 8 * i : 0);
	}
	pad(b, 300);
	for (int i = 0; i < 3; i++) {
		put32(b, entries[i]);
		put32(b, name_offsets[i]);
	}
}

/* Module data: the table, 19 words of other things, the bounds of text. */
static void module(struct buf *b, uint64_t table, uint64_t start)
{
	put64(b, 12345);
	put64(b, table);
	for (int i = 0; i < 19; i++)
		put64(b, 0x700000 + i);
	put64(b, start);
	put64(b, start ? start + 0x90 : 0);
	pad(b, 512);
}

/* ELF around a table and module data. */
static void make_go(struct elf_maker *m, const char *section, const struct buf *table, const struct buf *data, const struct buf *relocations)
{
	uint64_t at;
	char text[0x200] = "";

	maker_start(m);
	at = maker_bytes(m, text, sizeof(text));
	maker_segment(m, (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = at, .p_vaddr = TEXT, .p_filesz = sizeof(text),
				      .p_memsz = sizeof(text)});
	at = maker_bytes(m, table->v, table->n);
	maker_section(m, section, (Elf64_Shdr){.sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC, .sh_addr = TABLE, .sh_offset = at,
					       .sh_size = table->n});
	if (data) {
		at = maker_bytes(m, data->v, data->n);
		maker_section(m, ".go.module", (Elf64_Shdr){.sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC | SHF_WRITE,
							    .sh_addr = MODULE, .sh_offset = at, .sh_size = data->n});
		maker_segment(m, (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = at, .p_vaddr = MODULE,
					      .p_filesz = data->n, .p_memsz = data->n});
	}
	if (relocations) {
		at = maker_bytes(m, relocations->v, relocations->n);
		maker_section(m, ".rela.dyn", (Elf64_Shdr){.sh_type = SHT_RELA, .sh_flags = SHF_ALLOC, .sh_offset = at,
							   .sh_size = relocations->n});
	}
	maker_end(m, true);
}

/* The file in memory of just its size, for the sanitizer; to be freed. */
static uint8_t *open_exact(const struct elf_maker *m, struct elf *elf)
{
	uint8_t *exact = malloc(m->file.n);

	memcpy(exact, m->file.v, m->file.n);
	assert_int_equal(elf_open(elf, exact, m->file.n), 0);
	return exact;
}

static int symbols_of(struct symtab *t, int (*read)(struct symtab *, const struct elf *), const struct elf_maker *m)
{
	struct elf elf;
	uint8_t *exact = open_exact(m, &elf);
	int ret = read(t, &elf);

	free(exact);
	return ret;
}

static const char *name_at(const struct symtab *t, uint64_t vaddr)
{
	const struct symbol *s = symtab_find(t, vaddr);

	return s ? t->names.v + s->name : "(none)";
}

static void expect_go(const char *section, struct buf *table, struct buf *data, struct buf *relocations, bool readable)
{
	struct elf_maker m;
	struct symtab t = {0};

	make_go(&m, section, table, data, relocations);
	assert_int_equal(symbols_of(&t, pclntab_symbols, &m), readable ? 0 : -ENOENT);
	if (readable) {
		assert_string_equal(name_at(&t, GO_TEXT - 1), "(none)");
		assert_string_equal(name_at(&t, GO_TEXT), "runtime.text");
		assert_string_equal(name_at(&t, GO_TEXT + 0x1f), "runtime.text");
		assert_string_equal(name_at(&t, GO_TEXT + 0x20), "main.(*T).run");
		assert_string_equal(name_at(&t, GO_TEXT + 0x8f), "main.main");
		assert_string_equal(name_at(&t, GO_TEXT + 0x90), "(none)");
	} else {
		assert_int_equal(t.symbols.n, 0);
	}
	symtab_free(&t);
	maker_free(&m);
	if (data)
		buf_free(data);
	if (relocations)
		buf_free(relocations);
	buf_free(table);
}

static void put_relative(struct buf *b, uint64_t at, uint64_t value)
{
	put64(b, at);
	put64(b, R_X86_64_RELATIVE);
	put64(b, value);
}

static void go_versions(void **state)
{
	struct buf table = {0}, data = {0}, relocations = {0};

	go_1_2(&table);
	expect_go(".gopclntab", &table, NULL, NULL, true);
	go_1_16(&table);
	expect_go(".gopclntab", &table, NULL, NULL, true);
	go_1_18(&table, 0xfffffff0, GO_TEXT);
	expect_go(".gopclntab", &table, NULL, NULL, true);
	go_1_18(&table, 0xfffffff1, GO_TEXT);
	expect_go(".data.rel.ro.gopclntab", &table, NULL, NULL, true);
	/* 1.26: only the module data says where text begins. */
	go_1_18(&table, 0xfffffff1, 0);
	module(&data, TABLE, GO_TEXT);
	expect_go(".gopclntab", &table, &data, NULL, true);
	/* The same in a program that can be loaded anywhere: pointers are relocations. */
	go_1_18(&table, 0xfffffff1, 0);
	module(&data, 0, 0);
	put_relative(&relocations, MODULE + 8, TABLE);
	put_relative(&relocations, MODULE + 22 * 8, GO_TEXT + 0x90);
	put_relative(&relocations, MODULE + 21 * 8, GO_TEXT);
	expect_go(".gopclntab", &table, &data, &relocations, true);
	/* Among other data, as C linkers lay it out. */
	pad(&table, 96);
	struct buf inner = {0};
	go_1_18(&inner, 0xfffffff1, GO_TEXT);
	buf_add(&table, inner.v, inner.n);
	buf_free(&inner);
	expect_go(".data.rel.ro", &table, NULL, NULL, true);
}

/* Names are given only when their places are certain. */
static void go_uncertain(void **state)
{
	struct buf table = {0}, data = {0};

	go_1_18(&table, 0xfffffff1, 0); /* no module data */
	expect_go(".gopclntab", &table, NULL, NULL, false);
	go_1_18(&table, 0xfffffff1, 0);
	module(&data, TABLE + 8, GO_TEXT); /* that of another table */
	expect_go(".gopclntab", &table, &data, NULL, false);
	go_1_18(&table, 0xfffffff1, 0);
	module(&data, TABLE, 0x10000000); /* not in code */
	expect_go(".gopclntab", &table, &data, NULL, false);
	go_1_18(&table, 0xfffffff1, 0x10000000);
	expect_go(".gopclntab", &table, NULL, NULL, false);
	go_1_18(&table, 0xfffffff2, GO_TEXT); /* of a version that is not known */
	expect_go(".gopclntab", &table, NULL, NULL, false);
	go_1_16(&table);
	table.v[7] = 4; /* 32-bit */
	expect_go(".gopclntab", &table, NULL, NULL, false);
	go_1_18(&table, 0xfffffff1, GO_TEXT);
	memset(table.v + 8, 0x7f, 8); /* more functions than there is room for */
	expect_go(".gopclntab", &table, NULL, NULL, false);
}

/* Cut at any byte, or with any of its bytes changed: something or nothing, in bounds (ASan), ascending. */
static void go_damaged(void **state)
{
	struct buf table = {0}, data = {0};
	struct symtab t = {0};
	struct elf_maker m;

	go_1_18(&table, 0xfffffff1, 0);
	module(&data, TABLE, GO_TEXT);
	for (size_t i = 0; i < table.n; i++)
		for (int how = 0; how < 3; how++) {
			struct buf bad = {0};

			buf_add(&bad, table.v, how ? table.n : i + 1);
			bad.v[i] = how == 1 ? 0xff : how == 2 ? bad.v[i] + 1 : bad.v[i];
			make_go(&m, ".gopclntab", &bad, &data, NULL);
			symbols_of(&t, pclntab_symbols, &m);
			for (size_t n = 1; n < t.symbols.n; n++)
				assert_true(t.symbols.v[n - 1].end <= t.symbols.v[n].start);
			symtab_free(&t);
			maker_free(&m);
			buf_free(&bad);
		}
	buf_free(&table);
	buf_free(&data);
}

/*
 * main.main from 0 to 0x40 of Go's text. Into it main.mid was expanded at 0x10 and into that main.leaf at 0x18, both of b.go, up to
 * 0x30. Tables of values are (change, zigzag; length) from -1 on.
 */
static void go_inlines(struct buf *b, bool go_1_20, uint32_t calls)
{
	static const char names[] = "\0main.main\0main.mid\0main.leaf"; /* at 1, 11, 20 */
	static const char files[] = "\0a.go\0b.go";			   /* at 1, 6 */
	static const unsigned char values[] = {
		0, 2, 0x10, 2, 0x20, 1, 0x10, 0,                /* at 1: file 0; 1; 0 */
		22, 0x10, 20, 8, 20, 0x18, 37, 0x10, 0,	        /* at 8: line 10; 20; 30; 11 */
		0, 0x10, 4, 8, 1, 0x18, 1, 0x10, 0,	        /* at 17: no call; 1; 0; none */
	};

	put32(b, go_1_20 ? 0xfffffff1 : 0xfffffff0);
	buf_add(b, "\0\0\1\10", 4);
	put64(b, 1);
	put64(b, 2);
	put64(b, 0); /* text: the module data tells */
	for (uint64_t at = 100; at <= 340; at += 60)
		put64(b, at); /* names, units, files, values, functions */
	pad(b, 100);
	buf_add(b, names, sizeof(names));
	pad(b, 160);
	put32(b, 1);
	put32(b, 6);
	pad(b, 220);
	buf_add(b, files, sizeof(files));
	pad(b, 280);
	buf_add(b, values, sizeof(values));
	pad(b, 340);
	put32(b, 0);
	put32(b, 16);
	put32(b, 0x40);
	pad(b, 356);
	for (const uint32_t *v = (const uint32_t[]){0, 1, 0, 0, 0, 1, 8, 3, 0, UINT32_MAX}; *v != UINT32_MAX; v++)
		put32(b, *v);
	if (go_1_20)
		put32(b, 9); /* startLine */
	put32(b, 4u << 24);
	for (int i = 0; i < 2; i++)
		put32(b, 0);
	put32(b, 17);
	for (int i = 0; i < 3; i++)
		put32(b, UINT32_MAX);
	put32(b, calls);
}

static void put_call(struct buf *b, bool go_1_20, uint32_t name, uint32_t parent)
{
	for (int i = 0; i < (go_1_20 ? 1 : 3); i++)
		put32(b, 0x01010101);
	put32(b, name);
	put32(b, parent);
	if (go_1_20)
		put32(b, 5);
}

#define CALLS 0x650000u

static void make_go_inlines(struct elf_maker *m, bool go_1_20, const struct buf *table)
{
	struct buf data = {0}, calls = {0};
	uint64_t at;

	put64(&data, TABLE);
	put64(&data, GO_TEXT);
	put64(&data, GO_TEXT + 0x40);
	put64(&data, 0x123456);
	put64(&data, TABLE);
	put64(&data, CALLS);
	pad(&data, 512);
	put64(&calls, 0x4141414141414141);
	put_call(&calls, go_1_20, 20, 0x12);
	put_call(&calls, go_1_20, 11, 8);
	make_go(m, ".gopclntab", table, &data, NULL);
	/* make_go() has ended the file; it is ended anew, with one segment more. */
	at = maker_bytes(m, calls.v, calls.n);
	maker_segment(m, (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R, .p_offset = at, .p_vaddr = CALLS, .p_filesz = calls.n,
				      .p_memsz = calls.n});
	maker_end(m, true);
	buf_free(&data);
	buf_free(&calls);
}

static void expect_frames(const struct debug_info *d, uint64_t vaddr, const char *expected)
{
	struct debug_frame frames[8];
	struct buf text = {0};
	size_t n = debug_info_find(d, vaddr, frames, 8);

	buf_puts(&text, "");
	for (size_t i = 0; i < n && i < 8; i++)
		buf_printf(&text, "%s%s %s:%u", i ? " < " : "", frames[i].name, frames[i].file, frames[i].line);
	assert_string_equal(text.v, expected);
	buf_free(&text);
}

static int info_of(struct debug_info *d, const struct elf_maker *m)
{
	struct elf elf;
	uint8_t *exact = open_exact(m, &elf);
	int ret = pclntab_info(d, &elf);

	free(exact);
	return ret;
}

static void go_inlined_calls(void **state)
{
	for (int go_1_20 = 0; go_1_20 < 2; go_1_20++) {
		struct debug_info d = {0};
		struct buf table = {0};
		struct elf_maker m;

		go_inlines(&table, go_1_20, 8);
		make_go_inlines(&m, go_1_20, &table);
		assert_int_equal(info_of(&d, &m), 0);
		expect_frames(&d, GO_TEXT - 1, "");
		expect_frames(&d, GO_TEXT, "main.main a.go:10");
		expect_frames(&d, GO_TEXT + 0x10, "main.mid b.go:20 < main.main a.go:10");
		expect_frames(&d, GO_TEXT + 0x18, "main.leaf b.go:30 < main.mid b.go:20 < main.main a.go:10");
		expect_frames(&d, GO_TEXT + 0x2f, "main.leaf b.go:30 < main.mid b.go:20 < main.main a.go:10");
		expect_frames(&d, GO_TEXT + 0x3f, "main.main a.go:11");
		expect_frames(&d, GO_TEXT + 0x40, "");
		debug_info_free(&d);
		maker_free(&m);
		buf_truncate(&table, 0);
		go_inlines(&table, go_1_20, 4); /* not where calls are: lines are known all the same */
		make_go_inlines(&m, go_1_20, &table);
		assert_int_equal(info_of(&d, &m), 0);
		expect_frames(&d, GO_TEXT + 0x18, "main.main b.go:30");
		debug_info_free(&d);
		maker_free(&m);
		buf_free(&table);
	}
}

/* Any byte changed, a call that was expanded into itself: tables that can be looked up, or none. */
static void go_damaged_inlines(void **state)
{
	struct buf table = {0};

	go_inlines(&table, true, 8);
	for (size_t i = 0; i < table.n; i++)
		for (int how = 0; how < 2; how++) {
			struct debug_info d = {0};
			struct buf bad = {0};
			struct elf_maker m;

			buf_add(&bad, table.v, table.n);
			bad.v[i] = how ? 0xff : bad.v[i] + 1;
			make_go_inlines(&m, true, &bad);
			if (!info_of(&d, &m))
				for (size_t n = 0; n < d.ranges.n; n++) {
					struct debug_frame frames[8];

					assert_true(!n || d.ranges.v[n - 1].start < d.ranges.v[n].start);
					debug_info_find(&d, d.ranges.v[n].start, frames, 8);
				}
			debug_info_free(&d);
			maker_free(&m);
			buf_free(&bad);
		}
	buf_free(&table);
}

/* `inner`, packed, as the MiniDebugInfo of a file. */
static void make_minidebug(struct elf_maker *m, const void *inner, size_t n, uint32_t preset, size_t keep)
{
	size_t size = lzma_stream_buffer_bound(n), used = 0;
	uint8_t *packed = malloc(size);

	assert_int_equal(lzma_easy_buffer_encode(preset, LZMA_CHECK_CRC32, NULL, inner, n, packed, &used, size), LZMA_OK);
	if (keep > used)
		keep = used;
	maker_start(m);
	maker_section(m, MINIDEBUG_SECTION, (Elf64_Shdr){.sh_type = SHT_PROGBITS, .sh_offset = maker_bytes(m, packed, keep), .sh_size = keep});
	maker_end(m, true);
	free(packed);
}

static void make_inner(struct elf_maker *m)
{
	uint16_t text;

	maker_start(m);
	text = maker_text(m, ".text", 0x1000, 0x2000);
	maker_symbol(m, "hidden_function", STB_LOCAL, STT_FUNC, text, 0x1100, 0x80);
	maker_symbol(m, "hidden_data", STB_LOCAL, STT_OBJECT, text, 0x1200, 0x80);
	maker_symbol_table(m, SHT_SYMTAB);
	maker_end(m, true);
}

static void minidebug(void **state)
{
	struct elf_maker inner, m;
	struct symtab t = {0};

	make_inner(&inner);
	make_minidebug(&m, inner.file.v, inner.file.n, 6, SIZE_MAX);
	assert_int_equal(symbols_of(&t, minidebug_symbols, &m), 0);
	assert_string_equal(name_at(&t, 0x1100), "hidden_function");
	assert_string_equal(name_at(&t, 0x1180), "(none)");
	assert_string_equal(name_at(&t, 0x1200), "(none)");
	symtab_free(&t);
	maker_free(&m);
	make_minidebug(&m, inner.file.v, inner.file.n, 9 | LZMA_PRESET_EXTREME, SIZE_MAX);
	assert_int_equal(symbols_of(&t, minidebug_symbols, &m), 0);
	symtab_free(&t);
	maker_free(&m);
	for (size_t keep = 0; keep < 60; keep++) { /* cut short */
		make_minidebug(&m, inner.file.v, inner.file.n, 6, keep);
		assert_int_equal(symbols_of(&t, minidebug_symbols, &m), -ENOENT);
		maker_free(&m);
	}
	make_minidebug(&m, "no ELF", 6, 6, SIZE_MAX);
	assert_int_equal(symbols_of(&t, minidebug_symbols, &m), -ENOENT);
	maker_free(&m);
	maker_free(&inner);
}

/* Half a gigabyte of zeros in 80 KB. */
static void minidebug_bomb(void **state)
{
	size_t n = 2ull * MINIDEBUG_BYTES_MAX;
	char *zeros = calloc(1, n);
	struct symtab t = {0};
	struct elf_maker m;

	make_minidebug(&m, zeros, n, 0, SIZE_MAX);
	free(zeros);
	assert_true(m.file.n < 1u << 20);
	assert_int_equal(symbols_of(&t, minidebug_symbols, &m), -ENOENT);
	maker_free(&m);
}

#define SLOT 0x600000u

/* jmp *slot(%rip), behind `before` bytes of other instructions at `at`. */
static void put_jump(uint8_t *code, uint32_t at, uint32_t before, uint32_t slot)
{
	int32_t displacement = slot - (at + before + 6);

	code[before] = 0xff;
	code[before + 1] = 0x25;
	memcpy(code + before + 2, &displacement, 4);
}

static void put_relocation(struct buf *b, uint64_t at, uint32_t symbol, uint32_t type)
{
	put64(b, at);
	put64(b, (uint64_t)symbol << 32 | type);
	put64(b, 0);
}

static void add_stubs(struct elf_maker *m, const char *name, uint32_t vaddr, const void *code, size_t n, uint64_t step)
{
	maker_section(m, name, (Elf64_Shdr){.sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC | SHF_EXECINSTR, .sh_addr = vaddr,
					    .sh_offset = maker_bytes(m, code, n), .sh_size = n, .sh_entsize = step});
}

static void stubs(void **state)
{
	static const uint8_t endbr_bnd[] = {0xf3, 0x0f, 0x1e, 0xfa, 0xf2}, push_1[] = {0xf3, 0x0f, 0x1e, 0xfa, 0x68, 1, 0, 0, 0};
	uint8_t plt[64] = {0}, sec[16] = {0}, got[16] = {0};
	struct buf lazy = {0}, bound = {0};
	struct symtab t = {0};
	struct elf_maker m;

	maker_start(&m);
	maker_symbol(&m, "puts", STB_GLOBAL, STT_FUNC, SHN_UNDEF, 0, 0);      /* 1 */
	maker_symbol(&m, "memcpy", STB_GLOBAL, STT_FUNC, SHN_UNDEF, 0, 0);    /* 2 */
	maker_symbol(&m, "__cxa_finalize", STB_WEAK, STT_FUNC, SHN_UNDEF, 0, 0); /* 3 */
	put_relocation(&lazy, SLOT, 1, R_X86_64_JUMP_SLOT);
	put_relocation(&lazy, SLOT + 8, 2, R_X86_64_JUMP_SLOT);
	put_relocation(&lazy, SLOT + 16, 0, R_X86_64_IRELATIVE);
	put_relocation(&bound, SLOT + 24, 3, R_X86_64_GLOB_DAT);
	put_relocation(&bound, SLOT + 32, 99, R_X86_64_GLOB_DAT); /* no such symbol */
	/* The first entry of .plt is the resolver's; then one plain stub, one that pushes its index, one to an IFUNC. */
	put_jump(plt + 16, 0x1010, 0, SLOT);
	memcpy(plt + 32, push_1, sizeof(push_1));
	put_jump(plt + 48, 0x1030, 0, SLOT + 16);
	memcpy(sec, endbr_bnd, sizeof(endbr_bnd));
	put_jump(sec, 0x2000, 5, SLOT + 8);
	put_jump(got, 0x3000, 0, SLOT + 24);
	put_jump(got + 8, 0x3008, 0, SLOT + 32);
	add_stubs(&m, ".plt", 0x1000, plt, sizeof(plt), 16);
	add_stubs(&m, ".plt.got", 0x3000, got, sizeof(got), 8);
	add_stubs(&m, ".plt.sec", 0x2000, sec, sizeof(sec), 16);
	add_stubs(&m, ".plt.sec", 0x1008, sec, sizeof(sec), 16); /* a second one is not read */
	maker_section(&m, ".rela.plt", (Elf64_Shdr){.sh_type = SHT_RELA, .sh_offset = maker_bytes(&m, lazy.v, lazy.n), .sh_size = lazy.n});
	maker_section(&m, ".rela.dyn", (Elf64_Shdr){.sh_type = SHT_RELA, .sh_offset = maker_bytes(&m, bound.v, bound.n), .sh_size = bound.n});
	maker_section(&m, ".dynstr", (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = maker_bytes(&m, m.strings.v, m.strings.n),
						  .sh_size = m.strings.n});
	maker_section(&m, ".dynsym", (Elf64_Shdr){.sh_type = SHT_DYNSYM, .sh_offset = maker_bytes(&m, m.symbols.v, m.symbols.n),
						  .sh_size = m.symbols.n, .sh_link = m.n_sections - 1});
	maker_end(&m, true);
	assert_int_equal(symbols_of(&t, plt_symbols, &m), 0);
	assert_string_equal(name_at(&t, 0x1000), "(none)");
	assert_string_equal(name_at(&t, 0x1010), "puts@plt");
	assert_string_equal(name_at(&t, 0x101f), "puts@plt");
	assert_string_equal(name_at(&t, 0x1020), "memcpy@plt");
	assert_string_equal(name_at(&t, 0x1030), "(none)");
	assert_string_equal(name_at(&t, 0x2000), "memcpy@plt");
	assert_string_equal(name_at(&t, 0x3007), "__cxa_finalize@plt");
	assert_string_equal(name_at(&t, 0x3008), "(none)");
	assert_int_equal(t.symbols.n, 4);
	symtab_free(&t);
	maker_free(&m);
	buf_free(&lazy);
	buf_free(&bound);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(go_versions), cmocka_unit_test(go_uncertain),	  cmocka_unit_test(go_damaged),
		cmocka_unit_test(go_inlined_calls), cmocka_unit_test(go_damaged_inlines),
		cmocka_unit_test(minidebug),   cmocka_unit_test(minidebug_bomb), cmocka_unit_test(stubs),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
