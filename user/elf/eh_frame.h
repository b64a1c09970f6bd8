// SPDX-License-Identifier: Apache-2.0
/*
 * The functions that .eh_frame and .debug_frame describe, sorted by address. Pure: the bytes of a file in, an array out; the bytes
 * must outlive it. Sources: LSB 5.0 Core "Exception Frames", DWARF 5 section 6.4.1, x86-64 psABI 1.0 section 4.2.4.
 *
 * .eh_frame is found by its name, whatever its type (PROGBITS, or SHT_X86_64_UNWIND as psABI has it), or through PT_GNU_EH_FRAME
 * when there is no such section header. All of it is read: the table in .eh_frame_hdr is no list of all functions.
 * .debug_frame, compressed or not, serves text that .eh_frame does not describe, which may be nearly all or none of it.
 */
#ifndef ELF_EH_FRAME_H
#define ELF_EH_FRAME_H

#include "base/mem.h"
#include "elf/cfi.h"
#include "elf/section.h"

/* Bounds for files made to exhaust us: several times what the largest programs have. What is beyond is counted as bad. */
#define EH_FRAME_BYTES_MAX (256u << 20) /* of each section */
#define EH_FRAME_FUNCTIONS_MAX (2u << 20)
#define EH_FRAME_CIES_MAX (1u << 18)
#define EH_FRAME_TEXTS_MAX 64

/* One FDE, where it is the one that counts: at each address the one that starts last, of those the first in the file. */
struct eh_frame_function {
	uint64_t start;
	uint32_t size;
	uint32_t cie;
	uint32_t program, program_size; /* call frame instructions, in the section of the CIE */
};

struct eh_frame_text {
	uint64_t start, end;
};

struct eh_frame {
	const struct elf *elf;
	struct cfi_pointers sections[2]; /* .eh_frame, .debug_frame; bytes is NULL for one that is not there */
	struct section debug_frame;	 /* its bytes, which are our own where the file has them compressed */
	VEC(struct cfi_cie) cies;
	VEC(struct eh_frame_function) functions; /* ascending, disjoint, inside the text */
	struct eh_frame_text text[EH_FRAME_TEXTS_MAX]; /* executable segments, ascending */
	size_t texts;
	struct {
		size_t bad;	    /* entries that cannot be read; each costs only itself */
		size_t empty;	    /* no byte of text */
		size_t outside;	    /* not in executable segments, as sections that were discarded leave them */
		size_t hidden;	    /* behind another that starts at the same address */
		size_t clipped;	    /* by another that starts inside */
		size_t cut;	    /* sections whose end was lost, by a length that leads out of it; or that cannot be inflated */
	} counts;
};

/*
 * 0; -ENOEXEC for a file without executable segments (an object to be linked), -ENOENT when nothing describes its text.
 * `f` must be freed in each case.
 */
int eh_frame_open(struct eh_frame *f, const struct elf *elf);
void eh_frame_free(struct eh_frame *f);

/* The rows of a function, inside its range: cfi_run(). */
int eh_frame_rows(const struct eh_frame *f, const struct eh_frame_function *function, cfi_take_row *take, void *ctx);

/*
 * For copies that hold a part of the file only: the ranges to load besides the headers, i = 0, 1, ... until false. Range i must
 * be loaded before i + 1 is asked for. What DW_EH_PE_indirect would read is not among them (no linker writes it).
 */
bool eh_frame_range(const struct elf *elf, unsigned i, uint64_t *offset, uint64_t *size);

#endif
