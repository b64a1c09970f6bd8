// SPDX-License-Identifier: Apache-2.0
/* Input from a file or standard input, output to a file or standard output: for commands that are filters. */
#ifndef APP_STREAMS_H
#define APP_STREAMS_H

#include "base/buf.h"
#include "base/error.h"

/* NULL is standard input. Hands all of it to `take`, in pieces. 0 or a negative errno with a sentence. */
int stream_read(const char *path, void (*take)(void *ctx, const char *bytes, size_t n), void *ctx, struct error *err);
/* NULL is standard output; a file is replaced as a whole. */
int stream_write(const char *path, const struct buf *out, struct error *err);
/* For messages. */
const char *stream_name(const char *input);

#endif
