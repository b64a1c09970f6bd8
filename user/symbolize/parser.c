// SPDX-License-Identifier: Apache-2.0
#include "symbolize/parser.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/respawn.h"
#include "symbolize/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int parser_start(struct parser *p, int file, const int *roots, const struct buf *request)
{
	auto_close int input = respawn_file("profile-request"), output = respawn_file("profile-image");
	auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int fds[PARSE_ROOT_FD + PARSE_ROOTS] = {input, output, null, file, roots[0], roots[1]};
	int ret = 0;

	*p = (struct parser){.process = -1, .result = -1};
	if (input < 0 || output < 0)
		return input < 0 ? input : output;
	ret = file_write_fd(input, request->v, request->n);
	if (!ret && lseek(input, 0, SEEK_SET))
		ret = -errno;
	ret = ret ? ret : respawn(&p->pid, PARSE_ARGUMENT, NULL, fds, ARRAY_SIZE(fds));
	if (ret) {
		p->pid = 0;
		return ret;
	}
	p->process = syscall(SYS_pidfd_open, p->pid, 0);
	p->result = output;
	output = -1;
	p->deadline = clock_ns(CLOCK_MONOTONIC) + PARSER_DEADLINE_NS;
	if (p->process < 0) {
		ret = -errno;
		parser_stop(p);
	}
	return ret;
}

bool parser_wait(struct parser *p, uint64_t until)
{
	struct pollfd ended = {.fd = p->process, .events = POLLIN};

	for (;;) {
		uint64_t now = clock_ns(CLOCK_MONOTONIC), end = until < p->deadline ? until : p->deadline;
		int n = poll(&ended, 1, now < end ? (end - now) / NS_PER_MS + 1 : 0);

		if (n > 0)
			return true;
		now = clock_ns(CLOCK_MONOTONIC);
		if (now >= p->deadline)
			return true; /* parser_take() ends it */
		if (now >= until)
			return false;
	}
}

/* Parsers that were killed and had not ended yet: they hang in the kernel, on a file system that does not answer. */
static VEC(pid_t) left;

static void reap_left(void)
{
	for (size_t i = left.n; i--;)
		if (waitpid(left.v[i], NULL, WNOHANG))
			left.v[i] = left.v[--left.n];
}

/* How it ended. */
static int reap(struct parser *p, bool *too_large)
{
	bool ended = poll(&(struct pollfd){.fd = p->process, .events = POLLIN}, 1, 0) > 0;
	int status = 0, ret;

	if (!ended) {
		kill(p->pid, SIGKILL);
		poll(&(struct pollfd){.fd = p->process, .events = POLLIN}, 1, 100);
	}
	reap_left();
	if (!waitpid(p->pid, &status, WNOHANG)) {
		*vec_push(&left) = p->pid;
		ret = -ETIME;
	} else if (!ended || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)) {
		ret = -ETIME;
	} else if (WIFEXITED(status) && WEXITSTATUS(status) <= PARSE_TOO_LARGE) {
		*too_large = WEXITSTATUS(status) == PARSE_TOO_LARGE;
		ret = WEXITSTATUS(status) == PARSE_NOTHING ? -ENOEXEC : WEXITSTATUS(status) == PARSE_FAILED ? -ECHILD : 0;
	} else {
		ret = -ECHILD;
	}
	close(p->process);
	p->process = -1;
	p->pid = 0;
	return ret;
}

/* From here on it can neither change nor shrink under us. */
static int map_result(int fd, struct parser_result *ret)
{
	struct stat st;
	int code;

	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) || fstat(fd, &st))
		return -errno;
	if (!st.st_size)
		return -EBADMSG;
	ret->size = st.st_size;
	ret->bytes = mmap(NULL, ret->size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (ret->bytes == MAP_FAILED) {
		ret->bytes = NULL;
		return -errno;
	}
	code = image_file_open(&ret->file, ret->bytes, ret->size);
	if (code) {
		munmap(ret->bytes, ret->size);
		ret->bytes = NULL;
	}
	return code;
}

int parser_take(struct parser *p, struct parser_result *ret)
{
	bool too_large = false;
	int code = reap(p, &too_large);

	*ret = (struct parser_result){.too_large = too_large};
	if (!code)
		code = map_result(p->result, ret);
	close(p->result);
	p->result = -1;
	return code;
}

void parser_stop(struct parser *p)
{
	bool too_large;

	if (!p->pid)
		return;
	kill(p->pid, SIGKILL);
	if (p->process >= 0)
		reap(p, &too_large);
	else
		waitpid(p->pid, NULL, 0);
	p->pid = 0;
	close(p->result);
	p->result = -1;
}
