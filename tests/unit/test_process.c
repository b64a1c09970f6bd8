// SPDX-License-Identifier: Apache-2.0
/* The process table under scripted events: who was pid N at time T, what was mapped there. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "process/proc.h"
#include "process/process.h"

#define PID 4194001 /* above every pid_max: nothing in /proc interferes */

static int images; /* references held */

static void mapped(void *ctx, const struct process *p, struct mapping *m)
{
	m->image = &images;
	images++;
}

static void shared(void *ctx, struct mapping *m)
{
	images += m->image != NULL;
}

static void unmapped(void *ctx, struct mapping *m)
{
	images -= m->image != NULL;
}

static struct process_table *t;
static struct process_event e;

static int set_up(void **state)
{
	struct process_hooks hooks = {mapped, shared, unmapped, NULL};

	images = 0;
	t = process_table_new(&hooks);
	return 0;
}

static int tear_down(void **state)
{
	process_table_free(t);
	return images; /* every image that was taken is given back */
}

static void event(enum event_kind kind, uint64_t time, int32_t pid)
{
	memset(&e, 0, offsetof(struct process_event, mmap.path) + 1);
	e.kind = kind;
	e.time = time;
	e.pid = e.tid = pid;
}

static void map(uint64_t time, int32_t pid, uint64_t start, uint64_t end, uint64_t offset, const char *path)
{
	event(EVENT_MMAP, time, pid);
	e.mmap.start = start;
	e.mmap.end = end;
	e.mmap.offset = offset;
	e.mmap.executable = true;
	strcpy(e.mmap.path, path);
	process_table_apply(t, &e);
}

static void comm(uint64_t time, int32_t pid, const char *name, bool exec)
{
	event(EVENT_COMM, time, pid);
	e.comm.exec = exec;
	strcpy(e.comm.comm, name);
	process_table_apply(t, &e);
}

static void fork_event(uint64_t time, int32_t parent, int32_t child)
{
	event(EVENT_FORK, time, child);
	e.fork.parent_pid = e.fork.parent_tid = parent;
	process_table_apply(t, &e);
}

static const char *path_at(int32_t pid, uint64_t time, uint64_t address)
{
	struct process *p = process_table_find(t, pid, 0, time);
	struct mapping *m = p ? process_mapping(p, address, time) : NULL;

	return m ? m->path : NULL;
}

static const char *comm_at(int32_t pid, uint64_t time)
{
	struct process *p = process_table_find(t, pid, 0, time);

	return p ? p->comm : NULL;
}

static void exec_in_place_is_another_process(void **state)
{
	comm(10, PID, "first", true);
	map(11, PID, 0x1000, 0x2000, 0, "/bin/first");
	comm(20, PID, "second", true);
	map(21, PID, 0x1000, 0x2000, 0, "/bin/second");
	assert_string_equal(comm_at(PID, 15), "first");
	assert_string_equal(path_at(PID, 15, 0x1800), "/bin/first");
	assert_string_equal(comm_at(PID, 25), "second");
	assert_string_equal(path_at(PID, 25, 0x1800), "/bin/second");
	assert_null(path_at(PID, 20, 0x1800));
	assert_int_not_equal(process_table_find(t, PID, 0, 15)->serial, process_table_find(t, PID, 0, 25)->serial);
}

static void fork_shows_what_the_parent_had(void **state)
{
	comm(10, PID, "parent", true);
	map(11, PID, 0x1000, 0x2000, 0, "/bin/parent");
	fork_event(20, PID, PID + 1);
	map(30, PID, 0x5000, 0x6000, 0, "/lib/later");
	assert_string_equal(comm_at(PID + 1, 25), "parent");
	assert_string_equal(path_at(PID + 1, 25, 0x1000), "/bin/parent");
	assert_null(path_at(PID + 1, 35, 0x5000));
	comm(40, PID + 1, "child", true);
	assert_string_equal(comm_at(PID + 1, 45), "child");
	assert_null(path_at(PID + 1, 45, 0x1000));
}

