// SPDX-License-Identifier: Apache-2.0
/* Fetcher processes (symbolize/fetch.h) from outside: a helper that is told what to get from whom, and what it says came of that. */
#ifndef SYMBOLIZE_FETCHER_H
#define SYMBOLIZE_FETCHER_H

#include "symbolize/fetch.h"

/*
 * `file`: where it writes to. `urls`: as many as the request says, of which each may take its time. Of our environment it gets what tells
 * of proxies. 0 or a negative errno.
 */
int fetcher_start(struct helper *fetcher, struct fetch_request request, const char *const *urls, int file);
/*
 * Ends it if it has not yet, and takes what each of `servers` servers said: no answer but those of the enum, and text in all. 0; -ENOENT:
 * this system has no libcurl; another negative errno: it died, or says nothing that can be read. The file is not to be used then.
 */
int fetcher_take(struct helper *fetcher, uint32_t servers, struct fetch_said said[FETCH_SERVERS_MAX]);

#endif
