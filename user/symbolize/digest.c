// SPDX-License-Identifier: Apache-2.0
#include "symbolize/digest.h"

#include "base/clock.h"
#include "base/log.h"
#include "symbolize/parse.h"
#include "symbolize/strikes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROUNDS_MAX 4	  /* the file, its debug file, what that shares with others, split units */
#define FETCHES_MAX 4	  /* of one image: its debug file, what that shares with others, each once more */

struct waiting {
	struct image *image; /* with a reference */
	char hex[DEBUGINFOD_HEX_MAX]; /* for this file */
};

struct digests {
	struct images *images;
	struct parsers *parsers;
	struct image_cache *cache; /* or NULL */
	struct debuginfod *debuginfod; /* or NULL */
	VEC(struct waiting) waiting;
	struct digest_counts counts;
	struct strikes strikes;

	struct image *image; /* at hand, or NULL */
	enum image_level level; /* wanted */
	bool debug_info;	/* asked for: not again after a parser died of it */
	int file, roots[PARSE_ROOTS];
	bool has_root; /* another one than ours */
	struct helper parser;
	struct parser_result parsed; /* of an earlier round */
	struct buf paths; /* of the request */
	uint32_t n_paths;
	VEC(struct image_cache_state) states; /* what was at each of them, with a cache */
	struct buf fetched; /* of the request as well; no cache need tell of them, as they never change */
	uint32_t n_fetched;
	bool keep; /* the result may be kept: what it is made of will be known again */
	unsigned round;
	uint64_t started; /* CLOCK_MONOTONIC ns */
};

struct digests *digests_new(struct images *images, struct parsers *parsers, struct image_cache *cache, struct debuginfod *debuginfod)
{
	struct digests *d = xcalloc(1, sizeof(*d));

	d->images = images;
	d->parsers = parsers;
	d->cache = cache;
	d->debuginfod = debuginfod;
	return d;
}

static bool has_path(const struct buf *paths, const struct parse_path *p, const char *text)
{
	struct parse_path other;

	for (size_t at = 0; at < paths->n; at += sizeof(other) + other.length) {
		memcpy(&other, paths->v + at, sizeof(other));
		if (other.kind == p->kind && other.root == p->root && other.id == p->id && !strcmp(paths->v + at + sizeof(other), text))
			return true;
	}
	return false;
}

static void add_path(struct digests *d, enum parse_kind kind, uint32_t root, uint64_t id, const char *path)
{
	struct parse_path p = {kind, root, id, strlen(path) + 1};

	if (d->n_paths + d->n_fetched >= PARSE_PATHS_MAX || p.length > 4096 || has_path(&d->paths, &p, path))
		return;
	d->n_paths++;
	buf_add(&d->paths, &p, sizeof(p));
	buf_add(&d->paths, path, p.length);
	/* Before a parser looks: what is another file by then is another one for the next reader of the cache, too. */
	if (d->cache)
		d->keep &= image_cache_look(d->roots[root], path, vec_push(&d->states));
}

/* In the target's root, then in ours. */
static void add_paths(struct digests *d, enum parse_kind kind, uint64_t id, const char *path)
{
	for (uint32_t root = d->has_root ? 0 : 1; root < PARSE_ROOTS; root++)
		add_path(d, kind, root, id, path);
}

/* A file that a server gave for this build id, if one did; it is in our root. */
static void add_fetched(struct digests *d, enum parse_kind kind, const char *hex)
{
	auto_free char *path = d->debuginfod ? debuginfod_find(d->debuginfod, hex) : NULL;
	struct parse_path p = {kind, 1, 0, path ? strlen(path) + 1 : 0};

	if (!path || d->n_paths + d->n_fetched >= PARSE_PATHS_MAX || p.length > 4096 || has_path(&d->fetched, &p, path))
		return;
	d->n_fetched++;
	buf_add(&d->fetched, &p, sizeof(p));
	buf_add(&d->fetched, path, p.length);
}

/* Separate debug files as distributions lay them out (GDB manual, "Debugging Information in Separate Files"). */
static char *build_id_path(const struct image *i)
{
	struct buf path = {0};

	if (i->build_id_len < 2)
		return NULL;
	buf_printf(&path, "/usr/lib/debug/.build-id/%02x/", i->build_id[0]);
	for (size_t n = 1; n < i->build_id_len; n++)
		buf_printf(&path, "%02x", i->build_id[n]);
	buf_puts(&path, ".debug");
	return path.v;
}

