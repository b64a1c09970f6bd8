// SPDX-License-Identifier: Apache-2.0
#include "elf/debug_info.h"

#include "base/buf.h"
#include "base/table.h"
#include "elf/dwarf.h"
#include "elf/dwarf_line.h"
#include "elf/dwarf_package.h"

#include <errno.h>
#include <string.h>

/* Bounds for files made to exhaust us; the largest programs known stay below a quarter of them. */
#define NODES_MAX (32u << 20)
#define RANGES_MAX (64u << 20)
#define LINES_MAX (64u << 20)

/* A piece of code that a node covers; of two that overlap the later node is the inner one. */
struct piece {
	uint64_t start, end;
	uint32_t node;
};

struct sequence { /* lines[first .. first + count), of code that ends at `end` */
	uint64_t start, end;
	size_t first, count;
};

struct text {
	uint64_t start, end;
};

struct known_name {
	uint32_t half; /* of builder: what references count in */
	struct dwarf_value reference;
	uint32_t name;
};

struct builder {
	struct debug_info *info;
	const struct debug_input *in;
	VEC(struct text) text; /* executable sections, ascending; none: not known */
	VEC(struct piece) pieces;
	VEC(struct debug_line) lines;
	VEC(struct sequence) sequences;
	VEC(struct known_name) names;
	struct table names_table;
	VEC(struct dwarf_package) packages;
	uint32_t half, halves; /* split units are numbered from 1 on; 0: in the linked file */
	struct buf path;
	uint64_t budget;

	/* The unit at hand */
	const char *directory;
	VEC(uint32_t) files; /* string ids by the unit's own index */
	size_t sequence_first; /* of lines, the first of the sequence that is being read */
	bool sequence_damaged;
};

static int by_start(const void *x, const void *y)
{
	const struct text *a = x, *b = y; /* also piece and sequence: they begin with `start` */

	return a->start < b->start ? -1 : a->start > b->start;
}

static void read_text(struct builder *b)
{
	Elf64_Shdr sh;

	for (uint32_t i = 1; elf_section(b->in->elf, i, &sh); i++)
		if (sh.sh_flags & SHF_EXECINSTR && sh.sh_flags & SHF_ALLOC && sh.sh_size && sh.sh_addr + sh.sh_size > sh.sh_addr)
			*vec_push(&b->text) = (struct text){sh.sh_addr, sh.sh_addr + sh.sh_size};
	if (b->text.n)
		qsort(b->text.v, b->text.n, sizeof(*b->text.v), by_start);
}

/*
 * Linkers leave the debug information of functions that they dropped, at addresses that are none: 0, 1, -1, -2, or 0 plus the
 * function's place in its section. What does not begin in code is such a one.
 */
static bool is_code(const struct builder *b, uint64_t start)
{
	size_t low = 0, high = b->text.n;

	if (!b->text.n)
		return start > 1 && start < UINT64_MAX - 1;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (b->text.v[middle].end <= start)
			low = middle + 1;
		else
			high = middle;
	}
	return low < b->text.n && b->text.v[low].start <= start;
}

/* Lines */

static bool is_absolute(const char *path)
{
	return path && path[0] == '/';
}

static void add_component(struct buf *path, const char *component)
{
	if (!component || !*component)
		return;
	if (path->n && path->v[path->n - 1] != '/')
		buf_putc(path, '/');
	buf_puts(path, component);
}

static void on_file(void *ctx, const struct line_file *f)
{
	struct builder *b = ctx;

	if (f->index > UINT16_MAX * 16u)
		return;
	buf_truncate(&b->path, 0);
	if (!is_absolute(f->name)) {
		if (!is_absolute(f->directory) && !f->whole)
			add_component(&b->path, b->directory);
		add_component(&b->path, f->directory);
	}
	add_component(&b->path, f->name);
	while (b->files.n <= f->index)
		*vec_push(&b->files) = 0;
	b->files.v[f->index] = b->path.n ? strings_add(b->info->strings, b->path.v) : 0;
}

