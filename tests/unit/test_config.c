// SPDX-License-Identifier: Apache-2.0
/* The daemon's settings: what is read, what is refused and where, and that the manual page and the sample file tell the same. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/config.h"
#include "base/file.h"
#include "base/mem.h"

#define SECOND 1000000000ull

static int parse(struct config *c, const char *text, struct error *err)
{
	config_init(c);
	return config_parse(c, "file", text, strlen(text), err);
}

static void defaults(void **state)
{
	struct config c;

	config_init(&c);
	assert_int_equal(c.frequency, 49);
	assert_int_equal(c.window, 60 * SECOND);
	assert_string_equal(c.state_dir, "/var/lib/profiled");
	assert_int_equal(c.history, 1);
	assert_int_equal(c.history_bytes, 1u << 30);
	assert_int_equal(c.history_age, 30 * 86400 * SECOND);
	assert_int_equal(c.current_share, 5000);
	assert_string_equal(c.current_dir, "");
	assert_string_equal(c.debuginfod, ""); /* nobody is asked unless told so */
	assert_int_equal(c.cpu_limit, 10000);
	config_free(&c);
}

static void reads_values(void **state)
{
	static const char text[] = "# comment\n"
				   "; another\r\n"
				   "\n"
				   "[sampling]\n"
				   "frequency=99\n"
				   "  window\t =  0.5h \n"
				   "[storage]\r\n"
				   "state_dir = /tmp/a b#c/ \r\n"
				   "history = off\n"
				   "history_bytes = 10M\n"
				   "history_age = 7d\n"
				   "[symbols]\n"
				   "debuginfod = https://a.example/x  http://b\n"
				   "[current]\n"
				   "min_share = 2.25%\n"
				   "interval = 10min\n"
				   "[sampling]\n"
				   "frequency = 11\n"
				   "[limits]\n"
				   "cpu = 0.25\n"
				   "memory = 33554432\n"
				   "[service]\n"
				   "log_level = debug";
	struct error err = {0};
	struct config c;

	if (parse(&c, text, &err))
		fail_msg("%s", err.text);
	assert_int_equal(c.frequency, 11); /* the later one */
	assert_int_equal(c.window, 1800 * SECOND);
	assert_string_equal(c.state_dir, "/tmp/a b#c");
	assert_int_equal(c.history, 0);
	assert_int_equal(c.history_bytes, 10 << 20);
	assert_string_equal(c.debuginfod, "https://a.example/x  http://b");
	assert_int_equal(c.history_age, 7 * 86400 * SECOND);
	assert_int_equal(c.current_share, 22500);
	assert_int_equal(c.current_interval, 600 * SECOND);
	assert_int_equal(c.cpu_limit, 2500);
	assert_int_equal(c.memory_limit, 32 << 20);
	assert_int_equal(c.log_level, 3);
	config_free(&c);
}

static void empty_is_default(void **state)
{
	struct error err = {0};
	struct config c;

	assert_int_equal(parse(&c, "[sampling]\nfrequency = 11\nfrequency =\n[storage]\nstate_dir = /x\nstate_dir=\n"
					     "[symbols]\ndebuginfod = http://h\ndebuginfod =\n", &err), 0);
	assert_int_equal(c.frequency, 49);
	assert_string_equal(c.state_dir, "/var/lib/profiled");
	assert_string_equal(c.debuginfod, "");
	config_free(&c);
}

static void errors_name_file_and_line(void **state)
{
	static const struct {
		const char *text, *where, *what;
	} bad[] = {
		{"[sampling]\n\nfrequencies = 5\n", "file:3: ", "no key frequencies in [sampling]"},
		{"[storage]\nfrequency = 5\n", "file:2: ", "no key frequency in [storage]"},
		{"frequency = 5\n", "file:1: ", "before any [section]"},
		{"[sample]\n", "file:1: ", "no section [sample]"},
		{"[sampling\n", "file:1: ", "']' is missing"},
		{"[sampling]\nfrequency\n", "file:2: ", "key = value is wanted"},
		{"[symbols]\n\ndebuginfod = file:///tmp\n", "file:3: ", "'file:///tmp' is no debuginfod server"},
		{"[sampling]\nfrequency = 5x\n", "file:2: ", "a whole number is wanted"},
		{"[sampling]\nfrequency = -5\n", "file:2: ", "a whole number is wanted"},
		{"[sampling]\nfrequency = 0\n", "file:2: ", "out of range: 1 to 10000"},
		{"[sampling]\nfrequency = 10001\n", "file:2: ", "out of range"},
		{"[sampling]\nfrequency = 99999999999999999999999\n", "file:2: ", "out of range"},
		{"[sampling]\nwindow = 0.5\n", "file:2: ", "out of range: 1s to 3600s"},
		{"[sampling]\nwindow = 5 weeks\n", "file:2: ", "a time such as"},
		{"[sampling]\nwindow = s\n", "file:2: ", "a time such as"},
		{"[storage]\nstate_dir = here\n", "file:2: ", "an absolute path is wanted"},
		{"[storage]\nhistory = maybe\n", "file:2: ", "yes or no is wanted"},
		{"[storage]\nhistory_bytes = 1T\n", "file:2: ", "a size such as"},
		{"[storage]\nhistory_bytes = 1K\n", "file:2: ", "out of range: 4M to 1024G"},
		{"[current]\nmin_share = 100.1%\n", "file:2: ", "out of range"},
		{"[current]\nmin_share = 1%%\n", "file:2: ", "a percentage"},
		{"[service]\nlog_level = loud\n", "file:2: ", "error, warning, info or debug"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = {0};
		struct config c;

		assert_int_equal(parse(&c, bad[i].text, &err), -EINVAL);
		if (strncmp(err.text, bad[i].where, strlen(bad[i].where)) || !strstr(err.text, bad[i].what))
			fail_msg("'%s' gave: %s", bad[i].text, err.text);
		config_free(&c);
	}
}

static void no_text(void **state)
{
	struct error err = {0};
	struct config c;

	config_init(&c);
	assert_int_equal(config_parse(&c, "file", "[sampling]\0x", 12, &err), -EINVAL);
	config_free(&c);
}

static void put(const char *dir, const char *name, const char *text)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);

	assert_int_equal(file_write(path, text, strlen(text), NULL), 0);
}

