// SPDX-License-Identifier: Apache-2.0
#include "profile/filter.h"

#include <fnmatch.h>
#include <string.h>

#define MIN_ID_PREFIX 4

void process_filter_free(struct process_filter *f)
{
	vec_free(&f->pids);
	vec_free(&f->comms);
	for (int i = 0; i < LABEL_N; i++)
		vec_free(&f->labels[i]);
}

bool process_filter_is_empty(const struct process_filter *f)
{
	size_t n = f ? f->pids.n + f->comms.n : 0;

	for (int i = 0; f && i < LABEL_N; i++)
		n += f->labels[i].n;
	return !n;
}

static bool is_like(const char *pattern, const char *text)
{
	return !strcmp(pattern, text) || !fnmatch(pattern, text, 0);
}

static bool starts_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

static bool exe_matches(const char *pattern, const char *exe)
{
	const char *slash = strrchr(exe, '/');

	return is_like(pattern, exe) || (slash && !strchr(pattern, '/') && is_like(pattern, slash + 1));
}

static bool cgroup_matches(const char *pattern, const char *cgroup)
{
	size_t n = strlen(pattern);

	while (n && pattern[n - 1] == '/')
		n--;
	return is_like(pattern, cgroup) || (!strncmp(cgroup, pattern, n) && (cgroup[n] == '/' || !cgroup[n]));
}

static bool unit_matches(const char *pattern, const char *unit)
{
	size_t n = strlen(pattern);

	return is_like(pattern, unit) || (!strncmp(unit, pattern, n) && !strcmp(unit + n, ".service"));
}

static bool container_matches(const char *pattern, const char *id, const char *name)
{
	return is_like(pattern, id) || (*name && is_like(pattern, name)) ||
	       (strlen(pattern) >= MIN_ID_PREFIX && starts_with(id, pattern));
}

static bool label_matches(enum profile_label label, const char *pattern, const char *const labels[])
{
	switch (label) {
	case LABEL_EXE:
		return exe_matches(pattern, labels[label]);
	case LABEL_CGROUP:
		return cgroup_matches(pattern, labels[label]);
	case LABEL_UNIT:
		return unit_matches(pattern, labels[label]);
	case LABEL_CONTAINER:
		return container_matches(pattern, labels[label], labels[LABEL_CONTAINER_NAME]);
	default:
		return is_like(pattern, labels[label]);
	}
}

bool process_filter_matches(const struct process_filter *f, int32_t pid, const char *comm, const char *const labels[])
{
	bool ok;

	if (process_filter_is_empty(f))
		return true;
	ok = !f->pids.n;
	for (size_t i = 0; !ok && i < f->pids.n; i++)
		ok = f->pids.v[i] == pid;
	if (!ok)
		return false;
	ok = !f->comms.n;
	for (size_t i = 0; !ok && i < f->comms.n; i++)
		ok = is_like(f->comms.v[i], comm);
	for (int label = 0; ok && label < LABEL_N; label++) {
		ok = !f->labels[label].n;
		for (size_t i = 0; !ok && i < f->labels[label].n; i++)
			ok = label_matches(label, f->labels[label].v[i], labels);
	}
	return ok;
}
