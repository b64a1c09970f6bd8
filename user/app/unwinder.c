// SPDX-License-Identifier: Apache-2.0
#include "app/unwinder.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "bpf/unwind_maps.h"
#include "kernel/late_walk.h"
#include "kernel/unwind_tables.h"
#include "unwind/table.h"

#include <inttypes.h>
#include <string.h>
#include <sys/auxv.h>

#define PROCESS_MAPPINGS_MAX 16384 /* of one process: a quarter of the room for all */
#define VDSO_BYTES_MAX 65536
#define UNWIND_HOLE_MIN 16384 /* bpf/unwind.h: what is below is hand-written code that fell through */
#define UNWIND_NONE UINT64_MAX
#define LONG_AGO 240 /* turns: about a minute */
#define REPLACED_VOLATILE 8 /* mappings, since the last drain or two */
#define NOW UINT64_MAX
#define WALK_BUDGET_NS (100 * NS_PER_MS) /* of a turn, to wait for tables that stacks at hand need */

enum table_state {
	TABLE_NEW,     /* to be asked for */
	TABLE_ASKED,   /* a parser makes it */
	TABLE_LOADED,
	TABLE_NONE,    /* the file has no rules, or cannot be read */
	TABLE_OUT,     /* there was no room for it, or it had to give way */
};

/* Text of a part without rules, so much of it that it is code of another kind: made to be walked along frame pointers. */
struct hole {
	uint64_t start, end;
};

struct loaded_part {
	uint64_t start, end; /* virtual addresses */
	struct extent extent;
	VEC(struct hole) holes; /* large ones, ascending */
};

/* What the unwinder knows of an image. */
struct image_unwind {
	char *name;
	enum table_state state;
	VEC(struct loaded_part) parts;
	uint64_t used;	 /* the turn in which a sample met it last; 0: never */
	uint64_t loaded; /* the turn */
};

struct unwinder {
	struct sampler *sampler;
	struct unwind_tables *tables;
	struct images *images;
	struct process_table *processes;
	struct unwind_digests *digests;
	VEC(int32_t) changed, pending; /* pids: to be shown; shown without all of their tables */
	VEC(struct image_unwind *) known;
	struct image_unwind vdso; /* the kernel gives every 64-bit process the same */
	VEC(struct unwind_mapping) slice; /* scratch */
	bool has_jvm; /* the process of u->slice runs Java */
	bool partial, cut; /* u->slice lacks tables that are to come; mappings that are too many */
	bool wanted; /* a table that is out was missed by a sample */
	uint64_t turn;
	uint64_t walk_until; /* when stacks of this turn wait for tables no longer (CLOCK_MONOTONIC ns); 0: none has waited */
	uint64_t evicted, cut_processes, late, built;
	struct unwind_stats stats;
};

static void find_holes(struct loaded_part *part, const struct unwind_part *p)
{
	const struct unwind_extent *e = (const struct unwind_extent *)p->words;
	const struct unwind_rule *rules = (const struct unwind_rule *)(p->words + e->rules_word);
	const uint32_t *directory = p->words + 4, *rows = p->words + e->rows_word;
	uint64_t since = UNWIND_NONE;

	for (uint32_t b = 0; b < e->buckets; b++)
		for (uint32_t r = directory[b]; r < directory[b + 1]; r++) {
			uint64_t at = p->start + (uint64_t)b * UNWIND_BUCKET_BYTES + UNWIND_ROW_PC(rows[r]);
			bool none = rules[UNWIND_ROW_RULE(rows[r])].cfa == UNWIND_CFA_NONE &&
				    rules[UNWIND_ROW_RULE(rows[r])].ra != UNWIND_RA_END;

			if (!none && since != UNWIND_NONE && at - since >= UNWIND_HOLE_MIN)
				*vec_push(&part->holes) = (struct hole){since, at};
			since = none ? (since == UNWIND_NONE ? at : since) : UNWIND_NONE;
		}
	if (since != UNWIND_NONE && since < p->end && p->end - since >= UNWIND_HOLE_MIN)
		*vec_push(&part->holes) = (struct hole){since, p->end};
}

