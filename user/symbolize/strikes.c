// SPDX-License-Identifier: Apache-2.0
#include "symbolize/strikes.h"

static bool is_of(const struct strike *s, const struct image *i)
{
	return s->device == i->id.st_dev && s->inode == i->id.st_ino && s->size == i->id.st_size &&
	       s->changed.tv_sec == i->id.st_ctim.tv_sec && s->changed.tv_nsec == i->id.st_ctim.tv_nsec;
}

void strikes_add(struct strikes *s, const struct image *i)
{
	s->v[s->n++ % STRIKES_KEPT] = (struct strike){i->id.st_dev, i->id.st_ino, i->id.st_size, i->id.st_ctim};
}

bool strikes_has(const struct strikes *s, const struct image *i)
{
	for (size_t n = 0; n < STRIKES_KEPT && n < s->n; n++)
		if (is_of(&s->v[n], i))
			return true;
	return false;
}
