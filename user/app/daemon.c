// SPDX-License-Identifier: Apache-2.0
#include "app/daemon.h"

#include "app/cache.h"
#include "app/collector.h"
#include "app/current.h"
#include "app/debug_servers.h"
#include "app/governor.h"
#include "app/loop.h"
#include "app/metrics.h"
#include "app/privileges.h"
#include "app/state_dir.h"
#include "app/window.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/text.h"
#include "store/store.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_NS (5 * NS_PER_SEC)	      /* between two looks at what we cost */
#define PAUSE_MIN_NS (5 * NS_PER_MS)	      /* between two looks at the side-band */
#define PAUSE_MAX_NS (100 * NS_PER_MS)	      /* under a storm; the rings hold what comes meanwhile, or say that they did not */
#define PAUSE_FACTOR 20			      /* a pause is so many times as long as the look before it took */
#define TABLES_FACTOR 2			      /* and as the parsers did, which other CPUs can run */
#define REPORT_NS (3600 * NS_PER_SEC)	      /* between two lines in the log */
#define MAINTAIN_STEPS 8		      /* of the history, at the end of a window; the rest in the turns after it */

#define SYMBOLS_KEPT 3			      /* windows for which symbol tables stay that are not needed */

/* Something that may fail for a while: said once when it begins, and once when it is over. */
struct trouble {
	const char *what;
	bool on;
};

struct daemon {
	const struct daemon_options *options;
	struct config config;
	struct loop loop;
	struct collector *collector;
	struct store *store; /* NULL: no history */
	struct image_cache *cache; /* or NULL */
	struct debuginfod *debuginfod; /* or NULL */
	int lock;
	bool stop;

	struct window_clock begin; /* of the window */
	uint64_t end;		   /* CLOCK_BOOTTIME; of the window */
	bool maintaining;	   /* the history has more to do */

	struct governor governor;
	uint64_t looked; /* CLOCK_BOOTTIME; when we last looked at our cost */
	uint64_t cpu_seen, sampling_seen;

	uint64_t watchdog, watchdog_due; /* CLOCK_BOOTTIME */
	uint64_t current_due, report_due;
	struct accounting reported; /* what the last line in the log said */
	uint64_t reported_cpu;
	struct trouble storing, drawing, measuring;
	struct metrics metrics;
};

static void tell(struct daemon *d, struct trouble *t, int ret, const struct error *err)
{
	if (ret) {
		d->metrics.last_error_ns = clock_ns(CLOCK_REALTIME);
		if (!t->on)
			log_error("%s; sampling goes on", err->text);
	} else if (t->on) {
		log_info("%s works again", t->what);
	}
	t->on = ret;
}

