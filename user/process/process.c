// SPDX-License-Identifier: Apache-2.0
#include "process/process.h"

#include "base/clock.h"
#include "base/table.h"
#include "base/text.h"
#include "process/mappings.h"
#include "process/proc.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NEVER UINT64_MAX

/* From a task's EXIT record until /proc shows that it ended; a preempted one takes its time. */
#define EXIT_SETTLES_NS NS_PER_SEC
/* munmap() has no record: after so many mappings, and at least as many as are left, /proc is asked which of them are. */
#define MAPPINGS_CHECKED 4096
/* So many pids without a process are kept before their entries are given back. */
#define VACANT_MAX 1024

/* All incarnations that one pid had and that are not expired, ascending by birth. */
struct pid_entry {
	int32_t pid;
	bool ended;      /* listed in `ended` */
	uint64_t exited; /* listed in `exits`: when the last of its threads did so; else 0 */
	VEC(struct process *) incarnations;
};

struct process_table {
	struct process_hooks hooks;
	void (*on_change)(void *ctx, int32_t pid);
	void *on_change_ctx;
	VEC(struct pid_entry) entries;
	struct table by_pid;
	size_t vacant;        /* entries without incarnations */
	size_t count;         /* incarnations */
	VEC(int32_t) exits;   /* pids that may have ended */
	VEC(int32_t) ended;   /* pids with something to expire */
	uint64_t next_serial;
	uint64_t scans;
	uint64_t told; /* process_table_told() */
};

static bool same_pid(const void *ctx, uint32_t id, const void *key)
{
	const struct process_table *t = ctx;

	return t->entries.v[id].pid == *(const int32_t *)key;
}

static struct pid_entry *find_entry(const struct process_table *t, int32_t pid)
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
	t->vacant++;
	e = vec_push(&t->entries);
	*e = (struct pid_entry){.pid = pid};
	return e;
}

static struct process *newest(const struct pid_entry *e)
{
	return e && e->incarnations.n ? e->incarnations.v[e->incarnations.n - 1] : NULL;
}

static struct process *running(const struct process_table *t, int32_t pid)
{
	struct process *p = newest(find_entry(t, pid));

	return p && p->died == NEVER ? p : NULL;
}

struct process *process_table_running(const struct process_table *t, int32_t pid)
{
	return running(t, pid);
}

void process_table_each(const struct process_table *t, void (*fn)(void *ctx, struct process *p), void *ctx)
{
	for (size_t i = 0; i < t->entries.n; i++) {
		struct process *p = newest(&t->entries.v[i]);

		if (p && p->died == NEVER)
			fn(ctx, p);
	}
}

void process_table_on_change(struct process_table *t, void (*fn)(void *ctx, int32_t pid), void *ctx)
{
	t->on_change = fn;
	t->on_change_ctx = ctx;
}

static void changed(struct process_table *t, int32_t pid)
{
	if (t->on_change)
		t->on_change(t->on_change_ctx, pid);
}

/* The newest incarnation that was born by `time`; it may have died since. */
static struct process *born_by(const struct process_table *t, int32_t pid, uint64_t time)
{
	struct pid_entry *e = find_entry(t, pid);

	for (size_t i = e ? e->incarnations.n : 0; i--;)
		if (e->incarnations.v[i]->born <= time)
			return e->incarnations.v[i];
	return NULL;
}

static void list_ended(struct process_table *t, int32_t pid)
{
	struct pid_entry *e = get_entry(t, pid);

	if (!e->ended)
		*vec_push(&t->ended) = pid;
	e->ended = true;
}

static void list_exit(struct process_table *t, int32_t pid, uint64_t time)
{
	struct pid_entry *e = find_entry(t, pid);

	if (!e)
		return;
	if (!e->exited)
		*vec_push(&t->exits) = pid;
	e->exited = time;
}

static void end_process(struct process_table *t, struct process *p, uint64_t time)
{
	p->died = time;
	list_ended(t, p->pid);
	changed(t, p->pid);
}

/*
 * A new incarnation from `time` on. One that ran under this pid has ended then without our being told, and what it mapped
 * since then was this one's.
 */
static struct process *begin_process(struct process_table *t, int32_t pid, uint64_t time)
{
	struct pid_entry *e = get_entry(t, pid);
	struct process *p = xcalloc(1, sizeof(*p)), *before, *after;
	size_t i = e->incarnations.n;

