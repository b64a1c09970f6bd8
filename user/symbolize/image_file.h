// SPDX-License-Identifier: Apache-2.0
/*
 * An image file: what the parser made of one ELF file and its debug files. Flat and relocatable, so that it is only mapped, by
 * this process or from a cache; and read with every access checked, because the parser that wrote it read foreign bytes.
 *
 * One format, two files an image: one with its unwind rules, which are wanted of every image that is mapped, before the first sample;
 * and one with names, wanted of those that were sampled, later, and again when a debug file was installed. Neither waits for the other,
 * is thrown away with the other, or fails by what kills the parser of the other.
 *
 *   header     struct image_file_header
 *   symbols    ascending and disjoint: their addresses (u32), then their struct image_symbol
 *   functions  code that no symbol names, but of which it is known where the function begins: starts and sizes
 *   files      u32: the string of each source file; 0 is none
 *   ranges     from which address on which node has the code (user/elf/debug_info.h)
 *   nodes      functions and expansions; 0 is none
 *   lines      from which address on the code comes from which line
 *   links      files that the ELF file names, which were not at hand
 *   strings    NUL-terminated text; offset 0 is ""
 *   parts      of the unwind table, ascending: struct image_part, which is also to say which text has rules
 *   words      of all parts, as the sampler wants them (bpf/unwind_table.h): they are copied from here into its maps
 *
 * Functions, ranges, nodes and lines are written as differences in LEB128, IMAGE_BLOCK (IMAGE_NODE_BLOCK) of them a block; in front of the blocks
 * stands an index with each block's first address (of nodes: 0) and place, so that a look-up is a binary search and the decoding of
 * one block.
 */
#ifndef SYMBOLIZE_IMAGE_FILE_H
#define SYMBOLIZE_IMAGE_FILE_H

#include "base/buf.h"
#include "unwind/table.h"

#include <stdbool.h>
#include <stdint.h>

struct debug_info;
struct eh_frame_function;
struct symtab;

#define IMAGE_FILE_VERSION 3
#define IMAGE_BLOCK 16
#define IMAGE_NODE_BLOCK 8 /* found by number, several a look-up */

struct image_file_section {
	uint32_t offset, count; /* from the file's begin, in bytes; of elements (of strings: bytes) */
};

struct image_file_header {
	char magic[8]; /* "profimg" and NUL */
	uint32_t version, size; /* of the whole file, in bytes */
	uint64_t base;		/* addresses below are virtual addresses minus this */
	struct image_file_section symbols, functions, files, ranges, nodes, lines, links, strings, parts, words;
	struct unwind_counts unwind; /* of the file's call frame information */
};

struct image_symbol {
	uint32_t size, name; /* bytes, offset of the mangled name */
};
#define IMAGE_SYMBOL_BYTES (sizeof(uint32_t) + sizeof(struct image_symbol))

struct image_part {
	uint64_t start, end; /* virtual addresses */
	uint32_t word, n_words; /* in the section */
};

/* A file that the parser would have liked to see: which one is for its reader to find out. */
enum image_link_kind {
	IMAGE_LINK_DEBUG, /* .gnu_debuglink: a base name */
	IMAGE_LINK_ALT,	  /* .gnu_debugaltlink: a path, also relative to the file that names it */
	IMAGE_LINK_SPLIT, /* a .dwo: a path, also relative to `directory` */
	IMAGE_LINK_ID,	  /* a build id in hexadecimal, of a debug file or, `id`, one of another kind (enum parse_kind) */
};

struct image_link {
	uint32_t kind;
	uint32_t name, directory; /* offsets of strings; no directory: "" */
	uint32_t unused;
	uint64_t id; /* of a split unit */
};

struct image_link_input {
	enum image_link_kind kind;
	const char *name, *directory; /* directory: or NULL */
	uint64_t id;
};

/* What a file is made from. Symbol tables in order of trust: a later one names only what the earlier ones do not. */
struct image_file_input {
	const struct symtab *tables;
	size_t n_tables;
	const struct eh_frame_function *functions; /* ascending and disjoint; those that a symbol covers are left out */
	size_t n_functions;
	const struct debug_info *debug; /* or NULL */
	const struct image_link_input *links;
	size_t n_links;
	const struct unwind_table *unwind; /* or NULL */
};

/* Appends the file to `out`. What lies more than 4 GiB above the first symbol is left out. 0 or -EFBIG. */
int image_file_build(struct buf *out, const struct image_file_input *in);

struct image_file {
	const uint8_t *bytes; /* 4-byte aligned; must outlive this */
	struct image_file_header h;
};

/* 0, or -EBADMSG when this is no image file of this version. */
int image_file_open(struct image_file *f, const void *bytes, size_t size);

struct image_frame {
	const char *name; /* mangled; "" when unknown */
	const char *file; /* "" when unknown */
	uint32_t line;
	uint32_t key; /* the same for all frames of one function: below image_file_keys() */
	bool inlined;
};

/* Frames at a virtual address, innermost first: how many there are; at most `max` of them are stored. 0: no name is known. */
size_t image_file_find(const struct image_file *f, uint64_t vaddr, struct image_frame *frames, size_t max);
uint32_t image_file_keys(const struct image_file *f);
/* The virtual address where the function without a name begins that `vaddr` is in; false when that is not known either. */
bool image_file_function(const struct image_file *f, uint64_t vaddr, uint64_t *start);

/*
 * The unwind table, whose words stay where they are: `ret` is to be freed with vec_free(&ret->parts) alone. Empty when the file was made
 * without. 0, or -EBADMSG when it is none that could be used (unwind_table_valid()).
 */
int image_file_unwind(const struct image_file *f, struct unwind_table *ret);

/* Link i; false when there is none. */
bool image_file_link(const struct image_file *f, uint32_t i, struct image_link_input *ret);

#endif
