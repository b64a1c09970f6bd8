// SPDX-License-Identifier: Apache-2.0
/* Headers, notes, links and symbols of files made by hand, byte for byte. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "elf/elf.h"
#include "elf/symtab.h"
#include "elf_maker.h"

static void open_made(struct elf *elf, const struct elf_maker *m)
{
	assert_int_equal(elf_open(elf, m->file.v, m->file.n), 0);
}

static void refuses_other_files(void **state)
{
	struct elf_maker m;
	struct elf elf;

	maker_start(&m);
	maker_end(&m, false);
	open_made(&elf, &m);
	assert_int_equal(elf_open(&elf, m.file.v, sizeof(Elf64_Ehdr) - 1), -ENOEXEC);
	m.file.v[EI_CLASS] = ELFCLASS32;
	assert_int_equal(elf_open(&elf, m.file.v, m.file.n), -ENOEXEC);
	m.file.v[EI_CLASS] = ELFCLASS64;
	m.file.v[EI_DATA] = ELFDATA2MSB;
	assert_int_equal(elf_open(&elf, m.file.v, m.file.n), -ENOEXEC);
	m.file.v[EI_DATA] = ELFDATA2LSB;
	m.file.v[0] = '#';
	assert_int_equal(elf_open(&elf, m.file.v, m.file.n), -ENOEXEC);
	maker_free(&m);
}

/* gABI: more than 65,279 sections are counted in section 0, as are more than 65,534 segments. */
static void counts_beyond_16_bits(void **state)
{
	struct elf_maker m;
	struct elf elf;
	Elf64_Ehdr h;
	Elf64_Shdr first = {0};

	maker_start(&m);
	maker_segment(&m, (Elf64_Phdr){.p_type = PT_LOAD});
	maker_text(&m, ".text", 0x1000, 0x2000);
	maker_end(&m, true);
	memcpy(&h, m.file.v, sizeof(h));
	first.sh_size = h.e_shnum;
	first.sh_link = h.e_shstrndx;
	first.sh_info = h.e_phnum;
	memcpy(m.file.v + h.e_shoff, &first, sizeof(first));
	h.e_shnum = 0;
	h.e_shstrndx = SHN_XINDEX;
	h.e_phnum = PN_XNUM;
	memcpy(m.file.v, &h, sizeof(h));
	open_made(&elf, &m);
	assert_int_equal(elf.sections, 3);
	assert_int_equal(elf.segments, 1);
	maker_free(&m);
}

static void counts_that_lie(void **state)
{
	struct elf_maker m;
	Elf64_Shdr sh;
	struct elf elf;
	Elf64_Ehdr h;
	size_t n;

	maker_start(&m);
	maker_text(&m, ".text", 0x1000, 0x2000);
	maker_end(&m, true);
	memcpy(&h, m.file.v, sizeof(h));
	n = h.e_shnum;
	h.e_shnum = 60000;
	h.e_phnum = 60000;
	memcpy(m.file.v, &h, sizeof(h));
	open_made(&elf, &m);
	assert_int_equal(elf.sections, n); /* they end the file */
	assert_true(elf.segments < 60000);
	assert_false(elf_section(&elf, n, &sh));
	h.e_shoff = UINT64_MAX - 10;
	memcpy(m.file.v, &h, sizeof(h));
	open_made(&elf, &m);
	assert_int_equal(elf.sections, 0);
	maker_free(&m);
}

struct note {
	Elf64_Nhdr h;
	char name[4];
	uint8_t desc[24];
};

static size_t build_id_of(const void *notes, size_t n, bool by_segment, uint8_t ret[20])
{
	struct elf_maker m;
	struct elf elf;
	uint64_t at;
	size_t length;

	maker_start(&m);
	at = maker_bytes(&m, notes, n);
	if (by_segment)
		maker_segment(&m, (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = at, .p_filesz = n});
	else
		maker_section(&m, ".note", (Elf64_Shdr){.sh_type = SHT_NOTE, .sh_offset = at, .sh_size = n});
	maker_end(&m, !by_segment);
	open_made(&elf, &m);
	length = elf_build_id(&elf, ret);
	maker_free(&m);
	return length;
}

