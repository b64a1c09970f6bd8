// SPDX-License-Identifier: Apache-2.0
#include "kernel/sideband.h"

#include "base/clock.h"
#include "base/mem.h"
#include "kernel/cpus.h"
#include "kernel/perf.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define RECORD_BYTES_MAX 8192 /* a record with the longest path, generously */
#define RING_BYTES (256u * 1024) /* a power of two; an exec is ~1 KB of records */

struct ring {
	int fd; /* -1: the CPU is offline or refused */
	struct perf_event_mmap_page *page;
	const char *bytes;
};

struct sideband {
	int epoll;
	bool cgroups; /* kernels without CONFIG_CGROUP_PERF refuse to tell of new ones */
	VEC(struct ring) rings;		/* by CPU id */
	VEC(char) copies;		/* records copied out of the rings in this read */
	VEC(struct reference) records;	/* into copies, to be sorted */
	bool gap;			/* a CPU had no ring for a while */
	bool overflowed;		/* a ring had no room for one more record in this read */
	struct process_event event;	/* scratch: too large for a stack */
};

struct reference {
	uint64_t time;
	size_t offset;
	uint32_t size;
};

static int open_ring(struct sideband *s, int cpu, struct ring *ret)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = SIDE_BAND_SAMPLE_TYPE,
		.sample_id_all = 1,
		.mmap = 1,
		.mmap2 = 1,
		.build_id = 1,
		.comm = 1,
		.comm_exec = 1,
		.task = 1,
		.ksymbol = 1,
		.cgroup = s->cgroups,
		.watermark = 1,
		.wakeup_watermark = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};
	struct epoll_event poll = {.events = EPOLLIN};
	long page = sysconf(_SC_PAGESIZE);
	void *map;

	ret->fd = perf_event_open(&attr, -1, cpu);
	if (ret->fd < 0 && errno == EINVAL && s->cgroups) {
		attr.cgroup = 0;
		s->cgroups = false;
		ret->fd = perf_event_open(&attr, -1, cpu);
	}
	if (ret->fd < 0)
		return -errno;
	map = mmap(NULL, page + RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, ret->fd, 0);
	if (map == MAP_FAILED || epoll_ctl(s->epoll, EPOLL_CTL_ADD, ret->fd, &poll)) {
		int code = -errno;

		if (map != MAP_FAILED)
			munmap(map, page + RING_BYTES);
		close(ret->fd);
		ret->fd = -1;
		return code;
	}
	ret->page = map;
	ret->bytes = (const char *)map + page;
	return 0;
}

static void close_ring(struct ring *r)
{
	if (r->fd < 0)
		return;
	munmap(r->page, sysconf(_SC_PAGESIZE) + RING_BYTES);
	close(r->fd);
	*r = (struct ring){.fd = -1};
}

/* Rings exist for exactly the CPUs that are online. Returns the first error of a CPU that could not be opened. */
static int open_online(struct sideband *s)
{
	struct cpu_set cpus = {0};
	int ret = cpu_set_read(&cpus), code;

	for (size_t cpu = 0; cpu < cpus.has.n; cpu++) {
		while (s->rings.n <= cpu)
			*vec_push(&s->rings) = (struct ring){.fd = -1};
		if (!cpus.has.v[cpu] || s->rings.v[cpu].fd >= 0)
			continue;
		code = open_ring(s, cpu, &s->rings.v[cpu]);
		s->gap |= !code;
		if (code && code != -ENODEV && !ret) /* ENODEV: went offline meanwhile */
			ret = code;
	}
	for (size_t cpu = 0; cpu < s->rings.n && cpus.has.n; cpu++)
		if (!cpu_set_has(&cpus, cpu) && s->rings.v[cpu].fd >= 0 &&
		    s->rings.v[cpu].page->data_head == s->rings.v[cpu].page->data_tail)
			close_ring(&s->rings.v[cpu]);
	cpu_set_free(&cpus);
	return ret;
}

struct sideband *sideband_new(struct error *err)
{
	struct sideband *s = xcalloc(1, sizeof(*s));
	int ret;

	s->cgroups = true;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	ret = s->epoll < 0 ? -errno : open_online(s);
	s->gap = false; /* nothing is known yet that could be wrong */
	if (!ret)
		return s;
	error_set(err, ret, "cannot watch processes (perf_event_open: %s)", strerror(-ret));
	sideband_free(s);
	return NULL;
}

void sideband_free(struct sideband *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->rings.n; i++)
		close_ring(&s->rings.v[i]);
	if (s->epoll >= 0)
		close(s->epoll);
	vec_free(&s->rings);
	vec_free(&s->copies);
	vec_free(&s->records);
	free(s);
}

void sideband_follow_hotplug(struct sideband *s, bool reopen)
{
	for (size_t cpu = 0; reopen && cpu < s->rings.n; cpu++)
		close_ring(&s->rings.v[cpu]);
	open_online(s);
}

int sideband_fd(const struct sideband *s)
{
	return s->epoll;
}

/* The records up to the time `until`. A later one stays: what another ring, read before, got meanwhile may belong before it. */
static void copy_ring(struct sideband *s, struct ring *r, uint64_t until)
{
	uint64_t head = __atomic_load_n(&r->page->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = r->page->data_tail;

	/* The kernel tells of a loss only in front of the next record, and on a quiet CPU there may be none for long. */
	s->overflowed |= head - tail > RING_BYTES - RECORD_BYTES_MAX;
	while (tail < head) {
		struct perf_event_header h;
		size_t at = s->copies.n;
		uint64_t time;

		/* Records are 8-byte aligned, so a header never wraps; the rest of a record may. */
		memcpy(&h, r->bytes + (tail & (RING_BYTES - 1)), sizeof(h));
		if (h.size < sizeof(h) || h.size > head - tail) {
			tail = head; /* cannot be; nothing behind it can be found */
			break;
		}
		vec_reserve(&s->copies, h.size);
		for (size_t done = 0; done < h.size;) {
			size_t from = (tail + done) & (RING_BYTES - 1);
			size_t n = RING_BYTES - from < h.size - done ? RING_BYTES - from : h.size - done;

			memcpy(s->copies.v + at + done, r->bytes + from, n);
			done += n;
		}
		time = process_event_time(s->copies.v + at, h.size);
		if (time > until)
			break;
		s->copies.n += h.size;
		*vec_push(&s->records) = (struct reference){time, at, h.size};
		tail += h.size;
	}
	__atomic_store_n(&r->page->data_tail, tail, __ATOMIC_RELEASE);
}

/* By time; records of one time keep the order of their ring. */
static int by_time(const void *a, const void *b)
{
	const struct reference *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

bool sideband_read(struct sideband *s, void (*fn)(void *ctx, const struct process_event *e), void *ctx)
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC);

	s->copies.n = s->records.n = 0;
	s->overflowed = false;
	for (size_t i = 0; i < s->rings.n; i++)
		if (s->rings.v[i].fd >= 0)
			copy_ring(s, &s->rings.v[i], until);
	if (s->records.n)
		qsort(s->records.v, s->records.n, sizeof(*s->records.v), by_time);
	for (size_t i = 0; i < s->records.n; i++)
		if (process_event_decode(&s->event, s->copies.v + s->records.v[i].offset, s->records.v[i].size) == 1)
			fn(ctx, &s->event);
	if (s->overflowed || s->gap) {
		s->gap = false;
		s->event = (struct process_event){.kind = EVENT_LOST};
		fn(ctx, &s->event);
	}
	return s->records.n;
}
