// SPDX-License-Identifier: Apache-2.0
#include "elf/dwarf_line.h"

#include <errno.h>

/* 7.22 */
enum {
	DW_LNS_extended,
	DW_LNS_copy,
	DW_LNS_advance_pc,
	DW_LNS_advance_line,
	DW_LNS_set_file,
	DW_LNS_set_column,
	DW_LNS_negate_stmt,
	DW_LNS_set_basic_block,
	DW_LNS_const_add_pc,
	DW_LNS_fixed_advance_pc,
	DW_LNS_set_prologue_end,
	DW_LNS_set_epilogue_begin,
	DW_LNS_set_isa,
};
enum { DW_LNE_end_sequence = 1, DW_LNE_set_address };
enum { DW_LNCT_path = 1, DW_LNCT_directory_index };

#define FORMATS_MAX 255

struct program {
	const struct dwarf *dwarf;
	const struct line_reader *to;
	struct dwarf_unit unit; /* with the program's own version and sizes */
	struct reader r;
	uint8_t instruction_bytes, operations, line_range, opcode_base;
	int8_t line_base;
	const uint8_t *operands; /* number of operands of the standard opcodes, from 1 on */
	VEC(const char *) directories;
	uint64_t operation; /* within a VLIW instruction */
	struct line_row row;
};

static const char *directory(const struct program *p, uint64_t i)
{
	return i < p->directories.n ? p->directories.v[i] : NULL;
}

/* Version 2 to 4: strings, then files with three numbers each; both count from 1, directory 0 is the compilation's. */
static void read_old_files(struct program *p)
{
	const char *text;

	*vec_push(&p->directories) = NULL;
	while ((text = reader_string(&p->r)) && *text)
		*vec_push(&p->directories) = text;
	for (uint64_t i = 1; (text = reader_string(&p->r)) && *text; i++) {
		uint64_t d = reader_uleb(&p->r);

		reader_uleb(&p->r); /* time */
		reader_uleb(&p->r); /* size */
		p->to->file(p->to->ctx, &(struct line_file){i, directory(p, d), text, false});
	}
}

/*
 * Version 5: entries in a format that the program describes; both count from 0, directory 0 is the compilation's (6.2.4, 10).
 * `files`: else directories.
 */
static void read_entries(struct program *p, bool files)
{
	struct dwarf_attribute formats[FORMATS_MAX];
	unsigned n = reader_u8(&p->r);
	uint64_t count;

	for (unsigned i = 0; i < n; i++)
		formats[i] = (struct dwarf_attribute){.name = reader_uleb(&p->r), .form = reader_uleb(&p->r)};
	count = reader_uleb(&p->r);
	for (uint64_t i = 0; i < count && !p->r.failed; i++) {
		const uint8_t *start = p->r.at;
		const char *path = NULL;
		uint64_t d = 0;

		for (unsigned f = 0; f < n; f++) {
			struct dwarf_value v = dwarf_read(p->dwarf, &p->unit, &formats[f], &p->r);

			if (formats[f].name == DW_LNCT_path)
				path = v.text;
			else if (formats[f].name == DW_LNCT_directory_index)
				d = v.u;
		}
		if (p->r.at == start) { /* entries without bytes: there is no end to them */
			reader_fail(&p->r);
		} else if (files) {
			p->to->file(p->to->ctx, &(struct line_file){i, directory(p, d), path, !d});
		} else {
			*vec_push(&p->directories) = path;
		}
	}
}

