// SPDX-License-Identifier: Apache-2.0
/* What is a debuginfod server, what may be asked of one, and the store of what was fetched. No server is asked here. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "symbolize/debuginfod.h"
#include "symbolize/fetch_store.h"

static char dir[] = "/tmp/profile-fetched-XXXXXX";
static const char id[] = "0123456789abcdef0123456789abcdef01234567";

static int set_up(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	auto_free char *command = xasprintf("rm -rf %s", dir);

	return system(command);
}

static char *place(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static struct fetch_store *open_store(const char *name, uint64_t bytes)
{
	auto_free char *path = place(name);
	struct error err = {0};
	struct fetch_store *s = fetch_store_open(path, bytes, &err);

	assert_string_equal(err.text, "");
	return s;
}

static void test_urls(void **state)
{
	static const char *const good[] = {
		"http://h", "https://debuginfod.example.org/", " http://a:8002/x/y  https://b ", "ima:enforcing https://h ima:ignore",
		"http://user:secret@h:1",
	};
	static const char *const bad[] = {
		"", "  ", "h", "file:///tmp", "ftp://h", "http://", "http:///x", "https://h?x", "https://h/#x", "http://a b", "HTTP://h",
		"http://h\r", "http://h\x7f", "http://\xc3\xa4", "ima:enforcing", "http://a http://b file:///",
	};
	char many[40 * (FETCH_SERVERS_MAX + 1)] = "";
	struct error err;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		err = (struct error){0};
		assert_int_equal(debuginfod_check(good[i], &err), 0);
		assert_int_equal(err.code, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		err = (struct error){0};
		if (!debuginfod_check(bad[i], &err))
			fail_msg("'%s' was taken", bad[i]);
		assert_true(strlen(err.text) > 10);
	}
	for (int i = 0; i <= FETCH_SERVERS_MAX; i++) {
		assert_int_equal(!i || !debuginfod_check(many, NULL), 1);
		sprintf(many + strlen(many), "http://host%d ", i);
	}
	assert_int_not_equal(debuginfod_check(many, NULL), 0);
}

/* A build id is a part of a path and of a URL, and comes from who read a foreign file. */
static void test_ids(void **state)
{
	static const char *const bad[] = {
		"", "../../../../etc/passwd", "0123456789abcde", "0123456789abcd", "0123456789ABCDEF", "0123456789abcdef/", "note-0123456789abcdef",
		"0123456789abcdef0123456789abcdef0123456789", "0123456789abcdef ", "0123456789abcdeg",
	};
	auto_free char *path = place("ids");
	const struct debuginfod_options o = {.urls = "http://127.0.0.1:1", .dir = path, .bytes = 1 << 20};
	struct debuginfod *d = debuginfod_open(&o, NULL);

	assert_non_null(d);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(debuginfod_want(d, bad[i]));
		assert_null(debuginfod_find(d, bad[i]));
	}
	assert_int_equal(debuginfod_counts(d).unasked, ARRAY_SIZE(bad));
	assert_true(debuginfod_want(d, id));
	assert_true(debuginfod_want(d, id));
	assert_true(debuginfod_is_coming(d, id));
	assert_false(debuginfod_is_coming(d, "0123456789abcdef"));
	debuginfod_close(d);
}

/* The queue ends, however many files somebody maps. */
static void test_queue(void **state)
{
	auto_free char *path = place("queue");
	const struct debuginfod_options o = {.urls = "http://127.0.0.1:1", .dir = path, .bytes = 1 << 20};
	struct debuginfod *d = debuginfod_open(&o, NULL);
	unsigned taken = 0;
	char hex[41];

	for (unsigned i = 0; i < 5000; i++) {
		snprintf(hex, sizeof(hex), "%040x", i);
		taken += debuginfod_want(d, hex);
	}
	assert_in_range(taken, 100, 2000);
	debuginfod_close(d);
}

static void fetch(struct fetch_store *s, const char *name, size_t bytes)
{
	auto_free char *under_way = NULL, *zeros = xcalloc(bytes, 1);
	auto_close int fd = fetch_store_new(s, &under_way);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, zeros, bytes), 0);
	assert_null(fetch_store_find(s, name));
	assert_int_equal(fetch_store_keep(s, under_way, name), 0);
}

