// SPDX-License-Identifier: Apache-2.0
/*
 * Opening files whose paths other users chose, as root. A path is followed within the root it was seen in, never through magic
 * links out of it, and no device, FIFO or socket is ever opened: that alone can block or have effects.
 */
#ifndef SYMBOLIZE_FOREIGN_H
#define SYMBOLIZE_FOREIGN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/*
 * An O_PATH descriptor of the regular file at `path` below the directory `root` ("/proc/PID/root", "/"), or a negative errno.
 * `cached`: only through what the kernel has in its caches (openat2(2), RESOLVE_CACHED), so that no network file system and no
 * automounter is asked: enough for a file that was mapped a moment ago. Else -EAGAIN.
 */
int foreign_find(const char *root, const char *path, bool cached, struct stat *st);
/* The same below an open directory. */
int foreign_find_below(int root_fd, const char *path, bool cached, struct stat *st);
/*
 * What regular file is at `path` below an open directory, without waiting for anybody: by the kernel's caches, or on the directory's
 * own file system if that is a disk or the root. 0; -EAGAIN: that cannot be told so; another negative errno: none.
 */
int foreign_peek(int root_fd, const char *path, struct stat *st);
/* As foreign_find(), for a link of /proc that leads to the file itself, without a path ("/proc/PID/map_files/..."). */
int foreign_find_link(const char *link, struct stat *st);
/*
 * Will the file system answer when this file or directory is opened and read? Those on disks and in memory do; network file systems
 * and FUSE answer when others please, and one of a kind that is not known may. `pid`: a process that has it in its mounts. Asks
 * /proc alone.
 */
bool foreign_is_prompt(int path_fd, int32_t pid);
/* The same by the text of /proc/PID/mountinfo: is mount `id` there, and of a kind known to answer? Pure. */
bool foreign_mount_is_prompt(const char *mountinfo, uint64_t id);
/* An O_PATH descriptor of the directory at `path` below `root`; as with `cached` above. */
int foreign_find_dir(const char *root, const char *path);
/* The regular file `name` in the directory `dir` itself: through no link, and not one that is mounted there from elsewhere. */
int foreign_find_in(int dir, const char *name, struct stat *st);
/* A descriptor to read from, of an O_PATH one, or a negative errno. */
int foreign_open(int path_fd);

#endif
