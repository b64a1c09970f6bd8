// SPDX-License-Identifier: Apache-2.0
/*
 * The cache of image files: what was kept is found again for the same file and for no other, is not believed when it is damaged or
 * another's, stays within its limit, and may be used by several at a time.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "elf/symtab.h"
#include "symbolize/image_cache.h"
#include "symbolize/parse.h"

#define MB (1ull << 20)

static char dir[] = "/tmp/profile-cache-XXXXXX";
static int roots[PARSE_ROOTS];
static const struct buf no_paths;

static int set_up(void **state)
{
	for (size_t i = 0; i < PARSE_ROOTS; i++)
		roots[i] = open("/", O_PATH | O_DIRECTORY);
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	auto_free char *command = xasprintf("rm -rf %s", dir);

	return system(command);
}

/* A cache of a test's own; `path` is its directory, to be freed. */
static struct image_cache *new_cache(const char *name, uint64_t bytes, char **path)
{
	struct error err = {0};
	struct image_cache *c;

	*path = xasprintf("%s/%s", dir, name);
	c = image_cache_open(*path, bytes, &err);
	assert_string_equal(err.text, "");
	assert_non_null(c);
	return c;
}

/* An image of that inode, which has not changed for long. */
static struct image image_of(uint64_t inode)
{
	return (struct image){
		.path = (char *)"/usr/lib/libfirst.so",
		.id = {.st_dev = 0x801, .st_ino = inode, .st_size = 5000, .st_nlink = 1, .st_mtim.tv_sec = 1000, .st_ctim.tv_sec = 2000},
		.build_id = {1, 2, 3},
		.build_id_len = 20,
	};
}

/* What a parser would have written of it: one symbol, which tells of the number, and `bytes` of text that nobody asks for. */
static struct parser_result result_of(uint64_t number, size_t bytes)
{
	struct symtab t = {0};
	struct image_file_input in = {.tables = &t, .n_tables = 1};
	auto_free char *name = xasprintf("symbol_%llu", (unsigned long long)number), *filler = xcalloc(1, bytes + 1);
	struct parser_result r = {0};
	struct buf out = {0};