static void drop_part(struct unwinder *u, struct loaded_part *p)
{
	unwind_tables_drop(u->tables, &p->extent);
	vec_free(&p->holes);
}

static void drop_parts(struct unwinder *u, struct image_unwind *t)
{
	for (size_t i = 0; i < t->parts.n; i++)
		drop_part(u, &t->parts.v[i]);
	t->parts.n = 0;
}

static void free_known(struct unwinder *u, struct image_unwind *t)
{
	drop_parts(u, t);
	vec_free(&t->parts);
	free(t->name);
	free(t);
}

/* The image is about to be freed. */
static void forget(void *ctx, void *unwind)
{
	struct unwinder *u = ctx;
	struct image_unwind *t = unwind;

	for (size_t i = 0; i < u->known.n; i++)
		if (u->known.v[i] == t) {
			u->known.v[i] = u->known.v[--u->known.n];
			break;
		}
	free_known(u, t);
}

static void take_table(void *ctx, struct image *image, const struct unwind_table *table);

static void on_change(void *ctx, int32_t pid)
{
	unwinder_changed(ctx, pid);
}

struct unwinder *unwinder_new(const struct unwinder_input *in)
{
	struct unwinder *u = xcalloc(1, sizeof(*u));

	u->sampler = in->sampler;
	u->tables = sampler_unwind_tables(in->sampler);
	u->images = in->images;
	u->processes = in->processes;
	u->digests = unwind_digests_new(in->images, in->parsers, in->cache, take_table, u);
	u->turn = 1;
	u->vdso.name = "[vdso]";
	images_on_forget(in->images, forget, u);
	process_table_on_change(in->processes, on_change, u);
	return u;
}

void unwinder_free(struct unwinder *u)
{
	if (!u)
		return;
	unwind_digests_free(u->digests);
	images_on_forget(u->images, NULL, NULL);
	while (u->known.n)
		free_known(u, u->known.v[--u->known.n]);
	drop_parts(u, &u->vdso);
	vec_free(&u->vdso.parts);
	vec_free(&u->changed);
	vec_free(&u->pending);
	vec_free(&u->known);
	vec_free(&u->slice);
	unwind_stats_free(&u->stats);
	free(u);
}

void unwinder_changed(struct unwinder *u, int32_t pid)
{
	if (!u->changed.n || u->changed.v[u->changed.n - 1] != pid)
		*vec_push(&u->changed) = pid;
}

/* No sampler run looks at what has been retired any more. */
static void reclaim(struct unwinder *u)
{
	if (!unwind_tables_retired(u->tables))
		return;
	sampler_settle(u->sampler);
	unwind_tables_reclaim(u->tables);
}

/* Makes room: the table goes that was sampled the longest time ago, if that is longer ago than `t` was. */
static bool evict_for(struct unwinder *u, const struct image_unwind *t)
{
	uint64_t before = t->used ? t->used : u->turn > LONG_AGO ? u->turn - LONG_AGO : 1;
	struct image_unwind *oldest = NULL;

	for (size_t i = 0; i < u->known.n; i++) {
		struct image_unwind *k = u->known.v[i];

		if (k != t && k->state == TABLE_LOADED && k->used < before && (!oldest || k->used < oldest->used ||
		    (k->used == oldest->used && k->loaded < oldest->loaded)))
			oldest = k;
	}
	if (!oldest)
		return false;
	drop_parts(u, oldest);
	oldest->state = TABLE_OUT;
	u->evicted++;
	reclaim(u);
	return true;
}

static bool put_part(struct unwinder *u, struct image_unwind *t, const struct unwind_part *p)
{
	struct loaded_part part = {.start = p->start, .end = p->end};

	while (!unwind_tables_put(u->tables, p->words, p->n_words, &part.extent)) {
		if (unwind_tables_retired(u->tables))
			reclaim(u);
		else if (!evict_for(u, t))
			return false;
	}
	find_holes(&part, p);
	*vec_push(&t->parts) = part;
	return true;
}

