// SPDX-License-Identifier: Apache-2.0
#include "process/event.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* Reads the fixed parts of a record one after the other; `ok` turns false at the first that is not there. */
struct reader {
	const char *p;
	size_t left;
	bool ok;
};

static void take(struct reader *r, void *to, size_t n)
{
	memset(to, 0, n);
	if (n > r->left)
		r->ok = false;
	if (!r->ok)
		return;
	memcpy(to, r->p, n);
	r->p += n;
	r->left -= n;
}

static uint32_t take_u32(struct reader *r)
{
	uint32_t v;

	take(r, &v, sizeof(v));
	return v;
}

static uint64_t take_u64(struct reader *r)
{
	uint64_t v;

	take(r, &v, sizeof(v));
	return v;
}

/* A NUL-padded string that takes the rest of the record. The record need not be terminated, the result is. */
static void take_string(struct reader *r, char *to, size_t size)
{
	size_t n = strnlen(r->p, r->left);

	if (n >= size)
		n = size - 1;
	memcpy(to, r->p, n);
	to[n] = '\0';
}

static void decode_mmap2(struct process_event *e, struct reader *r, uint16_t misc)
{
	uint8_t pad[3];

	e->kind = EVENT_MMAP;
	e->pid = take_u32(r);
	e->tid = take_u32(r);
	e->mmap.start = take_u64(r);
	e->mmap.end = e->mmap.start + take_u64(r);
	e->mmap.offset = take_u64(r);
	memset(&e->mmap.id, 0, sizeof(e->mmap.id));
	if (misc & PERF_RECORD_MISC_MMAP_BUILD_ID) {
		take(r, &e->mmap.id.build_id_len, 1);
		take(r, pad, sizeof(pad));
		take(r, e->mmap.id.build_id, sizeof(e->mmap.id.build_id));
		if (e->mmap.id.build_id_len > sizeof(e->mmap.id.build_id))
			r->ok = false;
	} else {
		e->mmap.id.major = take_u32(r);
		e->mmap.id.minor = take_u32(r);
		e->mmap.id.inode = take_u64(r);
		take_u64(r); /* inode generation */
	}
	e->mmap.executable = take_u32(r) & PROT_EXEC;
	take_u32(r); /* flags */
	take_string(r, e->mmap.path, sizeof(e->mmap.path));
	if (e->mmap.end <= e->mmap.start)
		r->ok = false;
}

static void decode_comm(struct process_event *e, struct reader *r, uint16_t misc)
{
	e->kind = EVENT_COMM;
	e->pid = take_u32(r);
	e->tid = take_u32(r);
	e->comm.exec = misc & PERF_RECORD_MISC_COMM_EXEC;
	take_string(r, e->comm.comm, sizeof(e->comm.comm));
}

/* FORK and EXIT have one layout. */
static void decode_task(struct process_event *e, struct reader *r, enum event_kind kind)
{
	e->kind = kind;
	e->pid = take_u32(r);
	e->fork.parent_pid = take_u32(r);
	e->tid = take_u32(r);
	e->fork.parent_tid = take_u32(r);
	take_u64(r); /* time, again in the sample_id */
}

static void decode_ksymbol(struct process_event *e, struct reader *r)
{
	uint16_t flags;

	e->kind = EVENT_KSYMBOL;
	e->ksymbol.start = take_u64(r);
	e->ksymbol.len = take_u32(r);
	take(r, &e->ksymbol.type, sizeof(e->ksymbol.type));
	take(r, &flags, sizeof(flags));
	e->ksymbol.unregister = flags & PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER;
	take_string(r, e->ksymbol.name, sizeof(e->ksymbol.name));
	if (e->ksymbol.start + e->ksymbol.len <= e->ksymbol.start)
		r->ok = false;
}

#define SAMPLE_ID_BYTES 16 /* { u32 pid, tid; u64 time; }, see SIDE_BAND_SAMPLE_TYPE */
#define KSYMBOL_NAME 24    /* offset of the name in a KSYMBOL record */

/*
 * Where the sample_id is: 0 when the record has no room for one. It ends the record, but for KSYMBOL: when several listen, the
 * kernel counts the sample_ids of those before into the record's size (perf_event_ksymbol_output() in kernel/events/core.c does
 * not restore it), and what is behind ours is no data. The name is padded with NULs to the next 8 bytes.
 */
static size_t sample_id_offset(const char *record, const struct perf_event_header *h)
{
	size_t end = h->size, name;

	if (h->type == PERF_RECORD_KSYMBOL && end > KSYMBOL_NAME) {
		name = strnlen(record + KSYMBOL_NAME, end - KSYMBOL_NAME) + 1;
		end = KSYMBOL_NAME + (name + 7) / 8 * 8 + SAMPLE_ID_BYTES;
	}
	return end <= h->size && end >= sizeof(*h) + SAMPLE_ID_BYTES ? end - SAMPLE_ID_BYTES : 0;
}

uint64_t process_event_time(const void *record, size_t n)
{
	struct perf_event_header h;
	uint64_t time = 0;
	size_t at = 0;

	if (n >= sizeof(h)) {
		memcpy(&h, record, sizeof(h));
		at = h.size <= n ? sample_id_offset(record, &h) : 0;
	}
	if (at)
		memcpy(&time, (const char *)record + at + 8, sizeof(time));
	return time;
}

int process_event_decode(struct process_event *ret, const void *record, size_t n)
{
	struct perf_event_header h;
	struct reader r = {record, n, true};
	struct reader id;
	size_t at;

	take(&r, &h, sizeof(h));
	if (!r.ok || h.size > n)
		return -EBADMSG;
	at = sample_id_offset(record, &h);
	if (!at)
		return -EBADMSG;
	/* Strings stop before it. */
	id = (struct reader){(const char *)record + at, SAMPLE_ID_BYTES, true};
	r.left = at - sizeof(h);
	ret->pid = take_u32(&id);
	ret->tid = take_u32(&id);
	ret->time = take_u64(&id);
	switch (h.type) {
	case PERF_RECORD_MMAP2:
		decode_mmap2(ret, &r, h.misc);
		break;
	case PERF_RECORD_COMM:
		decode_comm(ret, &r, h.misc);
		break;
	case PERF_RECORD_FORK:
		decode_task(ret, &r, EVENT_FORK);
		break;
	case PERF_RECORD_EXIT:
		decode_task(ret, &r, EVENT_EXIT);
		break;
	case PERF_RECORD_CGROUP:
		ret->kind = EVENT_CGROUP;
		ret->cgroup.id = take_u64(&r);
		take_string(&r, ret->cgroup.path, sizeof(ret->cgroup.path));
		break;
	case PERF_RECORD_KSYMBOL:
		decode_ksymbol(ret, &r);
		break;
	case PERF_RECORD_LOST:
		ret->kind = EVENT_LOST;
		take_u64(&r); /* event id */
		ret->lost.count = take_u64(&r);
		break;
	case PERF_RECORD_LOST_SAMPLES:
		ret->kind = EVENT_LOST;
		ret->lost.count = take_u64(&r);
		break;
	default:
		return 0;
	}
	return r.ok ? 1 : -EBADMSG;
}
