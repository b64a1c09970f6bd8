// SPDX-License-Identifier: Apache-2.0
#include "elf/section.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#ifndef ELFCOMPRESS_ZSTD /* glibc 2.37 */
#define ELFCOMPRESS_ZSTD 2
#endif

#define ZDEBUG_HEAD_BYTES 12 /* "ZLIB" and the size */

static int inflate_zlib(uint8_t *to, uint64_t size, struct elf_bytes from)
{
	uLongf n = size;

	return uncompress(to, &n, from.v, from.n) == Z_OK && n == size ? 0 : -EBADMSG;
}

static int inflate_zstd(uint8_t *to, uint64_t size, struct elf_bytes from)
{
	size_t n = ZSTD_decompress(to, size, from.v, from.n);

	return !ZSTD_isError(n) && n == size ? 0 : -EBADMSG;
}

/* `size` is what the file says: memory is only touched, and so only taken, as far as the stream really fills it. */
static int inflate_section(struct section *s, struct elf_bytes from, uint64_t size, uint32_t type, uint64_t *budget)
{
	int ret;

	if (size > SECTION_BYTES_MAX || size > *budget)
		return -EFBIG;
	s->inflated = xmalloc(size ? size : 1);
	ret = type == ELFCOMPRESS_ZSTD ? inflate_zstd(s->inflated, size, from) : inflate_zlib(s->inflated, size, from);
	if (ret) {
		section_free(s);
		return ret;
	}
	*budget -= size;
	s->bytes = (struct elf_bytes){s->inflated, size};
	return 0;
}

static int open_compressed(struct section *s, const struct elf *elf, Elf64_Shdr sh, uint64_t *budget)
{
	struct elf_bytes all;
	Elf64_Chdr head;

	sh.sh_flags &= ~(uint64_t)SHF_COMPRESSED;
	all = elf_contents(elf, &sh);
	if (!all.v || all.n < sizeof(head))
		return -EBADMSG;
	memcpy(&head, all.v, sizeof(head));
	if (head.ch_type != ELFCOMPRESS_ZLIB && head.ch_type != ELFCOMPRESS_ZSTD)
		return -EBADMSG;
	return inflate_section(s, (struct elf_bytes){all.v + sizeof(head), all.n - sizeof(head)}, head.ch_size, head.ch_type, budget);
}

static int open_zdebug(struct section *s, struct elf_bytes all, uint64_t *budget)
{
	uint64_t size = 0;

	if (all.n < ZDEBUG_HEAD_BYTES || memcmp(all.v, "ZLIB", 4))
		return -EBADMSG;
	for (int i = 4; i < ZDEBUG_HEAD_BYTES; i++)
		size = size << 8 | all.v[i];
	return inflate_section(s, (struct elf_bytes){all.v + ZDEBUG_HEAD_BYTES, all.n - ZDEBUG_HEAD_BYTES}, size, ELFCOMPRESS_ZLIB,
			       budget);
}

int section_open(struct section *ret, const struct elf *elf, const char *name, uint64_t *budget)
{
	char old_name[64];
	Elf64_Shdr sh;

	*ret = (struct section){0};
	if (elf_section_by_name(elf, name, &sh)) {
		if (sh.sh_flags & SHF_COMPRESSED)
			return open_compressed(ret, elf, sh, budget);
		ret->bytes = elf_contents(elf, &sh);
		return ret->bytes.v ? 0 : -EBADMSG;
	}
	snprintf(old_name, sizeof(old_name), ".z%s", name + 1);
	if (!elf_section_by_name(elf, old_name, &sh) || !elf_contents(elf, &sh).v)
		return -ENOENT;
	return open_zdebug(ret, elf_contents(elf, &sh), budget);
}

void section_free(struct section *s)
{
	free(s->inflated);
	*s = (struct section){0};
}
