// SPDX-License-Identifier: Apache-2.0
/* The one-shot forms: profile -p PID, profile -a, profile -- COMMAND. */
#include "app/cache.h"
#include "app/child.h"
#include "app/collector.h"
#include "app/command.h"
#include "app/loop.h"
#include "app/record_options.h"
#include "app/results.h"
#include "base/clock.h"
#include "base/log.h"
#include "process/proc.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WATCH_PAUSE_NS (5 * NS_PER_MS) /* between two looks at the side-band: bounds our cost under a storm of execs */
#define PARSERS_NS (60 * NS_PER_SEC) /* what of the files is not read after this time has no names */
#define MAX_FOLLOWED 65536 /* processes of a command that are alive at one time; above it, told as a warning */

struct run {
	struct record_options options;
	struct image_cache *cache; /* or NULL */
	struct debuginfod *debuginfod; /* or NULL */
	struct collector *collector;
	struct child child;
	struct loop loop;
	size_t living; /* targets of -p that have not ended */
	uint64_t deadline; /* CLOCK_MONOTONIC ns; UINT64_MAX without -d */
	bool stop, interrupted;
	int progress; /* columns of the progress line that stands on the terminal */
	char name[64]; /* of the target, for titles and file names */
	int32_t pid; /* 0: the whole system */
};

/* Before anything is loaded: is there such a process at all? */
static int check_pids(const struct record_options *o, struct error *err)
{
	struct proc_stat stat;

	for (size_t i = 0; i < o->pids.n; i++) {
		auto_close int fd = syscall(SYS_pidfd_open, o->pids.v[i], 0);
		bool thread = fd < 0 && errno != ESRCH; /* EINVAL, since Linux 6.16 ENOENT */
		int ret = proc_read_stat(o->pids.v[i], &stat);

		if (ret && ret != -ESRCH)
			return error_set(err, ret, "cannot read /proc/%d/stat: %s", o->pids.v[i], strerror(-ret));
		if (ret || (fd < 0 && !thread))
			return error_set(err, -ESRCH, "no process with PID %d", o->pids.v[i]);
		if (thread)
			return error_set(err, -ESRCH, "%d is a thread: give the PID of its process", o->pids.v[i]);
		if (proc_ended(&stat))
			return error_set(err, -ESRCH, "process %d has ended already (its parent has not waited for it)", o->pids.v[i]);
	}
	return 0;
}

static int add_targets(struct run *r, struct error *err)
{
	const struct record_options *o = &r->options;
	int ret = 0;

	if (o->command)
		return collector_add_target(r->collector, r->child.pid, err);
	for (size_t i = 0; !ret && i < o->pids.n; i++) {
		int fd = syscall(SYS_pidfd_open, o->pids.v[i], 0);

		ret = fd < 0 ? -errno : loop_add(&r->loop, fd);
		if (ret)
			return error_set(err, ret, "cannot watch process %d: %s", o->pids.v[i], strerror(-ret));
		r->living++;
		ret = collector_add_target(r->collector, o->pids.v[i], err);
	}
	return ret;
}

/* What the files and titles call the target. */
static void name_target(struct run *r)
{
	const struct record_options *o = &r->options;
	struct process *p;
	struct proc_stat stat;
	const char *slash;

	if (o->command) {
		slash = strrchr(o->command[0], '/');
		snprintf(r->name, sizeof(r->name), "%s", slash ? slash + 1 : o->command[0]);
		r->pid = r->child.pid;
	} else if (o->pids.n) {
		p = collector_process(r->collector, o->pids.v[0]);
		if (p && p->comm[0])
			snprintf(r->name, sizeof(r->name), "%s", p->comm);
		else /* a kernel thread */
			snprintf(r->name, sizeof(r->name), "%s", proc_read_stat(o->pids.v[0], &stat) ? "process" : stat.comm);
		r->pid = o->pids.v[0];
	} else {
		snprintf(r->name, sizeof(r->name), "system");
	}
}

static char *title(const struct run *r)
{
	const struct record_options *o = &r->options;
	struct buf text = {0};

	if (o->command) {
		for (char **word = o->command; *word && text.n < 200; word++)
			buf_printf(&text, "%s%s", word == o->command ? "" : " ", *word);
		return text.v;
	}
	if (o->pids.n > 1)
		return xasprintf("%zu processes", o->pids.n);
	return r->pid ? xasprintf("%s (%d)", r->name, r->pid) : xstrdup("system");
}

/*
 * One that was asked for and cannot be opened is told of; nobody needs to hear that the usual one is root's. With cache_bytes = 0 in
 * the settings there is none.
 */
static void open_cache(struct run *r, const struct config *c)
{
	struct error err = {0};

	if (!r->options.no_cache)
		r->cache = cache_open(c, &err);
	if (err.code)
		log_message(r->options.cache_dir ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, "%s", err.text);
}

