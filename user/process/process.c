// SPDX-License-Identifier: Apache-2.0
#include "process/process.h"

#include "base/clock.h"
#include "base/table.h"
#include "process/proc.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NEVER UINT64_MAX

/* All incarnations that one pid had and that are not expired, oldest first. */
struct pid_entry {
	int32_t pid;
	bool check; /* a thread of it exited */
	VEC(struct process *) incarnations;
};

struct process_table {
	struct process_hooks hooks;
	VEC(struct pid_entry) entries; /* freed pids keep their place: a pid comes back */
	struct table by_pid;
	VEC(int32_t) to_check; /* pids with `check` set */
	VEC(int32_t) ended;    /* pids with something to expire */
	uint64_t next_serial;
};

static bool same_pid(const void *ctx, uint32_t id, const void *key)
{
	const struct process_table *t = ctx;

	return t->entries.v[id].pid == *(const int32_t *)key;
}

static struct pid_entry *find_entry(struct process_table *t, int32_t pid)
{
	uint32_t id = table_find(&t->by_pid, hash_mix(0, (uint32_t)pid), same_pid, t, &pid);

	return id == TABLE_NONE ? NULL : &t->entries.v[id];
}

static struct pid_entry *get_entry(struct process_table *t, int32_t pid)
{
	struct pid_entry *e = find_entry(t, pid);

	if (e)
		return e;
	table_add(&t->by_pid, hash_mix(0, (uint32_t)pid), t->entries.n);
	e = vec_push(&t->entries);
	*e = (struct pid_entry){.pid = pid};
	return e;
}

static struct process *newest(const struct pid_entry *e)
{
	return e && e->incarnations.n ? e->incarnations.v[e->incarnations.n - 1] : NULL;
}

static struct process *running(struct process_table *t, int32_t pid)
{
	struct process *p = newest(find_entry(t, pid));

	return p && p->died == NEVER ? p : NULL;
}

static void release(struct process_table *t, struct mapping *m)
{
	t->hooks.unmapped(t->hooks.ctx, m);
	free(m->path);
}

static void free_process(struct process_table *t, struct process *p)
{
	for (size_t i = 0; i < p->mappings.n; i++)
		release(t, &p->mappings.v[i]);
	for (size_t i = 0; i < p->replaced.n; i++)
		release(t, &p->replaced.v[i]);
	vec_free(&p->mappings);
	vec_free(&p->replaced);
	free(p);
}

static void end_process(struct process_table *t, struct process *p, uint64_t time)
{
	p->died = time;
	*vec_push(&t->ended) = p->pid;
}

/* A new incarnation; one that still runs under this pid has ended without our being told. */
static struct process *begin_process(struct process_table *t, int32_t pid, uint64_t time)
{
	struct process *old = running(t, pid), *p = xcalloc(1, sizeof(*p));

	if (old)
		end_process(t, old, time);
	p->pid = pid;
	p->serial = ++t->next_serial;
	p->born = time;
	p->died = NEVER;
	*vec_push(&get_entry(t, pid)->incarnations) = p;
	return p;
}

