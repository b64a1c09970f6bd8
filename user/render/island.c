// SPDX-License-Identifier: Apache-2.0
#include "render/island.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#define ISLAND_VERSION 1
#define MAX_PAYLOAD (2ull << 30)
#define CLASS "class=\"island\">"

_Static_assert(FRAME_USER == 0 && FRAME_KERNEL == 1 && FRAME_INLINE == 2 && FRAME_JIT == 3 && FRAME_NOTE == 4,
	       "kinds are numbers of the file format");

/* Numbers on their way into a buffer: one call of buf_add() for a few thousand of them. */
struct sink {
	struct buf *out;
	size_t n;
	unsigned char bytes[8192];
};

static void flush(struct sink *s)
{
	buf_add(s->out, s->bytes, s->n);
	s->n = 0;
}

static void put(struct sink *s, uint64_t v)
{
	if (s->n + 10 > sizeof(s->bytes))
		flush(s);
	for (; v >= 0x80; v >>= 7)
		s->bytes[s->n++] = v | 0x80;
	s->bytes[s->n++] = v;
}

struct encoder {
	struct sink sink;
	const struct tree *tree;
	const struct functions *functions;
	uint32_t *order;      /* function ids in the order of the file: as they occur first */
	uint32_t *number;     /* function id -> position there + 1; 0: not yet */
	uint32_t *string;     /* string id -> number of the string + 1 */
	bool *thread;         /* per function: it stands for a thread */
	VEC(uint32_t) nodes;  /* in preorder */
	uint32_t named;       /* functions in `order` */
	struct buf text;
	uint32_t strings;
	unsigned flags;
};

static void add_string(struct encoder *e, uint32_t id)
{
	const char *s = strings_get(e->tree->profile->strings, id);

	if (!id || e->string[id])
		return;
	if (e->strings)
		buf_putc(&e->text, '\n');
	text_escape(&e->text, s, strlen(s));
	e->string[id] = ++e->strings;
}

static void add_function(struct encoder *e, uint32_t node)
{
	uint32_t id = e->functions->of_node[node];

	if (!e->number[id]) {
		e->order[e->named] = id;
		e->number[id] = ++e->named;
	}
	if (e->tree->nodes.v[node].depth == 2 && e->flags & ISLAND_THREADS)
		e->thread[id] = true;
}

static void order_nodes(struct encoder *e)
{
	const struct tree *t = e->tree;

	vec_reserve(&e->nodes, t->nodes.n);
	for (uint32_t id = tree_next(t, 0); id; id = tree_next(t, id)) {
		*vec_push(&e->nodes) = id;
		add_function(e, id);
	}
}

/* Names first, so that they are the strings in order; then binaries, then files. */
static void order_strings(struct encoder *e)
{
	for (uint32_t i = 0; i < e->named; i++)
		add_string(e, e->functions->all.v[e->order[i]].name);
	for (uint32_t i = 0; i < e->named; i++)
		add_string(e, e->functions->all.v[e->order[i]].binary);
	for (uint32_t i = 0; i < e->named; i++) {
		const struct function *f = &e->functions->all.v[e->order[i]];

		for (uint32_t k = 0; k < f->places; k++)
			add_string(e, e->functions->places.v[f->first_place + k].at.file);
	}
}

static void put_places(struct encoder *e)
{
	const struct functions *f = e->functions;

	for (uint32_t i = 0; i < e->named; i++)
		put(&e->sink, f->all.v[e->order[i]].places);
	for (uint32_t i = 0; i < e->named; i++)
		for (uint32_t k = 0; k < f->all.v[e->order[i]].places; k++)
			put(&e->sink, e->string[f->places.v[f->all.v[e->order[i]].first_place + k].at.file]);
	for (uint32_t i = 0; i < e->named; i++)
		for (uint32_t k = 0; k < f->all.v[e->order[i]].places; k++)
			put(&e->sink, f->places.v[f->all.v[e->order[i]].first_place + k].at.line);
}

