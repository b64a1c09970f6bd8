// SPDX-License-Identifier: Apache-2.0
/* Any bytes as the path of a control group, as /proc/PID/cgroup and as a runtime's file: texts end, and come from the input. */
#include "base/buf.h"
#include "base/mem.h"
#include "process/container.h"
#include "process/labels.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	auto_free char *text = xstrndup((const char *)data, size);
	auto_free char *copy = xstrdup(text);
	struct container_names names = {0};
	struct cgroup_labels labels;
	const char *path;

	cgroup_labels_parse(&labels, text);
	require(memchr(labels.unit, '\0', sizeof(labels.unit)) && memchr(labels.pod, '\0', sizeof(labels.pod)));
	require(memchr(labels.container, '\0', sizeof(labels.container)));
	require(memchr(labels.container_name, '\0', sizeof(labels.container_name)));
	require(strlen(labels.pod) == 0 || strlen(labels.pod) == 32 || strlen(labels.pod) == 36);
	require(!strchr(labels.container, '/'));
	path = cgroup_of_proc(copy);
	require(!strcmp(path, "/") || (path > copy && path < copy + size + 1));
	container_names_parse(&names, (const char *)data, size);
	container_names_of_log(&names, text, "0123");
	require(memchr(names.container, '\0', sizeof(names.container)) && memchr(names.pod, '\0', sizeof(names.pod)));
	return 0;
}