/* "DIRECTORY/NAME" where DIRECTORY is that of `path`, which has a slash. */
static char *beside(const char *prefix, const char *path, const char *below, const char *name)
{
	return xasprintf("%s%.*s%s/%s", prefix, (int)(strrchr(path, '/') - path), path, below, name);
}

static void add_debug_link(struct digests *d, const char *name)
{
	static const char *const prefixes[] = {"", "", "/usr/lib/debug"}, *const below[] = {"", "/.debug", ""};

	if (strchr(name, '/'))
		return; /* a link is a base name */
	for (size_t n = 0; n < ARRAY_SIZE(prefixes); n++) {
		auto_free char *path = beside(prefixes[n], d->image->path, below[n], name);

		add_paths(d, PARSE_DEBUG, 0, path);
	}
}

/* Relative to whichever file has the link: the image's own or its debug file, which is not known here. */
static void add_alt_link(struct digests *d, const char *name)
{
	auto_free char *debug = build_id_path(d->image), *below = beside("/usr/lib/debug", d->image->path, "", name);
	auto_free char *own = beside("", d->image->path, "", name), *by_id = debug ? beside("", debug, "", name) : NULL;

	if (name[0] == '/') {
		add_paths(d, PARSE_ALT, 0, name);
		return;
	}
	if (by_id)
		add_paths(d, PARSE_ALT, 0, by_id);
	add_paths(d, PARSE_ALT, 0, own);
	add_paths(d, PARSE_ALT, 0, below);
}

/* "FILE.dwp" beside the image or a debug file of it, as gdb and LLVM look for it. */
static void add_packages(struct digests *d)
{
	auto_free char *own = xasprintf("%s.dwp", d->image->path);
	struct parse_path p;

	add_paths(d, PARSE_PACKAGE, 0, own);
	for (size_t at = 0; at < d->paths.n; at += sizeof(p) + p.length) {
		memcpy(&p, d->paths.v + at, sizeof(p));
		if (p.kind != PARSE_DEBUG)
			continue;
		auto_free char *path = xasprintf("%s.dwp", d->paths.v + at + sizeof(p));
		add_path(d, PARSE_PACKAGE, p.root, 0, path);
	}
}

/* Where it was built, or else where it was installed to. */
static void add_split_link(struct digests *d, const struct image_link_input *l)
{
	const char *slash = strrchr(l->name, '/'), *name = slash ? slash + 1 : l->name;
	auto_free char *built = l->name[0] == '/' ? xstrdup(l->name) : xasprintf("%s/%s", l->directory, l->name);
	auto_free char *installed = beside("", d->image->path, "", name);

	add_paths(d, PARSE_SPLIT, l->id, built);
	if (strcmp(built, installed))
		add_paths(d, PARSE_SPLIT, l->id, installed);
}

/* Adds files that the parser did not have. False: there are none to add. */
static bool follow_links(struct digests *d, const struct image_file *f)
{
	struct image_link_input l;
	uint32_t before = d->n_paths + d->n_fetched;
	bool packages = false;

	for (uint32_t i = 0; image_file_link(f, i, &l); i++) {
		if (l.kind == IMAGE_LINK_DEBUG && d->round < 2) {
			add_debug_link(d, l.name);
		} else if (l.kind == IMAGE_LINK_ALT && d->debug_info) {
			add_alt_link(d, l.name);
		} else if (l.kind == IMAGE_LINK_SPLIT) {
			if (!packages)
				add_packages(d);
			packages = true;
			add_split_link(d, &l);
		} else if (l.kind == IMAGE_LINK_ID) {
			add_fetched(d, l.id == PARSE_ALT ? PARSE_ALT : PARSE_DEBUG, l.name);
		}
	}
	return d->n_paths + d->n_fetched > before;
}

static int start_parser(struct digests *d)
{
	struct parse_request r = {
		.what = d->debug_info ? PARSE_DEBUG_INFO : PARSE_NAMES,
		.build_id_len = d->image->build_id_len,
		.paths = d->n_paths + d->n_fetched,
	};
	struct buf request = {0};
	int ret;

	memcpy(r.build_id, d->image->build_id, r.build_id_len);
	buf_add(&request, &r, sizeof(r));
	if (d->paths.n)
		buf_add(&request, d->paths.v, d->paths.n);
	if (d->fetched.n)
		buf_add(&request, d->fetched.v, d->fetched.n);
	ret = parser_start(d->parsers, &d->parser, d->file, d->roots, &request);
	buf_free(&request);
	d->round++;
	d->counts.processes += !ret;
	d->counts.not_started += !!ret;
	return ret;
}

