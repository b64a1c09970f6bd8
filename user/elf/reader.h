// SPDX-License-Identifier: Apache-2.0
/*
 * Reads bytes one field after the other and never beyond their end. A read that does not fit returns 0 and marks the reader as
 * failed, so that a parser checks once behind a group of fields, and a loop ends because `at` stays at the end.
 */
#ifndef ELF_READER_H
#define ELF_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
	const uint8_t *at, *end;
	bool failed;
};

static inline struct reader reader_of(const void *bytes, size_t size)
{
	return (struct reader){bytes, (const uint8_t *)bytes + size, false};
}

static inline size_t reader_left(const struct reader *r)
{
	return r->end - r->at;
}

static inline void reader_fail(struct reader *r)
{
	r->failed = true;
	r->at = r->end;
}

static inline const uint8_t *reader_skip(struct reader *r, uint64_t n)
{
	const uint8_t *p = r->at;

	if (n > reader_left(r)) {
		reader_fail(r);
		return r->end;
	}
	r->at += n;
	return p;
}

/* Little-endian, 1, 2, 4 or 8 bytes. */
static inline uint64_t reader_fixed(struct reader *r, size_t n)
{
	uint64_t v = 0;

	if (n > reader_left(r)) {
		reader_fail(r);
		return 0;
	}
	memcpy(&v, r->at, n);
	r->at += n;
	return v;
}

static inline uint8_t reader_u8(struct reader *r)
{
	if (r->at == r->end) {
		reader_fail(r);
		return 0;
	}
	return *r->at++;
}

/*
 * LEB128 (DWARF 5, 7.6). Writers may pad: what exceeds 64 bits is read and dropped. A number without end fails.
 */
static inline uint64_t reader_leb(struct reader *r, bool is_signed)
{
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		byte = reader_u8(r);
		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (is_signed && shift < 64 && byte & 0x40)
		v |= ~0ull << shift;
	return v;
}

static inline uint64_t reader_uleb(struct reader *r)
{
	return r->at < r->end && *r->at < 0x80 ? *r->at++ : reader_leb(r, false);
}

static inline int64_t reader_sleb(struct reader *r)
{
	return reader_leb(r, true);
}

/* A NUL-terminated string inside the bytes, or NULL. */
static inline const char *reader_string(struct reader *r)
{
	const uint8_t *start = r->at, *nul = memchr(start, '\0', reader_left(r));

	if (!nul) {
		reader_fail(r);
		return NULL;
	}
	r->at = nul + 1;
	return (const char *)start;
}

#endif
