// SPDX-License-Identifier: Apache-2.0
/* Any bytes as side-band records, one after the other; what they say is applied to a process table and asked for. */
#include "process/process.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static long images;

static void on_mapped(void *ctx, const struct process *p, struct mapping *m)
{
	m->image = &images;
	images++;
}

static void on_shared(void *ctx, struct mapping *m)
{
	images++;
}

static void on_unmapped(void *ctx, struct mapping *m)
{
	images--;
}

/* Ascending, disjoint, not empty. */
static void check_mappings(const struct process *p)
{
	uint64_t end = 0;

	for (size_t i = 0; i < p->mappings.n; i++) {
		const struct mapping *m = p->mappings.v[i];

		require(m->start >= end && m->end > m->start && m->until == UINT64_MAX);
		end = m->end;
	}
	for (size_t i = 0; i < p->replaced.n; i++) {
		const struct mapping *m = p->replaced.v[i];

		require(m->end > m->start && m->since < m->until);
	}
}

static void apply(struct process_table *t, struct process_event *e)
{
	struct process *p;

	/* Few pids, times and addresses, so that they meet; above pid_max, where /proc has nothing to say. */
	if (e->pid > 0)
		e->pid = 2000000000 + (e->pid & 3);
	if (e->kind == EVENT_FORK)
		e->fork.parent_pid = 2000000000 + (e->fork.parent_pid & 3);
	e->time &= 0xff;
	if (e->kind == EVENT_MMAP) {
		e->mmap.start = (e->mmap.start & 0xff) << 12;
		e->mmap.end = e->mmap.start + (1 + (e->mmap.end & 0x3f)) * 4096;
		require(memchr(e->mmap.path, 0, sizeof(e->mmap.path)));
	}
	process_table_apply(t, e);
	p = e->pid > 0 ? process_table_find(t, e->pid, 0, e->time) : NULL;
	if (p)
		check_mappings(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct process_event e;
	struct process_hooks hooks = {.mapped = on_mapped, .shared = on_shared, .unmapped = on_unmapped};
	struct process_table *t = process_table_new(&hooks);

	while (size) {
		size_t n = 8 + data[0] % 121;
		uint8_t *record;
		int ret;

		data++, size--;
		if (n > size)
			n = size;
		record = malloc(n + 1);
		memcpy(record, data, n);
		if (n >= 8) { /* mostly records of the right size */
			static const uint8_t types[] = {2, 3, 4, 7, 10, 10, 13, 17};

			record[0] = types[record[0] % sizeof(types)];
			record[1] = record[2] = record[3] = 0;
			record[6] = record[6] == 0xff ? 0xff : (uint8_t)n;
			record[7] = 0;
		}
		ret = process_event_decode(&e, record, n);
		if (ret == 1)
			apply(t, &e);
		if (n > 9 && record[4] == 0xee)
			process_table_expire(t, record[5]);
		free(record);
		data += n, size -= n;
	}
	process_table_free(t);
	require(!images);
	return 0;
}