	while (i && e->incarnations.v[i - 1]->born > time)
		i--;
	before = i ? e->incarnations.v[i - 1] : NULL;
	after = i < e->incarnations.n ? e->incarnations.v[i] : NULL;
	p->pid = pid;
	p->serial = ++t->next_serial;
	p->born = time;
	p->died = after ? after->born : NEVER;
	t->vacant -= !e->incarnations.n;
	t->count++;
	vec_reserve(&e->incarnations, 1);
	memmove(e->incarnations.v + i + 1, e->incarnations.v + i, (e->incarnations.n - i) * sizeof(p));
	e->incarnations.v[i] = p;
	e->incarnations.n++;
	if (after)
		list_ended(t, pid);
	/* Unless it turns out to be a fork: the same pid without one is the next program of the same task. */
	if (before && before->exec_id)
		p->exec_id = before->exec_id + (time > before->exec_read);
	if (before && before->died > time) {
		mappings_take(p, before, time);
		end_process(t, before, time);
	}
	return p;
}

/* A process that an event speaks of before its birth was told. It was there before us, or its records come late or never. */
static struct process *assume_process(struct process_table *t, int32_t pid, uint64_t time)
{
	struct process *p = begin_process(t, pid, newest(find_entry(t, pid)) ? time : 0);

	p->assumed = time;
	list_exit(t, pid, time); /* nor may its end ever be told */
	return p;
}

/* Who the event is about. NULL for one that is older than all we know. */
static struct process *whose(struct process_table *t, const struct process_event *e)
{
	struct process *p = born_by(t, e->pid, e->time);

	if (p && (p->died == NEVER || e->time < p->died))
		return p;
	if (!p && newest(find_entry(t, e->pid)))
		return NULL;
	return assume_process(t, e->pid, e->time);
}

static void on_mmap(struct process_table *t, const struct process_event *e)
{
	struct process *p = whose(t, e);
	struct mapping like = {
		.start = e->mmap.start,
		.end = e->mmap.end,
		.offset = e->mmap.offset,
		.id = e->mmap.id,
		.path = (char *)(strcmp(e->mmap.path, "//anon") ? e->mmap.path : ""),
	};

	if (!p)
		return;
	/* execve() maps the program first, before its interpreter and libraries. */
	if (e->mmap.executable && !p->exe && p->born && like.path[0] == '/')
		p->exe = proc_program_path(like.path, strlen(like.path));
	if (e->mmap.executable)
		mappings_add(&t->hooks, p, &like, e->time);
	else
		mappings_cut(&t->hooks, p, like.start, like.end, e->time);
	if (p->replaced.n)
		list_ended(t, p->pid);
	changed(t, p->pid);
	if (++p->unchecked >= MAPPINGS_CHECKED && p->unchecked > p->mappings.n / 2 && p == running(t, p->pid)) {
		p->unchecked = 0;
		process_table_scan(t, p->pid);
	}
}

static void on_exec(struct process_table *t, const struct process_event *e)
{
	struct process *old = born_by(t, e->pid, e->time), *p;

	if (old && old->assumed >= e->time) { /* what made us assume it came after this exec, from another CPU */
		old->born = e->time;
		old->assumed = 0;
		p = old;
	} else {
		p = begin_process(t, e->pid, e->time);
		if (old && old->died == e->time)
			p->start_tick = old->start_tick;
	}
	if (!p->comm[0])
		memcpy(p->comm, e->comm.comm, sizeof(p->comm));
	changed(t, p->pid);
}

static void on_comm(struct process_table *t, const struct process_event *e)
{
	struct process *p;

	/* After an exec the thread that called it is the main thread. */
	if (e->comm.exec) {
		on_exec(t, e);
	} else if (e->tid == e->pid) {
		p = whose(t, e);
		if (p)
			memcpy(p->comm, e->comm.comm, sizeof(p->comm));
	}
}

static void on_fork(struct process_table *t, const struct process_event *e)
{
	struct process *parent, *p;

	if (e->pid == e->fork.parent_pid)
		return; /* a thread */
	p = born_by(t, e->pid, e->time);
	if (p && p->assumed >= e->time) {
		p->born = e->time;
		p->assumed = 0;
	} else {
		p = begin_process(t, e->pid, e->time);
	}
	parent = born_by(t, e->fork.parent_pid, e->time);
	p->exec_id = parent ? parent->exec_id : 0;
	changed(t, p->pid);
	if (!parent || parent == p)
		return;
	if (!p->comm[0])
		memcpy(p->comm, parent->comm, sizeof(p->comm));
	if (!p->exe && parent->exe)
		p->exe = xstrdup(parent->exe);
	mappings_fork(&t->hooks, p, parent, e->time);
}

