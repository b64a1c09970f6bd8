// SPDX-License-Identifier: Apache-2.0
/*
 * Control groups: from the id that a sample carries, or from a process, to the path and what it tells. What was known of a group
 * stays when the group is gone, so a container that ended keeps its label; the least recently asked for are forgotten.
 *
 * In the v2 hierarchy an id is the inode number of the group's directory and at the same time its file handle (include/linux/
 * exportfs.h, FILEID_KERNFS), so open_by_handle_at() finds the path without a search. Groups that appear are told of by the
 * side-band. Where processes are grouped in version 1 hierarchies /proc/PID/cgroup is asked instead.
 */
#ifndef PROCESS_CGROUP_H
#define PROCESS_CGROUP_H

#include <stddef.h>
#include <stdint.h>

struct cgroup {
	char *path; /* from the root of the hierarchy on: "/system.slice/cron.service" */
	/* "" where nothing tells; see labels.h and container.h */
	char *unit, *container, *container_name, *pod, *namespace;
	uint64_t used; /* when it was last asked for, in calls */
};

struct cgroups; /* opaque */

struct cgroups *cgroups_new(void);
void cgroups_free(struct cgroups *c); /* NULL is fine */

/* Learns every group that exists. Costs a walk through /sys/fs/cgroup; from then on groups that end are known too. */
void cgroups_scan(struct cgroups *c);
/* A group of the v2 hierarchy that the side-band told of. */
void cgroups_add(struct cgroups *c, uint64_t id, const char *path);

/*
 * The group with this id (0: unknown) that process `pid` is in. NULL when it cannot be told. Valid until the next call. Cost: a
 * look-up; of a process for which only /proc knows, reading one file, so callers remember the answer.
 */
const struct cgroup *cgroups_find(struct cgroups *c, uint64_t id, int32_t pid);

size_t cgroups_count(const struct cgroups *c);

#endif
