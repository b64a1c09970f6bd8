// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void reserve(struct buf *b, size_t more)
{
	b->v = vec_grow(b->v, &b->cap, b->n + more + 1, 1);
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
	reserve(b, n);
	if (n)
		memcpy(b->v + b->n, bytes, n);
	b->n += n;
	b->v[b->n] = '\0';
}

void buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_decimal(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t i = sizeof(digits);

	do
		digits[--i] = '0' + v % 10;
	while (v /= 10);
	buf_add(b, digits + i, sizeof(digits) - i);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	reserve(b, 128);
	va_start(ap, fmt);
	n = vsnprintf(b->v + b->n, b->cap - b->n, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= b->cap - b->n) {
		reserve(b, n);
		va_start(ap, fmt);
		vsnprintf(b->v + b->n, b->cap - b->n, fmt, ap);
		va_end(ap);
	}
	b->n += n;
}

void buf_truncate(struct buf *b, size_t n)
{
	b->n = n;
	if (b->v)
		b->v[n] = '\0';
}

void buf_free(struct buf *b)
{
	free(b->v);
	*b = (struct buf){0};
}
