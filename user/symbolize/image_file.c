// SPDX-License-Identifier: Apache-2.0
#include "symbolize/image_file.h"

#include "base/table.h"
#include "elf/debug_info.h"
#include "elf/eh_frame.h"
#include "elf/reader.h"
#include "elf/symtab.h"

#include <errno.h>
#include <string.h>

static const char magic[8] = "profimg";

#define BLOCK_BYTES_MAX (IMAGE_BLOCK * 4 * 10) /* as many numbers as elements have, in LEB128 without padding */
#define NODE_BYTES_MIN 4
#define DEPTH_MAX 1024 /* functions expanded into one another; what a forged file has above it is not looked at */

struct block_entry {
	uint32_t start, offset; /* address of the first element; of its bytes, from the end of the index */
};

/* Writing */

struct merged_symbol {
	uint64_t start, end;
	const char *name;
};

typedef VEC(struct merged_symbol) merged_symbols;

struct file_writer {
	struct buf *out;
	size_t begin; /* of the file in `out` */
	uint64_t base;
	struct image_file_header h;
	VEC(char) strings;
	VEC(uint32_t) string_offsets; /* one per distinct string */
	struct table by_text;
	VEC(uint32_t) files;	    /* string offsets */
	VEC(uint32_t) file_indexes; /* by the debug information's string ids: index + 1 in files */
	uint32_t *nodes;	    /* by the debug information's node ids: which it is in the file; 0: it has no code and is left out */
};

static bool same_text(const void *ctx, uint32_t id, const void *key)
{
	const struct file_writer *w = ctx;

	return !strcmp(w->strings.v + w->string_offsets.v[id], key);
}

static uint32_t string_offset(struct file_writer *w, const char *text)
{
	size_t n = strlen(text) + 1;
	uint64_t hash = hash_bytes(text, n);
	uint32_t id = table_find(&w->by_text, hash, same_text, w, text);

	if (id != TABLE_NONE)
		return w->string_offsets.v[id];
	table_add(&w->by_text, hash, w->string_offsets.n);
	*vec_push(&w->string_offsets) = w->strings.n;
	vec_reserve(&w->strings, n);
	memcpy(w->strings.v + w->strings.n, text, n);
	w->strings.n += n;
	return w->strings.n - n;
}

static void put_uleb(struct buf *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_putc(out, (char)(v | 0x80));
	buf_putc(out, (char)v);
}

static void put_sleb(struct buf *out, int64_t v)
{
	for (; v < -64 || v > 63; v >>= 7)
		buf_putc(out, (char)(v | 0x80));
	buf_putc(out, (char)(v & 0x7f));
}

static bool fits(const struct file_writer *w, uint64_t address)
{
	return address >= w->base && address - w->base < UINT32_MAX;
}

/* The parts of `s` that no symbol of `above` covers; *at is where to look first, and moves with s. */
static void push_uncovered(merged_symbols *out, const merged_symbols *above, size_t *at, struct merged_symbol s)
{
	while (*at < above->n && above->v[*at].end <= s.start)
		++*at;
	for (size_t i = *at; i < above->n && above->v[i].start < s.end; i++) {
		if (above->v[i].start > s.start)
			*vec_push(out) = (struct merged_symbol){s.start, above->v[i].start, s.name};
		s.start = above->v[i].end;
	}
	if (s.start < s.end)
		*vec_push(out) = s;
}

static int by_start(const void *x, const void *y)
{
	const struct merged_symbol *a = x, *b = y;

	return a->start < b->start ? -1 : a->start > b->start;
}

static void merge_tables(merged_symbols *all, const struct image_file_input *in)
{
	for (size_t t = 0; t < in->n_tables; t++) {
		const struct symtab *table = &in->tables[t];
		merged_symbols more = {0};
		size_t at = 0;

		for (size_t i = 0; i < table->symbols.n; i++) {
			const struct symbol *s = &table->symbols.v[i];

			push_uncovered(&more, all, &at, (struct merged_symbol){s->start, s->end, table->names.v + s->name});
		}
		for (size_t i = 0; i < more.n; i++)
			*vec_push(all) = more.v[i];
		vec_free(&more);
		if (t && all->n)
			qsort(all->v, all->n, sizeof(*all->v), by_start);
	}
}

