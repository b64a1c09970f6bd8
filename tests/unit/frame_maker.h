// SPDX-License-Identifier: Apache-2.0
/* Call frame information made byte by byte (LSB 5.0 "Exception Frames"), in an ELF file around it. */
#ifndef TESTS_FRAME_MAKER_H
#define TESTS_FRAME_MAKER_H

#include "base/buf.h"
#include "elf_maker.h"

#include <stdint.h>

#define FRAME_ADDRESS 0x800000ull /* of .eh_frame */
#define TEXT 0x1000ull
#define TEXT_END 0x700000ull

/* What a compiler writes into each CIE: CFA=rsp+8, return address at CFA-8. */
#define CIE_PROGRAM "\x0c\x07\x08\x90\x01"

static inline void put(struct buf *b, uint64_t v, size_t n)
{
	buf_add(b, &v, n);
}

static inline void put_uleb(struct buf *b, uint64_t v)
{
	do {
		buf_putc(b, (v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		v >>= 7;
	} while (v);
}

/* An entry whose bytes behind the length are `body`, padded with DW_CFA_nop. Returns its offset. */
static inline size_t put_entry(struct buf *section, struct buf *body)
{
	size_t at = section->n;

	while (body->n % 4)
		buf_putc(body, 0);
	put(section, body->n, 4);
	buf_add(section, body->v, body->n);
	buf_free(body);
	return at;
}

/* A CIE with these letters, whose augmentation data are `data`. */
static inline size_t put_cie(struct buf *section, uint8_t version, const char *letters, const void *data, size_t n, const char *program)
{
	struct buf b = {0};

	put(&b, 0, 4);
	put(&b, version, 1);
	buf_add(&b, letters, strlen(letters) + 1);
	if (version == 4)
		buf_add(&b, "\x08\x00", 2); /* address and segment size */
	buf_add(&b, "\x01\x78\x10", 3);	    /* factors 1 and -8, return address in column 16 */
	if (*letters == 'z')
		put_uleb(&b, n);
	buf_add(&b, data, n);
	buf_add(&b, program, strlen(program));
	return put_entry(section, &b);
}

/* An FDE with a pcrel sdata4 address, as every Debian compiler writes it. `program` has n bytes. */
static inline void put_fde(struct buf *section, size_t cie, uint64_t start, uint32_t size, const void *program, size_t n)
{
	struct buf b = {0};

	put(&b, section->n + 4 - cie, 4);
	put(&b, start - (FRAME_ADDRESS + section->n + 8), 4);
	put(&b, size, 4);
	put_uleb(&b, 0);
	buf_add(&b, program, n);
	put_entry(section, &b);
}

static inline size_t put_usual_cie(struct buf *section)
{
	return put_cie(section, 1, "zR", "\x1b", 1, CIE_PROGRAM);
}

/* A file with that section, and text at [TEXT, TEXT_END). */
static inline void frame_file(struct elf_maker *m, const char *name, uint32_t type, const struct buf *section, bool with_sections)
{
	uint64_t at;

	maker_start(m);
	at = maker_bytes(m, section->v, section->n);
	maker_segment(m, (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = TEXT, .p_memsz = TEXT_END - TEXT});
	maker_segment(m, (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R, .p_vaddr = FRAME_ADDRESS, .p_offset = at, .p_filesz = section->n,
				      .p_memsz = section->n});
	maker_section(m, name, (Elf64_Shdr){.sh_type = type, .sh_addr = FRAME_ADDRESS, .sh_offset = at, .sh_size = section->n});
	maker_end(m, with_sections);
}

#endif