static void close_all(struct digests *d)
{
	for (size_t i = 0; i < PARSE_ROOTS; i++)
		if (d->roots[i] >= 0)
			close(d->roots[i]);
	if (d->file >= 0)
		close(d->file);
	buf_free(&d->paths);
	buf_free(&d->fetched);
	vec_free(&d->states);
}

/* Asks servers for a file that no parser of the image was given. It is digested again when that came. */
static bool await_file(struct digests *d)
{
	struct image *i = d->image;
	struct image_link_input l;

	if (!d->debuginfod || d->level != IMAGE_DEBUG_INFO || !d->parsed.bytes || d->file < 0 || i->fetches >= FETCHES_MAX)
		return false;
	for (uint32_t n = 0; image_file_link(&d->parsed.file, n, &l); n++) {
		auto_free char *path = l.kind == IMAGE_LINK_ID ? debuginfod_find(d->debuginfod, l.name) : NULL;

		if (l.kind != IMAGE_LINK_ID || path || !debuginfod_want(d->debuginfod, l.name))
			continue;
		struct waiting *w = vec_push(&d->waiting);
		w->image = i;
		memcpy(w->hex, l.name, strlen(l.name) + 1); /* it is one: it was taken */
		image_ref(i);
		i->awaits = true;
		i->fetches++;
		return true;
	}
	return false;
}

/* The image has its names, or none. */
static void finish(struct digests *d)
{
	struct image *i = d->image;
	enum image_level level = d->level;

	/* Asked when all is read: rewritten in place before or meanwhile, these are the symbols of other code. */
	if (d->parsed.bytes && d->file >= 0 && !image_is_unchanged(i, d->file)) {
		munmap(d->parsed.bytes, d->parsed.size);
		d->parsed.bytes = NULL;
		d->counts.changed++;
	}
	if (d->parsed.bytes && d->keep && !d->parsed.too_large) /* which every run tells of */
		image_cache_store(d->cache, i, d->level, &(struct image_cache_sources){&d->paths, d->states.v, d->n_paths}, &d->parsed);
	d->counts.too_large += d->parsed.bytes && d->parsed.too_large;
	if (await_file(d))
		level = IMAGE_SYMBOLS; /* not all yet */
	images_set_parsed(d->images, i, level, d->parsed.bytes ? &d->parsed : NULL);
	d->parsed = (struct parser_result){0};
	d->counts.nanoseconds += clock_ns(CLOCK_MONOTONIC) - d->started;
	close_all(d);
	d->image = NULL;
	images_release(d->images, i);
}

/* Was something fetched since that the parsers lacked? */
static bool is_outdone(struct digests *d, const struct image_file *f)
{
	struct image_link_input l;

	for (uint32_t i = 0; d->debuginfod && image_file_link(f, i, &l); i++) {
		auto_free char *path = l.kind == IMAGE_LINK_ID ? debuginfod_find(d->debuginfod, l.name) : NULL;

		if (path)
			return true;
	}
	return false;
}

static bool take_cached(struct digests *d)
{
	enum image_level level = d->level;

	if (!d->cache || !d->image->segments.n || !image_cache_find(d->cache, d->image, d->roots, &level, &d->parsed))
		return false;
	if (is_outdone(d, &d->parsed.file)) {
		munmap(d->parsed.bytes, d->parsed.size);
		d->parsed = (struct parser_result){0};
		return false;
	}
	d->level = level;
	d->keep = false;
	return true;
}

