// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOUR_NS (3600 * NS_PER_SEC)

const struct store_limits store_default_limits = {
	.max_age_ns = 30 * 24 * HOUR_NS,
	.max_bytes = 1ull << 30,
	.min_free_bytes = 256ull << 20,
	.merge_10m_after_ns = 2 * HOUR_NS,
	.merge_1h_after_ns = 7 * 24 * HOUR_NS,
};

/* One writer a directory. The lock goes with the process, however it ends. */
static int lock_directory(struct store *s, struct error *err)
{
	auto_free char *path = xasprintf("%s/history.lock", s->dir);

	if (mkdir(s->dir, 0750) && errno != EEXIST)
		return error_set(err, -errno, "cannot make the directory %s: %s", s->dir, strerror(errno));
	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (s->lock < 0 && errno == EROFS)
		s->lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (s->lock < 0)
		return error_set(err, -errno, "cannot use %s for the history: %s", s->dir, strerror(errno));
	if (!flock(s->lock, LOCK_EX | LOCK_NB))
		return 0;
	if (errno == EWOULDBLOCK)
		return error_set(err, -EBUSY, "the history in %s is being written by another profile daemon", s->dir);
	return error_set(err, -errno, "cannot lock %s: %s", path, strerror(errno));
}

static void name_machine(struct store *s)
{
	if (gethostname(s->host, sizeof(s->host) - 1))
		s->host[0] = '\0';
	proc_boot_id(s->boot_id);
}

struct store *store_open(const char *dir, enum store_mode mode, struct error *err)
{
	struct store *s = xcalloc(1, sizeof(*s));
	struct error passing = {0};
	int ret = 0;

	s->mode = mode;
	s->lock = -1;
	s->dir = xstrdup(dir);
	s->path = xasprintf("%s/%s", dir, STORE_FILE);
	if (mode == STORE_WRITE) {
		ret = lock_directory(s, err);
		if (!ret) {
			name_machine(s);
			if (database_ready(s, &passing) == -EPROTO)
				ret = error_set(err, passing.code, "%s", passing.text);
		}
	} else {
		ret = database_ready(s, err);
	}
	if (!ret)
		return s;
	store_close(s);
	return NULL;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	database_close(s);
	if (s->lock >= 0)
		close(s->lock);
	free(s->dir);
	free(s->path);
	free(s);
}

bool store_take_notice(struct store *s, struct error *ret_notice)
{
	bool any = s->notice.code;

	*ret_notice = s->notice;
	s->notice = (struct error){0};
	return any;
}

int store_status(struct store *s, struct store_status *ret, struct error *err)
{
	int64_t windows, oldest, newest;
	int rc = database_ready(s, err);

	if (rc)
		return rc;
	rc = database_number(s, "SELECT count(*) FROM windows", &windows);
	rc = rc ? rc : database_number(s, "SELECT start_ns FROM windows ORDER BY id LIMIT 1", &oldest);
	rc = rc ? rc : database_number(s, "SELECT end_ns FROM windows ORDER BY id DESC LIMIT 1", &newest);
	if (rc)
		return database_failed(s, rc, err);
	*ret = s->counters;
	ret->bytes = store_bytes(s);
	ret->windows = windows;
	ret->oldest_ns = oldest;
	ret->newest_ns = newest;
	return 0;
}
