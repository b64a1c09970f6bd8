// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"
#include "base/clock.h"
#include "process/proc.h"

#include <errno.h>
#include <fcntl.h>
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
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define AFTER_COMM " S 1 2 3 0 -1 %s 0 0 0 0 1 2 3 4 20 0 7 0 4242 0 0\n"

static bool stat_of(struct proc_stat *st, const char *pid_and_comm, const char *flags)
{
	char text[512];

	snprintf(text, sizeof(text), "%s" AFTER_COMM, pid_and_comm, flags);
	return proc_parse_stat(st, text);
}

static void test_stat(void **state)
{
	struct proc_stat st;

	assert_true(stat_of(&st, "12 (cat)", "4194304"));
	assert_string_equal(st.comm, "cat");
	assert_int_equal(st.state, 'S');
	assert_int_equal(st.threads, 7);
	assert_int_equal(st.start_tick, 4242);
	assert_false(st.kernel);
	assert_true(stat_of(&st, "2 (kworker/u16:1-events_unbound)", "69238880")); /* PF_KTHREAD and others */
	assert_string_equal(st.comm, "kworker/u16:1-e");
	assert_true(st.kernel);
}

/* prctl(PR_SET_NAME) takes any byte but NUL. */
static void test_stat_odd_comm(void **state)
{
	static const char *const comms[] = {"", ")", "a) R 1 2 3", "((", "x (deleted)", "two\nlines", ") S ) Z (", "\xff\x80"};
	struct proc_stat st;
	char text[64];

	for (size_t i = 0; i < sizeof(comms) / sizeof(comms[0]); i++) {
		snprintf(text, sizeof(text), "12 (%s)", comms[i]);
		assert_true(stat_of(&st, text, "0"));
		assert_string_equal(st.comm, comms[i]);
		assert_int_equal(st.state, 'S');
		assert_int_equal(st.start_tick, 4242);
	}
}

static void test_stat_malformed(void **state)
{
	char whole[128], cut[128];
	struct proc_stat st;

	snprintf(whole, sizeof(whole), "1 (x)" AFTER_COMM, "0");
	assert_true(proc_parse_stat(&st, whole));
	/* Cut anywhere before the start time. */
	for (size_t n = 0; n < (size_t)(strstr(whole, "4242") - whole); n++) {
		memcpy(cut, whole, n);
		cut[n] = '\0';
		assert_false(proc_parse_stat(&st, cut));
	}
	assert_false(proc_parse_stat(&st, ") 1 ("));
	assert_false(proc_parse_stat(&st, "1 (x) S a b c"));
}

static void test_ended(void **state)
{
	assert_true(proc_ended(&(struct proc_stat){.state = 'Z', .threads = 1}));
	assert_true(proc_ended(&(struct proc_stat){.state = 'X'}));
	assert_false(proc_ended(&(struct proc_stat){.state = 'Z', .threads = 3})); /* only the main thread ended */
	assert_false(proc_ended(&(struct proc_stat){.state = 'R', .threads = 1}));
}

static bool mapping_of(struct proc_mapping *m, const char *text)
{
	static char line[32768];

	snprintf(line, sizeof(line), "%s", text);
	return proc_parse_mapping(m, line);
}

static void test_ids(void **state)
{
	char text[] = "Name:\tUid:\\n\nPid:\t812\nUid:\t0\t1000\t2000\t3000\nNSpid:\t812\t40\t7\nNSpgid:\t812\t40\t9\n";
	char host[] = "Uid:\t5\t6\t7\t8\nNSpid:\t812\n";
	char damaged[] = "Uid:\t5\nNSpid:\t812\n\n\t\nUid:";
	struct proc_ids ids;

	assert_true(proc_parse_ids(&ids, text));
	assert_int_equal(ids.uid, 1000);
	assert_int_equal(ids.inner_pid, 7);
	assert_true(proc_parse_ids(&ids, host));
	assert_int_equal(ids.uid, 6);
	assert_int_equal(ids.inner_pid, 812);
	assert_false(proc_parse_ids(&ids, damaged));
	assert_int_equal(proc_read_ids(getpid(), &ids), 0);
	assert_int_equal(ids.inner_pid, getpid());
	assert_int_equal(ids.uid, geteuid());
	assert_int_equal(proc_read_ids(INT32_MAX, &ids), -ESRCH);
}

