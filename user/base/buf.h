// SPDX-License-Identifier: Apache-2.0
/* A growing byte buffer. `v` is always NUL-terminated behind its n bytes once something was added; never NULL then. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
	char *v;
	size_t n, cap;
};

void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_decimal(struct buf *b, uint64_t v); /* as "%" PRIu64, many times faster */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_truncate(struct buf *b, size_t n); /* keeps the first n bytes, n <= b->n */
void buf_free(struct buf *b);

#endif
