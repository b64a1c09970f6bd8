// SPDX-License-Identifier: Apache-2.0
/*
 * The process table, fed with scripted events about pids that cannot exist (above any pid_max), so that /proc never answers
 * for them; then with live processes of our own, where it does.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "process/proc.h"
#include "process/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define A 2000000001 /* pids; pid_max is 2^22 at most */
#define B 2000000002
#define C 2000000003
#define LATER 1000000 /* a time after all scripted events */

/* The hooks count references as a symbolizer would: an "image" is a counter. */
static long images, mapped_calls;

static void on_mapped(void *ctx, const struct process *p, struct mapping *m)
{
	m->image = calloc(1, sizeof(int));
	*(int *)m->image = 1;
	images++;
	mapped_calls++;
}

static void on_shared(void *ctx, struct mapping *m)
{
	++*(int *)m->image;
}

static void on_unmapped(void *ctx, struct mapping *m)
{
	assert_true(*(int *)m->image > 0);
	if (!--*(int *)m->image) {
		free(m->image);
		images--;
	}
}

static int set_up(void **state)
{
	struct process_hooks hooks = {.mapped = on_mapped, .shared = on_shared, .unmapped = on_unmapped};

	images = mapped_calls = 0;
	*state = process_table_new(&hooks);
	return 0;
}

/* Every image that was taken is given back. */
static int tear_down(void **state)
{
	process_table_free(*state);
	return images != 0;
}

static struct process_event event; /* large; one is enough */

static void mmap_at(struct process_table *t, uint64_t time, int32_t pid, uint64_t start, uint64_t end, const char *path)
{
	event = (struct process_event){.kind = EVENT_MMAP, .time = time, .pid = pid, .tid = pid};
	event.mmap.start = start;
	event.mmap.end = end;
	event.mmap.executable = path != NULL;
	snprintf(event.mmap.path, sizeof(event.mmap.path), "%s", path ? path : "//anon");
	process_table_apply(t, &event);
}

static void comm_at(struct process_table *t, uint64_t time, int32_t pid, int32_t tid, const char *comm, bool exec)
{
	event = (struct process_event){.kind = EVENT_COMM, .time = time, .pid = pid, .tid = tid};
	event.comm.exec = exec;
	snprintf(event.comm.comm, sizeof(event.comm.comm), "%s", comm);
	process_table_apply(t, &event);
}

static void exec_at(struct process_table *t, uint64_t time, int32_t pid, const char *comm)
{
	comm_at(t, time, pid, pid, comm, true);
}

static void fork_at(struct process_table *t, uint64_t time, int32_t parent, int32_t pid)
{
	event = (struct process_event){.kind = EVENT_FORK, .time = time, .pid = pid, .tid = pid};
	event.fork.parent_pid = event.fork.parent_tid = parent;
	process_table_apply(t, &event);
}

static void exit_at(struct process_table *t, uint64_t time, int32_t pid, int32_t tid)
{
	event = (struct process_event){.kind = EVENT_EXIT, .time = time, .pid = pid, .tid = tid};
	process_table_apply(t, &event);
}

/* What a sample of `pid` at `time` and `address` would be called: "COMM PATH+0xOFFSET". */
static const char *sampled(struct process_table *t, int32_t pid, uint64_t time, uint64_t address)
{
	static char text[256];
	struct process *p = process_table_find(t, pid, 0, time);
	struct mapping *m = p ? process_mapping(p, address, time) : NULL;

	if (!p)
		return "nobody";
	if (!m)
		snprintf(text, sizeof(text), "%s ?", p->comm);
	else
		snprintf(text, sizeof(text), "%s %s+0x%" PRIx64, p->comm, m->path, address - m->start + m->offset);
	return text;
}

#define expect(t, pid, time, address, text) assert_string_equal(sampled(t, pid, time, address), text)

/* What the kernel tells of `sh` (pid A, started at 10) that forks `ls` (pid B, at 20, exec at 30). */
static void shell_and_child(struct process_table *t)
{
	exec_at(t, 10, A, "sh");
	mmap_at(t, 11, A, 0x1000, 0x3000, "/bin/sh");
	mmap_at(t, 12, A, 0x8000, 0x9000, "/lib/libc.so");
	fork_at(t, 20, A, B);
	exec_at(t, 30, B, "ls");
	mmap_at(t, 31, B, 0x1000, 0x2000, "/bin/ls");
}

static void test_fork_and_exec(void **state)
{
	struct process_table *t = *state;

	shell_and_child(t);
	expect(t, A, 40, 0x1234, "sh /bin/sh+0x234");
	expect(t, B, 25, 0x1234, "sh /bin/sh+0x234"); /* between fork and exec */
	expect(t, B, 25, 0x8000, "sh /lib/libc.so+0x0");
	expect(t, B, 40, 0x1234, "ls /bin/ls+0x234");
	expect(t, B, 40, 0x2234, "ls ?");
	expect(t, B, 40, 0x8000, "ls ?");
	expect(t, B, 19, 0x1234, "nobody");
	expect(t, A, 11, 0x8000, "sh ?"); /* not mapped yet */
	expect(t, A, 11, 0x1000, "sh /bin/sh+0x0");
	assert_int_equal(mapped_calls, 3); /* the child's copies share what its parent opened */
	assert_int_equal(process_mapping(process_table_find(t, B, 0, 25), 0x1000, 25)->since, 20);
}

