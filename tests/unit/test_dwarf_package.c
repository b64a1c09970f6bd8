// SPDX-License-Identifier: Apache-2.0
/* Packages of split units with an index made by hand; those that tools make: tests/system/inlines.t. */
#include "elf/dwarf_package.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "elf_maker.h"

#define SLOTS 8
#define UNITS 3
#define SECTION_BYTES 64 /* of each but the index */

/*
 * Ids that meet: in 8 slots all begin at 1. The step is the upper half's low bits, made odd: ONE stands at 1, TWO (step 3) at 4, and
 * THREE (step 3 as well) at 7; from there on MISSING (step 3) finds 2, which is empty.
 */
#define ONE 0x0000000500000001ull
#define TWO 0x0000000300000001ull
#define THREE 0x0000000200000001ull
#define MISSING 0x0000000a00000001ull

struct index {
	uint32_t version, columns, units, slots;
	uint64_t ids[SLOTS];
	uint32_t rows[SLOTS];
	uint32_t kinds[5];
	uint32_t offsets[UNITS][5], sizes[UNITS][5];
};

#define INDEX_BYTES (offsetof(struct index, sizes) + sizeof(usual.sizes))

/* ABBREV, INFO, RNGLISTS, LINE, STR_OFFSETS: the columns in another order than that of the constants. */
static const struct index usual = {
	.version = 5,
	.columns = 5,
	.units = UNITS,
	.slots = SLOTS,
	.ids = {[1] = ONE, [4] = TWO, [7] = THREE},
	.rows = {[1] = 2, [4] = 3, [7] = 1},
	.kinds = {3, 1, 8, 4, 6},
	.offsets = {{0, 0, 0, 0, 0}, {10, 20, 30, 0, 40}, {63, 1, 64, 0, 5}},
	.sizes = {{1, 20, 3, 0, 4}, {11, 12, 13, 0, 14}, {1, 63, 0, 0, 59}},
};

struct fixture {
	uint8_t *file; /* of just the size that it has, the index at its end */
	struct elf elf;
	struct dwarf_package package;
	uint64_t budget;
	const uint8_t *info, *abbrev, *str, *offsets, *rnglists; /* the sections */
};

static uint64_t section_offset(struct elf_maker *m, const char *name)
{
	uint8_t zeros[SECTION_BYTES] = {0};
	uint64_t at = maker_bytes(m, zeros, sizeof(zeros));

	maker_section(m, name, (Elf64_Shdr){.sh_type = SHT_PROGBITS, .sh_offset = at, .sh_size = sizeof(zeros)});
	return at;
}

static int open_bytes(struct fixture *f, const void *index, size_t n)
{
	uint64_t info, abbrev, str, offsets, rnglists;
	struct elf_maker m;
	Elf64_Shdr *sh;
	uint16_t at;

	maker_start(&m);
	info = section_offset(&m, ".debug_info.dwo");
	abbrev = section_offset(&m, ".debug_abbrev.dwo");
	str = section_offset(&m, ".debug_str.dwo");
	offsets = section_offset(&m, ".debug_str_offsets.dwo");
	rnglists = section_offset(&m, ".debug_rnglists.dwo");
	at = maker_section(&m, DWARF_PACKAGE_INDEX, (Elf64_Shdr){.sh_type = SHT_PROGBITS, .sh_size = n});
	maker_end(&m, true);
	f->file = malloc(m.file.n + n);
	memcpy(f->file, m.file.v, m.file.n);
	memcpy(f->file + m.file.n, index, n);
	sh = (Elf64_Shdr *)(f->file + ((const Elf64_Ehdr *)f->file)->e_shoff) + at;
	sh->sh_offset = m.file.n;
	f->info = f->file + info;
	f->abbrev = f->file + abbrev;
	f->str = f->file + str;
	f->offsets = f->file + offsets;
	f->rnglists = f->file + rnglists;
	f->budget = 1 << 20;
	assert_int_equal(elf_open(&f->elf, f->file, m.file.n + n), 0);
	maker_free(&m);
	return dwarf_package_open(&f->package, &f->elf, &f->budget);
}

