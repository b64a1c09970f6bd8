// SPDX-License-Identifier: Apache-2.0
/*
 * Unwind tables by way of parser processes: what arrives is what the file says; a parser that dies, hangs or lies costs its own file the
 * table and no other; and what a parser made once is in the cache.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "symbolize/foreign.h"
#include "symbolize/parse.h"
#include "symbolize/unwind_digest.h"

#include "frame_maker.h"

#define GONE 0x3FFFFFFF /* above the highest pid there can be */

static char dir[] = "/tmp/profile-unwind-XXXXXX";

/* The parser of this test: what the file's last eight bytes ask for. */
static void parse(const int *fds)
{
	static const uint32_t words[8] = {1, 6, 8, 1}; /* no table */
	struct unwind_table lie = {0};
	struct buf out = {0};
	char wish[8] = "";
	struct stat st;
	int fd = foreign_open(fds[PARSE_FILE]);

	if (fd < 0 || fstat(fd, &st) || pread(fd, wish, sizeof(wish), st.st_size - sizeof(wish)) != sizeof(wish))
		_exit(PARSE_FAILED);
	if (!memcmp(wish, "die", 3))
		raise(SIGKILL);
	if (!memcmp(wish, "hang", 4))
		pause();
	if (!memcmp(wish, "garbage", 7)) {
		file_write_fd(fds[PARSE_RESULT], words, sizeof(words));
		_exit(PARSE_DONE);
	}
	if (!memcmp(wish, "lie", 3)) {
		*vec_push(&lie.parts) = (struct unwind_part){.start = TEXT, .end = TEXT + UNWIND_BUCKET_BYTES, .words = words, .n_words = 8};
		image_file_build(&out, &(struct image_file_input){.unwind = &lie});
		file_write_fd(fds[PARSE_RESULT], out.v, out.n);
		_exit(PARSE_DONE);
	}
	parse_image(fds);
}

/* One file: its table, and what was made of it. */
struct asked {
	struct image *image;
	int done; /* times */
	bool has_table;
	size_t parts, functions;
	uint64_t cfa_offset; /* of the function's second row */
};

#define ASKED_MAX 64

struct fixture {
	struct images *images;
	struct parsers *parsers;
	struct unwind_digests *digests;
	struct asked asked[ASKED_MAX];
	size_t n;
};

static void take(void *ctx, struct image *i, const struct unwind_table *t)
{
	struct fixture *f = ctx;
	struct asked *a = f->asked;

	while (a->image != i)
		a++;
	assert_ptr_not_equal(a, f->asked + f->n);
	a->done++;
	a->has_table = t;
	if (!t)
		return;
	a->parts = t->parts.n;
	a->functions = t->counts.functions;
	if (t->parts.n)
		a->cfa_offset = unwind_table_find(&t->parts.v[0], TEXT + 0x11)->cfa_offset;
}

static void open_all(struct fixture *f, struct image_cache *cache)
{
	memset(f, 0, sizeof(*f));
	f->images = images_new();
	f->parsers = parsers_new();
	f->digests = unwind_digests_new(f->images, f->parsers, cache, take, f);
}

static void close_all(struct fixture *f)
{
	unwind_digests_free(f->digests);
	for (size_t i = 0; i < f->n; i++)
		images_release(f->images, f->asked[i].image);
	images_free(f->images);
	parsers_free(f->parsers);
}

/* A function whose CFA is `offset` bytes away from its second instruction on; 0: nothing describes the text. */
static char *make_file(const char *name, unsigned offset, const char *wish)
{
	char program[] = {0x41, 0x0e, offset}, *path = xasprintf("%s/%s", dir, name);
	struct buf section = {0};
	struct elf_maker m;
	char last[8] = "";
	uint64_t at;

	put_fde(&section, put_usual_cie(&section), 0x1010, 0x20, program, sizeof(program));
	maker_start(&m);
	at = maker_bytes(&m, section.v, section.n);
	maker_segment(&m, (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = TEXT, .p_memsz = TEXT_END - TEXT});
	if (offset)
		maker_section(&m, ".eh_frame", (Elf64_Shdr){.sh_type = SHT_PROGBITS, .sh_addr = FRAME_ADDRESS, .sh_offset = at, .sh_size = section.n});
	maker_end(&m, true);
	snprintf(last, sizeof(last), "%s", wish);
	buf_add(&m.file, last, sizeof(last));
	assert_int_equal(file_write(path, m.file.v, m.file.n, NULL), 0);
	maker_free(&m);
	buf_free(&section);
	return path;
}

