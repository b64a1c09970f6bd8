// SPDX-License-Identifier: Apache-2.0
#include "symbolize/perf_map.h"

#include <string.h>

/* A number in hexadecimal, with or without 0x, at most 16 digits. False when there is none. */
static bool take_hex(const char **at, const char *end, uint64_t *ret)
{
	const char *p = *at;
	int digits = 0;

	if (end - p > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		p += 2;
	for (*ret = 0; p < end; p++, digits++) {
		int c = (unsigned char)*p, lower = c | 0x20;
		int value = c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;

		if (value < 0)
			break;
		*ret = *ret << 4 | value;
	}
	*at = p;
	return digits && digits <= 16;
}

static bool take_spaces(const char **at, const char *end)
{
	const char *p = *at;

	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	if (p == *at)
		return false;
	*at = p;
	return true;
}

static bool add_line(struct code_map *code, const char *line, size_t n)
{
	const char *at = line, *end = line + n;
	uint64_t start, size;

	if (!take_hex(&at, end, &start) || !take_spaces(&at, end) || !take_hex(&at, end, &size) || !take_spaces(&at, end))
		return false;
	while (end > at && (end[-1] == '\r' || end[-1] == ' '))
		end--;
	if (at == end || memchr(at, '\0', end - at) || start + size < start)
		return false;
	code_map_add(code, start, start + size, 0, at, end - at, 0);
	return true;
}

static void keep(struct perf_map *m, const char *bytes, size_t n)
{
	size_t room = PERF_MAP_LINE_MAX - m->n;

	memcpy(m->line + m->n, bytes, n < room ? n : room);
	m->n += n < room ? n : room;
}

void perf_map_feed(struct perf_map *m, struct code_map *code, const char *bytes, size_t n)
{
	while (n) {
		const char *newline = memchr(bytes, '\n', n);
		size_t length = newline ? newline - bytes : n;
		bool ok;

		if (m->n || !newline)
			keep(m, bytes, length);
		if (!newline)
			return;
		if (m->n)
			ok = add_line(code, m->line, m->n);
		else
			ok = add_line(code, bytes, length < PERF_MAP_LINE_MAX ? length : PERF_MAP_LINE_MAX);
		m->bad_lines += !ok;
		m->n = 0;
		bytes += length + 1;
		n -= length + 1;
	}
}

void perf_map_restart(struct perf_map *m)
{
	m->n = 0;
}