static bool has(struct fetch_store *s, const char *name)
{
	auto_free char *path = fetch_store_find(s, name);
	struct stat st;

	return path && !stat(path, &st);
}

static void set_time(const char *store, const char *name, time_t when)
{
	const struct timespec times[] = {{.tv_sec = when}, {.tv_sec = when}};
	auto_free char *path = xasprintf("%s/%s/%s", dir, store, name);

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* What was not used for longest goes; what is under way stays, unless nobody writes it any more. */
static void test_limit(void **state)
{
	struct fetch_store *s = open_store("limit", 1 << 20);
	auto_free char *under_way = NULL;
	int fd;

	fetch(s, "first", 400 << 10);
	fetch(s, "second", 400 << 10);
	set_time("limit", "first", 2000);
	set_time("limit", "second", 1000);
	fd = fetch_store_new(s, &under_way);
	close(fd);
	fetch(s, "third", 400 << 10);
	assert_true(has(s, "first"));
	assert_false(has(s, "second"));
	assert_true(has(s, "third"));
	assert_true(has(s, under_way));
	set_time("limit", under_way, time(NULL) - 7200);
	fetch(s, "fourth", 1);
	assert_false(has(s, under_way));
	/* One larger than the limit is not to become: the room says so. */
	assert_in_range(fetch_store_room(s), 1, 1 << 20);
	fetch_store_close(s);
	s = open_store("limit", 300 << 10);
	assert_false(has(s, "first"));
	fetch_store_close(s);
	s = open_store("large", 1ull << 50);
	assert_true(fetch_store_room(s) <= FETCH_FILE_BYTES_MAX);
	fetch_store_close(s);
}

static void test_notes(void **state)
{
	struct fetch_store *s = open_store("notes", 1 << 20);

	assert_false(fetch_store_noted(s, "x"));
	fetch_store_note(s, "x", 3600);
	assert_true(fetch_store_noted(s, "x"));
	assert_false(fetch_store_noted(s, "y"));
	set_time("notes", "note-x", time(NULL) - 1);
	assert_false(fetch_store_noted(s, "x"));
	fetch_store_note(s, "x", 3600);
	assert_true(fetch_store_noted(s, "x"));
	/* Made before the clock was set back by years. */
	set_time("notes", "note-x", time(NULL) + 1000000);
	assert_false(fetch_store_noted(s, "x"));
	fetch_store_note(s, "x", 3600);
	for (int i = 0; i < 9000; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		fetch_store_note(s, name, 7200);
	}
	fetch_store_note(s, "last", 8000);
	fetch_store_close(s);
	/* Of too many, those go that would end first. */
	s = open_store("notes", 1 << 20);
	assert_false(fetch_store_noted(s, "x"));
	assert_true(fetch_store_noted(s, "last"));
	fetch_store_close(s);
}

/* A directory of somebody else's choice is refused; one of our own goes with the store. */
static void test_places(void **state)
{
	auto_free char *open_to_all = place("open"), *link = place("link"), *private = place("private"), *found = NULL;
	struct error err = {0};
	struct fetch_store *s;

	assert_int_equal(mkdir(open_to_all, 0755), 0);
	assert_null(fetch_store_open(open_to_all, 1 << 20, &err));
	assert_non_null(strstr(err.text, open_to_all));
	assert_int_equal(mkdir(private, 0700), 0);
	assert_int_equal(symlink(private, link), 0);
	assert_null(fetch_store_open(link, 1 << 20, NULL));
	assert_int_equal(setenv("TMPDIR", dir, 1), 0);
	s = fetch_store_open(NULL, 1 << 20, &err);
	assert_non_null(s);
	fetch(s, "file", 10);
	found = fetch_store_find(s, "file");
	assert_non_null(found);
	assert_int_equal(access(found, R_OK), 0);
	fetch_store_close(s);
	*strrchr(found, '/') = '\0';
	assert_int_equal(access(found, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),  cmocka_unit_test(test_ids),   cmocka_unit_test(test_queue),
		cmocka_unit_test(test_limit), cmocka_unit_test(test_notes), cmocka_unit_test(test_places),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
