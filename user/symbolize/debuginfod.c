// SPDX-License-Identifier: Apache-2.0
#include "symbolize/debuginfod.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "symbolize/fetch_store.h"
#include "symbolize/fetcher.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FETCHERS_MAX 4	   /* at a time */
#define QUEUE_MAX 1024	   /* build ids on their way */
#define ROOM_MIN (1u << 20) /* with less left, nothing is fetched */
#define NOTICES_MAX 64	   /* not yet taken */
#define LOOK_MS 100	   /* between two looks for signals */

struct server {
	char *url; /* without slashes at its end */
	const char *shown; /* of it: without a password */
	char note[32]; /* the note that it does not answer */
	bool silent; /* as told to the user */
};

struct job {
	char hex[DEBUGINFOD_HEX_MAX];
	bool running;
	struct helper fetcher;
	char *new_name; /* of its file */
	uint32_t n_asked;
	uint32_t asked[FETCH_SERVERS_MAX]; /* which server the fetcher's nth is */
};

struct debuginfod {
	struct fetch_store *store;
	struct server servers[FETCH_SERVERS_MAX];
	uint32_t n_servers;
	uint64_t list; /* a hash of all servers: what these do not have, others may */
	unsigned silence_seconds;
	VEC(struct job) jobs; /* in the order of being wanted */
	struct debuginfod_counts counts;
	VEC(struct error) notices;
	bool no_curl, no_room; /* as told to the user */
};

static void __attribute__((format(printf, 2, 3))) notice(struct debuginfod *d, const char *fmt, ...)
{
	struct error *e;
	va_list args;

	if (d->notices.n >= NOTICES_MAX)
		return;
	e = vec_push(&d->notices);
	e->code = -EIO;
	va_start(args, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, args);
	va_end(args);
}

bool debuginfod_take_notice(struct debuginfod *d, struct error *ret)
{
	if (!d->notices.n)
		return false;
	*ret = d->notices.v[0];
	memmove(d->notices.v, d->notices.v + 1, --d->notices.n * sizeof(*ret));
	return true;
}

/* FNV-1a */
static uint64_t hash(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3ull;
	return h;
}
#define HASH_BEGIN 0xcbf29ce484222325ull

/* What is appended to the path must become a part of the path. */
static bool is_url(const char *s)
{
	size_t scheme = !strncmp(s, "http://", 7) ? 7 : !strncmp(s, "https://", 8) ? 8 : 0;

	for (const char *c = s; *c; c++)
		if (*c < 0x21 || *c > 0x7e || strchr("?#\"<>\\^`{|}", *c))
			return false;
	return scheme && s[scheme] && s[scheme] != '/' && strlen(s) < 2048;
}

/* Calls for each URL until it returns other than 0, and returns that. */
static int each_url(const char *urls, int (*fn)(void *ctx, char *url, struct error *err), void *ctx, struct error *err)
{
	auto_free char *copy = xstrdup(urls);
	char *rest = copy, *word;
	int ret = 0;

	while (!ret && (word = strsep(&rest, " \t\n")))
		if (*word && strncmp(word, "ima:", 4)) /* elfutils: how the URLs behind it sign files */
			ret = fn(ctx, word, err);
	return ret;
}

static int check_url(void *ctx, char *url, struct error *err)
{
	unsigned *n = ctx;

	if (!is_url(url))
		return error_set(err, -EINVAL, "'%.200s' is no debuginfod server: http://HOST or https://HOST is wanted", url);
	if (++*n > FETCH_SERVERS_MAX)
		return error_set(err, -EINVAL, "more than %d debuginfod servers", FETCH_SERVERS_MAX);
	return 0;
}

int debuginfod_check(const char *urls, struct error *err)
{
	unsigned n = 0;
	int ret = each_url(urls, check_url, &n, err);

	return ret || n ? ret : error_set(err, -EINVAL, "no debuginfod server is named");
}

static int add_url(void *ctx, char *url, struct error *err)
{
	struct debuginfod *d = ctx;
	struct server *s = &d->servers[d->n_servers++];

	for (size_t n = strlen(url); url[n - 1] == '/';)
		url[--n] = '\0';
	s->url = xstrdup(url);
	s->shown = strchr(s->url, '@') ? strchr(s->url, '@') + 1 : s->url;
	snprintf(s->note, sizeof(s->note), "silent-%016" PRIx64, hash(HASH_BEGIN, url));
	d->list = hash(hash(d->list, url), " ");
	return 0;
}

struct debuginfod *debuginfod_open(const struct debuginfod_options *o, struct error *err)
{
	struct debuginfod *d;

