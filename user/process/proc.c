// SPDX-License-Identifier: Apache-2.0
#include "process/proc.h"

#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAPS_BYTES_MAX (256u << 20) /* a process may have millions of mappings; more than this is hostile */

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
	/* Field 3 is the state; 20 is the number of threads, 22 the start time. */
	for (int field = 4; field <= 22; field++) {
		uint64_t v = strtoull(text, &end, 10);

		if (end == text)
			return false;
		if (field == 20)
			ret->threads = v;
		if (field == 22)
			ret->start_tick = v;
		text = end;
	}
	return true;
}

/* A hexadecimal number followed by `stop`. */
static bool parse_hex(char **p, char stop, uint64_t *ret)
{
	char *end;

	*ret = strtoull(*p, &end, 16);
	if (end == *p || *end != stop)
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
	char *end;

	memset(ret, 0, sizeof(*ret));
	if (!parse_hex(&line, '-', &ret->start) || !parse_hex(&line, ' ', &ret->end) || strnlen(line, 5) < 5 || line[4] != ' ')
		return false;
	ret->executable = line[2] == 'x';
	line += 5;
	if (!parse_hex(&line, ' ', &ret->offset) || !parse_hex(&line, ':', &major) || !parse_hex(&line, ' ', &minor))
		return false;
	ret->id.major = major;
	ret->id.minor = minor;
	ret->id.inode = strtoull(line, &end, 10);
	if (end == line)
		return false;
	ret->path = end + strspn(end, " ");
	undo_newlines((char *)ret->path);
	return ret->end > ret->start;
}

static int read_proc(int32_t pid, const char *file, size_t max, struct buf *text)
{
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	ret = file_read(path, max, text);
	if (!ret && !text->v)
		buf_puts(text, "");
	return ret == -ENOENT ? -ESRCH : ret;
}

int proc_read_stat(int32_t pid, struct proc_stat *ret)
{
	struct buf text = {0};
	int code = read_proc(pid, "stat", 4096, &text);

	if (!code && !proc_parse_stat(ret, text.v))
		code = -EBADMSG;
	buf_free(&text);
	return code;
}

int proc_start_tick(int32_t pid, uint64_t *ret)
{
	struct proc_stat stat;
	int code = proc_read_stat(pid, &stat);

	if (!code)
		*ret = stat.start_tick;
	return code;
}

int proc_read_maps(int32_t pid, struct buf *text)
{
	return read_proc(pid, "maps", MAPS_BYTES_MAX, text);
}
