// SPDX-License-Identifier: Apache-2.0
/*
 * Which processes are meant: --comm, --pid, --exe, --unit, --container, --cgroup ... Values of one kind are alternatives,
 * kinds exclude each other's misses: (comm a or b) and (unit c).
 */
#ifndef PROFILE_FILTER_H
#define PROFILE_FILTER_H

#include "profile/profile.h"

#include <stdbool.h>

/*
 * Texts are shell patterns (fnmatch without special slashes) of the whole value, and besides:
 *   exe        a pattern without '/' means the base name of the program
 *   cgroup     also everything below that group
 *   unit       "nginx" also means nginx.service
 *   container  also the beginning of an id, from 4 characters on, and the container's name
 */
struct process_filter {
	VEC(int32_t) pids;
	VEC(const char *) comms;
	VEC(const char *) labels[LABEL_N];
};

void process_filter_free(struct process_filter *f); /* the lists, not the texts */
bool process_filter_is_empty(const struct process_filter *f); /* it lets everything through; NULL is fine */
/* `labels`: LABEL_N texts, "" for none. A NULL or empty filter matches everything. */
bool process_filter_matches(const struct process_filter *f, int32_t pid, const char *comm, const char *const labels[]);

#endif
