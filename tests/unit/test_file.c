// SPDX-License-Identifier: Apache-2.0
/* Files written as a whole or not at all, and what their path may be besides a name that is free. */
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/profile-file-XXXXXX";

static int set_up(void **state)
{
	return mkdtemp(dir) && !chdir(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	auto_free char *command = xasprintf("rm -rf %s", dir);

	return system(command);
}

static void expect(const char *path, const char *text)
{
	struct buf b = {0};

	buf_puts(&b, "");
	assert_int_equal(file_read(path, 1 << 20, &b), 0);
	assert_string_equal(b.v, text);
	buf_free(&b);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode;
}

static size_t files(void)
{
	size_t n = 0;
	FILE *list = popen("ls -A | wc -l", "r");

	assert_int_equal(fscanf(list, "%zu", &n), 1);
	pclose(list);
	return n;
}

static void new_files_follow_the_umask(void **state)
{
	mode_t before = umask(027);

	assert_int_equal(file_write("new", "one", 3, NULL), 0);
	expect("new", "one");
	assert_int_equal(mode_of("new") & 07777, 0640);
	umask(before);
}

/* Somebody chose who may read it. */
static void replaced_files_keep_their_permissions(void **state)
{
	assert_int_equal(file_write("private", "one", 3, NULL), 0);
	assert_int_equal(chmod("private", 0600), 0);
	assert_int_equal(file_write("private", "two", 3, NULL), 0);
	expect("private", "two");
	assert_int_equal(mode_of("private") & 07777, 0600);
	if (!getuid()) {
		struct stat st;

		assert_int_equal(chown("private", 1234, 5678), 0);
		assert_int_equal(file_write("private", "three", 5, NULL), 0);
		assert_int_equal(stat("private", &st), 0);
		assert_int_equal(st.st_uid, 1234);
		assert_int_equal(st.st_gid, 5678);
	}
}

static void links_are_replaced(void **state)
{
	assert_int_equal(file_write("target", "kept", 4, NULL), 0);
	assert_int_equal(symlink("target", "link"), 0);
	assert_int_equal(file_write("link", "new", 3, NULL), 0);
	assert_true(S_ISREG(mode_of("link")));
	expect("link", "new");
	expect("target", "kept");
}

/* "> FILE", and /dev/stdout as the output: the link in /dev stays, the bytes go where the shell said, behind what is there. */
static void own_standard_output(void **state)
{
	int before, fd = open("redirected", O_WRONLY | O_CREAT | O_APPEND, 0600), ret;

	assert_int_equal(symlink("/proc/self/fd/1", "stdout"), 0);
	assert_int_equal(write(fd, "first,", 6), 6);
	fflush(stdout);
	before = dup(STDOUT_FILENO);
	dup2(fd, STDOUT_FILENO);
	ret = file_write("stdout", "second", 6, NULL);
	dup2(before, STDOUT_FILENO);
	close(before);
	close(fd);
	assert_int_equal(ret, 0);
	assert_true(S_ISLNK(mode_of("stdout")));
	expect("redirected", "first,second");
}

static void special_files_are_written_to(void **state)
{
	char got[8] = "";
	int fd;

	assert_int_equal(file_write("/dev/null", "x", 1, NULL), 0);
	assert_true(S_ISCHR(mode_of("/dev/null")));
	assert_int_equal(mkfifo("fifo", 0600), 0);
	fd = open("fifo", O_RDONLY | O_NONBLOCK);
	assert_int_equal(file_write("fifo", "text", 4, NULL), 0);
	assert_int_equal(read(fd, got, sizeof(got)), 4);
	assert_string_equal(got, "text");
	assert_true(S_ISFIFO(mode_of("fifo")));
	close(fd);
}

static void failures_leave_nothing_behind(void **state)
{
	struct rlimit before, small;
	struct error err = {0};
	char text[8192];
	size_t n;
	int ret;

	memset(text, 'x', sizeof(text));
	assert_int_equal(file_write("old", "old", 3, NULL), 0);
	assert_int_equal(mkdir("directory", 0700), 0);
	n = files();
	assert_int_equal(file_write("directory", "x", 1, &err), -EISDIR);
	assert_string_equal(err.text, "cannot write directory: Is a directory");
	assert_int_equal(file_write("missing/x", "x", 1, NULL), -ENOENT);
	/* A disk that is full after half of it. */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	ret = file_write("old", text, sizeof(text), NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(ret, -EFBIG);
	expect("old", "old");
	assert_int_equal(files(), n);
}

static void reading_is_bounded(void **state)
{
	struct buf b = {0};

	assert_int_equal(file_write("ten", "0123456789", 10, NULL), 0);
	assert_int_equal(file_read("ten", 10, &b), 0);
	assert_int_equal(b.n, 10);
	assert_int_equal(file_read("ten", 9, &b), -EFBIG);
	assert_int_equal(file_read("none", 9, &b), -ENOENT);
	buf_truncate(&b, 0);
	assert_int_equal(file_read("/proc/self/stat", 4096, &b), 0); /* its size is said to be 0 */
	assert_true(b.n > 10);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_files_follow_the_umask),
		cmocka_unit_test(replaced_files_keep_their_permissions),
		cmocka_unit_test(links_are_replaced),
		cmocka_unit_test(own_standard_output),
		cmocka_unit_test(special_files_are_written_to),
		cmocka_unit_test(failures_leave_nothing_behind),
		cmocka_unit_test(reading_is_bounded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
