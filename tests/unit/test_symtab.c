// SPDX-License-Identifier: Apache-2.0
/* Our ELF reader against libelf and libdwelf, on real files and on damaged ones. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <elfutils/libdwelf.h>
#include <gelf.h>

#include "base/file.h"
#include "elf/elf.h"
#include "elf/symtab.h"

static const char *const files[] = {"/proc/self/exe", "/usr/bin/perl", "/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6",
				    "/usr/bin/python3", "/usr/bin/node"};

struct fixture {
	struct buf bytes;
	struct elf elf;
	int fd;
	Elf *oracle;
};

static bool open_fixture(struct fixture *f, const char *path)
{
	memset(f, 0, sizeof(*f));
	elf_version(EV_CURRENT);
	f->fd = open(path, O_RDONLY);
	if (f->fd < 0)
		return false;
	assert_int_equal(file_read(path, 1u << 30, &f->bytes), 0);
	assert_int_equal(elf_open(&f->elf, f->bytes.v, f->bytes.n), 0);
	f->oracle = elf_begin(f->fd, ELF_C_READ, NULL);
	assert_non_null(f->oracle);
	return true;
}

static void close_fixture(struct fixture *f)
{
	elf_end(f->oracle);
	close(f->fd);
	buf_free(&f->bytes);
}

static void build_ids_agree(void **state)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct fixture f;
		uint8_t ours[20];
		const void *theirs;
		ssize_t n;

		if (!open_fixture(&f, files[i]))
			continue;
		n = dwelf_elf_gnu_build_id(f.oracle, &theirs);
		assert_int_equal(elf_build_id(&f.elf, ours), n > 0 ? n : 0);
		if (n > 0)
			assert_memory_equal(ours, theirs, n);
		close_fixture(&f);
	}
}

/* Every segment, by libelf's reading of the program headers: first, last and a middle byte. */
static void addresses_agree(void **state)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct fixture f;
		size_t segments = 0;
		uint64_t vaddr;
		GElf_Phdr ph;

		if (!open_fixture(&f, files[i]))
			continue;
		assert_int_equal(elf_getphdrnum(f.oracle, &segments), 0);
		for (size_t s = 0; s < segments; s++) {
			assert_non_null(gelf_getphdr(f.oracle, s, &ph));
			if (ph.p_type != PT_LOAD || !(ph.p_flags & PF_X) || !ph.p_filesz)
				continue;
			for (int at = 0; at <= 2; at++) {
				uint64_t skip = (ph.p_filesz - 1) * at / 2;

				assert_true(elf_vaddr(&f.elf, ph.p_offset + skip, &vaddr));
				assert_int_equal(vaddr, ph.p_vaddr + skip);
			}
		}
		assert_false(elf_vaddr(&f.elf, UINT64_MAX, &vaddr));
		close_fixture(&f);
	}
}

/* Does some sized function of this name cover the address, says libelf? By looking at every symbol. */
static bool covers(Elf_Data *data, size_t n, uint32_t strings, Elf *elf, uint64_t vaddr, const char *name, bool *any)
{
	bool found = false;
	GElf_Sym s;

	*any = false;
	for (size_t i = 0; i < n; i++) {
		gelf_getsym(data, i, &s);
		if ((GELF_ST_TYPE(s.st_info) != STT_FUNC && GELF_ST_TYPE(s.st_info) != STT_GNU_IFUNC) || s.st_shndx == SHN_UNDEF)
			continue;
		if (vaddr < s.st_value || vaddr >= s.st_value + s.st_size)
			continue;
		*any = true;
		if (name && !strcmp(elf_strptr(elf, strings, s.st_name), name))
			found = true;
	}
	return found;
}

static bool has_functions(Elf_Data *data, size_t n)
{
	GElf_Sym s;

	for (size_t i = 0; i < n; i++)
		if (gelf_getsym(data, i, &s) && GELF_ST_TYPE(s.st_info) == STT_FUNC && s.st_shndx != SHN_UNDEF && s.st_size)
			return true;
	return false;
}