static void begin_section(struct file_writer *w, struct image_file_section *s)
{
	while ((w->out->n - w->begin) % 4)
		buf_putc(w->out, '\0');
	s->offset = w->out->n - w->begin;
}

static void write_symbols(struct file_writer *w, const merged_symbols *all)
{
	begin_section(w, &w->h.symbols);
	for (size_t i = 0; i < all->n; i++) {
		uint32_t start = all->v[i].start - w->base;

		if (!fits(w, all->v[i].start))
			continue;
		buf_add(w->out, &start, sizeof(start));
		w->h.symbols.count++;
	}
	for (size_t i = 0; i < all->n; i++) {
		const struct merged_symbol *s = &all->v[i];
		struct image_symbol out;

		if (!fits(w, s->start))
			continue;
		out.size = s->end - s->start < UINT32_MAX ? s->end - s->start : UINT32_MAX;
		out.name = string_offset(w, s->name);
		buf_add(w->out, &out, sizeof(out));
	}
}

/* A section of blocks: its index, then their bytes. */
struct blocks {
	struct buf index, bytes;
	uint32_t n, per_block;
};

static void next_element(struct blocks *b, uint32_t start)
{
	if (b->n++ % b->per_block == 0) {
		struct block_entry e = {start, b->bytes.n};

		buf_add(&b->index, &e, sizeof(e));
	}
}

static void write_blocks(struct file_writer *w, struct image_file_section *s, struct blocks *b)
{
	begin_section(w, s);
	s->count = b->n;
	if (b->n) {
		buf_add(w->out, b->index.v, b->index.n);
		buf_add(w->out, b->bytes.v, b->bytes.n);
	}
	buf_free(&b->index);
	buf_free(&b->bytes);
}

/* Two symbols may cover one function's code together; what of it has a name has no need of the function. */
static void write_functions(struct file_writer *w, const merged_symbols *all, const struct image_file_input *in)
{
	struct blocks b = {.per_block = IMAGE_BLOCK};
	merged_symbols unnamed = {0};
	uint32_t end = 0;
	size_t at = 0;

	for (size_t i = 0; i < in->n_functions; i++) {
		const struct eh_frame_function *f = &in->functions[i];

		unnamed.n = 0;
		push_uncovered(&unnamed, all, &at, (struct merged_symbol){f->start, f->start + f->size, ""});
		if (!unnamed.n || !fits(w, f->start) || !fits(w, f->start + f->size))
			continue;
		if (b.n % IMAGE_BLOCK == 0)
			end = f->start - w->base;
		next_element(&b, f->start - w->base);
		put_uleb(&b.bytes, f->start - w->base - end);
		put_uleb(&b.bytes, f->size);
		end = f->start + f->size - w->base;
	}
	vec_free(&unnamed);
	write_blocks(w, &w->h.functions, &b);
}

static uint32_t file_index(struct file_writer *w, const struct debug_info *d, uint32_t id)
{
	if (!id)
		return 0;
	while (w->file_indexes.n <= id)
		*vec_push(&w->file_indexes) = 0;
	if (!w->file_indexes.v[id]) {
		*vec_push(&w->files) = string_offset(w, strings_get(d->strings, id));
		w->file_indexes.v[id] = w->files.n;
	}
	return w->file_indexes.v[id] - 1;
}

/* Linkers leave the debug information of functions that they dropped; and an expansion may have been optimized away. */
static void number_nodes(struct file_writer *w, const struct debug_info *d)
{
	uint32_t n = 1;

	w->nodes = xcalloc(d->nodes.n, sizeof(*w->nodes));
	for (size_t i = 0; i < d->ranges.n; i++)
		if (fits(w, d->ranges.v[i].start))
			w->nodes[d->ranges.v[i].node] = 1;
	for (size_t i = d->nodes.n; i-- > 1;) /* parents stand before their children */
		if (w->nodes[i])
			w->nodes[d->nodes.v[i].parent] = 1;
	w->nodes[0] = 0;
	for (size_t i = 1; i < d->nodes.n; i++)
		if (w->nodes[i])
			w->nodes[i] = n++;
}

