// SPDX-License-Identifier: Apache-2.0
#include "process/labels.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ID_HEX 64 /* digits of an id that docker, containerd, CRI-O and podman give */

struct part { /* of a path, or of one of its components */
	const char *s;
	size_t n;
};

static bool is(struct part p, const char *text)
{
	return p.n == strlen(text) && !memcmp(p.s, text, p.n);
}

static bool begins(struct part p, const char *prefix)
{
	size_t n = strlen(prefix);

	return p.n >= n && !memcmp(p.s, prefix, n);
}

static bool ends(struct part p, const char *suffix)
{
	size_t n = strlen(suffix);

	return p.n > n && !memcmp(p.s + p.n - n, suffix, n);
}

static struct part without_prefix(struct part p, const char *prefix)
{
	size_t n = begins(p, prefix) ? strlen(prefix) : 0;

	return (struct part){p.s + n, p.n - n};
}

static struct part without_suffix(struct part p, const char *suffix)
{
	return (struct part){p.s, p.n - (ends(p, suffix) ? strlen(suffix) : 0)};
}

static size_t hex_digits(struct part p)
{
	size_t n = 0;

	while (n < p.n && ((p.s[n] >= '0' && p.s[n] <= '9') || (p.s[n] >= 'a' && p.s[n] <= 'f')))
		n++;
	return n;
}

static bool is_digits(struct part p)
{
	for (size_t i = 0; i < p.n; i++)
		if (p.s[i] < '0' || p.s[i] > '9')
			return false;
	return p.n;
}

static void copy(char *to, size_t size, struct part p)
{
	snprintf(to, size, "%.*s", (int)(p.n < size ? p.n : size - 1), p.s);
}

/* systemd writes "\xNN" for what a unit name may not hold. Machine names are shown as they were. */
static void copy_unescaped(char *to, size_t size, struct part p)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0; i < p.n && n + 1 < size; i++) {
		const char *high, *low;

		if (p.n - i >= 4 && p.s[i] == '\\' && p.s[i + 1] == 'x' && (high = strchr(hex, p.s[i + 2])) && *high &&
		    (low = strchr(hex, p.s[i + 3])) && *low) {
			to[n++] = (high - hex) * 16 + (low - hex);
			i += 3;
		} else {
			to[n++] = p.s[i];
		}
	}
	to[n] = '\0';
}

static bool is_slice(struct part p)
{
	return ends(p, ".slice");
}

/* The kinds of units that have control groups of their own. */
static bool is_unit(struct part p)
{
	return ends(p, ".service") || ends(p, ".scope") || ends(p, ".mount") || ends(p, ".swap") || ends(p, ".socket");
}

/*
 * "ID", "docker-ID", "SLICE:cri-containerd:ID", each with or without ".scope"; ECS also has 32 digits and a number. Monitors of
 * containers ("libpod-conmon-ID.scope") are none.
 */
static bool is_runtime_container(struct part p, struct part *id)
{
	struct part name = without_suffix(p, ".scope"), head;

	if (name.n > 33 && hex_digits(name) == 32 && name.s[32] == '-' && is_digits((struct part){name.s + 33, name.n - 33})) {
		*id = name;
		return true;
	}
	if (name.n < ID_HEX)
		return false;
	head = (struct part){name.s, name.n - ID_HEX};
	*id = (struct part){name.s + head.n, ID_HEX};
	if (hex_digits(*id) != ID_HEX || (head.n && !strchr("-:", head.s[head.n - 1])))
		return false;
	return !ends(head, "conmon-") && !ends(head, "conmon:");
}

/* nspawn's, as registered with systemd-machined, or as its own unit; libvirt's machines run no container. */
static bool is_machine(struct part p, struct part *name)
{
	if (begins(p, "machine-") && ends(p, ".scope"))
		*name = without_prefix(without_suffix(p, ".scope"), "machine-");
	else if (begins(p, "systemd-nspawn@") && ends(p, ".service"))
		*name = without_prefix(without_suffix(p, ".service"), "systemd-nspawn@");
	else
		return false;
	return !begins(*name, "qemu\\x2d") && !begins(*name, "lxc\\x2d");
}

