// SPDX-License-Identifier: Apache-2.0
/*
 * Foreign text made safe, and numbers read strictly.
 *
 * Every byte that another user controls (comm, path, symbol, folded input) passes one of these before it reaches a
 * terminal, a file name or an output format.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Appends `s` as valid UTF-8 without control characters: invalid bytes become U+FFFD; C0, DEL, C1, bidi controls
 * (U+200E/F, U+202A-E, U+2066-9), zero-width and line separators (U+2028/9), noncharacters (U+FFFE/F) become \xNN or
 * \u{NNNN}. A backslash stays as it is.
 */
void text_escape(struct buf *out, const char *s, size_t n);

/* Appends `s` as a JSON string with its quotes (RFC 8259 section 7), escaped as above. */
void text_json(struct buf *out, const char *s);

/*
 * Decodes one UTF-8 character at s[0 .. n), n > 0. Returns its length in bytes and stores the code point; an invalid
 * sequence (overlong, surrogate, above U+10FFFF, cut) returns 1 and stores 0xFFFD with *valid = false.
 */
size_t text_utf8(const char *s, size_t n, uint32_t *code_point, bool *valid);

/* Appends `s` as a file name component: [A-Za-z0-9._+@=,-] kept, everything else '_', at most 64 bytes, never "", "." or "..". */
void text_file_name(struct buf *out, const char *s);

/* The whole string as a number, nothing before or behind it. Returns 0, -EINVAL or -ERANGE; *ret only on success. */
int text_u64(const char *s, uint64_t *ret);
/* Seconds with an optional fraction ("2", "0.25"), result in nanoseconds. Same returns. */
int text_seconds(const char *s, uint64_t *ret_ns);

#endif