static void load_table(struct unwinder *u, struct image_unwind *t, const struct unwind_table *table)
{
	t->state = TABLE_LOADED;
	t->loaded = u->turn;
	u->built++;
	for (size_t i = 0; i < table->parts.n; i++)
		if (!put_part(u, t, &table->parts.v[i])) {
			drop_parts(u, t);
			t->state = TABLE_OUT;
			break;
		}
}

/* What an image that was asked for has. */
static void take_table(void *ctx, struct image *image, const struct unwind_table *table)
{
	struct image_unwind *t = image->unwind;

	if (table)
		load_table(ctx, t, table);
	else
		t->state = TABLE_NONE;
}

/* Our own vDSO: an ELF file in memory, whose section headers end it. */
static void load_vdso(struct unwinder *u)
{
	const void *bytes = (const void *)getauxval(AT_SYSINFO_EHDR);
	struct unwind_table table = {0};
	struct elf elf;
	uint64_t end;

	u->vdso.state = TABLE_NONE;
	if (!bytes || elf_open(&elf, bytes, 4096))
		return;
	end = elf.header.e_shoff + (uint64_t)elf.header.e_shnum * elf.header.e_shentsize;
	if (end > VDSO_BYTES_MAX || elf_open(&elf, bytes, end) || unwind_table_build(&table, &elf))
		return;
	load_table(u, &u->vdso, &table);
	unwind_table_free(&table);
}

static bool is_vdso(const struct mapping *m)
{
	return !strcmp(m->path, "[vdso]") && m->end > UINT32_MAX; /* below is that of a 32-bit process, another one */
}

/* What is known of a mapping's image, or NULL when it has none. */
static struct image_unwind *unwind_of(struct unwinder *u, const struct mapping *m)
{
	struct image *image = m->image;

	if (!image)
		return is_vdso(m) ? &u->vdso : NULL;
	if (!image->unwind) {
		image->unwind = xcalloc(1, sizeof(struct image_unwind));
		((struct image_unwind *)image->unwind)->name = xstrdup(image->name);
		*vec_push(&u->known) = image->unwind;
	}
	return image->unwind;
}

/* Appends [start, end) with the rules of `part`. */
static void append(struct unwinder *u, uint64_t start, uint64_t end, uint64_t text, const struct loaded_part *part)
{
	if (start < end)
		*vec_push(&u->slice) = (struct unwind_mapping){start, end, text, part->extent.slab, part->extent.word};
}

/* Appends [start, end) without rules, and why there are none: UNWIND_NO_TABLE, UNWIND_TABLE_OUT. It joins its like before it. */
static void append_bare(struct unwinder *u, uint64_t start, uint64_t end, uint32_t why, uint32_t code)
{
	struct unwind_mapping *last = u->slice.n ? &u->slice.v[u->slice.n - 1] : NULL;

	if (start >= end)
		return;
	if (last && last->end == start && last->slab == why && last->word == code)
		last->end = end;
	else
		*vec_push(&u->slice) = (struct unwind_mapping){start, end, 0, why, code};
}

/* The part's text in [start, end), moved by `bias`. */
static void append_part(struct unwinder *u, const struct loaded_part *p, uint64_t bias, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < p->holes.n && start < end; i++) {
		uint64_t from = p->holes.v[i].start + bias, to = p->holes.v[i].end + bias;

		if (to <= start || from >= end)
			continue;
		append(u, start, from > start ? from : start, p->start + bias, p);
		append_bare(u, from > start ? from : start, to < end ? to : end, UNWIND_NO_TABLE, 0);
		start = to < end ? to : end;
	}
	append(u, start, end, p->start + bias, p);
}

