// SPDX-License-Identifier: Apache-2.0
#include "elf/dwarf.h"

#include "elf/dwarf_form.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define UNIT_HEAD_BYTES_MIN 11
#define REFERENCES_MAX 16 /* of a name through specifications and abstract origins; more is a cycle */

/* 7.5.1: unit types of version 5 */
enum { DW_UT_compile = 1, DW_UT_type, DW_UT_partial, DW_UT_skeleton, DW_UT_split_compile, DW_UT_split_type };

static struct elf_bytes bytes_of(const struct dwarf *d, enum dwarf_section s)
{
	return d->sections[s].bytes;
}

static struct reader reader_at(struct elf_bytes b, uint64_t offset)
{
	if (!b.v || offset > b.n)
		return (struct reader){0};
	return (struct reader){b.v + offset, b.v + b.n, false};
}

static const char *string_at(struct elf_bytes b, uint64_t offset)
{
	struct reader r = reader_at(b, offset);

	return r.at == r.end ? NULL : reader_string(&r);
}

/* Entry `i` of a table of numbers that begins at `base`. */
static bool table_entry(struct elf_bytes b, uint64_t base, uint64_t i, unsigned size, uint64_t *ret)
{
	struct reader r;

	if (i > UINT32_MAX || base > b.n)
		return false;
	r = reader_at(b, base + i * size);
	*ret = reader_fixed(&r, size);
	return !r.failed && r.at;
}

static int by_unit(const void *key, const void *element)
{
	uint64_t offset = *(const uint64_t *)key;
	const struct dwarf_unit *u = element;

	return offset < u->offset ? -1 : offset >= u->end;
}

const struct dwarf_unit *dwarf_unit_at(const struct dwarf *d, uint64_t offset)
{
	return d->units.n ? bsearch(&offset, d->units.v, d->units.n, sizeof(*d->units.v), by_unit) : NULL;
}

/* 7.5.3. Sizes that depend on the unit are counted, not summed. False for a form we do not know: nothing behind it can be read. */
static bool measure(struct dwarf_abbrev *a, uint16_t form)
{
	switch (form) {
	case DW_FORM_implicit_const:
	case DW_FORM_flag_present:
		return true;
	case DW_FORM_data1:
	case DW_FORM_ref1:
	case DW_FORM_flag:
	case DW_FORM_strx1:
	case DW_FORM_addrx1:
		a->fixed += 1;
		return true;
	case DW_FORM_data2:
	case DW_FORM_ref2:
	case DW_FORM_strx2:
	case DW_FORM_addrx2:
		a->fixed += 2;
		return true;
	case DW_FORM_strx3:
	case DW_FORM_addrx3:
		a->fixed += 3;
		return true;
	case DW_FORM_data4:
	case DW_FORM_ref4:
	case DW_FORM_ref_sup4:
	case DW_FORM_strx4:
	case DW_FORM_addrx4:
		a->fixed += 4;
		return true;
	case DW_FORM_data8:
	case DW_FORM_ref8:
	case DW_FORM_ref_sup8:
	case DW_FORM_ref_sig8:
		a->fixed += 8;
		return true;
	case DW_FORM_data16:
		a->fixed += 16;
		return true;
	case DW_FORM_addr:
		a->addresses++;
		return true;
	case DW_FORM_strp:
	case DW_FORM_line_strp:
	case DW_FORM_sec_offset:
	case DW_FORM_strp_sup:
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_GNU_strp_alt:
		a->offsets++;
		return true;
	case DW_FORM_block1:
	case DW_FORM_block2:
	case DW_FORM_block4:
	case DW_FORM_block:
	case DW_FORM_exprloc:
	case DW_FORM_string:
	case DW_FORM_sdata:
	case DW_FORM_udata:
	case DW_FORM_ref_udata:
	case DW_FORM_ref_addr:
	case DW_FORM_indirect:
	case DW_FORM_strx:
	case DW_FORM_addrx:
	case DW_FORM_loclistx:
	case DW_FORM_rnglistx:
	case DW_FORM_GNU_addr_index:
	case DW_FORM_GNU_str_index:
		a->is_fixed = false;
		return true;
	}
	return false;
}