/* CPU time of ours, of helpers that ended, and of the sampler in the kernel. */
static uint64_t own_cpu_ns(const struct daemon *d)
{
	static const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
	uint64_t ns = collector_usage(d->collector).sampler_ns;
	struct rusage u;

	for (size_t i = 0; i < ARRAY_SIZE(whose); i++)
		if (!getrusage(whose[i], &u))
			ns += (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * NS_PER_SEC + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000ull;
	return ns;
}

/* statm: "SIZE RESIDENT SHARED ..." in pages. The shared part is BPF maps, which have a ceiling of their own, and program files. */
static uint64_t resident_bytes(void)
{
	uint64_t fields[3] = {0};
	struct buf text = {0};
	char *rest, *word;

	if (!file_read("/proc/self/statm", 256, &text) && text.n) {
		rest = text.v;
		for (size_t i = 0; i < ARRAY_SIZE(fields) && (word = strsep(&rest, " \n")); i++)
			text_u64(word, &fields[i]);
	}
	buf_free(&text);
	return fields[1] > fields[2] ? (fields[1] - fields[2]) * sysconf(_SC_PAGESIZE) : 0;
}

/* ---- What happens at the end of a window. */

static void maintain_history(struct daemon *d, unsigned steps)
{
	const struct store_limits limits = {
		.max_age_ns = d->config.history_age,
		.max_bytes = d->config.history_bytes,
		.min_free_bytes = d->config.min_free,
		.merge_10m_after_ns = d->config.merge_10m_after,
		.merge_1h_after_ns = d->config.merge_1h_after,
	};
	struct error err = {0};
	int ret = 1;

	while (ret > 0 && steps--)
		ret = store_maintain(d->store, &limits, clock_ns(CLOCK_REALTIME), &err);
	d->maintaining = ret > 0;
	if (ret < 0)
		tell(d, &d->storing, ret, &err);
}

static void save_window(struct daemon *d, const struct profile *p)
{
	struct error err = {0}, notice = {0};
	int ret;

	if (!d->store)
		return;
	ret = store_append(d->store, p, &err);
	d->metrics.windows_unsaved += ret < 0;
	tell(d, &d->storing, ret, &err);
	if (store_take_notice(d->store, &notice))
		log_warn("%s", notice.text);
	maintain_history(d, MAINTAIN_STEPS);
}

static char *current_dir(const struct config *c)
{
	return *c->current_dir ? xstrdup(c->current_dir) : xasprintf("%s/current", c->state_dir);
}

static void draw_window(struct daemon *d, const struct profile *p, uint64_t now)
{
	auto_free char *dir = current_dir(&d->config);
	struct error err = {0};

	if (!d->config.current || now < d->current_due)
		return;
	tell(d, &d->drawing, current_write(dir, p, d->config.current_share, &err), &err);
	/* The next window's end comes a moment earlier or later than a whole interval from now. */
	d->current_due = d->config.current_interval ? now + d->config.current_interval - d->config.window / 2 : 0;
}

static void measure(struct daemon *d)
{
	struct collector_usage usage = collector_usage(d->collector);
	struct names_counts namers = collector_names(d->collector);
	struct metrics *m = &d->metrics;
	struct store_status history = {0};
	struct unwinder_usage unwinder;
	struct digest_counts names;

	m->cpu_ns = own_cpu_ns(d);
	m->sampler_ns = usage.sampler_ns;
	m->map_bytes = usage.map_bytes;
	m->processes = usage.processes;
	collector_unwind_usage(d->collector, &unwinder);
	names = collector_parsers(d->collector);
	m->names_unread = namers.died + namers.overran + namers.unanswered;
	m->images_too_large = names.too_large + unwinder.digests.too_large;
	m->parsers = names.processes + unwinder.digests.processes;
	m->parsers_failed = names.died + names.overran + unwinder.digests.died + unwinder.digests.overran;
	m->images_cached = names.cached + unwinder.digests.cached;
	m->debug_fetched = names.fetched;
	m->debug_not_found = names.not_found;
	m->debug_failed = names.fetch_failed;
	m->unwind = collector_unwind_stats(d->collector);
	m->unwind_bytes = unwinder.tables.rule_bytes;
	m->unwind_mappings = unwinder.tables.mappings;
	m->unwind_built = unwinder.built;
	m->unwind_evicted = unwinder.evicted;
	m->unwind_late = unwinder.late;
	m->resident_bytes = resident_bytes();
	m->frequency = d->governor.hz;
	if (d->store && !store_status(d->store, &history, NULL)) {
		m->history_bytes = history.bytes;
		m->history_windows = history.windows;
		m->history_oldest_ns = history.oldest_ns;
		m->history_newest_ns = history.newest_ns;
	}
}

static void write_metrics(struct daemon *d)
{
	auto_free char *path = xasprintf("%s/metrics.prom", d->config.state_dir);
	struct error err = {0};
	struct buf out = {0};

	if (!d->config.metrics)
		return;
	metrics_print(&out, &d->metrics);
	tell(d, &d->measuring, file_write_volatile(path, out.v, out.n, &err), &err);
	buf_free(&out);
}

static void show_status(struct daemon *d, const struct profile *p)
{
	notify("STATUS=%u Hz; last window: %" PRIu64 " samples, %" PRIu64 " periods lost; history: %" PRIu64 " MB%s; %" PRIu64
	       " MB resident",
	       d->governor.hz, p->accounting.recorded, accounting_lost(&p->accounting), d->metrics.history_bytes >> 20,
	       d->storing.on ? " (cannot be written)" : "", d->metrics.resident_bytes >> 20);
}

/* One line an hour. */
static void report(struct daemon *d, uint64_t now)
{
	struct accounting *a = &d->metrics.accounting, *before = &d->reported;
	uint64_t lost = accounting_lost(a) - accounting_lost(before), expected = a->expected - before->expected;

	if (now < d->report_due)
		return;
	log_info("the last hour: %" PRIu64 " samples, %" PRIu64 " of %" PRIu64 " periods lost, %.1f CPU seconds of our own; %" PRIu64
		 " MB resident, %" PRIu64 " processes, history of %" PRIu64 " windows in %" PRIu64 " MB",
		 a->recorded - before->recorded, lost, expected, (double)(d->metrics.cpu_ns - d->reported_cpu) / NS_PER_SEC,
		 d->metrics.resident_bytes >> 20, d->metrics.processes, d->metrics.history_windows, d->metrics.history_bytes >> 20);
	*before = *a;
	d->reported_cpu = d->metrics.cpu_ns;
	d->report_due = now + REPORT_NS;
}

/* Above the ceiling everything goes that can be read again. Returns whether that is so. */
static bool keep_memory(struct daemon *d)
{
	bool above;

	collector_trim(d->collector, SYMBOLS_KEPT);
	malloc_trim(0); /* what rendering took, too */
	above = resident_bytes() > d->config.memory_limit;
	if (above) {
		collector_trim(d->collector, 0);
		malloc_trim(0);
		d->metrics.memory_drops++;
		log_debug("above the memory ceiling: dropped what can be read again");
	}
	return above;
}

/*
 * Ends the window, writes it down, and begins the next one at the frequency that the governor wants. A new frequency pauses
 * sampling meanwhile, the same one does not.
 */
static int end_window(struct daemon *d, bool other_frequency, struct error *err)
{
	struct profile *p = collector_profile(d->collector);
	struct window_clock now;
	bool above;

	if (other_frequency)
		collector_stop(d->collector);
	else
		collector_cut(d->collector);
	now = window_now();
	window_times(d->begin, now, &p->start_ns, &p->end_ns);
	metrics_add_window(&d->metrics, p);
	save_window(d, p);
	draw_window(d, p, now.boot);
	debug_servers_tell(d->debuginfod);
	measure(d);
	write_metrics(d);
	show_status(d, p);
	report(d, now.boot);
	/* Ids are kept from window to window, so that most names are found and not made; up to a point. */
	above = profile_bytes(p) > d->config.memory_limit / 8;
	above |= keep_memory(d);
	collector_next_window(d->collector, above);
	if (!collector_profile(d->collector)->command)
		collector_profile(d->collector)->command = xstrdup("system");
	if (other_frequency) {
		now = window_now();
		if (collector_restart(d->collector, d->governor.hz, err))
			return err->code;
	}
	d->begin = now;
	d->end = window_end(now, d->config.window);
	return 0;
}

/* ---- What happens between. */

static void say_saving(const struct daemon *d)
{
	if (d->governor.saving)
		log_warn("above the CPU ceiling, though not by sampling: symbols are read at the ends of windows only");
	else
		log_info("below the CPU ceiling: symbols are read at once again");
}

static void say_frequency(unsigned before, unsigned hz)
{
	if (hz < before)
		log_warn("above the CPU ceiling: sampling at %u Hz from here on", hz);
	else
		log_info("below the CPU ceiling: sampling at %u Hz again", hz);
}

static int look_at_cost(struct daemon *d, uint64_t now, struct error *err)
{
	struct collector_usage usage = collector_usage(d->collector);
	uint64_t cpu = own_cpu_ns(d), sampling = usage.sampler_ns + usage.records_ns;
	uint64_t all = cpu - d->cpu_seen, part = sampling - d->sampling_seen;
	struct own_cost cost = {.sampling = part, .other = all > part ? all - part : 0};
	unsigned before = d->governor.hz;
	bool saving = d->governor.saving;

	if (now < d->looked + LOOK_NS)
		return 0;
	governor_next(&d->governor, cost, now - d->looked, d->config.cpu_limit, sysconf(_SC_NPROCESSORS_ONLN));
	d->cpu_seen = cpu;
	d->sampling_seen = sampling;
	d->looked = now;
	collector_save(d->collector, d->governor.saving);
	if (d->governor.saving != saving)
		say_saving(d);
	if (d->governor.hz == before)
		return 0;
	say_frequency(before, d->governor.hz);
	return end_window(d, true, err);
}

static void watch_sideband(struct daemon *d)
{
	const struct collector_usage before = collector_usage(d->collector);
	struct collector_usage now;
	uint64_t pause;

	if (!collector_watch(d->collector))
		return;
	now = collector_usage(d->collector);
	pause = (now.sideband_ns - before.sideband_ns) * PAUSE_FACTOR + (now.tables_ns - before.tables_ns) * TABLES_FACTOR;
	loop_pause_sideband(&d->loop, pause < PAUSE_MIN_NS ? PAUSE_MIN_NS : pause > PAUSE_MAX_NS ? PAUSE_MAX_NS : pause);
}

static void keep_watchdog(struct daemon *d, uint64_t now)
{
	if (!d->watchdog || now < d->watchdog_due)
		return;
	notify("WATCHDOG=1");
	d->watchdog_due = now + d->watchdog / 3;
}

static void arm(struct daemon *d)
{
	uint64_t next = clock_ns(CLOCK_BOOTTIME) + collector_interval_ns(d->collector);

	loop_arm(&d->loop, next < d->end ? next : d->end);
}

static int on_timer(struct daemon *d, struct error *err)
{
	uint64_t now = clock_ns(CLOCK_BOOTTIME);
	int ret;

	if (now >= d->end) {
		ret = end_window(d, false, err);
	} else {
		collector_turn(d->collector);
		if (d->maintaining)
			maintain_history(d, 1);
		ret = look_at_cost(d, now, err);
	}
	keep_watchdog(d, now);
	arm(d);
	return ret;
}

/* ---- Starting, reloading, stopping. */

int daemon_load_config(const struct daemon_options *o, struct config *ret, struct error *err)
{
	int code;

	config_init(ret);
	code = config_load(ret, o->config_path, o->config_wanted, err);
	for (size_t i = 0; !code && i < o->overrides.n; i++)
		code = config_set(ret, o->overrides.v[i].option, o->overrides.v[i].key, o->overrides.v[i].value, err);
	if (code)
		config_free(ret);
	return code;
}

static int check_current(const struct config *c, struct error *err)
{
	auto_free char *dir = current_dir(c);

	return c->current ? current_check(dir, err) : 0;
}

/* What takes effect at once, at the start and after a reload. */
static void apply_config(struct daemon *d)
{
	log_set_level(d->config.log_level);
	collector_limit_symbols(d->collector, d->config.memory_limit / 2);
	d->current_due = 0;
}

static const char *needs_restart(const struct config *old, const struct config *new)
{
	return strcmp(old->state_dir, new->state_dir) ? "state_dir" :
	       old->history != new->history	     ? "history" :
	       old->map_limit != new->map_limit	     ? "map_memory" :
	       old->cache_bytes != new->cache_bytes  ? "cache_bytes" :
	       strcmp(old->cache_dir, new->cache_dir) ? "cache_dir" :
	       strcmp(old->debuginfod, new->debuginfod)		? "debuginfod" :
	       old->debuginfod_bytes != new->debuginfod_bytes	? "debuginfod_bytes" :
							 NULL;
}

static int reload(struct daemon *d, struct error *err)
{
	struct error why = {0};
	struct config new;
	const char *later;

	notify("RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_ns(CLOCK_MONOTONIC) / 1000);
	if (daemon_load_config(d->options, &new, &why) || check_current(&new, &why)) {
		log_error("%s; the settings stay as they were", why.text);
		d->metrics.last_error_ns = clock_ns(CLOCK_REALTIME);
		notify("READY=1\nSTATUS=reload failed: %s", why.text);
		return 0;
	}
	later = needs_restart(&d->config, &new);
	if (later)
		log_warn("%s takes effect after a restart", later);
	if (later && strcmp(d->config.state_dir, new.state_dir)) { /* where the lock is and the history is open */
		free(new.state_dir);
		new.state_dir = xstrdup(d->config.state_dir);
	}
	bool other_frequency = new.frequency != d->config.frequency, other_window = new.window != d->config.window;

	config_free(&d->config);
	d->config = new;
	apply_config(d);
	if (other_frequency)
		d->governor = (struct governor){.wanted = new.frequency, .hz = new.frequency};
	log_info("settings read again");
	notify("READY=1");
	return other_frequency || other_window ? end_window(d, other_frequency, err) : 0;
}

static int on_signals(struct daemon *d, struct error *err)
{
	int signal, ret = 0;

	while (loop_signal(&d->loop, &signal, NULL)) {
		if (signal == SIGHUP)
			ret = ret ? ret : reload(d, err);
		else
			d->stop = true;
	}
	return ret;
}

static int start(struct daemon *d, struct error *err)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, 0};
	struct sampler_options so = {
		.hz = d->config.frequency, .kernel = true, .user = true, .max_map_bytes = d->config.map_limit};
	struct symbolizer_options names = {.patience_ns = NS_PER_SEC / 5}; /* windows end on time; the logs have room for longer */
	struct error no_cache = {0}, no_servers = {0};
	int ret;

	d->lock = state_dir_open(d->config.state_dir, err);
	ret = d->lock < 0 ? d->lock : check_current(&d->config, err);
	ret = ret ? ret : loop_open(&d->loop, signals, CLOCK_BOOTTIME, err);
	if (!ret && d->config.history && !(d->store = store_open(d->config.state_dir, STORE_WRITE, err)))
		ret = err->code;
	loop_raise_file_limit();
	names.cache = d->cache = ret ? NULL : cache_open(&d->config, &no_cache);
	if (no_cache.code)
		log_warn("%s; symbols and unwind rules are read anew after each start", no_cache.text);
	names.debuginfod = d->debuginfod = ret ? NULL : debug_servers_configured(&d->config, &no_servers);
	if (no_servers.code)
		log_warn("%s; no debug files are fetched", no_servers.text);
	if (!ret && !(d->collector = collector_new(&so, &names, err)))
		ret = err->code;
	ret = ret ? ret : loop_add_sideband(&d->loop, collector_sideband_fd(d->collector));
	if (!ret && collector_tables_fd(d->collector) >= 0)
		ret = loop_add_sideband(&d->loop, collector_tables_fd(d->collector));
	ret = ret ? ret : collector_start(d->collector, err);
	return ret ? error_set(err, ret, "cannot start: %s", strerror(-ret)) : 0;
}

