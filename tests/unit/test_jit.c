// SPDX-License-Identifier: Apache-2.0
/* Perf maps and jitdumps: their text and records, then as files of this very process, honest ones and others. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "symbolize/jit.h"
#include "symbolize/jitdump.h"
#include "symbolize/perf_map.h"

static const char *name_at(const struct code_map *m, uint64_t address, uint64_t time)
{
	const struct code_range *r = code_map_find(m, address, time);

	return r ? m->names.v + r->name : "(none)";
}

static const char map_text[] = "1000 10 plain\n"
			       "0x2000 0x20 with prefix\n"
			       "\t3000 10 leading\n"
			       "4000 10\n"
			       "4000 10 \n"
			       "zz 10 x\n"
			       "5000 zz x\n"
			       "6000 0 empty\n"
			       "ffffffffffffffff 2 around\n"
			       "11111111111111111 2 seventeen digits\n"
			       "7000 10 \xff\xfe not UTF-8\n"
			       "8000 10 windows\r\n"
			       "1008 4 inner\n"
			       "-9000 10 negative\n"
			       "\n"
			       "a000 10 no newline";

/* In pieces of any size it says the same. */
static void perf_map_lines(void **state)
{
	for (size_t piece = 1; piece < sizeof(map_text); piece++) {
		struct perf_map m = {0};
		struct code_map code = {0};

		for (size_t at = 0; at < sizeof(map_text) - 1; at += piece)
			perf_map_feed(&m, &code, map_text + at,
				      piece < sizeof(map_text) - 1 - at ? piece : sizeof(map_text) - 1 - at);
		assert_string_equal(name_at(&code, 0x1000, 0), "plain");
		assert_string_equal(name_at(&code, 0x1008, 0), "inner");
		assert_string_equal(name_at(&code, 0x100c, 0), "plain");
		assert_string_equal(name_at(&code, 0x1010, 0), "(none)");
		assert_string_equal(name_at(&code, 0x201f, 0), "with prefix");
		assert_string_equal(name_at(&code, 0x7000, 0), "\xff\xfe not UTF-8");
		assert_string_equal(name_at(&code, 0x8000, 0), "windows");
		for (uint64_t address = 0x3000; address < 0x7000; address += 0x1000)
			assert_string_equal(name_at(&code, address, 0), "(none)");
		assert_string_equal(name_at(&code, 0x9000, 0), "(none)");
		assert_string_equal(name_at(&code, 0xa000, 0), "(none)"); /* not complete yet */
		assert_int_equal(m.bad_lines, 9);
		code_map_free(&code);
	}
}

static void perf_map_long_lines(void **state)
{
	static char text[100000];
	struct perf_map m = {0};
	struct code_map code = {0};

	memset(text, 'x', sizeof(text));
	memcpy(text, "1000 10 ", 8);
	memcpy(text + 50000, "\n2000 10 y\n", 11);
	for (size_t at = 0; at < sizeof(text); at += 1000)
		perf_map_feed(&m, &code, text + at, 1000);
	assert_int_equal(strlen(name_at(&code, 0x1000, 0)), CODE_NAME_MAX);
	assert_string_equal(name_at(&code, 0x2000, 0), "y");
	code_map_free(&code);
}

static void put32(struct buf *b, uint32_t v)
{
	buf_add(b, &v, sizeof(v));
}

static void put64(struct buf *b, uint64_t v)
{
	buf_add(b, &v, sizeof(v));
}

/* u32 magic, version, total_size, elf_mach, pad, pid; u64 timestamp, flags */
static void dump_header(struct buf *b, uint64_t flags)
{
	put32(b, 0x4A695444);
	put32(b, 1);
	put32(b, 48); /* longer than we know it */
	put32(b, 62);
	put32(b, 0);
	put32(b, 77);
	put64(b, 5);
	put64(b, flags);
	put64(b, 0xdddddddd);
}

/* u32 id, total_size; u64 timestamp; u32 pid, tid; u64 vma, code_addr, code_size, code_index; name; code */
static void dump_load(struct buf *b, uint64_t time, uint64_t address, uint64_t size, const char *name, size_t code)
{
	put32(b, 0);
	put32(b, 56 + strlen(name) + 1 + code);
	put64(b, time);
	put64(b, 77);
	put64(b, address);
	put64(b, address);
	put64(b, size);
	put64(b, 1);
	buf_add(b, name, strlen(name) + 1);
	while (code--)
		buf_putc(b, 'A');
}

static void dump_move(struct buf *b, uint64_t time, uint64_t from, uint64_t to, uint64_t size)
{
	put32(b, 1);
	put32(b, 64);
	put64(b, time);
	put64(b, 77);
	put64(b, to);
	put64(b, from);
	put64(b, to);
	put64(b, size);
	put64(b, 1);
}

static void dump_other(struct buf *b, uint32_t id, uint32_t size)
{
	put32(b, id);
	put32(b, size);
	put64(b, 1000);
	for (uint32_t i = 16; i < size; i++)
		buf_putc(b, 'z');
}

