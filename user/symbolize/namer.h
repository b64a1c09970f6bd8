// SPDX-License-Identifier: Apache-2.0
/*
 * The namer process: a helper that demangles symbols (symbolize/names.h starts it). It enters the sandbox and says so with an empty
 * answer; then each symbol's answer is written before the next symbol is read, so that it is known which one a namer died of.
 */
#ifndef SYMBOLIZE_NAMER_H
#define SYMBOLIZE_NAMER_H

#include "symbolize/demangle.h"

#include <stdint.h>

/* The only argument of a namer process. */
#define NAMER_ARGUMENT "--read-symbols"

/* The request: this, then symbols, each with its NUL. The result: an empty text, then theirs, each with its NUL. */
struct namer_request {
	uint32_t full; /* see demangle() */
};

#define NAMER_SYMBOLS_MAX 2048 /* of a request */
#define NAMER_ANSWER_MAX (DEMANGLE_MAX_OUT + DEMANGLE_MAX_IN) /* bytes: a full name keeps what was appended to the symbol */

#define NAMER_REQUEST_BYTES_MAX (sizeof(struct namer_request) + NAMER_SYMBOLS_MAX * (DEMANGLE_MAX_IN + 1))
#define NAMER_RESULT_BYTES_MAX (1 + NAMER_SYMBOLS_MAX * (NAMER_ANSWER_MAX + 1))
#define NAMER_MEMORY_BYTES (64u << 20)
#define NAMER_CPU_SECONDS 10

int namer_main(void);

#endif
