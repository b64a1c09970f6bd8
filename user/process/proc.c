// SPDX-License-Identifier: Apache-2.0
#include "process/proc.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PF_KTHREAD 0x00200000 /* linux/sched.h; shown in field 9 of stat */

/* A line of maps: six fields and a path in which each of 4,095 bytes may be a newline, shown as four. */
#define LINE_BYTES_MAX (128 + 4 * PATH_MAX)

bool proc_parse_stat(struct proc_stat *ret, const char *text)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	size_t n;
	char *end;

	if (!open || !close || close < open || close[1] != ' ' || !close[2])
		return false;
	n = close - open - 1;
	if (n >= sizeof(ret->comm))
		n = sizeof(ret->comm) - 1;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->comm, open + 1, n);
	ret->state = close[2];
	text = close + 3;
	/* Field 3 is the state; 9 the flags, 20 the number of threads, 22 the start time. */
	for (int field = 4; field <= 22; field++) {
		uint64_t v = strtoull(text, &end, 10);

		if (end == text)
			return false;
		if (field == 9)
			ret->kernel = v & PF_KTHREAD;
		if (field == 20)
			ret->threads = v;
		if (field == 22)
			ret->start_tick = v;
		text = end;
	}
	return true;
}

bool proc_ended(const struct proc_stat *stat)
{
	return stat->state == 'X' || (stat->state == 'Z' && stat->threads <= 1);
}

/* A number followed by `stop`, without the signs and blanks that strtoull() would take. */
static bool parse_number(char **p, int base, char stop, uint64_t *ret)
{
	char *end;

	if (!isxdigit((unsigned char)**p))
		return false;
	errno = 0;
	*ret = strtoull(*p, &end, base);
	if (errno || end == *p || *end != stop)
		return false;
	*p = end + 1;
	return true;
}

/* show_map_vma() writes a newline in a path as \012, and nothing else escaped. */
static void undo_newlines(char *path)
{
	char *to = path;

	for (; *path; path++) {
		if (!strncmp(path, "\\012", 4)) {
			*to++ = '\n';
			path += 3;
		} else {
			*to++ = *path;
		}
	}
	*to = '\0';
}

/* start-end perms offset major:minor inode path */
bool proc_parse_mapping(struct proc_mapping *ret, char *line)
{
	uint64_t major, minor;

	memset(ret, 0, sizeof(*ret));
	if (!parse_number(&line, 16, '-', &ret->start) || !parse_number(&line, 16, ' ', &ret->end))
		return false;
	if (strnlen(line, 5) < 5 || line[4] != ' ' || ret->end <= ret->start)
		return false;
	ret->executable = line[2] == 'x';
	line += 5;
	if (!parse_number(&line, 16, ' ', &ret->offset) || !parse_number(&line, 16, ':', &major) ||
	    !parse_number(&line, 16, ' ', &minor) || !parse_number(&line, 10, ' ', &ret->id.inode))
		return false;
	ret->id.major = major;
	ret->id.minor = minor;
	line += strspn(line, " ");
	undo_newlines(line);
	ret->path = line;
	return true;
}

int proc_read_stat(int32_t pid, struct proc_stat *ret)
{
	struct buf text = {0};
	char path[64];
	int code;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	code = file_read(path, 4096, &text);
	if (!code && !proc_parse_stat(ret, text.v ? text.v : ""))
		code = -EBADMSG;
	buf_free(&text);
	return code == -ENOENT ? -ESRCH : code;
}

/* "Uid: real effective saved filesystem", "NSpid: outermost ... innermost"; the kernel escapes newlines in the comm before them. */
bool proc_parse_ids(struct proc_ids *ret, char *text)
{
	bool uid = false, pid = false;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		char *name = strsep(&line, "\t"), *last = line ? strrchr(line, '\t') : NULL;
		uint64_t v;

		if (!line)
			continue;
		if (!strcmp(name, "NSpid:") && !text_u64(last ? last + 1 : line, &v) && v && v <= INT32_MAX) {
			ret->inner_pid = v;
			pid = true;
		}
		if (strcmp(name, "Uid:"))
			continue;
		strsep(&line, "\t");
		name = strsep(&line, "\t");
		if (name && !text_u64(name, &v) && v <= UINT32_MAX) {
			ret->uid = v;
			uid = true;
		}
	}
	return uid && pid;
}

