// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"
#include "base/text.h"
#include "render/folded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct profile *read_n(const char *text, size_t n, struct folded_errors *errors)
{
	struct profile *p = profile_new();
	struct folded_errors mine;

	folded_read(p, text, n, errors ? errors : &mine);
	return p;
}

static void write_all(struct buf *out, const struct profile *p)
{
	struct view view = {.process = ALL_PROCESSES};

	buf_puts(out, "");
	assert_int_equal(folded_format.write(out, p, &view, NULL), 0);
}

/* What was read, written again. */
static void expect(const char *text, const char *written, uint64_t bad, uint64_t first)
{
	struct folded_errors errors;
	struct profile *p = read_n(text, strlen(text), &errors);
	struct buf out = {0};

	write_all(&out, p);
	assert_string_equal(out.v, written);
	assert_int_equal(errors.lines, bad);
	assert_int_equal(errors.first, first);
	buf_free(&out);
	profile_free(p);
}

/* One stack of a process "comm", written. */
static void expect_written(const char *comm, const char *outer, const char *leaf, enum frame_kind kind,
			   const char *line)
{
	struct profile *p = profile_new();
	uint32_t thread = profile_thread(p, profile_process(p, 1, 0, comm), 1, comm);
	uint32_t node = profile_node(p, 0, profile_frame(p, outer, "bin", FRAME_USER));
	struct buf out = {0};

	profile_add(p, thread, profile_node(p, node, profile_frame(p, leaf, "bin", kind)), 7);
	write_all(&out, p);
	assert_string_equal(out.v, line);
	buf_free(&out);
	profile_free(p);
}

static void kinds_are_suffixes(void **state)
{
	expect_written("sh", "main", "f", FRAME_USER, "sh;main;f 7\n");
	expect_written("sh", "main", "f", FRAME_KERNEL, "sh;main;f_[k] 7\n");
	expect_written("sh", "main", "f", FRAME_INLINE, "sh;main;f_[i] 7\n");
	expect_written("sh", "main", "f", FRAME_JIT, "sh;main;f_[j] 7\n");
	expect_written("sh", "main", "[truncated]", FRAME_NOTE, "sh;main;[truncated] 7\n");
	/* A program's function is none of the kernel's, whatever it is called. */
	expect_written("sh", "main", "tcp_sendmsg_[k]", FRAME_USER, "sh;main;tcp_sendmsg_(k] 7\n");
	expect_written("sh_[k]", "f_[j]", "g_[i]", FRAME_KERNEL, "sh_(k];f_(j];g_[i]_[k] 7\n");
}

static void foreign_bytes_cannot_break_a_line(void **state)
{
	expect_written("a;b\nc", "std::array<[u8; 8]>", "x\x01y", FRAME_USER,
		       "a:b\\x0Ac;std::array<[u8: 8]>;x\\x01y 7\n");
	expect_written("sh", "\xFF\xC3", "caf\xC3\xA9", FRAME_USER, "sh;\xEF\xBF\xBD\xEF\xBF\xBD;caf\xC3\xA9 7\n");
	expect_written("sh", "a\r",
		       "\xE2\x80\xAE"
		       "evil",
		       FRAME_USER, "sh;a\\x0D;\\u{202E}evil 7\n");
}

static void leaf_never_ends_in_space_and_digits(void **state)
{
	expect_written("sh", "main", "worker 12", FRAME_USER, "sh;main;worker_12 7\n");
	expect_written("sh", "worker 12", "1 2 3", FRAME_USER, "sh;worker_12;1 2_3 7\n");
	expect_written("sh", "main", "load 1.5", FRAME_USER, "sh;main;load_1.5 7\n");
	expect_written("sh", "main", "worker 12", FRAME_KERNEL, "sh;main;worker 12_[k] 7\n");
	expect_written("sh", "main", "x86 64a", FRAME_USER, "sh;main;x86 64a 7\n");
}

static void spaces_of_the_comm_and_behind_names_are_replaced(void **state)
{
	expect_written("Web Content", "operator new", " f  ", FRAME_USER, "Web_Content;operator new; f__ 7\n");
	expect_written("#", "a", "b", FRAME_USER, "_;a;b 7\n");
}

