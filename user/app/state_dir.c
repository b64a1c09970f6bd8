// SPDX-License-Identifier: Apache-2.0
#include "app/state_dir.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_FILE "daemon.lock"

static int check(const char *dir, struct error *err)
{
	struct stat st;

	if (mkdir(dir, 0750) && errno != EEXIST)
		return error_set(err, -errno, "cannot make the state directory %s: %s", dir, strerror(errno));
	if (lstat(dir, &st))
		return error_set(err, -errno, "cannot use the state directory %s: %s", dir, strerror(errno));
	if (S_ISLNK(st.st_mode) && stat(dir, &st)) /* StateDirectory= of a DynamicUser= is one */
		return error_set(err, -errno, "cannot use the state directory %s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return error_set(err, -ENOTDIR, "the state directory %s is no directory", dir);
	if (st.st_uid != geteuid() && st.st_uid)
		return error_set(err, -EPERM, "the state directory %s belongs to user %u, who could replace what is written there: chown it",
				 dir, (unsigned)st.st_uid);
	if (st.st_mode & 022)
		return error_set(err, -EPERM, "the state directory %s is writable for others: chmod 0750 it", dir);
	return 0;
}

/* Who holds the lock, as its file says. */
static int busy(const char *dir, int fd, struct error *err)
{
	char pid[16] = "";
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? strspn(pid, "0123456789") : 0] = '\0';
	return error_set(err, -EBUSY, "another profile daemon%s%s%s keeps its history in %s: stop it, or use another --state-dir",
			 *pid ? " (PID " : "", pid, *pid ? ")" : "", dir);
}

int state_dir_open(const char *dir, struct error *err)
{
	auto_free char *path = xasprintf("%s/" LOCK_FILE, dir);
	int ret = check(dir, err), fd;

	if (ret)
		return ret;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return error_set(err, -errno, "cannot write to the state directory %s: %s", dir, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		ret = errno == EWOULDBLOCK ? busy(dir, fd, err) :
					     error_set(err, -errno, "cannot lock %s: %s", path, strerror(errno));
		close(fd);
		return ret;
	}
	/* For the sentence above; without it, on a full disk, the lock is as good. */
	if (!ftruncate(fd, 0))
		dprintf(fd, "%d\n", (int)getpid());
	return fd;
}
