// SPDX-License-Identifier: Apache-2.0
/*
 * Numbers as LEB128: seven bits a byte, the lowest first. Signed ones, zigzag coded, are differences to a number before; arithmetic
 * is modulo 2^64.
 */
#ifndef STORE_VARINT_H
#define STORE_VARINT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

static inline void put_varint(struct buf *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_putc(out, (char)(v | 0x80));
	buf_putc(out, (char)v);
}

/* The difference to the number before, zigzag coded. */
static inline void put_next(struct buf *out, uint64_t v, uint64_t before)
{
	uint64_t d = v - before;

	put_varint(out, (d << 1) ^ -(d >> 63));
}

/* Reading. Nothing is trusted: after the first wrong byte every read gives 0 and `bad` is set. */
struct reader {
	const unsigned char *p, *end;
	bool bad;
};

static inline uint64_t read_varint(struct reader *r)
{
	uint64_t v = 0;

	for (int shift = 0; shift < 64 && r->p < r->end; shift += 7) {
		unsigned char b = *r->p++;

		if (shift == 63 && b > 1)
			break;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80)
			return v;
	}
	r->bad = true;
	r->p = r->end;
	return 0;
}

static inline unsigned char read_byte(struct reader *r)
{
	if (r->p < r->end)
		return *r->p++;
	r->bad = true;
	return 0;
}

static inline uint64_t unzigzag(uint64_t v)
{
	return (v >> 1) ^ -(v & 1);
}

static inline uint64_t read_next(struct reader *r, uint64_t before)
{
	return before + unzigzag(read_varint(r));
}

#endif