static void a_thread_is_no_process(void **state)
{
	comm(10, PID, "main", true);
	event(EVENT_FORK, 20, PID);
	e.tid = PID + 7;
	e.fork.parent_pid = PID;
	process_table_apply(t, &e);
	event(EVENT_COMM, 21, PID);
	e.tid = PID + 7;
	strcpy(e.comm.comm, "worker");
	process_table_apply(t, &e);
	assert_string_equal(comm_at(PID, 30), "main");
	assert_null(process_table_find(t, PID + 7, 0, 30));
}

static void a_reused_pid_is_another_process(void **state)
{
	comm(10, PID, "old", true);
	map(11, PID, 0x1000, 0x2000, 0, "/bin/old");
	process_table_find(t, PID, 5 * PROC_TICK_NS, 12);
	event(EVENT_EXIT, 20, PID);
	process_table_apply(t, &e);
	fork_event(30, PID + 1, PID);
	comm(31, PID, "new", true);
	map(32, PID, 0x1000, 0x2000, 0, "/bin/new");
	assert_string_equal(path_at(PID, 15, 0x1000), "/bin/old");
	assert_string_equal(path_at(PID, 33, 0x1000), "/bin/new");
	/* A late sample of the old one, told apart by when its process started. */
	assert_string_equal(process_table_find(t, PID, 5 * PROC_TICK_NS, 15)->comm, "old");
	assert_string_equal(process_table_find(t, PID, 9 * PROC_TICK_NS, 33)->comm, "new");
}

static void a_replaced_mapping_answers_older_samples(void **state)
{
	comm(10, PID, "p", true);
	map(11, PID, 0x10000, 0x20000, 0x5000, "/lib/a");
	map(20, PID, 0x14000, 0x18000, 0, "/lib/b");
	assert_string_equal(path_at(PID, 15, 0x15000), "/lib/a");
	assert_string_equal(path_at(PID, 25, 0x15000), "/lib/b");
	assert_string_equal(path_at(PID, 25, 0x13FFF), "/lib/a");
	assert_string_equal(path_at(PID, 25, 0x18000), "/lib/a");
	/* The upper part still shows the same bytes of the file. */
	assert_int_equal(process_mapping(process_table_find(t, PID, 0, 25), 0x18000, 25)->offset, 0x5000 + 0x8000);
	process_table_expire(t, 21);
	assert_null(path_at(PID, 15, 0x15000));
	assert_string_equal(path_at(PID, 25, 0x15000), "/lib/b");
}

static void what_ended_stays_until_expired(void **state)
{
	struct process *p;

	comm(10, PID, "gone", true);
	map(11, PID, 0x1000, 0x2000, 0, "/bin/gone");
	event(EVENT_EXIT, 20, PID);
	process_table_apply(t, &e);
	process_table_expire(t, 15); /* finds in /proc that it ended, now */
	p = process_table_find(t, PID, 0, 18);
	assert_non_null(p);
	assert_int_not_equal(p->died, UINT64_MAX);
	process_table_expire(t, clock_ns(CLOCK_MONOTONIC) + 1);
	assert_null(process_table_find(t, PID, 0, 18));
}

static void random_maps_stay_disjoint(void **state)
{
	uint64_t random = 88172645463325252ull;
	static char owner[256]; /* which mapping covers each page, kept the naive way */
	char path[16];

	comm(10, PID, "p", true);
	memset(owner, 0, sizeof(owner));
	for (int i = 1; i <= 3000; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		unsigned start = random % 240, length = 1 + (random >> 20) % 15;

		snprintf(path, sizeof(path), "/%d", i % 100);
		map(10 + i, PID, start * 4096, (start + length) * 4096, 0, path);
		memset(owner + start, 1 + i % 100, length);
		if (i % 50)
			continue;
		for (unsigned page = 0; page < 256; page++) {
			const char *got = path_at(PID, 10 + i, page * 4096ull);

			snprintf(path, sizeof(path), "/%d", owner[page] - 1);
			assert_string_equal(got ? got : "/-1", path);
		}
		process_table_expire(t, 10 + i);
	}
}