static void build_ids(void **state)
{
	static const int lengths[] = {1, 3, 8, 16, 20};
	struct note note[2] = {
		{{4, 24, 5}, "GNU", {9, 9, 9}}, /* .note.gnu.property stands before it */
		{{4, 20, NT_GNU_BUILD_ID}, "GNU", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}},
	};
	uint8_t id[20];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (int by_segment = 0; by_segment <= 1; by_segment++) {
			note[1].h.n_descsz = lengths[i];
			/* As it is, and as the last note without padding. */
			assert_int_equal(build_id_of(note, sizeof(note), by_segment, id), lengths[i]);
			assert_memory_equal(id, note[1].desc, lengths[i]);
			assert_int_equal(build_id_of(note, sizeof(note[0]) + 16 + lengths[i], by_segment, id), lengths[i]);
			assert_int_equal(build_id_of(note, sizeof(note[0]) + 15 + lengths[i], by_segment, id), 0);
		}
	note[1].h.n_descsz = 21;
	assert_int_equal(build_id_of(note, sizeof(note), true, id), 0);
	note[1].h.n_descsz = 0;
	assert_int_equal(build_id_of(note, sizeof(note), true, id), 0);
	note[1].h.n_descsz = 20;
	note[1].name[0] = 'X';
	assert_int_equal(build_id_of(note, sizeof(note), true, id), 0);
	note[1].name[0] = 'G';
	note[0].h.n_descsz = 0xFFFFFFFF; /* a note of 4 GB */
	assert_int_equal(build_id_of(note, sizeof(note), true, id), 0);
	note[0].h.n_descsz = 24;
	note[0].h.n_namesz = 0xFFFFFFFD;
	assert_int_equal(build_id_of(note, sizeof(note), true, id), 0);
}

static const char *link_of(const void *bytes, size_t n, uint32_t *crc, struct elf_maker *m)
{
	struct elf elf;
	uint64_t at;

	maker_start(m);
	at = maker_bytes(m, bytes, n);
	maker_section(m, ".gnu_debuglink", (Elf64_Shdr){.sh_type = SHT_PROGBITS, .sh_offset = at, .sh_size = n});
	maker_end(m, true);
	open_made(&elf, m);
	return elf_debuglink(&elf, crc);
}

static void debug_links(void **state)
{
	struct elf_maker m;
	uint32_t crc = 0;

	assert_string_equal(link_of("abc\0\x78\x56\x34\x12", 8, &crc, &m), "abc");
	assert_int_equal(crc, 0x12345678);
	maker_free(&m);
	assert_string_equal(link_of("abcd\0\0\0\0\x21\x43\x65\x07", 12, &crc, &m), "abcd");
	assert_int_equal(crc, 0x07654321);
	maker_free(&m);
	assert_null(link_of("abcd\0\0\0\0\x21\x43\x65", 11, &crc, &m)); /* cut CRC */
	maker_free(&m);
	assert_null(link_of("abcdefgh", 8, &crc, &m)); /* no end */
	maker_free(&m);
	assert_null(link_of("\0\0\0\0\1\2\3\4", 8, &crc, &m));
	maker_free(&m);
}

