// SPDX-License-Identifier: Apache-2.0
#include "app/options.h"

#include "app/command.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#include <getopt.h>
#include <string.h>

#define FIRST 256 /* getopt_long()'s value for row 0: above all letters */

int option_set(void *to, const char *value, int which)
{
	*(bool *)to = true;
	return 0;
}

int option_text(void *to, const char *value, int which)
{
	*(const char **)to = value;
	return 0;
}

int option_number(void *to, const char *value, int which)
{
	return text_u64(value, to) ? OPTION_REFUSED : 0;
}

int option_stream(void *to, const char *value, int which)
{
	*(const char **)to = strcmp(value, "-") ? value : NULL;
	return *value ? 0 : OPTION_REFUSED;
}

int option_ignore(void *to, const char *value, int which)
{
	return 0;
}

/* getopt_long()'s two forms of the table. */
struct tables {
	struct option *names;
	struct buf letters;
};

static struct tables make_tables(const struct option_row *rows, size_t n, bool leading)
{
	struct tables t = {.names = xcalloc(n + 2, sizeof(*t.names))};

	buf_puts(&t.letters, leading ? "+:h" : ":h");
	for (size_t i = 0; i < n; i++) {
		t.names[i] = (struct option){rows[i].name, rows[i].has_value, NULL, FIRST + (int)i};
		if (rows[i].letter)
			buf_printf(&t.letters, "%c%s", rows[i].letter, rows[i].has_value ? ":" : "");
	}
	t.names[n] = (struct option){"help", no_argument, NULL, 'h'};
	return t;
}

static const struct option_row *find(const struct option_row *rows, size_t n, int c)
{
	if (c >= FIRST)
		return &rows[c - FIRST];
	for (size_t i = 0; i < n; i++)
		if (rows[i].letter == c)
			return &rows[i];
	return NULL;
}

static int wrong(const char *command, const char *what, const char *word, const char *then)
{
	log_error("%s '%s'%s; see 'profile %s%s'", what, word, then, command ? "help " : "--help", command ? command : "");
	return EXIT_USAGE;
}

/* getopt_long() tells a letter, or has just passed the long option. */
static int unknown(const char *command, char **argv)
{
	char letter[] = {'-', optopt, '\0'};
	bool is_long = !optopt || optopt >= FIRST || !strncmp(argv[optind - 1], "--", 2);

	return wrong(command, "unknown option", is_long ? argv[optind - 1] : letter, "");
}

static int take(const struct option_row *row, void *to, const char *command)
{
	auto_free char *refusal = xasprintf("--%s does not take", row->name);
	int status = row->take((char *)to + row->offset, optarg, row->which);

	return status == OPTION_REFUSED ? wrong(command, refusal, optarg, "") : status;
}

int options_parse(const struct option_row *rows, size_t n, void *to, const char *command, bool leading, int argc, char **argv,
		  int *ret)
{
	struct tables t = make_tables(rows, n, leading);
	int c, status = 0;

	optind = 0; /* glibc: start over, argv is another one than main()'s */
	opterr = 0;
	while (!status && (c = getopt_long(argc, argv, t.letters.v, t.names, NULL)) != -1) {
		const struct option_row *row = find(rows, n, c);

		if (c == 'h')
			status = OPTIONS_HELP;
		else if (c == ':')
			status = wrong(command, "option", argv[optind - 1], " wants a value");
		else
			status = row ? take(row, to, command) : unknown(command, argv);
	}
	*ret = optind;
	free(t.names);
	buf_free(&t.letters);
	return status;
}

int options_input(int argc, char **argv, int first, const char **path)
{
	if (argc - first > 1) {
		log_error("one file at a time: '%s' is one too many", argv[first + 1]);
		return EXIT_USAGE;
	}
	*path = first < argc && strcmp(argv[first], "-") ? argv[first] : NULL;
	return 0;
}
