// SPDX-License-Identifier: Apache-2.0
/* Sorting by a number, beside qsort() by the number and then the place before. */
#include "base/mem.h"
#include "base/sort.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ELEMENTS 5000

struct element {
	uint64_t number;
	uint32_t place, more;
};

static int by_number_and_place(const void *x, const void *y)
{
	const struct element *a = x, *b = y;

	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->place < b->place ? -1 : 1;
}

/* Numbers of some bits, from `low` on. */
static void compare(size_t n, unsigned bits, uint64_t low)
{
	struct element *ours = xcalloc(n, sizeof(*ours)), *theirs = xcalloc(n, sizeof(*theirs));
	uint64_t seed = n * 64 + bits;

	for (size_t i = 0; i < n; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		ours[i] = (struct element){low + (bits ? (seed ^ seed >> 32) << (64 - bits) >> (64 - bits) : 0), i, ~i};
	}
	memcpy(theirs, ours, n * sizeof(*ours));
	qsort(theirs, n, sizeof(*theirs), by_number_and_place);
	for (int i = 0; i < 2; i++) { /* then once more, sorted as it is */
		sort_by_number(ours, n, sizeof(*ours));
		assert_memory_equal(ours, theirs, n * sizeof(*ours));
	}
	free(ours);
	free(theirs);
}

static void as_qsort_does(void **state)
{
	static const size_t sizes[] = {1, 2, 3, 100, ELEMENTS};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (unsigned bits = 0; bits <= 64; bits++) {
			compare(sizes[i], bits, 0);
			compare(sizes[i], bits, bits < 64 ? UINT64_MAX - ((1ull << bits) - 1) : 0); /* up to the highest */
		}
	sort_by_number(NULL, 0, sizeof(struct element));
}

/* Elements of no size in particular, which are not aligned. */
static void of_any_size(void **state)
{
	char elements[3][11] = {"\3\0\0\0\0\0\0\0xx", "\1\0\0\0\0\0\0\0yy", "\2\0\0\0\0\0\0\0zz"};

	sort_by_number(elements, 3, sizeof(*elements));
	assert_string_equal(elements[0] + 8, "yy");
	assert_string_equal(elements[1] + 8, "zz");
	assert_string_equal(elements[2] + 8, "xx");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(as_qsort_does), cmocka_unit_test(of_any_size)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
