// SPDX-License-Identifier: Apache-2.0
/* Whole files, read with a bound and replaced atomically. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

/*
 * Appends the whole of a file to `out`, at most `max` bytes. Returns 0 or a negative errno (-EFBIG above max).
 * Works for /proc files, whose size is not known beforehand.
 */
int file_read(const char *path, size_t max, struct buf *out);
int file_read_fd(int fd, size_t max, struct buf *out);

/*
 * Writes `path` atomically: a temporary file in the same directory, fsync, rename. On failure nothing is left behind and
 * `path` is untouched; returns a negative errno with the sentence in `err`. A file that was there keeps its permissions and,
 * where we may give it away, its owner. A symbolic link is replaced, not followed: in a directory of another user it may lead
 * to any file. A path that is no regular file (/dev/null, a FIFO) is written directly, as a shell redirection would, and so is
 * what our standard output or error goes to (/dev/stdout).
 */
int file_write(const char *path, const void *bytes, size_t n, struct error *err);

/*
 * Writes a file that a crash may take: no fsync. `path` is new, or replaced as a whole by a rename. Its mode is 0666 less the
 * umask. Same returns.
 */
int file_write_volatile(const char *path, const void *bytes, size_t n, struct error *err);

/* All bytes to a descriptor, through short writes and EINTR. Returns 0 or a negative errno. */
int file_write_fd(int fd, const void *bytes, size_t n);

#endif