static void put_functions(struct encoder *e)
{
	const struct function *all = e->functions->all.v;
	size_t n = e->named;
	uint32_t names = 0;

	put(&e->sink, n);
	for (size_t i = 0; i < n; i++) {
		uint32_t string = e->string[all[e->order[i]].name];

		put(&e->sink, string > names ? 0 : string);
		names = string > names ? string : names;
	}
	for (size_t i = 0; i < n; i++)
		put(&e->sink, e->string[all[e->order[i]].binary]);
	for (size_t i = 0; i < n; i++)
		put(&e->sink, e->thread[e->order[i]] ? ISLAND_THREAD : all[e->order[i]].kind);
	for (size_t i = 0; i < n; i++)
		put(&e->sink, all[e->order[i]].highlight);
	if (e->flags & ISLAND_PLACES)
		put_places(e);
}

static void put_nodes(struct encoder *e)
{
	const struct tree_node *all = e->tree->nodes.v;
	uint32_t depth = 0, occurred = 0;

	put(&e->sink, e->nodes.n);
	for (size_t i = 0; i < e->nodes.n; i++) {
		uint32_t number = e->number[e->functions->of_node[e->nodes.v[i]]];

		put(&e->sink, number > occurred ? 0 : number);
		occurred = number > occurred ? number : occurred;
	}
	for (size_t i = 0; i < e->nodes.n; i++) {
		put(&e->sink, depth + 1 - all[e->nodes.v[i]].depth);
		depth = all[e->nodes.v[i]].depth;
	}
	for (size_t i = 0; i < e->nodes.n; i++)
		put(&e->sink, all[e->nodes.v[i]].self);
	if (e->flags & ISLAND_BASELINE)
		for (size_t i = 0; i < e->nodes.n; i++)
			put(&e->sink, e->tree->baseline[e->nodes.v[i]].self);
	if (e->flags & ISLAND_PLACES)
		for (size_t i = 0; i < e->nodes.n; i++)
			put(&e->sink, e->functions->place_of_node[e->nodes.v[i]]);
	put(&e->sink, all[0].self);
	if (e->flags & ISLAND_BASELINE)
		put(&e->sink, e->tree->baseline[0].self);
}

void island_encode(struct buf *payload, const struct tree *t, const struct functions *f, unsigned flags)
{
	struct encoder e = {.sink = {.out = payload}, .tree = t, .functions = f, .flags = flags};

	if (t->baseline)
		e.flags |= ISLAND_BASELINE;
	if (t->folded)
		e.flags |= ISLAND_FOLDED;
	if (t->thousandths)
		e.flags |= ISLAND_THOUSANDTHS;
	if (t->in_order)
		e.flags |= ISLAND_IN_ORDER;
	if (t->places)
		e.flags |= ISLAND_PLACES;
	e.order = xcalloc(f->all.n + 1, sizeof(*e.order));
	e.number = xcalloc(f->all.n + 1, sizeof(*e.number));
	e.thread = xcalloc(f->all.n + 1, sizeof(*e.thread));
	e.string = xcalloc(strings_count(t->profile->strings) + 1, sizeof(*e.string));
	order_nodes(&e);
	order_strings(&e);
	put(&e.sink, ISLAND_VERSION);
	put(&e.sink, e.flags);
	put(&e.sink, e.text.n);
	flush(&e.sink);
	buf_add(payload, e.text.v, e.text.n);
	put_functions(&e);
	put_nodes(&e);
	flush(&e.sink);
	buf_free(&e.text);
	vec_free(&e.nodes);
	free(e.order);
	free(e.number);
	free(e.string);
	free(e.thread);
}

/* Decoding. A cursor that once ran over the end or met a number too large stays bad. */
struct cursor {
	const unsigned char *p, *end;
	bool bad;
};

