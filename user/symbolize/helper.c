// SPDX-License-Identifier: Apache-2.0
#include "symbolize/helper.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/respawn.h"
#include "symbolize/fetch.h"
#include "symbolize/namer.h"
#include "symbolize/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	const char *argument;
	int (*main)(void);
} jobs[] = {
	{PARSE_ARGUMENT, parse_main},
	{NAMER_ARGUMENT, namer_main},
	{FETCH_ARGUMENT, fetch_main},
};

int helper_adopt(struct helper *h, pid_t pid, int result, uint64_t patience)
{
	int ret = 0;

	*h = (struct helper){
		.pid = pid,
		.process = syscall(SYS_pidfd_open, pid, 0),
		.result = result,
		.deadline = clock_ns(CLOCK_MONOTONIC) + patience,
	};
	if (h->process < 0) {
		ret = -errno;
		helper_stop(h);
	}
	return ret;
}

int helper_start(struct helper *h, const char *argument, const struct buf *request, const int *more, size_t n_more, uint64_t patience)
{
	auto_close int input = respawn_file("profile-request"), output = respawn_file("profile-result");
	auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fds[HELPER_MORE_FD + HELPER_MORE_MAX] = {input, output, null}, ret;
	pid_t pid;

	*h = (struct helper){.process = -1, .result = -1};
	if (input < 0 || output < 0)
		return input < 0 ? input : output;
	for (size_t i = 0; i < n_more; i++)
		fds[HELPER_MORE_FD + i] = more[i];
	ret = file_write_fd(input, request->v, request->n);
	if (!ret && lseek(input, 0, SEEK_SET))
		ret = -errno;
	ret = ret ? ret : respawn(&pid, argument, NULL, fds, HELPER_MORE_FD + n_more);
	if (ret)
		return ret;
	ret = helper_adopt(h, pid, output, patience);
	output = -1;
	return ret;
}

bool helper_wait(struct helper *h, uint64_t until)
{
	struct pollfd ended = {.fd = h->process, .events = POLLIN};

	for (;;) {
		uint64_t now = clock_ns(CLOCK_MONOTONIC), end = until < h->deadline ? until : h->deadline;
		int n = poll(&ended, 1, now < end ? (end - now) / NS_PER_MS + 1 : 0);

		if (n > 0)
			return true;
		now = clock_ns(CLOCK_MONOTONIC);
		if (now >= h->deadline)
			return true; /* helper_end() ends it */
		if (now >= until)
			return false;
	}
}

/* Helpers that were killed and had not ended yet: they hang in the kernel, on a file system that does not answer. */
static VEC(pid_t) left;

static void reap_left(void)
{
	for (size_t i = left.n; i--;)
		if (waitpid(left.v[i], NULL, WNOHANG))
			left.v[i] = left.v[--left.n];
}

/* How it ended. */
static int reap(struct helper *h, int *ret_status)
{
	bool ended = poll(&(struct pollfd){.fd = h->process, .events = POLLIN}, 1, 0) > 0;
	int status = 0, ret;

	if (!ended) {
		kill(h->pid, SIGKILL);
		poll(&(struct pollfd){.fd = h->process, .events = POLLIN}, 1, 100);
	}
	reap_left();
	if (!waitpid(h->pid, &status, WNOHANG)) {
		*vec_push(&left) = h->pid;
		ret = -ETIME;
	} else if (!ended || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)) {
		ret = -ETIME;
	} else {
		ret = WIFEXITED(status) ? 0 : -ECHILD;
	}
	*ret_status = WEXITSTATUS(status);
	close(h->process);
	h->process = -1;
	h->pid = 0;
	return ret;
}

/* From here on it can neither change nor shrink under us. */
static void map_result(int fd, struct helper_result *ret)
{
	struct stat st;

	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) || fstat(fd, &st) || !st.st_size)
		return;
	ret->size = st.st_size;
	ret->bytes = mmap(NULL, ret->size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (ret->bytes == MAP_FAILED)
		ret->bytes = NULL;
}

int helper_end(struct helper *h, struct helper_result *ret)
{
	int code;

	*ret = (struct helper_result){0};
	code = reap(h, &ret->status);
	map_result(h->result, ret);
	close(h->result);
	h->result = -1;
	return code;
}

void helper_stop(struct helper *h)
{
	int status;

	if (!h->pid)
		return;
	kill(h->pid, SIGKILL);
	if (h->process >= 0)
		reap(h, &status);
	else
		waitpid(h->pid, NULL, 0);
	h->pid = 0;
	close(h->result);
	h->result = -1;
}

bool helper_is_wanted(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(jobs); i++)
		if (!strcmp(argv[1], jobs[i].argument))
			return true;
	return false;
}

int helper_main(char **argv)
{
	size_t i = 0;

	while (strcmp(argv[1], jobs[i].argument))
		i++;
	return jobs[i].main();
}
