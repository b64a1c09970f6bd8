// SPDX-License-Identifier: Apache-2.0
/* Reading windows and dictionaries. Nothing is trusted: after the first wrong byte every read gives 0 and `bad` is set. */
#include "store/window_format.h"

#include "profile/remap.h"
#include "store/varint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>

void elements_counts(const struct elements *e, uint32_t n[KINDS])
{
	n[STRINGS] = e->texts.n;
	n[IMAGES] = e->bare.images.n;
	n[LOCATIONS] = e->bare.locations.n;
	n[FRAMES] = e->bare.frames.n;
	n[NODES] = e->bare.nodes.n;
	n[PROCESSES] = e->bare.processes.n;
	n[THREADS] = e->bare.threads.n;
}

static void elements_free(struct elements *e)
{
	vec_free(&e->bare.images);
	vec_free(&e->bare.locations);
	vec_free(&e->bare.frames);
	vec_free(&e->bare.nodes);
	vec_free(&e->bare.processes);
	vec_free(&e->bare.threads);
	vec_free(&e->bare.samples);
	vec_free(&e->texts);
	free(e->text);
	free(e->address_text);
}

#define COPY(to, from)                                                                                                 \
	do {                                                                                                           \
		vec_reserve((to), (from)->n);                                                                          \
		memcpy((to)->v, (from)->v, (from)->n * sizeof(*(to)->v));                                              \
		(to)->n = (from)->n;                                                                                   \
	} while (0)

/* Starts with what the dictionary has, or with what is always there. */
static void elements_begin(struct elements *e, const struct elements *known)
{
	*e = (struct elements){0};
	if (!known) {
		*vec_push(&e->texts) = "";
		*vec_push(&e->bare.images) = (struct profile_image){0};
		*vec_push(&e->bare.locations) = (struct profile_location){0};
		*vec_push(&e->bare.nodes) = (struct profile_node){0};
		return;
	}
	COPY(&e->texts, &known->texts);
	COPY(&e->bare.images, &known->bare.images);
	COPY(&e->bare.locations, &known->bare.locations);
	COPY(&e->bare.nodes, &known->bare.nodes);
	if (known->bare.frames.n)
		COPY(&e->bare.frames, &known->bare.frames);
	if (known->bare.processes.n)
		COPY(&e->bare.processes, &known->bare.processes);
	if (known->bare.threads.n)
		COPY(&e->bare.threads, &known->bare.threads);
}

/* A number below `limit`. */
static uint32_t read_below(struct reader *r, uint64_t limit)
{
	uint64_t v = read_varint(r);

	if (v < limit)
		return v;
	r->bad = true;
	return 0;
}

/* A difference whose result is below `limit`. */
static uint32_t read_next_below(struct reader *r, uint32_t before, uint64_t limit)
{
	uint64_t v = read_next(r, before);

	if (v < limit)
		return v;
	r->bad = true;
	return 0;
}

/* How many elements follow: each takes a byte at least, so that no count makes us allocate more than a multiple of the block. */
static size_t read_count(struct reader *r, size_t known)
{
	uint64_t n = read_varint(r);

	if (n > (uint64_t)(r->end - r->p) || n + known >= UINT32_MAX)
		r->bad = true;
	return r->bad ? 0 : n;
}

static int32_t read_id_number(struct reader *r, int32_t before)
{
	int64_t v = (int64_t)read_next(r, (uint64_t)(int64_t)before);

	if (v < INT32_MIN || v > INT32_MAX)
		r->bad = true;
	return r->bad ? 0 : v;
}

/* `addresses` of them get their texts later, when locations are known: read_addresses(). */
static void read_strings(struct reader *r, struct elements *e, size_t *ret_addresses)
{
	size_t n = read_count(r, e->texts.n), addresses = read_count(r, e->texts.n + n);
	auto_free size_t *lengths = xcalloc(n + 1, sizeof(*lengths));
	const char **texts = VEC_GROW(&e->texts, n + addresses);
	char *to;

	for (size_t i = 0; i < n; i++)
		lengths[i] = read_below(r, MAX_RAW);
	e->text = to = xmalloc((r->end - r->p) + n + 1);
	for (size_t i = 0; i < n + addresses; i++)
		texts[i] = "";
	for (size_t i = 0; i < n; i++) {
		if (lengths[i] > (size_t)(r->end - r->p) || memchr(r->p, '\0', lengths[i]))
			r->bad = true;
		if (r->bad)
			continue;
		memcpy(to, r->p, lengths[i]);
		to[lengths[i]] = '\0';
		texts[i] = to;
		to += lengths[i] + 1;
		r->p += lengths[i];
	}
	*ret_addresses = addresses;
}