static uint32_t file_name(const struct builder *b, uint64_t index)
{
	return index < b->files.n ? b->files.v[index] : 0;
}

static void end_sequence(struct builder *b, uint64_t end)
{
	size_t first = b->sequence_first;

	if (b->lines.n > first && !b->sequence_damaged && end > b->lines.v[first].start && is_code(b, b->lines.v[first].start)) {
		*vec_push(&b->sequences) = (struct sequence){b->lines.v[first].start, end, first, b->lines.n - first};
		b->sequence_first = b->lines.n;
	} else {
		b->lines.n = first;
	}
	b->sequence_damaged = false;
}

static void on_row(void *ctx, const struct line_row *r)
{
	struct builder *b = ctx;
	struct debug_line line = {r->address, file_name(b, r->file), r->line};
	struct debug_line *last = b->lines.n > b->sequence_first ? &b->lines.v[b->lines.n - 1] : NULL;

	if (r->end) {
		end_sequence(b, r->address);
		return;
	}
	if (last && line.start < last->start)
		b->sequence_damaged = true; /* 6.2.5: addresses only grow within a sequence */
	if (last && line.start == last->start) {
		*last = line; /* the last row of an address counts */
		return;
	}
	if (last && last->file == line.file && last->line == line.line)
		return;
	if (b->lines.n >= LINES_MAX)
		b->sequence_damaged = true;
	else
		*vec_push(&b->lines) = line;
}

static void read_lines(struct builder *b, const struct dwarf *d, const struct dwarf_unit *u, uint64_t offset)
{
	struct line_reader to = {on_file, on_row, b};

	b->sequence_first = b->lines.n;
	b->sequence_damaged = false;
	dwarf_lines(d, u, offset, &to);
	b->lines.n = b->sequence_first; /* what no end came for */
}

static void push_line(struct debug_info *info, struct debug_line line)
{
	struct debug_line *last = info->lines.n ? &info->lines.v[info->lines.n - 1] : NULL;

	if (last && last->start == line.start)
		*last = line;
	else if (!last || last->file != line.file || last->line != line.line)
		*vec_push(&info->lines) = line;
}

/* Where sequences overlap the first has the code: the same function in two units, of which the linker kept one. */
static void order_lines(struct builder *b)
{
	uint64_t done = 0;

	if (b->sequences.n)
		qsort(b->sequences.v, b->sequences.n, sizeof(*b->sequences.v), by_start);
	for (size_t i = 0; i < b->sequences.n; i++) {
		const struct sequence *s = &b->sequences.v[i];

		if (s->end <= done)
			continue;
		if (i && s->start > done)
			push_line(b->info, (struct debug_line){done, 0, 0});
		for (size_t j = s->first; j < s->first + s->count; j++) {
			struct debug_line line = b->lines.v[j];
			uint64_t end = j + 1 < s->first + s->count ? b->lines.v[j + 1].start : s->end;

			if (end <= done)
				continue;
			if (line.start < done)
				line.start = done;
			push_line(b->info, line);
		}
		done = s->end;
	}
	if (b->sequences.n)
		push_line(b->info, (struct debug_line){done, 0, 0});
}

/* Functions */

static bool same_name(const void *ctx, uint32_t id, const void *key)
{
	const struct known_name *a = &((const struct builder *)ctx)->names.v[id], *k = key;

	return a->half == k->half && a->reference.u == k->reference.u && a->reference.class == k->reference.class;
}

/* Most expansions are of few functions: each name is looked up once. */
static uint32_t name_of(struct builder *b, const struct dwarf *d, struct dwarf_value reference)
{
	struct known_name k = {b->half, reference, 0};
	uint64_t hash = hash_mix(hash_mix(reference.class, reference.u), b->half);
	uint32_t id = table_find(&b->names_table, hash, same_name, b, &k);
	const char *name;

	if (id != TABLE_NONE)
		return b->names.v[id].name;
	name = dwarf_function_name(d, &reference);
	k.name = name ? strings_add(b->info->strings, name) : 0;
	table_add(&b->names_table, hash, b->names.n);
	*vec_push(&b->names) = k;
	return k.name;
}