/* 6.2.4 */
static int read_head(struct program *p, struct elf_bytes section, uint64_t offset)
{
	uint64_t length, head;
	const uint8_t *rows;

	if (!section.v || offset >= section.n)
		return -EBADMSG;
	p->r = (struct reader){section.v + offset, section.v + section.n, false};
	p->unit.offset_size = 4;
	length = reader_fixed(&p->r, 4);
	if (length == UINT32_MAX) {
		p->unit.offset_size = 8;
		length = reader_fixed(&p->r, 8);
	}
	if (length > reader_left(&p->r))
		return -EBADMSG;
	p->r.end = p->r.at + length;
	p->unit.version = reader_fixed(&p->r, 2);
	if (p->unit.version < 2 || p->unit.version > 5)
		return -EBADMSG;
	if (p->unit.version >= 5) {
		p->unit.address_size = reader_u8(&p->r);
		reader_u8(&p->r); /* segment selector */
		if (p->unit.address_size != 8 && p->unit.address_size != 4)
			return -EBADMSG;
	}
	head = reader_fixed(&p->r, p->unit.offset_size);
	if (p->r.failed || head > reader_left(&p->r))
		return -EBADMSG;
	rows = p->r.at + head;
	p->instruction_bytes = reader_u8(&p->r);
	p->operations = p->unit.version >= 4 ? reader_u8(&p->r) : 1;
	reader_u8(&p->r); /* is_stmt */
	p->line_base = reader_u8(&p->r);
	p->line_range = reader_u8(&p->r);
	p->opcode_base = reader_u8(&p->r);
	p->operands = reader_skip(&p->r, p->opcode_base ? p->opcode_base - 1 : 0);
	if (p->r.failed || !p->opcode_base || !p->operations)
		return -EBADMSG;
	if (p->unit.version >= 5) {
		read_entries(p, false);
		read_entries(p, true);
	} else {
		read_old_files(p);
	}
	if (p->r.failed)
		return -EBADMSG;
	p->r.at = rows;
	return 0;
}

static void reset(struct program *p)
{
	p->row = (struct line_row){.file = 1, .line = 1};
	p->operation = 0;
}

/* 6.2.5.1 */
static void advance(struct program *p, uint64_t operations)
{
	uint64_t n = p->operation + operations;

	p->row.address += p->instruction_bytes * (n / p->operations);
	p->operation = n % p->operations;
}

static void give(struct program *p)
{
	p->to->row(p->to->ctx, &p->row);
}

static void run_special(struct program *p, uint8_t opcode)
{
	uint8_t adjusted = opcode - p->opcode_base;

	if (!p->line_range) {
		reader_fail(&p->r);
		return;
	}
	advance(p, adjusted / p->line_range);
	p->row.line += p->line_base + adjusted % p->line_range;
	give(p);
}

static void run_extended(struct program *p)
{
	uint64_t n = reader_uleb(&p->r);
	const uint8_t *bytes = reader_skip(&p->r, n);
	struct reader r;

	if (p->r.failed || !n)
		return;
	r = (struct reader){bytes, bytes + n, false};
	switch (reader_u8(&r)) {
	case DW_LNE_end_sequence:
		p->row.end = true;
		give(p);
		reset(p);
		break;
	case DW_LNE_set_address:
		if (reader_left(&r) == 8 || reader_left(&r) == 4)
			p->row.address = reader_fixed(&r, reader_left(&r));
		p->operation = 0;
		break;
	}
}

static void run_opcode(struct program *p, uint8_t opcode)
{
	if (opcode >= p->opcode_base) {
		run_special(p, opcode);
		return;
	}
	switch (opcode) {
	case DW_LNS_extended:
		run_extended(p);
		return;
	case DW_LNS_copy:
		give(p);
		return;
	case DW_LNS_advance_pc:
		advance(p, reader_uleb(&p->r));
		return;
	case DW_LNS_advance_line:
		p->row.line += reader_sleb(&p->r);
		return;
	case DW_LNS_set_file:
		p->row.file = reader_uleb(&p->r);
		return;
	case DW_LNS_negate_stmt:
	case DW_LNS_set_basic_block:
	case DW_LNS_set_prologue_end:
	case DW_LNS_set_epilogue_begin:
		return;
	case DW_LNS_const_add_pc:
		if (p->line_range)
			advance(p, (255 - p->opcode_base) / p->line_range);
		return;
	case DW_LNS_fixed_advance_pc:
		p->row.address += reader_fixed(&p->r, 2);
		p->operation = 0;
		return;
	}
	for (uint8_t i = p->operands[opcode - 1]; i; i--)
		reader_uleb(&p->r);
}

int dwarf_lines(const struct dwarf *d, const struct dwarf_unit *u, uint64_t offset, const struct line_reader *to)
{
	struct program p = {.dwarf = d, .to = to, .unit = *u};
	int ret = read_head(&p, d->sections[DWARF_LINE].bytes, offset);

	reset(&p);
	while (!ret && p.r.at != p.r.end)
		run_opcode(&p, reader_u8(&p.r));
	vec_free(&p.directories);
	return p.r.failed ? -EBADMSG : ret;
}
