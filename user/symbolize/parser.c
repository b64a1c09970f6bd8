// SPDX-License-Identifier: Apache-2.0
#include "symbolize/parser.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/respawn.h"
#include "symbolize/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVER_PATIENCE_MS 2000 /* a fork takes a fraction of a millisecond */

struct parsers {
	pid_t pid; /* of the server; 0: none runs */
	int socket;
};

struct parsers *parsers_new(void)
{
	struct parsers *all = xcalloc(1, sizeof(*all));

	all->socket = -1;
	return all;
}

static void stop_server(struct parsers *all)
{
	if (!all->pid)
		return;
	cleanup_close(&all->socket);
	all->socket = -1;
	kill(all->pid, SIGKILL);
	waitpid(all->pid, NULL, 0);
	all->pid = 0;
}

void parsers_free(struct parsers *all)
{
	if (!all)
		return;
	stop_server(all);
	free(all);
}

static int start_server(struct parsers *all)
{
	int ends[2], ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int fds[] = {[PARSE_SERVER_FD] = ends[1], null, null};

	ret = null < 0 ? -errno : respawn(&all->pid, PARSE_ARGUMENT, NULL, fds, ARRAY_SIZE(fds));
	close(ends[1]);
	if (ret) {
		close(ends[0]);
		all->pid = 0;
		return ret;
	}
	all->socket = ends[0];
	return 0;
}

/* The pid of a new parser that has these descriptors, or a negative errno; -EPIPE: the server is not there any more. */
static pid_t order(struct parsers *all, const int fds[PARSE_FDS])
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int) * PARSE_FDS)];
	} control = {0};
	char byte = 0;
	struct iovec text = {&byte, 1};
	struct msghdr m = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct pollfd answer = {.fd = all->socket, .events = POLLIN};
	int32_t pid;

	control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int) * PARSE_FDS), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * PARSE_FDS);
	if (sendmsg(all->socket, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return errno == EMFILE || errno == ETOOMANYREFS ? -errno : -EPIPE;
	if (poll(&answer, 1, SERVER_PATIENCE_MS) != 1 || recv(all->socket, &pid, sizeof(pid), MSG_DONTWAIT) != sizeof(pid))
		return -EPIPE;
	return pid;
}

static pid_t fork_parser(struct parsers *all, const int fds[PARSE_FDS])
{
	int ret = -EPIPE;

	/* One that somebody killed is started anew. */
	for (int i = 0; i < 2 && ret == -EPIPE; i++) {
		ret = all->pid ? 0 : start_server(all);
		ret = ret ? ret : order(all, fds);
		if (ret == -EPIPE)
			stop_server(all);
	}
	return ret;
}

int parser_start(struct parsers *all, struct helper *parser, int file, const int *roots, const struct buf *request)
{
	auto_close int input = respawn_file("profile-request"), output = respawn_file("profile-result");
	const int fds[PARSE_FDS] = {input, output, file, roots ? roots[0] : file, roots ? roots[1] : file};
	int ret;

	*parser = (struct helper){.process = -1, .result = -1};
	if (input < 0 || output < 0)
		return input < 0 ? input : output;
	ret = file_write_fd(input, request->v, request->n);
	if (!ret && lseek(input, 0, SEEK_SET))
		ret = -errno;
	ret = ret ? ret : fork_parser(all, fds);
	if (ret < 0)
		return ret;
	ret = helper_adopt(parser, ret, output, PARSER_DEADLINE_NS);
	output = -1;
	return ret;
}

/* What its exit status says. */
static int judge(int status)
{
	switch (status) {
	case PARSE_DONE:
	case PARSE_TOO_LARGE:
		return 0;
	case PARSE_NOTHING:
		return -ENOEXEC;
	default:
		return -ECHILD;
	}
}

int parser_take(struct helper *parser, struct parser_result *ret)
{
	struct helper_result r;
	int code = helper_end(parser, &r);

	*ret = (struct parser_result){.too_large = !code && r.status == PARSE_TOO_LARGE};
	code = code ? code : judge(r.status);
	if (!code)
		code = r.bytes ? image_file_open(&ret->file, r.bytes, r.size) : -EBADMSG;
	if (code) {
		if (r.bytes)
			munmap(r.bytes, r.size);
		return code;
	}
	ret->bytes = r.bytes;
	ret->size = r.size;
	return 0;
}
