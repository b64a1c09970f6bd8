// SPDX-License-Identifier: Apache-2.0
#include "app/results.h"

#include "app/view_options.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "render/format.h"
#include "render/top.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIN_SHARE 5000 /* millionths of all samples: what a process needs to get files of its own with -a */
#define TOP_ROWS 10

static struct view view_of(const struct record_options *o, uint32_t process)
{
	return (struct view){
		.process = process,
		.pids = o->pid_roots,
		.threads = o->threads,
		.user_only = o->user_only,
		.kernel_only = o->kernel_only,
		.no_inline = o->no_inline,
		.no_script = o->no_script,
		.patterns = o->patterns,
	};
}

/* Can something be made at `path`, where nothing is? */
static int check_parent(const char *path, struct error *err)
{
	auto_free char *dir = xstrdup(path);
	char *slash;

	for (size_t n = strlen(dir); n > 1 && dir[n - 1] == '/'; n--)
		dir[n - 1] = '\0';
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	if (access(slash ? dir : ".", W_OK | X_OK))
		return error_set(err, -errno, "cannot write %s: %s", path, strerror(errno));
	return 0;
}

static int check_writable(const char *path, struct error *err)
{
	struct stat st;

	if (!stat(path, &st) && S_ISDIR(st.st_mode))
		return error_set(err, -EISDIR, "cannot write %s: it is a directory", path);
	return access(path, W_OK) ? check_parent(path, err) : 0;
}

/* A directory that may be there already. */
static int check_directory(const char *dir, struct error *err)
{
	struct stat st;

	if (stat(dir, &st))
		return *dir ? check_parent(dir, err) : error_set(err, -ENOENT, "--per-process: the directory has no name");
	if (!S_ISDIR(st.st_mode))
		return error_set(err, -ENOTDIR, "cannot write into %s: it is no directory", dir);
	if (access(dir, W_OK | X_OK))
		return error_set(err, -errno, "cannot write into %s: %s", dir, strerror(errno));
	return 0;
}

int results_check(const struct record_options *o, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < o->outputs.n; i++)
		if (strcmp(o->outputs.v[i], "-"))
			ret = check_writable(o->outputs.v[i], err);
	if (!ret && o->per_process)
		ret = check_directory(o->per_process, err);
	if (!ret && !o->outputs.n && !o->per_process && access(".", W_OK | X_OK))
		ret = error_set(err, -errno, "cannot write into the current directory: %s", strerror(errno));
	return ret;
}

/* Where files go. */
struct sink {
	int (*write)(const char *path, const void *bytes, size_t n, struct error *err);
	struct buf *written; /* their names, or NULL */
};

static int write_format(const struct profile *p, const struct view *view, const struct format *f, const char *path,
			const struct sink *sink, struct error *err)
{
	struct buf out = {0};
	int ret = f->write(&out, p, view, err);

	if (!ret)
		ret = sink->write(path, out.v ? out.v : "", out.n, err);
	if (!ret && sink->written)
		buf_printf(sink->written, "%s\n", path);
	buf_free(&out);
	return ret;
}

static int write_stdout(const struct profile *p, const struct view *view, struct error *err)
{
	struct buf out = {0};
	int ret = folded_format.write(&out, p, view, err);

	if (!ret && (ret = file_write_fd(STDOUT_FILENO, out.v ? out.v : "", out.n)))
		error_set(err, ret, "cannot write to standard output: %s", strerror(-ret));
	buf_free(&out);
	return ret;
}

/* DIR/NAME.folded and DIR/NAME.svg; DIR may be NULL. */
static int write_pair(const struct profile *p, const struct view *view, const char *dir, const char *name,
		      const struct sink *sink, struct error *err)
{
	static const struct format *const pair[] = {&folded_format, &flamegraph_format};
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(pair); i++) {
		auto_free char *path = xasprintf("%s%s%s%s", dir ? dir : "", dir ? "/" : "", name, pair[i]->suffix);

		ret = write_format(p, view, pair[i], path, sink, err);
	}
	return ret;
}

/* "COMM-PID" made safe as a file name; of a group of processes, which has no pid, its name. */
static char *file_name(const char *comm, int32_t pid)
{
	struct buf name = {0};

	text_file_name(&name, comm);
	if (pid)
		buf_printf(&name, "-%d", pid);
	return name.v;
}

/* A pid may stand for several processes of one name (exec in place, reuse): the later ones get ".2", ".3", ... */
static char *unused_name(const struct strings *used, const char *comm, int32_t pid)
{
	auto_free char *base = file_name(comm, pid);
	char *name = xstrdup(base);

	for (unsigned n = 2; strings_find(used, name); n++) {
		free(name);
		name = xasprintf("%s.%u", base, n);
	}
	return name;
}

