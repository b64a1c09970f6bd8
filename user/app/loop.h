// SPDX-License-Identifier: Apache-2.0
/* What the sampling commands wait for: signals, a timer, and the side-band, which is looked at no more often than it pays. */
#ifndef APP_LOOP_H
#define APP_LOOP_H

#include "app/child.h"
#include "base/error.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum loop_kind { LOOP_SIGNAL, LOOP_TIMER, LOOP_SIDEBAND, LOOP_OTHER };

struct loop {
	int epoll, signals, timer, pause;
	int sideband[2]; /* descriptors of it */
	size_t n_sideband;
	struct child_signals inherited; /* as they were before: a command that we start gets them back */
};

struct loop_event {
	enum loop_kind kind;
	int fd; /* of LOOP_OTHER */
};

/*
 * Signals (0-terminated list) arrive through the loop from now on, so that no handler runs. `clock`
 * is what loop_arm() counts in. 0 or a negative errno; loop_close() either way.
 */
int loop_open(struct loop *l, const int *signals, clockid_t clock, struct error *err);
void loop_close(struct loop *l);
int loop_add(struct loop *l, int fd); /* tells of it as LOOP_OTHER; closing it takes it out */
int loop_add_sideband(struct loop *l, int fd); /* the side-band itself, and what else is to be looked at with it: two at most */

/* The timer goes off once, at this time in nanoseconds. */
void loop_arm(struct loop *l, uint64_t time);

/* Waits until something happens and returns how many events that were, at most `max`. */
int loop_wait(struct loop *l, struct loop_event *events, int max);

/*
 * After a look at the side-band that found something: no LOOP_SIDEBAND for so long, then one, for what came meanwhile. After one
 * that found nothing it is listened to already. Bounds what a storm of execs costs us.
 */
void loop_pause_sideband(struct loop *l, uint64_t ns);

/* One signal that came, or false. */
bool loop_signal(struct loop *l, int *ret, bool *sent_by_process);

/* Images stay open while their processes may need names: takes the descriptors that the hard limit grants. */
void loop_raise_file_limit(void);

#endif
