// SPDX-License-Identifier: Apache-2.0
#include "symbolize/jitdump.h"

#include <string.h>

#define MAGIC 0x4A695444u /* "JiTD", in the writer's byte order */
#define FLAG_ARCH_TIMESTAMP 1

enum { CODE_LOAD, CODE_MOVE, CODE_DEBUG_INFO, CODE_CLOSE };

struct header {
	uint32_t magic, version, total_size, elf_mach, pad, pid;
	uint64_t timestamp, flags;
};
_Static_assert(sizeof(struct header) == 40, "as specified");

struct prefix {
	uint32_t id, total_size;
	uint64_t timestamp;
};

struct load { /* followed by the name, NUL-terminated, and the code */
	struct prefix prefix;
	uint32_t pid, tid;
	uint64_t vma, address, size, index;
};
_Static_assert(sizeof(struct load) == 56, "as specified");

struct move {
	struct prefix prefix;
	uint32_t pid, tid;
	uint64_t vma, from, to, size, index;
};
_Static_assert(sizeof(struct move) == 64, "as specified");

static uint64_t stop(struct jitdump *d)
{
	d->ended = d->damaged = true;
	return 0;
}

static uint64_t read_header(struct jitdump *d, const uint8_t *bytes, size_t n, uint64_t available)
{
	struct header h;

	if (n < sizeof(h))
		return 0;
	memcpy(&h, bytes, sizeof(h));
	if (h.magic != MAGIC || h.version != 1 || h.total_size < sizeof(h))
		return stop(d);
	if (h.total_size > available)
		return 0;
	d->tsc = h.flags & FLAG_ARCH_TIMESTAMP;
	d->begun = true;
	return h.total_size;
}

static void read_load(const struct jitdump *d, struct code_map *code, const uint8_t *bytes, size_t n)
{
	const char *name = (const char *)bytes + sizeof(struct load);
	struct load l;

	if (n < sizeof(l))
		return;
	memcpy(&l, bytes, sizeof(l));
	if (l.address + l.size >= l.address)
		code_map_add(code, l.address, l.address + l.size, d->tsc ? 0 : l.prefix.timestamp, name, strnlen(name, n - sizeof(l)), 0);
}

/* The function itself is told of by the name it had at its old place. */
static void read_move(const struct jitdump *d, struct code_map *code, const uint8_t *bytes, size_t n)
{
	char name[CODE_NAME_MAX + 1];
	const struct code_range *r;
	struct move m;
	uint64_t time;

	if (n < sizeof(m))
		return;
	memcpy(&m, bytes, sizeof(m));
	time = d->tsc ? 0 : m.prefix.timestamp;
	r = code_map_find(code, m.from, UINT64_MAX);
	if (!r || m.from + m.size < m.from || m.to + m.size < m.to)
		return;
	memcpy(name, code->names.v + r->name, strlen(code->names.v + r->name) + 1);
	code_map_remove(code, m.from, m.from + m.size, time);
	code_map_add(code, m.to, m.to + m.size, time, name, strlen(name), 0);
}

static uint64_t read_record(struct jitdump *d, struct code_map *code, const uint8_t *bytes, size_t n, uint64_t available)
{
	struct prefix p;

	if (n < sizeof(p))
		return 0;
	memcpy(&p, bytes, sizeof(p));
	if (p.total_size < sizeof(p))
		return stop(d);
	if (p.total_size > available || (p.total_size > n && n < JITDUMP_HEAD_BYTES && p.id <= CODE_MOVE))
		return 0;
	if (n > p.total_size)
		n = p.total_size;
	if (p.id == CODE_LOAD)
		read_load(d, code, bytes, n);
	else if (p.id == CODE_MOVE)
		read_move(d, code, bytes, n);
	else if (p.id == CODE_CLOSE)
		d->ended = true;
	return p.total_size;
}

uint64_t jitdump_feed(struct jitdump *d, struct code_map *code, const uint8_t *bytes, size_t n, uint64_t available)
{
	uint64_t done = 0;

	while (done < n && !d->ended) {
		uint64_t took = d->begun ? read_record(d, code, bytes + done, n - done, available - done)
					 : read_header(d, bytes + done, n - done, available - done);

		if (!took)
			break;
		done += took;
	}
	return done;
}