static void on_range(void *ctx, uint64_t start, uint64_t end)
{
	struct builder *b = ctx;

	if (b->pieces.n < RANGES_MAX && is_code(b, start))
		*vec_push(&b->pieces) = (struct piece){start, end, b->info->nodes.n - 1};
}

/* What is read of an entry. */
struct entry {
	uint64_t offset;
	struct dwarf_pcs pcs;
	struct dwarf_value origin, call_file, call_line;
};

/* A function or an expansion; `outer` is the node around it. Returns its node. */
static uint32_t add_function(struct builder *b, const struct dwarf *d, const struct dwarf_unit *u, const struct entry *e, bool is_inlined,
			     uint32_t outer)
{
	struct debug_node n = {0};

	if (b->info->nodes.n >= NODES_MAX)
		return 0;
	n.name = name_of(b, d, is_inlined && e->origin.class ? e->origin : dwarf_number(DWARF_REFERENCE, e->offset));
	if (is_inlined) {
		n.parent = outer;
		n.call_file = file_name(b, e->call_file.u);
		n.call_line = e->call_line.u;
	}
	*vec_push(&b->info->nodes) = n;
	dwarf_ranges(d, u, &e->pcs, on_range, b);
	return b->info->nodes.n - 1;
}

static void read_entry(const struct dwarf *d, const struct dwarf_unit *u, const struct dwarf_abbrev *a, struct reader *r, struct entry *e)
{
	for (uint32_t i = 0; i < a->count; i++) {
		const struct dwarf_attribute *at = &d->attributes.v[a->first + i];
		struct dwarf_value v = dwarf_read(d, u, at, r);

		switch (at->name) {
		case DW_AT_low_pc:
			e->pcs.low = v;
			break;
		case DW_AT_high_pc:
			e->pcs.high = v;
			break;
		case DW_AT_ranges:
			e->pcs.ranges = v;
			break;
		case DW_AT_abstract_origin:
			e->origin = v;
			break;
		case DW_AT_call_file:
			e->call_file = v;
			break;
		case DW_AT_call_line:
			e->call_line = v;
			break;
		}
	}
}

/* All entries of a unit, in the order of the file; depth is no recursion. */
static void walk(struct builder *b, const struct dwarf *d, const struct dwarf_unit *u)
{
	struct reader r = dwarf_entry(d, u, u->first);
	const uint8_t *info = d->sections[DWARF_INFO].bytes.v;
	VEC(uint32_t) outer = {0}; /* the node around the entries of each level */
	uint32_t around = 0;

	while (r.at != r.end) {
		struct entry e = {.offset = r.at - info};
		uint64_t code = reader_uleb(&r);
		const struct dwarf_abbrev *a;
		uint32_t node = around;

		if (!code) { /* the end of a level */
			if (!outer.n)
				break;
			around = outer.v[--outer.n];
			continue;
		}
		a = dwarf_abbrev(d, u, code);
		if (!a)
			break;
		if (a->tag == DW_TAG_subprogram || a->tag == DW_TAG_inlined_subroutine) {
			read_entry(d, u, a, &r, &e);
			if (a->tag == DW_TAG_inlined_subroutine)
				node = add_function(b, d, u, &e, true, around);
			else if (e.pcs.ranges.class || e.pcs.high.class)
				node = add_function(b, d, u, &e, false, 0);
			else
				node = 0; /* a declaration, or the abstract one */
		} else {
			dwarf_skip(d, u, a, &r);
		}
		if (!a->children)
			continue;
		*vec_push(&outer) = around;
		around = node;
	}
	vec_free(&outer);
}

struct unit_entry {
	struct dwarf_value lines, directory, split_name;
	uint16_t tag;
};

