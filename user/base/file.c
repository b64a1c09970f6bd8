// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int file_read_fd(int fd, size_t max, struct buf *out)
{
	char chunk[16384];
	size_t total = 0;

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		total += n;
		if (total > max)
			return -EFBIG;
		buf_add(out, chunk, n);
	}
}

int file_read(const char *path, size_t max, struct buf *out)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? -errno : file_read_fd(fd, max, out);
}

int file_write_fd(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		n -= w;
	}
	return 0;
}

/* The descriptor of our standard output or error if it goes to this file, else -1. */
static int own_output(const struct stat *st)
{
	struct stat own;

	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (!fstat(fd, &own) && own.st_dev == st->st_dev && own.st_ino == st->st_ino)
			return fd;
	return -1;
}

static int write_special(const char *path, const void *bytes, size_t n, struct error *err)
{
	auto_close int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	int ret = fd < 0 ? -errno : file_write_fd(fd, bytes, n);

	return ret ? error_set(err, ret, "cannot write %s: %s", path, strerror(-ret)) : 0;
}

/* Makes a new file look like the one that it replaces, or as any new file does. */
static int set_permissions(int fd, const char *path, mode_t mask)
{
	struct stat old;

	if (lstat(path, &old) || !S_ISREG(old.st_mode))
		return fchmod(fd, 0666 & ~mask) ? -errno : 0;
	if (fchown(fd, old.st_uid, old.st_gid) && errno != EPERM)
		return -errno;
	return fchmod(fd, old.st_mode & 0777) ? -errno : 0;
}

/* A temporary file beside `path`, which it then becomes. */
static int replace(const char *path, const void *bytes, size_t n, bool durable, struct error *err)
{
	auto_free char *tmp = xasprintf("%s.XXXXXX", path);
	mode_t mask = umask(0);
	int fd, ret;

	umask(mask);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return error_set(err, -errno, "cannot write %s: %s", path, strerror(errno));
	ret = file_write_fd(fd, bytes, n);
	ret = ret ? ret : set_permissions(fd, path, mask);
	if (!ret && durable && fsync(fd))
		ret = -errno;
	if (close(fd) && !ret)
		ret = -errno;
	if (!ret && rename(tmp, path))
		ret = -errno;
	if (ret) {
		unlink(tmp);
		return error_set(err, ret, "cannot write %s: %s", path, strerror(-ret));
	}
	return 0;
}

int file_write(const char *path, const void *bytes, size_t n, struct error *err)
{
	struct stat st;
	int fd, ret;

	if (!stat(path, &st) && !S_ISDIR(st.st_mode)) {
		fd = own_output(&st);
		if (fd >= 0) {
			ret = file_write_fd(fd, bytes, n);
			return ret ? error_set(err, ret, "cannot write %s: %s", path, strerror(-ret)) : 0;
		}
		if (!S_ISREG(st.st_mode))
			return write_special(path, bytes, n, err);
	}
	return replace(path, bytes, n, true, err);
}

int file_write_volatile(const char *path, const void *bytes, size_t n, struct error *err)
{
	return replace(path, bytes, n, false, err);
}