bool digests_start(struct digests *d, struct image *i, enum image_level level, const char *root)
{
	if (d->image)
		return false;
	image_ref(i);
	d->image = i;
	d->level = level;
	d->debug_info = level == IMAGE_DEBUG_INFO;
	d->round = 0;
	d->n_paths = d->n_fetched = 0;
	d->keep = d->cache && image_cache_may_keep(i);
	d->started = clock_ns(CLOCK_MONOTONIC);
	d->counts.images++;
	d->file = i->segments.n ? image_find_file(i, root) : -1;
	d->roots[1] = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	d->roots[0] = root ? open(root, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	d->has_root = d->roots[0] >= 0;
	if (!d->has_root)
		d->roots[0] = fcntl(d->roots[1], F_DUPFD_CLOEXEC, 0);
	auto_free char *debug = build_id_path(i);
	if (debug)
		add_paths(d, PARSE_DEBUG, 0, debug);
	if (take_cached(d))
		d->counts.cached++;
	else if (strikes_has(&d->strikes, i))
		d->counts.refused++;
	else if (d->file >= 0 && !start_parser(d))
		return true;
	finish(d);
	return true;
}

static void note_failure(struct digests *d, int code)
{
	const char *path = d->image->path;

	d->keep = false; /* it may have been the machine's fault */
	if (code == -ENOEXEC) {
		d->counts.nothing++;
		return;
	}
	strikes_add(&d->strikes, d->image);
	if (code == -ETIME)
		d->counts.overran++;
	else
		d->counts.died++;
	log_debug("%s of %s: the parser %s", d->debug_info ? "no inlined functions" : "no names", path,
		  code == -ETIME ? "took too long" : "died");
}

static void on_parser_end(struct digests *d)
{
	struct parser_result result;
	int code = parser_take(&d->parser, &result);

	if (code) {
		note_failure(d, code);
		/* With what was found before; if that is nothing, once more for symbols alone. */
		if (code != -ENOEXEC && d->debug_info && !d->parsed.bytes && !d->image->parsed.bytes) {
			d->debug_info = false;
			if (!start_parser(d))
				return;
		}
		finish(d);
		return;
	}
	if (d->parsed.bytes)
		munmap(d->parsed.bytes, d->parsed.size);
	d->parsed = result;
	if (d->round < ROUNDS_MAX && follow_links(d, &result.file) && !start_parser(d))
		return;
	finish(d);
}

bool digests_run(struct digests *d, uint64_t until)
{
	while (d->image) {
		if (!helper_wait(&d->parser, until))
			return false;
		on_parser_end(d);
	}
	return true;
}

void digests_free(struct digests *d)
{
	if (!d)
		return;
	d->debuginfod = NULL;
	if (d->image) {
		helper_stop(&d->parser);
		finish(d);
	}
	for (size_t i = 0; i < d->waiting.n; i++)
		images_release(d->images, d->waiting.v[i].image);
	vec_free(&d->waiting);
	free(d);
}

/* The file came, and the image is to be digested again (true), or it will not come. */
static bool take_waiting(struct digests *d, size_t n)
{
	struct waiting w = d->waiting.v[n];
	auto_free char *path = debuginfod_find(d->debuginfod, w.hex);

	d->waiting.v[n] = d->waiting.v[--d->waiting.n];
	w.image->awaits = false;
	if (!path && w.image->level == IMAGE_SYMBOLS) /* else its symbols were dropped meanwhile, and are read anew */
		images_set_parsed(d->images, w.image, IMAGE_DEBUG_INFO, NULL);
	images_release(d->images, w.image);
	return path;
}

bool digests_fetch(struct digests *d, uint64_t until)
{
	bool more = true, any = false;

	while (d->waiting.n && more && !any) {
		more = debuginfod_run(d->debuginfod, until);
		for (size_t i = d->waiting.n; i--;)
			if (!debuginfod_is_coming(d->debuginfod, d->waiting.v[i].hex))
				any |= take_waiting(d, i);
	}
	return any;
}

struct digest_counts digests_counts(const struct digests *d)
{
	struct digest_counts c = d->counts;
	struct debuginfod_counts fetches = d->debuginfod ? debuginfod_counts(d->debuginfod) : (struct debuginfod_counts){0};

	c.fetched = fetches.fetched;
	c.not_found = fetches.not_found;
	c.fetch_failed = fetches.failed;
	c.not_asked = fetches.unasked;
	c.awaited = d->waiting.n;

	c.slow = images_slow(d->images);
	c.damaged = d->cache ? image_cache_refused(d->cache) : 0;
	return c;
}

void digest_counts_print(struct buf *out, const struct digest_counts *c)
{
	const struct {
		const char *text;
		uint64_t n;
	} counts[] = {
#define X(name, text) {text, c->name},
		DIGEST_COUNTS(X)
#undef X
	};

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		if (counts[i].n || i < 2)
			buf_printf(out, "%s=%llu ", counts[i].text, (unsigned long long)counts[i].n);
	buf_printf(out, "in %.3f s", c->nanoseconds / 1e9);
}
