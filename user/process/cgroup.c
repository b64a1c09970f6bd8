// SPDX-License-Identifier: Apache-2.0
#include "process/cgroup.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/table.h"
#include "process/container.h"
#include "process/labels.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define GROUPS_MAX 16384 /* known at one time; above it the half that was not asked for goes */
#define SCAN_MAX 8192	 /* directories of one scan */
#define SCAN_DEPTH 32
#define HANDLE_KERNFS 0xfe /* FILEID_KERNFS */

struct identified {
	uint64_t id;
	uint32_t group; /* in groups */
};

struct cgroups {
	char *mount; /* of the v2 hierarchy; NULL: there is none */
	int mount_fd;
	VEC(struct cgroup) groups;
	VEC(struct identified) ids;
	struct table by_path, by_id;
	uint64_t calls;
	size_t scanned;
};

static bool same_path(const void *ctx, uint32_t i, const void *key)
{
	return !strcmp(((const struct cgroups *)ctx)->groups.v[i].path, key);
}

static bool same_id(const void *ctx, uint32_t i, const void *key)
{
	return ((const struct cgroups *)ctx)->ids.v[i].id == *(const uint64_t *)key;
}

static uint64_t hash_path(const char *path)
{
	return hash_bytes(path, strlen(path));
}

static uint64_t hash_id(uint64_t id)
{
	return hash_mix(7, id);
}

/* The places that systemd mounts it at: alone, and beside version 1. */
static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC;
}

