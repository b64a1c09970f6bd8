// SPDX-License-Identifier: Apache-2.0
/* Interned strings: equal text, equal id. Id 0 is always the empty string. Text is kept until the pool is freed. */
#ifndef BASE_STRINGS_H
#define BASE_STRINGS_H

#include "base/table.h"

#include <stddef.h>
#include <stdint.h>

struct strings; /* opaque */

struct strings *strings_new(void);
void strings_free(struct strings *s); /* NULL is fine */

uint32_t strings_add(struct strings *s, const char *text);
uint32_t strings_add_n(struct strings *s, const char *text, size_t n); /* text must hold no NUL in its n bytes */
bool strings_find(const struct strings *s, const char *text); /* is it in the pool? */
/* NUL-terminated, valid until the pool is freed; `id` must come from this pool. */
const char *strings_get(const struct strings *s, uint32_t id);
uint32_t strings_count(const struct strings *s);
size_t strings_bytes(const struct strings *s); /* memory it holds */

#endif
