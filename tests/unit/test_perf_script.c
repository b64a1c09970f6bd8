// SPDX-License-Identifier: Apache-2.0
#include "render/folded.h"
#include "render/perf_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void collapse(struct buf *out, const char *text, size_t piece, struct perf_script_options o,
		     struct perf_script_report *report)
{
	struct profile *p = profile_new();
	struct view view = {.process = ALL_PROCESSES};
	struct tree_builder *b = tree_builder_new(p, &view);
	struct perf_script *r = perf_script_new(p, b, &o);
	struct tree *t;

	for (size_t n = strlen(text), i = 0; i < n; i += piece)
		perf_script_add(r, text + i, n - i < piece ? n - i : piece);
	perf_script_end(r, report);
	t = tree_builder_end(b);
	buf_puts(out, "");
	folded_write(out, t);
	tree_free(t);
	profile_free(p);
}

static void expect_with(struct perf_script_options o, const char *text, const char *folded, uint64_t bad)
{
	struct perf_script_report report;
	struct buf out = {0};

	collapse(&out, text, 1 << 20, o, &report);
	assert_string_equal(out.v, folded);
	assert_int_equal(report.bad, bad);
	free(report.event);
	buf_free(&out);
}

static void expect(const char *text, const char *folded)
{
	expect_with((struct perf_script_options){0}, text, folded, 0);
}

#define FRAMES                                                                                                         \
	"\tffffffff81051586 native_safe_halt+0x6 ([kernel.kallsyms])\n"                                                \
	"\t    7f12ab34cd56 std::function<void (int)>::operator()(int) const+0x1f (/opt/my app/bin (deleted))\n"       \
	"\t          401136 main+0x12 (/usr/bin/foo)\n"                                                                \
	"\n"
#define STACK "main;std::function<void (int)>::operator()(int) const;native_safe_halt_[k]"

static void headers_of_all_layouts(void **state)
{
	expect("foo 123 [000] 1234.567890:     250000 cpu-clock: \n" FRAMES, "foo;" STACK " 250000\n");
	expect("foo 123 [000] 1234.567890: cpu-clock: \n" FRAMES, "foo;" STACK " 1\n");
	expect("foo   123/456   [012] 1234.567890123:          1 cycles:ppp: \n" FRAMES, "foo;" STACK " 1\n");
	expect("foo   123 1234.567890:          7 cycles:u:\n" FRAMES, "foo;" STACK " 7\n");
	expect("foo   123 cycles:\n" FRAMES, "foo;" STACK " 1\n");
	expect("foo   123 9 cycles:\n" FRAMES, "foo;" STACK " 9\n");
	expect("foo   123 [001]: \n" FRAMES, "foo;" STACK " 1\n");
	expect("foo 1234.567890: \n" FRAMES, "foo;" STACK " 1\n");
	expect("foo     -1 [001] 1.000000: 3 cycles: \n" FRAMES, "foo;" STACK " 3\n");
	expect("foo 123\n" FRAMES, "foo;" STACK " 1\n");
	expect("foo \n" FRAMES, "foo;" STACK " 1\n");
	expect("123 1.000000: 3 cycles: \n" FRAMES, ":123;" STACK " 3\n");
	expect("foo 123 [000] 1.000000: cpu/event=0x3c,name=my cycles/ppp: \n" FRAMES, "foo;" STACK " 1\n");
	expect("foo 123 [000] 1.000000: sched:sched_switch: prev_comm=add prev_pid=7 [120] S ==> next_comm=x\n" FRAMES,
	       "foo;" STACK " 1\n");
	expect(FRAMES FRAMES, STACK " 2\n");
	expect("# ========\n# captured on: Mon Jan  1 00:00:00 2024\n#\n\nfoo 1 [000] 1.000000: 3 cycles: \n" FRAMES,
	       "foo;" STACK " 3\n");
}