	memset(filler, 'x', bytes);
	symtab_add(&t, 0x1000, 0x1100, name, strlen(name));
	for (size_t at = 0; at < bytes; at += 4096) { /* names are unlike one another */
		snprintf(filler + at, 9, "%08x", (unsigned)at);
		filler[at + 8] = 'x';
		symtab_add(&t, 0x2000 + at, 0x2100 + at, filler + at, bytes - at < 4096 ? bytes - at : 4096);
	}
	assert_int_equal(image_file_build(&out, &in), 0);
	r.size = out.n;
	r.bytes = mmap(NULL, r.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(r.bytes, MAP_FAILED);
	memcpy(r.bytes, out.v, out.n);
	assert_int_equal(image_file_open(&r.file, r.bytes, r.size), 0);
	buf_free(&out);
	symtab_free(&t);
	return r;
}

static void free_result(struct parser_result *r)
{
	munmap(r->bytes, r->size);
}

static bool is_result(const struct parser_result *r, uint64_t number)
{
	auto_free char *name = xasprintf("symbol_%llu", (unsigned long long)number);
	struct image_frame frame;

	return image_file_find(&r->file, 0x1080, &frame, 1) == 1 && !strcmp(frame.name, name);
}

static void store(struct image_cache *c, const struct image *i, uint64_t number, size_t bytes)
{
	struct parser_result r = result_of(number, bytes);

	image_cache_store(c, i, IMAGE_SYMBOLS, &(struct image_cache_sources){&no_paths, NULL, 0}, &r);
	assert_true(is_result(&r, number));
	free_result(&r);
}

/* Is the image's entry found, and is it that number's? */
static bool finds(struct image_cache *c, const struct image *i, uint64_t number)
{
	enum image_level level = IMAGE_SYMBOLS;
	struct parser_result r;

	if (!image_cache_find(c, i, roots, &level, &r))
		return false;
	assert_true(is_result(&r, number));
	free_result(&r);
	return true;
}

/* The path of the only entry. */
static char *entry_path(const char *cache)
{
	auto_free char *command = xasprintf("ls %s", cache);
	char name[256] = "";
	FILE *in = popen(command, "r");

	assert_true(in && fgets(name, sizeof(name), in));
	pclose(in);
	name[strcspn(name, "\n")] = '\0';
	return xasprintf("%s/%s", cache, name);
}

static void levels(void **state)
{
	struct image i = image_of(1);
	struct parser_result r = result_of(1, 0), found;
	enum image_level level = IMAGE_SYMBOLS;
	auto_free char *path = NULL;
	struct image_cache *c = new_cache("levels", 8 * MB, &path);

	assert_false(finds(c, &i, 1));
	store(c, &i, 1, 0);
	assert_true(finds(c, &i, 1));
	level = IMAGE_DEBUG_INFO;
	assert_false(image_cache_find(c, &i, roots, &level, &found));
	image_cache_store(c, &i, IMAGE_DEBUG_INFO, &(struct image_cache_sources){&no_paths, NULL, 0}, &r);
	level = IMAGE_SYMBOLS;
	assert_true(image_cache_find(c, &i, roots, &level, &found));
	assert_int_equal(level, IMAGE_DEBUG_INFO);
	free_result(&found);
	free_result(&r);
	assert_int_equal(image_cache_refused(c), 0);
	image_cache_close(c);
	/* And by the next run. */
	c = image_cache_open(path, 8 * MB, NULL);
	assert_true(finds(c, &i, 1));
	assert_int_equal(image_cache_usage(c).entries, 1);
	image_cache_close(c);
}

/* All that a forger could choose, and one thing that he could not. */
static void no_other_file(void **state)
{
	struct image first = image_of(1), other[] = {first, first, first, first, first, first, first, first};
	auto_free char *path = NULL;
	struct image_cache *c = new_cache("other", 8 * MB, &path);

	store(c, &first, 1, 0);
	other[0].id.st_ino++;
	other[1].id.st_dev++;
	other[2].id.st_size++;
	other[3].id.st_mtim.tv_nsec++;
	other[4].id.st_ctim.tv_nsec++;
	other[5].id.st_uid = 1000;
	other[6].build_id[19]++;
	other[7].path = (char *)"/usr/lib/libsecond.so"; /* its debug files are looked for elsewhere */
	for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
		assert_false(finds(c, &other[i], 0));
		store(c, &other[i], 2 + i, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(other); i++)
		assert_true(finds(c, &other[i], 2 + i));
	assert_true(finds(c, &first, 1));
	image_cache_close(c);
}

static struct buf one_path(const char *text)
{
	struct parse_path p = {PARSE_DEBUG, 1, 0, strlen(text) + 1};
	struct buf paths = {0};

