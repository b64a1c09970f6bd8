// SPDX-License-Identifier: Apache-2.0
/*
 * The parser process: a helper for one image, forked by a server that was started once (symbolize/parser.h). It opens the files it was told
 * of, as nothing can hang but itself; enters the sandbox; copies and parses them; writes an image file and ends.
 */
#ifndef SYMBOLIZE_PARSE_H
#define SYMBOLIZE_PARSE_H

#include "base/buf.h"
#include "elf/debug_info.h"
#include "elf/symtab.h"
#include "symbolize/helper.h"
#include "symbolize/image_file.h"

/* The only argument of the server that parsers are forked by, and the socket on which it is told to. */
#define PARSE_ARGUMENT "--parse-image"
#define PARSE_SERVER_FD 0

/*
 * It is sent a byte with these descriptors for each parser, and answers with its pid or a negative errno (int32_t). Roots are directories
 * (O_PATH) that paths are followed in, PARSE_ROOTS of them.
 */
enum { PARSE_REQUEST, PARSE_RESULT, PARSE_FILE, PARSE_ROOT };
#define PARSE_ROOTS 2
#define PARSE_FDS (PARSE_ROOT + PARSE_ROOTS)

/* How it ends; too large: it wrote an image file all the same, without what is beyond the bounds on size. */
enum { PARSE_DONE, PARSE_FAILED, PARSE_NOTHING, PARSE_TOO_LARGE };

/*
 * What is asked for. Unwind rules are wanted at once and of every image that is mapped, names later and of those only that were sampled:
 * each is an image file of its own. Debug information, inlined functions and lines besides names, takes longer.
 */
enum parse_what { PARSE_UNWIND, PARSE_NAMES, PARSE_DEBUG_INFO };

/* The request: this, then `paths` times a struct parse_path with its text. */
struct parse_request {
	uint32_t what;	       /* enum parse_what */
	uint32_t build_id_len; /* of the image, as the kernel told it or its headers say */
	uint8_t build_id[20];
	uint32_t paths;
};

enum parse_kind {
	PARSE_DEBUG, /* may be its separate debug file */
	PARSE_ALT,   /* may be the file that dwz made of what several debug files share */
	PARSE_SPLIT, /* may be a .dwo file */
	PARSE_PACKAGE, /* may be a .dwp file */
};

struct parse_path {
	uint32_t kind, root; /* 0: the target's, 1: ours */
	uint64_t id; /* of a .dwo: the unit's */
	uint32_t length;
};

/* What it may use (symbolize/sandbox.h). */
#define PARSE_CPU_SECONDS 10
#define PARSE_MEMORY_BYTES (1ull << 30)
#define PARSE_UNWIND_CPU_SECONDS 4
#define PARSE_UNWIND_MEMORY_BYTES (512ull << 20)
#define PARSE_RESULT_BYTES (512ull << 20)

#define PARSE_PATHS_MAX 512
#define PARSE_REQUEST_BYTES_MAX (4u << 20)

/* What symbols are made of. */
struct parse_input {
	const struct elf *file;	 /* the image's own */
	const struct elf *debug; /* a debug file that belongs to it, or NULL */
	const struct symbol_source *const *answered; /* the sources that had something before this one */
	size_t n_answered;
};

/*
 * A place where symbols come from. Sources are asked in order; each that answers becomes a table of its own, and a later table
 * names only what the earlier ones do not. They run in the parser process: bytes in, table out, no system calls.
 */
struct symbol_source {
	const char *name;
	bool complete; /* it has all functions, when it has any */
	/* Fills `t`. False when this source has nothing. */
	bool (*load)(struct symtab *t, const struct parse_input *in);
};
extern const struct symbol_source symtab_source; /* .symtab of the file itself */
extern const struct symbol_source debug_source;	 /* .symtab of a separate debug file */
extern const struct symbol_source minidebug_source; /* MiniDebugInfo within the file */
extern const struct symbol_source go_source;	 /* what the Go runtime itself needs */
extern const struct symbol_source dynsym_source; /* .dynsym: exported functions only */
extern const struct symbol_source plt_source;	 /* the linker's stubs, named by what they jump to */

/* The server: helper_main() of this job. */
int parse_main(void);
/* The same with another parser: `run` is called in a new process for each image, with its PARSE_FDS descriptors. For tests. */
int parse_serve(void (*run)(const int *fds));
/* All of a parser's life. Does not return. */
void parse_image(const int *fds);

#endif