static void append_mapping(struct unwinder *u, const struct mapping *m, const struct image_unwind *t)
{
	struct image *image = m->image;
	uint64_t at = m->start, vaddr = m->offset;

	if (t && t->state == TABLE_LOADED && (!image || image_mapping_vaddr(image, m->offset, &vaddr))) {
		uint64_t bias = m->start - vaddr; /* modulo 2^64 */

		for (size_t i = 0; i < t->parts.n; i++) {
			const struct loaded_part *p = &t->parts.v[i];
			uint64_t start = p->start > vaddr ? p->start + bias : m->start;
			uint64_t end = p->end < vaddr + (m->end - m->start) ? p->end + bias : m->end;

			if (p->end <= vaddr || p->start >= vaddr + (m->end - m->start))
				continue;
			append_bare(u, at, start, UNWIND_NO_TABLE, 0);
			append_part(u, p, bias, start, end);
			at = end;
		}
	}
	append_bare(u, at, m->end, t && t->state != TABLE_LOADED && t->state != TABLE_NONE ? UNWIND_TABLE_OUT : UNWIND_NO_TABLE,
		    !t && u->has_jvm && m->path[0] != '[' ? UNWIND_CODE_HOTSPOT : 0);
}

static void append_known(struct unwinder *u, const struct process *p, const struct mapping *m)
{
	struct image_unwind *t = unwind_of(u, m);

	if (t && t->state == TABLE_NEW) {
		t->state = TABLE_ASKED;
		if (m->image)
			unwind_digests_ask(u->digests, m->image, p->pid);
		else
			load_vdso(u);
	}
	u->partial |= t && t->state == TABLE_ASKED;
	if (u->slice.n < PROCESS_MAPPINGS_MAX)
		append_mapping(u, m, t);
	else
		u->cut = true;
}

static int by_start(const void *a, const void *b)
{
	const struct unwind_mapping *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static bool has_jvm(const struct process *p)
{
	for (size_t i = 0; i < p->mappings.n; i++) {
		const struct image *image = p->mappings.v[i]->image;

		if (image && !strcmp(image->name, "libjvm.so"))
			return true;
	}
	return false;
}

/* The process's mappings at `time`, to u->slice. */
static void show(struct unwinder *u, const struct process *p, uint64_t time)
{
	size_t n;

	u->partial = u->cut = false;
	u->has_jvm = has_jvm(p);
	u->slice.n = 0;
	for (size_t i = 0; i < p->mappings.n; i++)
		if (p->mappings.v[i]->since <= time)
			append_known(u, p, p->mappings.v[i]);
	n = u->slice.n;
	for (size_t i = 0; i < p->replaced.n && time != NOW; i++)
		if (p->replaced.v[i]->since <= time && time < p->replaced.v[i]->until)
			append_known(u, p, p->replaced.v[i]);
	if (u->slice.n > n)
		qsort(u->slice.v, u->slice.n, sizeof(*u->slice.v), by_start);
}

/* Makes u->slice the process's. A table that is loaded may push out another one that stands in it already; then once more. */
static void gather(struct unwinder *u, const struct process *p, uint64_t time)
{
	uint64_t evicted;

	do {
		evicted = u->evicted;
		show(u, p, time);
	} while (evicted != u->evicted);
}

uint32_t unwinder_walk(struct unwinder *u, const struct process *p, const struct sample_record *r, uint64_t *frames,
		       enum unwind_end *end)
{
	u->slice.n = 0;
	u->partial = false;
	if (p)
		gather(u, p, r->time);
	if (u->partial && !u->walk_until)
		u->walk_until = clock_ns(CLOCK_MONOTONIC) + WALK_BUDGET_NS;
	while (u->partial && unwind_digests_wait(u->digests, u->walk_until))
		gather(u, p, r->time);
	u->late++;
	return late_walk(u->tables, u->slice.v, u->slice.n, r, frames, end);
}

static void publish(struct unwinder *u, int32_t pid)
{
	const struct process *p = process_table_running(u->processes, pid);
	struct slice *s;
	uint64_t now;

	if (!p) {
		unwind_tables_remove(u->tables, pid);
		return;
	}
	gather(u, p, NOW);
	if (u->partial)
		*vec_push(&u->pending) = pid;
	u->cut_processes += u->cut;
	s = slice_get(u->tables, u->slice.v, u->slice.n);
	if (!s && unwind_tables_retired(u->tables)) {
		reclaim(u);
		s = slice_get(u->tables, u->slice.v, u->slice.n);
	}
	unwind_tables_assign(u->tables, pid, p->exec_id, s, (u->partial ? UNWIND_SLICE_PARTIAL : 0) |
			     (p->replaced.n >= REPLACED_VOLATILE ? UNWIND_SLICE_VOLATILE : 0));
	now = clock_ns(CLOCK_MONOTONIC);
	for (size_t i = 0; i < p->mappings.n; i++)
		if (!p->mappings.v[i]->shown)
			p->mappings.v[i]->shown = now;
}

static int by_pid(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return x < y ? -1 : x > y;
}

static void want_again(void *ctx, struct process *p)
{
	unwinder_changed(ctx, p->pid);
}

/* Tables that samples missed get another chance, and then all who map them are to be shown it. */
static void load_wanted(struct unwinder *u)
{
	if (!u->wanted)
		return;
	u->wanted = false;
	for (size_t i = 0; i < u->known.n; i++)
		if (u->known.v[i]->state == TABLE_OUT && u->known.v[i]->used + 1 >= u->turn)
			u->known.v[i]->state = TABLE_NEW;
	process_table_each(u->processes, want_again, u);
}

static void publish_changed(struct unwinder *u)
{
	size_t n = u->changed.n;

	if (n)
		qsort(u->changed.v, n, sizeof(*u->changed.v), by_pid);
	for (size_t i = 0; i < n; i++)
		if (!i || u->changed.v[i] != u->changed.v[i - 1])
			publish(u, u->changed.v[i]);
	u->changed.n = 0;
}

/* Those that lacked a table are to be shown again. */
static void change_pending(struct unwinder *u)
{
	for (size_t i = 0; i < u->pending.n; i++)
		*vec_push(&u->changed) = u->pending.v[i];
	u->pending.n = 0;
}

bool unwinder_publish(struct unwinder *u, uint64_t budget_ns)
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC) + budget_ns;
	bool came = unwind_digests_wait(u->digests, 0), more = false;

	load_wanted(u);
	if (came)
		change_pending(u);
	publish_changed(u);
	while (u->pending.n && unwind_digests_wait(u->digests, until))
		more = true;
	if (more)
		change_pending(u);
	publish_changed(u);
	return came || more;
}

