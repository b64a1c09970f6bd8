// SPDX-License-Identifier: Apache-2.0
#include "symbolize/fetch_store.h"

#include "base/clock.h"
#include "base/mem.h"
#include "symbolize/image_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#define FREE_BYTES_MIN (128ull << 20) /* that are left to others on the file system */
#define LEFT_OVER_SECONDS 3600	      /* age of a file under way that nobody is writing any more */
#define NOTES_MAX 8192		      /* who maps files with new build ids without end fills no file system with notes */
#define NEW_PREFIX ".new-"
#define NOTE_PREFIX "note-"

struct fetch_store {
	int dir;
	char *path; /* absolute, without links */
	bool temporary;
	uint64_t bytes_max, serial;
	unsigned notes; /* as counted last, and what was added since */
};

static bool begins(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

struct stored {
	char *name;
	struct timespec time; /* of the last use; of a note: when it ends */
	uint64_t bytes;
};

typedef VEC(struct stored) stored_files;

static void free_files(stored_files *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->v[i].name);
	vec_free(v);
}

/* All files and all notes; those that are over are removed on the way. Returns what the files and those under way take. */
static uint64_t list(struct fetch_store *s, stored_files *files, stored_files *notes)
{
	int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	time_t now = time(NULL);
	uint64_t sum = 0;
	struct dirent *d;
	struct stat st;

	if (!dir) {
		cleanup_close(&fd);
		return 0;
	}
	while ((d = readdir(dir))) {
		bool new = begins(d->d_name, NEW_PREFIX), note = begins(d->d_name, NOTE_PREFIX);

		if (fstatat(s->dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
			continue;
		if ((new && st.st_mtim.tv_sec + LEFT_OVER_SECONDS < now) || (note && st.st_mtim.tv_sec <= now)) {
			unlinkat(s->dir, d->d_name, 0);
			continue;
		}
		sum += st.st_blocks * 512ull;
		if (!new)
			*vec_push(note ? notes : files) = (struct stored){xstrdup(d->d_name), st.st_mtim, st.st_blocks * 512ull};
	}
	closedir(dir);
	return sum;
}

static int by_time(const void *x, const void *y)
{
	const struct stored *a = x, *b = y;

	if (a->time.tv_sec != b->time.tv_sec)
		return a->time.tv_sec < b->time.tv_sec ? -1 : 1;
	return (a->time.tv_nsec > b->time.tv_nsec) - (a->time.tv_nsec < b->time.tv_nsec);
}

static void tidy(struct fetch_store *s)
{
	stored_files files = {0}, notes = {0};
	uint64_t sum = list(s, &files, &notes);

	if (files.n)
		qsort(files.v, files.n, sizeof(*files.v), by_time);
	for (size_t i = 0; i < files.n && sum > s->bytes_max; i++)
		if (!unlinkat(s->dir, files.v[i].name, 0))
			sum -= files.v[i].bytes;
	s->notes = notes.n;
	if (notes.n > NOTES_MAX / 2)
		qsort(notes.v, notes.n, sizeof(*notes.v), by_time);
	for (size_t i = 0; i < notes.n && s->notes > NOTES_MAX / 2; i++)
		s->notes -= !unlinkat(s->dir, notes.v[i].name, 0);
	free_files(&files);
	free_files(&notes);
}

/* For those who have no cache of their own. */
static char *make_temporary(struct error *err)
{
	const char *parent = getenv("TMPDIR");
	char *path = xasprintf("%s/profile-debuginfod-XXXXXX", parent && *parent == '/' ? parent : "/var/tmp");

	if (mkdtemp(path))
		return path;
	error_set(err, -errno, "cannot make a directory for debug files, %s: %s", path, strerror(errno));
	free(path);
	return NULL;
}

struct fetch_store *fetch_store_open(const char *dir, uint64_t bytes, struct error *err)
{
	auto_free char *temporary = dir ? NULL : make_temporary(err);
	struct fetch_store *s;
	int fd;

	if (!dir && !temporary)
		return NULL;
	fd = image_cache_open_dir(dir ? dir : temporary, err);
	if (fd < 0)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->dir = fd;
	s->path = realpath(dir ? dir : temporary, NULL);
	s->temporary = !dir;
	s->bytes_max = bytes;
	if (!s->path) {
		error_set(err, -errno, "cannot use %s: %s", dir ? dir : temporary, strerror(errno));
		fetch_store_close(s);
		return NULL;
	}
	tidy(s);
	return s;
}

static void remove_all(struct fetch_store *s)
{
	DIR *dir = opendir(s->path);
	struct dirent *d;

	while (dir && (d = readdir(dir)))
		unlinkat(s->dir, d->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(s->path);
}

void fetch_store_close(struct fetch_store *s)
{
	if (!s)
		return;
	if (s->temporary && s->path)
		remove_all(s);
	close(s->dir);
	free(s->path);
	free(s);
}

char *fetch_store_find(struct fetch_store *s, const char *name)
{
	const struct timespec now[] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
	struct stat st;

	if (fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
		return NULL;
	utimensat(s->dir, name, now, AT_SYMLINK_NOFOLLOW);
	return xasprintf("%s/%s", s->path, name);
}

uint64_t fetch_store_room(const struct fetch_store *s)
{
	uint64_t max = s->bytes_max < FETCH_FILE_BYTES_MAX ? s->bytes_max : FETCH_FILE_BYTES_MAX, free_bytes;
	struct statfs fs;

	if (fstatfs(s->dir, &fs))
		return 0;
	free_bytes = fs.f_bavail * (uint64_t)fs.f_bsize;
	free_bytes = free_bytes > FREE_BYTES_MIN ? free_bytes - FREE_BYTES_MIN : 0;
	return free_bytes < max ? free_bytes : max;
}

int fetch_store_new(struct fetch_store *s, char **ret_name)
{
	char *name = xasprintf(NEW_PREFIX "%d-%" PRIu64, (int)getpid(), ++s->serial);
	int fd = openat(s->dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0) {
		fd = -errno;
		free(name);
		name = NULL;
	}
	*ret_name = name;
	return fd;
}

int fetch_store_keep(struct fetch_store *s, const char *new_name, const char *name)
{
	int ret = renameat(s->dir, new_name, s->dir, name) ? -errno : 0;

	if (ret)
		fetch_store_drop(s, new_name);
	tidy(s);
	return ret;
}

void fetch_store_drop(struct fetch_store *s, const char *new_name)
{
	unlinkat(s->dir, new_name, 0);
}

static char *note_name(const char *note)
{
	return xasprintf(NOTE_PREFIX "%s", note);
}

void fetch_store_note(struct fetch_store *s, const char *note, unsigned seconds)
{
	const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) + seconds}};
	auto_free char *name = note_name(note);
	auto_close int fd = openat(s->dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0 && futimens(fd, times))
		unlinkat(s->dir, name, 0); /* better asked again than never again */
	if (++s->notes > NOTES_MAX)
		tidy(s);
}

bool fetch_store_noted(const struct fetch_store *s, const char *note)
{
	auto_free char *name = note_name(note);
	struct stat st;
	time_t now = time(NULL);

	/* One that ends in more than a day was made before the clock was set back. */
	return !fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) && st.st_mtim.tv_sec > now && st.st_mtim.tv_sec < now + 86400;
}
