// SPDX-License-Identifier: Apache-2.0
/*
 * What DWARF says of the code of one file, flattened for look-ups: which functions were expanded at an address, one inside the
 * other, and which source lines it comes from. Bytes in, tables out.
 */
#ifndef ELF_DEBUG_INFO_H
#define ELF_DEBUG_INFO_H

#include "base/mem.h"
#include "base/strings.h"
#include "elf/elf.h"

/* A function, or one expansion of an inlined one. Node 0 is no function. */
struct debug_node {
	uint32_t name;		  /* string id: linkage name, as in the file (mangled); 0: unknown */
	uint32_t parent;	  /* what it was expanded into; 0: it is a function of its own */
	uint32_t call_file, call_line; /* string id and number of the line in `parent` that calls it; 0: unknown */
};

/* [start, here the next range's start) of virtual addresses; ascending. Node 0: no function. */
struct debug_range {
	uint64_t start;
	uint32_t node;
};

struct debug_line { /* from `start` on */
	uint64_t start;
	uint32_t file; /* string id; 0: unknown */
	uint32_t line; /* 0: unknown */
};

struct debug_info {
	struct strings *strings;
	VEC(struct debug_node) nodes; /* parents before children */
	VEC(struct debug_range) ranges;
	VEC(struct debug_line) lines;
};

struct debug_input {
	const struct elf *elf; /* with the DWARF; of a file of its own or of the program */
	const struct elf *alt; /* what .gnu_debugaltlink names, or NULL */
	/*
	 * Where units are that are split in two: stores a file and returns true. `package`: the packages (.dwp), i = 0, 1, ... until there
	 * are no more. `split`: the .dwo file of a unit that is in none of them. Their bytes must outlive the call to debug_info_build().
	 * NULL: there are none.
	 */
	bool (*package)(void *ctx, size_t i, struct elf *ret);
	bool (*split)(void *ctx, const char *directory, const char *name, uint64_t id, struct elf *ret);
	void *ctx;
	uint64_t inflated_max; /* bytes that compressed sections may take */
};

/* 0; or -ENOENT, with `ret` empty, when there is no DWARF. `ret` must be zeroed or freed. */
int debug_info_build(struct debug_info *ret, const struct debug_input *in);
void debug_info_free(struct debug_info *d);

struct debug_frame {
	const char *name; /* mangled; "" when unknown */
	const char *file; /* "" when unknown */
	uint32_t line;	  /* 0 when unknown */
};

/*
 * The frames at `vaddr`, innermost first: appends to `frames` at most `max` and returns how many there are. Without a function there
 * is still one frame when the line is known.
 */
size_t debug_info_find(const struct debug_info *d, uint64_t vaddr, struct debug_frame *frames, size_t max);

#endif
