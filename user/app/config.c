// SPDX-License-Identifier: Apache-2.0
#include "app/config.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "symbolize/debuginfod.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_BYTES_MAX (1024 * 1024)
#define FILES_MAX 1024 /* in the drop-in directory */

#define KB 1024ull
#define MB (1024 * KB)
#define GB (1024 * MB)
#define HOUR (3600 * NS_PER_SEC)
#define DAY (24 * HOUR)

#define SETTING(section, key, type, member, initial, min, max, help)                                                   \
	{section, key, SETTING_##type, offsetof(struct config, member), initial, min, max, help}

const struct setting settings[] = {
	SETTING("sampling", "frequency", NUMBER, frequency, "49", 1, 10000, "samples per second and CPU"),
	SETTING("sampling", "window", DURATION, window, "60s", NS_PER_SEC, HOUR, "time that one entry of the history covers"),
	SETTING("storage", "state_dir", PATH, state_dir, "/var/lib/profiled", 1, 1, "where everything is kept"),
	SETTING("storage", "history", BOOL, history, "yes", 0, 1, "keep a history"),
	SETTING("storage", "history_bytes", BYTES, history_bytes, "1G", 4 * MB, 1024 * GB, "its size on disk; the oldest goes first"),
	SETTING("storage", "history_age", DURATION, history_age, "30d", HOUR, 3660 * DAY, "its age; what is older goes"),
	SETTING("storage", "merge_10min_after", DURATION, merge_10m_after, "2h", 0, 3660 * DAY, "then windows become windows of 10 minutes; 0: never"),
	SETTING("storage", "merge_1h_after", DURATION, merge_1h_after, "7d", 0, 3660 * DAY, "then of an hour; 0: never"),
	SETTING("storage", "min_free", BYTES, min_free, "256M", 0, 1024 * GB, "left free on the file system; the oldest goes first"),
	SETTING("storage", "cache_dir", PATH, cache_dir, "/var/cache/profiled", 1, 1, "where symbols and unwind rules are kept that were read already"),
	SETTING("storage", "cache_bytes", BYTES, cache_bytes, "256M", 0, 1024 * GB, "their size; 0: every run reads all anew"),
	SETTING("symbols", "debuginfod", URLS, debuginfod, "", 0, 1, "servers that are asked for debug files; by default none"),
	SETTING("symbols", "debuginfod_bytes", BYTES, debuginfod_bytes, "1G", MB, 1024 * GB, "what these files may take in CACHE_DIR/debuginfod"),
	SETTING("current", "write", BOOL, current, "yes", 0, 1, "write flame graphs of the last window"),
	SETTING("current", "directory", PATH, current_dir, "", 0, 1, "where; by default STATE_DIR/current"),
	SETTING("current", "interval", DURATION, current_interval, "0", 0, DAY, "at most so often; by default every window"),
	SETTING("current", "min_share", SHARE, current_share, "0.5%", 0, 1000000, "of all samples, for a process to get its own"),
	SETTING("limits", "cpu", SHARE, cpu_limit, "1%", 100, 1000000, "of all CPUs together; above it less is sampled, or put off"),
	SETTING("limits", "memory", BYTES, memory_limit, "96M", 24 * MB, 64 * GB, "resident; above it what can be read again is dropped"),
	SETTING("limits", "map_memory", BYTES, map_limit, "64M", 1 * MB, 16 * GB, "of BPF maps, that is kernel memory"),
	SETTING("service", "metrics", BOOL, metrics, "yes", 0, 1, "write STATE_DIR/metrics.prom every window"),
	SETTING("service", "log_level", LEVEL, log_level, "info", LOG_LEVEL_ERROR, LOG_LEVEL_DEBUG, "error, warning, info or debug"),
};
const size_t settings_n = ARRAY_SIZE(settings);

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit durations[] = {{"s", 1}, {"sec", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400}, {NULL, 1}};
static const struct unit sizes[] = {{"K", KB}, {"M", MB}, {"G", GB}, {NULL, 1}};

/* Cuts a unit off the end of `value` and returns its factor; 1 when there is none. */
static uint64_t cut_unit(char *value, const struct unit *units)
{
	size_t digits = strspn(value, "0123456789.");

	for (; units->name; units++)
		if (digits && !strcmp(value + digits + strspn(value + digits, " "), units->name)) {
			value[digits] = '\0';
			return units->factor;
		}
	return 1;
}

static int parse_word(const char *const *words, size_t n, const char *value, uint64_t *ret)
{
	for (size_t i = 0; i < n; i++)
		if (words[i] && !strcmp(words[i], value)) {
			*ret = i;
			return 0;
		}
	return -EINVAL;
}

/* Words stand at the value that they mean, some of them at that + 2 or + 4. */
static int parse_bool(const char *value, uint64_t *ret)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
	int code = parse_word(words, ARRAY_SIZE(words), value, ret);

	*ret &= 1;
	return code;
}

