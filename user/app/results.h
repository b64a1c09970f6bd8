// SPDX-License-Identifier: Apache-2.0
/* Writing what a one-shot run found: files by the command line contract, and the summary on stderr. */
#ifndef APP_RESULTS_H
#define APP_RESULTS_H

#include "app/record_options.h"
#include "base/error.h"
#include "profile/profile.h"

#include <signal.h>

/* Fails early, before minutes are sampled, when an output could not be written. 0 or a negative errno. */
int results_check(const struct record_options *o, struct error *err);

/*
 * Writes every output that the options ask for, or the default ones. `name` and `pid` are the target's for the default file
 * name COMM-PID (pid 0: the whole system). Appends the names of the files written to `written`. 0 or a negative errno.
 * Files come first; then what is no file (standard output, a FIFO), where we may wait for a reader for ever: meanwhile these signals are
 * blocked (NULL: those that are already), so that the others can end it, with nothing half written left behind.
 */
int results_write(const struct profile *p, const struct record_options *o, const char *name, int32_t pid, const sigset_t *waiting,
		  struct buf *written, struct error *err);

/*
 * Writes system.folded, system.svg and a pair for each process with at least `min_share` millionths of the samples into a
 * directory that exists. Without fsync: for one that is replaced as a whole, again and again. 0 or a negative errno.
 */
int results_write_directory(const struct profile *p, const char *dir, uint64_t min_share, struct error *err);

/* Columns of the terminal that standard error goes to; 100 when it is none, or does not tell. */
unsigned results_width(void);

/* Top functions, files, accounting: to stderr. */
void results_summary(const struct profile *p, const struct record_options *o, const struct buf *written);

#endif
