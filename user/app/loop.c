// SPDX-License-Identifier: Apache-2.0
#include "app/loop.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { ON_PAUSE_END = LOOP_OTHER + 1 };

static int watch(struct loop *l, int fd, int kind)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t)kind << 32 | (uint32_t)fd};

	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static void take_signals(struct loop *l, const int *signals, sigset_t *set)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN}, standard = {.sa_handler = SIG_DFL};
	struct sigaction now;

	sigemptyset(set);
	/* A blocked signal comes through the descriptor even where nohup ignores it. */
	for (; *signals; signals++)
		if (*signals != SIGHUP || sigaction(SIGHUP, NULL, &now) || now.sa_handler != SIG_IGN)
			sigaddset(set, *signals);
	sigprocmask(SIG_BLOCK, set, &l->inherited.mask);
	sigaction(SIGPIPE, &ignore, &l->inherited.pipe);
	/* Where a parent ignores it, children vanish unseen. */
	sigaction(SIGCHLD, &standard, &l->inherited.child);
}

int loop_open(struct loop *l, const int *signals, clockid_t clock, struct error *err)
{
	sigset_t set;

	take_signals(l, signals, &set);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	l->timer = timerfd_create(clock, TFD_CLOEXEC | TFD_NONBLOCK);
	l->pause = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->epoll < 0 || l->signals < 0 || l->timer < 0 || l->pause < 0 || watch(l, l->signals, LOOP_SIGNAL) ||
	    watch(l, l->timer, LOOP_TIMER) || watch(l, l->pause, ON_PAUSE_END))
		return error_set(err, -errno, "cannot set up the event loop: %s", strerror(errno));
	return 0;
}

void loop_close(struct loop *l)
{
	cleanup_close(&l->epoll);
	cleanup_close(&l->signals);
	cleanup_close(&l->timer);
	cleanup_close(&l->pause);
}

int loop_add(struct loop *l, int fd)
{
	return watch(l, fd, LOOP_OTHER);
}

static void listen_sideband(struct loop *l, bool on)
{
	for (size_t i = 0; i < l->n_sideband; i++) {
		struct epoll_event e = {.events = on ? EPOLLIN : 0, .data.u64 = (uint64_t)LOOP_SIDEBAND << 32 | (uint32_t)l->sideband[i]};

		epoll_ctl(l->epoll, EPOLL_CTL_MOD, l->sideband[i], &e);
	}
}

int loop_add_sideband(struct loop *l, int fd)
{
	if (l->n_sideband == ARRAY_SIZE(l->sideband))
		return -ENOSPC;
	l->sideband[l->n_sideband++] = fd;
	return watch(l, fd, LOOP_SIDEBAND);
}

void loop_pause_sideband(struct loop *l, uint64_t ns)
{
	struct itimerspec t = {.it_value = {ns / NS_PER_SEC, ns % NS_PER_SEC}};

	listen_sideband(l, false);
	timerfd_settime(l->pause, 0, &t, NULL);
}

void loop_arm(struct loop *l, uint64_t time)
{
	struct itimerspec t = {.it_value = {time / NS_PER_SEC, time % NS_PER_SEC}};

	timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &t, NULL);
}

int loop_wait(struct loop *l, struct loop_event *events, int max)
{
	struct epoll_event ready[16];
	int n = epoll_wait(l->epoll, ready, max < (int)ARRAY_SIZE(ready) ? max : (int)ARRAY_SIZE(ready), -1), told = 0;
	uint64_t expirations;

	for (int i = 0; i < n; i++) {
		int kind = ready[i].data.u64 >> 32, fd = (uint32_t)ready[i].data.u64;

		/* A timer that was set anew meanwhile has nothing to read, and nothing to tell. */
		if ((kind == LOOP_TIMER || kind == ON_PAUSE_END) && read(fd, &expirations, sizeof(expirations)) < 0)
			continue;
		/*
		 * A perf event's poll() tells of new records only once, and epoll asks twice when it listens anew: what came during
		 * the pause may wake nobody, so it has to be looked for.
		 */
		if (kind == ON_PAUSE_END) {
			listen_sideband(l, true);
			kind = LOOP_SIDEBAND;
		}
		events[told++] = (struct loop_event){kind, fd};
	}
	return told;
}

bool loop_signal(struct loop *l, int *ret, bool *sent_by_process)
{
	struct signalfd_siginfo s;

	if (read(l->signals, &s, sizeof(s)) != sizeof(s))
		return false;
	*ret = s.ssi_signo;
	if (sent_by_process)
		*sent_by_process = s.ssi_code <= 0;
	return true;
}

void loop_raise_file_limit(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}
