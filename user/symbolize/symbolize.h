// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses to frames. Native code by the image's symbol tables, the vDSO, JIT compiled code by what
 * its compiler wrote of it, the kernel by kallsyms and the side-band.
 * Adding a symbol source: one file with one `const struct symbol_source`, and its line in symbolize/image.c.
 */
#ifndef SYMBOLIZE_SYMBOLIZE_H
#define SYMBOLIZE_SYMBOLIZE_H

#include "process/process.h"
#include "profile/profile.h"
#include "symbolize/jit.h"

struct symbolizer; /* opaque: open images, kernel symbols */

struct symbolizer *symbolizer_new(void);
void symbolizer_free(struct symbolizer *s); /* NULL is fine; after the process table that holds images */

/* Memory that symbol tables may take together, in bytes; who is over it goes without names. */
void symbolizer_limit(struct symbolizer *s, uint64_t bytes);
/* At the end of a window: gives back symbol tables that gave no name in the last `windows` ones, 0: all. See images_trim(). */
void symbolizer_trim(struct symbolizer *s, unsigned windows);

/* The process table's hooks: opens and pins the file behind a mapping while the process lives. ctx = the symbolizer. */
struct process_hooks symbolizer_hooks(struct symbolizer *s);
/* The images behind its mappings. */
struct images *symbolizer_images(struct symbolizer *s);

/* What was lost of the names that JIT compilers wrote. */
void symbolizer_jit_counts(const struct symbolizer *s, struct jit_counts *ret);

/* What the side-band tells of the kernel's own code, and that it may have missed something: EVENT_KSYMBOL and EVENT_LOST. */
void symbolizer_apply(struct symbolizer *s, const struct process_event *e);

/*
 * Appends the frame(s) of one code address to a stack of `p`, outermost first, and returns the new leaf node: below `parent`
 * stands one frame for the function, preceded by none, followed by its inlined callees (later).
 * `is_return_address`: looked up at address - 1 (the call), not at the address.
 * Never guesses: an address in no known symbol becomes "[image+0xoffset]", one in no mapping "[unknown]".
 */
uint32_t symbolize_user(struct symbolizer *s, struct profile *p, uint32_t parent, struct process *process, uint64_t address,
			uint64_t time, bool is_return_address);
uint32_t symbolize_kernel(struct symbolizer *s, struct profile *p, uint32_t parent, uint64_t address, uint64_t time,
			  bool is_return_address);

#endif
