// SPDX-License-Identifier: Apache-2.0
/* What an encoder has met, and when that should be a new dictionary. */
#include "store/window_write.h"

#include "profile/remap.h"

#include <string.h>

#define MAX_GROWTH (4u << 20) /* bytes of what an encoder has met since its dictionary was made, above twice the dictionary */

struct window_encoder {
	struct profile *known; /* the dictionary's elements first, with its ids, then everything met since */
	uint32_t from_dictionary[KINDS];
	/* A process is what it is known by: pid, identity, comm and labels (string ids of `known`), as array known->processes. */
	struct table process_table;
	VEC(uint32_t) node_windows, thread_windows; /* that reached it since the dictionary was made */
	uint32_t prefixes_of; /* strings whose prefixes are in the pool: see split_address() */
	size_t bytes_at_first; /* of the dictionary */
	uint64_t repeated; /* elements written into a window although an earlier window had them too: what a dictionary saves */
	uint64_t kept;     /* elements that the next dictionary would have: what it costs */
};

static bool same_process(const void *ctx, uint32_t id, const void *key)
{
	const struct profile_process *a = &((const struct profile *)ctx)->processes.v[id], *b = key;

	return a->pid == b->pid && a->identity == b->identity && a->comm == b->comm &&
	       !memcmp(a->labels, b->labels, sizeof(a->labels));
}

static uint32_t known_process(struct window_encoder *e, const struct profile_process *p)
{
	uint64_t hash = hash_mix(hash_mix(hash_mix(7, (uint32_t)p->pid), p->identity), p->comm);
	uint32_t id = table_find(&e->process_table, hash, same_process, e->known, p);

	if (id != TABLE_NONE)
		return id;
	id = e->known->processes.n;
	*vec_push(&e->known->processes) = *p;
	table_add(&e->process_table, hash, id);
	return id;
}

/* All elements of a dictionary get the ids they have there; false when it has something twice, which ours never have. */
static bool learn_dictionary(struct window_encoder *e, const struct elements *d)
{
	struct profile *k = e->known;
	bool ok = true;

	for (uint32_t i = 0; i < d->texts.n; i++)
		ok &= strings_add(k->strings, d->texts.v[i]) == i;
	for (uint32_t i = 1; i < d->bare.images.n; i++)
		ok &= profile_image(k, d->texts.v[d->bare.images.v[i].path], d->texts.v[d->bare.images.v[i].build_id]) == i;
	for (uint32_t i = 1; i < d->bare.locations.n; i++) {
		const struct profile_location *l = &d->bare.locations.v[i];

		ok &= profile_location_in(k, l->image, l->offset, l->file, l->line) == i;
	}
	for (uint32_t i = 0; i < d->bare.frames.n; i++)
		ok &= profile_frame_id(k, d->bare.frames.v[i].name, d->bare.frames.v[i].binary, d->bare.frames.v[i].kind) == i;
	for (uint32_t i = 1; i < d->bare.nodes.n; i++)
		ok &= profile_node_at(k, d->bare.nodes.v[i].parent, d->bare.nodes.v[i].frame, d->bare.nodes.v[i].location) == i;
	for (uint32_t i = 0; i < d->bare.processes.n; i++)
		ok &= known_process(e, &d->bare.processes.v[i]) == i;
	for (uint32_t i = 0; i < d->bare.threads.n; i++) {
		const struct profile_thread *t = &d->bare.threads.v[i];

		ok &= profile_thread(k, t->process, t->tid, d->texts.v[t->comm]) == i;
	}
	return ok;
}

struct window_encoder *window_encoder_new(const struct dictionary *d)
{
	struct window_encoder *e = xcalloc(1, sizeof(*e));

	e->known = profile_new();
	if (!learn_dictionary(e, &d->e)) {
		window_encoder_free(e);
		return NULL;
	}
	if (!dictionary_is_empty(d))
		elements_counts(&d->e, e->from_dictionary);
	e->bytes_at_first = window_encoder_bytes(e);
	return e;
}

void window_encoder_free(struct window_encoder *e)
{
	if (!e)
		return;
	profile_free(e->known);
	table_free(&e->process_table);
	vec_free(&e->node_windows);
	vec_free(&e->thread_windows);
	free(e);
}

size_t window_encoder_bytes(const struct window_encoder *e)
{
	return profile_bytes(e->known) + table_bytes(&e->process_table) +
	       (e->node_windows.cap + e->thread_windows.cap) * sizeof(uint32_t);
}