static void comms_may_look_like_anything(void **state)
{
	expect("Web Content 123 [000] 1.000000: 5 cycles: \n" FRAMES, "Web_Content;" STACK " 5\n");
	expect("a 12 b 34 123/124 [000] 1.000000: 5 cycles: \n" FRAMES, "a_12_b_34;" STACK " 5\n");
	expect("kworker/0:1-events 17 [000] 1.000000: 5 cycles: \n" FRAMES, "kworker/0:1-events;" STACK " 5\n");
	expect("deadbeef 123 [000] 1.000000: 5 cycles: \n" FRAMES, "deadbeef;" STACK " 5\n");
	expect(";rm -rf 123 [000] 1.000000: 5 cycles: \n" FRAMES, ":rm_-rf;" STACK " 5\n");
	expect("1 2 3 [000] 1.000000: 5 cycles: \n" FRAMES, "1_2;" STACK " 5\n");
}

static void samples_of_one_line(void **state)
{
	expect("            perf  1234 [000] 1.000000:    1 cycles:  ffffffff8104f45a native_write_msr_safe+0xa ([kernel.kallsyms])\n"
	       "             add  1235 [001] 1.000001:    2 cycles:            401136 main+0x4 (/usr/bin/foo)\n"
	       "             add  1235 [001] 1.000002:    2 cycles:            401137 main+0x5 (/usr/bin/foo)\n",
	       "add;main 4\nperf;native_write_msr_safe_[k] 1\n");
	expect("foo 1 [000] 1.000000: 3 cycles: \n\nbar 2 [000] 1.000000: 4 cycles: \n", "bar 4\nfoo 3\n");
	expect("foo 1 [000] 1.000000: sched:sched_switch: add (x)\n", "foo 1\n");
}

/* One frame: "\tADDRESS SYMBOL (BINARY)" under main. */
static void expect_frame(const char *frame, const char *folded)
{
	auto_free char *text = xasprintf("c 1 [000] 1.000000: 1 e: \n\t%s\n\n", frame);
	auto_free char *line = xasprintf("c;%s 1\n", folded);

	expect(text, line);
}

static void binaries_say_what_kind_of_code_it_is(void **state)
{
	expect_frame("ffffffffc0a01000 xfs_read+0x10 ([xfs])", "xfs_read_[k]");
	expect_frame("ffffffff81000000 a ([guest.kernel.kallsyms])", "a_[k]");
	expect_frame("ffffffff81000000 a (/usr/lib/debug/boot/vmlinux)", "a_[k]");
	expect_frame("ffffffffc0000000 a (/lib/modules/6.1/kernel/fs/xfs.ko.xz)", "a_[k]");
	expect_frame("ffffffffc0000000 bpf_prog_6deef7357e7b4530 ([unknown])", "bpf_prog_6deef7357e7b4530_[k]");
	expect_frame("7ffd1234567 __vdso_gettimeofday+0x1 ([vdso])", "__vdso_gettimeofday");
	expect_frame("ffffffffff600000 vtime ([vsyscall])", "vtime_[k]");
	expect_frame("7f0000001000 a ([heap])", "a");
	expect_frame("7f0000001000 fast (inlined)", "fast_[i]");
	expect_frame("7f0000001000 Foo.bar (/tmp/perf-12.map)", "Foo.bar_[j]");
	expect_frame("7f0000001000 Foo.bar (/home/x/.debug/jit/jitted-12-3.so)", "Foo.bar_[j]");
	expect_frame("7f0000001000 foo ([JIT] tid 12)", "foo_[j]");
}

static void names_that_are_missing(void **state)
{
	expect_frame("7f0000001000 [unknown] (/usr/lib/libc.so.6)", "[libc.so.6]");
	expect_frame("7f0000001000 [unknown] ([unknown])", "[unknown]");
	expect_frame("8b48d28548c03145 [unknown] ([unknown])", "[unknown]");
	expect_frame("7f0000001000 (/usr/lib/libc.so.6)", "[libc.so.6]");
	expect_frame("7f0000001000", "[unknown]");
	expect_frame("ffffffff81000000 [unknown] ([kernel.kallsyms])", "[kernel.kallsyms]_[k]");
	expect_frame("7f0000001000 [unknown] (/tmp/perf-12.map)", "[perf-12.map]_[j]");
	expect_with((struct perf_script_options){.addresses = true},
		    "c 1 1.000000: e:\n\t7f0000001000 [unknown] (/usr/lib/libc.so.6)\n", "c;[libc.so.6 <7f0000001000>] 1\n",
		    0);
}

