// SPDX-License-Identifier: Apache-2.0
#include "symbolize/jit.h"

#include "base/clock.h"
#include "process/proc.h"
#include "symbolize/foreign.h"
#include "symbolize/jitdump.h"
#include "symbolize/perf_map.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PROCESSES_MAX 2048		    /* that are watched; and a quarter of the descriptors we may have */
#define NAMES_BYTES_MAX (64u << 20)	    /* of all processes */
#define BACKLOG_MAX (64u << 20)		    /* of a map that was not read yet: beyond, its latest part is read */
#define READ_BYTES_MAX (128u << 20)	    /* at once, of all files together */
#define READ_BYTES_PER_SECOND (16u << 20) /* and in the long run */
#define CHUNK_BYTES (64u << 10)
#define EDGE_BYTES 64 /* that show whether what was read before is still the beginning of the file */
#define DUMP_PAST_NS (60 * NS_PER_SEC) /* longer than any sample waits to be drained */
#define STALE_SLACK_NS (2 * NS_PER_SEC) /* between the clock of file times and the one of process starts */

/* A file that is read as it grows. */
struct growing {
	int fd; /* -1: none yet */
	struct stat st; /* when it was looked at last */
	uint64_t offset; /* read up to here */
	char head[EDGE_BYTES], tail[EDGE_BYTES]; /* the first bytes, and the last ones before `offset` */
	size_t head_n, tail_n;
};

struct jit {
	uint64_t serial; /* of the process */
	int32_t pid;
	uint64_t start_tick; /* of whom the files are */
	struct proc_ids ids;
	int tmp; /* O_PATH: its /tmp; -1: not found yet */
	uint64_t refreshed; /* up to this time, what the files tell is known */
	bool new;     /* nobody has looked for its files */
	bool refused; /* counted already */
	struct growing map_file, dump_file;
	bool cut; /* the next bytes of the map are not the start of a line */
	struct perf_map map;
	struct jitdump dump;
	struct code_map map_code, dump_code;
};

struct jits {
	VEC(struct jit *) by_serial; /* ascending */
	struct jit_counts counts;    /* of those that are gone */
	size_t bytes;
	uint64_t budget, budget_time;
	char chunk[CHUNK_BYTES];
};

struct jits *jits_new(void)
{
	struct jits *all = xcalloc(1, sizeof(*all));

	all->budget = READ_BYTES_MAX;
	return all;
}

static size_t bytes_of(const struct jit *j)
{
	return code_map_bytes(&j->map_code) + code_map_bytes(&j->dump_code);
}

static void let_go(struct growing *g)
{
	if (g->fd >= 0)
		close(g->fd);
	*g = (struct growing){.fd = -1};
}

static void add_counts(struct jit_counts *to, const struct jit *j)
{
	to->dropped += j->map_code.dropped + j->dump_code.dropped;
	to->damaged += j->map.bad_lines + j->dump.damaged;
}

static void free_jit(struct jits *all, struct jit *j)
{
	add_counts(&all->counts, j);
	all->bytes -= bytes_of(j);
	let_go(&j->map_file);
	let_go(&j->dump_file);
	if (j->tmp >= 0)
		close(j->tmp);
	code_map_free(&j->map_code);
	code_map_free(&j->dump_code);
	free(j);
}

void jits_free(struct jits *all)
{
	if (!all)
		return;
	for (size_t i = 0; i < all->by_serial.n; i++)
		free_jit(all, all->by_serial.v[i]);
	vec_free(&all->by_serial);
	free(all);
}

