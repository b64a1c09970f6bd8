// SPDX-License-Identifier: Apache-2.0
/*
 * The options of a command line as one table: what they are called, and where in the command's own struct they go. A row
 * is made by one of the macros, of a letter (0: there is only the long form), a name, and a member of `type`:
 *
 *	static const struct option_row rows[] = {
 *		OPTION_FLAG('q', "quiet", struct options, quiet),
 *		OPTION_TEXT(0, "title", struct options, title),
 *		OPTION_TAKE('n', "rows", struct options, rows, option_number, 0),
 *	};
 */
#ifndef APP_OPTIONS_H
#define APP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Puts a value (NULL: the option has none) to where the row says; `which` is the row's. Returns 0, EXIT_USAGE after telling the
 * user what is wrong, or OPTION_REFUSED: then they are told that the option does not take this value.
 */
typedef int option_take(void *to, const char *value, int which);

#define OPTION_REFUSED (-2)

struct option_row {
	const char *name;
	char letter;
	int has_value; /* as getopt_long()'s has_arg */
	option_take *take;
	size_t offset;
	int which;
};

#define OPTION_FLAG(letter, name, type, member) {name, letter, false, option_set, offsetof(type, member), 0}
#define OPTION_TEXT(letter, name, type, member) {name, letter, true, option_text, offsetof(type, member), 0}
#define OPTION_TAKE(letter, name, type, member, take, which) {name, letter, true, take, offsetof(type, member), which}
#define OPTION_CALL(letter, name, type, member, take, which) {name, letter, false, take, offsetof(type, member), which}
#define OPTION_MAY_TAKE(letter, name, type, member, take, which) {name, letter, 2, take, offsetof(type, member), which} /* --NAME[=VALUE] */
#define OPTION_IGNORED(name, has_value) {name, 0, has_value, option_ignore, 0, 0}

option_take option_set;    /* a bool: true */
option_take option_text;   /* a const char *: the value */
option_take option_number; /* a uint64_t */
option_take option_stream; /* a const char *: a path, NULL for "-" */
option_take option_ignore;

#define OPTIONS_HELP (-1)

/*
 * Reads the options of argv (argv[0] is skipped) into *to; `command` is named where help is to be found, NULL: the program's
 * own. Options stand anywhere before "--", or, with `leading`, only before the first word. Returns how many words of argv
 * were read in *ret: those from there on are no options. 0, EXIT_USAGE after telling the user what is wrong, or OPTIONS_HELP
 * when -h or --help was among them.
 */
int options_parse(const struct option_row *rows, size_t n, void *to, const char *command, bool leading, int argc, char **argv,
		  int *ret);

/* The one word behind the options, a path, into *path: NULL when there is none or it is "-". 0, or EXIT_USAGE likewise. */
int options_input(int argc, char **argv, int first, const char **path);

#endif