static void write_ranges(struct file_writer *w, const struct debug_info *d)
{
	struct blocks b = {.per_block = IMAGE_BLOCK};
	uint32_t start = 0, node = 0;

	for (size_t i = 0; i < d->ranges.n; i++) {
		const struct debug_range *r = &d->ranges.v[i];
		uint32_t to = w->nodes[r->node];

		if (!fits(w, r->start))
			continue;
		if (b.n % IMAGE_BLOCK == 0) {
			start = r->start - w->base;
			node = 0;
		}
		next_element(&b, r->start - w->base);
		put_uleb(&b.bytes, r->start - w->base - start);
		put_sleb(&b.bytes, (int64_t)to - node);
		start = r->start - w->base;
		node = to;
	}
	write_blocks(w, &w->h.ranges, &b);
}

static void write_nodes(struct file_writer *w, const struct debug_info *d)
{
	struct blocks b = {.per_block = IMAGE_NODE_BLOCK};

	for (size_t i = 0; i < d->nodes.n; i++) {
		const struct debug_node *n = &d->nodes.v[i];

		if (i && !w->nodes[i])
			continue;
		next_element(&b, 0);
		put_uleb(&b.bytes, string_offset(w, strings_get(d->strings, n->name)));
		put_uleb(&b.bytes, n->parent ? w->nodes[i] - w->nodes[n->parent] : 0);
		put_uleb(&b.bytes, file_index(w, d, n->call_file));
		put_uleb(&b.bytes, n->call_line);
	}
	write_blocks(w, &w->h.nodes, &b);
}

static void write_lines(struct file_writer *w, const struct debug_info *d)
{
	struct blocks b = {.per_block = IMAGE_BLOCK};
	uint32_t start = 0, file = 0, line = 0;

	for (size_t i = 0; i < d->lines.n; i++) {
		const struct debug_line *l = &d->lines.v[i];
		uint32_t f = file_index(w, d, l->file);

		if (!fits(w, l->start))
			continue;
		if (b.n % IMAGE_BLOCK == 0) {
			start = l->start - w->base;
			file = line = 0;
		}
		next_element(&b, l->start - w->base);
		put_uleb(&b.bytes, l->start - w->base - start);
		put_sleb(&b.bytes, ((int64_t)l->line - line) * 2 + (f != file));
		if (f != file)
			put_sleb(&b.bytes, (int64_t)f - file);
		start = l->start - w->base;
		file = f;
		line = l->line;
	}
	write_blocks(w, &w->h.lines, &b);
}

static void write_links(struct file_writer *w, const struct image_file_input *in)
{
	begin_section(w, &w->h.links);
	for (size_t i = 0; i < in->n_links; i++) {
		const struct image_link_input *l = &in->links[i];
		struct image_link link = {
			.kind = l->kind,
			.name = string_offset(w, l->name),
			.directory = string_offset(w, l->directory ? l->directory : ""),
			.id = l->id,
		};

		buf_add(w->out, &link, sizeof(link));
	}
	w->h.links.count = in->n_links;
}

static void write_unwind(struct file_writer *w, const struct unwind_table *t)
{
	begin_section(w, &w->h.parts);
	for (size_t i = 0; i < t->parts.n; i++) {
		const struct unwind_part *p = &t->parts.v[i];
		struct image_part part = {p->start, p->end, w->h.words.count, p->n_words};

		buf_add(w->out, &part, sizeof(part));
		w->h.words.count += p->n_words;
	}
	w->h.parts.count = t->parts.n;
	begin_section(w, &w->h.words);
	for (size_t i = 0; i < t->parts.n; i++)
		buf_add(w->out, t->parts.v[i].words, t->parts.v[i].n_words * 4ull);
	w->h.unwind = t->counts;
}

static uint64_t lowest_address(const merged_symbols *all, const struct image_file_input *in)
{
	uint64_t lowest = all->n ? all->v[0].start : UINT64_MAX;
	const struct debug_info *d = in->debug;

	if (in->n_functions && in->functions[0].start < lowest)
		lowest = in->functions[0].start;
	if (d && d->ranges.n && d->ranges.v[0].start < lowest)
		lowest = d->ranges.v[0].start;
	if (d && d->lines.n && d->lines.v[0].start < lowest)
		lowest = d->lines.v[0].start;
	return lowest;
}