static void symbols_may_look_like_anything(void **state)
{
	expect_frame("401136 operator new(unsigned long)+0x18 (/usr/lib/libstdc++.so.6)", "operator new(unsigned long)");
	expect_frame("401136 f((anonymous namespace)::x)", "f((anonymous namespace)::x)");
	expect_frame("401136 A::operator->*(int)+0x1 (/bin/x)", "A::operator->*(int)");
	expect_frame("401136 <T as core::ops::Fn<(A,)>>::call+0x1 (/bin/x (y) z)", "<T as core::ops::Fn<(A,)>>::call");
	expect_frame("401136 f (/tmp/odd)name)", "f");
	expect_frame("401136 std::array<[u8; 8]>::f+0x1 (/bin/x)", "std::array<[u8: 8]>::f");
	expect_frame("401136 x+0x1f+0x2 (/bin/x)", "x+0x1f");
	expect_frame("add (/bin/x)", "add");
	expect_frame("            12ed (/bin/x)", "[x]");
	expect_frame("            12ed main", "main");
	expect_frame("               0 [unknown] ([unknown])", "[unknown]");
	expect("\t            12f3 A::f\n\t            1147 main\n\n\t             add\n\n", "[unknown] 1\nmain;A::f 1\n");
	expect_frame("main", "main");
	expect_frame("7f12 f 1 [000] 1.000000: 1 e: (/tmp/perf-1.map)", "f 1 [000] 1.000000: 1 e:_[j]");
}

static void java_inlines_in_one_symbol(void **state)
{
	expect_frame("7f0000001000 Lorg/a/B;::run->Lorg/a/C;::get->Ljava/lang/String;::length (/tmp/perf-1.map)",
		     "org/a/B:::run_[j];org/a/C:::get_[i];java/lang/String:::length_[i]");
	expect_frame("7f0000001000 Interpreter (/tmp/perf-1.map)", "Interpreter_[j]");
	expect_frame("7f0000001000 LazyCompile:*run /app/x.js:39 (/tmp/perf-1.map)", "LazyCompile:*run /app/x.js:39_[j]");
	expect_frame("7f0000001000 Lio/netty/B;.run (/tmp/perf-1.map)", "io/netty/B:.run_[j]");
	expect_frame("7f0000001000 LBusy;::main (/tmp/perf-1.map)", "LBusy:::main_[j]");
}

static void source_lines_are_no_frames(void **state)
{
	expect("c 1 [000] 1.000000: 1 e: \n\t          401136 leaf+0x1 (/bin/x)\n  /src/x.c:12\n"
	       "\t          401100 main+0x1 (/bin/x)\n  x[401100]\n\n",
	       "c;main;leaf 1\n");
	expect("c 1 [000] 1.000000: 1 e: \n\tffffffff81000130 leaf+0x1 ([kernel.kallsyms])\n  [kernel.kallsyms][ffffffff81000130]\n"
	       "\t          401100 main+0x1 (/bin/x)\n  /my sources/x.c:7\n\n",
	       "c;main;leaf_[k] 1\n");
}

static void text_that_lost_its_tabs(void **state)
{
	expect("java 19983 cycles:\nffffffff8103d0ca native_write_msr_safe ([kernel.kallsyms])\n"
	       "7f72421d2d76 call_helper(JavaValue, Thread) (/jre/lib/libjvm.so)\n\n",
	       "java;call_helper(JavaValue, Thread);native_write_msr_safe_[k] 1\n");
	expect("c 1 [000] 1.000000: 1 e: \n        401136 leaf+0x1 (/bin/x)\n        401100 main (/bin/x)\n\n",
	       "c;main;leaf 1\n");
	expect("c 1 [000] 1.000000: 1 e: \r\n\t401136 leaf+0x1 (/bin/x)\r\n\r\nc 1 1.000000: 1 e:\r\n", "c 1\nc;leaf 1\n");
}