static void test_mapping(void **state)
{
	struct proc_mapping m;

	assert_true(mapping_of(&m, "7f5e8a000000-7f5e8a021000 r-xp 00012000 103:0a 393221                     /usr/lib/libc.so.6"));
	assert_int_equal(m.start, 0x7f5e8a000000);
	assert_int_equal(m.end, 0x7f5e8a021000);
	assert_int_equal(m.offset, 0x12000);
	assert_int_equal(m.id.major, 0x103);
	assert_int_equal(m.id.minor, 0x0a);
	assert_int_equal(m.id.inode, 393221);
	assert_int_equal(m.id.build_id_len, 0);
	assert_true(m.executable);
	assert_string_equal(m.path, "/usr/lib/libc.so.6");

	assert_true(mapping_of(&m, "00400000-00401000 rw-p 00000000 00:00 0 "));
	assert_false(m.executable);
	assert_string_equal(m.path, "");
	assert_true(mapping_of(&m, "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]"));
	assert_true(m.executable);
	assert_string_equal(m.path, "[vsyscall]");
}

static void test_mapping_odd_paths(void **state)
{
	struct proc_mapping m;
	struct buf line = {0};

	assert_true(mapping_of(&m, "1000-2000 r-xp 0 08:01 5    /tmp/a b  c (deleted)"));
	assert_string_equal(m.path, "/tmp/a b  c (deleted)");
	assert_true(mapping_of(&m, "1000-2000 r-xp 0 08:01 5    /tmp/two\\012lines\\012"));
	assert_string_equal(m.path, "/tmp/two\nlines\n");
	assert_true(mapping_of(&m, "1000-2000 r-xp 0 08:01 5    /tmp/1000-2000 rwxp \\01 \\ \x1b[31m\xff"));
	assert_string_equal(m.path, "/tmp/1000-2000 rwxp \\01 \\ \x1b[31m\xff");

	buf_puts(&line, "1000-2000 r-xp 0 08:01 5 /");
	for (int i = 0; i < 4094; i++)
		buf_puts(&line, i % 2 ? "\\012" : "y");
	assert_true(proc_parse_mapping(&m, line.v));
	assert_int_equal(strlen(m.path), 4095);
	buf_free(&line);
}

static void test_mapping_malformed(void **state)
{
	static const char whole[] = "1000-2000 r-xp 0 08:01 5 /x";
	static const char *const bad[] = {
		"-2000 r-xp 0 08:01 5 /x",
		"2000-1000 r-xp 0 08:01 5 /x",
		"1000-1000 r-xp 0 08:01 5 /x",
		"+1000-2000 r-xp 0 08:01 5 /x",
		"1000--2000 r-xp 0 08:01 5 /x",
		"11112222333344445-22223333444455556 r-xp 0 08:01 5 /x",
		"1000-2000 r-x 0 08:01 5 /x",
		"1000-2000 r-xp 0 08:01 ab /x",
		"Size:                132 kB",
	};
	struct proc_mapping m;
	char cut[sizeof(whole)];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(mapping_of(&m, bad[i]));
	for (size_t n = 0; n < sizeof(whole) - sizeof("/x"); n++) {
		memcpy(cut, whole, n);
		cut[n] = '\0';
		assert_false(mapping_of(&m, cut));
	}
}

struct looked_for {
	uint64_t start;
	bool found;
	struct proc_mapping m;
	char path[4096];
	uint64_t last_end;
};

static void look(void *ctx, const struct proc_mapping *m)
{
	struct looked_for *l = ctx;

	assert_true(m->executable);
	assert_true(m->start >= l->last_end);
	l->last_end = m->end;
	if (m->start != l->start)
		return;
	l->found = true;
	l->m = *m;
	snprintf(l->path, sizeof(l->path), "%s", m->path);
}

