// SPDX-License-Identifier: Apache-2.0
#include "elf/minidebug.h"

#include <errno.h>
#include <lzma.h>
#include <string.h>

struct unpacked {
	uint8_t *bytes;
	size_t size;
};

static bool grow(struct unpacked *u)
{
	size_t size = u->size ? u->size * 2 : 1u << 20;
	uint8_t *more = size <= MINIDEBUG_BYTES_MAX ? realloc(u->bytes, size) : NULL;

	if (!more)
		return false;
	u->bytes = more;
	u->size = size;
	return true;
}

/* Unpacks the whole of `packed`. False when it is damaged or too large. */
static bool unpack(struct elf_bytes packed, struct unpacked *u)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_ret ret = lzma_stream_decoder(&stream, MINIDEBUG_MEMORY_MAX, 0);
	size_t used = 0;

	stream.next_in = packed.v;
	stream.avail_in = packed.n;
	while (ret == LZMA_OK && (used < u->size || grow(u))) {
		stream.next_out = u->bytes + used;
		stream.avail_out = u->size - used;
		ret = lzma_code(&stream, LZMA_FINISH);
		used = u->size - stream.avail_out;
	}
	lzma_end(&stream);
	u->size = used;
	return ret == LZMA_STREAM_END;
}

int minidebug_symbols(struct symtab *t, const struct elf *elf)
{
	struct unpacked u = {0};
	struct elf inner;
	Elf64_Shdr sh;
	int ret = -ENOENT;

	if (!elf_section_by_name(elf, MINIDEBUG_SECTION, &sh))
		return -ENOENT;
	if (unpack(elf_contents(elf, &sh), &u) && !elf_open(&inner, u.bytes, u.size))
		ret = symtab_build(t, &inner, SYMTAB_FULL);
	free(u.bytes);
	return ret;
}