/* Index of the process, or of the place where it belongs. */
static size_t place_of(const struct jits *all, uint64_t serial)
{
	size_t low = 0, high = all->by_serial.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (all->by_serial.v[middle]->serial < serial)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct jit *find(const struct jits *all, const struct process *p)
{
	size_t i = place_of(all, p->serial);

	return i < all->by_serial.n && all->by_serial.v[i]->serial == p->serial ? all->by_serial.v[i] : NULL;
}

static bool may_watch(const struct jits *all)
{
	struct rlimit files;

	return all->by_serial.n < PROCESSES_MAX && !getrlimit(RLIMIT_NOFILE, &files) && 3 * all->by_serial.n < files.rlim_cur / 4;
}

static struct jit *get(struct jits *all, const struct process *p)
{
	struct jit *j = find(all, p);
	size_t i = place_of(all, p->serial);

	if (j)
		return j;
	if (!may_watch(all)) {
		all->counts.unwatched++;
		return NULL;
	}
	j = xcalloc(1, sizeof(*j));
	j->serial = p->serial;
	j->pid = p->pid;
	j->new = true;
	j->tmp = j->map_file.fd = j->dump_file.fd = -1;
	vec_reserve(&all->by_serial, 1);
	memmove(all->by_serial.v + i + 1, all->by_serial.v + i, (all->by_serial.n - i) * sizeof(j));
	all->by_serial.v[i] = j;
	all->by_serial.n++;
	return j;
}

void jits_forget(struct jits *all, const struct process *p)
{
	size_t i = place_of(all, p->serial);

	if (!find(all, p))
		return;
	free_jit(all, all->by_serial.v[i]);
	all->by_serial.n--;
	memmove(all->by_serial.v + i, all->by_serial.v + i + 1, (all->by_serial.n - i) * sizeof(*all->by_serial.v));
}

/* Holds on to the process's /tmp, while there is a process. */
static void pin(struct jit *j, const struct process *p)
{
	char root[32];
	int tmp;

	if (j->tmp >= 0)
		return;
	snprintf(root, sizeof(root), "/proc/%d/root", j->pid);
	tmp = foreign_find_dir(root, "tmp");
	if (tmp < 0)
		return;
	/* Asked last: if it is the right process now, it was then. */
	if (!foreign_is_prompt(tmp, j->pid) || proc_read_ids(j->pid, &j->ids) || proc_start_tick(j->pid, &j->start_tick) ||
	    (p->start_tick && p->start_tick != j->start_tick)) {
		close(tmp);
		return;
	}
	j->tmp = tmp;
}

/* When the process started, by the clock that files have. */
static uint64_t start_time(const struct jit *j)
{
	uint64_t age = clock_ns(CLOCK_BOOTTIME) - j->start_tick * PROC_TICK_NS, now = clock_ns(CLOCK_REALTIME);

	return now > age ? now - age : 0;
}

/*
 * May it be believed? Of the process's user (as it is now: it may have changed) or root, with one name only; a map that was there
 * before the process is of another one with that pid.
 */
static bool is_trusted(struct jit *j, const struct stat *st)
{
	uint64_t modified = st->st_mtim.tv_sec * NS_PER_SEC + st->st_mtim.tv_nsec;
	struct proc_ids now;

	if (st->st_nlink > 1 || modified + STALE_SLACK_NS < start_time(j))
		return false;
	if (!st->st_uid || st->st_uid == j->ids.uid)
		return true;
	return !proc_read_ids(j->pid, &now) && now.inner_pid == j->ids.inner_pid && st->st_uid == now.uid;
}

static void refuse(struct jits *all, struct jit *j)
{
	all->counts.refused += !j->refused;
	j->refused = true;
}

/* Takes the file over, to be read from its beginning. */
static void begin(struct growing *g, int path_fd, const struct stat *st)
{
	let_go(g);
	g->fd = foreign_open(path_fd);
	g->st = *st;
	if (g->fd < 0)
		g->fd = -1;
}

static void restart_map(struct jit *j)
{
	j->map_file.offset = j->map_file.head_n = j->map_file.tail_n = 0;
	perf_map_restart(&j->map);
	code_map_free(&j->map_code);
	j->cut = false;
}

/* The map at its path, if that is another file than before. While there is none, the one that was read is the best there is. */
static void look_for_map(struct jits *all, struct jit *j)
{
	char name[40];
	struct stat st;
	int fd;

	snprintf(name, sizeof(name), "perf-%d.map", j->ids.inner_pid);
	fd = foreign_find_in(j->tmp, name, &st);
	if (fd < 0 && fd != -ENOENT)
		refuse(all, j);
	if (fd < 0)
		return;
	if (j->map_file.fd < 0 || st.st_dev != j->map_file.st.st_dev || st.st_ino != j->map_file.st.st_ino) {
		if (is_trusted(j, &st)) {
			begin(&j->map_file, fd, &st);
			restart_map(j);
		} else {
			refuse(all, j);
		}
	}
	close(fd);
}

/* Reads n bytes at `offset`; false when there are fewer. */
static bool read_at(int fd, void *to, size_t n, uint64_t offset)
{
	ssize_t got;

	while ((got = pread(fd, to, n, offset)) < 0 && errno == EINTR)
		;
	return got == (ssize_t)n;
}

/* Is what was read before still the beginning of the file? */
static bool is_continued(const struct growing *g)
{
	char edge[EDGE_BYTES];

	return (uint64_t)g->st.st_size >= g->offset && read_at(g->fd, edge, g->head_n, 0) && !memcmp(edge, g->head, g->head_n) &&
	       read_at(g->fd, edge, g->tail_n, g->offset - g->tail_n) && !memcmp(edge, g->tail, g->tail_n);
}

static void remember_edges(struct growing *g)
{
	g->head_n = g->tail_n = g->offset < EDGE_BYTES ? g->offset : EDGE_BYTES;
	if (!read_at(g->fd, g->head, g->head_n, 0) || !read_at(g->fd, g->tail, g->tail_n, g->offset - g->tail_n))
		g->head_n = g->tail_n = 0;
}

/* Looks at the file anew. False when nothing has been written to it since. */
static bool has_changed(struct growing *g)
{
	struct stat st;
	bool same;

	if (g->fd < 0 || fstat(g->fd, &st))
		return false;
	same = st.st_size == g->st.st_size && st.st_mtim.tv_sec == g->st.st_mtim.tv_sec && st.st_mtim.tv_nsec == g->st.st_mtim.tv_nsec;
	g->st = st;
	return !same || (uint64_t)st.st_size != g->offset;
}

/* How much of n bytes may be read now. */
static uint64_t spend(struct jits *all, uint64_t n)
{
	if (n > all->budget)
		n = all->budget;
	all->budget -= n;
	return n;
}

static void refill(struct jits *all, uint64_t now)
{
	uint64_t more = (now - all->budget_time) / (NS_PER_SEC / READ_BYTES_PER_SECOND);

	all->budget = more < READ_BYTES_MAX - all->budget ? all->budget + more : READ_BYTES_MAX;
	all->budget_time = now;
}

/* The next bytes of the file into all->chunk; 0 at its end, or when enough has been read. */
static size_t read_chunk(struct jits *all, const struct growing *g)
{
	uint64_t left = (uint64_t)g->st.st_size > g->offset ? g->st.st_size - g->offset : 0;
	ssize_t got;

	left = spend(all, left < CHUNK_BYTES ? left : CHUNK_BYTES);
	if (!left)
		return 0;
	got = pread(g->fd, all->chunk, left, g->offset);
	return got > 0 ? got : 0;
}

static void read_map(struct jits *all, struct jit *j)
{
	struct growing *g = &j->map_file;
	size_t n;

	if (!has_changed(g))
		return;
	if (!is_continued(g))
		restart_map(j);
	if (g->st.st_size - g->offset > BACKLOG_MAX) {
		all->counts.skipped += g->st.st_size - g->offset - BACKLOG_MAX;
		g->offset = g->st.st_size - BACKLOG_MAX;
		perf_map_restart(&j->map);
		j->cut = true;
	}
	while ((n = read_chunk(all, g))) {
		const char *from = all->chunk, *newline = j->cut ? memchr(from, '\n', n) : NULL;

		g->offset += n;
		if (newline || !j->cut)
			perf_map_feed(&j->map, &j->map_code, newline ? newline + 1 : from, newline ? from + n - newline - 1 : n);
		j->cut = j->cut && !newline;
	}
	remember_edges(g);
}

static void read_dump(struct jits *all, struct jit *j)
{
	struct growing *g = &j->dump_file;
	uint64_t done;
	size_t n;

	if (!has_changed(g))
		return;
	if (!is_continued(g)) {
		g->offset = 0;
		j->dump = (struct jitdump){0};
		code_map_free(&j->dump_code);
	}
	while (!j->dump.ended && (n = read_chunk(all, g))) {
		done = jitdump_feed(&j->dump, &j->dump_code, (uint8_t *)all->chunk, n, g->st.st_size - g->offset);
		if (!done)
			break;
		g->offset += done;
	}
	remember_edges(g);
}

static void keep_bounds(struct jits *all, struct jit *j, size_t before)
{
	all->bytes += bytes_of(j) - before;
	if (all->bytes <= NAMES_BYTES_MAX)
		return;
	before = bytes_of(j);
	j->map_code.dropped += j->map_code.ranges.n + j->map_code.recent.n;
	j->dump_code.dropped += j->dump_code.ranges.n + j->dump_code.recent.n;
	code_map_free(&j->map_code);
	code_map_free(&j->dump_code);
	all->bytes -= before;
}

/* Reads on, unless that was done after `time`. */
static void refresh(struct jits *all, struct jit *j, const struct process *p, uint64_t time)
{
	uint64_t now;
	size_t before = bytes_of(j);

	if (time <= j->refreshed)
		return;
	now = clock_ns(CLOCK_MONOTONIC);
	j->refreshed = now > time ? now : time;
	refill(all, now);
	pin(j, p);
	if (j->tmp >= 0) {
		look_for_map(all, j);
		read_map(all, j);
	}
	if (now > DUMP_PAST_NS)
		code_map_expire(&j->dump_code, now - DUMP_PAST_NS);
	read_dump(all, j);
	keep_bounds(all, j, before);
}

bool jit_is_dump(const struct mapping *m)
{
	const char *name = strrchr(m->path, '/');
	size_t digits;

	if (!name || strncmp(name, "/jit-", 5))
		return false;
	digits = strspn(name + 5, "0123456789");
	return digits && (!strcmp(name + 5 + digits, ".dump") || !strcmp(name + 5 + digits, ".dump (deleted)"));
}

/* The file behind the mapping itself, whatever is at its path now. */
static void watch_dump(struct jits *all, struct jit *j, const struct mapping *m)
{
	char link[96];
	struct stat st;
	int fd;

	snprintf(link, sizeof(link), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, j->pid, m->start, m->end);
	fd = foreign_find_link(link, &st);
	if (fd < 0)
		return;
	if (j->tmp >= 0 && (!st.st_uid || st.st_uid == j->ids.uid) && foreign_is_prompt(fd, j->pid)) {
		begin(&j->dump_file, fd, &st);
		j->dump = (struct jitdump){0};
	} else {
		refuse(all, j);
	}
	close(fd);
}

void jits_watch(struct jits *all, const struct process *p, const struct mapping *m)
{
	struct jit *j = get(all, p);

	if (!j)
		return;
	if (j->new || jit_is_dump(m))
		pin(j, p);
	j->new = false;
	if (jit_is_dump(m))
		watch_dump(all, j, m);
}

const char *jits_find(struct jits *all, const struct process *p, uint64_t address, uint64_t time)
{
	struct jit *j = get(all, p);
	const struct code_map *code;
	const struct code_range *r;

	if (!j)
		return NULL;
	refresh(all, j, p, time);
	if (p->start_tick && j->start_tick && p->start_tick != j->start_tick)
		return NULL; /* the pid was another process's when its files were looked for */
	code = &j->dump_code;
	r = code_map_find(code, address, time);
	if (!r) {
		code = &j->map_code;
		r = code_map_find(code, address, time);
	}
	return r ? code->names.v + r->name : NULL;
}

void jits_counts(const struct jits *all, struct jit_counts *ret)
{
	*ret = all->counts;
	for (size_t i = 0; i < all->by_serial.n; i++)
		add_counts(ret, all->by_serial.v[i]);
}

size_t jits_bytes(const struct jits *all)
{
	return all->bytes;
}