/* The live table against an independent look: this program's own main() and libc's getpid(). */
static void scan_finds_this_process(void **state)
{
	struct process *p;
	struct mapping *m;
	char exe[4096] = "";
	pid_t child = fork();

	if (!child) {
		pause();
		_exit(0);
	}
	assert_int_equal(process_table_scan(t, child), 0);
	p = process_table_find(t, child, 0, clock_ns(CLOCK_MONOTONIC));
	assert_non_null(p);
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	m = process_mapping(p, (uintptr_t)scan_finds_this_process, clock_ns(CLOCK_MONOTONIC));
	assert_non_null(m);
	assert_string_equal(m->path, exe);
	m = process_mapping(p, (uintptr_t)getpid, clock_ns(CLOCK_MONOTONIC));
	assert_non_null(m);
	assert_non_null(strstr(m->path, "libc"));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(process_table_scan(t, child), -3 /* ESRCH */);
}

static void stat_comm_may_hold_anything(void **state)
{
	struct proc_stat s;

	assert_true(proc_parse_stat(&s, "7 (a) b) (c\n) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 98765 1 2"));
	assert_string_equal(s.comm, "a) b) (c\n");
	assert_int_equal(s.state, 'S');
	assert_int_equal(s.threads, 3);
	assert_int_equal(s.start_tick, 98765);
	assert_false(proc_parse_stat(&s, "7 (x) S 1 2"));
	assert_false(proc_parse_stat(&s, ""));
	assert_false(proc_parse_stat(&s, "7 )x( S"));
}

static void maps_lines(void **state)
{
	char plain[] = "7f00deadb000-7f00deadd000 r-xp 0001a000 fd:02 12345                      /usr/lib/with space.so (deleted)";
	char newline[] = "400000-401000 rwxp 00000000 00:00 0 /tmp/a\\012b";
	char anonymous[] = "7ffff7fc1000-7ffff7fc3000 r-xp 00000000 00:00 0                          [vdso]";
	char bare[] = "400000-401000 ---p 00000000 00:00 0 ";
	char bad[] = "400000 401000 r-xp", empty[] = "", reversed[] = "401000-400000 r-xp 00000000 00:00 0 ";
	struct proc_mapping m;

	assert_true(proc_parse_mapping(&m, plain));
	assert_int_equal(m.start, 0x7f00deadb000);
	assert_int_equal(m.end, 0x7f00deadd000);
	assert_int_equal(m.offset, 0x1a000);
	assert_int_equal(m.id.major, 0xfd);
	assert_int_equal(m.id.minor, 2);
	assert_int_equal(m.id.inode, 12345);
	assert_true(m.executable);
	assert_string_equal(m.path, "/usr/lib/with space.so (deleted)");
	assert_true(proc_parse_mapping(&m, newline));
	assert_string_equal(m.path, "/tmp/a\nb");
	assert_true(proc_parse_mapping(&m, anonymous));
	assert_string_equal(m.path, "[vdso]");
	assert_true(proc_parse_mapping(&m, bare));
	assert_false(m.executable);
	assert_string_equal(m.path, "");
	assert_false(proc_parse_mapping(&m, bad));
	assert_false(proc_parse_mapping(&m, empty));
	assert_false(proc_parse_mapping(&m, reversed));
}

#define TABLE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE_TEST(exec_in_place_is_another_process),
		TABLE_TEST(fork_shows_what_the_parent_had),
		TABLE_TEST(a_thread_is_no_process),
		TABLE_TEST(a_reused_pid_is_another_process),
		TABLE_TEST(a_replaced_mapping_answers_older_samples),
		TABLE_TEST(what_ended_stays_until_expired),
		TABLE_TEST(random_maps_stay_disjoint),
		TABLE_TEST(scan_finds_this_process),
		cmocka_unit_test(stat_comm_may_hold_anything),
		cmocka_unit_test(maps_lines),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