/* One entry of .debug_abbrev. False at the end of the table or of the section. */
static bool read_abbrev(struct dwarf *d, struct reader *r)
{
	struct dwarf_abbrev a = {.code = reader_uleb(r), .first = d->attributes.n, .readable = true, .is_fixed = true};

	if (!a.code)
		return false;
	a.tag = reader_uleb(r);
	a.children = reader_u8(r);
	for (;;) {
		struct dwarf_attribute at = {.name = reader_uleb(r), .form = reader_uleb(r)};

		if (at.form == DW_FORM_implicit_const)
			at.implicit = reader_sleb(r);
		if (r->failed)
			return false;
		if (!at.name && !at.form)
			break;
		a.readable &= measure(&a, at.form);
		*vec_push(&d->attributes) = at;
		a.count++;
	}
	a.is_fixed &= a.count < 1024; /* the counts stay far below their types' limits */
	*vec_push(&d->abbrevs) = a;
	return true;
}

static int by_code(const void *x, const void *y)
{
	const struct dwarf_abbrev *a = x, *b = y;

	return a->code < b->code ? -1 : a->code > b->code;
}

static bool same_offset(const void *ctx, uint32_t id, const void *key)
{
	return ((const struct dwarf *)ctx)->abbrev_tables.v[id].offset == *(const uint64_t *)key;
}

/* The table at `offset`, read when the first unit asks for it. */
static uint32_t abbrev_table(struct dwarf *d, uint64_t offset)
{
	uint64_t hash = hash_mix(0, offset);
	uint32_t id = table_find(&d->by_offset, hash, same_offset, d, &offset);
	struct dwarf_abbrevs t = {offset, d->abbrevs.n, 0};
	struct reader r = reader_at(bytes_of(d, DWARF_ABBREV), offset);

	if (id != TABLE_NONE)
		return id;
	/* Tables that overlap cost their sum: of a file made for that no more than a few times its size is read. */
	if (d->attributes.n + d->abbrevs.n > 4 * bytes_of(d, DWARF_ABBREV).n)
		return UINT32_MAX;
	while (r.at != r.end && read_abbrev(d, &r))
		t.count++;
	if (t.count)
		qsort(d->abbrevs.v + t.first, t.count, sizeof(*d->abbrevs.v), by_code);
	id = d->abbrev_tables.n;
	*vec_push(&d->abbrev_tables) = t;
	table_add(&d->by_offset, hash, id);
	return id;
}

const struct dwarf_abbrev *dwarf_abbrev(const struct dwarf *d, const struct dwarf_unit *u, uint64_t code)
{
	const struct dwarf_abbrevs *t = u->abbrevs < d->abbrev_tables.n ? &d->abbrev_tables.v[u->abbrevs] : NULL;
	const struct dwarf_abbrev *v, *a;

	if (!t || !t->count)
		return NULL;
	v = d->abbrevs.v + t->first;
	/* Compilers number them from 1 on. */
	if (code - 1 < t->count && v[code - 1].code == code)
		a = &v[code - 1];
	else
		a = bsearch(&(struct dwarf_abbrev){.code = code}, v, t->count, sizeof(*v), by_code);
	return a && a->readable ? a : NULL;
}

struct reader dwarf_entry(const struct dwarf *d, const struct dwarf_unit *u, uint64_t offset)
{
	struct reader r = reader_at(bytes_of(d, DWARF_INFO), offset);

	if (!r.at || offset < u->first || offset > u->end)
		return (struct reader){0};
	r.end = bytes_of(d, DWARF_INFO).v + u->end;
	return r;
}

static struct dwarf_value string_value(const char *text)
{
	return (struct dwarf_value){DWARF_STRING, 0, text};
}

static struct dwarf_value string_index(const struct dwarf *d, const struct dwarf_unit *u, uint64_t i)
{
	uint64_t offset;

	if (!table_entry(bytes_of(d, DWARF_STR_OFFSETS), u->str_offsets_base, i, u->offset_size, &offset))
		return string_value(NULL);
	return string_value(string_at(bytes_of(d, DWARF_STR), offset));
}

static struct dwarf_value block(struct reader *r, uint64_t n)
{
	reader_skip(r, n);
	return dwarf_number(DWARF_OTHER, 0);
}

static struct dwarf_value local_reference(const struct dwarf_unit *u, uint64_t offset)
{
	return dwarf_number(DWARF_REFERENCE, u->offset + offset);
}

static struct dwarf_value alt_string(const struct dwarf *d, uint64_t offset)
{
	return string_value(d->alt ? string_at(bytes_of(d->alt, DWARF_STR), offset) : NULL);
}

