// SPDX-License-Identifier: Apache-2.0
#include "symbolize/foreign.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static int regular_only(int fd, struct stat *st)
{
	if (fd < 0)
		return -errno;
	if (!fstat(fd, st) && S_ISREG(st->st_mode))
		return fd;
	close(fd);
	return -EACCES;
}

int foreign_find_below(int root_fd, const char *path, bool cached, struct stat *st)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (cached ? RESOLVE_CACHED : 0),
	};
	int fd = -1;

	/* A look-up within the caches gives up as well when something changed under it: it is worth a second try. */
	for (int i = 0; i < 2 && fd < 0; i++) {
		fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
		if (fd < 0 && errno != EAGAIN)
			break;
	}
	return regular_only(fd, st);
}

int foreign_find(const char *root, const char *path, bool cached, struct stat *st)
{
	auto_close int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return dir < 0 ? -errno : foreign_find_below(dir, path, cached, st);
}

int foreign_find_link(const char *link, struct stat *st)
{
	return regular_only(open(link, O_PATH | O_CLOEXEC), st);
}

int foreign_open(int path_fd)
{
	char link[64];
	int fd;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", path_fd);
	fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}