/* Where names come from besides the files themselves. */
static int open_sources(struct run *r, struct error *err)
{
	struct error why = {0};
	struct config c;

	cache_config(&c);
	if (r->options.cache_dir) {
		free(c.cache_dir);
		c.cache_dir = xstrdup(r->options.cache_dir);
	}
	open_cache(r, &c);
	r->debuginfod = debug_servers_open(&r->options.debug_servers, &c, !r->options.no_cache, &why);
	config_free(&c);
	return why.code ? error_set(err, why.code, "%s", why.text) : 0;
}

static int start(struct run *r, struct error *err)
{
	const struct record_options *o = &r->options;
	struct sampler_options so = {
		.hz = o->hz,
		.only_targets = o->command || o->pids.n,
		.follow_children = o->command,
		.max_targets = o->command ? MAX_FOLLOWED : o->pids.n,
		.kernel = !o->user_only,
		.user = !o->kernel_only,
	};
	struct symbolizer_options names = {
		.full_names = o->full_names,
		.all_debug_info = true,
		.patience_ns = PARSERS_NS,
		.fetch_patience_ns = DEBUG_SERVERS_WAIT_NS,
	};
	int ret = open_sources(r, err);

	if (ret)
		return ret;
	names.cache = r->cache;
	names.debuginfod = r->debuginfod;
	r->collector = collector_new(&so, &names, err);
	if (!r->collector)
		return err->code;
	ret = add_targets(r, err);
	ret = ret ? ret : loop_add_sideband(&r->loop, collector_sideband_fd(r->collector));
	if (!ret && collector_tables_fd(r->collector) >= 0)
		ret = loop_add_sideband(&r->loop, collector_tables_fd(r->collector));
	ret = ret ? ret : collector_start(r->collector, err);
	if (ret)
		return error_set(err, ret, "cannot start: %s", strerror(-ret));
	if (o->duration_ns)
		r->deadline = clock_ns(CLOCK_MONOTONIC) + o->duration_ns;
	name_target(r);
	return o->command ? child_exec(&r->child, o->command[0], err) : 0;
}

/* The next turn, or the end of -d if that comes first. */
static void arm_timer(struct run *r)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), next = now + collector_interval_ns(r->collector);

	loop_arm(&r->loop, next < r->deadline ? next : r->deadline);
}

/* A signal ends the profile; that of a command ends with the command, or at the second signal. */
static void on_signal(struct run *r)
{
	bool sent_to_us;
	int signal;

	while (loop_signal(&r->loop, &signal, &sent_to_us)) {
		if (signal == SIGCHLD) {
			r->stop |= r->options.command && child_reap(&r->child);
			continue;
		}
		/* Ctrl-C reaches the command by itself, through the terminal; a signal sent to us alone is passed on. */
		if (r->options.command && !r->child.exited && sent_to_us)
			kill(r->child.pid, signal);
		r->stop |= !r->options.command || r->interrupted;
		r->interrupted = true;
	}
}

/* It only grows. */
static void show_progress(struct run *r, uint64_t started)
{
	char line[128];
	int shown;

	if (r->options.quiet || !isatty(STDERR_FILENO))
		return;
	snprintf(line, sizeof(line), "profiling, %llu s, %llu samples; Ctrl-C stops",
		 (unsigned long long)((clock_ns(CLOCK_MONOTONIC) - started) / NS_PER_SEC),
		 (unsigned long long)profile_total(collector_profile(r->collector)));
	/* A line that fills its last column may be two, of which \r would only take back one. */
	shown = fprintf(stderr, "\r%.*s", (int)results_width() - 1, line);
	r->progress = shown > 0 ? shown - 1 : 0;
}

/* Any terminal can do that. */
static void clear_progress(struct run *r)
{
	if (r->progress)
		fprintf(stderr, "\r%*s\r", r->progress, "");
	r->progress = 0;
}

static void on_timer(struct run *r, uint64_t started)
{
	if (clock_ns(CLOCK_MONOTONIC) >= r->deadline) {
		r->stop = true;
		return;
	}
	collector_turn(r->collector);
	show_progress(r, started);
	arm_timer(r);
}

static void loop(struct run *r)
{
	uint64_t started = clock_ns(CLOCK_MONOTONIC);
	struct loop_event events[16];

	arm_timer(r);
	while (!r->stop) {
		int n = loop_wait(&r->loop, events, ARRAY_SIZE(events));

		for (int i = 0; i < n; i++) {
			switch (events[i].kind) {
			case LOOP_SIGNAL:
				on_signal(r);
				break;
			case LOOP_TIMER:
				on_timer(r, started);
				break;
			case LOOP_SIDEBAND:
				if (collector_watch(r->collector))
					loop_pause_sideband(&r->loop, WATCH_PAUSE_NS);
				break;
			case LOOP_OTHER: /* a target ended */
				close(events[i].fd);
				r->stop |= !--r->living;
				break;
			}
		}
	}
	clear_progress(r);
}

