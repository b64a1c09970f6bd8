// SPDX-License-Identifier: Apache-2.0
/*
 * Profiles added up and regrouped. Counts and accounting add up exactly: what goes in comes out, as samples or as filtered.
 */
#ifndef PROFILE_MERGE_H
#define PROFILE_MERGE_H

#include "profile/filter.h"
#include "profile/profile.h"

/*
 * Adds all samples of `from`, its accounting and its time range to `into`. Samples of processes that the filter (or NULL)
 * holds back are counted as filtered instead of recorded.
 *
 * When the periods differ, counts and accounting of both are turned into counts of the greatest common divisor, so that
 * count * period_ns stays exact; into->period_ns says what a count is now. An unknown period (0) is taken as the other's.
 * Two processes are one when pid and identity are equal.
 */
void profile_merge(struct profile *into, const struct profile *from, const struct process_filter *filter);
/* The greatest common divisor of two periods; of an unknown one (0) and another: the other. */
uint64_t period_unit(uint64_t a, uint64_t b);

enum group_by { GROUP_BY_PROCESS, GROUP_BY_COMM, GROUP_BY_UNIT, GROUP_BY_CONTAINER };

/* "process", "comm", "unit", "container". */
const char *group_by_name(enum group_by by);
int group_by_parse(const char *name, enum group_by *ret); /* 0 or -EINVAL */
/* What a process of that comm and these labels is shown as: its unit, the container's name or short id, "[no unit]", ... */
const char *group_name(enum group_by by, const char *comm, const char *const labels[], char short_id[13]);

/*
 * The same samples with one process (pid 0) per group, whose comm is the group's name. Units and containers get the comm as
 * a frame under it. GROUP_BY_PROCESS is a copy of what the samples reach.
 */
struct profile *profile_group(const struct profile *p, enum group_by by);

/*
 * The same samples in fewer bytes, for windows that have become old. All sums stay: of the profile, of each comm with its
 * labels, of every stack that is kept. What is given up:
 *   - processes with fewer than `min_process` samples are put together by comm and labels, as pid 0: what keeps ten minutes of
 *     a machine that compiles from being a list of ten thousand compilers;
 *   - frames with fewer than `min_frame` samples in all: the stack ends before them, in "[rare]";
 *   - of a function in a file one location is kept: later symbols can still be looked up, lines cannot.
 */
struct profile *profile_coarsen(const struct profile *p, uint64_t min_process, uint64_t min_frame);

#endif