static void one_event_at_a_time(void **state)
{
	static const char text[] = "a 1 [000] 1.000000: 5 cycles:ppp: \n" FRAMES "a 1 [000] 1.000000: 7 page-faults: \n" FRAMES
				   "b 1 [000] 1.000000: 9 cycles:ppp: \n" FRAMES;
	struct perf_script_report report;
	struct buf out = {0};

	collapse(&out, text, 7, (struct perf_script_options){0}, &report);
	assert_string_equal(out.v, "a;" STACK " 5\nb;" STACK " 9\n");
	assert_string_equal(report.event, "cycles:ppp");
	assert_int_equal(report.samples, 2);
	assert_int_equal(report.others, 1);
	free(report.event);
	buf_free(&out);
	expect_with((struct perf_script_options){.event = "page-faults"}, text, "a;" STACK " 7\n", 0);
	expect_with((struct perf_script_options){.event = "cycles"}, text, "a;" STACK " 5\nb;" STACK " 9\n", 0);
	expect_with((struct perf_script_options){.event = "cycles:ppp", .each_is_one = true}, text,
		    "a;" STACK " 1\nb;" STACK " 1\n", 0);
	expect_with((struct perf_script_options){.event = "cyc"}, text, "", 0);
}

static void roots_with_numbers(void **state)
{
	static const char both[] = "a b 12/34 [000] 1.000000: 5 cycles: \n\n", one[] = "a 34 [000] 1.000000: 5 cycles: \n\n";

	expect_with((struct perf_script_options){.pids = true}, both, "a_b-12 5\n", 0);
	expect_with((struct perf_script_options){.tids = true}, both, "a_b-12/34 5\n", 0);
	expect_with((struct perf_script_options){.pids = true}, one, "a-? 5\n", 0);
	expect_with((struct perf_script_options){.tids = true}, one, "a-?/34 5\n", 0);
}

static void other_text_is_told(void **state)
{
	struct perf_script_options o = {0};
	struct perf_script_report report;
	struct buf out = {0};

	collapse(&out, "c 1 [000] 1.000000: 1 e: \n\n\nmain;work 12\nSome words.\n", 3, o, &report);
	assert_string_equal(out.v, "c 1\n");
	assert_int_equal(report.bad, 2);
	assert_int_equal(report.first, 4);
	free(report.event);
	buf_free(&out);
	expect_with(o, "", "", 0);
	expect_with(o, "\n\n\n", "", 0);
	/* Periods that add up to more than a count can be. */
	expect_with(o, "c 1 [000] 1.000000: 18446744073709551615 e: \n\nd 1 [000] 1.000000: 1 e: \n\n",
		    "c 18446744073709551615\n", 1);
	/* Records that are no samples, between samples. */
	expect_with(o, "c     1 [000]     1.000000: PERF_RECORD_COMM exec: c:1/1\n"
		       "c     1 [000]     1.000000: PERF_RECORD_MMAP2 1/1: [0x400000(0x1000) @ 0 08:01 7 0]: r-xp /bin/c\n"
		       "c     1 [000]     2.000000:          1 e: \n\t401136 main (/bin/c)\n\n",
		    "c;main 1\n", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_of_all_layouts),
		cmocka_unit_test(comms_may_look_like_anything),
		cmocka_unit_test(samples_of_one_line),
		cmocka_unit_test(binaries_say_what_kind_of_code_it_is),
		cmocka_unit_test(names_that_are_missing),
		cmocka_unit_test(symbols_may_look_like_anything),
		cmocka_unit_test(java_inlines_in_one_symbol),
		cmocka_unit_test(source_lines_are_no_frames),
		cmocka_unit_test(text_that_lost_its_tabs),
		cmocka_unit_test(one_event_at_a_time),
		cmocka_unit_test(roots_with_numbers),
		cmocka_unit_test(other_text_is_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