static void write_sections(struct file_writer *w, const merged_symbols *all, const struct image_file_input *in)
{
	const struct debug_info *d = in->debug;

	write_symbols(w, all);
	write_functions(w, all, in);
	if (d && d->strings) {
		number_nodes(w, d);
		write_ranges(w, d);
		write_nodes(w, d);
		write_lines(w, d);
	}
	write_links(w, in);
	begin_section(w, &w->h.files);
	w->h.files.count = w->files.n;
	buf_add(w->out, w->files.v, w->files.n * sizeof(*w->files.v));
	begin_section(w, &w->h.strings);
	w->h.strings.count = w->strings.n;
	buf_add(w->out, w->strings.v, w->strings.n);
	if (in->unwind)
		write_unwind(w, in->unwind);
}

int image_file_build(struct buf *out, const struct image_file_input *in)
{
	struct file_writer w = {.out = out, .begin = out->n};
	merged_symbols all = {0};
	int ret = 0;

	merge_tables(&all, in);
	w.base = lowest_address(&all, in);
	memcpy(w.h.magic, magic, sizeof(magic));
	w.h.version = IMAGE_FILE_VERSION;
	w.h.base = w.base;
	string_offset(&w, "");
	*vec_push(&w.files) = 0;
	buf_add(out, &w.h, sizeof(w.h));
	write_sections(&w, &all, in);
	if (out->n - w.begin > UINT32_MAX || w.strings.n > UINT32_MAX) {
		buf_truncate(out, w.begin);
		ret = -EFBIG;
	} else {
		w.h.size = out->n - w.begin;
		memcpy(out->v + w.begin, &w.h, sizeof(w.h));
	}
	vec_free(&all);
	vec_free(&w.strings);
	vec_free(&w.string_offsets);
	vec_free(&w.files);
	free(w.nodes);
	vec_free(&w.file_indexes);
	table_free(&w.by_text);
	return ret;
}

/* Reading */

static uint32_t blocks_of(const struct image_file_section *s, uint32_t per_block)
{
	return s->count / per_block + !!(s->count % per_block);
}

static bool holds(const struct image_file_header *h, const struct image_file_section *s, uint64_t bytes)
{
	return s->offset <= h->size && bytes <= h->size - s->offset;
}

int image_file_open(struct image_file *f, const void *bytes, size_t size)
{
	struct image_file_header h;

	*f = (struct image_file){0};
	if (size < sizeof(h))
		return -EBADMSG;
	memcpy(&h, bytes, sizeof(h));
	if (memcmp(h.magic, magic, sizeof(magic)) || h.version != IMAGE_FILE_VERSION || h.size != size)
		return -EBADMSG;
	if (!holds(&h, &h.symbols, h.symbols.count * (uint64_t)IMAGE_SYMBOL_BYTES) ||
	    !holds(&h, &h.files, h.files.count * 4ull) || !holds(&h, &h.links, h.links.count * (uint64_t)sizeof(struct image_link)) ||
	    !holds(&h, &h.strings, h.strings.count) || !holds(&h, &h.parts, h.parts.count * (uint64_t)sizeof(struct image_part)) ||
	    !holds(&h, &h.words, h.words.count * 4ull) || h.words.offset % 4 ||
	    !holds(&h, &h.functions, blocks_of(&h.functions, IMAGE_BLOCK) * (uint64_t)sizeof(struct block_entry)) ||
	    !holds(&h, &h.ranges, blocks_of(&h.ranges, IMAGE_BLOCK) * (uint64_t)sizeof(struct block_entry)) ||
	    !holds(&h, &h.nodes, blocks_of(&h.nodes, IMAGE_NODE_BLOCK) * (uint64_t)sizeof(struct block_entry) + h.nodes.count * (uint64_t)NODE_BYTES_MIN) ||
	    !holds(&h, &h.lines, blocks_of(&h.lines, IMAGE_BLOCK) * (uint64_t)sizeof(struct block_entry)))
		return -EBADMSG;
	/* Every string ends because the last one does. */
	if (!h.strings.count || ((const char *)bytes)[h.strings.offset + h.strings.count - 1])
		return -EBADMSG;
	f->bytes = bytes;
	f->h = h;
	return 0;
}

static const char *string_at(const struct image_file *f, uint64_t offset)
{
	return offset < f->h.strings.count ? (const char *)f->bytes + f->h.strings.offset + offset : "";
}