int proc_read_ids(int32_t pid, struct proc_ids *ret)
{
	struct buf text = {0};
	char path[32];
	int code;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	code = file_read(path, 65536, &text);
	if (!code && !(text.v && proc_parse_ids(ret, text.v)))
		code = -EBADMSG;
	buf_free(&text);
	return code == -ENOENT ? -ESRCH : code;
}

int proc_start_tick(int32_t pid, uint64_t *ret)
{
	struct proc_stat stat;
	int code = proc_read_stat(pid, &stat);

	if (!code)
		*ret = stat.start_tick;
	return code;
}

typedef void mapping_fn(void *ctx, const struct proc_mapping *m);

/* Hands out the whole lines of text[0 .. n). Returns the number of bytes they take. */
static size_t take_lines(char *text, size_t n, mapping_fn *fn, void *ctx, int *count)
{
	struct proc_mapping m;
	char *line = text, *end;

	for (; (end = memchr(line, '\n', text + n - line)); line = end + 1) {
		*end = '\0';
		if (!proc_parse_mapping(&m, line))
			continue;
		++*count;
		if (m.executable)
			fn(ctx, &m);
	}
	return line - text;
}

/* Drops the rest of a line that was too long. Returns the bytes that are left; *skip stays true while its end is to come. */
static size_t skip_line(char *text, size_t n, bool *skip)
{
	char *end = memchr(text, '\n', n);

	if (!end)
		return 0;
	*skip = false;
	n -= end + 1 - text;
	memmove(text, end + 1, n);
	return n;
}

static int read_maps(const char *path, mapping_fn *fn, void *ctx)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	auto_free char *text = xmalloc(2 * LINE_BYTES_MAX);
	size_t have = 0, used;
	bool skip = false;
	ssize_t n;
	int count = 0;

	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	while ((n = read(fd, text + have, 2 * LINE_BYTES_MAX - have))) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		have += n;
		if (skip)
			have = skip_line(text, have, &skip);
		used = take_lines(text, have, fn, ctx, &count);
		have -= used;
		memmove(text, text + used, have);
		if (have > LINE_BYTES_MAX) { /* directories nested deeper than any path may be long: the mapping counts, not its name */
			text[have - 1] = '\n';
			take_lines(text, have, fn, ctx, &count);
			have = 0;
			skip = true;
		}
	}
	return count;
}

/* The main thread has no memory any more; any thread that runs on shows the same. */
static int read_thread_maps(int32_t pid, mapping_fn *fn, void *ctx)
{
	char path[64];
	uint64_t tid;
	struct dirent *d;
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while (ret <= 0 && (d = readdir(dir))) {
		if (text_u64(d->d_name, &tid) || tid == (uint64_t)pid)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%" PRIu64 "/maps", pid, tid);
		ret = read_maps(path, fn, ctx);
	}
	closedir(dir);
	return ret;
}

char *proc_program_path(const char *path, size_t n)
{
	static const char deleted[] = " (deleted)";
	const size_t d = sizeof(deleted) - 1;

	if (n > d && !memcmp(path + n - d, deleted, d))
		n -= d;
	return xstrndup(path, n);
}

char *proc_read_exe(int32_t pid)
{
	char link[32], path[4096];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	n = readlink(link, path, sizeof(path));
	if (n <= 0 || (size_t)n == sizeof(path))
		return NULL;
	return proc_program_path(path, n);
}

int proc_read_maps(int32_t pid, mapping_fn *fn, void *ctx)
{
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	ret = read_maps(path, fn, ctx);
	return ret ? ret : read_thread_maps(pid, fn, ctx);
}

void proc_boot_id(char id[PROC_BOOT_ID_SIZE])
{
	struct buf text = {0};

	memset(id, 0, PROC_BOOT_ID_SIZE);
	if (!file_read("/proc/sys/kernel/random/boot_id", 64, &text) && text.n)
		snprintf(id, PROC_BOOT_ID_SIZE, "%.*s", (int)strcspn(text.v, "\n"), text.v);
	buf_free(&text);
}

/* "xxxxxxxx-xxxx-..." in hexadecimal. */
uint16_t proc_boot(void)
{
	char id[PROC_BOOT_ID_SIZE];

	proc_boot_id(id);
	return strtoul(id, NULL, 16) & 0x7fff;
}
