// SPDX-License-Identifier: Apache-2.0
#include "app/command.h"

#include "app/options.h"

#include "base/log.h"
#include "base/mem.h"
#include "symbolize/helper.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command *const commands[] = {
	&record_command, /* the default, named by nobody */
	&flame_command,
	&collapse_command,
	&doctor_command,
	&daemon_command,
	&history_command,
	&export_command,
	&diff_command,
};

static const struct command *find(const char *name)
{
	for (size_t i = 1; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static int help(const char *name)
{
	const struct command *c = name ? find(name) : commands[0];

	if (!c) {
		log_error("there is no command '%s'; see 'profile --help'", name);
		return EXIT_USAGE;
	}
	fputs(c->help, stdout);
	if (c->more_help)
		c->more_help();
	if (!name) {
		printf("\nCommands:\n");
		for (size_t i = 1; i < ARRAY_SIZE(commands); i++)
			printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
		printf("\n'profile help COMMAND' tells more of each.\n");
	}
	return 0;
}

/*
 * A closed standard stream would be given to the next file opened, and what is meant for the stream end up in there. Not to
 * /dev/null as one might: writing shall fail, and a command started shall find the stream closed.
 */
static void occupy_closed_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", (fd ? O_RDONLY : O_WRONLY) | O_CLOEXEC) < 0)
			return;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	const struct command *c = find(word);
	int status;

	if (helper_is_wanted(argc, argv))
		return helper_main(argv);
	occupy_closed_streams();
	if (c && argc > 2 && !strcmp(argv[2], "--help"))
		status = help(word);
	else if (c)
		status = c->run(argc - 1, argv + 1);
	else if (!strcmp(word, "help"))
		status = help(argc > 2 ? argv[2] : NULL);
	else if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		status = help(NULL);
	else if (!strcmp(word, "--version"))
		status = printf("profile %s\n", VERSION) < 0;
	else
		status = record_command.run(argc, argv);
	if (status == OPTIONS_HELP)
		status = help(c ? word : NULL);
	if (fflush(stdout) && !status) {
		log_error("cannot write to standard output: %m");
		status = 1;
	}
	return status;
}