/* Two text segments of different bias, the second with p_vaddr - p_offset != 0, and BSS that reaches over the next text. */
static void addresses(void **state)
{
	struct elf_maker m;
	struct elf elf;
	uint64_t vaddr;

	maker_start(&m);
	maker_segment(&m, (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = 0, .p_vaddr = 0x10000, .p_filesz = 0x1800,
				       .p_memsz = 0x900000});
	maker_segment(&m, (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = 0x1000, .p_vaddr = 0x401000,
				       .p_filesz = 0x1000, .p_memsz = 0x1000});
	maker_segment(&m, (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = 0x2000, .p_vaddr = 0x803000,
				       .p_filesz = 0x123, .p_memsz = 0x1000});
	maker_end(&m, false);
	open_made(&elf, &m);
	assert_true(elf_vaddr(&elf, 0xfff, &vaddr));
	assert_int_equal(vaddr, 0x10fff);
	assert_true(elf_vaddr(&elf, 0x1000, &vaddr)); /* the data segment's bytes go on, but text stands there too */
	assert_int_equal(vaddr, 0x401000);
	assert_true(elf_vaddr(&elf, 0x1fff, &vaddr));
	assert_int_equal(vaddr, 0x401fff);
	assert_true(elf_vaddr(&elf, 0x2122, &vaddr));
	assert_int_equal(vaddr, 0x803122);
	assert_false(elf_vaddr(&elf, 0x2123, &vaddr)); /* beyond p_filesz */
	maker_free(&m);
}

static void check_name(const struct symtab *t, uint64_t vaddr, const char *expected)
{
	const struct symbol *s = symtab_find(t, vaddr);
	const char *name = s ? t->names.v + s->name : "(none)";

	if (strcmp(name, expected))
		fail_msg("0x%lx: %s, not %s", (unsigned long)vaddr, name, expected);
}

static void which_symbol(void **state)
{
	struct symtab t = {0};
	struct elf_maker m;
	struct elf elf;
	uint16_t text, other, data;

	maker_start(&m);
	text = maker_text(&m, ".text", 0x1000, 0x2000);
	other = maker_text(&m, ".text.other", 0x3000, 0x3100);
	data = maker_section(&m, ".data", (Elf64_Shdr){.sh_type = SHT_NOBITS, .sh_flags = SHF_ALLOC, .sh_addr = 0x4000, .sh_size = 0x100});
	maker_symbol(&m, "outer", STB_LOCAL, STT_FUNC, text, 0x1000, 0x100);
	maker_symbol(&m, "inner", STB_LOCAL, STT_FUNC, text, 0x1040, 0x20);
	maker_symbol(&m, "innermost", STB_LOCAL, STT_FUNC, text, 0x1048, 0x10);
	maker_symbol(&m, "overhang", STB_LOCAL, STT_FUNC, text, 0x10F0, 0x30);
	maker_symbol(&m, "local_alias", STB_LOCAL, STT_FUNC, text, 0x1200, 0x10);
	maker_symbol(&m, "weak_alias", STB_WEAK, STT_FUNC, text, 0x1200, 0x10);
	maker_symbol(&m, "global_longer", STB_GLOBAL, STT_FUNC, text, 0x1200, 0x10);
	maker_symbol(&m, "global_b", STB_GLOBAL, STT_FUNC, text, 0x1200, 0x10);
	maker_symbol(&m, "global_a", STB_GLOBAL, STT_FUNC, text, 0x1200, 0x10);
	maker_symbol(&m, "ifunc", STB_GLOBAL, STT_GNU_IFUNC, text, 0x1300, 0x10);
	maker_symbol(&m, "unsized", STB_GLOBAL, STT_FUNC, text, 0x1400, 0);
	maker_symbol(&m, "label", STB_LOCAL, STT_NOTYPE, text, 0x1500, 0);
	maker_symbol(&m, "sized_label", STB_LOCAL, STT_NOTYPE, text, 0x1580, 8);
	maker_symbol(&m, ".Llocal", STB_LOCAL, STT_NOTYPE, text, 0x1580, 0);
	maker_symbol(&m, ".annobin", STB_LOCAL, STT_NOTYPE, text, 0x1588, 0);
	maker_symbol(&m, "$x", STB_LOCAL, STT_NOTYPE, text, 0x1590, 0);
	maker_symbol(&m, "after", STB_LOCAL, STT_FUNC, text, 0x1600, 0x10);
	maker_symbol(&m, "label_in_after", STB_GLOBAL, STT_NOTYPE, text, 0x1608, 0);
	maker_symbol(&m, "last", STB_LOCAL, STT_NOTYPE, text, 0x1F00, 0);
	maker_symbol(&m, "end_of_text", STB_GLOBAL, STT_NOTYPE, text, 0x2000, 0);
	maker_symbol(&m, "other_label", STB_GLOBAL, STT_NOTYPE, other, 0x3000, 0);
	maker_symbol(&m, "object", STB_GLOBAL, STT_OBJECT, data, 0x4000, 0x10);
	maker_symbol(&m, "data_label", STB_GLOBAL, STT_NOTYPE, data, 0x4010, 0);
	maker_symbol(&m, "undefined", STB_GLOBAL, STT_FUNC, SHN_UNDEF, 0x1700, 0x10);
	maker_symbol(&m, "absolute", STB_GLOBAL, STT_FUNC, SHN_ABS, 0x1700, 0x10);
	maker_symbol(&m, "wraps", STB_GLOBAL, STT_FUNC, text, 0x1700, UINT64_MAX - 5);
	maker_symbol_table(&m, SHT_SYMTAB);
	maker_end(&m, true);
	open_made(&elf, &m);
	assert_int_equal(symtab_build(&t, &elf, SYMTAB_FULL), 0);

	check_name(&t, 0xFFF, "(none)");
	check_name(&t, 0x1000, "outer");
	check_name(&t, 0x103F, "outer");
	check_name(&t, 0x1040, "inner");
	check_name(&t, 0x1048, "innermost");
	check_name(&t, 0x1057, "innermost");
	check_name(&t, 0x1058, "inner");
	check_name(&t, 0x105F, "inner");
	check_name(&t, 0x1060, "outer");
	check_name(&t, 0x10EF, "outer");
	check_name(&t, 0x10F0, "overhang");
	check_name(&t, 0x111F, "overhang");
	check_name(&t, 0x1120, "(none)"); /* no "nearest below" */
	check_name(&t, 0x120F, "global_a");
	check_name(&t, 0x1210, "(none)");
	check_name(&t, 0x1308, "ifunc");
	check_name(&t, 0x14FF, "unsized"); /* to the next symbol */
	check_name(&t, 0x15FF, "label");   /* mapping symbols, compilers' labels and sized data in text end nothing */
	check_name(&t, 0x1608, "after");   /* a label inside of a sized function is no name for its rest ... */
	check_name(&t, 0x1610, "(none)");  /* ... nor for what follows */
	check_name(&t, 0x1708, "(none)");
	check_name(&t, 0x1FFF, "last"); /* to the end of its section */
	check_name(&t, 0x2000, "(none)");
	check_name(&t, 0x30FF, "other_label");
	check_name(&t, 0x3100, "(none)");
	check_name(&t, 0x4008, "(none)");
	check_name(&t, 0x4018, "(none)");
	check_name(&t, UINT64_MAX, "(none)");
	symtab_free(&t);
	maker_free(&m);
}

