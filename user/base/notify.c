// SPDX-License-Identifier: Apache-2.0
#include "base/notify.h"

#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A path, or with '@' in front a name in the abstract namespace, where a NUL stands for the '@'. */
static int address(struct sockaddr_un *a, socklen_t *size)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n = path ? strlen(path) : 0;

	if (!n)
		return 0;
	if ((path[0] != '/' && path[0] != '@') || n >= sizeof(a->sun_path))
		return -EINVAL;
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(a->sun_path, path, n);
	*size = offsetof(struct sockaddr_un, sun_path) + n + (path[0] == '/'); /* a path ends in a NUL, a name does not */
	if (path[0] == '@')
		a->sun_path[0] = '\0';
	return 1;
}

int notify(const char *fmt, ...)
{
	struct sockaddr_un to;
	socklen_t size;
	char text[1024];
	va_list ap;
	int n, ret = address(&to, &size);

	if (ret <= 0)
		return ret;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		return -EMSGSIZE;
	auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || sendto(fd, text, n, MSG_NOSIGNAL, (struct sockaddr *)&to, size) != n)
		return -errno;
	return 1;
}

uint64_t notify_watchdog_ns(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t us, who;

	/* The variables may have been meant for a process before us in the same unit. */
	if (!usec || text_u64(usec, &us) || us > UINT64_MAX / 1000 || (pid && (text_u64(pid, &who) || who != (uint64_t)getpid())))
		return 0;
	return us * 1000;
}
