// SPDX-License-Identifier: Apache-2.0
#include "profile/profile.h"

static bool same_frame(const void *ctx, uint32_t id, const void *key)
{
	const struct profile_frame *a = &((const struct profile *)ctx)->frames.v[id], *b = key;

	return a->name == b->name && a->binary == b->binary && a->kind == b->kind;
}

static bool same_image(const void *ctx, uint32_t id, const void *key)
{
	const struct profile_image *a = &((const struct profile *)ctx)->images.v[id], *b = key;

	return a->path == b->path && a->build_id == b->build_id;
}

static bool same_location(const void *ctx, uint32_t id, const void *key)
{
	const struct profile_location *a = &((const struct profile *)ctx)->locations.v[id], *b = key;

	return a->image == b->image && a->offset == b->offset && a->file == b->file && a->line == b->line;
}

static bool same_node(const void *ctx, uint32_t id, const void *key)
{
	const struct profile_node *a = &((const struct profile *)ctx)->nodes.v[id], *b = key;

	return a->parent == b->parent && a->frame == b->frame && a->location == b->location;
}

static bool same_process(const void *ctx, uint32_t id, const void *key)
{
	const struct profile_process *a = &((const struct profile *)ctx)->processes.v[id], *b = key;

	return a->pid == b->pid && a->identity == b->identity;
}

static bool same_thread(const void *ctx, uint32_t id, const void *key)
{
	const struct profile_thread *a = &((const struct profile *)ctx)->threads.v[id], *b = key;

	return a->process == b->process && a->tid == b->tid && a->comm == b->comm;
}

static bool same_sample(const void *ctx, uint32_t id, const void *key)
{
	const struct profile_sample *a = &((const struct profile *)ctx)->samples.v[id], *b = key;

	return a->thread == b->thread && a->node == b->node;
}

/* The id of the element equal to `key`, which is added to `vec` when there is none. */
#define FIND_OR_ADD(p, vec, table, hash, equal, key)                                                                   \
	({                                                                                                             \
		uint64_t hash_ = (hash);                                                                               \
		uint32_t id_ = table_find(&(p)->table, hash_, equal, p, key);                                          \
		if (id_ == TABLE_NONE) {                                                                               \
			id_ = (p)->vec.n;                                                                              \
			*vec_push(&(p)->vec) = *(key);                                                                 \
			table_add(&(p)->table, hash_, id_);                                                            \
		}                                                                                                      \
		id_;                                                                                                   \
	})

struct profile *profile_new(void)
{
	static uint64_t serial;
	struct profile *p = xcalloc(1, sizeof(*p));

	p->serial = ++serial;
	p->strings = strings_new();
	*vec_push(&p->nodes) = (struct profile_node){0};
	*vec_push(&p->images) = (struct profile_image){0};
	*vec_push(&p->locations) = (struct profile_location){0};
	return p;
}

void profile_free(struct profile *p)
{
	if (!p)
		return;
	strings_free(p->strings);
	vec_free(&p->frames);
	vec_free(&p->images);
	vec_free(&p->locations);
	vec_free(&p->nodes);
	vec_free(&p->processes);
	vec_free(&p->threads);
	vec_free(&p->samples);
	table_free(&p->frame_table);
	table_free(&p->image_table);
	table_free(&p->location_table);
	table_free(&p->node_table);
	table_free(&p->process_table);
	table_free(&p->thread_table);
	table_free(&p->sample_table);
	free(p->event);
	free(p->command);
	free(p);
}

uint32_t profile_frame_id(struct profile *p, uint32_t name, uint32_t binary, enum frame_kind kind)
{
	struct profile_frame f = {name, binary, kind};

	return FIND_OR_ADD(p, frames, frame_table, hash_mix(hash_mix(name, binary), kind), same_frame, &f);
}

uint32_t profile_frame(struct profile *p, const char *name, const char *binary, enum frame_kind kind)
{
	return profile_frame_id(p, strings_add(p->strings, name), strings_add(p->strings, binary), kind);
}

uint32_t profile_image(struct profile *p, const char *path, const char *build_id)
{
	struct profile_image i = {strings_add(p->strings, path), strings_add(p->strings, build_id)};

	return FIND_OR_ADD(p, images, image_table, hash_mix(hash_mix(5, i.path), i.build_id), same_image, &i);
}

uint32_t profile_location_in(struct profile *p, uint32_t image, uint64_t offset, uint32_t file, uint32_t line)
{
	struct profile_location l = {image, offset, file, line};
	uint64_t hash = hash_mix(hash_mix(hash_mix(6, image), offset), (uint64_t)file << 32 | line);

	return FIND_OR_ADD(p, locations, location_table, hash, same_location, &l);
}

uint32_t profile_location(struct profile *p, uint32_t image, uint64_t offset)
{
	return profile_location_in(p, image, offset, 0, 0);
}

uint32_t profile_node_at(struct profile *p, uint32_t parent, uint32_t frame, uint32_t location)
{
	struct profile_node n = {parent, frame, location};

	return FIND_OR_ADD(p, nodes, node_table, hash_mix(hash_mix(hash_mix(1, parent), frame), location), same_node, &n);
}

uint32_t profile_node(struct profile *p, uint32_t parent, uint32_t frame)
{
	return profile_node_at(p, parent, frame, 0);
}

