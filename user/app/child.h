// SPDX-License-Identifier: Apache-2.0
/* The command of `profile -- COMMAND`: forked first, executed when sampling is live. */
#ifndef APP_CHILD_H
#define APP_CHILD_H

#include "base/error.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct child {
	pid_t pid; /* 0: there is none */
	int go, failed; /* pipe ends: a byte lets it exec; it answers with an errno when that fails */
	bool exited;
	int status; /* as waitpid() gives it, once exited */
};

/* What of the profiler's own signal handling was different before: the command gets that. */
struct child_signals {
	sigset_t mask;
	struct sigaction pipe, child; /* of SIGPIPE and SIGCHLD */
};

/* Forks; the child waits. 0 or a negative errno. */
int child_fork(struct child *c, char **argv, const struct child_signals *inherited, struct error *err);
/* Lets it exec and waits until it did. On failure the child is gone. 0 or a negative errno. */
int child_exec(struct child *c, const char *name, struct error *err);
/* Reaps the child if it ended. Returns true once it has. */
bool child_reap(struct child *c);
/* The exit status to pass on: the command's own, or 128 + signal. */
int child_exit_status(const struct child *c);
/* Ends a child that has not been told to exec. */
void child_abandon(struct child *c);

#endif
