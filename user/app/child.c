// SPDX-License-Identifier: Apache-2.0
#include "app/child.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void __attribute__((noreturn)) run(char **argv, int go, int failed, const struct child_signals *inherited)
{
	char byte;
	ssize_t n;
	int code;

	do
		n = read(go, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(127); /* the profiler gave up */
	sigaction(SIGPIPE, &inherited->pipe, NULL);
	sigaction(SIGCHLD, &inherited->child, NULL);
	sigprocmask(SIG_SETMASK, &inherited->mask, NULL);
	execvp(argv[0], argv);
	code = errno;
	if (write(failed, &code, sizeof(code)) < 0)
		_exit(126);
	_exit(127);
}

int child_fork(struct child *c, char **argv, const struct child_signals *inherited, struct error *err)
{
	int go[2], failed[2];

	if (pipe2(go, O_CLOEXEC) || pipe2(failed, O_CLOEXEC))
		return error_set(err, -errno, "cannot make a pipe: %s", strerror(errno));
	c->pid = fork();
	if (c->pid < 0)
		return error_set(err, -errno, "cannot start %s: %s", argv[0], strerror(errno));
	if (!c->pid) {
		close(go[1]);
		close(failed[0]);
		run(argv, go[0], failed[1], inherited);
	}
	close(go[0]);
	close(failed[1]);
	c->go = go[1];
	c->failed = failed[0];
	return 0;
}

/* Blocks until the child ended. */
static void wait_for(struct child *c)
{
	pid_t got;

	if (c->exited || c->pid <= 0)
		return;
	do
		got = waitpid(c->pid, &c->status, 0);
	while (got < 0 && errno == EINTR);
	c->exited = true;
}

int child_exec(struct child *c, const char *name, struct error *err)
{
	int code = 0;
	ssize_t n;

	if (write(c->go, "", 1) != 1)
		code = errno;
	close(c->go);
	/* The exec closes the pipe; a failed one sends its errno first. */
	do
		n = read(c->failed, &code, sizeof(code));
	while (n < 0 && errno == EINTR);
	close(c->failed);
	if (!code)
		return 0;
	wait_for(c);
	return error_set(err, -code, "cannot run %s: %s", name, strerror(code));
}

bool child_reap(struct child *c)
{
	if (!c->exited && c->pid > 0 && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
		c->exited = true;
	return c->exited;
}

int child_exit_status(const struct child *c)
{
	return WIFSIGNALED(c->status) ? 128 + WTERMSIG(c->status) : WEXITSTATUS(c->status);
}

void child_abandon(struct child *c)
{
	if (c->pid <= 0 || c->exited)
		return;
	close(c->go);
	close(c->failed);
	wait_for(c);
}
