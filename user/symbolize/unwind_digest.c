// SPDX-License-Identifier: Apache-2.0
#include "symbolize/unwind_digest.h"

#include "base/clock.h"
#include "base/log.h"
#include "symbolize/parse.h"
#include "symbolize/strikes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#define AT_ONCE_MAX 8 /* parsers; on a machine with fewer CPUs twice as many as those, that none is idle between two */

struct wanted {
	struct image *image; /* with a reference */
	int32_t pid;
};

struct reading {
	struct image *image; /* with a reference; NULL: nothing is read here */
	int file;
	bool keep; /* in the cache: what the file holds is known by its times */
	struct helper parser;
	uint64_t started;
};

struct unwind_digests {
	struct images *images;
	struct parsers *parsers;
	struct image_cache *cache; /* or NULL */
	unwind_digest_done *done;
	void *ctx;
	int epoll; /* of the running parsers' pidfds */
	struct reading running[AT_ONCE_MAX];
	size_t n_running, at_once;
	VEC(struct wanted) queue;
	size_t first; /* of the queue that has not been started on */
	struct strikes strikes;
	struct digest_counts counts;
};

struct unwind_digests *unwind_digests_new(struct images *images, struct parsers *parsers, struct image_cache *cache,
					  unwind_digest_done *done, void *ctx)
{
	struct unwind_digests *d = xcalloc(1, sizeof(*d));
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	d->images = images;
	d->parsers = parsers;
	d->cache = cache;
	d->done = done;
	d->ctx = ctx;
	d->at_once = cpus < 1 ? 2 : cpus < AT_ONCE_MAX / 2 ? 2 * cpus : AT_ONCE_MAX;
	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	return d;
}

/* Tells what became of it. */
static void conclude(struct unwind_digests *d, struct image *i, const struct unwind_table *table)
{
	d->counts.too_large += table && table->counts.left_out;
	d->done(d->ctx, i, table);
}

/* Hands out the table of an image file, if there is one in it. */
static bool hand_out(struct unwind_digests *d, struct image *i, const struct parser_result *r)
{
	struct unwind_table table;

	if (image_file_unwind(&r->file, &table))
		return false;
	conclude(d, i, &table);
	vec_free(&table.parts);
	return true;
}

static bool take_cached(struct unwind_digests *d, struct image *i)
{
	struct parser_result r;
	bool good;

	if (!d->cache || !image_cache_find_unwind(d->cache, i, &r))
		return false;
	good = hand_out(d, i, &r);
	d->counts.cached += good;
	d->counts.damaged += !good;
	munmap(r.bytes, r.size);
	return good;
}

/* False: it ended at once, and nothing was made of it. */
static bool start(struct unwind_digests *d, struct reading *r, const struct wanted *w)
{
	struct parse_request request = {.what = PARSE_UNWIND};
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = r - d->running};
	char root[32];
	int ret;

	snprintf(root, sizeof(root), "/proc/%d/root", w->pid);
	*r = (struct reading){
		.image = w->image,
		.file = image_find_file(w->image, root),
		.keep = d->cache && image_cache_may_keep(w->image),
		.started = clock_ns(CLOCK_MONOTONIC),
	};
	if (r->file < 0) {
		d->counts.nothing++;
		return false;
	}
	ret = parser_start(d->parsers, &r->parser, r->file, NULL, &(struct buf){.v = (char *)&request, .n = sizeof(request)});
	if (!ret && epoll_ctl(d->epoll, EPOLL_CTL_ADD, r->parser.process, &event)) {
		ret = -errno;
		helper_stop(&r->parser);
	}
	d->counts.processes += !ret;
	d->counts.not_started += !!ret;
	return !ret;
}

static void finish(struct unwind_digests *d, struct reading *r)
{
	struct image *i = r->image;

	if (r->file >= 0)
		close(r->file);
	r->image = NULL;
	images_release(d->images, i);
}

static void start_waiting(struct unwind_digests *d)
{
	while (d->first < d->queue.n && d->n_running < d->at_once) {
		const struct wanted w = d->queue.v[d->first++];
		struct reading *r = d->running;

		while (r->image)
			r++;
		if (start(d, r, &w)) {
			d->n_running++;
			continue;
		}
		conclude(d, w.image, NULL);
		finish(d, r);
	}
	if (d->first == d->queue.n)
		d->first = d->queue.n = 0;
}