static void check_symbols(struct fixture *f, uint32_t type, enum symtab_kind kind)
{
	uint64_t random = 88172645463325252ull;
	struct symtab t = {0};
	Elf_Scn *section = NULL;
	GElf_Shdr sh = {0};
	int named = 0;

	while ((section = elf_nextscn(f->oracle, section)))
		if (gelf_getshdr(section, &sh) && sh.sh_type == type)
			break;
	if (!section) {
		assert_int_not_equal(symtab_build(&t, &f->elf, kind), 0);
		return;
	}
	if (!has_functions(elf_getdata(section, NULL), sh.sh_size / sh.sh_entsize)) {
		assert_int_not_equal(symtab_build(&t, &f->elf, kind), 0);
		return;
	}
	assert_int_equal(symtab_build(&t, &f->elf, kind), 0);
	for (size_t i = 0; i < t.symbols.n; i++) {
		assert_true(t.symbols.v[i].start < t.symbols.v[i].end);
		if (i)
			assert_true(t.symbols.v[i - 1].end <= t.symbols.v[i].start);
	}
	for (int i = 0; i < 300; i++) {
		const struct symbol *symbol = &t.symbols.v[random % t.symbols.n];
		uint64_t vaddr = symbol->start + (random >> 32) % (symbol->end - symbol->start + 64);
		bool any, right;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		symbol = symtab_find(&t, vaddr);
		right = covers(elf_getdata(section, NULL), sh.sh_size / sh.sh_entsize, sh.sh_link, f->oracle, vaddr,
			       symbol ? t.names.v + symbol->name : NULL, &any);
		/* A sized function there is: ours is one of them. None: .dynsym has none, .symtab at most a label. */
		if (any)
			assert_true(right);
		else if (kind == SYMTAB_DYNAMIC)
			assert_null(symbol);
		named += any;
	}
	assert_true(named > 0);
	symtab_free(&t);
}

static void symbols_agree(void **state)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct fixture f;

		if (!open_fixture(&f, files[i]))
			continue;
		check_symbols(&f, SHT_SYMTAB, SYMTAB_FULL);
		check_symbols(&f, SHT_DYNSYM, SYMTAB_DYNAMIC);
		close_fixture(&f);
	}
}

/* Without section headers PT_DYNAMIC leads to the same dynamic symbols. */
static void section_headers_are_not_needed(void **state)
{
	struct fixture f;
	struct symtab with = {0}, without = {0};
	const struct symbol *a, *b;

	assert_true(open_fixture(&f, "/lib/x86_64-linux-gnu/libc.so.6"));
	assert_int_equal(symtab_build(&with, &f.elf, SYMTAB_DYNAMIC), 0);
	memset(f.bytes.v + offsetof(Elf64_Ehdr, e_shoff), 0, 8);
	memset(f.bytes.v + offsetof(Elf64_Ehdr, e_shnum), 0, 4);
	assert_int_equal(elf_open(&f.elf, f.bytes.v, f.bytes.n), 0);
	assert_int_equal(f.elf.sections, 0);
	assert_int_equal(symtab_build(&without, &f.elf, SYMTAB_DYNAMIC), 0);
	for (size_t i = 0; i < with.symbols.n; i += 7) {
		a = &with.symbols.v[i];
		b = symtab_find(&without, a->start);
		assert_non_null(b);
		assert_string_equal(with.names.v + a->name, without.names.v + b->name);
	}
	symtab_free(&with);
	symtab_free(&without);
	close_fixture(&f);
}

/* Random damage must never be more than a wrong answer; the sanitizers watch. */
static void damage_is_survived(void **state)
{
	uint64_t random = 88172645463325252ull, vaddr;
	struct buf good = {0}, bad = {0};
	struct symtab t = {0};
	uint8_t id[20];
	uint32_t crc;
	struct elf elf;

	assert_int_equal(file_read("/lib64/ld-linux-x86-64.so.2", 1 << 24, &good), 0);
	for (int round = 0; round < 400; round++) {
		buf_truncate(&bad, 0);
		random = random * 6364136223846793005ull + 1442695040888963407ull;
		buf_add(&bad, good.v, round % 2 ? good.n : random % good.n);
		for (int i = 0; i < 40; i++) {
			random = random * 6364136223846793005ull + 1442695040888963407ull;
			/* headers, and the section headers at the end, are the interesting places */
			size_t at = i % 2 ? (random >> 20) % 1024 : good.n - 1 - (random >> 20) % 4096;

			if (at < bad.n && at > 5)
				bad.v[at] = (char)(random >> 40);
		}
		if (elf_open(&elf, bad.v, bad.n))
			continue;
		elf_build_id(&elf, id);
		elf_debuglink(&elf, &crc);
		elf_vaddr(&elf, random % good.n, &vaddr);
		if (!symtab_build(&t, &elf, round % 3 ? SYMTAB_DYNAMIC : SYMTAB_FULL))
			symtab_find(&t, random % good.n);
		symtab_free(&t);
	}
	assert_int_not_equal(elf_open(&elf, "\x7f""ELF", 4), 0);
	buf_free(&good);
	buf_free(&bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(build_ids_agree),
		cmocka_unit_test(addresses_agree),
		cmocka_unit_test(symbols_agree),
		cmocka_unit_test(section_headers_are_not_needed),
		cmocka_unit_test(damage_is_survived),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
