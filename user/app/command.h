// SPDX-License-Identifier: Apache-2.0
/*
 * A command: one file that ends in one const descriptor, and its line in commands[] (main.c).
 */
#ifndef APP_COMMAND_H
#define APP_COMMAND_H

struct command {
	const char *name;
	const char *summary; /* one line */
	const char *help;    /* the whole text of `profile help NAME` */
	void (*more_help)(void); /* prints what follows it; or NULL */
	int (*run)(int argc, char **argv); /* argv[0] is the name; returns the exit status */
};

extern const struct command record_command; /* without a command word: profile -p, -a, -- COMMAND */
extern const struct command flame_command;
extern const struct command collapse_command;
extern const struct command doctor_command;
extern const struct command daemon_command;
extern const struct command history_command;
extern const struct command export_command;
extern const struct command diff_command;

#define EXIT_USAGE 2

#endif