void unwind_digests_ask(struct unwind_digests *d, struct image *i, int32_t pid)
{
	d->counts.images++;
	if (!i->segments.n || take_cached(d, i)) {
		if (!i->segments.n)
			conclude(d, i, NULL);
		return;
	}
	if (strikes_has(&d->strikes, i)) {
		d->counts.refused++;
		conclude(d, i, NULL);
		return;
	}
	image_ref(i);
	*vec_push(&d->queue) = (struct wanted){i, pid};
	start_waiting(d);
}

/* What of the file was read has to be what its mapping shows: it may have been written to before, or meanwhile. */
static bool take_result(struct unwind_digests *d, struct reading *r, struct parser_result *result)
{
	if (!image_is_unchanged(r->image, r->file)) {
		d->counts.changed++;
		return false;
	}
	if (hand_out(d, r->image, result))
		return true;
	d->counts.died++;
	strikes_add(&d->strikes, r->image);
	log_debug("no unwind rules of %s: what the parser wrote is no table", r->image->path);
	return false;
}

static void note_failure(struct unwind_digests *d, const struct image *i, int code)
{
	if (code == -ENOEXEC) {
		d->counts.nothing++;
		return;
	}
	strikes_add(&d->strikes, i);
	if (code == -ETIME)
		d->counts.overran++;
	else
		d->counts.died++;
	log_debug("no unwind rules of %s: the parser %s", i->path, code == -ETIME ? "took too long" : "died");
}

static void take(struct unwind_digests *d, struct reading *r)
{
	struct parser_result result;
	int code = parser_take(&r->parser, &result);
	bool good = false;

	d->n_running--;
	d->counts.nanoseconds += clock_ns(CLOCK_MONOTONIC) - r->started;
	if (code)
		note_failure(d, r->image, code);
	else
		good = take_result(d, r, &result);
	if (!good)
		conclude(d, r->image, NULL);
	else if (r->keep && !result.too_large)
		image_cache_store_unwind(d->cache, r->image, &result);
	if (!code)
		munmap(result.bytes, result.size);
	finish(d, r);
}

/* The earliest time at which a parser is to be ended. */
static uint64_t next_deadline(const struct unwind_digests *d)
{
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < AT_ONCE_MAX; i++)
		if (d->running[i].image && d->running[i].parser.deadline < first)
			first = d->running[i].parser.deadline;
	return first;
}

static bool take_ended(struct unwind_digests *d, int timeout_ms)
{
	struct epoll_event ended[AT_ONCE_MAX];
	int n = epoll_wait(d->epoll, ended, AT_ONCE_MAX, timeout_ms);
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	bool any = n > 0;

	for (int i = 0; i < n; i++)
		take(d, &d->running[ended[i].data.u64]);
	for (size_t i = 0; i < AT_ONCE_MAX; i++)
		if (d->running[i].image && d->running[i].parser.deadline <= now) {
			take(d, &d->running[i]);
			any = true;
		}
	start_waiting(d);
	return any;
}

bool unwind_digests_wait(struct unwind_digests *d, uint64_t until)
{
	bool any = take_ended(d, 0);

	while (!any && d->n_running) {
		uint64_t now = clock_ns(CLOCK_MONOTONIC), deadline = next_deadline(d), end = until < deadline ? until : deadline;

		if (now >= until)
			break;
		any = take_ended(d, end > now ? (end - now) / NS_PER_MS + 1 : 0);
	}
	return any;
}

int unwind_digests_fd(const struct unwind_digests *d)
{
	return d->epoll;
}

struct digest_counts unwind_digests_counts(const struct unwind_digests *d)
{
	return d->counts;
}

void unwind_digests_free(struct unwind_digests *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < AT_ONCE_MAX; i++)
		if (d->running[i].image) {
			helper_stop(&d->running[i].parser);
			finish(d, &d->running[i]);
		}
	for (; d->first < d->queue.n; d->first++)
		images_release(d->images, d->queue.v[d->first].image);
	vec_free(&d->queue);
	if (d->epoll >= 0)
		close(d->epoll);
	free(d);
}