	buf_add(&paths, &p, sizeof(p));
	buf_add(&paths, text, p.length);
	return paths;
}

static void age(const char *path, time_t seconds)
{
	const struct timespec times[] = {{.tv_sec = seconds}, {.tv_sec = seconds}};

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void other_files_that_change(void **state)
{
	auto_free char *debug = xasprintf("%s/debug", dir), *path = NULL;
	struct image_cache *c = new_cache("sources", 8 * MB, &path);
	struct image i = image_of(1);
	struct buf paths = one_path(debug);
	struct image_cache_state before, now;
	struct image_cache_sources from = {&paths, &before, 1};
	struct parser_result r = result_of(1, 0);

	assert_true(image_cache_look(roots[1], debug, &before));
	assert_int_equal(before.inode, 0);
	image_cache_store(c, &i, IMAGE_SYMBOLS, &from, &r);
	assert_true(finds(c, &i, 1));
	assert_int_equal(file_write(debug, "1", 1, NULL), 0);
	assert_false(finds(c, &i, 1)); /* a debug file came */
	assert_false(image_cache_look(roots[1], debug, &before)); /* and is too young to be known */
	for (int tries = 0; tries < 100 && !image_cache_look(roots[1], debug, &before); tries++)
		usleep(100000);
	assert_true(image_cache_look(roots[1], debug, &now));
	assert_int_equal(now.size, 1);
	image_cache_store(c, &i, IMAGE_SYMBOLS, &from, &r);
	assert_true(finds(c, &i, 1));
	age(debug, 1000); /* no contents, but the kernel notes that */
	assert_false(finds(c, &i, 1));
	assert_int_equal(unlink(debug), 0);
	assert_false(finds(c, &i, 1));
	assert_int_equal(image_cache_refused(c), 0);
	free_result(&r);
	buf_free(&paths);
	image_cache_close(c);
}

static void young_and_deleted_files(void **state)
{
	struct image i = image_of(1);

	assert_true(image_cache_may_keep(&i));
	i.id.st_nlink = 0;
	assert_false(image_cache_may_keep(&i));
	i.id.st_nlink = 1;
	i.id.st_ctim.tv_sec = time(NULL);
	assert_false(image_cache_may_keep(&i));
}

static void damaged_entries(void **state)
{
	auto_free char *path = NULL, *entry = NULL;
	struct image_cache *c = new_cache("damaged", 8 * MB, &path);
	struct image i = image_of(1);
	struct buf whole = {0};

	store(c, &i, 1, 0);
	entry = entry_path(path);
	assert_int_equal(file_read(entry, MB, &whole), 0);
	for (size_t at = 0; at < whole.n; at++) {
		whole.v[at] ^= 0x10;
		assert_int_equal(file_write_volatile(entry, whole.v, whole.n, NULL), 0);
		assert_false(finds(c, &i, 1));
		whole.v[at] ^= 0x10;
	}
	assert_int_equal(image_cache_refused(c), whole.n);
	for (size_t n = 0; n < whole.n; n += n < 600 ? 1 : 37) {
		assert_int_equal(file_write_volatile(entry, whole.v, n, NULL), 0);
		assert_false(finds(c, &i, 1));
	}
	buf_putc(&whole, '\0');
	assert_int_equal(file_write_volatile(entry, whole.v, whole.n, NULL), 0);
	assert_false(finds(c, &i, 1));
	store(c, &i, 1, 0); /* made anew, in its place */
	assert_true(finds(c, &i, 1));
	assert_int_equal(image_cache_usage(c).entries, 1);
	buf_free(&whole);
	image_cache_close(c);
}

static void entries_of_others(void **state)
{
	auto_free char *path = NULL, *entry = NULL, *copy = xasprintf("%s/copy", dir);
	struct image_cache *c = new_cache("foreign", 8 * MB, &path);
	struct image i = image_of(1);

	store(c, &i, 1, 0);
	entry = entry_path(path);
	assert_int_equal(chmod(entry, 0644), 0);
	assert_false(finds(c, &i, 1));
	assert_int_equal(chmod(entry, 0600), 0);
	assert_true(finds(c, &i, 1));
	if (!geteuid()) {
		assert_int_equal(chown(entry, 65534, 65534), 0);
		assert_false(finds(c, &i, 1));
		assert_int_equal(chown(entry, 0, 0), 0);
	}
	assert_int_equal(rename(entry, copy), 0);
	assert_int_equal(symlink(copy, entry), 0);
	assert_false(finds(c, &i, 1));
	assert_int_equal(unlink(entry), 0);
	assert_int_equal(mkfifo(entry, 0600), 0);
	assert_false(finds(c, &i, 1)); /* and nobody waits for its writer */
	store(c, &i, 1, 0);
	assert_true(finds(c, &i, 1));
	image_cache_close(c);
}

static void directories_of_others(void **state)
{
	auto_free char *path = xasprintf("%s/open", dir), *link = xasprintf("%s/link", dir), *none = xasprintf("%s/no/parent", dir);
	struct error err = {0};

	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, 0750), 0);
	assert_null(image_cache_open(path, MB, &err));
	assert_non_null(strstr(err.text, "chmod 0700"));
	assert_int_equal(chmod(path, 0700), 0);
	assert_int_equal(symlink(path, link), 0);
	assert_null(image_cache_open(link, MB, NULL));
	assert_null(image_cache_open(none, MB, NULL));
	if (!geteuid()) {
		err = (struct error){0};
		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_null(image_cache_open(path, MB, &err));
		assert_non_null(strstr(err.text, "belongs to user 65534"));
	}
}

