// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses to frames. Native code by the image's symbol tables, the vDSO, JIT compiled code by what
 * its compiler wrote of it, the kernel by kallsyms and the side-band.
 * Adding a symbol source: one file with one `const struct symbol_source`, and its line in symbolize/parse.c.
 */
#ifndef SYMBOLIZE_SYMBOLIZE_H
#define SYMBOLIZE_SYMBOLIZE_H

#include "process/process.h"
#include "profile/profile.h"
#include "symbolize/digest.h"
#include "symbolize/jit.h"
#include "symbolize/names.h"

struct symbolizer; /* opaque: open images, kernel symbols */

struct symbolizer_options {
	bool full_names; /* keep what is of one build: Rust's hashes, what the compiler appended */
	bool all_debug_info; /* inlined functions and lines of everything that was sampled, not only of what is sampled often */
	uint64_t patience_ns; /* how long symbolize_names() may wait for parsers and namers */
	struct image_cache *cache; /* what was parsed before, which must outlive the symbolizer; or NULL */
	struct debuginfod *debuginfod; /* who is asked for debug files, likewise; or NULL */
	uint64_t fetch_patience_ns; /* how long symbolize_names() and symbolize_again() may wait for these */
};

struct symbolizer *symbolizer_new(const struct symbolizer_options *o);
void symbolizer_free(struct symbolizer *s); /* NULL is fine; after the process table that holds images */

/* Memory that symbol tables may take together, in bytes; who is over it goes without names. */
void symbolizer_limit(struct symbolizer *s, uint64_t bytes);
/* At the end of a window: gives back symbol tables that gave no name in the last `windows` ones, 0: all. See images_trim(). */
void symbolizer_trim(struct symbolizer *s, unsigned windows);

/* The process table's hooks: opens and pins the file behind a mapping while the process lives. ctx = the symbolizer. */
struct process_hooks symbolizer_hooks(struct symbolizer *s);
/* The images behind its mappings. */
struct images *symbolizer_images(struct symbolizer *s);
/* What reads them. */
struct parsers *symbolizer_parsers(struct symbolizer *s);

/* What was lost of the names that JIT compilers wrote. */
void symbolizer_jit_counts(const struct symbolizer *s, struct jit_counts *ret);

/* What the side-band tells of the kernel's own code, and that it may have missed something: EVENT_KSYMBOL and EVENT_LOST. */
void symbolizer_apply(struct symbolizer *s, const struct process_event *e);

/*
 * Appends the frame of one code address to a stack of `p` and returns the new leaf node. Code of a file has no name yet: what its
 * node becomes, symbolize_names() says at the end.
 * `is_return_address`: looked up at address - 1 (the call), not at the address.
 */
uint32_t symbolize_user(struct symbolizer *s, struct profile *p, uint32_t parent, struct process *process, uint64_t address,
			uint64_t time, bool is_return_address);
/*
 * Names the code of files in all stacks of `p`: each such frame becomes the function there, followed by the functions that were expanded
 * into it, outermost first. Never guesses: an address in no known symbol becomes "[image+0xoffset]", one in no mapping is
 * "[unknown]".
 */
void symbolize_names(struct symbolizer *s, struct profile *p);
/*
 * Looks up anew what has no name in a profile of another time, by where in which file it is: after debug files were installed, say. Only
 * files that have a build id and are still at their path are asked. `exact`: locations are those of the samples, so that expanded
 * functions can be told; else (profile_coarsen()) only the function itself. May take seconds. Returns the number of frames
 * that got names.
 */
size_t symbolize_again(struct symbolizer *s, struct profile *p, bool exact);
/* Lets parsers go on that symbolize_names() will want the work of; waits a few milliseconds for them at most. */
void symbolize_ahead(struct symbolizer *s);
struct digest_counts symbolizer_counts(const struct symbolizer *s);
struct names_counts symbolizer_names(const struct symbolizer *s);
uint32_t symbolize_kernel(struct symbolizer *s, struct profile *p, uint32_t parent, uint64_t address, uint64_t time,
			  bool is_return_address);

#endif