/* Is component `p`, which stands in `parent`, a container? */
static bool is_container(struct part p, struct part parent, struct cgroup_labels *ret)
{
	struct part id, machine;

	if (is_runtime_container(p, &id) || (is(parent, "buildkit") && p.n == 25)) {
		copy(ret->container, sizeof(ret->container), p.n == 25 ? p : id);
		ret->container_name[0] = '\0';
	} else if (begins(p, "lxc.payload.") || (is(parent, "lxc") && p.n)) {
		copy(ret->container, sizeof(ret->container), without_prefix(p, "lxc.payload."));
		memcpy(ret->container_name, ret->container, sizeof(ret->container_name));
	} else if (is_machine(p, &machine)) {
		copy_unescaped(ret->container, sizeof(ret->container), machine);
		memcpy(ret->container_name, ret->container, sizeof(ret->container_name));
	} else {
		return false;
	}
	return true;
}

/* "pod" and a uid, which with the systemd driver stands at the end of a slice's name and has '_' for '-'. */
static void find_pod(struct part p, struct cgroup_labels *ret)
{
	for (size_t i = 0; i + 3 + 32 <= p.n; i++) {
		struct part uid = {p.s + i + 3, 0};
		size_t left = p.n - i - 3, digits = 0;

		if (memcmp(p.s + i, "pod", 3) || (i && p.s[i - 1] != '-'))
			continue;
		while (uid.n < left && (hex_digits((struct part){uid.s + uid.n, 1}) || strchr("-_", uid.s[uid.n])) && uid.n < 36)
			digits += !strchr("-_", uid.s[uid.n++]);
		if (digits != 32 || (uid.n != 32 && uid.n != 36) || (uid.n < left && uid.s[uid.n] != '.'))
			continue;
		copy(ret->pod, sizeof(ret->pod), uid);
		for (char *c = ret->pod; *c; c++)
			*c = *c == '_' ? '-' : *c;
	}
}

/* What systemd puts in front of a group name that would be one of the kernel's files. */
static struct part unescape_group(struct part p)
{
	return without_prefix(p, "_");
}

struct unit_search {
	bool found, user; /* a unit; it is a user's service manager, whose own units follow */
};

static void find_unit(struct unit_search *u, struct part p, struct cgroup_labels *ret)
{
	size_t n = strlen(ret->unit);

	p = unescape_group(p);
	if (u->found && !u->user)
		return;
	if (is_unit(p)) {
		if (u->found) /* "user@UID.service" stands there */
			snprintf(ret->unit + n, sizeof(ret->unit) - n, "/%.*s", (int)p.n, p.s);
		else
			copy(ret->unit, sizeof(ret->unit), p);
		u->user = !u->found && begins(p, "user@") && ends(p, ".service");
		u->found = true;
	} else if (!u->found && is_slice(p)) {
		copy(ret->unit, sizeof(ret->unit), p);
	}
}

void cgroup_labels_parse(struct cgroup_labels *ret, const char *path)
{
	struct unit_search unit = {0};
	struct part parent = {"", 0};
	bool inside = false; /* a container */

	memset(ret, 0, sizeof(*ret));
	while (*path) {
		struct part p = {path, strcspn(path, "/")};

		path += p.n + (path[p.n] == '/');
		if (!p.n || p.n > 255)
			continue;
		if (!inside)
			find_unit(&unit, p, ret);
		find_pod(p, ret);
		inside |= is_container(p, parent, ret);
		parent = p;
	}
}

const char *cgroup_of_proc(char *text)
{
	const char *systemd = NULL, *cpu = NULL;

	for (char *line = strtok_r(text, "\n", &text); line; line = strtok_r(NULL, "\n", &text)) {
		char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		controllers++;
		if (!strcmp(line, "0:") && path[0] && path[1])
			return path;
		if (!strcmp(controllers, "name=systemd"))
			systemd = path;
		else if (!strcmp(controllers, "cpu") || !strncmp(controllers, "cpu,", 4) || strstr(controllers, ",cpu,") ||
			 (strlen(controllers) > 4 && !strcmp(controllers + strlen(controllers) - 4, ",cpu")))
			cpu = path;
	}
	return systemd && systemd[0] && systemd[1] ? systemd : cpu && *cpu ? cpu : "/";
}