/* As a file that grows to n bytes, of which a window is read at a time. */
static uint64_t feed(struct jitdump *d, struct code_map *code, const struct buf *b, uint64_t from, uint64_t n, size_t window)
{
	uint64_t done;

	for (; from < n; from += done) {
		size_t have = n - from < window ? n - from : window;
		uint8_t *exact = malloc(have);

		memcpy(exact, b->v + from, have);
		done = jitdump_feed(d, code, exact, have, n - from);
		free(exact);
		if (!done)
			break;
	}
	return from;
}

static void jitdump_records(void **state)
{
	static const size_t windows[] = {JITDUMP_HEAD_BYTES, 1000, 100000};
	struct buf b = {0};

	dump_header(&b, 0);
	dump_load(&b, 10, 0x1000, 0x100, "first", 5000);
	dump_other(&b, 2, 300); /* DEBUG_INFO */
	dump_load(&b, 20, 0x1000, 0x80, "second", 0x80);
	dump_other(&b, 4, 64); /* UNWINDING_INFO */
	dump_move(&b, 30, 0x1000, 0x3000, 0x80);
	dump_other(&b, 99, 16);
	dump_load(&b, 40, UINT64_MAX - 5, 0x80, "around", 0);
	dump_load(&b, 40, 0x5000, 0x80, "", 0);
	dump_other(&b, 3, 16); /* CLOSE */
	dump_load(&b, 50, 0x6000, 0x80, "after the end", 0);
	for (size_t w = 0; w < ARRAY_SIZE(windows); w++) {
		struct jitdump d = {0};
		struct code_map code = {0};
		uint64_t at = 0;

		for (uint64_t n = 0; n <= b.n; n += w ? 777 : b.n / 3) /* grows */
			at = feed(&d, &code, &b, at, n, windows[w]);
		feed(&d, &code, &b, at, b.n, windows[w]);
		assert_true(d.ended && !d.damaged);
		assert_string_equal(name_at(&code, 0x1040, 9), "(none)");
		assert_string_equal(name_at(&code, 0x1040, 10), "first");
		assert_string_equal(name_at(&code, 0x1040, 19), "first");
		assert_string_equal(name_at(&code, 0x1040, 20), "second");
		assert_string_equal(name_at(&code, 0x1040, 29), "second");
		assert_string_equal(name_at(&code, 0x1040, 30), "(none)");
		assert_string_equal(name_at(&code, 0x10c0, 30), "first");
		assert_string_equal(name_at(&code, 0x3040, 30), "second");
		assert_string_equal(name_at(&code, 0x3040, 29), "(none)");
		assert_string_equal(name_at(&code, 0x5000, 99), "(none)");
		assert_string_equal(name_at(&code, 0x6000, 99), "(none)");
		code_map_free(&code);
	}
	buf_free(&b);
}

/* With the processor's own times, names are for all times; what is no jitdump ends the reading. */
static void jitdump_headers(void **state)
{
	struct buf b = {0}, zero = {0};
	struct jitdump d = {0};
	struct code_map code = {0};

	dump_header(&b, 1);
	dump_load(&b, 1ull << 60, 0x1000, 0x100, "f", 3);
	dump_other(&b, 2, 16);
	put32(&b, 0);
	put32(&b, 15); /* shorter than its prefix */
	put64(&b, 1);
	feed(&d, &code, &b, 0, b.n, 100000);
	assert_string_equal(name_at(&code, 0x1000, 1), "f");
	assert_true(d.ended && d.damaged);
	code_map_free(&code);
	for (int i = 0; i < 100; i++)
		buf_putc(&zero, 0);
	d = (struct jitdump){0};
	assert_int_equal(feed(&d, &code, &zero, 0, zero.n, 100000), 0);
	assert_true(d.ended && d.damaged);
	buf_free(&zero);
	buf_free(&b);
}

/* This process and its map. */
struct fixture {
	struct jits *all;
	struct process self;
	char path[64];
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->all = jits_new();
	f->self.pid = getpid();
	f->self.serial = 3;
	snprintf(f->path, sizeof(f->path), "/tmp/perf-%d.map", getpid());
	unlink(f->path);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	jits_free(f->all);
	free(f);
	return 0;
}