struct dwarf_value dwarf_read(const struct dwarf *d, const struct dwarf_unit *u, const struct dwarf_attribute *a, struct reader *r)
{
	uint64_t form = a->form;

	/* 7.5.3: the form stands in front of the value. Once: an indirect form that is indirect again is nothing. */
	if (form == DW_FORM_indirect)
		form = reader_uleb(r);
	switch (form) {
	case DW_FORM_addr:
		return dwarf_number(DWARF_ADDRESS, reader_fixed(r, u->address_size));
	case DW_FORM_addrx:
	case DW_FORM_GNU_addr_index:
		return dwarf_number(DWARF_ADDRESS_INDEX, reader_uleb(r));
	case DW_FORM_addrx1:
	case DW_FORM_addrx2:
	case DW_FORM_addrx3:
	case DW_FORM_addrx4:
		return dwarf_number(DWARF_ADDRESS_INDEX, reader_fixed(r, form - DW_FORM_addrx1 + 1));
	case DW_FORM_flag:
	case DW_FORM_data1:
		return dwarf_number(DWARF_CONSTANT, reader_u8(r));
	case DW_FORM_data2:
		return dwarf_number(DWARF_CONSTANT, reader_fixed(r, 2));
	/* Before DWARF 4 these two are offsets as well; what an attribute expects decides. */
	case DW_FORM_data4:
		return dwarf_number(DWARF_CONSTANT, reader_fixed(r, 4));
	case DW_FORM_data8:
		return dwarf_number(DWARF_CONSTANT, reader_fixed(r, 8));
	case DW_FORM_sdata:
		return dwarf_number(DWARF_CONSTANT, reader_sleb(r));
	case DW_FORM_udata:
		return dwarf_number(DWARF_CONSTANT, reader_uleb(r));
	case DW_FORM_implicit_const:
		return dwarf_number(DWARF_CONSTANT, a->implicit);
	case DW_FORM_flag_present:
		return dwarf_number(DWARF_CONSTANT, 1);
	case DW_FORM_string:
		return string_value(reader_string(r));
	case DW_FORM_strp:
		return string_value(string_at(bytes_of(d, DWARF_STR), reader_fixed(r, u->offset_size)));
	case DW_FORM_line_strp:
		return string_value(string_at(bytes_of(d, DWARF_LINE_STR), reader_fixed(r, u->offset_size)));
	case DW_FORM_strx:
	case DW_FORM_GNU_str_index:
		return string_index(d, u, reader_uleb(r));
	case DW_FORM_strx1:
	case DW_FORM_strx2:
	case DW_FORM_strx3:
	case DW_FORM_strx4:
		return string_index(d, u, reader_fixed(r, form - DW_FORM_strx1 + 1));
	case DW_FORM_strp_sup:
	case DW_FORM_GNU_strp_alt:
		return alt_string(d, reader_fixed(r, u->offset_size));
	case DW_FORM_ref1:
		return local_reference(u, reader_u8(r));
	case DW_FORM_ref2:
		return local_reference(u, reader_fixed(r, 2));
	case DW_FORM_ref4:
		return local_reference(u, reader_fixed(r, 4));
	case DW_FORM_ref8:
		return local_reference(u, reader_fixed(r, 8));
	case DW_FORM_ref_udata:
		return local_reference(u, reader_uleb(r));
	case DW_FORM_ref_addr: /* in version 2 the size of an address */
		return dwarf_number(DWARF_REFERENCE, reader_fixed(r, u->version < 3 ? u->address_size : u->offset_size));
	case DW_FORM_ref_sup4:
		return dwarf_number(DWARF_REFERENCE_ALT, reader_fixed(r, 4));
	case DW_FORM_ref_sup8:
		return dwarf_number(DWARF_REFERENCE_ALT, reader_fixed(r, 8));
	case DW_FORM_GNU_ref_alt:
		return dwarf_number(DWARF_REFERENCE_ALT, reader_fixed(r, u->offset_size));
	case DW_FORM_sec_offset:
		return dwarf_number(DWARF_SECTION_OFFSET, reader_fixed(r, u->offset_size));
	case DW_FORM_rnglistx:
		return dwarf_number(DWARF_LIST_INDEX, reader_uleb(r));
	case DW_FORM_loclistx:
		reader_uleb(r);
		return dwarf_number(DWARF_OTHER, 0);
	case DW_FORM_block1:
		return block(r, reader_u8(r));
	case DW_FORM_block2:
		return block(r, reader_fixed(r, 2));
	case DW_FORM_block4:
		return block(r, reader_fixed(r, 4));
	case DW_FORM_block:
	case DW_FORM_exprloc:
		return block(r, reader_uleb(r));
	case DW_FORM_data16:
		return block(r, 16);
	case DW_FORM_ref_sig8:
		return block(r, 8);
	}
	reader_fail(r);
	return dwarf_number(DWARF_NONE, 0);
}

