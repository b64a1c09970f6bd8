// SPDX-License-Identifier: Apache-2.0
#include "render/label.h"

#include "base/text.h"

#include <stdbool.h>
#include <string.h>

#define ELLIPSIS "\xE2\x80\xA6"
#define MIN_COLUMNS 3

/* Unicode Standard Annex 11, the blocks of wide characters in large. */
static size_t columns_of(uint32_t c)
{
	return (c >= 0x1100 && c < 0x1160) || (c >= 0x2E80 && c < 0xA4D0) || (c >= 0xAC00 && c < 0xD7A4) ||
			       (c >= 0xF900 && c < 0xFB00) || (c >= 0xFE30 && c < 0xFE70) ||
			       (c >= 0xFF00 && c < 0xFF61) || (c >= 0xFFE0 && c < 0xFFE7) ||
			       (c >= 0x1F300 && c < 0x1FB00) || (c >= 0x20000 && c < 0x3FFFE) ?
		       2 :
		       1;
}

/* Bytes of s that take at most `columns`; how many they take is stored. */
static size_t fitting(const char *s, size_t n, size_t columns, size_t *ret_used)
{
	size_t used = 0, i = 0;

	while (i < n) {
		uint32_t c;
		bool valid;
		size_t length = text_utf8(s + i, n - i, &c, &valid), more = columns_of(c);

		if (used + more > columns)
			break;
		used += more;
		i += length;
	}
	*ret_used = used;
	return i;
}

size_t label_columns(const char *safe, size_t n)
{
	size_t used;

	fitting(safe, n, SIZE_MAX, &used);
	return used;
}

/* The length of "f(int) const" without its arguments; "operator()" and "(anonymous namespace)" are no arguments. */
static size_t without_arguments(const char *s, size_t n)
{
	size_t end = n, depth = 0, i;

	if (end > 6 && !memcmp(s + end - 6, " const", 6))
		end -= 6;
	if (!end || s[end - 1] != ')')
		return n;
	for (i = end; i--;) {
		depth += s[i] == ')';
		depth -= s[i] == '(';
		if (!depth)
			break;
	}
	if (depth || !i || (i >= 8 && !memcmp(s + i - 8, "operator", 8)))
		return n;
	return i;
}

/* "std::map<int, char>::find" as "std::map<…>::find". Names with an operator in them are left alone: its < is no
 * bracket. */
static void without_template_arguments(struct buf *out, const char *s, size_t n)
{
	size_t depth = 0;

	if (memmem(s, n, "operator", 8) || *s == '<') {
		buf_add(out, s, n);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		bool arrow = s[i] == '>' && i && s[i - 1] == '-';

		if (s[i] == '<' && !depth++)
			buf_puts(out, "<" ELLIPSIS);
		if (s[i] == '>' && depth && !arrow)
			depth--;
		if (!depth)
			buf_putc(out, s[i]);
	}
}

/* Where the last component starts: behind the last "::" or '/' (Java, Go) outside of brackets, else 0. */
static size_t last_component(const char *s, size_t n)
{
	size_t depth = 0;

	for (size_t i = n; i-- > 1;) {
		depth += s[i] == '>' || s[i] == ')';
		depth -= (s[i] == '<' || s[i] == '(') && depth;
		if (!depth && i + 1 < n && (s[i] == '/' || (s[i] == ':' && s[i - 1] == ':')))
			return i + 1;
	}
	return 0;
}

void label_cut(struct buf *out, const char *s, size_t n, size_t columns)
{
	size_t used, length = fitting(s, n, columns, &used);

	if (length < n)
		length = fitting(s, n, columns ? columns - 1 : 0, &used);
	buf_add(out, s, length);
	if (length < n)
		buf_puts(out, ELLIPSIS);
}

void label_fit(struct buf *out, const char *safe, size_t n, size_t columns)
{
	struct buf brief = {0};
	size_t used, last;

	if (columns < MIN_COLUMNS || !n)
		return;
	if (fitting(safe, n, columns, &used) == n) {
		buf_add(out, safe, n);
		return;
	}
	n = without_arguments(safe, n);
	if (fitting(safe, n, columns, &used) == n) {
		buf_add(out, safe, n);
		return;
	}
	without_template_arguments(&brief, safe, n);
	last = last_component(brief.v, brief.n);
	if (fitting(brief.v, brief.n, columns, &used) < brief.n && last) {
		const char *start = brief.v[last - 1] == '/' ? ELLIPSIS "/" : ELLIPSIS "::";

		if (label_columns(brief.v + last, brief.n - last) + label_columns(start, strlen(start)) <= columns)
			buf_puts(out, start); /* then nothing of it is cut */
		label_cut(out, brief.v + last, brief.n - last, columns);
	} else {
		label_cut(out, brief.v, brief.n, columns);
	}
	buf_free(&brief);
}