/* As if a process had it mapped. */
static struct asked *add(struct fixture *f, const char *path)
{
	struct mapping m = {.start = 0x1000, .end = 0x2000, .path = (char *)path};
	struct asked *a = &f->asked[f->n++];
	struct stat st;

	assert_true(f->n <= ASKED_MAX);
	assert_int_equal(stat(path, &st), 0);
	m.id = (struct file_id){.major = major(st.st_dev), .minor = minor(st.st_dev), .inode = st.st_ino};
	a->image = images_open(f->images, GONE, &m);
	assert_non_null(a->image);
	return a;
}

static struct asked *ask(struct fixture *f, const char *name, unsigned offset, const char *wish)
{
	auto_free char *path = make_file(name, offset, wish);
	struct asked *a = add(f, path);

	unwind_digests_ask(f->digests, a->image, GONE);
	return a;
}

static void wait_all(struct fixture *f)
{
	while (unwind_digests_wait(f->digests, UINT64_MAX))
		;
}

static void check_table(const struct asked *a, unsigned offset)
{
	assert_int_equal(a->done, 1);
	assert_true(a->has_table);
	assert_int_equal(a->parts, 1);
	assert_int_equal(a->functions, 1);
	assert_int_equal(a->cfa_offset, offset);
}

static void many_files(void **state)
{
	struct fixture f;
	struct digest_counts c;

	open_all(&f, NULL);
	for (unsigned i = 0; i < 40; i++) {
		char name[32];

		snprintf(name, sizeof(name), "many%u", i);
		ask(&f, name, 16 + i, "");
	}
	wait_all(&f);
	for (unsigned i = 0; i < 40; i++)
		check_table(&f.asked[i], 16 + i);
	assert_false(unwind_digests_wait(f.digests, UINT64_MAX)); /* nothing is left */
	c = unwind_digests_counts(f.digests);
	assert_int_equal(c.images, 40);
	assert_int_equal(c.processes, 40);
	close_all(&f);
}

static void files_without_rules(void **state)
{
	struct asked *none, *text;
	struct fixture f;

	open_all(&f, NULL);
	none = ask(&f, "none", 0, "");
	auto_free char *path = xasprintf("%s/text", dir);
	assert_int_equal(file_write(path, "no ELF file\n", 12, NULL), 0);
	text = add(&f, path);
	unwind_digests_ask(f.digests, text->image, GONE);
	wait_all(&f);
	assert_int_equal(none->done, 1);
	assert_int_equal(none->parts, 0);
	assert_int_equal(text->done, 1);
	assert_false(text->has_table);
	assert_int_equal(unwind_digests_counts(f.digests).processes, 1);
	close_all(&f);
}

/* Each costs its own file the table, is counted, and is not tried again. */
static void parsers_that_fail(void **state)
{
	static const char *const wishes[] = {"die", "garbage", "lie"};
	struct fixture f;
	struct digest_counts c;

	open_all(&f, NULL);
	for (int i = 0; i < 3; i++) {
		char name[32];

		ask(&f, wishes[i], 32, wishes[i]);
		snprintf(name, sizeof(name), "beside-%d", i);
		ask(&f, name, 64 + i, "");
	}
	wait_all(&f);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(f.asked[2 * i].done, 1);
		assert_false(f.asked[2 * i].has_table);
		check_table(&f.asked[2 * i + 1], 64 + i);
	}
	c = unwind_digests_counts(f.digests);
	assert_int_equal(c.died, 3);
	for (int i = 0; i < 3; i++)
		unwind_digests_ask(f.digests, f.asked[2 * i].image, GONE);
	wait_all(&f);
	c = unwind_digests_counts(f.digests);
	assert_int_equal(c.refused, 3);
	assert_int_equal(c.processes, 6);
	for (int i = 0; i < 3; i++)
		assert_int_equal(f.asked[2 * i].done, 2);
	close_all(&f);
}

