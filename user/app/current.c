// SPDX-License-Identifier: Apache-2.0
#include "app/current.h"

#include "app/results.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW_FILE "window.txt"

static bool is_empty(DIR *d)
{
	struct dirent *e;

	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			return false;
	return true;
}

int current_check(const char *dir, struct error *err)
{
	auto_free char *mark = xasprintf("%s/" WINDOW_FILE, dir);
	DIR *d = opendir(dir);
	bool ours;

	if (!d && errno == ENOENT)
		return 0;
	if (!d)
		return error_set(err, -errno, "cannot write flame graphs into %s: %s", dir, strerror(errno));
	ours = is_empty(d) || !access(mark, F_OK);
	closedir(d);
	return ours ? 0 : error_set(err, -ENOTEMPTY, "%s holds files of somebody else: [current] directory must be one of our own", dir);
}

/* A flat directory that we made. Missing is fine. */
static void remove_directory(const char *dir)
{
	auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d)
		return;
	fd = -1; /* closed with d */
	while ((e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(dir);
}

static void print_time(struct buf *out, const char *what, uint64_t ns)
{
	time_t t = ns / NS_PER_SEC;
	struct tm tm;
	char text[40] = "";

	if (gmtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_printf(out, "%s: %s.%03uZ\n", what, text, (unsigned)(ns % NS_PER_SEC / NS_PER_MS));
}

static int write_window_file(const char *dir, const struct profile *p, struct error *err)
{
	auto_free char *path = xasprintf("%s/" WINDOW_FILE, dir);
	struct buf out = {0};
	int ret;

	print_time(&out, "start", p->start_ns);
	print_time(&out, "end", p->end_ns);
	buf_printf(&out, "period: %" PRIu64 " ns\nevent: %s\n", p->period_ns, p->event ? p->event : "");
	accounting_print(&out, &p->accounting);
	buf_puts(&out, "\n");
	ret = file_write_volatile(path, out.v, out.n, err);
	buf_free(&out);
	return ret;
}

/* `fresh` takes the place of `dir`, whose content then stands under the name `fresh`, if there was any. */
static int exchange(const char *fresh, const char *dir, struct error *err)
{
	auto_free char *old = xasprintf("%s.old", dir);

	if (!rename(fresh, dir)) /* there was none, or an empty one */
		return 0;
	if ((errno == EEXIST || errno == ENOTEMPTY) && !renameat2(AT_FDCWD, fresh, AT_FDCWD, dir, RENAME_EXCHANGE))
		return 0;
	/* A file system that cannot exchange: two steps, between which there is none. */
	if (errno == EINVAL && (remove_directory(old), !rename(dir, old)) && !rename(fresh, dir) && !rename(old, fresh))
		return 0;
	return error_set(err, -errno, "cannot replace %s: %s", dir, strerror(errno));
}

int current_write(const char *dir, const struct profile *p, uint64_t min_share, struct error *err)
{
	auto_free char *fresh = xasprintf("%s.new", dir);
	int ret = 0;

	remove_directory(fresh); /* of a run that ended in the middle of this */
	if (mkdir(fresh, 0777))
		return error_set(err, -errno, "cannot make the directory %s: %s", fresh, strerror(errno));
	ret = results_write_directory(p, fresh, min_share, err);
	ret = ret ? ret : write_window_file(fresh, p, err);
	ret = ret ? ret : exchange(fresh, dir, err);
	remove_directory(fresh);
	return ret;
}