static void read_unit_entry(const struct dwarf *d, const struct dwarf_unit *u, struct unit_entry *ret)
{
	struct reader r = dwarf_entry(d, u, u->first);
	const struct dwarf_abbrev *a = dwarf_abbrev(d, u, reader_uleb(&r));

	*ret = (struct unit_entry){0};
	ret->tag = a ? a->tag : 0;
	for (uint32_t i = 0; a && i < a->count; i++) {
		const struct dwarf_attribute *at = &d->attributes.v[a->first + i];
		struct dwarf_value v = dwarf_read(d, u, at, &r);

		if (at->name == DW_AT_stmt_list)
			ret->lines = v;
		else if (at->name == DW_AT_comp_dir)
			ret->directory = v;
		else if (at->name == DW_AT_dwo_name || at->name == DW_AT_GNU_dwo_name)
			ret->split_name = v;
	}
}

/* Packages are opened when the first unit is in none of those before. */
static bool open_package(struct builder *b)
{
	struct elf elf;

	if (!b->in->package || !b->in->package(b->in->ctx, b->packages.n, &elf))
		return false;
	dwarf_package_open(vec_push(&b->packages), &elf, &b->budget); /* of one that is none no unit will be found */
	return true;
}

static bool open_split(struct builder *b, struct dwarf *split, uint64_t id, const char *name)
{
	struct elf elf;

	for (size_t i = 0; i < b->packages.n || open_package(b); i++)
		if (!dwarf_package_unit(split, &b->packages.v[i], id))
			return true;
	return b->in->split && name && b->in->split(b->in->ctx, b->directory, name, id, &elf) && !dwarf_open(split, &elf, true, &b->budget);
}

/* The other half of a unit, in a file of its own or a package, with the addresses that the linked file has. */
static void walk_split(struct builder *b, const struct dwarf *d, const struct dwarf_unit *skeleton, const struct unit_entry *e)
{
	struct dwarf split;

	if (!open_split(b, &split, skeleton->dwo_id, e->split_name.text))
		return;
	split.addr = d->addr;
	split.ranges = d->ranges;
	b->half = ++b->halves;
	for (size_t i = 0; i < split.units.n; i++) {
		struct dwarf_unit u = split.units.v[i];

		if (u.dwo_id != skeleton->dwo_id)
			continue;
		u.addr_base = skeleton->addr_base;
		u.ranges_base = skeleton->ranges_base;
		u.low_pc = skeleton->low_pc;
		split.units.v[i] = u;
		walk(b, &split, &split.units.v[i]);
		break;
	}
	b->half = 0;
	dwarf_free(&split);
}

static void read_unit(struct builder *b, const struct dwarf *d, const struct dwarf_unit *u)
{
	struct unit_entry e;

	read_unit_entry(d, u, &e);
	if (e.tag != DW_TAG_compile_unit && e.tag != DW_TAG_skeleton_unit)
		return;
	b->directory = e.directory.text;
	b->files.n = 0;
	if (e.lines.class)
		read_lines(b, d, u, e.lines.u);
	if (e.split_name.class)
		walk_split(b, d, u, &e);
	else
		walk(b, d, u);
}

/* Pieces become disjoint ranges: at each address the latest of those that cover it, which a heap of them has on top. */

struct heap {
	VEC(struct piece) v;
};

static void heap_push(struct heap *h, struct piece p)
{
	size_t i = h->v.n;

	vec_push(&h->v);
	for (; i && h->v.v[(i - 1) / 2].node < p.node; i = (i - 1) / 2)
		h->v.v[i] = h->v.v[(i - 1) / 2];
	h->v.v[i] = p;
}

static void heap_pop(struct heap *h)
{
	struct piece last = h->v.v[--h->v.n];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < h->v.n) {
		if (child + 1 < h->v.n && h->v.v[child + 1].node > h->v.v[child].node)
			child++;
		if (h->v.v[child].node <= last.node)
			break;
		h->v.v[i] = h->v.v[child];
		i = child;
	}
	h->v.v[i] = last;
}

static void push_range(struct debug_info *info, uint64_t start, uint32_t node)
{
	struct debug_range *last = info->ranges.n ? &info->ranges.v[info->ranges.n - 1] : NULL;

	if (last && last->start == start)
		last->node = node;
	else if (!last || last->node != node)
		*vec_push(&info->ranges) = (struct debug_range){start, node};
}

