// SPDX-License-Identifier: Apache-2.0
#include "process/mappings.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void release(const struct process_hooks *h, struct mapping *m)
{
	h->unmapped(h->ctx, m);
	free(m->path);
	free(m);
}

static struct mapping *copy_of(const struct process_hooks *h, const struct mapping *m)
{
	struct mapping *copy = xmalloc(sizeof(*copy));

	*copy = *m;
	copy->path = xstrdup(m->path);
	h->shared(h->ctx, copy);
	return copy;
}

/* Narrows a mapping to [start, end) of itself. */
static void narrow(struct mapping *m, uint64_t start, uint64_t end)
{
	m->offset += start - m->start;
	m->start = start;
	m->end = end;
}

/* Index of the first live mapping that ends above `address`. */
static size_t first_above(const struct process *p, uint64_t address)
{
	size_t low = 0, high = p->mappings.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (p->mappings.v[middle]->end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct mapping *live_at(const struct process *p, uint64_t address)
{
	size_t i = first_above(p, address);

	return i < p->mappings.n && p->mappings.v[i]->start <= address ? p->mappings.v[i] : NULL;
}

static void insert_at(struct process *p, size_t i, struct mapping *m)
{
	vec_reserve(&p->mappings, 1);
	memmove(p->mappings.v + i + 1, p->mappings.v + i, (p->mappings.n - i) * sizeof(m));
	p->mappings.v[i] = m;
	p->mappings.n++;
}

/* `m` was mapped until `time`: older samples still ask for it. */
static void retire(const struct process_hooks *h, struct process *p, struct mapping *m, uint64_t time)
{
	m->until = time;
	if (m->until <= m->since) {
		release(h, m);
		return;
	}
	if (p->replaced.n == REPLACED_MAX) {
		for (size_t i = 0; i < REPLACED_MAX / 2; i++)
			release(h, p->replaced.v[i]);
		p->replaced.n -= REPLACED_MAX / 2;
		memmove(p->replaced.v, p->replaced.v + REPLACED_MAX / 2, p->replaced.n * sizeof(m));
	}
	*vec_push(&p->replaced) = m;
}

/* Cuts [start, end) out of m, which reaches beyond it. Returns a new mapping when parts on both sides remain. */
static struct mapping *trim(const struct process_hooks *h, struct process *p, struct mapping *m, uint64_t start, uint64_t end,
			    uint64_t time)
{
	struct mapping *gone = copy_of(h, m), *rest = NULL;

	narrow(gone, start > m->start ? start : m->start, end < m->end ? end : m->end);
	if (m->start < start && m->end > end) {
		rest = copy_of(h, m);
		narrow(rest, end, m->end);
	}
	if (m->start < start)
		narrow(m, m->start, start);
	else
		narrow(m, end, m->end);
	retire(h, p, gone, time);
	return rest;
}

void mappings_cut(const struct process_hooks *h, struct process *p, uint64_t start, uint64_t end, uint64_t time)
{
	size_t i = first_above(p, start), kept = i;
	struct mapping *rest = NULL;

	for (; i < p->mappings.n && p->mappings.v[i]->start < end; i++) {
		struct mapping *m = p->mappings.v[i];

		if (m->since <= time && m->start >= start && m->end <= end) {
			retire(h, p, m, time);
			continue;
		}
		if (m->since <= time)
			rest = trim(h, p, m, start, end, time);
		p->mappings.v[kept++] = m;
	}
	if (i > kept)
		memmove(p->mappings.v + kept, p->mappings.v + i, (p->mappings.n - i) * sizeof(*p->mappings.v));
	p->mappings.n -= i - kept;
	if (rest) /* only where one mapping is all there was */
		insert_at(p, kept, rest);
}

/* Side-band and /proc name a file in two ways; only the same way can tell two files at one path apart. */
static bool same_file(const struct mapping *m, const struct mapping *like)
{
	const struct file_id *a = &m->id, *b = &like->id;
	size_t n = strlen(m->path);

	if (a->build_id_len && b->build_id_len)
		return a->build_id_len == b->build_id_len && !memcmp(a->build_id, b->build_id, a->build_id_len);
	if (a->inode && b->inode)
		return a->inode == b->inode && a->major == b->major && a->minor == b->minor;
	return !strncmp(m->path, like->path, n) && (!like->path[n] || !strcmp(like->path + n, " (deleted)"));
}

/* Does m show the same bytes at the same addresses as `like`? What is no file has no offset to compare. */
static bool same_content(const struct mapping *m, const struct mapping *like)
{
	if (m->path[0] != '/' || like->path[0] != '/')
		return !strcmp(m->path, like->path);
	return m->offset - m->start == like->offset - like->start && same_file(m, like);
}

static struct mapping *new_mapping(const struct mapping *like, uint64_t start, uint64_t end, uint64_t time)
{
	struct mapping *m = xmalloc(sizeof(*m));

	*m = *like;
	narrow(m, start, end);
	m->since = time;
	m->until = UINT64_MAX;
	m->path = xstrndup(like->path, PATH_MAX - 1);
	m->image = NULL;
	m->shown = 0;
	m->scan = 0;
	return m;
}

/* The first live mapping in [start, end) that is younger than `time`, or NULL. */
static struct mapping *first_younger(const struct process *p, uint64_t start, uint64_t end, uint64_t time)
{
	for (size_t i = first_above(p, start); i < p->mappings.n && p->mappings.v[i]->start < end; i++)
		if (p->mappings.v[i]->since > time)
			return p->mappings.v[i];
	return NULL;
}

/* A scan saw it before its event came, which tells since when it is there: what it replaced was there no longer. */
static void begin_earlier(struct process *p, struct mapping *m, uint64_t time)
{
	for (size_t i = 0; i < p->replaced.n; i++) {
		struct mapping *r = p->replaced.v[i];

		if (r->start < m->end && r->end > m->start && r->until > time)
			r->until = time;
	}
	m->since = time;
}

struct mapping *mappings_add(const struct process_hooks *h, struct process *p, const struct mapping *like, uint64_t time)
{
	struct mapping *m = live_at(p, like->start), *younger;
	uint64_t start = like->start, end;

	if (m && m->end >= like->end && same_content(m, like)) {
		if (m->since > time && m->start == like->start && m->end == like->end)
			begin_earlier(p, m, time);
		return m;
	}
	for (; start < like->end; start = end) {
		younger = first_younger(p, start, like->end, time);
		if (younger && younger->start <= start) {
			/* Replaced already, by an event that overtook this one. */
			end = younger->end < like->end ? younger->end : like->end;
			m = new_mapping(like, start, end, time);
			h->mapped(h->ctx, p, m);
			retire(h, p, m, younger->since);
			continue;
		}
		end = younger ? younger->start : like->end;
		mappings_cut(h, p, start, end, time);
		if (p->mappings.n >= MAPPINGS_MAX)
			continue;
		m = new_mapping(like, start, end, time);
		insert_at(p, first_above(p, start), m);
		h->mapped(h->ctx, p, m);
	}
	return live_at(p, like->start);
}

bool mappings_known(const struct process *p, uint64_t start, uint64_t end)
{
	size_t i = first_above(p, start);

	if (i < p->mappings.n && p->mappings.v[i]->start < end)
		return true;
	for (i = 0; i < p->replaced.n; i++)
		if (p->replaced.v[i]->start < end && p->replaced.v[i]->end > start)
			return true;
	return false;
}

void mappings_fork(const struct process_hooks *h, struct process *p, const struct process *from, uint64_t time)
{
	struct mapping *copy;

	for (size_t i = 0; i < from->mappings.n; i++) {
		const struct mapping *m = from->mappings.v[i];

		if (m->since > time)
			continue;
		if (first_above(p, m->start) < p->mappings.n) { /* the child mapped something before we heard of its birth */
			mappings_add(h, p, m, time);
			continue;
		}
		copy = copy_of(h, m);
		copy->since = time;
		copy->scan = 0;
		*vec_push(&p->mappings) = copy;
	}
	for (size_t i = 0; i < from->replaced.n; i++)
		if (from->replaced.v[i]->since <= time && time < from->replaced.v[i]->until)
			mappings_add(h, p, from->replaced.v[i], time);
}

static void take(struct mapping_list *to, struct mapping_list *from, uint64_t time)
{
	size_t kept = 0;

	for (size_t i = 0; i < from->n; i++) {
		if (from->v[i]->since >= time)
			*vec_push(to) = from->v[i];
		else
			from->v[kept++] = from->v[i];
	}
	from->n = kept;
}

void mappings_take(struct process *p, struct process *from, uint64_t time)
{
	take(&p->mappings, &from->mappings, time);
	take(&p->replaced, &from->replaced, time);
}

void mappings_prune(const struct process_hooks *h, struct process *p, uint64_t scan, uint64_t time)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->mappings.n; i++) {
		struct mapping *m = p->mappings.v[i];

		if (m->scan < scan && m->since < time)
			retire(h, p, m, time);
		else
			p->mappings.v[kept++] = m;
	}
	p->mappings.n = kept;
}

