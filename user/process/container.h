// SPDX-License-Identifier: Apache-2.0
/*
 * What a container is called, by the files that its runtime keeps on this machine: no daemon is asked, nothing can hang. Where
 * the files cannot be read (a user's own podman) there are no names.
 *
 *   containerd, CRI       /run/containerd/io.containerd.runtime.v2.task/NAMESPACE/ID/config.json, annotations
 *   CRI-O, podman         /run/containers/storage/overlay-containers/ID/userdata/config.json, annotations
 *   podman                /var/lib/containers/storage/overlay-containers/containers.json
 *   docker                /var/lib/docker/containers/ID/config.v2.json, Name and labels
 *   the kubelet           /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log
 */
#ifndef PROCESS_CONTAINER_H
#define PROCESS_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

struct container_names { /* "" where unknown */
	char container[256], pod[256], namespace[256];
};

/* `root` stands in front of every path; "" but in tests. `id` as labels.h found it; one that is no runtime's id has no files. */
void container_names_read(struct container_names *ret, const char *root, const char *id);

/* Pure. From an OCI config.json or docker's config.v2.json; false when it is no JSON object. */
bool container_names_parse(struct container_names *ret, const char *json, size_t n);
/* From the name of a file in /var/log/containers; false when it is not that of `id`. */
bool container_names_of_log(struct container_names *ret, const char *file, const char *id);

#endif