/* The last `n` strings. Their number is bounded by the block, and so is the length of a prefix: all of them are together. */
static void read_addresses(struct reader *r, struct elements *e, size_t n)
{
	auto_free uint32_t *prefixes = xcalloc(n + 1, sizeof(*prefixes)), *locations = xcalloc(n + 1, sizeof(*locations));
	uint64_t more = 0;
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++) {
		prefixes[i] = read_below(r, e->texts.n - n);
		bytes += strlen(e->texts.v[prefixes[i]]) + sizeof("[+0x0123456789abcdef]");
		r->bad |= bytes > MAX_RAW;
	}
	for (size_t i = 0; i < n; i++)
		locations[i] = read_next_below(r, i ? locations[i - 1] : 0, e->bare.locations.n);
	if (r->bad)
		return;
	e->address_text = xmalloc(bytes + 1);
	bytes = 0;
	for (size_t i = 0; i < n; i++) {
		more = read_next(r, more);
		e->texts.v[e->texts.n - n + i] = e->address_text + bytes;
		bytes += 1 + sprintf(e->address_text + bytes, "[%s+0x%" PRIx64 "]", e->texts.v[prefixes[i]],
				     e->bare.locations.v[locations[i]].offset + more);
	}
}

static void read_images(struct reader *r, struct elements *e)
{
	size_t n = read_count(r, e->bare.images.n);
	struct profile_image *v = VEC_GROW(&e->bare.images, n);

	for (size_t i = 0; i < n; i++)
		v[i].path = read_below(r, e->texts.n);
	for (size_t i = 0; i < n; i++)
		v[i].build_id = read_below(r, e->texts.n);
}

static void read_locations(struct reader *r, struct elements *e)
{
	size_t n = read_count(r, e->bare.locations.n);
	struct profile_location *v = VEC_GROW(&e->bare.locations, n);

	for (size_t i = 0; i < n; i++)
		v[i].image = read_below(r, e->bare.images.n);
	for (size_t byte = 0; byte < 8; byte++)
		for (size_t i = 0; i < n; i++)
			v[i].offset = v[i].offset << 8 | read_byte(r);
	for (size_t i = 0; i < n; i++)
		v[i].file = read_next_below(r, i ? v[i - 1].file : 0, e->texts.n);
	for (size_t i = 0; i < n; i++)
		v[i].line = read_next_below(r, i ? v[i - 1].line : 0, 1ull << 32);
}

static void read_frames(struct reader *r, struct elements *e)
{
	size_t n = read_count(r, e->bare.frames.n);
	struct profile_frame *v = VEC_GROW(&e->bare.frames, n);

	for (size_t i = 0; i < n; i++) {
		v[i].name = read_next_below(r, i ? v[i - 1].name : 0, e->texts.n);
		r->bad |= !v[i].name;
	}
	for (size_t i = 0; i < n; i++)
		v[i].binary = read_below(r, e->texts.n);
	for (size_t i = 0; i < n; i++)
		v[i].kind = read_below(r, FRAME_NOTE + 1);
}

/* A node is below the one before or a node above that; or below a node of the dictionary, which come in ascending order. */
static void read_parents(struct reader *r, struct elements *e, uint32_t known)
{
	struct profile_node *v = e->bare.nodes.v;
	uint32_t top = 0, depth = 0;

	for (uint32_t id = known; id < e->bare.nodes.n; id++) {
		uint64_t up = read_varint(r);

		if (up < depth) {
			depth = depth - up + 1;
			for (v[id].parent = id - 1; up; up--)
				v[id].parent = v[v[id].parent].parent;
			continue;
		}
		if (up - depth >= known - top)
			r->bad = true;
		else
			top += up - depth;
		v[id].parent = top;
		depth = 1;
	}
}

