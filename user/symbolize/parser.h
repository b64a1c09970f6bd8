// SPDX-License-Identifier: Apache-2.0
/*
 * Parser processes (symbolize/parse.h) from outside: a helper that is given one file, and what it made of it.
 *
 * Each file has a process of its own, so that one which takes its parser over decides about nothing but itself. They are forked by a
 * server, this program run again once: 0.2 ms each, a seventh of what it takes to run a program with its libraries. The server reads no
 * byte of any file. What it forks is our child, not its own (clone(2), CLONE_PARENT).
 */
#ifndef SYMBOLIZE_PARSER_H
#define SYMBOLIZE_PARSER_H

#include "symbolize/helper.h"
#include "symbolize/image_file.h"

#define PARSER_DEADLINE_NS (20ull * 1000000000) /* wall time; that of the CPU is limited as well (symbolize/parse.h) */

struct parsers; /* the server; opaque */

struct parsers *parsers_new(void); /* nothing runs before the first parser is started */
void parsers_free(struct parsers *all); /* NULL is fine; parsers that run go on */

/* `file`: an O_PATH descriptor of the image; `roots`: PARSE_ROOTS directories, NULL if the request has no paths. 0 or a negative errno. */
int parser_start(struct parsers *all, struct helper *parser, int file, const int *roots, const struct buf *request);

/* What an ended parser wrote. */
struct parser_result {
	void *bytes; /* mapped and never to change; to be unmapped */
	size_t size;
	struct image_file file;
	bool too_large; /* some of it was left out for its size */
};

/*
 * Takes the result and lets go of the parser. 0; -ENOEXEC: there is nothing in the file; -ETIME: it overran; -ECHILD: it died;
 * -EBADMSG: what it wrote is no image file.
 */
int parser_take(struct helper *parser, struct parser_result *ret);

#endif
