// SPDX-License-Identifier: Apache-2.0
#include "elf/dwarf_package.h"

#include <errno.h>

#define COLUMNS_MAX 64 /* there are 8 kinds of sections in either version */
#define NO_COLUMN UINT32_MAX

/* 7.3.5.3: the sections that we read, and DW_SECT_* of their columns in both versions. Strings are all units'. */
static const struct {
	enum dwarf_section section;
	uint32_t kind, version_min;
} read_sections[] = {
	{DWARF_INFO, 1, 2}, {DWARF_ABBREV, 3, 2}, {DWARF_STR, 0, 2}, {DWARF_STR_OFFSETS, 6, 2}, {DWARF_RNGLISTS, 8, 5},
};

static uint32_t number(const uint8_t *table, uint64_t i)
{
	uint32_t v;

	memcpy(&v, table + i * sizeof(v), sizeof(v));
	return v;
}

/* The column of a kind of section: one of that kind, for of two we would not know which. */
static int find_column(const uint8_t *kinds, uint32_t columns, uint32_t kind, uint32_t *ret)
{
	*ret = NO_COLUMN;
	for (uint32_t i = 0; i < columns; i++) {
		if (number(kinds, i) != kind)
			continue;
		if (*ret != NO_COLUMN)
			return -EBADMSG;
		*ret = i;
	}
	return 0;
}

static int read_index(struct dwarf_package *p)
{
	struct reader r = reader_of(p->index.bytes.v, p->index.bytes.n);
	uint16_t version = reader_fixed(&r, 2); /* of GNU's form 4 bytes, of version 5 two and two that are 0 */
	const uint8_t *kinds;
	int ret = 0;

	reader_skip(&r, 2);
	p->columns = reader_fixed(&r, 4);
	p->units = reader_fixed(&r, 4);
	p->slots = reader_fixed(&r, 4);
	if (r.failed || (version != 2 && version != 5) || p->columns > COLUMNS_MAX || p->slots & (p->slots - 1))
		return -EBADMSG;
	p->ids = reader_skip(&r, 8ull * p->slots);
	p->rows = reader_skip(&r, 4ull * p->slots);
	kinds = reader_skip(&r, 4ull * p->columns);
	p->offsets = reader_skip(&r, 4ull * p->columns * p->units);
	p->sizes = reader_skip(&r, 4ull * p->columns * p->units);
	if (r.failed)
		return -EBADMSG;
	for (size_t i = 0; i < ARRAY_SIZE(read_sections) && !ret; i++)
		if (read_sections[i].kind && version >= read_sections[i].version_min)
			ret = find_column(kinds, p->columns, read_sections[i].kind, &p->column[read_sections[i].section]);
	return ret;
}

int dwarf_package_open(struct dwarf_package *p, const struct elf *elf, uint64_t *budget)
{
	int ret;

	*p = (struct dwarf_package){0};
	for (size_t i = 0; i < DWARF_SECTION_N; i++)
		p->column[i] = NO_COLUMN;
	ret = section_open(&p->index, elf, DWARF_PACKAGE_INDEX, budget);
	ret = ret ? ret : read_index(p);
	for (size_t i = 0; i < ARRAY_SIZE(read_sections) && !ret; i++) {
		enum dwarf_section s = read_sections[i].section;

		dwarf_section_open(&p->sections[s], elf, s, true, budget); /* what is missing has no bytes */
	}
	if (ret)
		dwarf_package_free(p);
	return ret;
}

void dwarf_package_free(struct dwarf_package *p)
{
	section_free(&p->index);
	for (int i = 0; i < DWARF_SECTION_N; i++)
		section_free(&p->sections[i]);
	*p = (struct dwarf_package){0};
}

/* 7.3.5.3: a hash table whose second hash is the step. Rows count from 1 on; 0 is an empty slot, behind which nothing is. */
static uint32_t find_row(const struct dwarf_package *p, uint64_t id)
{
	uint32_t mask = p->slots - 1, at = id & mask, step = (id >> 32 & mask) | 1;

	for (uint32_t n = 0; n < p->slots; n++, at = (at + step) & mask) {
		uint32_t row = number(p->rows, at);
		uint64_t slot_id;

		if (!row)
			break;
		memcpy(&slot_id, p->ids + 8ull * at, sizeof(slot_id));
		if (slot_id == id)
			return row <= p->units ? row : 0;
	}
	return 0;
}

static struct elf_bytes contribution(const struct dwarf_package *p, enum dwarf_section s, uint32_t row)
{
	struct elf_bytes all = p->sections[s].bytes;
	uint64_t i = (row - 1ull) * p->columns + p->column[s], offset, size;

	if (p->column[s] == NO_COLUMN)
		return (struct elf_bytes){0};
	offset = number(p->offsets, i);
	size = number(p->sizes, i);
	if (!all.v || offset > all.n || size > all.n - offset)
		return (struct elf_bytes){0};
	return (struct elf_bytes){all.v + offset, size};
}

int dwarf_package_unit(struct dwarf *d, const struct dwarf_package *p, uint64_t id)
{
	struct elf_bytes sections[DWARF_SECTION_N];
	uint32_t row = find_row(p, id);

	if (!row)
		return -ENOENT;
	for (int i = 0; i < DWARF_SECTION_N; i++)
		sections[i] = contribution(p, i, row);
	sections[DWARF_STR] = p->sections[DWARF_STR].bytes;
	return dwarf_open_split(d, sections);
}