	if (debuginfod_check(o->urls, err))
		return NULL;
	d = xcalloc(1, sizeof(*d));
	d->list = HASH_BEGIN;
	d->silence_seconds = o->silence_seconds ? o->silence_seconds : FETCH_SILENCE_SECONDS;
	d->store = fetch_store_open(o->dir, o->bytes, err);
	if (!d->store) {
		debuginfod_close(d);
		return NULL;
	}
	each_url(o->urls, add_url, d, NULL);
	return d;
}

/* Of the whole list; which one was asked. */
static char *note_of(const struct debuginfod *d, const char *hex)
{
	return xasprintf("%016" PRIx64 "-%s", d->list, hex);
}

static struct job *find_job(const struct debuginfod *d, const char *hex)
{
	for (size_t i = 0; i < d->jobs.n; i++)
		if (!strcmp(d->jobs.v[i].hex, hex))
			return &d->jobs.v[i];
	return NULL;
}

static void remove_job(struct debuginfod *d, size_t i)
{
	free(d->jobs.v[i].new_name);
	memmove(&d->jobs.v[i], &d->jobs.v[i + 1], (--d->jobs.n - i) * sizeof(d->jobs.v[0]));
}

void debuginfod_close(struct debuginfod *d)
{
	if (!d)
		return;
	while (d->jobs.n) {
		struct job *j = &d->jobs.v[d->jobs.n - 1];

		if (j->running) {
			helper_stop(&j->fetcher);
			fetch_store_drop(d->store, j->new_name);
		}
		remove_job(d, d->jobs.n - 1);
	}
	vec_free(&d->jobs);
	vec_free(&d->notices);
	for (uint32_t i = 0; i < d->n_servers; i++)
		free(d->servers[i].url);
	fetch_store_close(d->store);
	free(d);
}

/* It becomes a part of a URL and a file name, and comes from who parsed a foreign file. */
static bool is_hex(const char *hex)
{
	size_t n = strspn(hex, "0123456789abcdef");

	return !hex[n] && n % 2 == 0 && n >= 2 * DEBUGINFOD_ID_MIN && n < DEBUGINFOD_HEX_MAX;
}

char *debuginfod_find(struct debuginfod *d, const char *hex)
{
	return is_hex(hex) ? fetch_store_find(d->store, hex) : NULL;
}

bool debuginfod_is_coming(const struct debuginfod *d, const char *hex)
{
	return find_job(d, hex);
}

bool debuginfod_want(struct debuginfod *d, const char *hex)
{
	auto_free char *note = note_of(d, hex);
	struct job *j;

	if (find_job(d, hex))
		return true;
	if (!is_hex(hex) || d->no_curl || d->jobs.n >= QUEUE_MAX || fetch_store_noted(d->store, note)) {
		d->counts.unasked++;
		return false;
	}
	j = vec_push(&d->jobs);
	*j = (struct job){.running = false};
	snprintf(j->hex, sizeof(j->hex), "%s", hex);
	return true;
}

static struct fetch_request request_of(const struct debuginfod *d, const struct job *j)
{
	struct fetch_request r = {.silence_seconds = d->silence_seconds, .bytes_max = fetch_store_room(d->store)};

	for (; sscanf(j->hex + 2 * r.id_length, "%2hhx", &r.id[r.id_length]) == 1; r.id_length++)
		;
	return r;
}

/* False: it will not come. */
static bool start(struct debuginfod *d, struct job *j)
{
	struct fetch_request r = request_of(d, j);
	const char *urls[FETCH_SERVERS_MAX];
	auto_close int file = -1;
	int ret;

	for (uint32_t i = 0; i < d->n_servers; i++)
		if (!fetch_store_noted(d->store, d->servers[i].note)) {
			urls[r.servers] = d->servers[i].url;
			j->asked[r.servers++] = i;
		}
	if (d->no_curl || !r.servers || r.bytes_max < ROOM_MIN) {
		if (r.servers && r.bytes_max < ROOM_MIN && !d->no_room)
			notice(d, "no debug files are fetched: the limit on their size, or the file system, leaves no room");
		d->no_room |= r.bytes_max < ROOM_MIN;
		d->counts.unasked++;
		return false;
	}
	file = fetch_store_new(d->store, &j->new_name);
	ret = file < 0 ? file : fetcher_start(&j->fetcher, r, urls, file);
	if (ret) {
		log_debug("cannot fetch a debug file: %s", strerror(-ret));
		if (file >= 0)
			fetch_store_drop(d->store, j->new_name);
		d->counts.failed++;
		return false;
	}
	j->running = true;
	j->n_asked = r.servers;
	return true;
}