static uint64_t get(struct cursor *c)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		unsigned char b;

		if (c->p == c->end)
			break;
		b = *c->p++;
		if (shift == 63 && b > 1)
			break;
		v |= (uint64_t)(b & 0x7F) << shift;
		if (!(b & 0x80))
			return v;
	}
	c->bad = true;
	return 0;
}

/* How many elements follow; each takes a byte or more of what is left, so no allocation is larger than the input. */
static uint32_t get_number(struct cursor *c)
{
	uint64_t n = get(c);

	if (n > (uint64_t)(c->end - c->p) || n >= UINT32_MAX)
		c->bad = true;
	return c->bad ? 0 : n;
}

/* A number below `limit`. */
static uint32_t get_below(struct cursor *c, uint64_t limit)
{
	uint64_t v = get(c);

	if (v >= limit)
		c->bad = true;
	return c->bad ? 0 : v;
}

/* 0: the next number that did not occur yet, of *occurred so far; else one that did, + 1. Below `limit` in both cases. */
static uint32_t get_new(struct cursor *c, uint32_t *occurred, uint64_t limit)
{
	uint32_t v = get_below(c, (uint64_t)*occurred + 1);

	if (v)
		return v - 1;
	if (*occurred >= limit) {
		c->bad = true;
		return 0;
	}
	return (*occurred)++;
}

struct decoder {
	struct cursor cursor;
	struct strings *names;
	struct profile *profile;      /* where the samples go, */
	struct tree_builder *builder; /* or here */
	VEC(uint32_t) strings; /* string ids of the profile */
	VEC(struct profile_frame) frames; /* name 0: a thread that is left out */
	VEC(struct tree_place) places;
	VEC(uint32_t) first_place; /* per frame, and the end of the last one's */
	unsigned flags;
};

static void get_strings(struct decoder *d)
{
	size_t n = get_number(&d->cursor);
	const char *p = (const char *)d->cursor.p, *end = p + n;

	d->cursor.p += n;
	if (d->cursor.bad || memchr(p, '\0', n)) {
		d->cursor.bad = true;
		return;
	}
	while (p < end) {
		const char *stop = memchr(p, '\n', end - p);
		size_t length = (stop ? stop : end) - p;

		*vec_push(&d->strings) = strings_add_n(d->names, p, length);
		p += length + 1;
	}
}

static void get_places(struct decoder *d, uint32_t functions)
{
	struct cursor *c = &d->cursor;
	uint32_t n = 0;

	for (uint32_t i = 0; i < functions && !c->bad; i++) {
		uint64_t left = c->end - c->p;

		*vec_push(&d->first_place) = n;
		n += get_below(c, left > n ? left - n : 1); /* each takes two bytes of what is left, or more */
	}
	*vec_push(&d->first_place) = n;
	for (uint32_t i = 0; i < n && !c->bad; i++) {
		uint32_t file = get_below(c, d->strings.n + 1);

		c->bad |= !file || !d->strings.v[file - 1];
		*vec_push(&d->places) = (struct tree_place){c->bad ? 0 : d->strings.v[file - 1], 0};
	}
	for (uint32_t i = 0; i < n && !c->bad; i++) {
		d->places.v[i].line = get_below(c, UINT32_MAX + 1ull);
		c->bad |= !d->places.v[i].line;
	}
}