static const char *file_at(const struct image_file *f, uint64_t i)
{
	uint32_t offset = 0;

	if (i < f->h.files.count)
		memcpy(&offset, f->bytes + f->h.files.offset + i * 4, 4);
	return string_at(f, offset);
}

static uint32_t symbol_start(const struct image_file *f, uint32_t i)
{
	uint32_t start;

	memcpy(&start, f->bytes + f->h.symbols.offset + i * (uint64_t)sizeof(start), sizeof(start));
	return start;
}

static struct image_symbol symbol_at(const struct image_file *f, uint32_t i)
{
	struct image_symbol s;

	memcpy(&s, f->bytes + f->h.symbols.offset + f->h.symbols.count * (uint64_t)sizeof(uint32_t) + i * (uint64_t)sizeof(s), sizeof(s));
	return s;
}

/* Index of the symbol that covers `address`, or UINT32_MAX. */
static uint32_t find_symbol(const struct image_file *f, uint32_t address)
{
	uint32_t low = 0, high = f->h.symbols.count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (symbol_start(f, middle) <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && address - symbol_start(f, low - 1) < symbol_at(f, low - 1).size ? low - 1 : UINT32_MAX;
}

static struct block_entry entry_at(const struct image_file *f, const struct image_file_section *s, uint32_t i)
{
	struct block_entry e;

	memcpy(&e, f->bytes + s->offset + i * (uint64_t)sizeof(e), sizeof(e));
	return e;
}

/* The bytes of block i; *n is how many elements it has. */
static struct reader open_block(const struct image_file *f, const struct image_file_section *s, uint32_t per_block, uint32_t i, uint32_t *n)
{
	uint64_t at = s->offset + blocks_of(s, per_block) * (uint64_t)sizeof(struct block_entry) + entry_at(f, s, i).offset;
	uint64_t end = at + BLOCK_BYTES_MAX < f->h.size ? at + BLOCK_BYTES_MAX : f->h.size;
	uint32_t left = s->count - i * per_block;

	*n = left < per_block ? left : per_block;
	return at <= end ? (struct reader){f->bytes + at, f->bytes + end, false} : (struct reader){0};
}

/* A block on its way through a reader. */
struct block {
	struct reader r;
	uint32_t n;	/* elements */
	uint64_t start; /* address of the first */
};

/* The last block that starts at or before `address`; false when there is none. */
static bool find_block(const struct image_file *f, const struct image_file_section *s, uint32_t address, struct block *ret)
{
	uint32_t low = 0, high = blocks_of(s, IMAGE_BLOCK);

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (entry_at(f, s, middle).start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return false;
	ret->start = entry_at(f, s, low - 1).start;
	ret->r = open_block(f, s, IMAGE_BLOCK, low - 1, &ret->n);
	return true;
}

static bool next_in_block(struct block *b)
{
	return b->n && b->n-- && !b->r.failed && b->r.at != b->r.end;
}

static uint32_t find_node(const struct image_file *f, uint32_t address)
{
	uint32_t node = 0, found = 0;
	struct block b;

	if (!find_block(f, &f->h.ranges, address, &b))
		return 0;
	while (next_in_block(&b)) {
		b.start += reader_uleb(&b.r);
		node += (uint32_t)reader_sleb(&b.r);
		if (b.start > address)
			break;
		found = node;
	}
	return b.r.failed ? 0 : found;
}

struct line {
	const char *file;
	uint32_t number;
};

static struct line find_line(const struct image_file *f, uint32_t address)
{
	uint32_t file = 0, number = 0;
	struct line found = {"", 0};
	struct block b;

	if (!find_block(f, &f->h.lines, address, &b))
		return found;
	while (next_in_block(&b)) {
		int64_t step;

		b.start += reader_uleb(&b.r);
		step = reader_sleb(&b.r);
		number += (uint32_t)(step >> 1);
		if (step & 1)
			file += (uint32_t)reader_sleb(&b.r);
		if (b.start > address)
			break;
		found = (struct line){file_at(f, file), number};
	}
	return found;
}

struct node {
	const char *name;
	uint32_t parent;
	struct line call;
};

static struct node read_node(const struct image_file *f, uint32_t i)
{
	struct node node = {.name = "", .call.file = ""};
	uint64_t up, file;
	struct reader r;
	uint32_t n;

	if (i >= f->h.nodes.count)
		return node;
	r = open_block(f, &f->h.nodes, IMAGE_NODE_BLOCK, i / IMAGE_NODE_BLOCK, &n);
	for (uint32_t skip = i % IMAGE_NODE_BLOCK * 4; skip && r.at; skip--)
		reader_uleb(&r);
	node.name = string_at(f, r.at ? reader_uleb(&r) : 0);
	up = r.at ? reader_uleb(&r) : 0;
	file = r.at ? reader_uleb(&r) : 0;
	node.call = (struct line){file_at(f, file), r.at ? reader_uleb(&r) : 0};
	node.parent = up && up < i ? i - up : 0;
	return node;
}

static void store(struct image_frame *frames, size_t max, size_t i, struct image_frame frame)
{
	if (i < max)
		frames[i] = frame;
}

size_t image_file_find(const struct image_file *f, uint64_t vaddr, struct image_frame *frames, size_t max)
{
	uint64_t address = vaddr - f->h.base;
	uint32_t symbol, at;
	struct node node = {.name = ""};
	struct line line;
	size_t n = 0;

	if (!f->bytes || vaddr < f->h.base || address >= UINT32_MAX)
		return 0;
	symbol = find_symbol(f, address);
	line = find_line(f, address);
	for (at = find_node(f, address); at && at < f->h.nodes.count && n < DEPTH_MAX; at = node.parent) {
		node = read_node(f, at);
		if (!node.parent)
			break;
		store(frames, max, n++, (struct image_frame){node.name, line.file, line.number, f->h.symbols.count + at, true});
		line = node.call;
	}
	/* The symbol's name is the one that nm and perf know; a function may have several entries in the debug information. */
	if (symbol != UINT32_MAX)
		store(frames, max, n++,
		      (struct image_frame){string_at(f, symbol_at(f, symbol).name), line.file, line.number, symbol, false});
	else if (at && at < f->h.nodes.count && *node.name)
		store(frames, max, n++, (struct image_frame){node.name, line.file, line.number, f->h.symbols.count + at, false});
	return n;
}

bool image_file_function(const struct image_file *f, uint64_t vaddr, uint64_t *start)
{
	uint64_t address = vaddr - f->h.base, size;
	struct block b;

	if (!f->bytes || vaddr < f->h.base || address >= UINT32_MAX || !find_block(f, &f->h.functions, address, &b))
		return false;
	while (next_in_block(&b)) {
		b.start += reader_uleb(&b.r);
		size = reader_uleb(&b.r);
		if (b.r.failed || b.start > address || size > UINT32_MAX)
			return false;
		*start = f->h.base + b.start;
		if (address - b.start < size)
			return true;
		b.start += size;
	}
	return false;
}

uint32_t image_file_keys(const struct image_file *f)
{
	return f->h.symbols.count + f->h.nodes.count;
}

int image_file_unwind(const struct image_file *f, struct unwind_table *ret)
{
	*ret = (struct unwind_table){.counts = f->h.unwind};
	for (uint32_t i = 0; i < f->h.parts.count && i <= UNWIND_PARTS_MAX; i++) {
		struct image_part p;

		memcpy(&p, f->bytes + f->h.parts.offset + i * sizeof(p), sizeof(p));
		if (p.word > f->h.words.count || p.n_words > f->h.words.count - p.word) {
			vec_free(&ret->parts);
			return -EBADMSG;
		}
		*vec_push(&ret->parts) = (struct unwind_part){
			.start = p.start,
			.end = p.end,
			.words = (const uint32_t *)(f->bytes + f->h.words.offset) + p.word,
			.n_words = p.n_words,
		};
	}
	if (unwind_table_valid(ret))
		return 0;
	vec_free(&ret->parts);
	return -EBADMSG;
}

bool image_file_link(const struct image_file *f, uint32_t i, struct image_link_input *ret)
{
	struct image_link l;

	if (i >= f->h.links.count)
		return false;
	memcpy(&l, f->bytes + f->h.links.offset + i * sizeof(l), sizeof(l));
	*ret = (struct image_link_input){l.kind, string_at(f, l.name), string_at(f, l.directory), l.id};
	return true;
}
