// SPDX-License-Identifier: Apache-2.0
/*
 * The contents of a section as it was before it was compressed: SHF_COMPRESSED with zlib or zstd (gABI "Section Compression"), and
 * the older ".zdebug_NAME" ("ZLIB", the size as 8 big-endian bytes, then a zlib stream).
 */
#ifndef ELF_SECTION_H
#define ELF_SECTION_H

#include "elf/elf.h"

struct section {
	struct elf_bytes bytes;
	uint8_t *inflated; /* what `bytes` points to when it was compressed; owned */
};

/* A section says itself how large it will be: more than this is refused, and so is what says one size and has another. */
#define SECTION_BYTES_MAX (2ull << 30)

/*
 * Finds a section by its name (".debug_info"; ".zdebug_info" counts as that). `budget` is what may still be allocated, in bytes,
 * and is lowered by what is. 0; -ENOENT when there is no such section, -EBADMSG when it cannot be inflated, -EFBIG above the
 * budget: `ret` is empty then.
 */
int section_open(struct section *ret, const struct elf *elf, const char *name, uint64_t *budget);
void section_free(struct section *s);

#endif
