// SPDX-License-Identifier: Apache-2.0
/*
 * jitdump: a binary log in which a JIT compiler tells of its code with times (Linux, tools/perf/Documentation/jitdump-specification.txt).
 * Of its records those are read that say which function is where: LOAD, MOVE, CLOSE. Pure: bytes in, names out.
 */
#ifndef SYMBOLIZE_JITDUMP_H
#define SYMBOLIZE_JITDUMP_H

#include "symbolize/code_map.h"

#include <stdbool.h>
#include <stddef.h>

#define JITDUMP_HEAD_BYTES (56 + CODE_NAME_MAX + 1) /* of a record, all that is looked at */

struct jitdump {
	bool begun;    /* the header has been read */
	bool tsc;      /* times are the processor's: of no use here, so names are for all times */
	bool ended;    /* closed by its writer, or no jitdump (any more): there is nothing more to read */
	bool damaged;  /* the latter */
};

/*
 * Reads records from bytes[0 .. n), of which the file has `available` so far (>= n), adds what they say to `code`, and returns
 * how many bytes are done with: perhaps more than n, since code itself is skipped. 0: the next record is not complete yet, in
 * `available`, or not in n bytes when that is below JITDUMP_HEAD_BYTES.
 */
uint64_t jitdump_feed(struct jitdump *d, struct code_map *code, const uint8_t *bytes, size_t n, uint64_t available);

#endif