static int open_index(struct fixture *f, const struct index *index)
{
	return open_bytes(f, index, INDEX_BYTES);
}

static void clear(struct fixture *f)
{
	dwarf_package_free(&f->package);
	free(f->file);
	memset(f, 0, sizeof(*f));
}

static void assert_bytes(struct elf_bytes b, const uint8_t *v, size_t n)
{
	assert_ptr_equal(b.v, v);
	assert_int_equal(b.n, n);
}

static int find(const struct fixture *f, uint64_t id)
{
	struct dwarf d;
	int ret = dwarf_package_unit(&d, &f->package, id);

	if (!ret)
		dwarf_free(&d);
	return ret;
}

static void contributions(void **state)
{
	struct fixture f = {0};
	struct dwarf d;

	assert_int_equal(open_index(&f, &usual), 0);
	assert_int_equal(dwarf_package_unit(&d, &f.package, ONE), 0);
	assert_true(d.split);
	assert_bytes(d.sections[DWARF_ABBREV].bytes, f.abbrev + 10, 11);
	assert_bytes(d.sections[DWARF_INFO].bytes, f.info + 20, 12);
	assert_bytes(d.sections[DWARF_RNGLISTS].bytes, f.rnglists + 30, 13);
	assert_bytes(d.sections[DWARF_STR_OFFSETS].bytes, f.offsets + 40, 14);
	assert_bytes(d.sections[DWARF_STR].bytes, f.str, SECTION_BYTES);
	dwarf_free(&d);
	assert_int_equal(dwarf_package_unit(&d, &f.package, TWO), 0);
	assert_bytes(d.sections[DWARF_ABBREV].bytes, f.abbrev + 63, 1);
	assert_bytes(d.sections[DWARF_INFO].bytes, f.info + 1, 63);
	dwarf_free(&d);
	assert_int_equal(dwarf_package_unit(&d, &f.package, THREE), 0);
	assert_bytes(d.sections[DWARF_INFO].bytes, f.info, 20);
	dwarf_free(&d);
	assert_int_equal(find(&f, MISSING), -ENOENT);
	assert_int_equal(find(&f, 0), -ENOENT);
	clear(&f);
}

/* In the form of GNU 8 is DW_SECT_MACRO, and a package without an index is none. */
static void versions(void **state)
{
	struct fixture f = {0};
	struct index i = usual;
	struct elf_maker m;
	struct dwarf d;

	i.version = 2;
	assert_int_equal(open_index(&f, &i), 0);
	assert_int_equal(dwarf_package_unit(&d, &f.package, ONE), 0);
	assert_bytes(d.sections[DWARF_INFO].bytes, f.info + 20, 12);
	assert_bytes(d.sections[DWARF_RNGLISTS].bytes, NULL, 0);
	dwarf_free(&d);
	clear(&f);
	for (i.version = 0; i.version < 8; i.version++) {
		assert_int_equal(open_index(&f, &i), i.version == 2 || i.version == 5 ? 0 : -EBADMSG);
		clear(&f);
	}
	maker_start(&m);
	section_offset(&m, ".debug_info.dwo");
	maker_end(&m, true);
	assert_int_equal(elf_open(&f.elf, m.file.v, m.file.n), 0);
	assert_int_equal(dwarf_package_open(&f.package, &f.elf, &f.budget), -ENOENT);
	assert_int_equal(find(&f, ONE), -ENOENT);
	maker_free(&m);
	clear(&f);
}

#define REFUSED(field, value)                                                                                          \
	do {                                                                                                           \
		struct fixture f_ = {0};                                                                               \
		struct index i_ = usual;                                                                               \
		i_.field = (value);                                                                                    \
		assert_int_equal(open_index(&f_, &i_), -EBADMSG);                                                      \
		assert_int_equal(find(&f_, ONE), -ENOENT);                                                             \
		clear(&f_);                                                                                            \
	} while (0)

