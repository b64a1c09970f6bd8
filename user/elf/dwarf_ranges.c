// SPDX-License-Identifier: Apache-2.0
/* Address ranges of entries: DWARF 5, 2.17 and 7.25; DWARF 4, 2.17.3 for .debug_ranges. */
#include "elf/dwarf.h"

/* 7.25: entries of .debug_rnglists */
enum {
	DW_RLE_end_of_list,
	DW_RLE_base_addressx,
	DW_RLE_startx_endx,
	DW_RLE_startx_length,
	DW_RLE_offset_pair,
	DW_RLE_base_address,
	DW_RLE_start_end,
	DW_RLE_start_length,
};

struct list {
	const struct dwarf *dwarf;
	const struct dwarf_unit *unit;
	struct reader r;
	uint64_t base;
	void (*fn)(void *ctx, uint64_t start, uint64_t end);
	void *ctx;
};

static void give(const struct list *l, uint64_t start, uint64_t end)
{
	if (start < end)
		l->fn(l->ctx, start, end);
}

static uint64_t indexed(struct list *l)
{
	struct dwarf_value v = dwarf_number(DWARF_ADDRESS_INDEX, reader_uleb(&l->r));
	uint64_t address;

	if (dwarf_address(l->dwarf, l->unit, &v, &address))
		return address;
	reader_fail(&l->r);
	return 0;
}

/* One entry; false at the end of the list. */
static bool read_rnglist_entry(struct list *l)
{
	uint8_t size = l->unit->address_size;
	uint64_t start, end;

	switch (reader_u8(&l->r)) {
	case DW_RLE_base_addressx:
		l->base = indexed(l);
		return !l->r.failed;
	case DW_RLE_base_address:
		l->base = reader_fixed(&l->r, size);
		return !l->r.failed;
	case DW_RLE_startx_endx:
		start = indexed(l);
		end = indexed(l);
		break;
	case DW_RLE_startx_length:
		start = indexed(l);
		end = start + reader_uleb(&l->r);
		break;
	case DW_RLE_offset_pair:
		start = l->base + reader_uleb(&l->r);
		end = l->base + reader_uleb(&l->r);
		break;
	case DW_RLE_start_end:
		start = reader_fixed(&l->r, size);
		end = reader_fixed(&l->r, size);
		break;
	case DW_RLE_start_length:
		start = reader_fixed(&l->r, size);
		end = start + reader_uleb(&l->r);
		break;
	default: /* the end, or nothing we know */
		return false;
	}
	if (l->r.failed)
		return false;
	give(l, start, end);
	return true;
}

/* DWARF 4, 2.17.3: pairs of addresses; all ones selects another base, two zeros end the list. */
static bool read_pair(struct list *l)
{
	uint8_t size = l->unit->address_size;
	uint64_t ones = size == 8 ? UINT64_MAX : UINT32_MAX;
	uint64_t start = reader_fixed(&l->r, size), end = reader_fixed(&l->r, size);

	if (l->r.failed || (!start && !end))
		return false;
	if (start == ones)
		l->base = end;
	else
		give(l, l->base + start, l->base + end);
	return true;
}

static bool at_offset(struct list *l, struct elf_bytes b, uint64_t offset)
{
	if (!b.v || offset >= b.n)
		return false;
	l->r = (struct reader){b.v + offset, b.v + b.n, false};
	return true;
}

/* 7.28: the list's offset, from the base on, stands in the table that begins at the base. */
static bool at_index(struct list *l, uint64_t i)
{
	uint64_t base = l->unit->rnglists_base, offset;

	if (i > UINT32_MAX || !at_offset(l, l->dwarf->sections[DWARF_RNGLISTS].bytes, base + i * l->unit->offset_size))
		return false;
	offset = reader_fixed(&l->r, l->unit->offset_size);
	return !l->r.failed && at_offset(l, l->dwarf->sections[DWARF_RNGLISTS].bytes, base + offset);
}

static void read_list(struct list *l, const struct dwarf_value *v)
{
	if (v->class == DWARF_LIST_INDEX) {
		if (at_index(l, v->u))
			while (read_rnglist_entry(l))
				;
	} else if (l->unit->version >= 5) {
		if (at_offset(l, l->dwarf->sections[DWARF_RNGLISTS].bytes, v->u))
			while (read_rnglist_entry(l))
				;
	} else if (at_offset(l, l->dwarf->ranges, v->u + l->unit->ranges_base)) {
		while (read_pair(l))
			;
	}
}

void dwarf_ranges(const struct dwarf *d, const struct dwarf_unit *u, const struct dwarf_pcs *pcs,
		  void (*fn)(void *ctx, uint64_t start, uint64_t end), void *ctx)
{
	struct list l = {.dwarf = d, .unit = u, .base = u->low_pc, .fn = fn, .ctx = ctx};
	uint64_t low, high;

	if (pcs->ranges.class) {
		read_list(&l, &pcs->ranges);
		return;
	}
	if (!pcs->high.class || !dwarf_address(d, u, &pcs->low, &low))
		return;
	if (!dwarf_address(d, u, &pcs->high, &high)) /* a constant is the size (2.17.2) */
		high = low + pcs->high.u;
	give(&l, low, high);
}
