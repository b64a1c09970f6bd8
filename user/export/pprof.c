// SPDX-License-Identifier: Apache-2.0
/*
 * pprof: gzipped google/pprof proto/profile.proto. The few message fields are written by hand: a generated protobuf library
 * would be larger than the rest of the program. Field numbers are those of profile.proto; wire format:
 * protobuf.dev/programming-guides/encoding.
 */
#include "base/mem.h"
#include "render/format.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

struct pprof {
	const struct profile *p;
	const struct view *view;
	struct buf out;
	struct strings *pool; /* pprof's own string table; id 0 is "" there too */
	VEC(uint8_t) used;    /* per profile frame */
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

static void bytes(struct buf *b, unsigned field, const struct buf *message)
{
	varint(b, field << 3 | WIRE_BYTES);
	varint(b, message->n);
	buf_add(b, message->v ? message->v : "", message->n);
}

static uint32_t string(struct pprof *w, const char *s)
{
	return strings_add(w->pool, s);
}

/* ValueType { type = 1, unit = 2 } */
static void value_type(struct pprof *w, unsigned field, const char *type, const char *unit)
{
	struct buf m = {0};

	number(&m, 1, string(w, type));
	number(&m, 2, string(w, unit));
	bytes(&w->out, field, &m);
	buf_free(&m);
}

/* Label { key = 1, str = 2, num = 3 } as field 3 of a Sample */
static void label(struct pprof *w, struct buf *sample, const char *key, const char *text, uint64_t value)
{
	struct buf m = {0};

	number(&m, 1, string(w, key));
	number(&m, text ? 2 : 3, text ? string(w, text) : value);
	bytes(sample, 3, &m);
	buf_free(&m);
}

/* Sample { location_id = 1, value = 2, label = 3 }; locations leaf first, one a frame, id = frame id + 1 */
static void sample(struct pprof *w, const struct profile_sample *s)
{
	const struct profile *p = w->p;
	const struct profile_thread *t = &p->threads.v[s->thread];
	const struct profile_process *process = &p->processes.v[t->process];
	struct buf m = {0};

	for (uint32_t n = s->node; n; n = p->nodes.v[n].parent) {
		uint32_t frame = p->nodes.v[n].frame;

		if (!view_shows(w->view, p->frames.v[frame].kind))
			continue;
		w->used.v[frame] = 1;
		number(&m, 1, frame + 1);
	}
	number(&m, 2, s->count);
	number(&m, 2, s->count * p->period_ns);
	if (process->pid)
		label(w, &m, "pid", NULL, process->pid);
	if (process->comm)
		label(w, &m, "comm", strings_get(p->strings, process->comm), 0);
	if (t->tid)
		label(w, &m, "tid", NULL, t->tid);
	if (t->comm)
		label(w, &m, "thread", strings_get(p->strings, t->comm), 0);
	bytes(&w->out, 2, &m);
	buf_free(&m);
}

/* Location { id = 1, line = 4 { function_id = 1 } } and Function { id = 1, name = 2, system_name = 3, filename = 4 } */
static void location(struct pprof *w, uint32_t frame)
{
	const struct profile_frame *f = &w->p->frames.v[frame];
	struct buf m = {0}, line = {0};
	uint32_t name = string(w, strings_get(w->p->strings, f->name));

	number(&line, 1, frame + 1);
	number(&m, 1, frame + 1);
	bytes(&m, 4, &line);
	bytes(&w->out, 4, &m);
	buf_truncate(&m, 0);
	number(&m, 1, frame + 1);
	number(&m, 2, name);
	number(&m, 3, name);
	number(&m, 4, string(w, strings_get(w->p->strings, f->binary)));
	bytes(&w->out, 5, &m);
	buf_free(&m);
	buf_free(&line);
}

static void message(struct pprof *w)
{
	const struct profile *p = w->p;

	w->used.n = 0;
	vec_reserve(&w->used, p->frames.n);
	if (p->frames.n)
		memset(w->used.v, 0, p->frames.n);
	value_type(w, 1, "samples", "count");
	value_type(w, 1, "cpu", "nanoseconds");
	for (size_t i = 0; i < p->samples.n; i++)
		if (w->view->process == ALL_PROCESSES || p->threads.v[p->samples.v[i].thread].process == w->view->process)
			sample(w, &p->samples.v[i]);
	for (uint32_t i = 0; i < p->frames.n; i++)
		if (w->used.v[i])
			location(w, i);
	number(&w->out, 9, p->start_ns);
	number(&w->out, 10, p->end_ns - p->start_ns);
	value_type(w, 11, "cpu", "nanoseconds");
	number(&w->out, 12, p->period_ns);
	/* The table comes last, when all its strings are known; fields may stand in any order. */
	for (uint32_t i = 0; i < strings_count(w->pool); i++) {
		const char *s = strings_get(w->pool, i);
		struct buf text = {(char *)s, strlen(s), 0};

		bytes(&w->out, 6, &text);
	}
}

/* RFC 1952, without time or name: same profile, same bytes. */
static int compress_into(struct buf *out, const struct buf *in)
{
	z_stream z = {.next_in = (unsigned char *)in->v, .avail_in = in->n};
	unsigned char chunk[65536];
	int ret;

	if (in->n > UINT32_MAX || deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
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
	struct pprof w = {.p = p, .view = view, .pool = strings_new()};
	int ret;

	message(&w);
	ret = compress_into(out, &w.out);
	if (ret)
		error_set(err, ret, "cannot compress the profile");
	strings_free(w.pool);
	vec_free(&w.used);
	buf_free(&w.out);
	return ret;
}

const struct format pprof_format = {".pb.gz", "pprof", write_pprof};