static void test_exec_in_place(void **state)
{
	struct process_table *t = *state;
	struct process *before, *after;

	exec_at(t, 10, A, "sh");
	mmap_at(t, 11, A, 0x1000, 0x3000, "/bin/sh");
	assert_ptr_equal(process_table_find(t, A, 7 * PROC_TICK_NS, 12), process_table_find(t, A, 0, 12));
	exec_at(t, 20, A, "env");
	mmap_at(t, 21, A, 0x1000, 0x3000, "/bin/env");
	before = process_table_find(t, A, 7 * PROC_TICK_NS, 19);
	after = process_table_find(t, A, 0, 20); /* an exec keeps the start time, which nobody told again */
	assert_non_null(before);
	assert_non_null(after);
	assert_int_not_equal(before->serial, after->serial);
	assert_int_equal(process_identity(0xffff, 5 * PROC_TICK_NS, 1), 0x7fff000000005001);
	assert_int_equal(process_identity(1, 0x123456789ab * PROC_TICK_NS + 7, 0x12345), 0x00013456789ab345);
	assert_int_equal(before->died, 20);
	assert_int_equal(after->born, 20);
	assert_int_equal(after->start_tick, 7);
	expect(t, A, 15, 0x1000, "sh /bin/sh+0x0");
	expect(t, A, 25, 0x1000, "env /bin/env+0x0");
}

/* The side-band calls a program without a name deleted, /proc/PID/exe too, after another fashion: that is no exec. */
static void test_deleted_program(void **state)
{
	auto_free char *exe = proc_read_exe(getpid()), *told = xasprintf("%s (deleted)", exe);
	struct process_table *t = *state;
	uint64_t serial;

	exec_at(t, 10, getpid(), "memfd");
	mmap_at(t, 11, getpid(), 0x1000, 0x3000, told);
	serial = process_table_find(t, getpid(), 0, 12)->serial;
	assert_string_equal(process_table_find(t, getpid(), 0, 12)->exe, exe);
	assert_int_equal(process_table_scan(t, getpid()), 0);
	assert_int_equal(process_table_find(t, getpid(), 0, clock_ns(CLOCK_MONOTONIC))->serial, serial);
}

static void test_vfork_and_exec(void **state)
{
	struct process_table *t = *state;

	/* The parent is stopped from 20 until the child's exec at 21; they share the address space until then. */
	exec_at(t, 10, A, "make");
	mmap_at(t, 11, A, 0x1000, 0x2000, "/bin/make");
	fork_at(t, 20, A, B);
	exec_at(t, 21, B, "cc");
	mmap_at(t, 22, B, 0x1000, 0x2000, "/bin/cc");
	expect(t, B, 20, 0x1000, "make /bin/make+0x0");
	expect(t, B, 23, 0x1000, "cc /bin/cc+0x0");
	expect(t, A, 23, 0x1000, "make /bin/make+0x0");
}

static void test_threads(void **state)
{
	struct process_table *t = *state;
	uint64_t serial;

	exec_at(t, 10, A, "java");
	serial = process_table_find(t, A, 0, 11)->serial;
	event = (struct process_event){.kind = EVENT_FORK, .time = 12, .pid = A, .tid = A + 500};
	event.fork.parent_pid = event.fork.parent_tid = A;
	process_table_apply(t, &event);
	comm_at(t, 13, A, A + 500, "GC thread", false);
	assert_int_equal(process_table_find(t, A, 0, 14)->serial, serial);
	expect(t, A, 14, 0, "java ?");
	comm_at(t, 15, A, A, "renamed", false);
	expect(t, A, 16, 0, "renamed ?");
	assert_int_equal(process_table_count(t), 1);
}

/* One drain holds samples of both processes that had the pid. */
static void test_pid_reuse(void **state)
{
	struct process_table *t = *state;

	exec_at(t, 5, A, "cron");
	mmap_at(t, 6, A, 0x1000, 0x2000, "/bin/cron");
	fork_at(t, 10, A, B);
	exec_at(t, 11, B, "one");
	mmap_at(t, 12, B, 0x1000, 0x2000, "/bin/one");
	assert_non_null(process_table_find(t, B, 100 * PROC_TICK_NS, 13));
	exit_at(t, 20, B, B);
	fork_at(t, 30, A, B);
	exec_at(t, 31, B, "two");
	mmap_at(t, 32, B, 0x1000, 0x2000, "/bin/two");
	expect(t, B, 15, 0x1000, "one /bin/one+0x0");
	expect(t, B, 21, 0x1000, "one /bin/one+0x0"); /* its exit takes a while */
	expect(t, B, 33, 0x1000, "two /bin/two+0x0");
	/* The start time of the sample tells them apart too. */
	assert_string_equal(process_table_find(t, B, 130 * PROC_TICK_NS, 33)->comm, "two");
	assert_string_equal(process_table_find(t, B, 100 * PROC_TICK_NS, 29)->comm, "one");
	assert_null(process_table_find(t, B, 999 * PROC_TICK_NS, 9)); /* neither, and gone */
}