void dwarf_skip(const struct dwarf *d, const struct dwarf_unit *u, const struct dwarf_abbrev *a, struct reader *r)
{
	if (a->is_fixed) {
		reader_skip(r, a->fixed + a->addresses * u->address_size + a->offsets * u->offset_size);
		return;
	}
	for (uint32_t i = 0; i < a->count; i++)
		dwarf_read(d, u, &d->attributes.v[a->first + i], r);
}

bool dwarf_address(const struct dwarf *d, const struct dwarf_unit *u, const struct dwarf_value *v, uint64_t *ret)
{
	if (v->class == DWARF_ADDRESS_INDEX)
		return table_entry(d->addr, u->addr_base, v->u, u->address_size, ret);
	*ret = v->u;
	return v->class == DWARF_ADDRESS;
}

/* 7.5.1. Returns false at the end of the list, or where the file is damaged. */
static bool read_unit_head(const struct dwarf *d, struct dwarf_unit *u, struct reader *r, uint64_t *abbrevs)
{
	const uint8_t *start = bytes_of(d, DWARF_INFO).v;
	uint64_t length;
	uint8_t type = DW_UT_compile;

	*u = (struct dwarf_unit){.offset = r->at - start, .offset_size = 4};
	if (reader_left(r) < UNIT_HEAD_BYTES_MIN)
		return false;
	length = reader_fixed(r, 4);
	if (length == UINT32_MAX) {
		u->offset_size = 8;
		length = reader_fixed(r, 8);
	}
	if (length > reader_left(r))
		return false;
	u->end = r->at - start + length;
	u->version = reader_fixed(r, 2);
	if (u->version >= 5) {
		type = reader_u8(r);
		u->address_size = reader_u8(r);
		*abbrevs = reader_fixed(r, u->offset_size);
	} else {
		*abbrevs = reader_fixed(r, u->offset_size);
		u->address_size = reader_u8(r);
	}
	if (type == DW_UT_skeleton || type == DW_UT_split_compile)
		u->dwo_id = reader_fixed(r, 8);
	if (type == DW_UT_type || type == DW_UT_split_type) {
		reader_skip(r, 8 + u->offset_size);
		u->is_type = true;
	}
	u->first = r->at - start;
	return !r->failed && u->first <= u->end;
}

static void read_bases(const struct dwarf *d, struct dwarf_unit *u)
{
	struct reader r = dwarf_entry(d, u, u->first);
	const struct dwarf_abbrev *a = dwarf_abbrev(d, u, reader_uleb(&r));
	struct dwarf_value low = {0}, v;

	for (uint32_t i = 0; a && i < a->count && !r.failed; i++) {
		const struct dwarf_attribute *at = &d->attributes.v[a->first + i];

		v = dwarf_read(d, u, at, &r);
		switch (at->name) {
		case DW_AT_low_pc:
			low = v;
			break;
		case DW_AT_str_offsets_base:
			u->str_offsets_base = v.u;
			break;
		case DW_AT_addr_base:
		case DW_AT_GNU_addr_base:
			u->addr_base = v.u;
			break;
		case DW_AT_rnglists_base:
			u->rnglists_base = v.u;
			break;
		case DW_AT_GNU_ranges_base:
			u->ranges_base = v.u;
			break;
		case DW_AT_GNU_dwo_id:
			u->dwo_id = v.u;
			break;
		}
	}
	if (!dwarf_address(d, u, &low, &u->low_pc))
		u->low_pc = 0;
}

