// SPDX-License-Identifier: Apache-2.0
#include "symbolize/foreign.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MOUNTINFO_BYTES_MAX (16u << 20)

/* fstat() of what the kernel has: a network file system is not asked. */
static int stat_known(int fd, struct stat *st)
{
	struct statx x;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &x))
		return -errno;
	*st = (struct stat){
		.st_dev = makedev(x.stx_dev_major, x.stx_dev_minor),
		.st_ino = x.stx_ino,
		.st_mode = x.stx_mode,
		.st_nlink = x.stx_nlink,
		.st_uid = x.stx_uid,
		.st_gid = x.stx_gid,
		.st_size = x.stx_size,
		.st_blksize = x.stx_blksize,
		.st_blocks = x.stx_blocks,
		.st_atim = {x.stx_atime.tv_sec, x.stx_atime.tv_nsec},
		.st_mtim = {x.stx_mtime.tv_sec, x.stx_mtime.tv_nsec},
		.st_ctim = {x.stx_ctime.tv_sec, x.stx_ctime.tv_nsec},
	};
	return 0;
}

static int regular_only(int fd, struct stat *st)
{
	if (fd < 0)
		return -errno;
	if (!stat_known(fd, st) && S_ISREG(st->st_mode))
		return fd;
	close(fd);
	return -EACCES;
}

static int find_in_root(int root_fd, const char *path, bool cached, int flags)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | flags,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (cached ? RESOLVE_CACHED : 0),
	};
	int fd = -1;

	/* A look-up within the caches gives up as well when something changed under it: it is worth a second try. */
	for (int i = 0; i < 2 && fd < 0; i++) {
		fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
		if (fd < 0 && errno != EAGAIN)
			break;
	}
	return fd < 0 ? -errno : fd;
}

static int find_below(const char *root, const char *path, bool cached, int flags)
{
	auto_close int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return dir < 0 ? -errno : find_in_root(dir, path, cached, flags);
}

int foreign_find_below(int root_fd, const char *path, bool cached, struct stat *st)
{
	int fd = find_in_root(root_fd, path, cached, 0);

	return fd < 0 ? fd : regular_only(fd, st);
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

/* On no file system but the directory's own. */
static int find_on_disk(int root_fd, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};
	struct stat st, slash;
	int fd;

	if (stat_known(root_fd, &st) || (!major(st.st_dev) && (stat("/", &slash) || slash.st_dev != st.st_dev)))
		return -EAGAIN;
	fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	return fd >= 0 ? fd : errno == EXDEV ? -EAGAIN : -errno;
}

int foreign_peek(int root_fd, const char *path, struct stat *st)
{
	int fd = find_in_root(root_fd, path, true, 0);

	if (fd == -EAGAIN)
		fd = find_on_disk(root_fd, path);
	if (fd < 0)
		return fd;
	fd = regular_only(fd, st);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

int foreign_find_in(int dir, const char *name, struct stat *st)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};

	return regular_only(syscall(SYS_openat2, dir, name, &how, sizeof(how)), st);
}

int foreign_find_link(const char *link, struct stat *st)
{
	return regular_only(open(link, O_PATH | O_CLOEXEC), st);
}

bool foreign_mount_is_prompt(const char *mountinfo, uint64_t id)
{
	static const char *const kinds[] = {
		"ext2",	 "ext3",    "ext4",   "xfs",  "btrfs",	  "f2fs",  "bcachefs", "zfs",	"jfs",	     "reiserfs", "nilfs2",
		"vfat",	 "exfat",   "ntfs3",  "udf",  "iso9660",  "erofs", "squashfs", "cramfs", "tmpfs",    "ramfs",	 "rootfs",
		"devtmpfs", "hugetlbfs", "overlay", "aufs", "virtiofs",
	};
	char number[24];
	size_t n = snprintf(number, sizeof(number), "%llu ", (unsigned long long)id);

	/* proc(5): "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - KIND SOURCE OPTIONS" */
	for (const char *line = mountinfo; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *end = line + strcspn(line, "\n"), *kind = strstr(line, " - ");

		if (strncmp(line, number, n) || !kind || kind > end)
			continue;
		kind += 3;
		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
			if (strcspn(kind, " \n") == strlen(kinds[i]) && !strncmp(kind, kinds[i], strlen(kinds[i])))
				return true;
		return false;
	}
	return false;
}

static bool is_prompt_in(const char *mountinfo, uint64_t id)
{
	struct buf text = {0};
	bool prompt = !file_read(mountinfo, MOUNTINFO_BYTES_MAX, &text) && text.n && foreign_mount_is_prompt(text.v, id);

	buf_free(&text);
	return prompt;
}

/* Of a memfd: on a mount that no process has in its list. */
static dev_t device_of_memory(void)
{
	auto_close int fd = memfd_create("profile-device", MFD_CLOEXEC);
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) ? st.st_dev : 0;
}

bool foreign_is_prompt(int path_fd, int32_t pid)
{
	static dev_t memory, root;
	struct stat slash;
	struct statx x;
	char path[32];
	dev_t device;

	if (statx(path_fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &x))
		return false;
	if (x.stx_dev_major)
		return true; /* a disk */
	if (!memory) {
		memory = device_of_memory();
		root = stat("/", &slash) ? 0 : slash.st_dev;
	}
	device = makedev(x.stx_dev_major, x.stx_dev_minor);
	if (device == memory || device == root)
		return true; /* a root that hangs hangs everybody */
	if (!(x.stx_mask & STATX_MNT_ID))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
	return is_prompt_in(path, x.stx_mnt_id) || is_prompt_in("/proc/self/mountinfo", x.stx_mnt_id); /* the former lacks what is above a chroot */
}

int foreign_open(int path_fd)
{
	char link[64];
	int fd;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", path_fd);
	fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}