/* The samples of `p` with ids of e->known, which gets what it had not got yet. */
static void learn_samples(struct window_encoder *e, const struct profile *p, mapped_samples *ret)
{
	struct remap m;

	remap_init(&m, e->known, p, NULL, 0);
	for (size_t i = 0; i < p->samples.n; i++) {
		const struct profile_sample *s = &p->samples.v[i];
		uint32_t process = p->threads.v[s->thread].process;

		if (!s->count)
			continue;
		if (m.processes[process] == UNMAPPED) {
			struct profile_process key = p->processes.v[process];

			key.comm = remap_string(&m, key.comm);
			for (int label = 0; label < LABEL_N; label++)
				key.labels[label] = remap_string(&m, key.labels[label]);
			m.processes[process] = known_process(e, &key);
		}
		*vec_push(ret) = (struct mapped_sample){remap_thread(&m, s->thread), remap_node(&m, 0, s->node), s->count};
	}
	remap_free(&m);
	for (; e->prefixes_of < strings_count(e->known->strings); e->prefixes_of++)
		know_prefix(e->known, e->prefixes_of);
	VEC_GROW(&e->node_windows, e->known->nodes.n - e->node_windows.n);
	VEC_GROW(&e->thread_windows, e->known->threads.n - e->thread_windows.n);
}

/* Counts the window in: what of it would be in the next dictionary, and what should have been in this one. */
static void count_window(struct window_encoder *e, const struct selection *s)
{
	for (uint32_t i = 1; i < e->known->nodes.n; i++) {
		if (!s->nodes[i])
			continue;
		e->repeated += i >= e->from_dictionary[NODES] && e->node_windows.v[i];
		e->kept += ++e->node_windows.v[i] == 2;
	}
	for (uint32_t i = 0; i < e->known->threads.n; i++)
		e->thread_windows.v[i] += s->threads[i];
}

int window_encode(struct window_encoder *e, const struct profile *p, struct buf *out)
{
	mapped_samples samples = {0};
	struct selection s;
	struct buf raw = {0};
	int ret;

	learn_samples(e, p, &samples);
	know_measurement(e->known, p);
	selection_init(&s, e->known, e->from_dictionary);
	for (size_t i = 0; i < samples.n; i++) {
		selection_reach_thread(&s, samples.v[i].thread);
		selection_reach_node(&s, samples.v[i].node);
	}
	selection_number(&s, p);
	count_window(e, &s);
	put_elements(&raw, &s, e->from_dictionary, false);
	put_measurement(&raw, &s, p);
	put_samples(&raw, &s, &samples);
	ret = window_pack(&raw, out);
	selection_free(&s);
	vec_free(&samples);
	buf_free(&raw);
	return ret;
}

bool window_encoder_wants_dictionary(const struct window_encoder *e)
{
	return window_encoder_bytes(e) > 2 * e->bytes_at_first + MAX_GROWTH || (e->repeated > 500 && e->repeated > e->kept);
}

int window_encoder_dictionary(struct window_encoder *e, const struct profile *p, struct buf *out)
{
	static const uint32_t no_dictionary[KINDS];
	mapped_samples samples = {0};
	struct selection s;
	struct buf raw = {0};
	int ret;

	learn_samples(e, p, &samples);
	selection_init(&s, e->known, no_dictionary);
	for (size_t i = 0; i < samples.n; i++) {
		selection_reach_thread(&s, samples.v[i].thread);
		selection_reach_node(&s, samples.v[i].node);
	}
	for (uint32_t i = 1; i < e->known->nodes.n; i++)
		if (e->node_windows.v[i] >= 2)
			selection_reach_node(&s, i);
	for (uint32_t i = 0; i < e->known->threads.n; i++)
		if (e->thread_windows.v[i] >= 2)
			selection_reach_thread(&s, i);
	selection_number(&s, NULL);
	put_elements(&raw, &s, no_dictionary, true);
	ret = window_pack(&raw, out);
	selection_free(&s);
	vec_free(&samples);
	buf_free(&raw);
	return ret;
}

struct window_encoder *window_encoder_renew(struct window_encoder *e, const struct profile *p, struct buf *out)
{
	struct dictionary *d = NULL;
	size_t begin = out->n;
	int ret;

	if (!e) {
		d = dictionary_new(NULL, 0);
		e = window_encoder_new(d);
		dictionary_free(d);
	}
	ret = window_encoder_dictionary(e, p, out);
	window_encoder_free(e);
	d = ret ? NULL : dictionary_new(out->v + begin, out->n - begin);
	e = d ? window_encoder_new(d) : NULL;
	dictionary_free(d);
	return e;
}
