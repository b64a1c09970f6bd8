// SPDX-License-Identifier: Apache-2.0
/*
 * Inlined functions and lines of Go programs without DWARF. What is read, as runtime/symtab.go and cmd/link/internal/ld/pcln.go
 * have it: the function's record names tables of (value, length of code) pairs in LEB128: number of the file, line, and
 * PCDATA_InlTreeIndex, an index into FUNCDATA_InlTree. An element of that one is an inlined call: name, and an instruction of the
 * caller (parentPc) whose own index, file and line are those of the call.
 */
#include "elf/pclntab.h"
#include "elf/pclntab_table.h"

#include <errno.h>

#define VALUES_MAX (1u << 26) /* of all tables; of a forged file every function could read the same long one */
#define CALLS_MAX 65536	      /* inlined into one function */
#define DEPTH_MAX 256
#define TRIED_CALLS 1000      /* as many as make sure where they are */

enum { PCDATA_INL_TREE_INDEX = 2, FUNCDATA_INL_TREE = 3 };

/* From the end of the one before up to `end`, counted from where the function begins. */
struct value {
	uint32_t end;
	int32_t v;
};

struct values {
	struct value *v;
	size_t n, cap;
};

struct function {
	uint64_t start, size; /* size: below 4 GiB */
	struct elf_bytes record;
	struct values file, line, call;
	struct elf_bytes calls; /* FUNCDATA_InlTree */
};

struct builder {
	const struct pclntab *t;
	struct elf_bytes function_data; /* what offsets of FUNCDATA count from */
	struct debug_info *info;
	struct function f;
	VEC(uint32_t) nodes; /* by index of an inlined call: its node, 0: not yet */
	uint64_t budget;
	uint32_t files[256], file_of[256]; /* the last ones looked up, by index of t->units, + 1 */
};