/* From `at` to `until` no piece begins: those that end meanwhile uncover what is below them. Returns where the last one ended. */
static void uncover(struct debug_info *info, struct heap *h, uint64_t until)
{
	while (h->v.n) {
		uint64_t end = h->v.v[0].end;

		if (end > until)
			return;
		while (h->v.n && h->v.v[0].end <= end)
			heap_pop(h);
		push_range(info, end, h->v.n ? h->v.v[0].node : 0);
	}
}

static void order_ranges(struct builder *b)
{
	struct heap h = {0};

	if (b->pieces.n)
		qsort(b->pieces.v, b->pieces.n, sizeof(*b->pieces.v), by_start);
	for (size_t i = 0; i < b->pieces.n; i++) {
		const struct piece *p = &b->pieces.v[i];

		uncover(b->info, &h, p->start);
		heap_push(&h, *p);
		push_range(b->info, p->start, h.v.v[0].node);
	}
	uncover(b->info, &h, UINT64_MAX);
	vec_free(&h.v);
}

static void builder_free(struct builder *b)
{
	vec_free(&b->text);
	vec_free(&b->pieces);
	vec_free(&b->lines);
	vec_free(&b->sequences);
	vec_free(&b->names);
	vec_free(&b->files);
	for (size_t i = 0; i < b->packages.n; i++)
		dwarf_package_free(&b->packages.v[i]);
	vec_free(&b->packages);
	table_free(&b->names_table);
	buf_free(&b->path);
}

int debug_info_build(struct debug_info *ret, const struct debug_input *in)
{
	struct builder b = {.info = ret, .in = in, .budget = in->inflated_max};
	struct dwarf d, alt;
	bool has_alt = in->alt && !dwarf_open(&alt, in->alt, false, &b.budget);
	int code = dwarf_open(&d, in->elf, false, &b.budget);

	*ret = (struct debug_info){0};
	if (!code) {
		d.alt = has_alt ? &alt : NULL;
		ret->strings = strings_new();
		*vec_push(&ret->nodes) = (struct debug_node){0};
		read_text(&b);
		for (size_t i = 0; i < d.units.n; i++)
			read_unit(&b, &d, &d.units.v[i]);
		order_lines(&b);
		order_ranges(&b);
		dwarf_free(&d);
	}
	if (has_alt)
		dwarf_free(&alt);
	builder_free(&b);
	return code;
}

void debug_info_free(struct debug_info *d)
{
	strings_free(d->strings);
	vec_free(&d->nodes);
	vec_free(&d->ranges);
	vec_free(&d->lines);
	*d = (struct debug_info){0};
}

/* Index of the last element that starts at or before `vaddr`, or -1. */
#define LAST_BEFORE(vec, vaddr)                                                                                        \
	({                                                                                                             \
		size_t low_ = 0, high_ = (vec)->n;                                                                     \
		while (low_ < high_) {                                                                                 \
			size_t middle_ = low_ + (high_ - low_) / 2;                                                    \
			if ((vec)->v[middle_].start <= (vaddr))                                                        \
				low_ = middle_ + 1;                                                                    \
			else                                                                                           \
				high_ = middle_;                                                                       \
		}                                                                                                      \
		(ssize_t)low_ - 1;                                                                                     \
	})

size_t debug_info_find(const struct debug_info *d, uint64_t vaddr, struct debug_frame *frames, size_t max)
{
	ssize_t range = LAST_BEFORE(&d->ranges, vaddr), row = LAST_BEFORE(&d->lines, vaddr);
	const struct debug_line *line = row < 0 ? NULL : &d->lines.v[row];
	uint32_t node = range < 0 ? 0 : d->ranges.v[range].node, file = line ? line->file : 0, number = line ? line->line : 0;
	size_t n = 0;

	if (!node && !file)
		return 0;
	do {
		const struct debug_node *at = &d->nodes.v[node];

		if (n < max)
			frames[n] = (struct debug_frame){strings_get(d->strings, at->name), strings_get(d->strings, file), number};
		n++;
		file = at->call_file;
		number = at->call_line;
		node = at->parent;
	} while (node);
	return n;
}