/* The second process's samples come first, from another CPU's log: who was before it is asked before the first one was met. */
static void test_before_learns_nothing(void **state)
{
	struct process_table *t = *state;
	const struct process *before;
	struct process *p;

	exec_at(t, 5, A, "cron");
	fork_at(t, 10, A, B);
	exec_at(t, 11, B, "one");
	fork_at(t, 30, A, B);
	p = process_table_find(t, B, 130 * PROC_TICK_NS, 30);
	before = process_table_before(t, p);
	assert_string_equal(before->comm, "one");
	assert_string_equal(process_table_before(t, before)->comm, "cron");
	assert_null(process_table_before(t, process_table_before(t, before)));
	assert_null(process_table_before(t, process_table_running(t, A)));
	assert_ptr_equal(process_table_find(t, B, 100 * PROC_TICK_NS, 15), before);
}

static void test_mapping_replaced(void **state)
{
	struct process_table *t = *state;

	exec_at(t, 10, A, "x");
	mmap_at(t, 11, A, 0x1000, 0x9000, "/old");
	mmap_at(t, 20, A, 0x3000, 0x5000, "/new"); /* in the middle */
	expect(t, A, 15, 0x3100, "x /old+0x2100");
	expect(t, A, 20, 0x3100, "x /new+0x100");
	expect(t, A, 25, 0x2fff, "x /old+0x1fff");
	expect(t, A, 25, 0x5000, "x /old+0x4000");
	mmap_at(t, 30, A, 0x4000, 0x6000, "/newer"); /* over the ends of two */
	expect(t, A, 25, 0x4800, "x /new+0x1800");
	expect(t, A, 35, 0x3fff, "x /new+0xfff");
	expect(t, A, 35, 0x4800, "x /newer+0x800");
	expect(t, A, 35, 0x6000, "x /old+0x5000");
	expect(t, A, 15, 0x4800, "x /old+0x3800");
	mmap_at(t, 40, A, 0, 0x10000, "/all");
	expect(t, A, 45, 0x8fff, "x /all+0x8fff");
	expect(t, A, 35, 0x8fff, "x /old+0x7fff");
	assert_int_equal(process_table_find(t, A, 0, 45)->mappings.n, 1);
}

#define PAGES 256
#define STEPS 64 /* between two expiries */

/* Random mappings and cuts against the naive way: who owns each page, kept whole for every moment. */
static void test_random_mappings(void **state)
{
	static uint8_t owner[STEPS][PAGES];
	struct process_table *t = *state;
	uint64_t random = 88172645463325252ull;
	uint8_t *now, *past = owner[0];
	char path[16];

	exec_at(t, 10, A, "p");
	for (uint64_t step = 1; step <= 50 * STEPS; step++, past = now) {
		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		uint64_t first = random % PAGES, n = 1 + (random >> 20) % (PAGES - first) % 40;
		uint8_t who = (random >> 40) % 200;

		now = owner[step % STEPS];
		memmove(now, past, PAGES);
		memset(now + first, who, n);
		snprintf(path, sizeof(path), "/%u", who);
		mmap_at(t, 10 + step, A, first * 4096, (first + n) * 4096, who ? path : NULL);
		if (step % STEPS)
			continue;
		for (uint64_t s = step - STEPS + 1; s <= step; s++)
			for (uint64_t page = 0; page < PAGES; page++) {
				struct mapping *m = process_mapping(process_table_find(t, A, 0, 10 + s), page * 4096 + 5, 10 + s);

				assert_int_equal(m ? atoi(m->path + 1) : 0, owner[s % STEPS][page]);
			}
		process_table_expire(t, 10 + step + 1);
		assert_int_equal(process_table_find(t, A, 0, 10 + step)->replaced.n, 0);
	}
}

/* What becomes data is code no more; munmap has no record, mprotect and mmap over it have. */
static void test_no_code_any_more(void **state)
{
	struct process_table *t = *state;

	exec_at(t, 10, A, "jit");
	mmap_at(t, 11, A, 0x1000, 0x5000, "//anon");
	mmap_at(t, 20, A, 0x2000, 0x3000, NULL);
	expect(t, A, 15, 0x2800, "jit +0x1800");
	expect(t, A, 25, 0x2800, "jit ?");
	expect(t, A, 25, 0x1fff, "jit +0xfff");
	expect(t, A, 25, 0x3000, "jit +0x2000");
	mmap_at(t, 40, A, 0x2000, 0x3000, "//anon");
	mmap_at(t, 30, A, 0x1000, 0x5000, NULL); /* told late: what came after it stays */
	expect(t, A, 29, 0x3000, "jit +0x2000");
	expect(t, A, 35, 0x3000, "jit ?");
	expect(t, A, 45, 0x2000, "jit +0x0");
}