/* What reading files cost, and what is missing for it. `lost`: what a file that ends its parser costs. */
static void tell_digests(const char *what, const struct digest_counts *c, const char *lost)
{
	struct buf text = {0};

	digest_counts_print(&text, c);
	log_debug("%s: %s", what, text.v);
	if (c->died || c->overran)
		log_warn("some %s: %s; -v tells of which files", lost, text.v);
	buf_free(&text);
}

static void tell_parsers(const struct run *r)
{
	const struct digest_counts names = collector_parsers(r->collector);
	struct unwinder_usage unwinder;

	collector_unwind_usage(r->collector, &unwinder);
	tell_digests("tables", &unwinder.digests, "stacks may be cut for want of unwind rules");
	tell_digests("names", &names, "names are missing");
	debug_servers_tell_end(r->debuginfod, names.awaited);
}

/* The same of making symbols readable. */
static void tell_namers(const struct run *r)
{
	const struct names_counts c = collector_names(r->collector);
	struct buf text = {0};

	if (!c.symbols)
		return;
	names_counts_print(&text, &c);
	log_debug("mangled names: %s", text.v);
	if (c.died || c.overran || c.unanswered)
		log_warn("some functions are called by their mangled names: %s", text.v);
	buf_free(&text);
}

/* Names that are missing for a reason that the user can see no other way. */
static void warn_of_jits(const struct run *r)
{
	struct jit_counts n;

	collector_jit_counts(r->collector, &n);
	if (n.refused)
		log_warn("%" PRIu64 " perf maps or jitdumps were not read: no regular file of the process's user, or older than the process",
			 n.refused);
	if (n.dropped || n.skipped)
		log_warn("JIT compilers told of more code than is kept: %" PRIu64 " functions dropped, %" PRIu64 " bytes not read", n.dropped,
			 n.skipped);
	if (n.damaged)
		log_warn("%" PRIu64 " lines of perf maps, or jitdumps, could not be read", n.damaged);
	if (n.unwatched)
		log_warn("code of JIT compilers has no names in some processes: there were too many, or too few file descriptors");
}

static int finish(struct run *r, struct error *err)
{
	struct profile *p = collector_profile(r->collector);
	struct buf written = {0};
	int ret;

	collector_stop(r->collector);
	p->command = title(r);
	on_signal(r); /* those until now were for the sampling */
	ret = results_write(p, &r->options, r->name, r->pid, &r->loop.inherited.mask, &written, err);
	tell_parsers(r);
	tell_namers(r);
	if (!ret && collector_targets_lost(r->collector))
		log_warn("%llu child processes were not followed: more than %d were alive at one time",
			 (unsigned long long)collector_targets_lost(r->collector), MAX_FOLLOWED);
	if (!ret)
		warn_of_jits(r);
	if (!ret && !r->options.quiet)
		results_summary(p, &r->options, &written);
	buf_free(&written);
	return ret;
}

static int record(struct run *r, struct error *err)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD, 0};
	int ret = check_pids(&r->options, err);

	ret = ret ? ret : results_check(&r->options, err);
	ret = ret ? ret : loop_open(&r->loop, signals, CLOCK_MONOTONIC, err);
	if (!ret && r->options.command)
		ret = child_fork(&r->child, r->options.command, &r->loop.inherited, err);
	loop_raise_file_limit(); /* after the fork: the command keeps its own */
	ret = ret ? ret : start(r, err);
	if (ret) {
		child_abandon(&r->child);
		return ret;
	}
	loop(r);
	return finish(r, err);
}

/* -d, or a second signal, may have ended the profile first. Signals go on being passed on. */
static void wait_command(struct run *r)
{
	struct pollfd signals = {.fd = r->loop.signals, .events = POLLIN};

	while (!child_reap(&r->child)) {
		poll(&signals, 1, -1);
		on_signal(r);
	}
}

static int run_record(int argc, char **argv)
{
	struct run r = {.loop = {.epoll = -1, .signals = -1, .timer = -1, .pause = -1}, .deadline = UINT64_MAX};
	struct error err = {0};
	int status = record_options_parse(&r.options, argc, argv);

	if (status)
		return status;
	if (r.options.verbose)
		log_set_level(LOG_LEVEL_DEBUG);
	if (record(&r, &err)) {
		log_error("%s", err.text);
		status = 1;
	}
	collector_free(r.collector);
	debuginfod_close(r.debuginfod);
	image_cache_close(r.cache);
	if (r.child.pid > 0)
		wait_command(&r);
	loop_close(&r.loop);
	if (!status && r.options.command)
		status = child_exit_status(&r.child);
	record_options_free(&r.options);
	return status;
}

const struct command record_command = {
	.name = "record",
	.summary = "profile a process, a command or the whole system",
	.help = record_help,
	.run = run_record,
};
