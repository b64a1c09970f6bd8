// SPDX-License-Identifier: Apache-2.0
#include "process/container.h"

#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#define FILE_BYTES_MAX (2u * 1024 * 1024)
#define JSON_DEPTH_MAX 32
#define LOG_FILES_MAX 20000 /* entries looked at in /var/log/containers */
#define ID_HEX 64

static bool is_id(const char *id)
{
	return strlen(id) == ID_HEX && strspn(id, "0123456789abcdef") == ID_HEX;
}

/* The text under a key, if there is one and none was found before. */
static void take(char *to, size_t size, struct json_object *o, const char *key)
{
	struct json_object *v;

	if (!to[0] && json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_string))
		snprintf(to, size, "%s", json_object_get_string(v));
}

/* Annotations of containerd's CRI plugin, of CRI-O and of the kubelet, and docker's labels from dockershim and cri-dockerd. */
static void take_annotations(struct container_names *ret, struct json_object *o)
{
	static const char *const containers[] = {"io.kubernetes.cri.container-name", "io.kubernetes.container.name", "nerdctl/name"};
	static const char *const pods[] = {"io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"};
	static const char *const namespaces[] = {"io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace",
						 "io.kubernetes.cri-o.Namespace"};

	for (size_t i = 0; i < ARRAY_SIZE(containers); i++)
		take(ret->container, sizeof(ret->container), o, containers[i]);
	for (size_t i = 0; i < ARRAY_SIZE(pods); i++)
		take(ret->pod, sizeof(ret->pod), o, pods[i]);
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		take(ret->namespace, sizeof(ret->namespace), o, namespaces[i]);
}

static struct json_object *parse(const char *json, size_t n, enum json_type type)
{
	struct json_tokener *t = json_tokener_new_ex(JSON_DEPTH_MAX);
	struct json_object *o = t && n <= FILE_BYTES_MAX ? json_tokener_parse_ex(t, json, n) : NULL;

	if (t)
		json_tokener_free(t);
	if (o && !json_object_is_type(o, type)) {
		json_object_put(o);
		return NULL;
	}
	return o;
}

bool container_names_parse(struct container_names *ret, const char *json, size_t n)
{
	struct json_object *o = parse(json, n, json_type_object), *part;

	if (!o)
		return false;
	if (json_object_object_get_ex(o, "annotations", &part))
		take_annotations(ret, part);
	if (json_object_object_get_ex(o, "Config", &part) && json_object_object_get_ex(part, "Labels", &part))
		take_annotations(ret, part);
	take(ret->container, sizeof(ret->container), o, "Name"); /* docker's, with a '/' in front */
	if (ret->container[0] == '/')
		memmove(ret->container, ret->container + 1, strlen(ret->container));
	json_object_put(o);
	return true;
}

bool container_names_of_log(struct container_names *ret, const char *file, const char *id)
{
	size_t n = strlen(file), tail = 1 + strlen(id) + 4;
	const char *first = strchr(file, '_'), *second = first ? strchr(first + 1, '_') : NULL;
	const char *end = n > tail ? file + n - tail : file; /* of the names */

	if (!second || end <= second || *end != '-' || strncmp(end + 1, id, strlen(id)) || strcmp(end + tail - 4, ".log"))
		return false;
	snprintf(ret->pod, sizeof(ret->pod), "%.*s", (int)(first - file), file);
	snprintf(ret->namespace, sizeof(ret->namespace), "%.*s", (int)(second - first - 1), first + 1);
	snprintf(ret->container, sizeof(ret->container), "%.*s", (int)(end - second - 1), second + 1);
	return true;
}

static bool read_config(struct container_names *ret, const char *path)
{
	struct buf text = {0};
	bool ok = !file_read(path, FILE_BYTES_MAX, &text) && text.n && container_names_parse(ret, text.v, text.n);

	buf_free(&text);
	return ok;
}

/* ID/config.json below any of the namespaces. */
static bool read_containerd(struct container_names *ret, const char *root, const char *id)
{
	auto_free char *tasks = xasprintf("%s/run/containerd/io.containerd.runtime.v2.task", root);
	DIR *d = opendir(tasks);
	struct dirent *e;
	bool ok = false;

	while (d && !ok && (e = readdir(d))) {
		auto_free char *path = xasprintf("%s/%s/%s/config.json", tasks, e->d_name, id);

		ok = e->d_name[0] != '.' && read_config(ret, path);
	}
	if (d)
		closedir(d);
	return ok;
}

/* [{"id": ID, "names": [NAME, ...]}, ...] */
static void read_podman_list(struct container_names *ret, const char *root, const char *id)
{
	auto_free char *path = xasprintf("%s/var/lib/containers/storage/overlay-containers/containers.json", root);
	struct buf text = {0};
	struct json_object *list = file_read(path, FILE_BYTES_MAX, &text) || !text.n ? NULL : parse(text.v, text.n, json_type_array);

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i), *v, *name;

		if (!json_object_object_get_ex(o, "id", &v) || !json_object_is_type(v, json_type_string) ||
		    strcmp(json_object_get_string(v), id) || !json_object_object_get_ex(o, "names", &v) ||
		    !json_object_is_type(v, json_type_array) || !(name = json_object_array_get_idx(v, 0)) ||
		    !json_object_is_type(name, json_type_string))
			continue;
		if (!ret->container[0])
			snprintf(ret->container, sizeof(ret->container), "%s", json_object_get_string(name));
	}
	if (list)
		json_object_put(list);
	buf_free(&text);
}

static void read_logs(struct container_names *ret, const char *root, const char *id)
{
	auto_free char *dir = xasprintf("%s/var/log/containers", root);
	DIR *d = opendir(dir);
	struct dirent *e;

	for (size_t n = 0; d && n < LOG_FILES_MAX && (e = readdir(d)); n++)
		if (container_names_of_log(ret, e->d_name, id))
			break;
	if (d)
		closedir(d);
}

void container_names_read(struct container_names *ret, const char *root, const char *id)
{
	auto_free char *storage = xasprintf("%s/run/containers/storage/overlay-containers/%s/userdata/config.json", root, id);
	auto_free char *docker = xasprintf("%s/var/lib/docker/containers/%s/config.v2.json", root, id);

	*ret = (struct container_names){0};
	if (!is_id(id))
		return;
	/* Docker's own file first: containerd, which it uses, has no names for it. */
	if (!read_config(ret, docker) && !read_containerd(ret, root, id) && read_config(ret, storage) && !ret->container[0])
		read_podman_list(ret, root, id);
	if (!ret->container[0])
		read_logs(ret, root, id);
}
