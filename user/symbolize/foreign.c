// SPDX-License-Identifier: Apache-2.0
#include "symbolize/foreign.h"

#include "base/file.h"
#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOUNTINFO_BYTES_MAX (16u << 20)

static int regular_only(int fd, struct stat *st)
{
	if (fd < 0)
		return -errno;
	if (!fstat(fd, st) && S_ISREG(st->st_mode))
		return fd;
	close(fd);
	return -EACCES;
}

static int find_below(const char *root, const char *path, bool cached, int flags)
{
	auto_close int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | flags,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (cached ? RESOLVE_CACHED : 0),
	};
	int fd = -1;

	if (dir < 0)
		return -errno;
	/* A look-up within the caches gives up as well when something changed under it: it is worth a second try. */
	for (int i = 0; i < 2 && fd < 0; i++) {
		fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
		if (fd < 0 && errno != EAGAIN)
			break;
	}
	return fd < 0 ? -errno : fd;
}

int foreign_find(const char *root, const char *path, bool cached, struct stat *st)
{
	int fd = find_below(root, path, cached, 0);

	return fd < 0 ? fd : regular_only(fd, st);
}

int foreign_find_dir(const char *root, const char *path)
{
	return find_below(root, path, true, O_DIRECTORY);
}

int foreign_find_in(int dir, const char *name, struct stat *st)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};

	return regular_only(syscall(SYS_openat2, dir, name, &how, sizeof(how)), st);
}

/* "36 35 98:0 /root /mount/point rw,noatime master:1 - ext3 /dev/root rw": the number first, the type behind the dash. */
bool foreign_mount_is_local(const char *mountinfo, uint64_t mount, bool *found)
{
	static const char *const remote[] = {"fuse", "nfs", "cifs", "smb", "9p", "ceph", "afs", "coda", "lustre", "virtiofs", "autofs",
					     "orangefs", "ocfs2", "gfs2", "gpfs", "beegfs", "pvfs"};

	*found = false;
	for (const char *line = mountinfo; line && *line; line = strchr(line, '\n'), line += !!line) {
		const char *type = strstr(line, " - "), *end = strchr(line, '\n');

		if (strtoull(line, NULL, 10) != mount || !isdigit((unsigned char)*line) || !type || (end && type > end))
			continue;
		*found = true;
		for (size_t i = 0; i < ARRAY_SIZE(remote); i++)
			if (!strncmp(type + 3, remote[i], strlen(remote[i])))
				return false;
		return true;
	}
	return false;
}

bool foreign_is_local(int path_fd, int32_t pid)
{
	bool found = false, local = false;
	struct statx sx;

	if (statx(path_fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &sx) || !(sx.stx_mask & STATX_MNT_ID))
		return false;
	/* Its own list lacks what lies above a chroot. */
	for (int own = 0; own < 2 && !found; own++) {
		auto_free char *path = own ? xstrdup("/proc/self/mountinfo") : xasprintf("/proc/%d/mountinfo", pid);
		struct buf text = {0};

		if (!file_read(path, MOUNTINFO_BYTES_MAX, &text) && text.v)
			local = foreign_mount_is_local(text.v, sx.stx_mnt_id, &found);
		buf_free(&text);
	}
	return local;
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