/* Three sizes at one start: each names what the better ones leave. */
static void aliases_of_different_size(void **state)
{
	struct symtab t = {0};
	struct elf_maker m;
	struct elf elf;
	uint16_t text;

	maker_start(&m);
	text = maker_text(&m, ".text", 0x1000, 0x2000);
	maker_symbol(&m, "local_long", STB_LOCAL, STT_FUNC, text, 0x1000, 0x300);
	maker_symbol(&m, "global_short", STB_GLOBAL, STT_FUNC, text, 0x1000, 0x100);
	maker_symbol(&m, "weak_middle", STB_WEAK, STT_FUNC, text, 0x1000, 0x200);
	maker_symbol(&m, "unsized_global", STB_GLOBAL, STT_FUNC, text, 0x1000, 0);
	maker_symbol_table(&m, SHT_SYMTAB);
	maker_end(&m, true);
	open_made(&elf, &m);
	assert_int_equal(symtab_build(&t, &elf, SYMTAB_FULL), 0);
	check_name(&t, 0x1000, "global_short");
	check_name(&t, 0x10FF, "global_short");
	check_name(&t, 0x1100, "weak_middle");
	check_name(&t, 0x1200, "local_long");
	check_name(&t, 0x1300, "(none)");
	assert_int_equal(t.symbols.n, 3);
	symtab_free(&t);
	maker_free(&m);
}

