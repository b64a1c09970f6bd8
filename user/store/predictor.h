// SPDX-License-Identifier: Apache-2.0
/*
 * Numbers that follow one another in contexts, as small codes: which function a function called lately, at which place of it.
 * Writer and reader do the same to their own predictor, so that each code means the same number to both.
 *
 * Code 0 is the next number that was never there. Code 1 is the number met last in this context, 2 the one before, and so on up to
 * PREDICTOR_RECENT at most; what is above the numbers remembered here is the number itself.
 */
#ifndef STORE_PREDICTOR_H
#define STORE_PREDICTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PREDICTOR_RECENT 7

struct predictor_context {
	uint32_t n, recent[PREDICTOR_RECENT]; /* latest first */
};

struct predictor {
	struct predictor_context *contexts;
	uint32_t next; /* the number that was never there */
};

void predictor_init(struct predictor *p, size_t contexts, uint32_t next);
void predictor_free(struct predictor *p);

/* A number that both sides know of, below `next`. */
void predictor_learn(struct predictor *p, uint32_t context, uint32_t number);
/* The code of a number up to `next`, which is learned. */
uint64_t predictor_code(struct predictor *p, uint32_t context, uint32_t number);
/* The other way. False for a code that has no number: not below `next`, or `next` when that is `limit`. */
bool predictor_number(struct predictor *p, uint32_t context, uint64_t code, uint32_t limit, uint32_t *ret);

#endif