static uint32_t read_predicted(struct reader *r, struct predictor *p, uint32_t context, uint32_t limit)
{
	uint32_t number = 0;

	if (!r->bad && !predictor_number(p, context, read_varint(r), limit, &number))
		r->bad = true;
	return number;
}

static uint32_t caller_of(const struct profile *bare, const struct profile_node *n)
{
	return n->parent ? bare->nodes.v[n->parent].frame + 1 : 0;
}

void learn_nodes(const struct profile *bare, uint32_t n, struct predictor *callees, struct predictor *places)
{
	for (uint32_t id = 1; id < n; id++) {
		const struct profile_node *x = &bare->nodes.v[id];

		predictor_learn(callees, caller_of(bare, x), x->frame);
		predictor_learn(places, x->frame, x->location);
	}
}

static void read_nodes(struct reader *r, struct elements *e, const uint32_t known[KINDS])
{
	struct profile *bare = &e->bare;
	uint32_t first = bare->nodes.n;
	struct predictor callees, places;
	size_t n = read_count(r, first);

	VEC_GROW(&bare->nodes, n);
	predictor_init(&callees, bare->frames.n + 1, known[FRAMES]);
	predictor_init(&places, bare->frames.n, known[LOCATIONS] ? known[LOCATIONS] : 1);
	learn_nodes(bare, first, &callees, &places);
	read_parents(r, e, first);
	for (uint32_t id = first; id < bare->nodes.n; id++)
		bare->nodes.v[id].frame = read_predicted(r, &callees, caller_of(bare, &bare->nodes.v[id]), bare->frames.n);
	for (uint32_t id = first; id < bare->nodes.n && !r->bad; id++)
		bare->nodes.v[id].location = read_predicted(r, &places, bare->nodes.v[id].frame, bare->locations.n);
	predictor_free(&callees);
	predictor_free(&places);
}

static void read_processes(struct reader *r, struct elements *e)
{
	size_t n = read_count(r, e->bare.processes.n);
	struct profile_process *v = VEC_GROW(&e->bare.processes, n);

	for (size_t i = 0; i < n; i++)
		v[i].pid = read_id_number(r, i ? v[i - 1].pid : 0);
	for (size_t i = 0; i < n; i++)
		v[i].identity = read_next(r, i ? v[i - 1].identity : 0);
	for (size_t i = 0; i < n; i++)
		v[i].comm = read_below(r, e->texts.n);
	for (int label = 0; label < LABEL_N; label++)
		for (size_t i = 0; i < n; i++)
			v[i].labels[label] = read_below(r, e->texts.n);
}

static void read_threads(struct reader *r, struct elements *e)
{
	size_t n = read_count(r, e->bare.threads.n);
	struct profile_thread *v = VEC_GROW(&e->bare.threads, n);

	for (size_t i = 0; i < n; i++)
		v[i].process = read_next_below(r, i ? v[i - 1].process : 0, e->bare.processes.n);
	for (size_t i = 0; i < n && !r->bad; i++)
		v[i].tid = read_id_number(r, e->bare.processes.v[v[i].process].pid);
	for (size_t i = 0; i < n && !r->bad; i++)
		v[i].comm = read_next_below(r, e->bare.processes.v[v[i].process].comm, e->texts.n);
}

/* A reason that this version does not know is still a loss. */
static enum lost_reason reason_of(const char *name)
{
	for (int i = 0; i < LOST_N; i++)
		if (!strcmp(lost_reason_name(i), name))
			return i;
	return LOST_UNREADABLE;
}

static void read_measurement(struct reader *r, const struct elements *e, struct profile *p)
{
	struct accounting *a = &p->accounting;
	uint32_t event, command;
	size_t reasons;

	p->start_ns = read_varint(r);
	p->end_ns = read_varint(r);
	p->period_ns = read_varint(r);
	event = read_below(r, e->texts.n);
	command = read_below(r, e->texts.n);
	p->event = event ? xstrdup(e->texts.v[event]) : NULL;
	p->command = command ? xstrdup(e->texts.v[command]) : NULL;
	a->expected = read_varint(r);
	a->idle = read_varint(r);
	a->filtered = read_varint(r);
	a->recorded = read_varint(r);
	reasons = read_count(r, 0);
	for (size_t i = 0; i < reasons; i++) {
		uint32_t name = read_below(r, e->texts.n);
		uint64_t lost = read_varint(r);

		if (!r->bad)
			a->lost[reason_of(e->texts.v[name])] += lost;
	}
}