/* The oldest use goes first, and all that is there never is more than the limit. */
static void limit(void **state)
{
	auto_free char *path = NULL;
	struct image_cache *c = new_cache("limit", 4 * MB, &path);
	unsigned kept = 0;

	for (uint64_t n = 0; n < 40; n++) {
		struct image i = image_of(n), first = image_of(0);
		struct image_cache_usage u;

		store(c, &i, n, 500000);
		assert_true(finds(c, &i, n));
		u = image_cache_usage(c);
		assert_true(u.bytes <= 4 * MB);
		/* All entries as if of long ago, but the first: it was used just now. */
		auto_free char *command = xasprintf("touch -d @%u %s/*", 1000 + (unsigned)n, path);
		assert_int_equal(system(command), 0);
		assert_true(finds(c, &first, 0));
	}
	for (uint64_t n = 0; n < 40; n++) {
		struct image i = image_of(n);

		kept += finds(c, &i, n);
	}
	assert_in_range(kept, 3, 8);
	/* What would push out too many others is not kept. */
	struct image large = image_of(100);
	store(c, &large, 100, 1500000);
	assert_false(finds(c, &large, 100));
	image_cache_close(c);
}

static void what_was_left_over(void **state)
{
	auto_free char *path = NULL, *old = NULL, *young = NULL;
	struct image_cache *c = new_cache("left", MB, &path);

	old = xasprintf("%s/.new-1-1", path);
	young = xasprintf("%s/.new-2-1", path);
	assert_int_equal(file_write_volatile(old, "x", 1, NULL) | file_write_volatile(young, "x", 1, NULL), 0);
	age(old, time(NULL) - 2 * 3600);
	image_cache_close(c);
	c = image_cache_open(path, MB, NULL);
	assert_int_equal(access(old, F_OK), -1);
	assert_int_equal(access(young, F_OK), 0); /* somebody may be at it */
	assert_int_equal(image_cache_usage(c).entries, 0);
	image_cache_close(c);
}

/* One of several at the same few entries, with too little room for all. 0: all that was found was right. */
static int use_for_a_while(const char *path, unsigned seed)
{
	struct image_cache *c = image_cache_open(path, 2 * MB, NULL);

	if (!c)
		return 1;
	for (unsigned n = 0; n < 300; n++) {
		enum image_level level = IMAGE_SYMBOLS;
		struct parser_result r;
		uint64_t number;

		seed = seed * 1664525 + 1013904223;
		number = (seed >> 16) % 12;
		struct image i = image_of(number);
		if (!image_cache_find(c, &i, roots, &level, &r)) {
			r = result_of(number, 300000);
			image_cache_store(c, &i, level, &(struct image_cache_sources){&no_paths, NULL, 0}, &r);
		}
		if (!is_result(&r, number) || image_cache_refused(c))
			return 2;
		free_result(&r);
	}
	image_cache_close(c);
	return 0;
}

static void several_at_a_time(void **state)
{
	auto_free char *path = NULL, *left = NULL;
	struct image_cache *c = new_cache("several", 2 * MB, &path);
	pid_t children[4];

	for (unsigned n = 0; n < ARRAY_SIZE(children); n++) {
		children[n] = fork();
		if (!children[n])
			_exit(use_for_a_while(path, n));
	}
	for (unsigned n = 0; n < ARRAY_SIZE(children); n++) {
		int status;

		assert_int_equal(waitpid(children[n], &status, 0), children[n]);
		assert_int_equal(status, 0);
	}
	left = xasprintf("test -z \"$(find %s -name '.new-*')\"", path);
	assert_int_equal(system(left), 0);
	image_cache_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels),
		cmocka_unit_test(no_other_file),
		cmocka_unit_test(other_files_that_change),
		cmocka_unit_test(young_and_deleted_files),
		cmocka_unit_test(damaged_entries),
		cmocka_unit_test(entries_of_others),
		cmocka_unit_test(directories_of_others),
		cmocka_unit_test(limit),
		cmocka_unit_test(what_was_left_over),
		cmocka_unit_test(several_at_a_time),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
