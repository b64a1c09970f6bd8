// SPDX-License-Identifier: Apache-2.0
#include "symbolize/code_map.h"

#include <string.h>

#define NAMES_STEP (256u * 1024)
#define RECENT_MAX 2048 /* an insertion moves half of these at most; a merge, of all ranges, comes once for so many */

/* Index of the first of n ranges that ends above `address`. */
static size_t first_above(const struct code_range *v, size_t n, uint64_t address)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (v[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct code_range *at(const struct code_range *v, size_t n, uint64_t address)
{
	size_t i = first_above(v, n, address);

	return i < n && v[i].start <= address ? &v[i] : NULL;
}

/* The part of a range that [start, end) covers was there until `until`. */
static void remember(struct code_map *m, struct code_range r, uint64_t start, uint64_t end, uint64_t until)
{
	if (!r.name || r.since >= until)
		return;
	if (r.start < start)
		r.start = start;
	if (r.end > end)
		r.end = end;
	if (m->past.n == CODE_PAST_MAX) {
		m->past.n /= 2;
		memmove(m->past.v, m->past.v + CODE_PAST_MAX / 2, m->past.n * sizeof(*m->past.v));
	}
	*vec_push(&m->past) = (struct code_past){r, until};
}

static uint32_t add_name(struct code_map *m, const char *name, size_t n)
{
	size_t offset;

	if (!m->names.n)
		*vec_push(&m->names) = '\0';
	offset = m->names.n;
	if (n > CODE_NAME_MAX)
		n = CODE_NAME_MAX;
	vec_reserve(&m->names, n + 1);
	memcpy(m->names.v + offset, name, n);
	m->names.v[offset + n] = '\0';
	m->names.n += n + 1;
	return offset;
}

/* Copies the names that are in use into new memory. */
static void compact_names(struct code_map *m)
{
	struct code_map new = {0};
	uint32_t last = 0;

	for (size_t i = 0; i < m->ranges.n + m->past.n; i++) {
		struct code_range *r = i < m->ranges.n ? &m->ranges.v[i] : &m->past.v[i - m->ranges.n].range;
		const char *name = m->names.v + r->name;

		/* Parts of one range have one name and stand together, but for what is between them. */
		if (last && !strcmp(new.names.v + last, name))
			r->name = last;
		else
			r->name = last = add_name(&new, name, strlen(name));
	}
	vec_free(&m->names);
	m->names.v = new.names.v;
	m->names.n = new.names.n;
	m->names.cap = new.names.cap;
	m->live_names = m->names.n;
}

static int by_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Forgets the half that was told first. */
static void drop_oldest(struct code_map *m)
{
	uint32_t *orders = xcalloc(m->ranges.n + 1, sizeof(*orders)), limit;
	size_t kept = 0;

	for (size_t i = 0; i < m->ranges.n; i++)
		orders[i] = m->ranges.v[i].order;
	if (m->ranges.n)
		qsort(orders, m->ranges.n, sizeof(*orders), by_order);
	limit = orders[m->ranges.n / 2];
	free(orders);
	for (size_t i = 0; i < m->ranges.n; i++)
		if (m->ranges.v[i].order > limit)
			m->ranges.v[kept++] = m->ranges.v[i];
	m->dropped += m->ranges.n - kept;
	m->ranges.n = kept;
	m->past.n = 0;
}

/* More than half of them may be out of use. */
static bool is_names_full(const struct code_map *m)
{
	return m->names.n >= 2 * m->live_names + NAMES_STEP || m->names.n >= CODE_NAMES_MAX;
}

static void keep_bounds(struct code_map *m)
{
	if (m->ranges.n > CODE_RANGES_MAX)
		drop_oldest(m);
	if (!is_names_full(m))
		return;
	compact_names(m);
	if (m->names.n > CODE_NAMES_MAX / 2) {
		drop_oldest(m);
		compact_names(m);
	}
}

void code_map_settle(struct code_map *m)
{
	VEC(struct code_range) all = {0};
	size_t i = 0, j = 0;

	if (!m->recent.n)
		return;
	vec_reserve(&all, m->ranges.n + 2 * m->recent.n);
	while (i < m->ranges.n || j < m->recent.n) {
		struct code_range *old = i < m->ranges.n ? &m->ranges.v[i] : NULL;
		const struct code_range *new = j < m->recent.n ? &m->recent.v[j] : NULL;

		if (old && (!new || old->end <= new->start)) {
			*vec_push(&all) = *old;
			i++;
		} else if (!old || old->start >= new->end) {
			if (new->name)
				*vec_push(&all) = *new;
			j++;
		} else { /* both want the same place */
			if (old->start < new->start) {
				*vec_push(&all) = *old;
				all.v[all.n - 1].end = new->start;
			}
			remember(m, *old, new->start, new->end, new->since);
			if (old->end > new->end)
				old->start = new->end;
			else
				i++;
		}
	}
	vec_free(&m->ranges);
	m->ranges.v = all.v;
	m->ranges.n = all.n;
	m->ranges.cap = all.cap;
	m->recent.n = 0;
	keep_bounds(m);
}

/* For one more among the recent ones. Names move. */
static void make_room(struct code_map *m)
{
	if (m->recent.n + 2 > RECENT_MAX || is_names_full(m))
		code_map_settle(m);
}

/* Puts `r` among the recent ones, in place of what it covers. */
static void insert(struct code_map *m, const struct code_range *r)
{
	struct code_range pieces[3], *v;
	size_t first, last, n = 0;

	vec_reserve(&m->recent, 2);
	v = m->recent.v;
	first = last = first_above(v, m->recent.n, r->start);
	for (; last < m->recent.n && v[last].start < r->end; last++)
		remember(m, v[last], r->start, r->end, r->since);
	if (last > first && v[first].start < r->start) {
		pieces[n] = v[first];
		pieces[n++].end = r->start;
	}
	pieces[n++] = *r;
	if (last > first && v[last - 1].end > r->end) {
		pieces[n] = v[last - 1];
		pieces[n++].start = r->end;
	}
	memmove(v + first + n, v + last, (m->recent.n - last) * sizeof(*v));
	memcpy(v + first, pieces, n * sizeof(*v));
	m->recent.n = m->recent.n - (last - first) + n;
}

void code_map_add(struct code_map *m, uint64_t start, uint64_t end, uint64_t since, const char *name, size_t n, uint32_t tag)
{
	struct code_range r = {.start = start, .end = end, .since = since, .tag = tag};

	if (start >= end || !n)
		return;
	make_room(m);
	r.name = add_name(m, name, n);
	r.order = ++m->order;
	insert(m, &r);
}

void code_map_remove(struct code_map *m, uint64_t start, uint64_t end, uint64_t since)
{
	struct code_range r = {.start = start, .end = end, .since = since, .order = ++m->order};

	if (start >= end)
		return;
	make_room(m);
	insert(m, &r);
}

const struct code_range *code_map_find(const struct code_map *m, uint64_t address, uint64_t time)
{
	const struct code_range *recent = at(m->recent.v, m->recent.n, address);
	const struct code_range *best = at(m->ranges.v, m->ranges.n, address);

	if (recent && recent->since <= time)
		return recent->name ? recent : NULL;
	if (best && best->since > time)
		best = NULL;
	if (best && !recent)
		return best;
	for (size_t i = m->past.n; i--;) {
		const struct code_range *r = &m->past.v[i].range;

		if (address - r->start < r->end - r->start && r->since <= time && time < m->past.v[i].until &&
		    (!best || r->since > best->since))
			best = r;
	}
	return best;
}

bool code_map_is_taken(const struct code_map *m, uint64_t start, uint64_t end)
{
	size_t i = first_above(m->ranges.v, m->ranges.n, start);

	return i < m->ranges.n && m->ranges.v[i].start < end;
}

void code_map_expire(struct code_map *m, uint64_t time)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->past.n; i++)
		if (m->past.v[i].until >= time)
			m->past.v[kept++] = m->past.v[i];
	m->past.n = kept;
}

size_t code_map_bytes(const struct code_map *m)
{
	return m->names.cap + (m->ranges.cap + m->recent.cap) * sizeof(*m->ranges.v) + m->past.cap * sizeof(*m->past.v);
}

void code_map_free(struct code_map *m)
{
	uint64_t dropped = m->dropped;

	vec_free(&m->ranges);
	vec_free(&m->recent);
	vec_free(&m->past);
	vec_free(&m->names);
	*m = (struct code_map){.dropped = dropped};
}
