// SPDX-License-Identifier: Apache-2.0
#include "base/space.h"

#include <string.h>

void space_init(struct space *s, uint32_t n)
{
	s->free.n = 0;
	if (n)
		*vec_push(&s->free) = (struct space_range){0, n};
}

static void remove_at(struct space *s, size_t i)
{
	memmove(s->free.v + i, s->free.v + i + 1, (s->free.n - i - 1) * sizeof(*s->free.v));
	s->free.n--;
}

bool space_take(struct space *s, uint32_t n, uint32_t *start)
{
	size_t best = s->free.n;

	for (size_t i = 0; i < s->free.n; i++)
		if (s->free.v[i].n >= n && (best == s->free.n || s->free.v[i].n < s->free.v[best].n))
			best = i;
	if (best == s->free.n)
		return false;
	*start = s->free.v[best].start;
	s->free.v[best].start += n;
	s->free.v[best].n -= n;
	if (!s->free.v[best].n)
		remove_at(s, best);
	return true;
}

void space_give(struct space *s, uint32_t start, uint32_t n)
{
	size_t low = 0, high = s->free.n;

	if (!n)
		return;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->free.v[middle].start < start)
			low = middle + 1;
		else
			high = middle;
	}
	if (low && s->free.v[low - 1].start + s->free.v[low - 1].n == start) {
		s->free.v[--low].n += n;
	} else {
		vec_reserve(&s->free, 1);
		memmove(s->free.v + low + 1, s->free.v + low, (s->free.n - low) * sizeof(*s->free.v));
		s->free.n++;
		s->free.v[low] = (struct space_range){start, n};
	}
	if (low + 1 < s->free.n && s->free.v[low].start + s->free.v[low].n == s->free.v[low + 1].start) {
		s->free.v[low].n += s->free.v[low + 1].n;
		remove_at(s, low + 1);
	}
}

uint32_t space_left(const struct space *s)
{
	uint32_t n = 0;

	for (size_t i = 0; i < s->free.n; i++)
		n += s->free.v[i].n;
	return n;
}

void space_free(struct space *s)
{
	vec_free(&s->free);
}
