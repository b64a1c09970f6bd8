// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <errno.h>
#include <string.h>

/* RFC 3629 section 4: the well-formed byte sequences. */
size_t text_utf8(const char *s, size_t n, uint32_t *code_point, bool *valid)
{
	const unsigned char *p = (const unsigned char *)s;
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xC2 && p[0] < 0xE0 ? 2 : (p[0] & 0xF0) == 0xE0 ? 3 : (p[0] & 0xF8) == 0xF0 ? 4 : 0;
	uint32_t c;

	*valid = true;
	if (len == 1) {
		*code_point = p[0];
		return 1;
	}
	*valid = false;
	*code_point = 0xFFFD;
	if (!len || len > n)
		return 1;
	c = p[0] & (0xFF >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 1;
		c = c << 6 | (p[i] & 0x3F);
	}
	if (c < smallest[len] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		return 1;
	*valid = true;
	*code_point = c;
	return len;
}

/* Characters that XML 1.0 forbids, that steer a terminal, or that reorder or hide what a reader sees. */
static bool unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
	       (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || c == 0x61C || (c & 0xFFFE) == 0xFFFE ||
	       (c >= 0xFDD0 && c <= 0xFDEF);
}

void text_escape(struct buf *out, const char *s, size_t n)
{
	size_t clean = 0; /* s[clean .. i) waits to be copied as it is */
	size_t i = 0;

	while (i < n) {
		uint32_t c;
		bool valid;
		size_t len = text_utf8(s + i, n - i, &c, &valid);

		if (valid && !unsafe(c)) {
			i += len;
			continue;
		}
		buf_add(out, s + clean, i - clean);
		if (!valid)
			buf_puts(out, "\xEF\xBF\xBD");
		else if (c < 0x100)
			buf_printf(out, "\\x%02X", c);
		else
			buf_printf(out, "\\u{%04X}", c);
		i += len;
		clean = i;
	}
	buf_add(out, s + clean, n - clean);
}

void text_json(struct buf *out, const char *s)
{
	struct buf safe = {0};

	text_escape(&safe, s, strlen(s));
	buf_putc(out, '"');
	for (size_t i = 0; i < safe.n; i++) {
		if (safe.v[i] == '"' || safe.v[i] == '\\')
			buf_putc(out, '\\');
		buf_putc(out, safe.v[i]);
	}
	buf_putc(out, '"');
	buf_free(&safe);
}

void text_file_name(struct buf *out, const char *s)
{
	static const char kept[] = "._+@=,-";
	size_t start = out->n;

	for (; *s && out->n - start < 64; s++) {
		char c = *s;
		bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		/* A leading dot would hide the file, a leading dash would be an option. */
		if (!(alnum || strchr(kept, c)) || (out->n == start && (c == '.' || c == '-')))
			c = '_';
		buf_putc(out, c);
	}
	if (out->n == start)
		buf_putc(out, '_');
}

int text_u64(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *s - '0', &v))
			return -ERANGE;
	}
	*ret = v;
	return 0;
}

int text_seconds(const char *s, uint64_t *ret_ns)
{
	uint64_t ns = 0, unit = 1000000000;
	bool digits = false;

	for (; *s >= '0' && *s <= '9'; s++, digits = true)
		if (__builtin_mul_overflow(ns, 10, &ns) || __builtin_add_overflow(ns, *s - '0', &ns))
			return -ERANGE;
	if (__builtin_mul_overflow(ns, unit, &ns))
		return -ERANGE;
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++, digits = true) {
			unit /= 10; /* digits below a nanosecond are read and count nothing */
			if (__builtin_add_overflow(ns, unit * (*s - '0'), &ns))
				return -ERANGE;
		}
	if (*s || !digits)
		return -EINVAL;
	*ret_ns = ns;
	return 0;
}
