// SPDX-License-Identifier: Apache-2.0
/* Interned strings and the table below them, also with names that were chosen to meet. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/strings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void equal_text_has_one_id(void **state)
{
	struct strings *s = strings_new();
	const char *first;
	char text[32];

	assert_int_equal(strings_add(s, ""), 0);
	assert_int_equal(strings_add(s, "a"), 1);
	first = strings_get(s, 1);
	for (uint32_t i = 0; i < 100000; i++) {
		snprintf(text, sizeof(text), "name %u", i);
		assert_int_equal(strings_add(s, text), i + 2);
	}
	for (uint32_t i = 0; i < 100000; i += 7) {
		snprintf(text, sizeof(text), "name %u", i);
		assert_int_equal(strings_add(s, text), i + 2);
		assert_string_equal(strings_get(s, i + 2), text);
	}
	assert_ptr_equal(strings_get(s, 1), first); /* text does not move */
	assert_int_equal(strings_count(s), 100002);
	assert_true(strings_find(s, "name 99999"));
	assert_false(strings_find(s, "name 100000"));
	assert_false(strings_find(s, "name"));
	strings_free(s);
}

static void parts_and_long_text(void **state)
{
	struct strings *s = strings_new();
	struct buf text = {0};

	for (int i = 0; i < 200000; i++)
		buf_putc(&text, (char)('a' + i % 26));
	assert_int_equal(strings_add_n(s, text.v, 3), 1);
	assert_int_equal(strings_add_n(s, text.v, 4), 2);
	assert_int_equal(strings_add_n(s, text.v, text.n), 3);
	assert_int_equal(strings_add_n(s, text.v, 0), 0);
	assert_int_equal(strings_add(s, "abc"), 1);
	assert_int_equal(strings_add(s, text.v), 3);
	assert_string_equal(strings_get(s, 2), "abcd");
	assert_string_equal(strings_get(s, 3), text.v);
	buf_free(&text);
	strings_free(s);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static size_t distinct(uint64_t *v, size_t n)
{
	size_t count = n ? 1 : 0;

	qsort(v, n, sizeof(*v), by_value);
	for (size_t i = 1; i < n; i++)
		count += v[i] != v[i - 1];
	return count;
}

/*
 * A difference in the highest bit of a factor is one in the highest bit of the product, whatever the odd constant is that one
 * multiplies with. Where that and a shift are all the mixing, the next eight bytes can take it back, and of such pairs as many
 * names as one likes with one hash can be made.
 */
static void names_made_to_meet_do_not(void **state)
{
	enum { BLOCKS = 10, NAMES = 1 << BLOCKS };
	static uint64_t hashes[NAMES];
	uint64_t plain = 0;

	for (uint32_t n = 0; n < NAMES; n++) {
		uint64_t name[2 * BLOCKS];

		memset(name, 'a', sizeof(name));
		for (int b = 0; b < BLOCKS; b++)
			if (n >> b & 1) {
				name[2 * b] ^= 1ull << 63;
				name[2 * b + 1] ^= 1ull << 63 | 1ull << 31;
			}
		hashes[n] = hash_foreign_bytes(name, sizeof(name));
		if (!n)
			plain = hash_bytes(name, sizeof(name));
		assert_true(hash_bytes(name, sizeof(name)) == plain); /* the attack works where there is no secret */
	}
	assert_int_equal(distinct(hashes, NAMES), NAMES);
}

struct probe {
	uint64_t compared;
};

static bool count_compared(const void *ctx, uint32_t id, const void *key)
{
	((struct probe *)(uintptr_t)ctx)->compared++;
	return false;
}

static bool same_number(const void *ctx, uint32_t id, const void *key)
{
	return id == *(const uint32_t *)key;
}

/* Hashes that differ in their high bits alone, as of chosen offsets in a file: all are found, each at its own id. */
static void chosen_hashes_are_found(void **state)
{
	struct probe none = {0};
	struct table t = {0};

	for (uint32_t i = 0; i < 20000; i++)
		table_add(&t, (uint64_t)i << 44, i);
	for (uint32_t i = 0; i < 20000; i++) {
		assert_int_equal(table_find(&t, (uint64_t)i << 44, same_number, NULL, &i), i);
		assert_int_equal(table_find(&t, ((uint64_t)i << 44) + 1, count_compared, &none, &i), TABLE_NONE);
	}
	assert_int_equal(none.compared, 0); /* only those with the whole hash are looked at */
	table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_text_has_one_id),
		cmocka_unit_test(parts_and_long_text),
		cmocka_unit_test(names_made_to_meet_do_not),
		cmocka_unit_test(chosen_hashes_are_found),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