static void get_functions(struct decoder *d)
{
	struct cursor *c = &d->cursor;
	uint32_t n = get_number(c);
	auto_free struct profile_frame *frames = xcalloc((size_t)n + 1, sizeof(*frames));
	auto_free bool *threads = xcalloc((size_t)n + 1, sizeof(*threads));

	for (uint32_t i = 0, names = 0; i < n && !c->bad; i++) {
		uint32_t name = get_new(c, &names, d->strings.n);

		frames[i].name = c->bad ? 0 : d->strings.v[name];
		c->bad |= !frames[i].name;
	}
	for (uint32_t i = 0; i < n && !c->bad; i++) {
		uint32_t binary = get_below(c, d->strings.n + 1);

		frames[i].binary = binary ? d->strings.v[binary - 1] : 0;
	}
	for (uint32_t i = 0; i < n && !c->bad; i++) {
		uint32_t kind = get_below(c, ISLAND_THREAD + 1);

		threads[i] = kind == ISLAND_THREAD && d->flags & ISLAND_ASIDE;
		frames[i].kind = kind == ISLAND_THREAD ? FRAME_USER : (enum frame_kind)kind;
	}
	for (uint32_t i = 0; i < n && !c->bad; i++)
		get_below(c, UINT16_MAX + 1);
	if (d->flags & ISLAND_PLACES)
		get_places(d, n);
	for (uint32_t i = 0; i < n && !c->bad; i++)
		*vec_push(&d->frames) = threads[i] ? (struct profile_frame){0} : frames[i];
}

/* The records of all nodes, still in columns. */
struct nodes {
	uint32_t n, *function, *up;
	uint32_t *place; /* index + 1 of the decoder's places; 0: unknown */
	uint64_t *self, *before;
	uint64_t root_self, root_before;
};

static bool add_to(uint64_t *sum, uint64_t v)
{
	return !__builtin_add_overflow(*sum, v, sum);
}

static void get_nodes(struct decoder *d, struct nodes *v)
{
	struct cursor *c = &d->cursor;
	uint64_t total = d->profile ? profile_total(d->profile) : 0, before = 0;
	uint32_t depth = 0;

	v->n = get_number(c);
	v->function = xcalloc((size_t)v->n + 1, sizeof(*v->function));
	v->up = xcalloc((size_t)v->n + 1, sizeof(*v->up));
	v->place = xcalloc((size_t)v->n + 1, sizeof(*v->place));
	v->self = xcalloc((size_t)v->n + 1, sizeof(*v->self));
	v->before = xcalloc((size_t)v->n + 1, sizeof(*v->before));
	for (uint32_t i = 0, functions = 0; i < v->n && !c->bad; i++)
		v->function[i] = get_new(c, &functions, d->frames.n);
	for (uint32_t i = 0; i < v->n && !c->bad; i++) {
		v->up[i] = get_below(c, depth + 1);
		depth += 1 - v->up[i];
	}
	for (uint32_t i = 0; i < v->n && !c->bad; i++) {
		v->self[i] = get(c);
		c->bad |= !add_to(&total, v->self[i]);
	}
	for (uint32_t i = 0; i < v->n && !c->bad && d->flags & ISLAND_BASELINE; i++) {
		v->before[i] = get(c);
		c->bad |= !add_to(&before, v->before[i]);
	}
	for (uint32_t i = 0; i < v->n && !c->bad && d->flags & ISLAND_PLACES; i++) {
		const uint32_t *first = &d->first_place.v[v->function[i]];
		uint32_t place = get_below(c, (uint64_t)first[1] - first[0] + 1);

		v->place[i] = place ? first[0] + place : 0;
	}
	v->root_self = get(c);
	if (d->flags & ISLAND_BASELINE)
		v->root_before = get(c);
	c->bad |= !add_to(&total, v->root_self) || !add_to(&before, v->root_before) || c->p != c->end;
}

/* Into a profile: `path` holds the nodes from the root to the one at hand; its length is the depth. */
static void add_samples(struct decoder *d, const struct nodes *v)
{
	struct profile *p = d->profile;
	uint32_t thread = profile_thread(p, profile_process(p, 0, 0, ""), 0, "");
	VEC(uint32_t) path = {0};

	*vec_push(&path) = 0;
	for (uint32_t i = 0; i < v->n; i++) {
		const struct profile_frame *f = &d->frames.v[v->function[i]];
		uint32_t node;

		path.n -= v->up[i];
		node = path.v[path.n - 1];
		if (f->name)
			node = profile_node(p, node, profile_frame_id(p, f->name, f->binary, f->kind));
		*vec_push(&path) = node;
		if (v->self[i])
			profile_add(p, thread, node, v->self[i]);
	}
	if (v->root_self)
		profile_add(p, thread, 0, v->root_self);
	vec_free(&path);
}