/* The others do not wait for it; nor does the end. */
static void a_parser_that_hangs(void **state)
{
	struct asked *hanging;
	struct fixture f;
	size_t done;

	open_all(&f, NULL);
	hanging = ask(&f, "hanging", 32, "hang");
	for (unsigned i = 0; i < 20; i++) {
		char name[32];

		snprintf(name, sizeof(name), "behind%u", i);
		ask(&f, name, 16 + i, "");
	}
	do {
		unwind_digests_wait(f.digests, clock_ns(CLOCK_MONOTONIC) + 100 * NS_PER_MS);
		done = 0;
		for (size_t i = 1; i < f.n; i++)
			done += f.asked[i].done;
	} while (done < 20);
	for (unsigned i = 0; i < 20; i++)
		check_table(&f.asked[i + 1], 16 + i);
	assert_int_equal(hanging->done, 0);
	assert_false(unwind_digests_wait(f.digests, clock_ns(CLOCK_MONOTONIC) + NS_PER_MS));
	close_all(&f);
}

/* Written to after it was mapped: what it says now is of other code. */
static void a_file_that_changes(void **state)
{
	auto_free char *path = make_file("changes", 32, "");
	struct fixture f;
	struct asked *a;
	int fd;

	open_all(&f, NULL);
	a = add(&f, path);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "", 1, a->image->id.st_size - 1), 1);
	assert_int_equal(futimens(fd, (const struct timespec[]){{1, 0}, {1, 0}}), 0); /* whatever the clock of the file system does */
	close(fd);
	unwind_digests_ask(f.digests, a->image, GONE);
	wait_all(&f);
	assert_int_equal(a->done, 1);
	assert_false(a->has_table);
	assert_int_equal(unwind_digests_counts(f.digests).changed, 1);
	close_all(&f);
}

/* The only child of this process. */
static pid_t server(void)
{
	auto_free char *path = xasprintf("/proc/self/task/%d/children", getpid());
	struct buf text = {0};
	pid_t pid = file_read(path, 4096, &text) || !text.n ? 0 : atoi(text.v);

	buf_free(&text);
	return pid;
}

static void a_server_that_is_killed(void **state)
{
	struct fixture f;
	pid_t before;

	open_all(&f, NULL);
	ask(&f, "first", 32, "");
	wait_all(&f);
	before = server();
	if (!before) {
		close_all(&f);
		print_message("# skipped: this kernel does not tell of children\n");
		skip();
	}
	assert_int_equal(kill(before, SIGKILL), 0);
	ask(&f, "second", 48, "");
	wait_all(&f);
	check_table(&f.asked[0], 32);
	check_table(&f.asked[1], 48);
	assert_int_not_equal(server(), before);
	close_all(&f);
	assert_int_equal(server(), 0); /* nothing is left of it */
}

static void from_the_cache(void **state)
{
	auto_free char *cache_dir = xasprintf("%s/cache", dir), *path = make_file("cached", 80, ""), *none = make_file("bare", 0, "");
	struct error err = {0};
	struct image_cache *cache = image_cache_open(cache_dir, 64ull << 20, &err);
	struct digest_counts c;
	struct fixture f;

	assert_non_null(cache);
	for (int round = 0; round < 2; round++) {
		open_all(&f, cache);
		while (!image_cache_may_keep(add(&f, path)->image)) {
			images_release(f.images, f.asked[--f.n].image);
			usleep(50000);
		}
		add(&f, none);
		for (size_t i = 0; i < 2; i++)
			unwind_digests_ask(f.digests, f.asked[i].image, GONE);
		if (round) /* at once */
			assert_int_equal(f.asked[0].done + f.asked[1].done, 2);
		wait_all(&f);
		check_table(&f.asked[0], 80);
		assert_int_equal(f.asked[1].parts, 0);
		c = unwind_digests_counts(f.digests);
		assert_int_equal(c.processes, round ? 0 : 2);
		assert_int_equal(c.cached, round ? 2 : 0);
		close_all(&f);
	}
	image_cache_close(cache);
}

static int set_up(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	auto_free char *command = xasprintf("rm -rf %s", dir);

	return system(command);
}

int main(int argc, char **argv)
{
	if (helper_is_wanted(argc, argv))
		return parse_serve(parse);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_files),
		cmocka_unit_test(files_without_rules),
		cmocka_unit_test(parsers_that_fail),
		cmocka_unit_test(a_parser_that_hangs),
		cmocka_unit_test(a_file_that_changes),
		cmocka_unit_test(a_server_that_is_killed),
		cmocka_unit_test(from_the_cache),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
