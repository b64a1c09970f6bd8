// SPDX-License-Identifier: Apache-2.0
/*
 * pprof: gzipped google/pprof proto/profile.proto. The few message fields are written by hand: a generated protobuf library
 * would be larger than the rest of the program. Field numbers are those of profile.proto; wire format:
 * protobuf.dev/programming-guides/encoding.
 *
 * What the readers ask for beyond the format: ids that count up from 1 without a gap (Parca), valid UTF-8 in every string
 * (Pyroscope), numbers, not strings, for pid and tid (each string label makes a series of its own).
 */
#include "base/mem.h"
#include "base/text.h"
#include "render/format.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

/* A frame in a line of source. */
struct line {
	uint32_t frame;      /* of the profile */
	uint32_t file, line; /* a string of the profile; 0: unknown */
};

struct pprof {
	const struct profile *p;
	const struct view *view;
	struct view_stacks *stacks;
	struct buf out;
	struct buf scratch;
	uint32_t *usual;         /* of each profile frame: its hottest location, which tells the file where a node does not */
	struct strings *pool;    /* pprof's own string table; id 0 is "" there too */
	uint32_t *mapping;       /* of each profile string that names a binary: its mapping's id, 0: none yet */
	VEC(struct line) lines;  /* of location id n: lines.v[n - 1] */
	VEC(struct line) functions; /* of function id n: functions.v[n - 1], line 0 */
	struct table line_table, function_table;
	VEC(uint32_t) binaries;  /* of mapping id n: binaries.v[n - 1] */
	VEC(uint32_t) path;      /* the locations of one stack, leaf first */
};

static void varint(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_putc(b, (char)(v | 0x80));
	buf_putc(b, (char)v);
}

static void number(struct buf *b, unsigned field, uint64_t v)
{
	varint(b, field << 3 | WIRE_VARINT);
	varint(b, v);
}

static void bytes(struct buf *b, unsigned field, const char *v, size_t n)
{
	varint(b, field << 3 | WIRE_BYTES);
	varint(b, n);
	buf_add(b, v ? v : "", n);
}

/* Adds the message to `b` and empties it. */
static void message(struct buf *b, unsigned field, struct buf *m)
{
	bytes(b, field, m->v, m->n);
	buf_free(m);
}

static uint32_t string(struct pprof *w, const char *s)
{
	buf_truncate(&w->scratch, 0);
	text_escape(&w->scratch, s, strlen(s));
	return strings_add(w->pool, w->scratch.n ? w->scratch.v : "");
}

/* ValueType { type = 1, unit = 2 } */
static void value_type(struct pprof *w, unsigned field, const char *type, const char *unit)
{
	struct buf m = {0};

	number(&m, 1, string(w, type));
	number(&m, 2, string(w, unit));
	message(&w->out, field, &m);
}

/* Label { key = 1, str = 2, num = 3 } as field 3 of a Sample */
static void label(struct pprof *w, struct buf *sample, const char *key, const char *text, uint64_t value)
{
	struct buf m = {0};

	number(&m, 1, string(w, key));
	number(&m, text ? 2 : 3, text ? string(w, text) : value);
	message(sample, 3, &m);
}

static bool same_line(const void *lines, uint32_t id, const void *key)
{
	const struct line *a = &((const struct line *)lines)[id], *b = key;

	return a->frame == b->frame && a->file == b->file && a->line == b->line;
}

static uint64_t hash_line(const struct line *l)
{
	return hash_mix(hash_mix(l->frame, l->file), l->line);
}

static void add_function(struct pprof *w, struct line f)
{
	uint64_t hash;

	f.line = 0;
	hash = hash_line(&f);
	if (table_find(&w->function_table, hash, same_line, w->functions.v, &f) != TABLE_NONE)
		return;
	table_add(&w->function_table, hash, w->functions.n);
	*vec_push(&w->functions) = f;
}

/* The id of the location that a node of the profile is in. */
static uint32_t locate(struct pprof *w, uint32_t node)
{
	const struct profile *p = w->p;
	const struct profile_node *n = &p->nodes.v[node];
	const struct profile_location *l = &p->locations.v[n->location];
	struct line line = {n->frame, l->file ? l->file : p->locations.v[w->usual[n->frame]].file, l->file ? l->line : 0};
	uint64_t hash = hash_line(&line);
	uint32_t id = table_find(&w->line_table, hash, same_line, w->lines.v, &line), binary = p->frames.v[n->frame].binary;

	if (id != TABLE_NONE)
		return id + 1;
	table_add(&w->line_table, hash, w->lines.n);
	*vec_push(&w->lines) = line;
	add_function(w, line);
	if (binary && !w->mapping[binary]) {
		*vec_push(&w->binaries) = binary;
		w->mapping[binary] = w->binaries.n;
	}
	return w->lines.n;
}

/*
 * The locations of a stack that the view shows, into w->path; false when it shows no such stack. New ones get ids from the
 * root on: the program comes before libc.
 */
static bool take_path(struct pprof *w, const struct profile_sample *s)
{
	const uint32_t *nodes;
	size_t n;

	if (!view_stacks_get(w->stacks, s, &nodes, &n))
		return false;
	vec_reserve(&w->path, n);
	w->path.n = n;
	for (size_t i = n; i--;)
		w->path.v[i] = locate(w, nodes[i]);
	return true;
}

