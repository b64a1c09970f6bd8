// SPDX-License-Identifier: Apache-2.0
#include "store/predictor.h"

#include "base/mem.h"

#include <string.h>

void predictor_init(struct predictor *p, size_t contexts, uint32_t next)
{
	p->contexts = xcalloc(contexts + 1, sizeof(*p->contexts));
	p->next = next;
}

void predictor_free(struct predictor *p)
{
	free(p->contexts);
}

/* Where the number is in the context; its length when it is not there. */
static uint32_t place(const struct predictor_context *c, uint32_t number)
{
	uint32_t i = 0;

	while (i < c->n && c->recent[i] != number)
		i++;
	return i;
}

void predictor_learn(struct predictor *p, uint32_t context, uint32_t number)
{
	struct predictor_context *c = &p->contexts[context];
	uint32_t at = place(c, number);

	if (at == c->n && c->n < PREDICTOR_RECENT)
		c->n++;
	if (at == PREDICTOR_RECENT)
		at--;
	memmove(c->recent + 1, c->recent, at * sizeof(*c->recent));
	c->recent[0] = number;
	p->next += number == p->next;
}

uint64_t predictor_code(struct predictor *p, uint32_t context, uint32_t number)
{
	const struct predictor_context *c = &p->contexts[context];
	uint32_t at = place(c, number);
	uint64_t code = number == p->next ? 0 : at < c->n ? 1 + at : 1 + (uint64_t)c->n + number;

	predictor_learn(p, context, number);
	return code;
}

bool predictor_number(struct predictor *p, uint32_t context, uint64_t code, uint32_t limit, uint32_t *ret)
{
	const struct predictor_context *c = &p->contexts[context];
	uint64_t number = !code ? p->next : code <= c->n ? c->recent[code - 1] : code - 1 - c->n;

	if (code ? number >= p->next : number >= limit)
		return false;
	*ret = number;
	predictor_learn(p, context, number);
	return true;
}
