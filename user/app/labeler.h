// SPDX-License-Identifier: Apache-2.0
/* Puts labels (PROFILE_LABELS) on the processes of a profile: program, control group and what that tells. */
#ifndef APP_LABELER_H
#define APP_LABELER_H

#include "process/process.h"
#include "profile/profile.h"

struct labeler; /* opaque */

struct labeler *labeler_new(void);
void labeler_free(struct labeler *l); /* NULL is fine */

/* Learns the control groups that exist. Those that come later are told of by events. */
void labeler_start(struct labeler *l);
void labeler_apply(struct labeler *l, const struct process_event *e); /* anything but EVENT_CGROUP is ignored */

/*
 * Process `id` of `p` had a sample in this control group. `process` is NULL when nothing is known of it. Cheap unless this is its
 * first sample in the group.
 */
void labeler_label(struct labeler *l, struct profile *p, uint32_t id, const struct process *process, uint64_t cgroup_id);

#endif