void process_table_apply(struct process_table *t, const struct process_event *e)
{
	if (e->pid <= 0)
		return; /* in no pid namespace of ours */
	switch (e->kind) {
	case EVENT_MMAP:
		on_mmap(t, e);
		break;
	case EVENT_COMM:
		on_comm(t, e);
		break;
	case EVENT_FORK:
		on_fork(t, e);
		break;
	case EVENT_EXIT:
		list_exit(t, e->pid, e->time);
		break;
	case EVENT_CGROUP:
	case EVENT_KSYMBOL:
	case EVENT_LOST:
		break;
	}
}

void process_table_told(struct process_table *t, uint64_t time)
{
	t->told = time;
}

struct process_table *process_table_new(const struct process_hooks *hooks)
{
	struct process_table *t = xcalloc(1, sizeof(*t));

	t->hooks = *hooks;
	return t;
}

static void free_process(struct process_table *t, struct process *p)
{
	if (t->hooks.forgotten)
		t->hooks.forgotten(t->hooks.ctx, p);
	mappings_free(&t->hooks, p);
	free(p->exe);
	free(p);
	t->count--;
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
	vec_free(&t->exits);
	vec_free(&t->ended);
	table_free(&t->by_pid);
	free(t);
}

struct scan {
	struct process_table *t;
	struct process *p;
	uint64_t now;
};

static void scan_mapping(void *ctx, const struct proc_mapping *line)
{
	struct scan *s = ctx;
	struct mapping *m, like = {
		.start = line->start,
		.end = line->end,
		.offset = line->offset,
		.id = line->id,
		.path = (char *)line->path,
	};
	/* Since when it is there nobody can tell: for all samples of this incarnation, unless something else was there too. */
	uint64_t since = mappings_known(s->p, line->start, line->end) ? s->now : s->p->born;

	m = mappings_add(&s->t->hooks, s->p, &like, since);
	if (m)
		m->scan = s->t->scans;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int process_table_scan(struct process_table *t, int32_t pid)
{
	struct scan s = {t, running(t, pid), clock_ns(CLOCK_MONOTONIC)};
	auto_free char *exe = NULL;
	struct proc_stat stat;
	int ret = proc_read_stat(pid, &stat);

	if (!ret && proc_ended(&stat))
		ret = -ESRCH;
	if (ret)
		return ret;
	if (s.p && s.p->start_tick && s.p->start_tick != stat.start_tick)
		s.p = NULL; /* the pid is another process's now */
	exe = stat.kernel ? NULL : proc_read_exe(pid);
	if (s.p && s.p->exe && exe && strcmp(base_name(s.p->exe), base_name(exe)))
		s.p = NULL; /* another program: its exec was not told */
	if (!s.p)
		s.p = begin_process(t, pid, newest(find_entry(t, pid)) ? s.now : 0);
	s.p->start_tick = stat.start_tick;
	if (!stat.kernel)
		memcpy(s.p->comm, stat.comm, sizeof(s.p->comm));
	if (!s.p->exe)
		s.p->exe = steal_ptr(exe);
	t->scans++;
	ret = proc_read_maps(pid, scan_mapping, &s);
	if (ret > 0)
		mappings_prune(&t->hooks, s.p, t->scans, s.now);
	mappings_doubt(s.p, s.now, t->told);
	if (s.p->replaced.n)
		list_ended(t, pid);
	changed(t, pid);
	return ret < 0 ? ret : 0;
}

void process_table_set_exec_id(struct process_table *t, int32_t pid, uint64_t start_ns, uint64_t exec_id, uint64_t time)
{
	struct process *p = running(t, pid);

	if (!p || (p->start_tick && p->start_tick != start_ns / PROC_TICK_NS) || p->born > time)
		return;
	p->exec_id = exec_id;
	p->exec_read = time;
	changed(t, pid);
}

/* Is `p`, which runs as far as we know, gone? */
static bool has_ended(const struct process *p)
{
	struct proc_stat stat;
	int ret = proc_read_stat(p->pid, &stat);

	if (ret)
		return ret == -ESRCH; /* and not when we are out of descriptors */
	return proc_ended(&stat) || (p->start_tick && stat.start_tick != p->start_tick);
}

/* Marks what the side-band would have told: who runs no more. */
static void end_vanished(struct process_table *t, uint64_t now)
{
	for (size_t i = 0; i < t->entries.n; i++) {
		struct process *p = running(t, t->entries.v[i].pid);

		if (p && has_ended(p))
			end_process(t, p, now);
	}
}

int process_table_scan_all(struct process_table *t, uint64_t now, struct error *err)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;
	uint64_t pid;

	if (!dir)
		return error_set(err, -errno, "cannot read /proc: %s", strerror(errno));
	while ((d = readdir(dir)))
		if (!text_u64(d->d_name, &pid) && pid && pid <= INT32_MAX)
			process_table_scan(t, pid); /* gone meanwhile: fine */
	closedir(dir);
	end_vanished(t, now);
	return 0;
}