int unwinder_fd(const struct unwinder *u)
{
	return unwind_digests_fd(u->digests);
}

void unwinder_turn(struct unwinder *u)
{
	u->turn++;
	u->walk_until = 0;
	reclaim(u);
}

void unwinder_sampled(struct unwinder *u, const struct mapping *m)
{
	struct image_unwind *t = m ? unwind_of(u, m) : NULL;

	if (!t)
		return;
	t->used = u->turn;
	u->wanted |= t->state == TABLE_OUT;
}

void unwinder_ended(struct unwinder *u, const struct mapping *m, enum unwind_end end, uint64_t count)
{
	const struct image_unwind *t = m ? unwind_of(u, m) : NULL;

	unwind_stats_add(&u->stats, t ? t->name : m ? "[anon]" : "[none]", end, count);
}

const struct unwind_stats *unwinder_stats(const struct unwinder *u)
{
	return &u->stats;
}

void unwinder_usage(const struct unwinder *u, struct unwinder_usage *ret)
{
	unwind_tables_usage(u->tables, &ret->tables);
	ret->built = u->built;
	ret->evicted = u->evicted;
	ret->late = u->late;
	ret->digests = unwind_digests_counts(u->digests);
}

void unwinder_log(const struct unwinder *u)
{
	struct unwind_tables_usage usage;

	unwind_tables_usage(u->tables, &usage);
	log_debug("unwind: %zu of %zu KB of rules, %zu of %zu mappings, %zu of %zu processes; %" PRIu64 " tables loaded, %" PRIu64
		  " evicted; %" PRIu64 " stacks walked late; refused: mappings %" PRIu64 ", processes %" PRIu64 ", too many mappings %" PRIu64,
		  usage.rule_bytes / 1024, usage.rule_limit / 1024, usage.mappings, usage.mappings_limit, usage.processes,
		  usage.processes_limit, u->built, u->evicted, u->late, usage.mappings_refused,
		  usage.processes_refused, u->cut_processes);
	unwind_stats_log(&u->stats);
}