/* A file of ours, mapped as code, under a name full of traps: the oracle is stat(2) and what mmap(2) returned. */
static void test_own_maps(void **state)
{
	char dir[4096], path[4200], *slash;
	struct looked_for l = {0};
	struct stat st;
	ssize_t n;
	void *at;
	int fd;

	/* Beside this program: where that lies, code may be mapped. */
	n = readlink("/proc/self/exe", dir, sizeof(dir) - 32);
	assert_true(n > 0);
	dir[n] = '\0';
	slash = strrchr(dir, '/');
	strcpy(slash, "/proc-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/r-xp 1 2\n3 (deleted)", dir);
	fd = open(path, O_CREAT | O_RDWR, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 3 * 4096), 0);
	at = mmap(NULL, 2 * 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 4096);
	assert_ptr_not_equal(at, MAP_FAILED);
	assert_int_equal(fstat(fd, &st), 0);
	l.start = (uintptr_t)at;
	assert_true(proc_read_maps(getpid(), look, &l) > 10);
	assert_true(l.found);
	assert_int_equal(l.m.end, l.start + 2 * 4096);
	assert_int_equal(l.m.offset, 4096);
	assert_int_equal(l.m.id.inode, st.st_ino);
	assert_string_equal(l.path, path);
	unlink(path);
	rmdir(dir);
	close(fd);
	munmap(at, 2 * 4096);
}

/* Our own start is between boot and now, by the clock that the kernel counts it with. */
static void test_own_stat(void **state)
{
	uint64_t tick, now = clock_ns(CLOCK_BOOTTIME), child_tick;
	struct proc_stat st;
	pid_t child;

	assert_int_equal(proc_start_tick(getpid(), &tick), 0);
	assert_true(tick > 0 && tick * PROC_TICK_NS <= now);
	prctl(PR_SET_NAME, "a) R 0 (");
	assert_int_equal(proc_read_stat(getpid(), &st), 0);
	assert_string_equal(st.comm, "a) R 0 (");
	assert_int_equal(st.start_tick, tick);

	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	assert_int_equal(proc_start_tick(child, &child_tick), 0);
	assert_true(child_tick >= now / PROC_TICK_NS);
	assert_true(child_tick <= clock_ns(CLOCK_BOOTTIME) / PROC_TICK_NS);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(proc_read_stat(child, &st), -ESRCH);
	assert_int_equal(proc_read_maps(child, look, NULL), -ESRCH);
}

static void *live_on(void *arg)
{
	pause();
	return NULL;
}

static void count(void *ctx, const struct proc_mapping *m)
{
	++*(int *)ctx;
}

/* The main thread ends, another runs on: /proc/PID/maps is empty then, the process is not. */
static void test_main_thread_ended(void **state)
{
	struct proc_stat st = {0};
	int executable = 0;
	pthread_t thread;
	pid_t child = fork();

	if (!child) {
		pthread_create(&thread, NULL, live_on, NULL);
		pthread_exit(NULL);
	}
	while (st.state != 'Z') {
		assert_int_equal(proc_read_stat(child, &st), 0);
		usleep(1000);
	}
	assert_int_equal(st.threads, 2);
	assert_false(proc_ended(&st));
	assert_true(proc_read_maps(child, count, &executable) > 10);
	assert_true(executable > 2);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void test_kernel_thread(void **state)
{
	struct proc_stat st;
	int executable = 0, ret;

	assert_int_equal(proc_read_stat(2, &st), 0);
	assert_true(st.kernel);
	ret = proc_read_maps(2, count, &executable);
	assert_true(ret == 0 || ret == -EACCES);
	assert_int_equal(executable, 0);
}

/* In a container, pid 2 is anybody. */
static bool sees_kernel_threads(void)
{
	struct proc_stat st;

	return !proc_read_stat(2, &st) && !strcmp(st.comm, "kthreadd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_stat_odd_comm),
		cmocka_unit_test(test_stat_malformed),
		cmocka_unit_test(test_ended),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_mapping),
		cmocka_unit_test(test_mapping_odd_paths),
		cmocka_unit_test(test_mapping_malformed),
		cmocka_unit_test(test_own_maps),
		cmocka_unit_test(test_own_stat),
		cmocka_unit_test(test_main_thread_ended),
		cmocka_unit_test(test_kernel_thread), /* the last */
	};
	size_t n = sizeof(tests) / sizeof(tests[0]) - !sees_kernel_threads();

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return _cmocka_run_group_tests("tests", tests, n, NULL, NULL);
}