static int parse_level(const char *value, uint64_t *ret)
{
	static const char *const words[] = {
		[LOG_LEVEL_ERROR] = "error",
		[LOG_LEVEL_WARN] = "warning",
		[LOG_LEVEL_INFO] = "info",
		[LOG_LEVEL_DEBUG] = "debug",
	};

	return parse_word(words, ARRAY_SIZE(words), value, ret);
}

static int parse_number(enum setting_type type, const char *text, uint64_t *ret)
{
	auto_free char *value = xstrdup(text);
	uint64_t factor = type == SETTING_DURATION ? cut_unit(value, durations) : type == SETTING_BYTES ? cut_unit(value, sizes) : 1;
	size_t n = strlen(value);
	int code;

	if (type == SETTING_SHARE && n && value[n - 1] == '%')
		value[n - 1] = '\0';
	code = type == SETTING_DURATION || type == SETTING_SHARE ? text_seconds(value, ret) : text_u64(value, ret);
	if (!code && type == SETTING_SHARE)
		*ret /= NS_PER_SEC / 10000; /* a percent is 10,000 millionths */
	return code ? code : __builtin_mul_overflow(*ret, factor, ret) ? -ERANGE : 0;
}

static const char *wanted(enum setting_type type)
{
	switch (type) {
	case SETTING_NUMBER:
		return "a whole number";
	case SETTING_DURATION:
		return "a time such as 60s, 10min, 1h or 7d";
	case SETTING_BYTES:
		return "a size such as 512K, 64M or 1G";
	case SETTING_SHARE:
		return "a percentage such as 0.5%";
	case SETTING_BOOL:
		return "yes or no";
	case SETTING_PATH:
		return "an absolute path";
	case SETTING_URLS:
		return "http://HOST or https://HOST";
	case SETTING_LEVEL:
		return "error, warning, info or debug";
	}
	return "";
}

/* A value as it is kept, in the form that it would be written in. */
static void print_value(struct buf *out, enum setting_type type, uint64_t v)
{
	size_t unit = 0;

	if (type == SETTING_DURATION) {
		buf_printf(out, "%gs", (double)v / NS_PER_SEC);
	} else if (type == SETTING_SHARE) {
		buf_printf(out, "%g%%", v / 1e4);
	} else if (type == SETTING_BYTES) {
		for (; unit < 3 && v && !(v % 1024); unit++)
			v /= 1024;
		buf_printf(out, "%llu%.*s", (unsigned long long)v, unit > 0, &"KMG"[unit ? unit - 1 : 0]);
	} else {
		buf_printf(out, "%llu", (unsigned long long)v);
	}
}

static int out_of_range(const struct setting *s, const char *where, const char *value, struct error *err)
{
	struct buf range = {0};

	print_value(&range, s->type, s->min);
	buf_puts(&range, " to ");
	print_value(&range, s->type, s->max);
	error_set(err, -EINVAL, "%s: %s = %s is out of range: %s", where, s->key, value, range.v);
	buf_free(&range);
	return -EINVAL;
}

static int set_path(struct config *c, const struct setting *s, const char *where, const char *value, struct error *err)
{
	char **path = (char **)((char *)c + s->offset);

	if (*value && *value != '/')
		return error_set(err, -EINVAL, "%s: %s = %s: %s is wanted", where, s->key, value, wanted(s->type));
	free(*path);
	*path = xstrdup(value);
	for (size_t n = strlen(*path); n > 1 && (*path)[n - 1] == '/';)
		(*path)[--n] = '\0';
	return 0;
}

static int set_urls(struct config *c, const struct setting *s, const char *where, const char *value, struct error *err)
{
	char **urls = (char **)((char *)c + s->offset);
	struct error why = {0};

	if (*value && debuginfod_check(value, &why))
		return error_set(err, -EINVAL, "%s: %s: %s", where, s->key, why.text);
	free(*urls);
	*urls = xstrdup(value);
	return 0;
}

static int set(struct config *c, const struct setting *s, const char *where, const char *value, struct error *err)
{
	uint64_t v = 0;
	int ret;

	if (!*value)
		value = s->initial;
	if (s->type == SETTING_PATH)
		return set_path(c, s, where, value, err);
	if (s->type == SETTING_URLS)
		return set_urls(c, s, where, value, err);
	ret = s->type == SETTING_BOOL ? parse_bool(value, &v) : s->type == SETTING_LEVEL ? parse_level(value, &v) :
										     parse_number(s->type, value, &v);
	if (ret == -ERANGE || (!ret && (v < s->min || v > s->max)))
		return out_of_range(s, where, value, err);
	if (ret)
		return error_set(err, -EINVAL, "%s: %s = %s: %s is wanted", where, s->key, value, wanted(s->type));
	*(uint64_t *)((char *)c + s->offset) = v;
	return 0;
}

void config_init(struct config *c)
{
	*c = (struct config){0};
	for (size_t i = 0; i < settings_n; i++)
		set(c, &settings[i], "", settings[i].initial, NULL);
}