static void test_told_twice(void **state)
{
	struct process_table *t = *state;
	struct process *p;

	exec_at(t, 10, A, "x");
	mmap_at(t, 11, A, 0x1000, 0x2000, "/lib/a.so");
	mmap_at(t, 12, A, 0x1000, 0x2000, "/lib/a.so");
	p = process_table_find(t, A, 0, 13);
	assert_int_equal(p->mappings.n, 1);
	assert_int_equal(p->replaced.n, 0);
	assert_int_equal(p->mappings.v[0]->since, 11);
}

/* An update replaced the library between dlclose() and dlopen(): the same path and place, another file. */
static void test_other_file_at_one_path(void **state)
{
	struct process_table *t = *state;
	struct process *p;

	exec_at(t, 10, A, "x");
	for (int i = 0; i < 2; i++) {
		event = (struct process_event){.kind = EVENT_MMAP, .time = 11 + i, .pid = A, .tid = A};
		event.mmap.start = 0x1000;
		event.mmap.end = 0x2000;
		event.mmap.executable = true;
		event.mmap.id.build_id_len = 20;
		event.mmap.id.build_id[19] = i;
		strcpy(event.mmap.path, "/lib/a.so");
		process_table_apply(t, &event);
	}
	p = process_table_find(t, A, 0, 13);
	assert_int_equal(process_mapping(p, 0x1000, 11)->id.build_id[19], 0);
	assert_int_equal(process_mapping(p, 0x1000, 12)->id.build_id[19], 1);
}

/* One that ran before us: known from its first event on, and for older samples too. */
static void test_there_before_us(void **state)
{
	struct process_table *t = *state;

	mmap_at(t, 50, A, 0x1000, 0x2000, "/lib/plugin.so");
	assert_int_equal(process_table_find(t, A, 0, 10)->born, 0);
	expect(t, A, 50, 0x1000, " /lib/plugin.so+0x0");
	expect(t, A, 49, 0x1000, " ?");
	/* Its end may have been told before that event: it is looked for without waiting for one. */
	process_table_expire(t, 60);
	process_table_expire(t, UINT64_MAX - 1);
	assert_int_equal(process_table_count(t), 0);
}

/* The fork is read after what the parent mapped later: that is not the child's. */
static void test_late_fork(void **state)
{
	struct process_table *t = *state;

	exec_at(t, 10, A, "sh");
	mmap_at(t, 11, A, 0x1000, 0x3000, "/bin/sh");
	mmap_at(t, 30, A, 0x2000, 0x5000, "/lib/later.so");
	fork_at(t, 20, A, B);
	expect(t, B, 40, 0x1000, "sh /bin/sh+0x0");
	expect(t, B, 40, 0x2000, "sh /bin/sh+0x1000");
	expect(t, B, 40, 0x4000, "sh ?");
	expect(t, A, 40, 0x4000, "sh /lib/later.so+0x2000");
	/* Or after the exec that ended it. */
	exec_at(t, 60, C, "ls");
	fork_at(t, 50, A, C);
	expect(t, C, 55, 0x1000, "sh /bin/sh+0x0");
	expect(t, C, 65, 0x1000, "ls ?");
	process_table_expire(t, 61);
	expect(t, C, 55, 0x1000, "nobody");
}

/*
 * A birth and some remapping, with every pair of neighbours swapped that concern one process: one that moves to another CPU
 * may have its records read in the wrong order. Whatever the order, samples find the same.
 */
static void apply_nth(struct process_table *t, int n)
{
	switch (n) {
	case 0:
		exec_at(t, 10, A, "sh");
		break;
	case 1:
		mmap_at(t, 11, A, 0x1000, 0x3000, "/bin/sh");
		break;
	case 2:
		fork_at(t, 20, A, B);
		break;
	case 3:
		mmap_at(t, 21, B, 0x7000, 0x8000, "/lib/early.so");
		break;
	case 4:
		exec_at(t, 30, B, "ls");
		break;
	case 5:
		mmap_at(t, 31, B, 0x1000, 0x3000, "/bin/ls");
		break;
	case 6:
		mmap_at(t, 40, B, 0x2000, 0x3000, "/lib/part.so");
		break;
	case 7:
		mmap_at(t, 50, B, 0x1000, 0x4000, "/lib/whole.so");
		break;
	}
}

