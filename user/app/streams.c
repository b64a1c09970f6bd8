// SPDX-License-Identifier: Apache-2.0
#include "app/streams.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES (1u << 16) /* larger ones are slower: they do not stay in the cache */

const char *stream_name(const char *input)
{
	return input ? input : "standard input";
}

int stream_read(const char *path, void (*take)(void *ctx, const char *bytes, size_t n), void *ctx, struct error *err)
{
	auto_close int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	auto_free char *piece = xmalloc(PIECE_BYTES);
	ssize_t n;

	if (path && fd < 0)
		return error_set(err, -errno, "cannot open %s: %s", path, strerror(errno));
	while ((n = read(path ? fd : STDIN_FILENO, piece, PIECE_BYTES)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			take(ctx, piece, n);
	return n < 0 ? error_set(err, -errno, "cannot read %s: %s", stream_name(path), strerror(errno)) : 0;
}

int stream_write(const char *path, const struct buf *out, struct error *err)
{
	const char *bytes = out->n ? out->v : "";
	int ret;

	if (path)
		return file_write(path, bytes, out->n, err);
	ret = file_write_fd(STDOUT_FILENO, bytes, out->n);
	return ret ? error_set(err, ret, "cannot write to standard output: %s", strerror(-ret)) : 0;
}