static void dynamic_symbols_must_have_a_size(void **state)
{
	struct symtab t = {0};
	struct elf_maker m;
	struct elf elf;
	uint16_t text;

	maker_start(&m);
	text = maker_text(&m, ".text", 0x1000, 0x2000);
	maker_symbol(&m, "sized", STB_GLOBAL, STT_FUNC, text, 0x1000, 0x10);
	maker_symbol(&m, "unsized", STB_GLOBAL, STT_FUNC, text, 0x1100, 0);
	maker_symbol(&m, "label", STB_GLOBAL, STT_NOTYPE, text, 0x1200, 0);
	maker_symbol_table(&m, SHT_DYNSYM);
	maker_end(&m, true);
	open_made(&elf, &m);
	assert_int_equal(symtab_build(&t, &elf, SYMTAB_FULL), -ENOENT);
	assert_int_equal(symtab_build(&t, &elf, SYMTAB_DYNAMIC), 0);
	check_name(&t, 0x100F, "sized");
	check_name(&t, 0x1010, "(none)");
	check_name(&t, 0x1100, "(none)");
	check_name(&t, 0x1200, "(none)");
	symtab_free(&t);
	maker_free(&m);
}

/*
 * Overlaps of every kind, against the rule itself applied to every address: a sized symbol, the latest start, the best binding,
 * the earliest end, the shortest name, the first in the alphabet.
 */
struct simple {
	uint64_t start, size;
	uint8_t bind;
	char name[16];
};

static int rank_of(uint8_t bind)
{
	return bind == STB_GLOBAL ? 2 : bind == STB_WEAK ? 1 : 0;
}

static bool better(const struct simple *a, const struct simple *b)
{
	if (a->start != b->start)
		return a->start > b->start;
	if (a->bind != b->bind)
		return rank_of(a->bind) > rank_of(b->bind);
	if (a->size != b->size)
		return a->size < b->size;
	if (strlen(a->name) != strlen(b->name))
		return strlen(a->name) < strlen(b->name);
	return strcmp(a->name, b->name) < 0;
}

static const char *by_rule(const struct simple *s, size_t n, uint64_t vaddr)
{
	const struct simple *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (vaddr >= s[i].start && vaddr - s[i].start < s[i].size && (!best || better(&s[i], best)))
			best = &s[i];
	return best ? best->name : "(none)";
}

static void overlaps_follow_the_rule(void **state)
{
	static const uint8_t binds[] = {STB_LOCAL, STB_GLOBAL, STB_WEAK};
	uint32_t random = 1;

	for (int round = 0; round < 200; round++) {
		struct simple s[24];
		struct symtab t = {0};
		struct elf_maker m;
		struct elf elf;
		uint16_t text;

		maker_start(&m);
		text = maker_text(&m, ".text", 0x1000, 0x1200);
		for (int i = 0; i < 24; i++) {
			random = random * 1103515245 + 12345;
			s[i].start = 0x1000 + (random >> 8) % 64;
			s[i].size = 1 + (random >> 16) % (random >> 30 ? 8 : 64);
			s[i].bind = binds[(random >> 24) % 3];
			snprintf(s[i].name, sizeof(s[i].name), "%s%c%d", (random >> 20) % 2 ? "f" : "", 'a' + (random >> 12) % 26, i);
			maker_symbol(&m, s[i].name, s[i].bind, STT_FUNC, text, s[i].start, s[i].size);
		}
		maker_symbol_table(&m, SHT_SYMTAB);
		maker_end(&m, true);
		open_made(&elf, &m);
		assert_int_equal(symtab_build(&t, &elf, SYMTAB_FULL), 0);
		for (uint64_t vaddr = 0xFFF; vaddr < 0x1100; vaddr++)
			check_name(&t, vaddr, by_rule(s, 24, vaddr));
		symtab_free(&t);
		maker_free(&m);
	}
}