void config_free(struct config *c)
{
	for (size_t i = 0; i < settings_n; i++)
		if (settings[i].type == SETTING_PATH || settings[i].type == SETTING_URLS)
			free(*(char **)((char *)c + settings[i].offset));
	*c = (struct config){0};
}

static bool is_section(const char *name)
{
	for (size_t i = 0; i < settings_n; i++)
		if (!strcmp(settings[i].section, name))
			return true;
	return false;
}

/* `section` NULL: any. */
static const struct setting *find(const char *section, const char *key)
{
	for (size_t i = 0; i < settings_n; i++)
		if (!strcmp(settings[i].key, key) && (!section || !strcmp(settings[i].section, section)))
			return &settings[i];
	return NULL;
}

static char *trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r");
	for (n = strlen(s); n && strchr(" \t\r", s[n - 1]);)
		s[--n] = '\0';
	return s;
}

/* Which section a line stands in; "" before the first. */
struct place {
	char where[300]; /* "NAME:LINE" */
	char section[32];
};

static int begin_section(struct place *at, char *line, struct error *err)
{
	size_t n = strlen(line);

	if (line[n - 1] != ']')
		return error_set(err, -EINVAL, "%s: '%s' is no section: a ']' is missing", at->where, line);
	line[n - 1] = '\0';
	if (!is_section(line + 1))
		return error_set(err, -EINVAL, "%s: there is no section [%s]; see profiled.conf(5)", at->where, line + 1);
	snprintf(at->section, sizeof(at->section), "%s", line + 1);
	return 0;
}

static int assign(struct config *c, const struct place *at, char *line, struct error *err)
{
	char *value = strchr(line, '='), *key;
	const struct setting *s;

	if (!value)
		return error_set(err, -EINVAL, "%s: '%s' is no assignment: key = value is wanted", at->where, line);
	*value++ = '\0';
	key = trim(line);
	value = trim(value);
	if (!at->section[0])
		return error_set(err, -EINVAL, "%s: %s stands before any [section]", at->where, key);
	s = find(at->section, key);
	if (!s)
		return error_set(err, -EINVAL, "%s: there is no key %s in [%s]; see profiled.conf(5)", at->where, key, at->section);
	return set(c, s, at->where, value, err);
}

int config_parse(struct config *c, const char *name, const char *text, size_t n, struct error *err)
{
	auto_free char *copy = xstrndup(text, n);
	struct place at = {.section = ""};
	char *rest = copy, *line;
	unsigned number = 0;
	int ret = 0;

	if (memchr(text, '\0', n))
		return error_set(err, -EINVAL, "%s: this is no text: it holds a NUL byte", name);
	while (!ret && (line = strsep(&rest, "\n"))) {
		line = trim(line);
		snprintf(at.where, sizeof(at.where), "%s:%u", name, ++number);
		if (*line == '[')
			ret = begin_section(&at, line, err);
		else if (*line && *line != '#' && *line != ';')
			ret = assign(c, &at, line, err);
	}
	return ret;
}

int config_set(struct config *c, const char *what, const char *key, const char *value, struct error *err)
{
	const struct setting *s = find(NULL, key);

	return s ? set(c, s, what, value, err) : error_set(err, -EINVAL, "there is no setting %s", key);
}

static int load_file(struct config *c, const char *path, bool must_exist, struct error *err)
{
	struct buf text = {0};
	int ret = file_read(path, FILE_BYTES_MAX, &text);

	if (ret == -ENOENT && !must_exist)
		ret = 0;
	else if (ret)
		error_set(err, ret, "cannot read %s: %s", path, strerror(-ret));
	else
		ret = config_parse(c, path, text.v ? text.v : "", text.n, err);
	buf_free(&text);
	return ret;
}

static int is_drop_in(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 5 && !strcmp(d->d_name + n - 5, ".conf");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int config_load(struct config *c, const char *path, bool must_exist, struct error *err)
{
	auto_free char *dir = xasprintf("%s.d", path);
	struct dirent **files = NULL;
	int ret = load_file(c, path, must_exist, err), n;

	if (ret)
		return ret;
	n = scandir(dir, &files, is_drop_in, by_name);
	if (n < 0)
		return errno == ENOENT ? 0 : error_set(err, -errno, "cannot read %s: %s", dir, strerror(errno));
	if (n > FILES_MAX)
		ret = error_set(err, -E2BIG, "%s: more than %d files", dir, FILES_MAX);
	for (int i = 0; i < n; i++) {
		auto_free char *file = xasprintf("%s/%s", dir, files[i]->d_name);

		ret = ret ? ret : load_file(c, file, true, err);
		free(files[i]);
	}
	free(files);
	return ret;
}

void config_help(struct buf *out)
{
	const char *section = "";

	for (size_t i = 0; i < settings_n; i++) {
		const struct setting *s = &settings[i];

		if (strcmp(section, s->section))
			buf_printf(out, "  [%s]\n", s->section);
		section = s->section;
		buf_printf(out, "  %-14s %-18s %s\n", s->key, s->initial, s->help);
	}
}
