// SPDX-License-Identifier: Apache-2.0
/*
 * The profiler with a demangler that symbols can take over: it does what those of namespace "attack" say (linked with
 * --wrap=cplus_demangle_v3_callback, see tests.mk). All else is the program as it is, so that it shows what a hole in libiberty is worth.
 */
#include "base/mem.h"

#include <fcntl.h>
#include <libiberty/demangle.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int __real_cplus_demangle_v3_callback(const char *symbol, int flags, demangle_callbackref take, void *ctx);
int __wrap_cplus_demangle_v3_callback(const char *symbol, int flags, demangle_callbackref take, void *ctx);

static bool is(const char *symbol, const char *attack)
{
	const char *prefix = "_ZN6attack";

	return !strncmp(symbol, prefix, strlen(prefix)) && strstr(symbol, attack);
}

/* Returns if it may not, or is refused. */
static void attack(const char *symbol)
{
	if (is(symbol, "crash"))
		*(volatile int *)NULL = 0;
	if (is(symbol, "spin"))
		for (volatile unsigned i = 0;; i++)
			;
	while (is(symbol, "swallow"))
		if (!memset(xmalloc(1 << 20), 1, 1 << 20))
			return;
	while (is(symbol, "flood"))
		if (write(STDOUT_FILENO, symbol, strlen(symbol)) < 0)
			return;
	if (is(symbol, "open"))
		close(open("/tmp/profile-escaped", O_CREAT | O_WRONLY, 0600));
	if (is(symbol, "connect"))
		close(socket(AF_UNIX, SOCK_STREAM, 0));
	if (is(symbol, "stop"))
		kill(getppid(), SIGKILL);
	if (is(symbol, "fork") && !syscall(SYS_fork))
		for (;;)
			pause();
	if (is(symbol, "exec"))
		execl("/bin/touch", "touch", "/tmp/profile-escaped", NULL);
}

int __wrap_cplus_demangle_v3_callback(const char *symbol, int flags, demangle_callbackref take, void *ctx)
{
	/* Shows that this is what runs. */
	if (is(symbol, "lie")) {
		take("a name that is a lie", strlen("a name that is a lie"), ctx);
		return 1;
	}
	attack(symbol);
	return __real_cplus_demangle_v3_callback(symbol, flags, take, ctx);
}
