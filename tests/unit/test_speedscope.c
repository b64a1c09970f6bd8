// SPDX-License-Identifier: Apache-2.0
/* Written by the program, read by perl's JSON::PP, which prints what speedscope would show. */
#include "base/file.h"
#include "render/format.h"

#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern char **environ;

static const struct view all = {.process = ALL_PROCESSES};

/* One line a profile and a sample. It dies on anything that the schema forbids. */
static const char reader[] =
	"use strict; use warnings; use JSON::PP; binmode STDOUT, ':utf8'; undef $/;\n"
	"my $j = JSON::PP->new->utf8->decode(<STDIN>);\n"
	"die 'schema' if $j->{'$schema'} ne 'https://www.speedscope.app/file-format-schema.json';\n"
	"print \"$j->{name}\\n\";\n"
	"my @f = @{ $j->{shared}{frames} };\n"
	"for my $p (@{ $j->{profiles} }) {\n"
	"  die 'type' if $p->{type} ne 'sampled';\n"
	"  die 'unit' if $p->{unit} ne 'nanoseconds' && $p->{unit} ne 'none';\n"
	"  my @w = @{ $p->{weights} }; my $sum = 0; $sum += $_ for @w;\n"
	"  die 'weights' if @w != @{ $p->{samples} };\n"
	"  die 'range' if $p->{startValue} != 0 || $p->{endValue} != $sum;\n"
	"  print \"$p->{name}: $sum $p->{unit}\\n\";\n"
	"  for my $s (@{ $p->{samples} }) {\n"
	"    for (@$s) { die 'frame' if $_ < 0 || !defined($f[$_]{name}) }\n"
	"    print '  ', join(';', map { $f[$_]{name} . (defined $f[$_]{file} ? \"\\@$f[$_]{file}\" : '') . (defined $f[$_]{line} ? \":$f[$_]{line}\" : '') } @$s), ' ', shift @w, \"\\n\";\n"
	"  }\n"
	"}\n";