/* True: there is one that does not come. */
static bool start_some(struct debuginfod *d)
{
	bool any = false;
	size_t running = 0;

	for (size_t i = 0; i < d->jobs.n; i++)
		running += d->jobs.v[i].running;
	for (size_t i = 0; i < d->jobs.n && running < FETCHERS_MAX;) {
		if (d->jobs.v[i].running) {
			i++;
		} else if (start(d, &d->jobs.v[i])) {
			running++;
		} else {
			remove_job(d, i);
			any = true;
		}
	}
	return any;
}

static void note_server(struct debuginfod *d, struct server *s, const struct fetch_said *said)
{
	if (said->answer == FETCH_SILENT) {
		fetch_store_note(d->store, s->note, DEBUGINFOD_RETRY_SECONDS);
		if (!s->silent)
			notice(d, "debuginfod: %s does not answer (%s); it is left alone for %d minutes", s->shown, said->why,
				 DEBUGINFOD_RETRY_SECONDS / 60);
	}
	if (said->answer != FETCH_UNASKED)
		s->silent = said->answer == FETCH_SILENT;
}

/* What became of it, from what each server said; and what is remembered of that. */
static void judge(struct debuginfod *d, const struct job *j, const struct fetch_said *said, int code)
{
	auto_free char *note = note_of(d, j->hex);
	bool got = false, none = j->n_asked == d->n_servers;

	for (uint32_t i = 0; !code && i < j->n_asked; i++) {
		struct server *s = &d->servers[j->asked[i]];

		note_server(d, s, &said[i]);
		got |= said[i].answer == FETCH_GOT;
		none &= said[i].answer == FETCH_NONE;
		if (said[i].answer == FETCH_REFUSED)
			log_debug("debuginfod: %s gave no debug file of %s: %s", s->shown, j->hex, said[i].why);
	}
	if (!code && got && !fetch_store_keep(d->store, j->new_name, j->hex)) {
		d->counts.fetched++;
		return;
	}
	fetch_store_drop(d->store, j->new_name);
	fetch_store_note(d->store, note, !code && none ? DEBUGINFOD_MISSING_SECONDS : DEBUGINFOD_RETRY_SECONDS);
	if (!code && none)
		d->counts.not_found++;
	else
		d->counts.failed++;
}

static void take(struct debuginfod *d, size_t i)
{
	struct fetch_said said[FETCH_SERVERS_MAX];
	struct job *j = &d->jobs.v[i];
	int code = fetcher_take(&j->fetcher, j->n_asked, said);

	if (code == -ENOENT && !d->no_curl) {
		notice(d, "no debug files are fetched: libcurl.so.4 is missing; install libcurl4");
		d->no_curl = true;
	} else if (code) {
		log_debug("the fetcher of the debug file of %s died", j->hex);
	}
	if (code == -ENOENT)
		fetch_store_drop(d->store, j->new_name);
	else
		judge(d, j, said, code);
	remove_job(d, i);
}

static bool take_some(struct debuginfod *d)
{
	bool any = false;

	for (size_t i = d->jobs.n; i--;)
		if (d->jobs.v[i].running && helper_wait(&d->jobs.v[i].fetcher, 0)) {
			take(d, i);
			any = true;
		}
	return any;
}

static bool is_interrupted(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
	bool interrupted = false;
	sigset_t pending;

	for (size_t i = 0; !sigpending(&pending) && i < ARRAY_SIZE(ends); i++)
		interrupted |= sigismember(&pending, ends[i]);
	return interrupted;
}

static void wait_for_one(const struct debuginfod *d, uint64_t ns)
{
	struct pollfd ended[FETCHERS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < d->jobs.n && n < FETCHERS_MAX; i++)
		if (d->jobs.v[i].running)
			ended[n++] = (struct pollfd){.fd = d->jobs.v[i].fetcher.process, .events = POLLIN};
	poll(ended, n, ns / NS_PER_MS < LOOK_MS ? ns / NS_PER_MS + 1 : LOOK_MS);
}

bool debuginfod_run(struct debuginfod *d, uint64_t until)
{
	for (;;) {
		bool any = take_some(d);
		uint64_t now = clock_ns(CLOCK_MONOTONIC);

		any |= start_some(d);
		if (any || !d->jobs.n || now >= until || is_interrupted())
			return any;
		wait_for_one(d, until - now);
	}
}

struct debuginfod_counts debuginfod_counts(const struct debuginfod *d)
{
	return d->counts;
}
