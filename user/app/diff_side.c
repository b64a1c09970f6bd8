// SPDX-License-Identifier: Apache-2.0
#include "app/diff_side.h"

#include "app/command.h"
#include "app/streams.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/timerange.h"
#include "render/folded.h"
#include "render/functions.h"
#include "render/island.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* Everything goes through folded text, so that names of both sides are written alike. */
static struct tree *tree_of_text(struct profile *names, const struct view *view, const char *text, size_t n, struct folded_errors *errors)
{
	struct tree_builder *b = tree_builder_new(names, view);
	struct folded_reader *r = folded_reader_new(names, b);

	folded_reader_add(r, text, n);
	folded_reader_end(r, errors);
	return tree_builder_end(b);
}

static void take_piece(void *text, const char *bytes, size_t n)
{
	buf_add(text, bytes, n);
}

/* The stacks of a flame graph as folded text; other text stays as it is. */
static int extract(struct buf *text, struct error *err)
{
	struct view view = {.process = ALL_PROCESSES};
	struct profile *p;
	struct buf folded = {0};
	struct tree *t;

	if (!text->n || (strncmp(text->v, "<?xml", 5) && strncmp(text->v, "<svg", 4) && strncasecmp(text->v, "<!doctype", 9)))
		return 0;
	p = profile_new();
	t = island_tree(p, &view, text->v, text->n, err);
	if (t)
		folded_write(&folded, t);
	tree_free(t);
	profile_free(p);
	buf_free(text);
	*text = folded;
	return t ? 0 : -EBADMSG;
}

static int read_file(struct diff_side *s, struct profile *names, const struct view *view, struct error *err)
{
	struct folded_errors errors;
	struct buf text = {0};
	int ret = stream_read(strcmp(s->argument, "-") ? s->argument : NULL, take_piece, &text, err);

	ret = ret ? ret : extract(&text, err);
	if (!ret) {
		s->tree = tree_of_text(names, view, text.n ? text.v : "", text.n, &errors);
		if (errors.lines)
			log_warn("%s: left out %" PRIu64 " lines that are not 'STACK COUNT', the first is line %" PRIu64, s->argument,
				 errors.lines, errors.first);
	}
	buf_free(&text);
	return ret;
}

static struct tree *tree_of_profile(struct profile *names, const struct view *view, const struct profile *p)
{
	struct view plain = {.process = ALL_PROCESSES};
	struct tree *t = tree_new(p, &plain), *ret;
	struct folded_errors errors;
	struct buf text = {0};

	folded_write(&text, t);
	tree_free(t);
	ret = tree_of_text(names, view, text.n ? text.v : "", text.n, &errors);
	buf_free(&text);
	return ret;
}

static bool same_function(const void *ctx, uint32_t id, const void *key)
{
	const struct diff_function *a = &((const struct diff_side *)ctx)->functions.v[id], *b = key;

	return a->name == b->name && a->kind == b->kind;
}

static uint64_t function_hash(const struct diff_function *f)
{
	return hash_mix(hash_mix(11, f->name), f->kind);
}

static uint32_t find_function(const struct diff_side *s, const struct diff_function *key)
{
	return table_find(&s->function_table, function_hash(key), same_function, s, key);
}

struct sums diff_side_function(const struct diff_side *s, uint32_t name, enum frame_kind kind)
{
	struct diff_function key = {.name = name, .kind = kind};
	uint32_t id = find_function(s, &key);

	return id == TABLE_NONE ? (struct sums){0} : s->functions.v[id].windows;
}

static void add_value(struct sums *s, double v)
{
	s->n++;
	s->sum += v;
	s->squares += v * v;
}