static void read_units(struct dwarf *d)
{
	struct elf_bytes info = bytes_of(d, DWARF_INFO);
	struct reader r = reader_at(info, 0);
	struct dwarf_unit u;
	uint64_t abbrevs;

	while (r.at != r.end && read_unit_head(d, &u, &r, &abbrevs)) {
		r.at = info.v + u.end;
		if (u.version < 2 || u.version > 5 || u.is_type || (u.address_size != 8 && u.address_size != 4))
			continue;
		u.abbrevs = abbrev_table(d, abbrevs);
		/* 7.26, 7.28: without an attribute that says so the tables of a split unit begin behind their headers. */
		if (d->split && u.version >= 5) {
			u.str_offsets_base = u.offset_size == 8 ? 16 : 8;
			u.rnglists_base = u.offset_size == 8 ? 20 : 12;
		}
		read_bases(d, &u);
		*vec_push(&d->units) = u;
	}
}

int dwarf_section_open(struct section *ret, const struct elf *elf, enum dwarf_section s, bool split, uint64_t *budget)
{
	static const char *const names[] = {
#define X(id, name) name,
		DWARF_SECTIONS(X)
#undef X
	};
	char name[64];

	snprintf(name, sizeof(name), "%s%s", names[s], split ? ".dwo" : "");
	return section_open(ret, elf, name, budget);
}

static int open_units(struct dwarf *d)
{
	d->addr = bytes_of(d, DWARF_ADDR);
	d->ranges = bytes_of(d, DWARF_RANGES);
	if (!bytes_of(d, DWARF_INFO).n || !bytes_of(d, DWARF_ABBREV).n) {
		dwarf_free(d);
		return -ENOENT;
	}
	read_units(d);
	return 0;
}

int dwarf_open(struct dwarf *d, const struct elf *elf, bool split, uint64_t *budget)
{
	bool too_large = false;
	int ret;

	*d = (struct dwarf){.split = split};
	for (int i = 0; i < DWARF_SECTION_N; i++)
		too_large |= dwarf_section_open(&d->sections[i], elf, i, split, budget) == -EFBIG;
	ret = open_units(d);
	return ret && too_large ? -EFBIG : ret;
}

int dwarf_open_split(struct dwarf *d, const struct elf_bytes sections[DWARF_SECTION_N])
{
	*d = (struct dwarf){.split = true};
	for (int i = 0; i < DWARF_SECTION_N; i++)
		d->sections[i].bytes = sections[i];
	return open_units(d);
}

void dwarf_free(struct dwarf *d)
{
	for (int i = 0; i < DWARF_SECTION_N; i++)
		section_free(&d->sections[i]);
	vec_free(&d->units);
	vec_free(&d->abbrev_tables);
	vec_free(&d->abbrevs);
	vec_free(&d->attributes);
	table_free(&d->by_offset);
	*d = (struct dwarf){0};
}

struct name_search {
	const char *linkage, *plain;
	struct dwarf_value next;
};

/* What one entry says of its name. */
static void search_entry(const struct dwarf *d, uint64_t offset, struct name_search *s)
{
	const struct dwarf_unit *u = dwarf_unit_at(d, offset);
	struct dwarf_value origin = {0}, specification = {0}, v;
	const struct dwarf_abbrev *a;
	struct reader r;

	s->next = (struct dwarf_value){0};
	if (!u)
		return;
	r = dwarf_entry(d, u, offset);
	a = dwarf_abbrev(d, u, reader_uleb(&r));
	for (uint32_t i = 0; a && i < a->count && !r.failed; i++) {
		const struct dwarf_attribute *at = &d->attributes.v[a->first + i];

		v = dwarf_read(d, u, at, &r);
		if (at->name == DW_AT_linkage_name || at->name == DW_AT_MIPS_linkage_name)
			s->linkage = v.text;
		else if (at->name == DW_AT_name && !s->plain)
			s->plain = v.text;
		else if (at->name == DW_AT_abstract_origin)
			origin = v;
		else if (at->name == DW_AT_specification)
			specification = v;
	}
	s->next = origin.class ? origin : specification;
}

const char *dwarf_function_name(const struct dwarf *d, const struct dwarf_value *reference)
{
	struct name_search s = {.next = *reference};

	for (int i = 0; i < REFERENCES_MAX && d && !s.linkage; i++) {
		if (s.next.class == DWARF_REFERENCE_ALT)
			d = d->alt; /* from where no way leads back */
		else if (s.next.class != DWARF_REFERENCE)
			break;
		if (d)
			search_entry(d, s.next.u, &s);
	}
	return s.linkage ? s.linkage : s.plain;
}