static void expect_all(struct process_table *t)
{
	expect(t, A, 15, 0x1000, "sh /bin/sh+0x0");
	expect(t, A, 60, 0x1000, "sh /bin/sh+0x0");
	expect(t, B, 22, 0x1000, "sh /bin/sh+0x0");
	expect(t, B, 22, 0x7000, "sh /lib/early.so+0x0");
	expect(t, B, 32, 0x7000, "ls ?");
	expect(t, B, 32, 0x2000, "ls /bin/ls+0x1000");
	expect(t, B, 42, 0x1000, "ls /bin/ls+0x0");
	expect(t, B, 42, 0x2000, "ls /lib/part.so+0x0");
	expect(t, B, 55, 0x1000, "ls /lib/whole.so+0x0");
	expect(t, B, 55, 0x2000, "ls /lib/whole.so+0x1000");
	expect(t, B, 55, 0x3000, "ls /lib/whole.so+0x2000");
}

static void test_order(void **state)
{
	for (int swapped = 0; swapped < 8; swapped++) {
		struct process_table *t;

		if (swapped == 1)
			continue;
		set_up((void **)&t);
		for (int i = 0; i < 8; i++)
			apply_nth(t, i == swapped ? i + 1 : i == swapped + 1 ? i - 1 : i);
		if (swapped == 7)
			apply_nth(t, 7);
		expect_all(t);
		assert_int_equal(tear_down((void **)&t), 0);
	}
	/* The whole birth of B comes last first, from a CPU that was read before the one that forked it. */
	for (int from = 3; from < 6; from++) {
		struct process_table *t;

		set_up((void **)&t);
		for (int i = 0; i < 2; i++)
			apply_nth(t, i);
		for (int i = from; i < 8; i++)
			apply_nth(t, i);
		for (int i = 2; i < from; i++)
			apply_nth(t, i);
		expect_all(t);
		process_table_expire(t, 51);
		assert_int_equal(process_table_count(t), 2);
		assert_int_equal(process_table_find(t, B, 0, 52)->replaced.n, 0);
		assert_int_equal(tear_down((void **)&t), 0);
	}
}

/* Nothing that ended is forgotten before its time, and everything afterwards. */
static void test_expire(void **state)
{
	struct process_table *t = *state;

	shell_and_child(t);
	mmap_at(t, 50, A, 0x1000, 0x3000, "/bin/other");
	assert_int_equal(process_table_count(t), 3);
	process_table_expire(t, 30); /* B's first incarnation ended at 30: a sample at 29 may come */
	assert_int_equal(process_table_count(t), 3);
	expect(t, B, 29, 0x1000, "sh /bin/sh+0x0");
	process_table_expire(t, 31);
	assert_int_equal(process_table_count(t), 2);
	expect(t, B, 29, 0x1000, "nobody");
	expect(t, A, 49, 0x1000, "sh /bin/sh+0x0");
	process_table_expire(t, 51);
	expect(t, A, 49, 0x1000, "sh ?");
	expect(t, A, 51, 0x1000, "sh /bin/other+0x0");
	assert_int_equal(images, 3); /* libc of sh, ls, other */
}

/* B's pid is nobody's: that its exit ended the process is seen, and it is kept for one drain more. */
static void test_exit(void **state)
{
	struct process_table *t = *state;

	shell_and_child(t);
	exit_at(t, 50, B, B);
	process_table_expire(t, 60);
	expect(t, B, 49, 0x1000, "ls /bin/ls+0x0");
	process_table_expire(t, UINT64_MAX - 1);
	expect(t, B, 49, 0x1000, "nobody");
	expect(t, A, 49, 0x1000, "sh /bin/sh+0x0");
	assert_int_equal(process_table_count(t), 1);
}

static void test_foreign_pids(void **state)
{
	struct process_table *t = *state;

	mmap_at(t, 10, 0, 0x1000, 0x2000, "/x");
	mmap_at(t, 10, -1, 0x1000, 0x2000, "/x");
	fork_at(t, 11, A, -1);
	exec_at(t, 11, 0, "x");
	exit_at(t, 12, -1, -1);
	assert_int_equal(process_table_count(t), 0);
}

/* Two days of forks leave nothing behind. */
static void test_churn(void **state)
{
	struct process_table *t = *state;
	uint64_t time = 100;

	exec_at(t, 10, A, "sh");
	mmap_at(t, 11, A, 0x1000, 0x3000, "/bin/sh");
	for (int i = 0; i < 100000; i++) {
		int32_t pid = B + i;

		fork_at(t, time++, A, pid);
		exec_at(t, time++, pid, "true");
		mmap_at(t, time++, pid, 0x1000, 0x2000, "/bin/true");
		exit_at(t, time++, pid, pid);
		if (i % 1000 == 999) {
			process_table_expire(t, time);
			process_table_expire(t, UINT64_MAX - 1);
		}
	}
	assert_int_equal(process_table_count(t), 1);
	assert_int_equal(images, 1);
	expect(t, A, time, 0x1000, "sh /bin/sh+0x0");
}

#define MANY 100000