static void drop_ins(void **state)
{
	char dir[] = "/tmp/test-config-XXXXXX";
	auto_free char *main = NULL, *drop_ins = NULL;
	struct error err = {0};
	struct config c;

	assert_non_null(mkdtemp(dir));
	main = xasprintf("%s/p.conf", dir);
	drop_ins = xasprintf("%s/p.conf.d", dir);

	config_init(&c);
	assert_int_equal(config_load(&c, main, false, &err), 0); /* nothing there: defaults */
	assert_int_equal(config_load(&c, main, true, &err), -ENOENT);
	err = (struct error){0};
	put(dir, "p.conf", "[sampling]\nfrequency = 1\nwindow = 10\n");
	assert_int_equal(mkdir(drop_ins, 0700), 0);
	put(drop_ins, "20-b.conf", "[sampling]\nfrequency = 3\n");
	put(drop_ins, "10-a.conf", "[sampling]\nfrequency = 2\n");
	put(drop_ins, "30-c.conf~", "nonsense\n");
	put(drop_ins, ".hidden.conf", "nonsense\n");
	assert_int_equal(config_load(&c, main, true, &err), 0);
	assert_int_equal(c.frequency, 3);
	assert_int_equal(c.window, 10 * SECOND);
	put(drop_ins, "40-d.conf", "[sampling]\nnonsense\n");
	assert_int_equal(config_load(&c, main, true, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/p.conf.d/40-d.conf:2: "));
	config_free(&c);

	static const char *const files[] = {"p.conf.d/20-b.conf", "p.conf.d/10-a.conf", "p.conf.d/30-c.conf~", "p.conf.d/.hidden.conf",
					    "p.conf.d/40-d.conf", "p.conf"};
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		auto_free char *path = xasprintf("%s/%s", dir, files[i]);

		unlink(path);
	}
	rmdir(drop_ins);
	rmdir(dir);
}

static char *read_text(const char *path)
{
	struct buf b = {0};

	if (file_read(path, 1 << 20, &b))
		fail_msg("%s: run the tests from the top of the source", path);
	return b.v;
}

/* profiled.conf(5) has every key once, in its section, with its default, and no other key. */
static void manual_page(void **state)
{
	auto_free char *page = read_text("packaging/man/profiled.conf.5");
	size_t items = 0;

	for (const char *p = page; (p = strstr(p, "\n.It Cm ")); p++)
		items++;
	assert_int_equal(items, settings_n);
	for (size_t i = 0; i < settings_n; i++) {
		const struct setting *s = &settings[i];
		auto_free char *section = xasprintf("\n.Ss [%s]\n", s->section);
		auto_free char *item = xasprintf("\n.It Cm %s No =%s%s\n", s->key, *s->initial ? " " : "", s->initial);
		const char *begin = strstr(page, section), *end = begin ? strstr(begin + 1, "\n.Ss ") : NULL;
		const char *at = begin ? strstr(begin, item) : NULL;

		if (!at || (end && at > end))
			fail_msg("profiled.conf(5): [%s] has no '%s'", s->section, item);
	}
}

/* Every key stands commented out in the sample, and with the comment signs taken away it says what is the default. */
static void sample_file(void **state)
{
	auto_free char *text = read_text("packaging/profiled.conf");
	struct config sample, initial;
	struct error err = {0};
	size_t assignments = 0;

	for (char *p = text; (p = strstr(p, "\n#")); p++)
		if (strchr(p + 2, '=') && strchr(p + 2, '=') < strchr(p + 2, '\n')) {
			p[1] = ' ';
			assignments++;
		}
	assert_int_equal(assignments, settings_n);
	config_init(&initial);
	if (parse(&sample, text, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < settings_n; i++) {
		const char *a = (char *)&sample + settings[i].offset, *b = (char *)&initial + settings[i].offset;

		if (settings[i].type == SETTING_PATH || settings[i].type == SETTING_URLS)
			assert_string_equal(*(char **)a, *(char **)b);
		else
			assert_int_equal(*(uint64_t *)a, *(uint64_t *)b);
	}
	config_free(&sample);
	config_free(&initial);
}

static void command_line(void **state)
{
	struct error err = {0};
	struct config c;

	config_init(&c);
	assert_int_equal(config_set(&c, "--window", "window", "2", &err), 0);
	assert_int_equal(c.window, 2 * SECOND);
	assert_int_equal(config_set(&c, "--window", "window", "x", &err), -EINVAL);
	assert_non_null(strstr(err.text, "--window: "));
	config_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),	cmocka_unit_test(reads_values), cmocka_unit_test(empty_is_default),
		cmocka_unit_test(errors_name_file_and_line), cmocka_unit_test(no_text), cmocka_unit_test(drop_ins),
		cmocka_unit_test(manual_page), cmocka_unit_test(sample_file), cmocka_unit_test(command_line),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
