// SPDX-License-Identifier: Apache-2.0
#include "base/respawn.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <unistd.h>

static int spawn(pid_t *pid, char *const *argv, char *const *environment, const int *fds, size_t n)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int ret;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	for (size_t i = 0; i < n; i++)
		posix_spawn_file_actions_adddup2(&actions, fds[i], i);
	posix_spawn_file_actions_addclosefrom_np(&actions, n);
	ret = posix_spawn(pid, "/proc/self/exe", &actions, &attributes, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return -ret;
}

int respawn(pid_t *pid, const char *argument, char *const *environment, const int *fds, size_t n)
{
	char *argv[] = {(char *)"profile", (char *)argument, NULL}, *nothing[] = {NULL};
	auto_free int *high = xcalloc(n, sizeof(*high));
	size_t have = 0;
	int ret = 0;

	/* Above those of the helper, so that none is overwritten before it is copied. */
	for (; !ret && have < n; have += !ret) {
		high[have] = fcntl(fds[have], F_DUPFD_CLOEXEC, (int)n);
		ret = high[have] < 0 ? -errno : 0;
	}
	ret = ret ? ret : spawn(pid, argv, environment ? environment : nothing, high, n);
	while (have)
		close(high[--have]);
	return ret;
}

int respawn_file(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return fd < 0 ? -errno : fd;
}