uint32_t profile_process(struct profile *p, int32_t pid, uint64_t identity, const char *comm)
{
	struct profile_process key = {.pid = pid, .identity = identity, .comm = strings_add(p->strings, comm)};
	uint32_t id = FIND_OR_ADD(p, processes, process_table, hash_mix(hash_mix(2, (uint32_t)pid), identity),
				  same_process, &key);

	p->processes.v[id].comm = key.comm;
	return id;
}

uint32_t profile_thread(struct profile *p, uint32_t process, int32_t tid, const char *comm)
{
	struct profile_thread t = {process, tid, strings_add(p->strings, comm)};

	return FIND_OR_ADD(p, threads, thread_table, hash_mix(hash_mix(hash_mix(3, process), (uint32_t)tid), t.comm),
			   same_thread, &t);
}

void profile_add(struct profile *p, uint32_t thread, uint32_t node, uint64_t count)
{
	struct profile_sample s = {thread, node, 0};
	uint32_t id = FIND_OR_ADD(p, samples, sample_table, hash_mix(hash_mix(4, thread), node), same_sample, &s);

	p->samples.v[id].count += count;
}

void profile_move_samples(struct profile *p, const uint32_t *to)
{
	__typeof__(p->samples) old = p->samples;

	p->samples.v = NULL;
	p->samples.n = p->samples.cap = 0;
	table_free(&p->sample_table);
	for (size_t i = 0; i < old.n; i++)
		profile_add(p, old.v[i].thread, to[old.v[i].node], old.v[i].count);
	vec_free(&old);
}

void profile_clear(struct profile *p)
{
	p->samples.n = 0;
	table_free(&p->sample_table);
	p->accounting = (struct accounting){0};
}

/* Samples of a frame in one line. */
struct line_samples {
	uint32_t frame, location;
	uint64_t samples;
};

static int by_frame_and_line(const void *x, const void *y, void *profile)
{
	const struct profile *p = profile;
	const struct line_samples *a = x, *b = y;
	const struct profile_location *l = &p->locations.v[a->location], *m = &p->locations.v[b->location];

	if (a->frame != b->frame)
		return a->frame < b->frame ? -1 : 1;
	if (l->file != m->file)
		return l->file < m->file ? -1 : 1;
	return l->line < m->line ? -1 : l->line > m->line;
}

uint64_t *profile_process_totals(const struct profile *p)
{
	uint64_t *totals = xcalloc(p->processes.n + 1, sizeof(*totals));

	for (size_t i = 0; i < p->samples.n; i++)
		totals[p->threads.v[p->samples.v[i].thread].process] += p->samples.v[i].count;
	return totals;
}

uint64_t *profile_node_totals(const struct profile *p)
{
	uint64_t *totals = xcalloc(p->nodes.n, sizeof(*totals));

	for (size_t i = 0; i < p->samples.n; i++)
		totals[p->samples.v[i].node] += p->samples.v[i].count;
	/* Parents come before their children. */
	for (size_t i = p->nodes.n; --i;)
		totals[p->nodes.v[i].parent] += totals[i];
	return totals;
}

uint32_t *profile_frame_locations(const struct profile *p)
{
	uint32_t *locations = xcalloc(p->frames.n + 1, sizeof(*locations));
	auto_free uint64_t *most = xcalloc(p->frames.n + 1, sizeof(*most));
	auto_free uint64_t *totals = profile_node_totals(p);
	VEC(struct line_samples) lines = {0};
	uint64_t samples = 0;

	for (size_t i = 1; i < p->nodes.n; i++)
		if (p->locations.v[p->nodes.v[i].location].line)
			*vec_push(&lines) = (struct line_samples){p->nodes.v[i].frame, p->nodes.v[i].location, totals[i]};
	if (lines.n)
		qsort_r(lines.v, lines.n, sizeof(*lines.v), by_frame_and_line, (void *)p);
	for (size_t i = 0; i < lines.n; i++) {
		const struct line_samples *l = &lines.v[i];

		samples = i && !by_frame_and_line(l - 1, l, (void *)p) ? samples + l->samples : l->samples;
		if (locations[l->frame] && samples <= most[l->frame])
			continue;
		locations[l->frame] = l->location;
		most[l->frame] = samples;
	}
	vec_free(&lines);
	return locations;
}

uint64_t profile_total(const struct profile *p)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < p->samples.n; i++)
		sum += p->samples.v[i].count;
	return sum;
}

size_t profile_bytes(const struct profile *p)
{
	const struct table *const tables[] = {&p->frame_table,   &p->image_table,  &p->location_table, &p->node_table,
					      &p->process_table, &p->thread_table, &p->sample_table};
	size_t n = strings_bytes(p->strings);

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		n += table_bytes(tables[i]);
	return n + p->frames.cap * sizeof(*p->frames.v) + p->images.cap * sizeof(*p->images.v) +
	       p->locations.cap * sizeof(*p->locations.v) + p->nodes.cap * sizeof(*p->nodes.v) +
	       p->processes.cap * sizeof(*p->processes.v) + p->threads.cap * sizeof(*p->threads.v) +
	       p->samples.cap * sizeof(*p->samples.v);
}

const char *profile_label_name(enum profile_label label)
{
	static const char *const names[] = {
#define X(id, name, text) name,
		PROFILE_LABELS(X)
#undef X
	};

	return names[label];
}