static void lines_are_sorted_and_equal_stacks_added_up(void **state)
{
	struct profile *p = profile_new();
	uint32_t thread = profile_thread(p, profile_process(p, 0, 0, ""), 0, "");
	struct buf out = {0};

	profile_add(p, thread, profile_node(p, 0, profile_frame(p, "b", "", FRAME_USER)), 1);
	/* The format knows no binaries, and neither ';' nor NOTE. */
	profile_add(p, thread, profile_node(p, 0, profile_frame(p, "a:x", "one", FRAME_USER)), 2);
	profile_add(p, thread, profile_node(p, 0, profile_frame(p, "a;x", "two", FRAME_USER)), 3);
	profile_add(p, thread, profile_node(p, 0, profile_frame(p, "a:x", "", FRAME_NOTE)), 4);
	profile_add(p, thread, 0, 5);
	write_all(&out, p);
	assert_string_equal(out.v, "[no_frames] 5\na:x 9\nb 1\n");
	buf_free(&out);
	profile_free(p);
}

static void reads_what_tools_write(void **state)
{
	expect("a;b 3\na;c 4\n", "a;b 3\na;c 4\n", 0, 0);
	expect("a;b 3\na;b 4", "a;b 7\n", 0, 0);
	expect("# hz: 99\n\n  \t\n#\nroot_[k];x_[j] 1\r\n", "root_[k];x_[j] 1\n", 0, 0);
	expect("a;b\t\t12\n  a;c   5  \n", "a;b 12\na;c 5\n", 0, 0);
	expect("a;b 3.9\na;b 1.\n", "a;b 4\n", 0, 0);
	expect("a;operator new(unsigned long) 2\n", "a;operator new(unsigned long) 2\n", 0, 0);
	/* flamegraph.pl: a name may be empty, but not those at the end of a stack */
	expect("a;;b 1\n;c 2\nd; 3\ne;;; 4\n", "[empty];c 2\na;[empty];b 1\nd 3\ne 4\n", 0, 0);
	expect("a 0\n", "", 0, 0);
	expect("#include;x 4\n", "#include;x 4\n", 0, 0);
	expect("", "", 0, 0);
}

static void malformed_lines_are_counted(void **state)
{
	expect("a;b 1\n\nno count\n12\n 12\na;b x3\na;b -1\na;b 1e9\na;b 1..2\na;b .5\na;b 2\n", "a;b 3\n", 8, 3);
	expect("a 18446744073709551616\n", "", 1, 1);
	/* The total does not fit 64 bits. */
	expect("a 18446744073709551615\nb 1\n", "a 18446744073709551615\n", 1, 2);
}

static void nul_bytes_are_no_stack(void **state)
{
	struct folded_errors errors;
	struct profile *p = read_n("a\0b 1\nc 2\n", 10, &errors);

	assert_int_equal(errors.lines, 1);
	assert_int_equal(profile_total(p), 2);
	profile_free(p);
}

static void kinds_are_read(void **state)
{
	static const struct {
		const char *name;
		enum frame_kind kind;
	} want[] = {{"r", FRAME_USER},
		    {"k", FRAME_KERNEL},
		    {"i", FRAME_INLINE},
		    {"j", FRAME_JIT},
		    {"_[k]", FRAME_USER},
		    {"w_[w]", FRAME_USER},
		    {"[libc.so.6]", FRAME_USER},
		    {"[truncated]", FRAME_NOTE},
		    {"[unwind: no frame pointer]", FRAME_NOTE}};
	const char *text = "r;k_[k];i_[i];j_[j];_[k];w_[w];[libc.so.6];[truncated];[unwind: no frame pointer] 1\n";
	struct profile *p = read_n(text, strlen(text), NULL);
	uint32_t node = p->samples.v[0].node;

	for (size_t i = ARRAY_SIZE(want); i--; node = p->nodes.v[node].parent) {
		const struct profile_frame *f = &p->frames.v[p->nodes.v[node].frame];

		assert_string_equal(strings_get(p->strings, f->name), want[i].name);
		assert_int_equal(f->kind, want[i].kind);
	}
	assert_int_equal(node, 0);
	profile_free(p);
}

/* The reader keeps frames of the line before; every way in which two lines can share a start. */
static void lines_that_start_alike(void **state)
{
	expect("a;bc;d 1\na;b 2\na;bc 4\na;bc;d;e 8\na;bc;dd 16\na 32\nab 64\na;bc;d 128\n",
	       "a 32\na;b 2\na;bc 4\na;bc;d 129\na;bc;d;e 8\na;bc;dd 16\nab 64\n", 0, 0);
	expect("a 1\na;a 2\na;a;a 4\na;a 8\n", "a 1\na;a 10\na;a;a 4\n", 0, 0);
	expect("a; 1\na 2\na;;b 4\na; 8\n", "a 11\na;[empty];b 4\n", 0, 0);
}

