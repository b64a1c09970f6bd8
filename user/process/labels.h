// SPDX-License-Identifier: Apache-2.0
/*
 * What the path of a control group tells: the systemd unit, the container, the Kubernetes pod. Pure; names are as foreign as
 * those who made the groups.
 *
 * The forms are those of systemd (the CGROUP DELEGATION page: slices, scopes, services), runc with its systemd and its cgroupfs
 * driver (docker, containerd, CRI-O), podman (libpod), buildkit, LXC, systemd-nspawn, the kubelet with both drivers, ECS.
 */
#ifndef PROCESS_LABELS_H
#define PROCESS_LABELS_H

#include <stddef.h>

struct cgroup_labels { /* "" where the path tells nothing */
	/*
	 * Name as systemctl knows it, "\x2d" included; of a user's unit "user@UID.service/NAME". Never one of a service manager
	 * inside a container: unit names are unique only together with the container. A slice when nothing smaller is there.
	 */
	char unit[520];
	char container[256];	  /* the innermost one: a runtime's id, or the name of an LXC or nspawn container */
	char container_name[256]; /* where the path has it */
	char pod[40];		  /* uid with dashes */
};

/* `path` from the root of the hierarchy on, with or without a '/' in front. */
void cgroup_labels_parse(struct cgroup_labels *ret, const char *path);

/*
 * The group of a process by the text of /proc/PID/cgroup, where control groups are (also) those of version 1: the line of the v2
 * hierarchy unless the process stands at its root, else systemd's own, else that of the cpu controller. Points into `text`, which
 * is cut there; "/" when there is none.
 */
const char *cgroup_of_proc(char *text);

#endif