/* Sample { location_id = 1 (leaf first), value = 2, label = 3 } */
static void sample(struct pprof *w, const struct profile_sample *s)
{
	const struct profile *p = w->p;
	const struct profile_thread *t = &p->threads.v[s->thread];
	const struct profile_process *process = &p->processes.v[t->process];
	struct buf m = {0};

	if (!take_path(w, s))
		return;
	for (size_t i = 0; i < w->path.n; i++)
		number(&m, 1, w->path.v[i]);
	number(&m, 2, s->count);
	if (p->period_ns)
		number(&m, 2, s->count * p->period_ns);
	if (process->pid)
		label(w, &m, "pid", NULL, process->pid);
	if (process->comm)
		label(w, &m, "comm", strings_get(p->strings, process->comm), 0);
	if (t->tid)
		label(w, &m, "tid", NULL, t->tid);
	if (t->comm)
		label(w, &m, "thread", strings_get(p->strings, t->comm), 0);
	message(&w->out, 2, &m);
}

/* Mapping { id = 1, filename = 5, has_functions = 7 }. Without addresses: the frames have names, several processes their own. */
static void mapping(struct pprof *w, uint32_t id)
{
	struct buf m = {0};

	number(&m, 1, id);
	number(&m, 5, string(w, strings_get(w->p->strings, w->binaries.v[id - 1])));
	number(&m, 7, 1);
	message(&w->out, 3, &m);
}

/* Location { id = 1, mapping_id = 2, line = 4 { function_id = 1, line = 2 } } */
static void location(struct pprof *w, uint32_t id)
{
	struct line l = w->lines.v[id - 1], function = {l.frame, l.file, 0};
	uint32_t binary = w->p->frames.v[l.frame].binary;
	struct buf m = {0}, line = {0};

	number(&line, 1, table_find(&w->function_table, hash_line(&function), same_line, w->functions.v, &function) + 1);
	if (l.line)
		number(&line, 2, l.line);
	number(&m, 1, id);
	if (binary)
		number(&m, 2, w->mapping[binary]);
	message(&m, 4, &line);
	message(&w->out, 4, &m);
}

/* Function { id = 1, name = 2, system_name = 3, filename = 4 } */
static void function(struct pprof *w, uint32_t id)
{
	const struct strings *strings = w->p->strings;
	const struct line *f = &w->functions.v[id - 1];
	uint32_t name = string(w, strings_get(strings, w->p->frames.v[f->frame].name));
	struct buf m = {0};

	number(&m, 1, id);
	number(&m, 2, name);
	number(&m, 3, name);
	if (f->file)
		number(&m, 4, string(w, strings_get(strings, f->file)));
	message(&w->out, 5, &m);
}

/* When, how long, how often, and what was lost; unknown of folded input. */
static void measured(struct pprof *w)
{
	const struct profile *p = w->p;
	struct buf text = {0};

	if (p->start_ns)
		number(&w->out, 9, p->start_ns);
	if (p->start_ns && p->end_ns > p->start_ns)
		number(&w->out, 10, p->end_ns - p->start_ns);
	if (p->period_ns) {
		value_type(w, 11, "cpu", "nanoseconds");
		number(&w->out, 12, p->period_ns);
	}
	if (p->accounting.expected) {
		accounting_print(&text, &p->accounting);
		number(&w->out, 13, string(w, text.v)); /* a comment, which only people read */
		buf_free(&text);
	}
}

static void write_profile(struct pprof *w)
{
	const struct profile *p = w->p;

	value_type(w, 1, "samples", "count");
	if (p->period_ns)
		value_type(w, 1, "cpu", "nanoseconds");
	for (size_t i = 0; i < p->samples.n; i++)
		if (w->view->process == ALL_PROCESSES || p->threads.v[p->samples.v[i].thread].process == w->view->process)
			sample(w, &p->samples.v[i]);
	for (uint32_t id = 1; id <= w->binaries.n; id++)
		mapping(w, id);
	for (uint32_t id = 1; id <= w->lines.n; id++)
		location(w, id);
	for (uint32_t id = 1; id <= w->functions.n; id++)
		function(w, id);
	measured(w);
	/* The table comes last, when all its strings are known; fields may stand in any order. */
	for (uint32_t i = 0; i < strings_count(w->pool); i++) {
		const char *s = strings_get(w->pool, i);

		bytes(&w->out, 6, s, strlen(s));
	}
}

/* RFC 1952, without time or name: same profile, same bytes. */
static int compress_into(struct buf *out, const struct buf *in)
{
	z_stream z = {.next_in = (unsigned char *)in->v, .avail_in = in->n};
	unsigned char chunk[65536];
	int ret;

	if (in->n > UINT32_MAX)
		return -EFBIG;
	if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	do {
		z.next_out = chunk;
		z.avail_out = sizeof(chunk);
		ret = deflate(&z, Z_FINISH);
		buf_add(out, chunk, sizeof(chunk) - z.avail_out);
	} while (ret == Z_OK);
	deflateEnd(&z);
	return ret == Z_STREAM_END ? 0 : -EIO;
}

static int write_pprof(struct buf *out, const struct profile *p, const struct view *view, struct error *err)
{
	struct pprof w = {.p = p, .view = view, .stacks = view_stacks_new(p, view), .pool = strings_new()};
	int ret;

	w.usual = profile_frame_locations(p);
	w.mapping = xcalloc(strings_count(p->strings), sizeof(*w.mapping));
	write_profile(&w);
	ret = compress_into(out, &w.out);
	if (ret)
		error_set(err, ret, "cannot compress the profile: %s", strerror(-ret));
	strings_free(w.pool);
	free(w.usual);
	free(w.mapping);
	vec_free(&w.lines);
	vec_free(&w.functions);
	table_free(&w.line_table);
	table_free(&w.function_table);
	vec_free(&w.binaries);
	vec_free(&w.path);
	view_stacks_free(w.stacks);
	buf_free(&w.scratch);
	buf_free(&w.out);
	return ret;
}

const struct format pprof_format = {".pb.gz", "pprof", write_pprof};