/* Runs perl on the file. Its output, or NULL when there is no perl with JSON::PP. */
static char *run_perl(const char *script, const struct buf *in)
{
	char name[] = "/tmp/speedscope-test-XXXXXX", *argv[] = {"perl", "-MJSON::PP", "-e", (char *)script, NULL};
	posix_spawn_file_actions_t actions;
	int file = mkstemp(name), out[2], status;
	struct buf text = {0};
	pid_t pid;

	assert_true(file >= 0);
	assert_int_equal(file_write_fd(file, in->v, in->n), 0);
	assert_int_equal(lseek(file, 0, SEEK_SET), 0);
	assert_int_equal(pipe(out), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, file, 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	posix_spawn_file_actions_addclose(&actions, out[0]);
	status = posix_spawnp(&pid, "perl", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(out[1]);
	unlink(name);
	close(file);
	if (!status) {
		assert_int_equal(file_read_fd(out[0], 64 << 20, &text), 0);
		waitpid(pid, &status, 0);
	}
	close(out[0]);
	buf_puts(&text, "");
	if (status) {
		buf_free(&text);
		return NULL;
	}
	return text.v;
}

/* Compares what the reader says of the profile. */
static void expect(const struct profile *p, const struct view *view, const char *expected)
{
	struct buf out = {0}, again = {0};
	char *got;

	assert_int_equal(speedscope_format.write(&out, p, view, NULL), 0);
	assert_int_equal(speedscope_format.write(&again, p, view, NULL), 0);
	assert_string_equal(out.v, again.v);
	got = run_perl(reader, &out);
	assert_non_null(got);
	assert_string_equal(got, expected);
	free(got);
	buf_free(&out);
	buf_free(&again);
}

static uint32_t stack(struct profile *p, uint32_t parent, const char *name, const char *binary, enum frame_kind kind)
{
	return profile_node(p, parent, profile_frame(p, name, binary, kind));
}

/* sh (10): main->work->[k]sys 3, main->work 1; its thread 11: main 5; db (20): start 4; idle (30): nothing */
static struct profile *small_profile(void)
{
	struct profile *p = profile_new();
	uint32_t sh = profile_process(p, 10, 1, "sh"), db = profile_process(p, 20, 2, "db");
	uint32_t main_thread = profile_thread(p, sh, 10, "sh"), helper = profile_thread(p, sh, 11, "helper");
	uint32_t server = profile_thread(p, db, 20, "db"), top, node;

	profile_process(p, 30, 3, "idle");
	top = stack(p, 0, "main", "sh", FRAME_USER);
	node = stack(p, top, "work", "libw.so", FRAME_USER);
	profile_add(p, main_thread, stack(p, node, "sys", "[kernel]", FRAME_KERNEL), 3);
	profile_add(p, server, stack(p, 0, "start", "", FRAME_USER), 4);
	profile_add(p, main_thread, node, 1);
	profile_add(p, helper, top, 5);
	p->period_ns = 1000;
	return p;
}

static void test_content(void **state)
{
	struct profile *p = small_profile();

	p->command = strdup("sh -c \"x\"");
	expect(p, &all,
	       "sh -c \"x\"\n"
	       "sh (10): 9000 nanoseconds\n"
	       "  main@sh;work@libw.so;sys@[kernel] 3000\n"
	       "  main@sh;work@libw.so 1000\n"
	       "  main@sh 5000\n"
	       "db (20): 4000 nanoseconds\n"
	       "  start 4000\n");
	profile_free(p);
}

static void test_views(void **state)
{
	struct profile *p = small_profile();

	expect(p, &(struct view){.process = 1}, "profile\ndb (20): 4000 nanoseconds\n  start 4000\n");
	/* A sample of which nothing is shown keeps its weight. */
	expect(p, &(struct view){.process = 0, .kernel_only = true},
	       "profile\nsh (10): 9000 nanoseconds\n  sys@[kernel] 3000\n   1000\n   5000\n");
	profile_free(p);
}

/* The line with the most samples, in this function or what it calls. */
static void test_lines(void **state)
{
	struct profile *p = profile_new();
	uint32_t frame = profile_frame(p, "f", "x", FRAME_USER), file = strings_add(p->strings, "f.c"), node;
	uint32_t thread = profile_thread(p, profile_process(p, 0, 0, ""), 0, "");

	profile_add(p, thread, profile_node_at(p, 0, frame, profile_location_in(p, 0, 1, file, 5)), 3);
	profile_add(p, thread, profile_node_at(p, 0, frame, profile_location_in(p, 0, 2, file, 6)), 2);
	node = profile_node_at(p, 0, frame, profile_location_in(p, 0, 3, file, 6));
	profile_add(p, thread, profile_node(p, node, profile_frame(p, "g", "x", FRAME_USER)), 2);
	expect(p, &all, "profile\nstacks: 7 none\n  f@f.c:6 3\n  f@f.c:6 2\n  f@f.c:6;g@x 2\n");
	profile_free(p);
}

static void test_lost(void **state)
{
	struct profile *p = small_profile();

	p->accounting.recorded = 13;
	p->accounting.lost[LOST_SKIPPED] = 2;
	p->accounting.lost[LOST_LOG_FULL] = 5;
	expect(p, &(struct view){.process = 1},
	       "profile [lost: 7 of 20 samples]\ndb (20): 4000 nanoseconds\n  start 4000\n");
	profile_free(p);
}

static void test_folded_input(void **state)
{
	struct profile *p = profile_new();

	profile_add(p, profile_thread(p, profile_process(p, 0, 0, ""), 0, ""), stack(p, 0, "a", "", FRAME_USER), 7);
	expect(p, &all, "profile\nstacks: 7 none\n  a 7\n");
	profile_free(p);
}

static void test_empty(void **state)
{
	struct profile *p = profile_new();

	expect(p, &all, "profile\n");
	profile_free(p);
}

static void test_foreign_bytes(void **state)
{
	struct profile *p = profile_new();

	p->period_ns = 1;
	profile_add(p, profile_thread(p, profile_process(p, 5, 0, "</script>\x1b\""), 5, "x"),
		    stack(p, 0, "\\\"op\"\xc3\x28\n\t\xe2\x80\xa8", "a\\b", FRAME_USER), 1);
	expect(p, &all,
	       "profile\n</script>\\x1B\" (5): 1 nanoseconds\n  \\\"op\"\xef\xbf\xbd(\\x0A\\x09\\u{2028}@a\\b 1\n");
	profile_free(p);
}

static void test_deep(void **state)
{
	struct profile *p = profile_new();
	uint32_t node = 0, frame = profile_frame(p, "r", "", FRAME_USER);
	struct buf expected = {0};

	for (int i = 0; i < 10000; i++)
		node = profile_node(p, node, frame);
	p->period_ns = 1000000;
	profile_add(p, profile_thread(p, profile_process(p, 5, 0, "x"), 5, "x"), node, 5000000);
	buf_puts(&expected, "profile\nx (5): 5000000000000 nanoseconds\n  r");
	for (int i = 1; i < 10000; i++)
		buf_puts(&expected, ";r");
	buf_puts(&expected, " 5000000000000\n");
	expect(p, &all, expected.v);
	buf_free(&expected);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_folded_input),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_foreign_bytes),
		cmocka_unit_test(test_deep),
	};

	char *perl = run_perl("1", &(struct buf){"", 0, 0});

	if (!perl) {
		puts("1..0 # SKIP no perl with JSON::PP");
		return 0;
	}
	free(perl);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
