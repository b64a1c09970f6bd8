// SPDX-License-Identifier: Apache-2.0
/*
 * The fetcher: a helper (symbolize/helper.h) that gets one debug file from debuginfod servers; symbolize/fetcher.h starts it. It confines
 * itself (symbolize/fetch_sandbox.h), loads libcurl, asks one server after the other for GET URL/buildid/HEX/debuginfo (debuginfod(8), "WEBAPI"), and
 * tells what each of them said. A file that does not bear that build id is none.
 *
 * libcurl is loaded by this process alone: linked to the program, its libraries would cost every run, and so each parser, milliseconds.
 */
#ifndef SYMBOLIZE_FETCH_H
#define SYMBOLIZE_FETCH_H

#include "symbolize/helper.h"

#include <stdint.h>

/* The argument of a fetcher process, and the descriptor of the file that it writes. */
#define FETCH_ARGUMENT "--fetch-debug-file"
enum { FETCH_FILE_FD = HELPER_MORE_FD };

#define FETCH_SERVERS_MAX 16
#define FETCH_PROXIES_MAX 16
#define FETCH_REQUEST_BYTES_MAX 65536u
#define FETCH_CONNECT_SECONDS 5	   /* to find, reach and greet a server */
#define FETCH_SILENCE_SECONDS 20   /* without an answer, or with next to none: it may have to unpack a package first */
#define FETCH_TRANSFER_SECONDS 120 /* a file */
#define FETCH_REDIRECTS_MAX 5

/* The request: this, then the URLs of `servers` servers, then assignments of environment variables that tell of proxies; each with a NUL. */
struct fetch_request {
	uint64_t bytes_max; /* of the file */
	uint32_t silence_seconds, servers, proxies;
	uint32_t id_length;
	uint8_t id[20];
};

#define FETCH_ANSWERS(X)                                                                                               \
	X(UNASKED, "was not asked")                                                                                    \
	X(GOT, "has it")                                                                                               \
	X(NONE, "does not have it")                                                                                    \
	X(SILENT, "does not answer")                                                                                   \
	X(REFUSED, "gave something else")

enum fetch_answer {
#define X(name, text) FETCH_##name,
	FETCH_ANSWERS(X)
#undef X
};

/* The result: one for each server. */
struct fetch_said {
	uint32_t answer;
	char why[124]; /* of the last two: NUL-terminated text */
};

/* How the process ends. */
enum { FETCH_DONE, FETCH_FAILED, FETCH_NO_CURL };

int fetch_main(void);

#endif