struct cgroups *cgroups_new(void)
{
	static const char *const mounts[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	struct cgroups *c = xcalloc(1, sizeof(*c));

	c->mount_fd = -1;
	for (size_t i = 0; i < ARRAY_SIZE(mounts) && !c->mount; i++)
		if (is_cgroup2(mounts[i]))
			c->mount = xstrdup(mounts[i]);
	if (c->mount)
		c->mount_fd = open(c->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return c;
}

static void free_group(struct cgroup *g)
{
	free(g->path);
	free(g->unit);
	free(g->container);
	free(g->container_name);
	free(g->pod);
	free(g->namespace);
}

void cgroups_free(struct cgroups *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->groups.n; i++)
		free_group(&c->groups.v[i]);
	vec_free(&c->groups);
	vec_free(&c->ids);
	table_free(&c->by_path);
	table_free(&c->by_id);
	cleanup_close(&c->mount_fd);
	free(c->mount);
	free(c);
}

static int by_use(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Forgets the groups that were not asked for since the call `oldest`. */
static void forget_before(struct cgroups *c, uint64_t oldest)
{
	auto_free uint32_t *moved = xcalloc(c->groups.n, sizeof(*moved));
	size_t kept = 0, ids = 0;

	table_free(&c->by_path);
	table_free(&c->by_id);
	for (size_t i = 0; i < c->groups.n; i++) {
		moved[i] = TABLE_NONE;
		if (c->groups.v[i].used < oldest) {
			free_group(&c->groups.v[i]);
			continue;
		}
		moved[i] = kept;
		table_add(&c->by_path, hash_path(c->groups.v[i].path), kept);
		c->groups.v[kept++] = c->groups.v[i];
	}
	c->groups.n = kept;
	for (size_t i = 0; i < c->ids.n; i++) {
		if (moved[c->ids.v[i].group] == TABLE_NONE)
			continue;
		c->ids.v[ids] = (struct identified){c->ids.v[i].id, moved[c->ids.v[i].group]};
		table_add(&c->by_id, hash_id(c->ids.v[ids].id), ids);
		ids++;
	}
	c->ids.n = ids;
}

static void make_room(struct cgroups *c)
{
	if (c->groups.n < GROUPS_MAX && c->ids.n < 2 * GROUPS_MAX)
		return;
	auto_free uint64_t *used = xcalloc(c->groups.n, sizeof(*used));
	for (size_t i = 0; i < c->groups.n; i++)
		used[i] = c->groups.v[i].used;
	qsort(used, c->groups.n, sizeof(*used), by_use);
	forget_before(c, used[c->groups.n / 2] + 1);
}

/* The group at this path; it is added when it is new. */
static uint32_t group_at(struct cgroups *c, const char *path)
{
	uint32_t i = table_find(&c->by_path, hash_path(path), same_path, c, path);

	if (i != TABLE_NONE)
		return i;
	i = c->groups.n;
	*vec_push(&c->groups) = (struct cgroup){.path = xstrdup(path), .used = c->calls};
	table_add(&c->by_path, hash_path(path), i);
	return i;
}

void cgroups_add(struct cgroups *c, uint64_t id, const char *path)
{
	uint32_t i = table_find(&c->by_id, hash_id(id), same_id, c, &id);

	c->calls++;
	if (path[0] != '/')
		return;
	if (i != TABLE_NONE) { /* an id is not given twice while the machine runs; a group may be renamed */
		c->ids.v[i].group = group_at(c, path);
		return;
	}
	make_room(c);
	*vec_push(&c->ids) = (struct identified){id, group_at(c, path)};
	table_add(&c->by_id, hash_id(id), c->ids.n - 1);
}

/* A directory of the v2 hierarchy and those in it. The inode number of a kernfs directory is its id on 64-bit machines. */
static void scan_directory(struct cgroups *c, int fd, struct buf *path, int depth)
{
	DIR *d = fdopendir(fd);
	size_t n = path->n;
	struct dirent *e;
	struct stat st;

	if (!d) {
		close(fd);
		return;
	}
	if (!fstat(fd, &st))
		cgroups_add(c, st.st_ino, path->n ? path->v : "/");
	while ((e = readdir(d)) && c->scanned < SCAN_MAX && depth < SCAN_DEPTH) {
		int child;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		child = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (child < 0)
			continue;
		c->scanned++;
		buf_printf(path, "/%s", e->d_name);
		scan_directory(c, child, path, depth + 1);
		buf_truncate(path, n);
	}
	closedir(d);
}

void cgroups_scan(struct cgroups *c)
{
	int fd = c->mount ? open(c->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct buf path = {0};

	c->scanned = 0;
	if (fd >= 0)
		scan_directory(c, fd, &path, 0);
	buf_free(&path);
}

/* Path of the group by its handle; false when there is none (any more), or without CAP_DAC_READ_SEARCH. */
static bool path_by_handle(const struct cgroups *c, uint64_t id, char path[PATH_MAX])
{
	union {
		struct file_handle h;
		char bytes[sizeof(struct file_handle) + sizeof(id)];
	} handle = {.h = {.handle_bytes = sizeof(id), .handle_type = HANDLE_KERNFS}};
	size_t mount = c->mount ? strlen(c->mount) : 0;
	char link[40];
	ssize_t n;

	if (!mount)
		return false;
	memcpy(handle.h.f_handle, &id, sizeof(id));
	auto_close int fd = open_by_handle_at(c->mount_fd, &handle.h, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	if (n <= 0)
		return false;
	path[n] = '\0';
	if (strncmp(path, c->mount, mount) || (path[mount] && path[mount] != '/'))
		return false;
	memmove(path, path + mount, n - mount + 1);
	if (!path[0])
		strcpy(path, "/");
	return true;
}

/* In groups, or TABLE_NONE. */
static uint32_t find_by_id(struct cgroups *c, uint64_t id)
{
	uint32_t i = table_find(&c->by_id, hash_id(id), same_id, c, &id);
	char path[PATH_MAX];

	if (i == TABLE_NONE && path_by_handle(c, id, path)) {
		cgroups_add(c, id, path);
		i = table_find(&c->by_id, hash_id(id), same_id, c, &id);
	}
	return i == TABLE_NONE ? TABLE_NONE : c->ids.v[i].group;
}

static uint32_t find_by_proc(struct cgroups *c, int32_t pid)
{
	struct buf text = {0};
	uint32_t i = TABLE_NONE;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	if (!file_read(path, 256 * 1024, &text) && text.n) {
		make_room(c);
		i = group_at(c, cgroup_of_proc(text.v));
	}
	buf_free(&text);
	return i;
}

/* Only now: most groups are never sampled. */
static void look(struct cgroup *g)
{
	struct container_names names = {0};
	struct cgroup_labels labels;

	cgroup_labels_parse(&labels, g->path);
	if (labels.container[0])
		container_names_read(&names, "", labels.container);
	g->unit = xstrdup(labels.unit);
	g->container = xstrdup(labels.container);
	g->container_name = xstrdup(names.container[0] ? names.container : labels.container_name);
	g->pod = xstrdup(names.pod[0] ? names.pod : labels.pod);
	g->namespace = xstrdup(names.namespace);
}

const struct cgroup *cgroups_find(struct cgroups *c, uint64_t id, int32_t pid)
{
	uint32_t i;

	c->calls++;
	i = id ? find_by_id(c, id) : TABLE_NONE;
	/* The root of v2 says nothing where version 1 hierarchies are in use. */
	if (pid && (i == TABLE_NONE || !strcmp(c->groups.v[i].path, "/"))) {
		uint32_t by_proc = find_by_proc(c, pid);

		i = by_proc == TABLE_NONE ? i : by_proc;
	}
	if (i == TABLE_NONE)
		return NULL;
	c->groups.v[i].used = c->calls;
	if (!c->groups.v[i].unit)
		look(&c->groups.v[i]);
	return &c->groups.v[i];
}

size_t cgroups_count(const struct cgroups *c)
{
	return c->groups.n;
}