void mappings_doubt(struct process *p, uint64_t time, uint64_t told)
{
	for (size_t i = 0; i < p->replaced.n; i++)
		if (p->replaced.v[i]->until == time)
			p->replaced.v[i]->until = told;
}

struct mapping *process_mapping(struct process *p, uint64_t address, uint64_t time)
{
	struct mapping *m = live_at(p, address);

	if (m && m->since <= time)
		return m;
	for (size_t i = p->replaced.n; i--;) {
		m = p->replaced.v[i];
		if (address >= m->start && address < m->end && m->since <= time && time < m->until)
			return m;
	}
	return NULL;
}

bool mappings_expire(const struct process_hooks *h, struct process *p, uint64_t time)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->replaced.n; i++) {
		if (p->replaced.v[i]->until < time)
			release(h, p->replaced.v[i]);
		else
			p->replaced.v[kept++] = p->replaced.v[i];
	}
	p->replaced.n = kept;
	return kept;
}

void mappings_free(const struct process_hooks *h, struct process *p)
{
	for (size_t i = 0; i < p->mappings.n; i++)
		release(h, p->mappings.v[i]);
	for (size_t i = 0; i < p->replaced.n; i++)
		release(h, p->replaced.v[i]);
	vec_free(&p->mappings);
	vec_free(&p->replaced);
}
