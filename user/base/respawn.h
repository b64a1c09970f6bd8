// SPDX-License-Identifier: Apache-2.0
/* This program, run again by itself as another process that does one thing: its helpers are no files that could be missing or replaced. */
#ifndef BASE_RESPAWN_H
#define BASE_RESPAWN_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Starts it with one argument, that environment (NULL: none), and the `n` descriptors `fds` as its descriptors 0 to n - 1, none else: a group of its
 * own, which no terminal signals, and all signals as they are by default. 0 or a negative errno.
 */
int respawn(pid_t *pid, const char *argument, char *const *environment, const int *fds, size_t n);

/* An empty file in memory for what a helper is told or tells, or a negative errno. */
int respawn_file(const char *name);

#endif