static void ten_thousand_deep(void **state)
{
	struct buf line = {0}, out = {0};
	struct profile *p;

	for (int i = 0; i < 10000; i++)
		buf_printf(&line, "%sf%d", i ? ";" : "", i);
	buf_puts(&line, " 5\n");
	p = read_n(line.v, line.n, NULL);
	assert_int_equal(p->nodes.n, 10001);
	write_all(&out, p);
	assert_string_equal(out.v, line.v);
	buf_free(&line);
	buf_free(&out);
	profile_free(p);
}

static uint32_t next_random(uint32_t *seed)
{
	return *seed = *seed * 1664525 + 1013904223, *seed >> 16;
}

static void random_name(char *name, uint32_t *seed)
{
	static const char *const pieces[] = {
		"a",  "b",  " ",  " ",    "1",        "23",   ";",           ".",       "_[k]",         "_[i]", "#",
		"\n", "\r", "\t", "\x7F", "\xC3\xA9", "\xC3", "[truncated]", "[empty]", "\xE2\x80\xA8", ":",    "\\"};
	size_t n = 1 + next_random(seed) % 4;

	*name = '\0';
	for (size_t i = 0; i < n; i++)
		strcat(name, pieces[next_random(seed) % ARRAY_SIZE(pieces)]);
}

/* Whatever the names are: every line parses, no sample is lost, and reading and writing again changes nothing. */
static void round_trip_of_any_names(void **state)
{
	uint32_t seed = 1;

	for (int round = 0; round < 300; round++) {
		struct profile *p = profile_new(), *again;
		struct buf first = {0}, second = {0};
		struct folded_errors errors;

		for (int i = 0; i < 12; i++) {
			char name[128];
			uint32_t node = 0, thread;

			random_name(name, &seed);
			thread = profile_thread(p, profile_process(p, i % 3, 0, i % 3 ? name : ""), i % 3, name);
			for (uint32_t depth = next_random(&seed) % 4; depth; depth--) {
				random_name(name, &seed);
				node = profile_node(p, node, profile_frame(p, name, "", next_random(&seed) % 5));
			}
			profile_add(p, thread, node, 1 + next_random(&seed) % 100);
		}
		write_all(&first, p);
		again = read_n(first.v, first.n, &errors);
		assert_int_equal(errors.lines, 0);
		assert_int_equal(profile_total(again), profile_total(p));
		write_all(&second, again);
		assert_string_equal(second.v, first.v);
		buf_free(&first);
		buf_free(&second);
		profile_free(p);
		profile_free(again);
	}
}

static void order_of_input_does_not_matter(void **state)
{
	struct profile *p = read_n("z;a 1\nb;c 2\nz 3\n", 16, NULL), *q = read_n("z 3\nb;c 2\nz;a 1\n", 16, NULL);
	struct buf a = {0}, b = {0};

	write_all(&a, p);
	write_all(&b, q);
	assert_string_equal(a.v, b.v);
	buf_free(&a);
	buf_free(&b);
	profile_free(p);
	profile_free(q);
}

/* What a tree of the text is written as; `piece` bytes are read at a time. */
static void expect_tree(const char *text, size_t piece, const char *written, struct folded_errors *errors)
{
	struct profile *p = profile_new();
	struct view view = {.process = ALL_PROCESSES};
	struct tree_builder *b = tree_builder_new(p, &view);
	struct folded_reader *r = folded_reader_new(p, b);
	struct folded_errors mine;
	struct buf out = {0};
	struct tree *t;

	for (size_t n = strlen(text), i = 0; i < n; i += piece)
		folded_reader_add(r, text + i, n - i < piece ? n - i : piece);
	folded_reader_end(r, errors ? errors : &mine);
	t = tree_builder_end(b);
	assert_true(t->folded);
	buf_puts(&out, "");
	folded_write(&out, t);
	assert_string_equal(out.v, written);
	buf_free(&out);
	tree_free(t);
	profile_free(p);
}