/* 100,000 processes at once, and 100,000 mappings in one of them; the last of them in the worst order, from the top down. */
static void test_many(void **state)
{
	struct process_table *t = *state;

	exec_at(t, 1, A, "init");
	mmap_at(t, 2, A, 0x1000, 0x2000, "/init");
	for (int i = 1; i <= MANY; i++)
		fork_at(t, 2 + i, A, A + i);
	for (int i = 1; i <= MANY; i += 997)
		expect(t, A + i, LATER, 0x1000, "init /init+0x0");
	assert_int_equal(process_table_count(t), MANY + 1);
	for (uint64_t i = MANY / 20; i <= MANY; i++)
		mmap_at(t, LATER, A, i * 0x2000, i * 0x2000 + 0x1000, "/lib/x");
	for (uint64_t i = MANY / 20; --i;)
		mmap_at(t, LATER, A, i * 0x2000, i * 0x2000 + 0x1000, "/lib/x");
	assert_int_equal(process_table_find(t, A, 0, LATER)->mappings.n, MANY + 1);
	for (uint64_t i = 1; i <= MANY; i += 997) {
		expect(t, A, LATER, i * 0x2000 + 7, "init /lib/x+0x7");
		expect(t, A, LATER, i * 0x2000 + 0x1000, "init ?");
	}
	mmap_at(t, LATER + 1, A, 0, UINT64_MAX, "/lib/y"); /* over all of them */
	assert_int_equal(process_table_find(t, A, 0, LATER)->mappings.n, 1);
}

/* A process that maps without end cannot take our memory. */
static void test_bounds(void **state)
{
	struct process_table *t = *state;
	struct process *p;

	exec_at(t, 1, A, "evil");
	for (uint64_t i = 0; i < 300000; i++)
		mmap_at(t, 2 + i, A, 0x1000, 0x2000, i % 2 ? "/a" : "/b");
	p = process_table_find(t, A, 0, LATER);
	assert_in_range(p->replaced.n, 1000, 10000);
	expect(t, A, 2 + 300000 - 2, 0x1000, "evil /b+0x0"); /* the latest are kept */
	for (uint64_t i = 0; i < 300000; i++)
		mmap_at(t, LATER, A, i * 0x2000, i * 0x2000 + 0x1000, "/lib/x");
	assert_in_range(p->mappings.n, MANY, 200000);
}

/* Against a reading of /proc/self/maps by sscanf. */
static void test_scan_self(void **state)
{
	struct process_table *t = *state;
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long start, end, offset;
	char line[8192], perms[5];
	struct process *p;
	int path, seen = 0;

	assert_int_equal(process_table_scan(t, getpid()), 0);
	p = process_table_find(t, getpid(), 0, clock_ns(CLOCK_MONOTONIC));
	assert_non_null(p);
	assert_int_equal(p->born, 0);
	while (fgets(line, sizeof(line), f)) {
		struct mapping *m;

		line[strcspn(line, "\n")] = '\0';
		assert_int_equal(sscanf(line, "%lx-%lx %4s %lx %*s %*s %n", &start, &end, perms, &offset, &path), 4);
		m = process_mapping(p, start, LATER);
		if (perms[2] != 'x') {
			assert_null(m);
			continue;
		}
		seen++;
		assert_non_null(m);
		assert_int_equal(m->start, start);
		assert_int_equal(m->end, end);
		assert_int_equal(m->offset, offset);
		assert_string_equal(m->path, line + path);
		assert_ptr_equal(process_mapping(p, end - 1, LATER), m);
	}
	fclose(f);
	assert_int_equal(p->mappings.n, seen);
	assert_int_equal(images, seen);
}

static pid_t sleeping_child(void)
{
	pid_t child = fork();

	if (!child) {
		pause();
		_exit(0);
	}
	return child;
}

/* Found by its sample alone; its end seen in /proc although no record told of it. */
static void test_live_child(void **state)
{
	struct process_table *t = *state;
	pid_t child = sleeping_child();
	uint64_t now = clock_ns(CLOCK_MONOTONIC), tick;
	struct process *p;

	assert_int_equal(proc_start_tick(child, &tick), 0);
	assert_null(process_table_find(t, child, (tick + 5) * PROC_TICK_NS, now)); /* a sample of who had the pid before */
	assert_int_equal(process_table_count(t), 0);
	p = process_table_find(t, child, tick * PROC_TICK_NS + 1234567, now);
	assert_non_null(p);
	assert_int_equal(p->start_tick, tick);
	assert_non_null(process_mapping(p, (uintptr_t)test_live_child, now)); /* a fork: our code is its code */
	/* It may be about to end, and its EXIT record read already: one look at /proc is not enough. */
	process_table_expire(t, now);
	assert_int_equal(process_table_count(t), 1);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	process_table_expire(t, now);
	process_table_expire(t, UINT64_MAX - 1);
	assert_int_equal(process_table_count(t), 0);
	assert_null(process_table_find(t, child, tick * PROC_TICK_NS, now));
	assert_int_equal(process_table_scan(t, child), -ESRCH);
}