static void read_samples(struct reader *r, struct elements *e)
{
	size_t n = read_count(r, 0);
	struct profile_sample *v = VEC_GROW(&e->bare.samples, n);

	for (size_t i = 0; i < n; i++)
		v[i].thread = read_next_below(r, i ? v[i - 1].thread : 0, e->bare.threads.n);
	for (size_t i = 0; i < n; i++)
		v[i].node = read_next_below(r, i ? v[i - 1].node : 0, e->bare.nodes.n);
	for (size_t i = 0; i < n; i++)
		v[i].count = read_varint(r) + 1;
}

/* The block's raw bytes in `raw`, or -EBADMSG. */
static int unpack(const void *bytes, size_t n, struct buf *raw)
{
	unsigned long long size = ZSTD_getFrameContentSize(bytes, n);

	if (size > MAX_RAW || !size) /* also the two error values, which are the largest numbers */
		return -EBADMSG;
	raw->v = xmalloc(size);
	raw->cap = size;
	raw->n = ZSTD_decompress(raw->v, size, bytes, n);
	return ZSTD_isError(raw->n) || raw->n != size ? -EBADMSG : 0;
}

/* `p` gets the measurement and is NULL for a dictionary. */
static int read_block(const void *bytes, size_t n, const struct elements *known, struct elements *e, struct profile *p)
{
	uint32_t have[KINDS] = {0};
	struct buf raw = {0};
	struct reader r;
	size_t addresses;
	int ret = unpack(bytes, n, &raw);

	elements_begin(e, known);
	if (known)
		elements_counts(known, have);
	if (!ret) {
		r = (struct reader){(const unsigned char *)raw.v, (const unsigned char *)raw.v + raw.n, false};
		r.bad = read_varint(&r) != WINDOW_VERSION || read_varint(&r) != (p ? 0 : IS_DICTIONARY);
		for (int i = 0; i < KINDS; i++)
			r.bad |= read_varint(&r) != have[i];
		read_strings(&r, e, &addresses);
		read_images(&r, e);
		read_locations(&r, e);
		read_addresses(&r, e, addresses);
		read_frames(&r, e);
		read_nodes(&r, e, have);
		read_processes(&r, e);
		read_threads(&r, e);
		if (p) {
			read_measurement(&r, e, p);
			read_samples(&r, e);
		}
		ret = r.bad || r.p != r.end ? -EBADMSG : 0;
	}
	free(raw.v);
	return ret;
}

struct dictionary *dictionary_new(const void *bytes, size_t n)
{
	struct dictionary *d = xcalloc(1, sizeof(*d));

	if (!n) {
		elements_begin(&d->e, NULL);
		return d;
	}
	if (!read_block(bytes, n, NULL, &d->e, NULL))
		return d;
	dictionary_free(d);
	return NULL;
}

void dictionary_free(struct dictionary *d)
{
	if (!d)
		return;
	elements_free(&d->e);
	free(d);
}

bool dictionary_is_empty(const struct dictionary *d)
{
	return !d || (d->e.texts.n == 1 && d->e.bare.nodes.n == 1 && !d->e.bare.processes.n);
}

int window_decode(const void *bytes, size_t n, const struct dictionary *d, struct profile **ret)
{
	struct profile *p = profile_new();
	struct elements e;
	struct remap m;

	if (read_block(bytes, n, dictionary_is_empty(d) ? NULL : &d->e, &e, p)) {
		elements_free(&e);
		profile_free(p);
		return -EBADMSG;
	}
	remap_init(&m, p, &e.bare, e.texts.v, e.texts.n);
	for (size_t i = 0; i < e.bare.samples.n; i++) {
		const struct profile_sample *s = &e.bare.samples.v[i];

		profile_add(p, remap_thread(&m, s->thread), remap_node(&m, 0, s->node), s->count);
	}
	remap_free(&m);
	elements_free(&e);
	*ret = p;
	return 0;
}
