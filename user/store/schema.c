// SPDX-License-Identifier: Apache-2.0
#include "store/schema.h"

#include "profile/profile.h"

#define TEXT(x) TEXT_(x)
#define TEXT_(x) #x

const char schema_sql[] =
	"PRAGMA application_id = " TEXT(SCHEMA_APPLICATION_ID) ";"
	"PRAGMA user_version = " TEXT(SCHEMA_VERSION) ";"
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"INSERT INTO meta VALUES('schema', " TEXT(SCHEMA_VERSION) ");"
	"CREATE TABLE boots(id INTEGER PRIMARY KEY, host TEXT NOT NULL, boot_id TEXT NOT NULL, UNIQUE(host, boot_id));"
	"CREATE TABLE dictionaries(id INTEGER PRIMARY KEY AUTOINCREMENT, bytes BLOB NOT NULL);"
	"CREATE TABLE windows(id INTEGER PRIMARY KEY AUTOINCREMENT, level INTEGER NOT NULL, parts INTEGER NOT NULL,"
	" start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL, covered_ns INTEGER NOT NULL,"
	" boot INTEGER NOT NULL REFERENCES boots, period_ns INTEGER NOT NULL, event TEXT NOT NULL,"
	" expected INTEGER NOT NULL, idle INTEGER NOT NULL, filtered INTEGER NOT NULL, recorded INTEGER NOT NULL,"
	" lost INTEGER NOT NULL, dictionary INTEGER NOT NULL REFERENCES dictionaries);"
	"CREATE TABLE losses(window INTEGER NOT NULL REFERENCES windows, reason TEXT NOT NULL, periods INTEGER NOT NULL,"
	" PRIMARY KEY(window, reason)) WITHOUT ROWID;"
	"CREATE TABLE labels(id INTEGER PRIMARY KEY,"
#define X(id, name, text) " " name " TEXT NOT NULL,"
	PROFILE_LABELS(X)
#undef X
	" last_window INTEGER NOT NULL);"
	"CREATE INDEX labels_exe ON labels(exe, cgroup);"
	"CREATE TABLE processes(window INTEGER NOT NULL REFERENCES windows, n INTEGER NOT NULL, pid INTEGER NOT NULL,"
	" identity INTEGER NOT NULL, comm TEXT NOT NULL, labels INTEGER NOT NULL REFERENCES labels,"
	" samples INTEGER NOT NULL, processes INTEGER NOT NULL, members BLOB, PRIMARY KEY(window, n)) WITHOUT ROWID;"
	"CREATE TABLE profiles(window INTEGER PRIMARY KEY REFERENCES windows, bytes BLOB NOT NULL);"
	"CREATE VIEW window_list AS SELECT w.id, level, parts, datetime(start_ns / 1000000000, 'unixepoch', 'localtime') AS start,"
	" datetime(end_ns / 1000000000, 'unixepoch', 'localtime') AS end, covered_ns / 1e9 AS covered_seconds, host, boot_id,"
	" 1e9 / nullif(period_ns, 0) AS rate, event, expected, idle, filtered, recorded, lost"
	" FROM windows AS w JOIN boots AS b ON b.id = w.boot;"
	"CREATE VIEW process_list AS SELECT p.window, datetime(w.start_ns / 1000000000, 'unixepoch', 'localtime') AS start,"
	" pid, identity, comm,"
#define X(id, name, text) " l." name ","
	PROFILE_LABELS(X)
#undef X
	" samples, samples * w.period_ns / 1e9 AS cpu_seconds, processes"
	" FROM processes AS p JOIN windows AS w ON w.id = p.window JOIN labels AS l ON l.id = p.labels;";
