// SPDX-License-Identifier: Apache-2.0
/*
 * What the daemon is told: profiled.conf(5). "key = value" lines in [sections], as systemd writes its own; a line that begins
 * with # or ; is a comment. A later assignment wins, an empty value is the default again. The parser is pure.
 *
 * A new key is a member of struct config and a line in settings[]; parsing, `profile daemon --help` and the test that compares
 * the manual page follow from it.
 */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_PATH "/etc/profiled/profiled.conf"

enum setting_type {
	SETTING_NUMBER,
	SETTING_DURATION, /* ns; "90", "90s", "1.5h" */
	SETTING_BYTES,	  /* "512K", "64M", "1G": powers of 1024 */
	SETTING_SHARE,	  /* millionths; written in percent: "0.5" or "0.5%" */
	SETTING_BOOL,	  /* yes, no, true, false, on, off, 1, 0 */
	SETTING_PATH,	  /* absolute; "" where that is the default */
	SETTING_URLS,	  /* debuginfod servers with spaces between them, or "" */
	SETTING_LEVEL,	  /* enum log_level: error, warning, info, debug */
};

struct config {
	uint64_t frequency; /* Hz */
	uint64_t window;    /* ns */
	char *state_dir;
	uint64_t history, history_bytes, history_age, min_free, merge_10m_after, merge_1h_after;
	char *cache_dir;
	uint64_t cache_bytes;
	char *debuginfod; /* "": nobody is asked */
	uint64_t debuginfod_bytes;
	uint64_t current, current_interval, current_share;
	char *current_dir; /* "": below state_dir */
	uint64_t cpu_limit, memory_limit, map_limit;
	uint64_t metrics, log_level;
};

struct setting {
	const char *section, *key;
	enum setting_type type;
	size_t offset; /* in struct config: a uint64_t, or a char * */
	const char *initial;
	uint64_t min, max; /* of the value as it is kept */
	const char *help;
};

extern const struct setting settings[];
extern const size_t settings_n;

void config_init(struct config *c); /* all defaults; to be freed */
void config_free(struct config *c);

/*
 * Applies a file's text; `name` is for messages. On an error ("NAME:LINE: ...") `c` is half changed: parse into a new one.
 * Returns 0 or -EINVAL.
 */
int config_parse(struct config *c, const char *name, const char *text, size_t n, struct error *err);
/* One assignment, as the command line makes it; key as in the file, without its section. `what` is for messages. */
int config_set(struct config *c, const char *what, const char *key, const char *value, struct error *err);

/*
 * Reads `path`, then PATH.d/ *.conf in the order of their names (LC_ALL=C). That `path` is missing is an error only when it was
 * asked for (`must_exist`).
 */
int config_load(struct config *c, const char *path, bool must_exist, struct error *err);

/* The table of keys as text for --help. */
void config_help(struct buf *out);

#endif