/* Index of the first live mapping that ends above `address`. */
static size_t first_above(const struct process *p, uint64_t address)
{
	size_t low = 0, high = p->mappings.n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (p->mappings.v[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void insert_at(struct process *p, size_t i, struct mapping m)
{
	vec_push(&p->mappings);
	memmove(p->mappings.v + i + 1, p->mappings.v + i, (p->mappings.n - 1 - i) * sizeof(m));
	p->mappings.v[i] = m;
}

static struct mapping copy_of(struct process_table *t, const struct mapping *m)
{
	struct mapping copy = *m;

	copy.path = xstrdup(m->path);
	t->hooks.shared(t->hooks.ctx, &copy);
	return copy;
}

/* [start, end) is something else from `time` on: what was mapped there stays known for older samples. */
static void cut(struct process_table *t, struct process *p, uint64_t start, uint64_t end, uint64_t time)
{
	size_t i = first_above(p, start);

	while (i < p->mappings.n && p->mappings.v[i].start < end) {
		struct mapping *m = &p->mappings.v[i], old = copy_of(t, m), rest;

		old.until = time;
		*vec_push(&p->replaced) = old;
		*vec_push(&t->ended) = p->pid;
		if (m->start < start && m->end > end) { /* a hole: two parts remain */
			rest = copy_of(t, m);
			rest.offset += end - rest.start;
			rest.start = end;
			m->end = start;
			insert_at(p, i + 1, rest);
			return;
		}
		if (m->start < start) {
			m->end = start;
			i++;
		} else if (m->end > end) {
			m->offset += end - m->start;
			m->start = end;
			return;
		} else {
			release(t, m);
			memmove(m, m + 1, (--p->mappings.n - i) * sizeof(*m));
		}
	}
}

static void add_mapping(struct process_table *t, struct process *p, uint64_t time, const struct mapping *like)
{
	size_t i = first_above(p, like->start);
	struct mapping *have = i < p->mappings.n ? &p->mappings.v[i] : NULL;

	/* Told twice, by the side-band and by /proc: the first telling is the better one, it may know the build id. */
	if (have && have->start == like->start && have->end == like->end && have->offset == like->offset &&
	    !strcmp(have->path, like->path))
		return;
	cut(t, p, like->start, like->end, time);
	i = first_above(p, like->start);
	insert_at(p, i, *like);
	have = &p->mappings.v[i];
	have->since = time;
	have->until = NEVER;
	have->path = xstrdup(like->path);
	have->image = NULL;
	t->hooks.mapped(t->hooks.ctx, p, have);
}

static void on_mmap(struct process_table *t, const struct process_event *e)
{
	struct process *p = running(t, e->pid);
	struct mapping m = {
		.start = e->mmap.start,
		.end = e->mmap.end,
		.offset = e->mmap.offset,
		.id = e->mmap.id,
		.path = (char *)(strcmp(e->mmap.path, "//anon") ? e->mmap.path : ""),
	};

	if (!p)
		p = begin_process(t, e->pid, 0);
	if (e->mmap.executable)
		add_mapping(t, p, e->time, &m);
	else
		cut(t, p, m.start, m.end, e->time);
}

static void on_comm(struct process_table *t, const struct process_event *e)
{
	struct process *p = running(t, e->pid);
	uint64_t start_tick = p ? p->start_tick : 0;

	/* After an exec the thread that called it is the main thread. */
	if (e->comm.exec) {
		p = begin_process(t, e->pid, e->time);
		p->start_tick = start_tick;
	} else if (e->tid != e->pid) {
		return;
	}
	if (!p)
		p = begin_process(t, e->pid, 0);
	memcpy(p->comm, e->comm.comm, sizeof(p->comm));
}

static void on_new_task(struct process_table *t, const struct process_event *e)
{
	struct process *parent, *p;

	if (e->pid == e->fork.parent_pid)
		return; /* a thread */
	p = begin_process(t, e->pid, e->time);
	parent = running(t, e->fork.parent_pid);
	if (!parent)
		return;
	memcpy(p->comm, parent->comm, sizeof(p->comm));
	vec_reserve(&p->mappings, parent->mappings.n);
	for (size_t i = 0; i < parent->mappings.n; i++) {
		*vec_push(&p->mappings) = copy_of(t, &parent->mappings.v[i]);
		p->mappings.v[i].since = e->time;
	}
}

static void on_thread_exit(struct process_table *t, const struct process_event *e)
{
	struct pid_entry *entry = find_entry(t, e->pid);

	if (!entry || entry->check)
		return;
	entry->check = true;
	*vec_push(&t->to_check) = e->pid;
}

void process_table_apply(struct process_table *t, const struct process_event *e)
{
	switch (e->kind) {
	case EVENT_MMAP:
		on_mmap(t, e);
		break;
	case EVENT_COMM:
		on_comm(t, e);
		break;
	case EVENT_FORK:
		on_new_task(t, e);
		break;
	case EVENT_EXIT:
		on_thread_exit(t, e);
		break;
	case EVENT_LOST:
		break;
	}
}

struct process_table *process_table_new(const struct process_hooks *hooks)
{
	struct process_table *t = xcalloc(1, sizeof(*t));

	t->hooks = *hooks;
	return t;
}

void process_table_free(struct process_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->entries.n; i++) {
		for (size_t j = 0; j < t->entries.v[i].incarnations.n; j++)
			free_process(t, t->entries.v[i].incarnations.v[j]);
		vec_free(&t->entries.v[i].incarnations);
	}
	vec_free(&t->entries);
	vec_free(&t->to_check);
	vec_free(&t->ended);
	table_free(&t->by_pid);
	free(t);
}

static void scan_maps(struct process_table *t, struct process *p, char *text)
{
	struct proc_mapping line;
	char *rest = text, *word;

	while ((word = strsep(&rest, "\n")) && *word) {
		if (!proc_parse_mapping(&line, word) || !line.executable)
			continue;
		/* Since when it is there nobody can tell; for all samples of this incarnation, then. */
		add_mapping(t, p, p->born,
			    &(struct mapping){.start = line.start,
					      .end = line.end,
					      .offset = line.offset,
					      .id = line.id,
					      .path = (char *)line.path});
	}
}

int process_table_scan(struct process_table *t, int32_t pid)
{
	struct process *p = running(t, pid);
	struct buf maps = {0};
	struct proc_stat stat;
	int ret = proc_read_stat(pid, &stat);

	if (ret)
		return ret;
	if (p && p->start_tick && p->start_tick != stat.start_tick)
		p = NULL; /* the pid is another process's now */
	if (!p)
		p = begin_process(t, pid, find_entry(t, pid) && newest(find_entry(t, pid)) ? clock_ns(CLOCK_MONOTONIC) : 0);
	p->start_tick = stat.start_tick;
	memcpy(p->comm, stat.comm, sizeof(p->comm));
	ret = proc_read_maps(pid, &maps);
	if (!ret && maps.v)
		scan_maps(t, p, maps.v);
	buf_free(&maps);
	return ret;
}

/* Marks what the side-band would have told: who runs no more. */
static void end_vanished(struct process_table *t, uint64_t now)
{
	struct proc_stat stat;

	for (size_t i = 0; i < t->entries.n; i++) {
		struct process *p = running(t, t->entries.v[i].pid);

		if (p && proc_read_stat(p->pid, &stat))
			end_process(t, p, now);
	}
}

int process_table_scan_all(struct process_table *t, uint64_t now, struct error *err)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;
	char *end;

	if (!dir)
		return error_set(err, -errno, "cannot read /proc: %s", strerror(errno));
	while ((d = readdir(dir))) {
		long pid = strtol(d->d_name, &end, 10);

		if (pid > 0 && pid <= INT32_MAX && !*end)
			process_table_scan(t, pid); /* gone meanwhile, or a kernel thread: both fine */
	}
	closedir(dir);
	end_vanished(t, now);
	return 0;
}

/* Could incarnation p have been sampled at `time`? A tail of its exit is sampled after the exit was told. */
static bool fits(const struct process *p, uint64_t start_tick, uint64_t time)
{
	return p->born <= time && (!start_tick || !p->start_tick || p->start_tick == start_tick);
}

struct process *process_table_find(struct process_table *t, int32_t pid, uint64_t start_ns, uint64_t time)
{
	struct pid_entry *e = find_entry(t, pid);
	uint64_t tick = start_ns / PROC_TICK_NS;
	struct process *p;

	for (size_t i = e ? e->incarnations.n : 0; i--;) {
		p = e->incarnations.v[i];
		if (!fits(p, tick, time))
			continue;
		if (!p->start_tick)
			p->start_tick = tick;
		return p;
	}
	/* Never told of: it was there before us, or its side-band records were lost. */
	if (process_table_scan(t, pid))
		return NULL;
	p = running(t, pid);
	return p && (!tick || p->start_tick == tick) ? p : NULL;
}

static struct mapping *in_replaced(struct process *p, uint64_t address, uint64_t time)
{
	struct mapping *best = NULL;

	for (size_t i = 0; i < p->replaced.n; i++) {
		struct mapping *m = &p->replaced.v[i];

		if (address >= m->start && address < m->end && m->since <= time && time < m->until)
			best = m;
	}
	return best;
}

struct mapping *process_mapping(struct process *p, uint64_t address, uint64_t time)
{
	size_t i = first_above(p, address);
	struct mapping *m = i < p->mappings.n && p->mappings.v[i].start <= address ? &p->mappings.v[i] : NULL;

	if (m && m->since <= time)
		return m;
	return in_replaced(p, address, time);
}

static void check_exits(struct process_table *t, uint64_t now)
{
	struct proc_stat stat;

	for (size_t i = 0; i < t->to_check.n; i++) {
		int32_t pid = t->to_check.v[i];
		struct process *p = running(t, pid);

		find_entry(t, pid)->check = false;
		if (!p)
			continue;
		/* A main thread that ended first is a zombie while its threads run on; one thread left, and it is really dead. */
		if (proc_read_stat(pid, &stat) || (p->start_tick && stat.start_tick != p->start_tick) ||
		    (stat.state == 'Z' && stat.threads <= 1) || stat.state == 'X')
			end_process(t, p, now);
	}
	t->to_check.n = 0;
}

static void expire_pid(struct process_table *t, struct pid_entry *e, uint64_t time, bool *left)
{
	size_t kept = 0;

	for (size_t i = 0; i < e->incarnations.n; i++) {
		struct process *p = e->incarnations.v[i];
		size_t n = 0;

		if (p->died < time) {
			free_process(t, p);
			continue;
		}
		*left |= p->died != NEVER;
		for (size_t j = 0; j < p->replaced.n; j++) {
			if (p->replaced.v[j].until < time)
				release(t, &p->replaced.v[j]);
			else
				p->replaced.v[n++] = p->replaced.v[j];
		}
		p->replaced.n = n;
		*left |= n;
		e->incarnations.v[kept++] = p;
	}
	e->incarnations.n = kept;
	if (!kept)
		vec_free(&e->incarnations);
}

void process_table_expire(struct process_table *t, uint64_t time)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->ended.n; i++) {
		bool left = false;

		expire_pid(t, find_entry(t, t->ended.v[i]), time, &left);
		if (left)
			t->ended.v[kept++] = t->ended.v[i];
	}
	t->ended.n = kept;
	check_exits(t, clock_ns(CLOCK_MONOTONIC));
}
