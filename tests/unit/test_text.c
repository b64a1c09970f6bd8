// SPDX-License-Identifier: Apache-2.0
/* Foreign text and numbers, against RFC 3629 and by exhaustion. */
#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* RFC 3629 section 3: how a code point is written. */
static size_t encode(uint32_t c, char *s)
{
	if (c < 0x80)
		return s[0] = (char)c, 1;
	if (c < 0x800)
		return s[0] = (char)(0xC0 | c >> 6), s[1] = (char)(0x80 | (c & 0x3F)), 2;
	if (c < 0x10000)
		return s[0] = (char)(0xE0 | c >> 12), s[1] = (char)(0x80 | (c >> 6 & 0x3F)), s[2] = (char)(0x80 | (c & 0x3F)), 3;
	s[0] = (char)(0xF0 | c >> 18), s[1] = (char)(0x80 | (c >> 12 & 0x3F));
	return s[2] = (char)(0x80 | (c >> 6 & 0x3F)), s[3] = (char)(0x80 | (c & 0x3F)), 4;
}

static void every_character_is_read(void **state)
{
	for (uint32_t c = 0; c <= 0x10FFFF; c++) {
		uint32_t got;
		bool valid;
		char s[4];
		size_t n = encode(c, s), m = text_utf8(s, n, &got, &valid);

		if (c >= 0xD800 && c <= 0xDFFF) {
			assert_false(valid);
			assert_int_equal(m, 1);
			continue;
		}
		assert_true(valid && m == n && got == c);
		for (size_t cut = 1; cut < n; cut++)
			assert_true(text_utf8(s, cut, &got, &valid) == 1 && !valid && got == 0xFFFD);
	}
}

/*
 * No other bytes are a character: of all there are as many valid ones as characters of that length. Of four bytes the last one is
 * the lowest or the highest that continues, or next to those, and a quarter of the third ones is tried.
 */
static void nothing_else_is_a_character(void **state)
{
	static const unsigned char last[] = {0x7F, 0x80, 0xBF, 0xC0};
	size_t count[5] = {0};
	unsigned char s[4];
	uint32_t c;
	bool valid;

	for (uint32_t v = 0; v < 1u << 24; v++) {
		s[0] = v >> 16, s[1] = v >> 8, s[2] = v;
		if ((s[0] < 0xC0 && (s[1] || s[2])) || (s[0] >= 0xC0 && s[0] < 0xE0 && s[2]))
			continue; /* counted once */
		size_t n = text_utf8((char *)s, 3, &c, &valid);

		count[valid ? n : 0]++;
	}
	assert_int_equal(count[1], 0x80);
	assert_int_equal(count[2], 0x780);
	assert_int_equal(count[3], 0xF800 - 0x800); /* without surrogates */
	for (uint32_t v = 0xF00000; v < 1u << 24; v += v & 0xFF ? 1 : 4)
		for (size_t i = 0; i < sizeof(last); i++) {
			s[0] = v >> 16, s[1] = v >> 8, s[2] = v, s[3] = last[i];
			size_t n = text_utf8((char *)s, 4, &c, &valid);

			assert_true(valid ? n == 4 && i % 3 : n == 1);
			count[4] += valid && (v & 0xFF) == 0x84;
		}
	/* 0x10000 .. 0x10FFFF: 0x100000 / 64 / 64 third bytes of each value, with two of the last ones. */
	assert_int_equal(count[4], 2 * 0x100000 / 64 / 64);
}

static void expect(const char *in, size_t n, const char *out)
{
	struct buf b = {0};

	text_escape(&b, in, n);
	assert_string_equal(b.v, out);
	buf_free(&b);
}

static void what_is_unsafe_is_shown(void **state)
{
	expect("plain \\ text", 12, "plain \\ text");
	expect("", 0, "");
	expect("a\0b", 3, "a\\x00b");
	expect("\x1B[31m\n\x7F", 7, "\\x1B[31m\\x0A\\x7F");
	expect("\xC2\x9B", 2, "\\x9B");
	expect("\xE2\x80\xAE|\xEF\xBB\xBF|\xEF\xBF\xBF", 11, "\\u{202E}|\\u{FEFF}|\\u{FFFF}");
	expect("\xF4\x8F\xBF\xBE", 4, "\\u{10FFFE}");
	expect("\xF0\x9F\x98\x80", 4, "\xF0\x9F\x98\x80");
	expect("\xF0\x9F\x98", 3, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
	expect("caf\xC3\xA9\xC3", 6, "caf\xC3\xA9\xEF\xBF\xBD");
}

static void file_name(const char *in, const char *out)
{
	struct buf b = {0};

	text_file_name(&b, in);
	assert_string_equal(b.v, out);
	buf_free(&b);
}

static void file_names_are_harmless(void **state)
{
	char name[100];

	file_name("postgres", "postgres");
	file_name("a/../b", "a_.._b");
	file_name("..", "_.");
	file_name(".", "_");
	file_name("-rf", "_rf");
	file_name("", "_");
	file_name("kworker/0:1-ev", "kworker_0_1-ev");
	file_name("a b\n\xC3\xA9;", "a_b____");
	memset(name, 'x', 99);
	name[99] = '\0';
	struct buf b = {0};
	text_file_name(&b, name);
	assert_int_equal(b.n, 64);
	buf_free(&b);
}

static void numbers_are_whole(void **state)
{
	uint64_t v = 7;

	assert_int_equal(text_u64("18446744073709551615", &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(text_u64("18446744073709551616", &v), -ERANGE);
	assert_int_equal(text_u64("", &v), -EINVAL);
	assert_int_equal(text_u64(" 1", &v), -EINVAL);
	assert_int_equal(text_u64("1 ", &v), -EINVAL);
	assert_int_equal(text_u64("+1", &v), -EINVAL);
	assert_int_equal(text_u64("0x1", &v), -EINVAL);
	assert_true(v == UINT64_MAX); /* untouched */
}

static void seconds(const char *s, int ret, uint64_t ns)
{
	uint64_t v = 0;

	assert_int_equal(text_seconds(s, &v), ret);
	assert_true(v == ns);
}

static void seconds_have_fractions(void **state)
{
	seconds("2", 0, 2000000000);
	seconds("0.25", 0, 250000000);
	seconds(".5", 0, 500000000);
	seconds("1.", 0, 1000000000);
	seconds("0.0000000019", 0, 1);
	seconds("18446744073.709551615", 0, UINT64_MAX);
	seconds("18446744073.709551616", -ERANGE, 0);
	seconds("18446744074", -ERANGE, 0);
	seconds("", -EINVAL, 0);
	seconds(".", -EINVAL, 0);
	seconds("1.2.3", -EINVAL, 0);
	seconds("-1", -EINVAL, 0);
	seconds("1e3", -EINVAL, 0);
	seconds("nan", -EINVAL, 0);
}

static void decimal_numbers(void **state)
{
	struct buf b = {0};

	for (const uint64_t *v = (const uint64_t[]){1, 9, 10, 4294967296, UINT64_MAX, 0}; *v; v++) {
		buf_decimal(&b, *v);
		buf_putc(&b, ' ');
	}
	buf_decimal(&b, 0);
	assert_string_equal(b.v, "1 9 10 4294967296 18446744073709551615 0");
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decimal_numbers),
		cmocka_unit_test(every_character_is_read), cmocka_unit_test(nothing_else_is_a_character),
		cmocka_unit_test(what_is_unsafe_is_shown), cmocka_unit_test(file_names_are_harmless),
		cmocka_unit_test(numbers_are_whole),	   cmocka_unit_test(seconds_have_fractions),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
