// SPDX-License-Identifier: Apache-2.0
#include "store/salvage.h"

#include "base/clock.h"
#include "base/mem.h"
#include "profile/profile.h"
#include "store/database.h"

#include <dirent.h>
#include <fcntl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_NS (5 * NS_PER_SEC)
#define INFIX ".corrupt-"

uint64_t salvage_copies(const char *path, int remove)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir = slash ? xstrndup(path, slash - path + 1) : xstrdup("./");
	auto_free char *start = xasprintf("%s%s", slash ? slash + 1 : path, INFIX);
	DIR *d = opendir(dir);
	struct dirent *entry;
	uint64_t bytes = 0;
	struct stat st;

	while (d && (entry = readdir(d))) {
		if (strncmp(entry->d_name, start, strlen(start)) || fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		bytes += st.st_size;
		if (remove)
			unlinkat(dirfd(d), entry->d_name, 0);
	}
	if (d)
		closedir(d);
	return bytes;
}

int salvage_set_aside(const char *path, char **ret, struct error *err)
{
	static const char *const companions[] = {"-wal", "-shm"};
	time_t now = time(NULL);
	char stamp[32];
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	salvage_copies(path, 1);
	*ret = xasprintf("%s%s%s", path, INFIX, stamp);
	if (rename(path, *ret)) {
		free(*ret);
		return error_set(err, -errno, "the history %s is damaged and cannot be renamed: %s", path, strerror(errno));
	}
	for (size_t i = 0; i < ARRAY_SIZE(companions); i++) {
		auto_free char *from = xasprintf("%s%s", path, companions[i]), *to = xasprintf("%s%s", *ret, companions[i]);

		if (rename(from, to))
			unlink(from);
	}
	return 0;
}

typedef VEC(int64_t) ids;

/* Of both directions: a damaged page ends a walk, but not the one that comes from the other side. */
static void list_windows(sqlite3 *db, const char *sql, ids *ret)
{
	auto_statement sqlite3_stmt *q = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &q, NULL))
		return;
	while (sqlite3_step(q) == SQLITE_ROW)
		*vec_push(ret) = sqlite3_column_int64(q, 0);
}

static int newest_first(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x > y ? -1 : x < y;
}

/* Copies the rows that a query gives for `id`, column by column. */
static int copy_rows(sqlite3 *from, sqlite3 *to, const char *select, const char *insert, int64_t id, int *ret_rows)
{
	auto_statement sqlite3_stmt *in = NULL, *out = NULL;
	int rc = sqlite3_prepare_v2(from, select, -1, &in, NULL);

	rc = rc ? rc : sqlite3_prepare_v2(to, insert, -1, &out, NULL);
	if (rc)
		return rc;
	sqlite3_bind_int64(in, 1, id);
	*ret_rows = 0;
	while ((rc = sqlite3_step(in)) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(in); i++)
			sqlite3_bind_value(out, i + 1, sqlite3_column_value(in, i));
		rc = sqlite3_step(out);
		if (rc != SQLITE_DONE)
			return rc;
		sqlite3_reset(out);
		++*ret_rows;
	}
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

#define LABEL_VALUES "?, ?, ?, ?, ?, ?, ?, ?, ?"
_Static_assert(LABEL_N == 7, "LABEL_VALUES has the id, a value a label, and last_window");

/* A window without its profile is of no use; whether its dictionary came along shows when it is decoded. */
static int copy_window(sqlite3 *from, sqlite3 *to, int64_t id)
{
	int windows = 0, profiles = 0, rest, rc;

	rc = copy_rows(from, to, "SELECT * FROM boots WHERE id = (SELECT boot FROM windows WHERE id = ?)",
		       "INSERT OR IGNORE INTO boots VALUES(?, ?, ?)", id, &rest);
	rc = rc ? rc : copy_rows(from, to, "SELECT * FROM dictionaries WHERE id = (SELECT dictionary FROM windows WHERE id = ?)",
				 "INSERT OR IGNORE INTO dictionaries VALUES(?, ?)", id, &rest);
	rc = rc ? rc : copy_rows(from, to, "SELECT * FROM windows WHERE id = ?",
				 "INSERT INTO windows VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", id, &windows);
	rc = rc ? rc : copy_rows(from, to, "SELECT * FROM losses WHERE window = ?", "INSERT INTO losses VALUES(?, ?, ?)", id, &rest);
	rc = rc ? rc : copy_rows(from, to, "SELECT * FROM labels WHERE id IN (SELECT labels FROM processes WHERE window = ?)",
				 "INSERT OR IGNORE INTO labels VALUES(" LABEL_VALUES ")", id, &rest);
	rc = rc ? rc : copy_rows(from, to, "SELECT * FROM processes WHERE window = ?",
				 "INSERT INTO processes VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)", id, &rest);
	rc = rc ? rc : copy_rows(from, to, "SELECT * FROM profiles WHERE window = ?", "INSERT INTO profiles VALUES(?, ?)", id, &profiles);
	return rc ? rc : windows && profiles ? SQLITE_OK : SQLITE_CORRUPT;
}

/* What was copied is only kept when it can be decoded: the pages may be whole and the bytes in them not. */
static bool is_readable(sqlite3 *to, int64_t id)
{
	struct store reader = {.db = to};
	auto_statement sqlite3_stmt *q = NULL;
	struct profile *p = NULL;
	bool ok = false;

	if (!sqlite3_prepare_v2(to, "SELECT dictionary FROM windows WHERE id = ?", -1, &q, NULL)) {
		sqlite3_bind_int64(q, 1, id);
		ok = sqlite3_step(q) == SQLITE_ROW && !database_profile(&reader, id, sqlite3_column_int64(q, 0), &p);
	}
	dictionary_free(reader.read);
	profile_free(p);
	return ok;
}

uint64_t salvage_windows(const char *path, sqlite3 *to)
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC) + MAX_NS, n = 0;
	sqlite3 *from = NULL;
	ids windows = {0};

	if (!database_open_readonly(path, &from)) {
		list_windows(from, "SELECT id FROM windows ORDER BY id", &windows);
		list_windows(from, "SELECT id FROM windows ORDER BY id DESC", &windows);
	}
	if (windows.n)
		qsort(windows.v, windows.n, sizeof(*windows.v), newest_first);
	sqlite3_exec(to, "BEGIN", NULL, NULL, NULL);
	for (size_t i = 0; i < windows.n && clock_ns(CLOCK_MONOTONIC) < until; i++) {
		if (i && windows.v[i] == windows.v[i - 1])
			continue;
		sqlite3_exec(to, "SAVEPOINT one", NULL, NULL, NULL);
		if (!copy_window(from, to, windows.v[i]) && is_readable(to, windows.v[i]))
			n++;
		else
			sqlite3_exec(to, "ROLLBACK TO one", NULL, NULL, NULL);
		sqlite3_exec(to, "RELEASE one", NULL, NULL, NULL);
	}
	if (sqlite3_exec(to, "COMMIT", NULL, NULL, NULL)) {
		sqlite3_exec(to, "ROLLBACK", NULL, NULL, NULL);
		n = 0;
	}
	vec_free(&windows);
	sqlite3_close_v2(from);
	return n;
}
