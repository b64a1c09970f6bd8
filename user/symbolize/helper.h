// SPDX-License-Identifier: Apache-2.0
/*
 * A helper: this program, run again by itself for one job on foreign bytes. It is given a request, enters the sandbox
 * (symbolize/sandbox.h, or one of its own) before it looks at anything foreign, writes a result and ends. This is the side that starts it, waits for it
 * with a deadline and maps what it wrote: whatever becomes of the helper, the caller neither blocks nor is harmed.
 */
#ifndef SYMBOLIZE_HELPER_H
#define SYMBOLIZE_HELPER_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A helper's descriptors; from HELPER_MORE_FD on those of its job. */
enum { HELPER_REQUEST_FD, HELPER_RESULT_FD, HELPER_NULL_FD, HELPER_MORE_FD };
#define HELPER_MORE_MAX 5

struct helper {
	pid_t pid; /* 0: none runs */
	int process, result; /* a pidfd, a memfd */
	uint64_t deadline; /* CLOCK_MONOTONIC ns */
};

/* Starts the job that has this argument (helper_is_wanted()), for `patience` ns of wall time at most. 0 or a negative errno. */
int helper_start(struct helper *h, const char *argument, const struct buf *request, const int *more, size_t n_more, uint64_t patience);
/*
 * The same for a child of ours that somebody else has started, whose result is the memfd `result`: it is taken over, also on failure, when
 * the child is ended.
 */
int helper_adopt(struct helper *h, pid_t pid, int result, uint64_t patience);
/* Waits until it ended, or until `until` (CLOCK_MONOTONIC ns). At its deadline it counts as ended. False: it still runs. */
bool helper_wait(struct helper *h, uint64_t until);

struct helper_result {
	void *bytes; /* what it wrote, mapped and never to change; to be unmapped. NULL: nothing */
	size_t size;
	int status; /* with which it exited */
};

/*
 * Lets go of the helper, which is killed if it still runs, and takes what it has written so far. 0: it exited; -ETIME: it
 * overran; -ECHILD: it died.
 */
int helper_end(struct helper *h, struct helper_result *ret);
/* The same, and throws away what it has written. Does nothing if none runs. */
void helper_stop(struct helper *h);

/* Was this program started as a helper? Then main() does nothing but to return helper_main(). */
bool helper_is_wanted(int argc, char **argv);
int helper_main(char **argv);

#endif