/* Into a tree: `path` holds how many frames the stack has at each depth, which threads left aside do not add to. */
static void build(struct decoder *d, const struct nodes *v)
{
	struct tree_builder *b = d->builder;
	VEC(size_t) path = {0};

	if (d->flags & ISLAND_FOLDED)
		tree_builder_folded(b);
	if (d->flags & ISLAND_THOUSANDTHS)
		tree_builder_thousandths(b);
	*vec_push(&path) = 0;
	tree_builder_count(b, v->root_self);
	if (v->root_before)
		tree_builder_count_baseline(b, v->root_before);
	for (uint32_t i = 0; i < v->n; i++) {
		const struct profile_frame *f = &d->frames.v[v->function[i]];
		size_t depth;

		path.n -= v->up[i];
		depth = path.v[path.n - 1];
		tree_builder_keep(b, depth);
		if (f->name)
			tree_builder_push(b, f->name, f->binary, f->kind);
		if (f->name && v->place[i])
			tree_builder_place(b, d->places.v[v->place[i] - 1].file, d->places.v[v->place[i] - 1].line);
		*vec_push(&path) = depth + (f->name != 0);
		if (v->self[i])
			tree_builder_count(b, v->self[i]);
		if (v->before[i])
			tree_builder_count_baseline(b, v->before[i]);
	}
	vec_free(&path);
}

static int decode(struct decoder *d, const struct buf *payload, struct error *err)
{
	struct nodes v = {0};
	uint64_t version;

	d->cursor.p = (const unsigned char *)payload->v;
	d->cursor.end = d->cursor.p + payload->n;
	version = get(&d->cursor);
	d->flags = get_below(&d->cursor, UINT32_MAX);
	if (version != ISLAND_VERSION)
		d->cursor.bad = true;
	if (!d->cursor.bad)
		get_strings(d);
	if (!d->cursor.bad)
		get_functions(d);
	if (!d->cursor.bad)
		get_nodes(d, &v);
	if (!d->cursor.bad && d->builder)
		build(d, &v);
	else if (!d->cursor.bad)
		add_samples(d, &v);
	free(v.function);
	free(v.up);
	free(v.place);
	free(v.self);
	free(v.before);
	vec_free(&d->strings);
	vec_free(&d->frames);
	vec_free(&d->places);
	vec_free(&d->first_place);
	if (d->cursor.bad)
		return error_set(err, -EBADMSG, "the data of this flame graph is damaged, or of another version");
	return 0;
}

int island_decode(struct profile *p, const void *payload, size_t n, struct error *err)
{
	struct decoder d = {.names = p->strings, .profile = p};
	struct buf bytes = {.v = (char *)payload, .n = n};

	return decode(&d, &bytes, err);
}

/* RFC 4648. */
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void base64(struct buf *out, const unsigned char *p, size_t n)
{
	char text[4096];
	size_t used = 0;

	for (; n; p += 3, n -= n < 3 ? n : 3) {
		uint32_t v = p[0] << 16 | (n > 1 ? p[1] : 0) << 8 | (n > 2 ? p[2] : 0);

		if (used == sizeof(text)) {
			buf_add(out, text, used);
			used = 0;
		}
		for (int i = 0; i < 4; i++)
			text[used++] = alphabet[v >> (18 - 6 * i) & 63];
		if (n < 3)
			text[used - 1] = '=';
		if (n < 2)
			text[used - 2] = '=';
	}
	buf_add(out, text, used);
}