/* Sizes that lead out of the section, also where their product is more than 64 bits have; a kind that is there twice. */
static void refused(void **state)
{
	REFUSED(slots, 6);
	REFUSED(slots, 16);
	REFUSED(slots, 1u << 31);
	REFUSED(units, UNITS + 1);
	REFUSED(units, UINT32_MAX);
	REFUSED(columns, 6);
	REFUSED(columns, 1u << 30);
	REFUSED(columns, UINT32_MAX);
	REFUSED(kinds[3], 1);
	REFUSED(kinds[3], 8);
	for (size_t n = 0; n < INDEX_BYTES; n++) {
		struct fixture f = {0};

		assert_int_equal(open_bytes(&f, &usual, n), -EBADMSG);
		clear(&f);
	}
}

#define NOT_THERE(field, value, id)                                                                                    \
	do {                                                                                                           \
		struct fixture f_ = {0};                                                                               \
		struct index i_ = usual;                                                                               \
		i_.field = (value);                                                                                    \
		assert_int_equal(open_index(&f_, &i_), 0);                                                             \
		assert_int_equal(find(&f_, (id)), -ENOENT);                                                            \
		clear(&f_);                                                                                            \
	} while (0)

/* Units that cannot be had cost only themselves. */
static void missing_units(void **state)
{
	struct fixture f = {0};
	struct index full = usual;

	NOT_THERE(slots, 0, ONE);
	NOT_THERE(rows[1], UNITS + 1, ONE);
	NOT_THERE(rows[1], UINT32_MAX, ONE);
	NOT_THERE(rows[1], 0, TWO); /* nothing is behind an empty slot */
	NOT_THERE(offsets[1][1], SECTION_BYTES + 1, ONE);
	NOT_THERE(offsets[1][1], UINT32_MAX, ONE);
	NOT_THERE(sizes[1][1], SECTION_BYTES - 19, ONE);
	NOT_THERE(sizes[1][1], UINT32_MAX, ONE);
	NOT_THERE(sizes[1][1], 0, ONE);
	NOT_THERE(kinds[1], 9, ONE); /* no .debug_info.dwo */
	/* No slot is empty: a search ends all the same. */
	for (int i = 0; i < SLOTS; i++)
		if (!full.rows[i])
			full.rows[i] = 1;
	assert_int_equal(open_index(&f, &full), 0);
	assert_int_equal(find(&f, ONE), 0);
	assert_int_equal(find(&f, THREE), 0);
	assert_int_equal(find(&f, MISSING), -ENOENT);
	clear(&f);
}

/* Any byte changed: every look-up ends, and what it gives lies in the sections. */
static void damaged(void **state)
{
	static const uint64_t ids[] = {ONE, TWO, THREE, MISSING};
	static const uint8_t values[] = {0x00, 0x01, 0x40, 0x80, 0xff};

	for (size_t at = 0; at < INDEX_BYTES; at++)
		for (size_t v = 0; v < sizeof(values); v++) {
			struct fixture f = {0};
			struct index i = usual;

			((uint8_t *)&i)[at] = values[v];
			if (!open_index(&f, &i))
				for (size_t n = 0; n < ARRAY_SIZE(ids); n++) {
					struct dwarf d;

					if (dwarf_package_unit(&d, &f.package, ids[n]))
						continue;
					assert_in_range(d.sections[DWARF_INFO].bytes.v - f.info, 0, SECTION_BYTES - 1);
					assert_in_range(d.sections[DWARF_INFO].bytes.v - f.info + d.sections[DWARF_INFO].bytes.n, 1, SECTION_BYTES);
					dwarf_free(&d);
				}
			clear(&f);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contributions), cmocka_unit_test(versions), cmocka_unit_test(refused),
		cmocka_unit_test(missing_units), cmocka_unit_test(damaged),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
