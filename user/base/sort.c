// SPDX-License-Identifier: Apache-2.0
#include "base/sort.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define DIGIT_BITS 11
#define DIGITS (1 << DIGIT_BITS)

static uint64_t number(const char *element)
{
	uint64_t v;

	memcpy(&v, element, sizeof(v));
	return v;
}

/* One pass: moves elements to where those with the same digit stand. */
static void move(char *to, const char *from, size_t n, size_t size, uint64_t low, unsigned shift)
{
	size_t at[DIGITS + 1] = {0};

	for (size_t i = 0; i < n; i++)
		at[((number(from + i * size) - low) >> shift & (DIGITS - 1)) + 1]++;
	for (size_t i = 1; i < DIGITS; i++)
		at[i] += at[i - 1];
	for (size_t i = 0; i < n; i++)
		memcpy(to + size * at[(number(from + i * size) - low) >> shift & (DIGITS - 1)]++, from + i * size, size);
}

void sort_by_number(void *v, size_t n, size_t size)
{
	uint64_t low = UINT64_MAX, high = 0, last = 0;
	char *from = v, *to, *spare;
	bool sorted = true;

	for (size_t i = 0; i < n; i++) {
		uint64_t x = number(from + i * size);

		sorted &= x >= last;
		last = x;
		low = x < low ? x : low;
		high = x > high ? x : high;
	}
	if (sorted)
		return;
	to = spare = xreallocarray(NULL, n, size);
	for (unsigned shift = 0; shift < 64 && (high - low) >> shift; shift += DIGIT_BITS) {
		char *swap = from;

		move(to, from, n, size, low, shift);
		from = to;
		to = swap;
	}
	if (from != v)
		memcpy(v, from, n * size);
	free(spare);
}