/* CPUs that each function kept busy in one window. */
static void add_functions(struct diff_side *s, const struct tree *t, double cpus_of_one)
{
	struct functions f;

	functions_make(&f, t);
	for (size_t i = 0; i < f.all.n; i++) {
		struct diff_function key = {.name = f.all.v[i].name, .kind = f.all.v[i].kind};
		uint32_t id;

		if (!f.all.v[i].self)
			continue;
		id = find_function(s, &key);
		if (id == TABLE_NONE) {
			id = s->functions.n;
			*vec_push(&s->functions) = key;
			table_add(&s->function_table, function_hash(&key), id);
		}
		add_value(&s->functions.v[id].windows, f.all.v[i].self * cpus_of_one);
	}
	functions_free(&f);
	add_value(&s->windows, t->nodes.v[0].total * cpus_of_one);
}

struct reading {
	struct diff_side *side;
	struct profile *names;
	const struct view *view;
};

/* Each window by itself: how much they differ tells what a difference between the two ranges means. */
static void add_window(void *ctx, const struct store_window *w, const struct profile *p)
{
	const struct reading *r = ctx;
	struct tree *t;

	if (!w->covered_ns)
		return;
	t = tree_of_profile(r->names, r->view, p);
	add_functions(r->side, t, (double)w->period_ns / w->covered_ns);
	tree_free(t);
}

static int read_history(struct diff_side *s, const struct history_options *o, struct profile *names, const struct view *view, struct error *err)
{
	struct store_query q = history_query(o);
	struct store *store = store_open(o->state_dir, STORE_READ, err);
	struct reading r = {s, names, view};
	struct store_coverage c;
	struct buf text = {0};
	struct profile *p = NULL;
	int ret;

	if (!store)
		return err->code;
	ret = store_read_each(store, &q, add_window, &r, &p, &c, err);
	if (!ret && !c.windows) {
		history_tell_empty(store, o);
		ret = -ENODATA;
	}
	if (!ret) {
		s->tree = tree_of_profile(names, view, p);
		s->unit_ns = p->period_ns;
		s->seconds = (double)c.covered_ns / NS_PER_SEC;
		history_print_coverage(&text, &c, p);
		file_write_fd(STDERR_FILENO, text.v, text.n);
		buf_free(&text);
	}
	profile_free(p);
	store_close(store);
	return ret;
}

/* FROM..TO. False: it is not that. */
static bool parse_range(const char *argument, struct history_options *o, int *ret)
{
	const char *dots = strstr(argument, "..");
	auto_free char *from = dots ? xstrndup(argument, dots - argument) : NULL;

	if (!dots || !access(argument, F_OK))
		return false;
	*ret = timerange_point(from, o->now_ns, &o->since_ns);
	if (!*ret && dots[2])
		*ret = timerange_point(dots + 2, o->now_ns, &o->until_ns);
	if (!*ret && o->since_ns >= (o->until_ns == UINT64_MAX ? o->now_ns : o->until_ns))
		*ret = -EINVAL;
	return true;
}

int diff_side_read(struct diff_side *s, const char *argument, const struct history_options *o, struct profile *names,
		   const struct view *view)
{
	struct history_options range = *o; /* what is in it stays the caller's */
	struct error err = {0};
	int ret = 0;

	*s = (struct diff_side){.argument = argument};
	if (!parse_range(argument, &range, &ret)) {
		ret = read_file(s, names, view, &err);
	} else if (ret) {
		log_error("'%s' is not a time range: such as '-2h..-1h', '09:00..10:00' or 'yesterday 03:00..yesterday 04:00' is wanted",
			  argument);
		return EXIT_USAGE;
	} else {
		ret = read_history(s, &range, names, view, &err);
	}
	if (!ret && !s->tree->nodes.v[0].total)
		ret = error_set(&err, -ENODATA, "there are no stacks in %s", argument);
	if (ret && err.text[0])
		log_error("%s", err.text);
	return ret ? 1 : 0;
}

void diff_side_free(struct diff_side *s)
{
	tree_free(s->tree);
	vec_free(&s->functions);
	table_free(&s->function_table);
}