static int write_processes(const struct profile *p, const struct record_options *o, const char *dir, uint64_t min_share,
			   const struct sink *sink, struct error *err)
{
	auto_free uint64_t *totals = profile_process_totals(p);
	uint64_t min_samples = (profile_total(p) * min_share + 999999) / 1000000;
	struct strings *used = strings_new();
	int ret = 0;

	for (uint32_t i = 0; !ret && i < p->processes.n; i++) {
		struct view view = view_of(o, i);
		auto_free char *name = NULL;

		if (!totals[i] || totals[i] < min_samples)
			continue;
		name = unused_name(used, strings_get(p->strings, p->processes.v[i].comm), p->processes.v[i].pid);
		strings_add(used, name);
		ret = write_pair(p, &view, dir, name, sink, err);
	}
	strings_free(used);
	return ret;
}

static int make_directory(const char *dir, struct error *err)
{
	if (mkdir(dir, 0777) && errno != EEXIST)
		return error_set(err, -errno, "cannot make the directory %s: %s", dir, strerror(errno));
	return 0;
}

/* The whole system and its processes. */
static int write_everything(const struct profile *p, const struct record_options *o, const char *dir, uint64_t min_share,
			    const struct sink *sink, struct error *err)
{
	struct view all = view_of(o, ALL_PROCESSES);
	int ret = write_pair(p, &all, dir, "system", sink, err);

	return ret ? ret : write_processes(p, o, dir, min_share, sink, err);
}

int results_write_directory(const struct profile *p, const char *dir, uint64_t min_share, struct error *err)
{
	static const struct record_options plain;
	static const struct sink sink = {file_write_volatile, NULL};

	return write_everything(p, &plain, dir, min_share, &sink, err);
}

static int write_system(const struct profile *p, const struct record_options *o, const struct sink *sink, struct error *err)
{
	time_t start = p->start_ns / NS_PER_SEC;
	struct tm tm;
	char dir[64];
	int ret;

	localtime_r(&start, &tm);
	strftime(dir, sizeof(dir), "profile-%Y%m%d-%H%M%S", &tm);
	ret = make_directory(dir, err);
	return ret ? ret : write_everything(p, o, dir, MIN_SHARE, sink, err);
}

static int write_default(const struct profile *p, const struct record_options *o, const char *name, int32_t pid,
			 const struct sink *sink, struct error *err)
{
	struct view all = view_of(o, ALL_PROCESSES);

	if (!pid)
		return write_system(p, o, sink, err);
	if (o->pids.n > 1)
		return write_processes(p, o, NULL, 0, sink, err);
	auto_free char *base = file_name(name, pid);
	return write_pair(p, &all, NULL, base, sink, err);
}

/* May writing there wait for somebody to read? */
static bool is_stream(const char *path)
{
	struct stat st;

	return !strcmp(path, "-") || (!stat(path, &st) && !S_ISREG(st.st_mode));
}

/* Those of -o and -f that are streams, or that are not. */
static int write_outputs(const struct profile *p, const struct record_options *o, bool streams, const struct sink *sink,
			 struct error *err)
{
	struct view all = view_of(o, ALL_PROCESSES);
	int ret = 0;

	for (size_t i = 0; !ret && i < o->outputs.n; i++) {
		const char *path = o->outputs.v[i];

		if (is_stream(path) == streams)
			ret = strcmp(path, "-") ? write_format(p, &all, format_by_path(path), path, sink, err) : write_stdout(p, &all, err);
	}
	return ret;
}

int results_write(const struct profile *p, const struct record_options *o, const char *name, int32_t pid, const sigset_t *waiting,
		  struct buf *written, struct error *err)
{
	struct sink sink = {file_write, written};
	sigset_t before;
	int ret;

	if (!o->outputs.n && !o->per_process)
		return write_default(p, o, name, pid, &sink, err);
	ret = write_outputs(p, o, false, &sink, err);
	if (!ret && o->per_process && !(ret = make_directory(o->per_process, err)))
		ret = write_processes(p, o, o->per_process, 0, &sink, err);
	if (ret)
		return ret;
	sigprocmask(SIG_SETMASK, waiting, &before);
	ret = write_outputs(p, o, true, &sink, err);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ret;
}

unsigned results_width(void)
{
	struct winsize w;

	return !ioctl(STDERR_FILENO, TIOCGWINSZ, &w) && w.ws_col ? w.ws_col : 100;
}

void results_summary(const struct profile *p, const struct record_options *o, const struct buf *written)
{
	struct view all = view_of(o, ALL_PROCESSES);
	struct buf out = {0};

	top_write(&out, p, &all, TOP_ROWS, results_width());
	if (o->patterns) {
		struct tree *t = tree_new(p, &all);

		view_report(&out, t);
		tree_free(t);
	}
	for (const char *line = written->v; line && *line;) {
		size_t n = strcspn(line, "\n");

		buf_puts(&out, "wrote ");
		text_escape(&out, line, n);
		buf_puts(&out, "\n");
		line += n + 1;
	}
	accounting_print(&out, &p->accounting);
	buf_puts(&out, "\n");
	file_write_fd(STDERR_FILENO, out.v, out.n);
	buf_free(&out);
}