static void pieces_of_any_size(void **state)
{
	static const char text[] = "a;bc;d 1\r\na;b 2\n\n# comment 7\nrubbish\na;bc 4\n  a;bc;d;e 8\nlast 16";

	for (size_t piece = 1; piece <= sizeof(text); piece++) {
		struct folded_errors errors;

		expect_tree(text, piece, "a;b 2\na;bc 4\na;bc;d 1\na;bc;d;e 8\nlast 16\n", &errors);
		assert_int_equal(errors.lines, 1);
		assert_int_equal(errors.first, 5);
		assert_false(errors.differential);
	}
}

/* A tree of folded text gives back what other tools write, though we would not. */
static void names_of_folded_text_stay_as_they_are(void **state)
{
	expect_tree("Web Content;f  1\n", 99, "Web Content;f 1\n", NULL);
	expect_tree("a;worker 12 300\nb 1\n", 99, "a;worker 12 300\nb 1\n", NULL);
	expect_tree("a;worker 12;x_[w];y_[1];- 3\na;--;z_[k] 2\n", 99, "a;--;z_[k] 2\na;worker 12;x_[w];y_[1];- 3\n", NULL);
}

static void two_counts_are_before_and_after(void **state)
{
	struct folded_errors errors;

	/* The second line is read again as one that has one count when the last shows that they all do. */
	expect_tree("a;b 3 5\na;c 0 4\nd 2 0\na;b 1 1\n", 5, "a;b 4 6\na;c 0 4\nd 2 0\n", &errors);
	assert_true(errors.differential);
	expect_tree("a;b 3 5\na;c 0 4\nd 2\n", 5, "a;b 3 5\na;c 0 4\nd 2\n", &errors);
	assert_false(errors.differential);
	expect_tree("a;b 3 5\nx\n", 5, "a;b 3 5\n", &errors);
	assert_true(errors.differential);
	assert_int_equal(errors.first, 2);
	expect_tree("", 5, "", &errors);
	assert_false(errors.differential);
	expect_tree("x\n", 5, "", &errors);
	assert_false(errors.differential);
	assert_int_equal(errors.lines, 1);
}

static void fractions_add_up(void **state)
{
	struct folded_errors errors;

	expect_tree("a 1\na 0.25\na;b 0.5\na;b .5\na;c 2.000\nd 0.0009\ne 7.125\n", 3, "a 1.25\na;b 0.5\na;c 2\ne 7.125\n",
		    &errors);
	assert_int_equal(errors.lines, 1);
	expect_tree("a 1.5 2\nb 3 0.75\n", 3, "a 1.5 2\nb 3 0.75\n", NULL);
	/* Too many for thousandths: such a line is left out, the ones before it stay. */
	expect_tree("a 18446744073709551615\nb 0.5\n", 99, "a 18446744073709551615\n", &errors);
	assert_int_equal(errors.first, 2);
}

static void lines_without_end_are_left_out(void **state)
{
	struct folded_errors errors;
	struct buf text = {0};

	buf_puts(&text, "a 1\n");
	for (int i = 0; i < 1 << 20; i++)
		buf_puts(&text, "frame;frame;frame;frame;");
	buf_puts(&text, "z 5\nb 2\n");
	expect_tree(text.v, 1 << 16, "a 1\nb 2\n", &errors);
	assert_int_equal(errors.lines, 1);
	assert_int_equal(errors.first, 2);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_are_suffixes),
		cmocka_unit_test(foreign_bytes_cannot_break_a_line),
		cmocka_unit_test(leaf_never_ends_in_space_and_digits),
		cmocka_unit_test(spaces_of_the_comm_and_behind_names_are_replaced),
		cmocka_unit_test(lines_are_sorted_and_equal_stacks_added_up),
		cmocka_unit_test(reads_what_tools_write),
		cmocka_unit_test(malformed_lines_are_counted),
		cmocka_unit_test(nul_bytes_are_no_stack),
		cmocka_unit_test(kinds_are_read),
		cmocka_unit_test(lines_that_start_alike),
		cmocka_unit_test(ten_thousand_deep),
		cmocka_unit_test(round_trip_of_any_names),
		cmocka_unit_test(order_of_input_does_not_matter),
		cmocka_unit_test(pieces_of_any_size),
		cmocka_unit_test(names_of_folded_text_stay_as_they_are),
		cmocka_unit_test(two_counts_are_before_and_after),
		cmocka_unit_test(fractions_add_up),
		cmocka_unit_test(lines_without_end_are_left_out),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