static void write_map(const char *path, int flags, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | flags, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* As of a sample taken now. */
static const char *own_name(struct fixture *f, uint64_t address)
{
	const char *name = jits_find(f->all, &f->self, address, clock_ns(CLOCK_MONOTONIC));

	return name ? name : "(none)";
}

static void own_map(void **state)
{
	struct fixture *f = *state;
	struct jit_counts counts;
	char other[80];

	assert_string_equal(own_name(f, 0x1000), "(none)");
	write_map(f->path, 0, "1000 10 one\n2000 10 tw");
	assert_string_equal(own_name(f, 0x1000), "one");
	assert_string_equal(own_name(f, 0x2000), "(none)");
	write_map(f->path, O_APPEND, "o\n1000 10 one again\n");
	assert_string_equal(own_name(f, 0x2000), "two");
	assert_string_equal(own_name(f, 0x1000), "one again");
	/* Written anew, longer and shorter than before. */
	write_map(f->path, O_TRUNC, "3000 10 three\n");
	assert_string_equal(own_name(f, 0x3000), "three");
	assert_string_equal(own_name(f, 0x1000), "(none)");
	write_map(f->path, O_TRUNC, "4000 10 four, and a longer one\n");
	assert_string_equal(own_name(f, 0x4000), "four, and a longer one");
	assert_string_equal(own_name(f, 0x3000), "(none)");
	/* Another file in its place. */
	snprintf(other, sizeof(other), "%s.new", f->path);
	write_map(other, O_TRUNC, "4000 10 four, and a longer one\n5000 10 five\n");
	assert_int_equal(rename(other, f->path), 0);
	assert_string_equal(own_name(f, 0x5000), "five");
	/* Deleted: what was read is still so, and what its writer writes is read. */
	int fd = open(f->path, O_WRONLY | O_APPEND);
	unlink(f->path);
	assert_int_equal(write(fd, "6000 10 six\n", 12), 12);
	close(fd);
	assert_string_equal(own_name(f, 0x5000), "five");
	assert_string_equal(own_name(f, 0x6000), "six");
	jits_counts(f->all, &counts);
	assert_int_equal(counts.refused + counts.dropped + counts.skipped + counts.damaged, 0);
	jits_forget(f->all, &f->self);
	assert_int_equal(jits_bytes(f->all), 0);
}

/* Whatever stands in the map's place, nothing blocks, is read or has an effect. */
static void odd_files(void **state)
{
	struct fixture *f = *state;
	struct jit_counts counts;
	struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	char other[80];

	snprintf(other, sizeof(other), "%s.other", f->path);
	for (int kind = 0; kind < 6; kind++) {
		unlink(other);
		write_map(other, O_TRUNC, "1000 10 wrong\n");
		if (kind == 0)
			assert_int_equal(mkfifo(f->path, 0644), 0);
		else if (kind == 1)
			assert_int_equal(symlink(other, f->path), 0);
		else if (kind == 2)
			assert_int_equal(mkdir(f->path, 0755), 0);
		else if (kind == 3)
			assert_int_equal(link(other, f->path), 0);
		else
			write_map(f->path, 0, "1000 10 wrong\n");
		if (kind == 4) /* from before this process, of another one with its pid */
			assert_int_equal(utimensat(AT_FDCWD, f->path, old, 0), 0);
		if (kind == 5 && chown(f->path, 12345, -1))
			break; /* only root may */
		assert_string_equal(own_name(f, 0x1000), "(none)");
		jits_counts(f->all, &counts);
		assert_int_equal(counts.refused, kind + 1);
		jits_forget(f->all, &f->self);
		if (unlink(f->path))
			assert_int_equal(rmdir(f->path), 0);
	}
	unlink(other);
}

/* 200 MB that are there at once: the latest of them are read, in bounded memory. */
static void large_map(void **state)
{
	struct fixture *f = *state;
	FILE *map = fopen(f->path, "w");
	struct jit_counts counts;
	long lines = 3500000;

	for (long i = 0; i < lines; i++)
		fprintf(map, "%lx 40 a_function_of_some_application_with_a_long_name_%ld\n", 0x100000 + i * 64, i);
	fclose(map);
	assert_string_equal(own_name(f, 0x100000 + (lines - 1) * 64), "a_function_of_some_application_with_a_long_name_3499999");
	assert_string_equal(own_name(f, 0x100000), "(none)");
	jits_counts(f->all, &counts);
	assert_true(counts.dropped && counts.skipped > 100u << 20);
	assert_int_equal(counts.damaged, 0);
	assert_true(jits_bytes(f->all) < 32u << 20);
	write_map(f->path, O_APPEND, "1000 10 the latest\n");
	assert_string_equal(own_name(f, 0x1000), "the latest");
}

/* A hole of a terabyte is not read through. */
static void sparse_map(void **state)
{
	struct fixture *f = *state;
	int fd = open(f->path, O_RDWR | O_CREAT, 0644);

	if (ftruncate(fd, 1ll << 40)) {
		close(fd);
		skip(); /* the file system does not do that */
	}
	assert_string_equal(own_name(f, 0x1000), "(none)");
	lseek(fd, 0, SEEK_END);
	assert_int_equal(write(fd, "\n1000 10 behind the hole\n", 25), 25);
	close(fd);
	assert_string_equal(own_name(f, 0x1000), "behind the hole");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(perf_map_lines),
		cmocka_unit_test(perf_map_long_lines),
		cmocka_unit_test(jitdump_records),
		cmocka_unit_test(jitdump_headers),
		cmocka_unit_test_setup_teardown(own_map, set_up, tear_down),
		cmocka_unit_test_setup_teardown(odd_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(large_map, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sparse_map, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