void island_write(struct buf *out, const struct buf *payload)
{
	size_t bound = compressBound(payload->n);
	auto_free unsigned char *packed = xmalloc(bound);
	/* Levels 7 to 9 save 4 to 8 % of the data for up to ten times the time; above, the best rate of bytes saved to time. */
	int level = payload->n < 2 << 20 ? 6 : 4;
	uLongf n = bound;

	if (compress2(packed, &n, (const Bytef *)payload->v, payload->n, level) != Z_OK)
		abort(); /* out of memory: the only way it fails with room for compressBound() */
	for (size_t i = 0; i < n; i += ISLAND_PART / 4 * 3) {
		buf_puts(out, "<metadata " CLASS);
		base64(out, packed + i, n - i < ISLAND_PART / 4 * 3 ? n - i : ISLAND_PART / 4 * 3);
		buf_puts(out, "</metadata>\n");
	}
}

/* Appends what the text up to the next '<' stands for; white space is skipped. False: that was no base64. */
static bool unbase64(struct buf *out, const char *text, size_t n)
{
	uint32_t v = 0, bits = 0;

	for (size_t i = 0; i < n && text[i] != '='; i++) {
		const char *digit = memchr(alphabet, text[i], 64);

		if (strchr(" \t\r\n", text[i]))
			continue;
		if (!text[i] || !digit)
			return false;
		v = v << 6 | (uint32_t)(digit - alphabet);
		bits += 6;
		if (bits >= 8)
			buf_putc(out, v >> (bits -= 8));
	}
	return true;
}

static bool inflate_all(struct buf *out, const struct buf *packed)
{
	auto_free unsigned char *chunk = xmalloc(1 << 16);
	z_stream z = {.next_in = (Bytef *)packed->v, .avail_in = packed->n};
	int ret = packed->n > UINT32_MAX ? Z_DATA_ERROR : inflateInit(&z);

	if (ret != Z_OK)
		return false;
	while (ret == Z_OK && out->n <= MAX_PAYLOAD) {
		z.next_out = chunk;
		z.avail_out = 1 << 16;
		ret = inflate(&z, Z_NO_FLUSH);
		if (ret == Z_OK || ret == Z_STREAM_END)
			buf_add(out, chunk, (1 << 16) - z.avail_out);
	}
	inflateEnd(&z);
	return ret == Z_STREAM_END;
}

/* Finds the island and appends its payload. */
static int read_payload(struct buf *payload, const char *file, size_t n, struct error *err)
{
	const char *end = file + n;
	struct buf packed = {0};
	int ret = -ENODATA;

	while ((file = memmem(file, end - file, CLASS, strlen(CLASS)))) {
		const char *start = file + strlen(CLASS), *stop = memchr(start, '<', end - start);

		ret = stop && unbase64(&packed, start, stop - start) ? 0 : -EBADMSG;
		if (ret)
			break;
		file = stop;
	}
	buf_puts(payload, "");
	if (ret == -ENODATA)
		error_set(err, ret, "there is no data in this file: it is no flame graph of ours, or one without script");
	else if (ret || !packed.n || !inflate_all(payload, &packed))
		ret = error_set(err, -EBADMSG, "the data of this flame graph is damaged");
	buf_free(&packed);
	return ret;
}

static int read_island(struct decoder *d, const char *file, size_t n, struct error *err)
{
	struct buf payload = {0};
	int ret = read_payload(&payload, file, n, err);

	ret = ret ? ret : decode(d, &payload, err);
	buf_free(&payload);
	return ret;
}

int island_read(struct profile *p, const char *file, size_t n, struct error *err)
{
	struct decoder d = {.names = p->strings, .profile = p};

	return read_island(&d, file, n, err);
}

struct tree *island_tree(const struct profile *p, const struct view *view, const char *file, size_t n, struct error *err)
{
	struct decoder d = {.names = p->strings, .builder = tree_builder_new(p, view)};
	int ret = read_island(&d, file, n, err);
	struct tree *t = tree_builder_end(d.builder);

	if (!ret)
		return t;
	tree_free(t);
	return NULL;
}
