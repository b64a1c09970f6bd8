// SPDX-License-Identifier: Apache-2.0
/* Which ranges of a line of numbered units are free. What is given back joins its neighbours. */
#ifndef BASE_SPACE_H
#define BASE_SPACE_H

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

struct space_range {
	uint32_t start, n;
};

struct space {
	VEC(struct space_range) free; /* ascending, no two of them adjacent */
};

/* Units 0 .. n - 1, all free. */
void space_init(struct space *s, uint32_t n);
/* Takes n > 0 units in a row, from the smallest range that has them. False when there is none. */
bool space_take(struct space *s, uint32_t n, uint32_t *start);
void space_give(struct space *s, uint32_t start, uint32_t n);
uint32_t space_left(const struct space *s);
void space_free(struct space *s);

#endif