/* The records of a pid's reuse were lost: its new process is found by the start time, for samples older than the finding too. */
static void test_reuse_not_told(void **state)
{
	struct process_table *t = *state;
	pid_t child = sleeping_child();
	uint64_t now = clock_ns(CLOCK_MONOTONIC), tick;
	struct process *before, *p;

	assert_int_equal(proc_start_tick(child, &tick), 0);
	exec_at(t, 5, child, "before");
	before = process_table_find(t, child, (tick - 1) * PROC_TICK_NS, 6);
	assert_string_equal(before->comm, "before");
	p = process_table_find(t, child, tick * PROC_TICK_NS, now);
	assert_ptr_not_equal(p, before);
	assert_ptr_equal(process_table_find(t, child, tick * PROC_TICK_NS, now), p);
	assert_true(p->born > now);
	assert_int_equal(before->died, p->born);
	assert_ptr_equal(process_table_find(t, child, (tick - 1) * PROC_TICK_NS, 6), before);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* A zombie that its parent does not wait for has ended all the same. */
static void test_zombie(void **state)
{
	struct process_table *t = *state;
	pid_t child = sleeping_child();
	struct proc_stat st = {0};

	assert_int_equal(process_table_scan(t, child), 0);
	kill(child, SIGKILL);
	while (st.state != 'Z') {
		assert_int_equal(proc_read_stat(child, &st), 0);
		usleep(1000);
	}
	exit_at(t, clock_ns(CLOCK_MONOTONIC), child, child);
	process_table_expire(t, 1);
	process_table_expire(t, UINT64_MAX - 1);
	assert_int_equal(process_table_count(t), 0);
	assert_int_equal(process_table_scan(t, child), -ESRCH);
	waitpid(child, NULL, 0);
}

static void *live_on(void *arg)
{
	pause();
	return NULL;
}

/* The main thread's exit is not the process's. */
static void test_main_thread_exits_first(void **state)
{
	struct process_table *t = *state;
	struct proc_stat st = {0};
	pthread_t thread;
	uint64_t serial;
	pid_t child = fork();

	if (!child) {
		pthread_create(&thread, NULL, live_on, NULL);
		pthread_exit(NULL);
	}
	while (st.state != 'Z') {
		assert_int_equal(proc_read_stat(child, &st), 0);
		usleep(1000);
	}
	assert_int_equal(process_table_scan(t, child), 0);
	serial = process_table_find(t, child, 0, LATER)->serial;
	exit_at(t, clock_ns(CLOCK_MONOTONIC), child, child);
	process_table_expire(t, 1);
	process_table_expire(t, UINT64_MAX - 1);
	assert_int_equal(process_table_find(t, child, 0, LATER)->serial, serial);
	assert_non_null(process_mapping(process_table_find(t, child, 0, LATER), (uintptr_t)live_on, LATER));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* The repair after lost records: a mapping that is gone ends, one that was never told of is found, the dead are dead. */
static void test_rescan(void **state)
{
	struct process_table *t = *state;
	char *old = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *new;
	char *other = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	uint64_t before;
	struct process *p;

	old += 4096;
	mprotect(old, 4096, PROT_READ | PROT_EXEC);
	assert_int_equal(process_table_scan(t, getpid()), 0);
	shell_and_child(t);
	mprotect(old, 4096, PROT_NONE);
	assert_ptr_equal(mmap(other, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, exe, 0), other);
	close(exe);
	new = mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	before = clock_ns(CLOCK_MONOTONIC);
	process_table_told(t, before);
	assert_int_equal(process_table_scan_all(t, clock_ns(CLOCK_MONOTONIC), NULL), 0);
	p = process_table_find(t, getpid(), 0, before);
	assert_non_null(process_mapping(p, (uintptr_t)new + 4096, UINT64_MAX));
	assert_null(process_mapping(p, (uintptr_t)old, UINT64_MAX));
	assert_non_null(process_mapping(p, (uintptr_t)old, before - 1)); /* samples of then */
	/* Anonymous memory, a file since: the file's names are not given to samples of before. */
	assert_string_equal(process_mapping(p, (uintptr_t)other, before - 1)->path, "");
	assert_string_not_equal(process_mapping(p, (uintptr_t)other, UINT64_MAX)->path, "");
	munmap(other, 4096);
	munmap(new, 8192);
	munmap(old - 4096, 3 * 4096);
	expect(t, A, 40, 0x1234, "sh /bin/sh+0x234"); /* died just now */
	assert_true(process_table_find(t, A, 0, 40)->died >= before);
	assert_true(process_table_find(t, B, 0, 40)->died >= before);
	process_table_expire(t, UINT64_MAX - 1);
	expect(t, A, 40, 0x1234, "nobody");
}

/* Code is replaced twice; a scan sees the last of it before its event comes. */
static void scan_before_event(void **state)
{
	struct process_table *t = *state;
	char *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	uint64_t told;
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	struct process *p;

	assert_in_range(n, 1, sizeof(path) - 1);
	path[n] = '\0';
	assert_int_equal(process_table_scan(t, getpid()), 0);
	told = clock_ns(CLOCK_MONOTONIC);
	process_table_told(t, told);
	usleep(1000);
	assert_ptr_equal(mmap(at, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, exe, 0), at);
	close(exe);
	assert_int_equal(process_table_scan(t, getpid()), 0);
	p = process_table_running(t, getpid());
	assert_string_equal(process_mapping(p, (uintptr_t)at, told - 1)->path, "");
	assert_null(process_mapping(p, (uintptr_t)at, told + 10)); /* one or the other */
	mmap_at(t, told + 1000, getpid(), (uintptr_t)at, (uintptr_t)at + 4096, "/between");
	mmap_at(t, told + 2000, getpid(), (uintptr_t)at, (uintptr_t)at + 4096, path);
	assert_string_equal(process_mapping(p, (uintptr_t)at, told - 1)->path, "");
	assert_string_equal(process_mapping(p, (uintptr_t)at, told + 1500)->path, "/between");
	assert_string_equal(process_mapping(p, (uintptr_t)at, told + 2000)->path, path);
	assert_string_equal(process_mapping(p, (uintptr_t)at, UINT64_MAX)->path, path);
	munmap(at, 4096);
}

/* munmap has no record; a process that maps and unmaps code for ever is looked at again. */
static void test_unmapped_code_is_forgotten(void **state)
{
	struct process_table *t = *state;
	struct process *p;

	assert_int_equal(process_table_scan(t, getpid()), 0);
	for (uint64_t i = 0; i < 20000; i++) /* addresses at which nothing is mapped */
		mmap_at(t, clock_ns(CLOCK_MONOTONIC), getpid(), 0x100000 + i * 0x2000, 0x101000 + i * 0x2000, "/gone");
	p = process_table_find(t, getpid(), 0, clock_ns(CLOCK_MONOTONIC));
	assert_true(p->mappings.n < 10000);
	assert_non_null(process_mapping(p, (uintptr_t)live_on, UINT64_MAX));
}

/* The kernel counts execs along a task's line of descent; the table counts along. */
static void counts_execs(void **state)
{
	struct process_table *t = *state;

	fork_at(t, 100, 1, 70);
	assert_int_equal(process_table_running(t, 70)->exec_id, 0); /* nobody has said where its count stands */
	process_table_set_exec_id(t, 70, 0, 5, 200);
	exec_at(t, 150, 70, "early"); /* was in that count already */
	assert_int_equal(process_table_running(t, 70)->exec_id, 5);
	exec_at(t, 300, 70, "one");
	assert_int_equal(process_table_running(t, 70)->exec_id, 6);
	fork_at(t, 400, 70, 71);
	exec_at(t, 500, 71, "two");
	fork_at(t, 600, 71, 72);
	assert_int_equal(process_table_running(t, 70)->exec_id, 6);
	assert_int_equal(process_table_running(t, 71)->exec_id, 7);
	assert_int_equal(process_table_running(t, 72)->exec_id, 7);
}

static VEC(int32_t) changes;

static void note_change(void *ctx, int32_t pid)
{
	*vec_push(&changes) = pid;
}

/* Who is shown to the sampler anew: all whose mappings or program changed, and nobody else. */
static void tells_of_changes(void **state)
{
	struct process_table *t = *state;

	process_table_on_change(t, note_change, NULL);
	fork_at(t, 100, 1, 80);
	exec_at(t, 200, 80, "program");
	mmap_at(t, 210, 80, 0x1000, 0x2000, "/a");
	assert_true(changes.n >= 3);
	for (size_t i = 0; i < changes.n; i++)
		assert_int_equal(changes.v[i], 80);
	changes.n = 0;
	comm_at(t, 300, 80, 80, "renamed", false);
	assert_int_equal(changes.n, 0);
	mmap_at(t, 310, 80, 0x1800, 0x1900, NULL); /* data where code was */
	assert_int_equal(changes.n, 1);
	vec_free(&changes);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counts_execs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tells_of_changes, set_up, tear_down),
		TEST(test_fork_and_exec),
		TEST(test_exec_in_place),
		TEST(test_deleted_program),
		TEST(test_vfork_and_exec),
		TEST(test_threads),
		TEST(test_pid_reuse),
		TEST(test_before_learns_nothing),
		TEST(test_mapping_replaced),
		TEST(test_random_mappings),
		TEST(test_no_code_any_more),
		TEST(test_told_twice),
		TEST(test_other_file_at_one_path),
		TEST(test_there_before_us),
		TEST(test_late_fork),
		cmocka_unit_test(test_order),
		TEST(test_expire),
		TEST(test_exit),
		TEST(test_foreign_pids),
		TEST(test_churn),
		TEST(test_many),
		TEST(test_bounds),
		TEST(test_scan_self),
		TEST(test_live_child),
		TEST(test_reuse_not_told),
		TEST(test_zombie),
		TEST(test_main_thread_exits_first),
		TEST(test_rescan),
		TEST(scan_before_event),
		TEST(test_unmapped_code_is_forgotten),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