/* Names that share one long string, and one that is longer than any: the table stays within its bounds. */
static void forged_names_are_bounded(void **state)
{
	struct elf_maker m;
	struct symtab t = {0};
	struct elf elf;
	uint16_t text;
	Elf64_Sym s;

	maker_start(&m);
	text = maker_text(&m, ".text", 0x1000, 0x100000);
	for (int i = 0; i < 3 * SYMTAB_NAME_MAX; i++)
		buf_putc(&m.strings, 'x');
	buf_putc(&m.strings, '\0');
	s = (Elf64_Sym){.st_name = 1, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), .st_shndx = text};
	for (int i = 0; i < 100; i++) {
		s.st_name = 1 + i;
		s.st_value = 0x1000 + i * 0x10;
		s.st_size = 0x10;
		buf_add(&m.symbols, &s, sizeof(s));
	}
	s.st_name = m.strings.n; /* outside */
	buf_add(&m.symbols, &s, sizeof(s));
	buf_add(&m.strings, "not ended", 9);
	s.st_value = 0x9000;
	s.st_name = m.strings.n - 9;
	buf_add(&m.symbols, &s, sizeof(s));
	maker_symbol_table(&m, SHT_SYMTAB);
	maker_end(&m, true);
	open_made(&elf, &m);
	assert_int_equal(symtab_build(&t, &elf, SYMTAB_FULL), 0);
	/* They are all cut to the same text and touch: one symbol. */
	assert_int_equal(t.symbols.n, 1);
	assert_int_equal(strlen(t.names.v + t.symbols.v[0].name), SYMTAB_NAME_MAX);
	check_name(&t, 0x9000, "(none)");
	symtab_free(&t);
	maker_free(&m);
}

/* One long name, again and again: a small file that would keep us reading for seconds. What comes behind is left out. */
static void repeated_names_are_bounded(void **state)
{
	const size_t n = SYMTAB_NAMES_BYTES_MAX / SYMTAB_NAME_MAX;
	struct symtab t = {0};
	struct elf_maker m;
	struct elf elf;
	uint16_t text;
	Elf64_Sym s;

	maker_start(&m);
	text = maker_text(&m, ".text", 0x1000, 0x2000000);
	maker_symbol(&m, "first", STB_GLOBAL, STT_FUNC, text, 0x1800000, 0x10);
	s = (Elf64_Sym){.st_name = m.strings.n, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), .st_shndx = text, .st_size = 0x10};
	for (int i = 0; i < SYMTAB_NAME_MAX; i++)
		buf_putc(&m.strings, 'x');
	buf_putc(&m.strings, '\0');
	for (size_t i = 0; i < n; i++) {
		s.st_value = 0x1000 + i * 0x10;
		buf_add(&m.symbols, &s, sizeof(s));
	}
	maker_symbol(&m, "behind", STB_GLOBAL, STT_FUNC, text, 0x1800010, 0x10);
	maker_symbol_table(&m, SHT_SYMTAB);
	maker_end(&m, true);
	open_made(&elf, &m);
	assert_int_equal(symtab_build(&t, &elf, SYMTAB_FULL), 0);
	check_name(&t, 0x1800000, "first");
	check_name(&t, 0x1800010, "(none)");
	assert_int_equal(t.symbols.n, 2);
	symtab_free(&t);
	maker_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_other_files),
		cmocka_unit_test(counts_beyond_16_bits),
		cmocka_unit_test(counts_that_lie),
		cmocka_unit_test(build_ids),
		cmocka_unit_test(debug_links),
		cmocka_unit_test(addresses),
		cmocka_unit_test(which_symbol),
		cmocka_unit_test(aliases_of_different_size),
		cmocka_unit_test(dynamic_symbols_must_have_a_size),
		cmocka_unit_test(overlaps_follow_the_rule),
		cmocka_unit_test(forged_names_are_bounded),
		cmocka_unit_test(repeated_names_are_bounded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
