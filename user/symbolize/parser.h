// SPDX-License-Identifier: Apache-2.0
/*
 * Running a parser process (symbolize/parse.h) from outside: start it, wait for it with a deadline, map what it wrote. Whatever the
 * file is, the caller neither blocks nor reads a byte of it.
 */
#ifndef SYMBOLIZE_PARSER_H
#define SYMBOLIZE_PARSER_H

#include "symbolize/image_file.h"

#include <stdint.h>
#include <sys/types.h>

#define PARSER_DEADLINE_NS (20ull * 1000000000) /* wall time; that of the CPU is limited as well (symbolize/sandbox.h) */

struct parser {
	pid_t pid; /* 0: none runs */
	int process, result; /* a pidfd, a memfd */
	uint64_t deadline; /* CLOCK_MONOTONIC ns */
};

/* `file`: an O_PATH descriptor of the image; `roots`: PARSE_ROOTS directories. 0 or a negative errno. */
int parser_start(struct parser *p, int file, const int *roots, const struct buf *request);
/* Waits until it ended, or until `until` (CLOCK_MONOTONIC ns); at its deadline it is killed. False: it still runs. */
bool parser_wait(struct parser *p, uint64_t until);

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
int parser_take(struct parser *p, struct parser_result *ret);
/* Ends a parser that may run. */
void parser_stop(struct parser *p);

#endif