/* The incarnation that was sampled at `time`. A tail of a process's exit is sampled after the exit was told. */
static struct process *known(const struct process_table *t, int32_t pid, uint64_t tick, uint64_t time)
{
	struct pid_entry *e = find_entry(t, pid);
	struct process *p;

	for (size_t i = e ? e->incarnations.n : 0; i--;) {
		p = e->incarnations.v[i];
		if (p->born <= time && (!tick || !p->start_tick || p->start_tick == tick))
			return p;
	}
	/* Found in /proc when it had run for a while: its birth is not known, its start is. */
	for (size_t i = 0; tick && e && i < e->incarnations.n; i++)
		if (e->incarnations.v[i]->start_tick == tick)
			return e->incarnations.v[i];
	return NULL;
}

struct process *process_table_find(struct process_table *t, int32_t pid, uint64_t start_ns, uint64_t time)
{
	uint64_t tick = start_ns / PROC_TICK_NS, have;
	struct process *p = known(t, pid, tick, time);

	if (p) {
		if (!p->start_tick)
			p->start_tick = tick;
		return p;
	}
	/* Never told of: it was there before us, or its side-band records were lost. */
	if (tick && (proc_start_tick(pid, &have) || have != tick))
		return NULL;
	if (process_table_scan(t, pid))
		return NULL;
	list_exit(t, pid, clock_ns(CLOCK_MONOTONIC)); /* its end may have been told before */
	return known(t, pid, tick, tick ? time : NEVER);
}

const struct process *process_table_before(const struct process_table *t, const struct process *p)
{
	const struct pid_entry *e = find_entry(t, p->pid);

	for (size_t i = e ? e->incarnations.n : 0; i-- > 1;)
		if (e->incarnations.v[i] == p)
			return e->incarnations.v[i - 1];
	return NULL;
}

static void check_exits(struct process_table *t, uint64_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->exits.n; i++) {
		int32_t pid = t->exits.v[i];
		struct pid_entry *e = find_entry(t, pid);
		struct process *p = running(t, pid);

		if (p && has_ended(p)) {
			end_process(t, p, now);
			p = NULL;
		}
		if (p && now < e->exited + EXIT_SETTLES_NS)
			t->exits.v[kept++] = pid;
		else
			e->exited = 0;
	}
	t->exits.n = kept;
}

/* Returns whether something is left that will have to be expired. */
static bool expire_pid(struct process_table *t, struct pid_entry *e, uint64_t time)
{
	size_t kept = 0;
	bool left = false;

	for (size_t i = 0; i < e->incarnations.n; i++) {
		struct process *p = e->incarnations.v[i];

		if (p->died < time) {
			free_process(t, p);
			continue;
		}
		left |= mappings_expire(&t->hooks, p, time) || p->died != NEVER;
		e->incarnations.v[kept++] = p;
	}
	t->vacant += e->incarnations.n && !kept;
	e->incarnations.n = kept;
	if (!kept)
		vec_free(&e->incarnations);
	return left;
}

/* The hash table has no removal: it is built anew when half of the pids in it are history. */
static void forget_vacant(struct process_table *t)
{
	size_t kept = 0;

	if (t->vacant <= VACANT_MAX || t->vacant <= t->entries.n / 2)
		return;
	table_free(&t->by_pid);
	for (size_t i = 0; i < t->entries.n; i++) {
		struct pid_entry e = t->entries.v[i];

		if (!e.incarnations.n && !e.ended && !e.exited)
			continue;
		table_add(&t->by_pid, hash_mix(0, (uint32_t)e.pid), kept);
		t->entries.v[kept++] = e;
	}
	t->vacant -= t->entries.n - kept;
	t->entries.n = kept;
}

void process_table_expire(struct process_table *t, uint64_t time)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->ended.n; i++) {
		struct pid_entry *e = find_entry(t, t->ended.v[i]);

		e->ended = expire_pid(t, e, time);
		if (e->ended)
			t->ended.v[kept++] = e->pid;
	}
	t->ended.n = kept;
	check_exits(t, clock_ns(CLOCK_MONOTONIC));
	forget_vacant(t);
}

uint64_t process_identity(uint16_t boot, uint64_t start_ns, uint64_t exec_id)
{
	uint64_t tick = start_ns / PROC_TICK_NS;

	return (uint64_t)(boot & 0x7fff) << 48 | (tick & 0xfffffffff) << 12 | (exec_id & 0xfff);
}

size_t process_table_count(const struct process_table *t)
{
	return t->count;
}