static void begin(struct daemon *d)
{
	struct window_clock now = window_now();

	collector_profile(d->collector)->command = xstrdup("system");
	d->metrics.start_ns = now.real;
	d->begin = now;
	d->end = window_end(now, d->config.window);
	d->governor = (struct governor){.wanted = d->config.frequency, .hz = d->config.frequency};
	d->looked = now.boot;
	d->cpu_seen = own_cpu_ns(d); /* starting is no running cost */
	d->watchdog = notify_watchdog_ns();
	d->report_due = now.boot + REPORT_NS;
	d->storing.what = "writing the history";
	d->drawing.what = "writing flame graphs";
	d->measuring.what = "writing metrics";
	apply_config(d);
	log_info("sampling the whole system at %u Hz in windows of %g s; everything is kept in %s", d->governor.hz,
		 (double)d->config.window / NS_PER_SEC, d->config.state_dir);
	notify("READY=1\nSTATUS=sampling at %u Hz", d->governor.hz);
	arm(d);
}

static int loop(struct daemon *d, struct error *err)
{
	struct loop_event events[8];
	int ret = 0;

	while (!ret && !d->stop) {
		int n = loop_wait(&d->loop, events, ARRAY_SIZE(events));

		for (int i = 0; !ret && i < n; i++) {
			if (events[i].kind == LOOP_SIGNAL)
				ret = on_signals(d, err);
			else if (events[i].kind == LOOP_TIMER)
				ret = on_timer(d, err);
			else
				watch_sideband(d);
		}
	}
	return ret;
}

/* The window under way is written down as well. */
static void finish(struct daemon *d)
{
	struct profile *p = collector_profile(d->collector);

	notify("STOPPING=1");
	collector_stop(d->collector);
	window_times(d->begin, window_now(), &p->start_ns, &p->end_ns);
	metrics_add_window(&d->metrics, p);
	save_window(d, p);
	measure(d);
	write_metrics(d);
	log_info("stopped after %" PRIu64 " windows", d->metrics.windows);
}

int daemon_run(const struct daemon_options *o, struct config *config, struct error *err)
{
	struct daemon d = {.options = o, .config = *config, .loop = {.epoll = -1, .signals = -1, .timer = -1, .pause = -1}, .lock = -1};
	int ret;

	privileges_drop();
	umask(027); /* what others do belongs to root and the group of the service */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 256 * 1024); /* large blocks go back to the kernel when they are freed */
	ret = start(&d, err);
	if (!ret) {
		begin(&d);
		ret = loop(&d, err);
		finish(&d);
	}
	store_close(d.store);
	collector_free(d.collector);
	debuginfod_close(d.debuginfod);
	image_cache_close(d.cache);
	loop_close(&d.loop);
	cleanup_close(&d.lock);
	config_free(&d.config);
	return ret;
}
