// SPDX-License-Identifier: Apache-2.0
#include "profile/remap.h"

#include <string.h>

static uint32_t *unmapped(size_t n)
{
	uint32_t *v = xcalloc(n + 1, sizeof(*v));

	memset(v, 0xff, n * sizeof(*v));
	return v;
}

void remap_init(struct remap *m, struct profile *into, const struct profile *from, const char *const *texts, size_t n_texts)
{
	*m = (struct remap){.from = from, .into = into, .texts = texts};
	m->strings = unmapped(texts ? n_texts : strings_count(from->strings));
	m->frames = unmapped(from->frames.n);
	m->images = unmapped(from->images.n);
	m->locations = unmapped(from->locations.n);
	m->nodes = unmapped(from->nodes.n);
	m->processes = unmapped(from->processes.n);
	m->threads = unmapped(from->threads.n);
	m->images[0] = m->locations[0] = m->nodes[0] = 0;
}

void remap_free(struct remap *m)
{
	free(m->strings);
	free(m->frames);
	free(m->images);
	free(m->locations);
	free(m->nodes);
	free(m->processes);
	free(m->threads);
	vec_free(&m->path);
	vec_free(&m->functions);
	table_free(&m->function_table);
}

const char *remap_text(const struct remap *m, uint32_t id)
{
	return m->texts ? m->texts[id] : strings_get(m->from->strings, id);
}

uint32_t remap_string(struct remap *m, uint32_t id)
{
	if (m->strings[id] == UNMAPPED)
		m->strings[id] = strings_add(m->into->strings, remap_text(m, id));
	return m->strings[id];
}

static uint32_t remap_frame(struct remap *m, uint32_t id)
{
	const struct profile_frame *f = &m->from->frames.v[id];

	if (m->frames[id] == UNMAPPED)
		m->frames[id] = profile_frame_id(m->into, remap_string(m, f->name), remap_string(m, f->binary), f->kind);
	return m->frames[id];
}

static uint32_t remap_image(struct remap *m, uint32_t id)
{
	const struct profile_image *i = &m->from->images.v[id];

	if (m->images[id] == UNMAPPED)
		m->images[id] = profile_image(m->into, remap_text(m, i->path), remap_text(m, i->build_id));
	return m->images[id];
}

static uint32_t remap_location(struct remap *m, uint32_t id)
{
	const struct profile_location *l = &m->from->locations.v[id];

	/* When places become one, no line is that of all. */
	if (m->locations[id] == UNMAPPED)
		m->locations[id] = profile_location_in(m->into, remap_image(m, l->image), l->offset, remap_string(m, l->file),
						       m->one_location ? 0 : l->line);
	return m->locations[id];
}

static bool same_function(const void *ctx, uint32_t id, const void *key)
{
	const struct remap_function *a = &((const struct remap *)ctx)->functions.v[id], *b = key;

	return a->frame == b->frame && a->image == b->image;
}

/* The location to use for `frame` (of `into`) at a location of `from`. */
static uint32_t location_of(struct remap *m, uint32_t frame, uint32_t id)
{
	uint32_t location = remap_location(m, id), at;
	struct remap_function key = {frame, m->into->locations.v[location].image, location};
	uint64_t hash = hash_mix(hash_mix(8, frame), key.image);

	if (!m->one_location || !location)
		return location;
	at = table_find(&m->function_table, hash, same_function, m, &key);
	if (at != TABLE_NONE)
		return m->functions.v[at].location;
	table_add(&m->function_table, hash, m->functions.n);
	*vec_push(&m->functions) = key;
	return location;
}

/* Only places under the root of the trie are remembered. */
uint32_t remap_node(struct remap *m, uint32_t root, uint32_t id)
{
	uint32_t at = root;

	m->path.n = 0;
	for (; id && (root || m->nodes[id] == UNMAPPED); id = m->from->nodes.v[id].parent)
		*vec_push(&m->path) = id;
	if (!root)
		at = m->nodes[id];
	for (size_t i = m->path.n; i--;) {
		const struct profile_node *n = &m->from->nodes.v[m->path.v[i]];
		uint32_t frame = remap_frame(m, n->frame);

		at = profile_node_at(m->into, at, frame, location_of(m, frame, n->location));
		if (!root)
			m->nodes[m->path.v[i]] = at;
	}
	return at;
}

uint32_t remap_process(struct remap *m, uint32_t id)
{
	const struct profile_process *p = &m->from->processes.v[id];
	uint32_t to;

	if (m->processes[id] != UNMAPPED)
		return m->processes[id];
	to = profile_process(m->into, p->pid, p->identity, remap_text(m, p->comm));
	for (int i = 0; i < LABEL_N; i++)
		if (p->labels[i])
			m->into->processes.v[to].labels[i] = remap_string(m, p->labels[i]);
	return m->processes[id] = to;
}

uint32_t remap_thread(struct remap *m, uint32_t id)
{
	const struct profile_thread *t = &m->from->threads.v[id];

	if (m->threads[id] == UNMAPPED)
		m->threads[id] = profile_thread(m->into, remap_process(m, t->process), t->tid,
						remap_text(m, t->comm));
	return m->threads[id];
}