static bool varint(struct elf_bytes *b, uint32_t *ret)
{
	*ret = 0;
	for (unsigned shift = 0; b->n && shift < 35; shift += 7) {
		uint8_t byte = *b->v;

		*b = pclntab_from(*b, 1);
		*ret |= (uint32_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/* The table at `offset`; 0: there is none. */
static void read_values(struct builder *b, struct values *ret, uint32_t offset)
{
	struct elf_bytes at = pclntab_from(b->t->values, offset);
	uint32_t delta, length, value = -1;
	uint64_t end = 0;

	ret->n = 0;
	while (offset && b->budget && end < b->f.size && varint(&at, &delta) && (delta || !ret->n) && varint(&at, &length)) {
		value += delta & 1 ? ~(delta >> 1) : delta >> 1;
		end += length;
		*vec_push(ret) = (struct value){end < b->f.size ? end : b->f.size, value};
		b->budget--;
	}
}

static int32_t value_at(const struct values *values, uint32_t at)
{
	size_t low = 0, high = values->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (values->v[middle].end > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low < values->n ? values->v[low].v : -1;
}

/* Of the record: pcfile, pcln, npcdata, cuOffset; nfuncdata is its last byte, the offsets of PCDATA and FUNCDATA follow it. */
static void read_function(struct builder *b, uint64_t i)
{
	const struct pclntab *t = b->t;
	struct function *f = &b->f;
	uint32_t tail = t->version >= GO_1_20 ? 44 : 40, tables;

	f->start = t->text + pclntab_entry(t, i);
	f->size = pclntab_entry(t, i + 1) - pclntab_entry(t, i);
	f->record = pclntab_from(t->functions, pclntab_function(t, i));
	f->calls = (struct elf_bytes){0};
	f->call.n = 0;
	tables = pclntab_half(f->record, 28);
	if (f->record.n < tail || tables > 64 || tables <= PCDATA_INL_TREE_INDEX || f->record.v[tail - 1] <= FUNCDATA_INL_TREE)
		return;
	read_values(b, &f->call, pclntab_half(f->record, tail + 4 * PCDATA_INL_TREE_INDEX));
	if (pclntab_half(f->record, tail + 4 * tables + 4 * FUNCDATA_INL_TREE) != UINT32_MAX)
		f->calls = pclntab_from(b->function_data, pclntab_half(f->record, tail + 4 * tables + 4 * FUNCDATA_INL_TREE));
}

/* Inlined call i: the offset of the function's name, and parentPc. */
static bool read_call(const struct builder *b, uint32_t i, uint32_t *name, uint32_t *parent)
{
	/* 1.20: funcID, nameOff, parentPc, startLine; before: parent and funcID, file, line, func_, parentPc. */
	uint32_t size = b->t->version >= GO_1_20 ? 16 : 20, at = b->t->version >= GO_1_20 ? 4 : 12;
	struct elf_bytes call = pclntab_from(b->f.calls, (uint64_t)i * size);

	*name = pclntab_half(call, at);
	*parent = pclntab_half(call, at + 4);
	return call.n >= size && *name < b->t->names.n && (!*name || !b->t->names.v[*name - 1]) && b->t->names.v[*name] &&
	       *parent < b->f.size;
}

/* Are all inlined calls of the first functions that have some right when FUNCDATA begins there? Zeros alone do not tell. */
static bool is_function_data(struct builder *b, struct elf_bytes data)
{
	uint64_t calls = 0, named = 0;

	b->function_data = data;
	for (uint64_t i = 0; i < b->t->n && calls < TRIED_CALLS && b->budget; i++) {
		read_function(b, i);
		for (size_t k = 0; k < b->f.call.n; k++) {
			uint32_t name, parent;

			if (b->f.call.v[k].v < 0)
				continue;
			if (!read_call(b, b->f.call.v[k].v, &name, &parent))
				return false;
			calls++;
			named += name > 0;
		}
	}
	return named > calls / 2;
}

/*
 * The module data has a pointer to where FUNCDATA begins (gofunc), at another place in each version. The word is the one with
 * which inlined calls are some. When no word is, there are none that can be read.
 */
static void find_function_data(struct builder *b, const struct elf *elf)
{
	for (size_t w = 2; w < MODULE_WORDS; w++) {
		struct elf_bytes data = elf_at_vaddr(elf, b->t->module[w]);

		if (b->t->module[w] && data.n && is_function_data(b, data))
			return;
	}
	b->function_data = (struct elf_bytes){0};
}

static uint32_t add_text(struct builder *b, struct elf_bytes text)
{
	size_t n = text.n ? strnlen((const char *)text.v, text.n < SYMTAB_NAME_MAX ? text.n : SYMTAB_NAME_MAX) : 0;

	return n ? strings_add_n(b->info->strings, (const char *)text.v, n) : 0;
}

/* A source file by its number, which counts in the function's compilation unit. */
static uint32_t file_of(struct builder *b, int32_t number)
{
	uint32_t index = pclntab_half(b->f.record, 32) + (uint32_t)number, offset, slot = index % 256;

	if (number < 0)
		return 0;
	if (b->files[slot] != index + 1) {
		offset = pclntab_half(b->t->units, (uint64_t)index * 4);
		b->files[slot] = index + 1;
		b->file_of[slot] = offset == UINT32_MAX ? 0 : add_text(b, pclntab_from(b->t->files, offset));
	}
	return b->file_of[slot];
}

static uint32_t line_of(int32_t line)
{
	return line < 0 ? 0 : line;
}

static uint32_t add_node(struct builder *b, uint32_t name, struct debug_node n)
{
	n.name = add_text(b, pclntab_from(b->t->names, name));
	*vec_push(&b->info->nodes) = n;
	return b->info->nodes.n - 1;
}

/* The node of an inlined call of the function whose own node is `outer`. Those it was expanded into are made first. */
static uint32_t call_node(struct builder *b, int32_t call, uint32_t outer)
{
	uint32_t chain[DEPTH_MAX], name, parent, node;
	size_t n = 0;

	for (int32_t i = call;; i = value_at(&b->f.call, parent)) {
		if (i < 0 || ((size_t)i < b->nodes.n && b->nodes.v[i])) {
			node = i < 0 ? outer : b->nodes.v[i];
			break;
		}
		if (n == DEPTH_MAX || i >= CALLS_MAX || !read_call(b, i, &name, &parent))
			return outer;
		chain[n++] = i;
	}
	while (n--) {
		read_call(b, chain[n], &name, &parent);
		node = add_node(b, name, (struct debug_node){
			.parent = node,
			.call_file = file_of(b, value_at(&b->f.file, parent)),
			.call_line = line_of(value_at(&b->f.line, parent)),
		});
		while (b->nodes.n <= chain[n])
			*vec_push(&b->nodes) = 0;
		b->nodes.v[chain[n]] = node;
	}
	return node;
}

static void add_ranges(struct builder *b)
{
	uint32_t outer = add_node(b, pclntab_half(b->f.record, 4), (struct debug_node){0}), at = 0, last = 0;

	b->nodes.n = 0;
	for (size_t i = 0; i < b->f.call.n; i++) {
		uint32_t node = b->f.call.v[i].v < 0 ? outer : call_node(b, b->f.call.v[i].v, outer);

		if (node != last && at < b->f.call.v[i].end)
			*vec_push(&b->info->ranges) = (struct debug_range){b->f.start + at, last = node};
		at = b->f.call.v[i].end;
	}
	if (at < b->f.size && last != outer)
		*vec_push(&b->info->ranges) = (struct debug_range){b->f.start + at, outer};
}

static void add_lines(struct builder *b)
{
	const struct values *files = &b->f.file, *lines = &b->f.line;
	uint32_t at = 0;

	for (size_t i = 0, k = 0; i < files->n && k < lines->n;) {
		uint32_t end = files->v[i].end < lines->v[k].end ? files->v[i].end : lines->v[k].end;

		if (at < end)
			*vec_push(&b->info->lines) =
				(struct debug_line){b->f.start + at, file_of(b, files->v[i].v), line_of(lines->v[k].v)};
		at = end;
		i += files->v[i].end == end;
		k += lines->v[k].end == end;
	}
	if (at < b->f.size)
		*vec_push(&b->info->lines) = (struct debug_line){b->f.start + at, 0, 0};
}

int pclntab_info(struct debug_info *ret, const struct elf *elf)
{
	struct pclntab t;
	struct builder b = {.t = &t, .info = ret, .budget = VALUES_MAX};
	uint64_t last = 0;

	if (!pclntab_open(&t, elf) || t.version < GO_1_18)
		return -ENOENT;
	ret->strings = strings_new();
	*vec_push(&ret->nodes) = (struct debug_node){0};
	find_function_data(&b, elf);
	for (uint64_t i = 0; i < t.n && i < SYMTAB_SYMBOLS_MAX && b.budget; i++) {
		if (pclntab_entry(&t, i) < last || pclntab_entry(&t, i + 1) < pclntab_entry(&t, i))
			break; /* not ascending: damaged */
		last = pclntab_entry(&t, i + 1);
		read_function(&b, i);
		read_values(&b, &b.f.file, pclntab_half(b.f.record, 20));
		read_values(&b, &b.f.line, pclntab_half(b.f.record, 24));
		add_ranges(&b);
		add_lines(&b);
	}
	*vec_push(&ret->ranges) = (struct debug_range){t.text + last, 0};
	*vec_push(&ret->lines) = (struct debug_line){t.text + last, 0, 0};
	vec_free(&b.f.file);
	vec_free(&b.f.line);
	vec_free(&b.f.call);
	vec_free(&b.nodes);
	return 0;
}
