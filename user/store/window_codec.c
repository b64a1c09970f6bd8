// SPDX-License-Identifier: Apache-2.0
#include "store/window_codec.h"

#include "base/text.h"
#include "profile/remap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>

#define VERSION_1 1
#define IS_DICTIONARY 1
#define MAX_RAW (128u << 20) /* of one block: far above what a machine samples in an hour, far below what hurts */
#define LEVEL 9
#define MAX_GROWTH (4u << 20) /* bytes of what an encoder has met since its dictionary was made, above twice the dictionary */

/* The kinds of elements, in their order in a block. */
enum { STRINGS, IMAGES, LOCATIONS, FRAMES, NODES, PROCESSES, THREADS, KINDS };

/* What is there before the first element of a block without dictionary: string "", image, location and node 0. */
static const uint32_t nothing[KINDS] = {[STRINGS] = 1, [IMAGES] = 1, [LOCATIONS] = 1, [NODES] = 1};

/* The elements of a dictionary, or of a dictionary and a window, by id. Bare arrays: nothing is interned. */
struct elements {
	struct profile bare; /* only its arrays */
	VEC(const char *) texts;
	char *text, *address_text; /* the bytes of the strings of this block */
};

struct dictionary {
	struct elements e;
};

static void counts_of(const struct elements *e, uint32_t n[KINDS])
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

/* Reading. Nothing is trusted: after the first wrong byte every read gives 0 and `bad` is set. */

struct reader {
	const unsigned char *p, *end;
	bool bad;
};

static uint64_t read_varint(struct reader *r)
{
	uint64_t v = 0;

	for (int shift = 0; shift < 64 && r->p < r->end; shift += 7) {
		unsigned char b = *r->p++;

		if (shift == 63 && b > 1)
			break;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80)
			return v;
	}
	r->bad = true;
	r->p = r->end;
	return 0;
}

static uint64_t unzigzag(uint64_t v)
{
	return (v >> 1) ^ -(v & 1);
}

/* The difference to the number before. Arithmetic is modulo 2^64. */
static uint64_t read_next(struct reader *r, uint64_t before)
{
	return before + unzigzag(read_varint(r));
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

/* Makes room for n more, all zero, and returns the first. */
#define GROW(vec, more)                                                                                                \
	({                                                                                                             \
		size_t more_ = (more);                                                                                 \
		vec_reserve((vec), more_ + 1);                                                                         \
		memset((vec)->v + (vec)->n, 0, more_ * sizeof(*(vec)->v));                                             \
		(vec)->n += more_;                                                                                     \
		(vec)->v + (vec)->n - more_;                                                                           \
	})

/* `addresses` of them get their texts later, when locations are known: read_addresses(). */
static void read_strings(struct reader *r, struct elements *e, size_t *ret_addresses)
{
	size_t n = read_count(r, e->texts.n), addresses = read_count(r, e->texts.n + n);
	auto_free size_t *lengths = xcalloc(n + 1, sizeof(*lengths));
	const char **texts = GROW(&e->texts, n + addresses);
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
	struct profile_image *v = GROW(&e->bare.images, n);

	for (size_t i = 0; i < n; i++)
		v[i].path = read_below(r, e->texts.n);
	for (size_t i = 0; i < n; i++)
		v[i].build_id = read_below(r, e->texts.n);
}

static void read_locations(struct reader *r, struct elements *e)
{
	size_t n = read_count(r, e->bare.locations.n);
	struct profile_location *v = GROW(&e->bare.locations, n);

	for (size_t i = 0; i < n; i++)
		v[i].image = read_below(r, e->bare.images.n);
	for (size_t i = 0; i < n; i++)
		v[i].offset = read_next(r, i ? v[i - 1].offset : 0);
}

static void read_frames(struct reader *r, struct elements *e)
{
	size_t n = read_count(r, e->bare.frames.n);
	struct profile_frame *v = GROW(&e->bare.frames, n);

	for (size_t i = 0; i < n; i++) {
		v[i].name = read_next_below(r, i ? v[i - 1].name : 0, e->texts.n);
		r->bad |= !v[i].name;
	}
	for (size_t i = 0; i < n; i++)
		v[i].binary = read_below(r, e->texts.n);
	for (size_t i = 0; i < n; i++)
		v[i].kind = read_below(r, FRAME_NOTE + 1);
}

static void read_nodes(struct reader *r, struct elements *e)
{
	size_t n = read_count(r, e->bare.nodes.n);
	uint32_t id = e->bare.nodes.n;
	struct profile_node *v = GROW(&e->bare.nodes, n);

	for (size_t i = 0; i < n; i++) {
		uint32_t up = read_below(r, id + i + 1);

		r->bad |= !up;
		v[i].parent = id + i - up;
	}
	for (size_t i = 0; i < n; i++)
		v[i].frame = read_next_below(r, i ? v[i - 1].frame : 0, e->bare.frames.n);
	for (size_t i = 0; i < n; i++)
		v[i].location = read_next_below(r, i ? v[i - 1].location : 0, e->bare.locations.n);
}

static void read_processes(struct reader *r, struct elements *e)
{
	size_t n = read_count(r, e->bare.processes.n);
	struct profile_process *v = GROW(&e->bare.processes, n);

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
	struct profile_thread *v = GROW(&e->bare.threads, n);

	for (size_t i = 0; i < n; i++)
		v[i].process = read_below(r, e->bare.processes.n);
	for (size_t i = 0; i < n && !r->bad; i++)
		v[i].tid = read_id_number(r, e->bare.processes.v[v[i].process].pid);
	for (size_t i = 0; i < n; i++)
		v[i].comm = read_below(r, e->texts.n);
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
	struct profile_sample *v = GROW(&e->bare.samples, n);

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
		counts_of(known, have);
	if (!ret) {
		r = (struct reader){(const unsigned char *)raw.v, (const unsigned char *)raw.v + raw.n, false};
		r.bad = read_varint(&r) != VERSION_1 || read_varint(&r) != (p ? 0 : IS_DICTIONARY);
		for (int i = 0; i < KINDS; i++)
			r.bad |= read_varint(&r) != have[i];
		read_strings(&r, e, &addresses);
		read_images(&r, e);
		read_locations(&r, e);
		read_addresses(&r, e, addresses);
		read_frames(&r, e);
		read_nodes(&r, e);
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

static bool is_empty(const struct dictionary *d)
{
	return !d || (d->e.texts.n == 1 && d->e.bare.nodes.n == 1 && !d->e.bare.processes.n);
}

int window_decode(const void *bytes, size_t n, const struct dictionary *d, struct profile **ret)
{
	struct profile *p = profile_new();
	struct elements e;
	struct remap m;

	if (read_block(bytes, n, is_empty(d) ? NULL : &d->e, &e, p)) {
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

/* Writing. */

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

/* Which elements a block has, and their numbers in it. */
struct selection {
	const struct window_encoder *e;
	uint32_t *id[KINDS]; /* by id in e->known; 0 or 1 (wanted) until numbered */
	uint32_t first[KINDS];
	uint32_t addresses; /* of the new strings: the last ones */
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

static void known_counts(const struct window_encoder *e, uint32_t n[KINDS])
{
	const struct profile *k = e->known;

	n[STRINGS] = strings_count(k->strings);
	n[IMAGES] = k->images.n;
	n[LOCATIONS] = k->locations.n;
	n[FRAMES] = k->frames.n;
	n[NODES] = k->nodes.n;
	n[PROCESSES] = k->processes.n;
	n[THREADS] = k->threads.n;
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
	for (uint32_t i = 1; i < d->bare.locations.n; i++)
		ok &= profile_location(k, d->bare.locations.v[i].image, d->bare.locations.v[i].offset) == i;
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
	if (!is_empty(d))
		counts_of(&d->e, e->from_dictionary);
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

static void put_varint(struct buf *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_putc(out, (char)(v | 0x80));
	buf_putc(out, (char)v);
}

/* The difference to the number before, zigzag coded. */
static void put_next(struct buf *out, uint64_t v, uint64_t before)
{
	uint64_t d = v - before;

	put_varint(out, (d << 1) ^ -(d >> 63));
}

/* Is the text "[" prefix "+0x" number "]", exactly as it would be printed? */
static bool split_address(const char *text, size_t *ret_prefix, uint64_t *ret_number)
{
	size_t n = strlen(text), at;
	uint64_t number = 0;

	if (n < sizeof("[+0x0]") - 1 || text[0] != '[' || text[n - 1] != ']')
		return false;
	for (at = n - 2; at > 3 && strchr("0123456789abcdef", text[at]); at--)
		;
	if (n - 2 - at > 16 || n - 2 == at || strncmp(text + at - 2, "+0x", 3) || (text[at + 1] == '0' && at + 2 < n - 1))
		return false;
	for (size_t i = at + 1; i < n - 1; i++)
		number = number << 4 | (text[i] > '9' ? text[i] - 'a' + 10 : text[i] - '0');
	*ret_prefix = at - 3;
	*ret_number = number;
	return true;
}

static bool is_address(const struct strings *pool, uint32_t id)
{
	uint64_t number;
	size_t prefix;

	return split_address(strings_get(pool, id), &prefix, &number);
}

/* The prefix of an address as a string of the pool, which gets it when it is new. */
static uint32_t prefix_of(struct strings *pool, uint32_t id, uint64_t *ret_number)
{
	const char *text = strings_get(pool, id);
	size_t n;

	return split_address(text, &n, ret_number) ? strings_add_n(pool, text + 1, n) : 0;
}

static void want_string(struct selection *s, uint32_t id)
{
	uint64_t number;

	if (s->id[STRINGS][id])
		return;
	s->id[STRINGS][id] = 1;
	s->id[STRINGS][prefix_of(s->e->known->strings, id, &number)] = 1;
}

static void want_location(struct selection *s, uint32_t id)
{
	const struct profile *k = s->e->known;
	uint32_t image = k->locations.v[id].image;

	s->id[LOCATIONS][id] = 1;
	s->id[IMAGES][image] = 1;
	want_string(s, k->images.v[image].path);
	want_string(s, k->images.v[image].build_id);
}

static void want_node(struct selection *s, uint32_t id)
{
	const struct profile *k = s->e->known;

	for (; id && !s->id[NODES][id]; id = k->nodes.v[id].parent) {
		const struct profile_frame *f = &k->frames.v[k->nodes.v[id].frame];

		s->id[NODES][id] = 1;
		s->id[FRAMES][k->nodes.v[id].frame] = 1;
		want_string(s, f->name);
		want_string(s, f->binary);
		want_location(s, k->nodes.v[id].location);
	}
}

static void want_thread(struct selection *s, uint32_t id)
{
	const struct profile_thread *t = &s->e->known->threads.v[id];
	const struct profile_process *p = &s->e->known->processes.v[t->process];

	if (s->id[THREADS][id])
		return;
	s->id[THREADS][id] = s->id[PROCESSES][t->process] = 1;
	want_string(s, t->comm);
	want_string(s, p->comm);
	for (int i = 0; i < LABEL_N; i++)
		want_string(s, p->labels[i]);
}

static void selection_init(struct selection *s, const struct window_encoder *e)
{
	uint32_t n[KINDS];

	known_counts(e, n);
	*s = (struct selection){.e = e};
	for (int i = 0; i < KINDS; i++)
		s->id[i] = xcalloc(n[i] + 1, sizeof(*s->id[i]));
}

static void selection_free(struct selection *s)
{
	for (int i = 0; i < KINDS; i++)
		free(s->id[i]);
}

/* Numbers what is wanted of a kind, from `next` on; what is in the dictionary (or always there) keeps its number. */
static uint32_t number_kind(struct selection *s, int kind, uint32_t n, uint32_t next)
{
	for (uint32_t id = 0; id < n; id++) {
		if (id < s->first[kind])
			s->id[kind][id] = id;
		else
			s->id[kind][id] = s->id[kind][id] ? next++ : UNMAPPED;
	}
	return next;
}

/* Addresses come after all other strings. */
static uint32_t number_strings(struct selection *s, uint32_t n, uint32_t next)
{
	const struct strings *pool = s->e->known->strings;
	auto_free bool *address = xcalloc(n + 1, sizeof(*address));

	for (uint32_t id = s->first[STRINGS]; id < n; id++) {
		address[id] = s->id[STRINGS][id] && is_address(pool, id);
		if (address[id])
			s->id[STRINGS][id] = 0;
		s->addresses += address[id];
	}
	next = number_kind(s, STRINGS, n, next);
	for (uint32_t id = s->first[STRINGS]; id < n; id++)
		if (address[id])
			s->id[STRINGS][id] = next++;
	return next;
}

static void number_elements(struct selection *s, const uint32_t in_dictionary[KINDS], uint32_t ret_new[KINDS])
{
	uint32_t n[KINDS];

	known_counts(s->e, n);
	for (int i = 0; i < KINDS; i++) {
		s->first[i] = in_dictionary[i] > nothing[i] ? in_dictionary[i] : nothing[i];
		ret_new[i] = (i == STRINGS ? number_strings(s, n[i], s->first[i]) : number_kind(s, i, n[i], s->first[i])) - s->first[i];
	}
}

/* One column: `value` of every new element of a kind, with `x` its place in the array. */
#define COLUMN(out, s, kind, array, put)                                                                               \
	for (uint32_t id = (s)->first[kind]; id < (array).n; id++) {                                                   \
		__typeof__((array).v) x = &(array).v[id];                                                              \
		if ((s)->id[kind][id] != UNMAPPED) {                                                                   \
			put;                                                                                           \
		}                                                                                                      \
		(void)x;                                                                                               \
	}

static void put_strings(struct buf *out, const struct selection *s, uint32_t n)
{
	const struct strings *pool = s->e->known->strings;
	uint32_t plain = n - s->addresses, end = s->first[STRINGS] + plain;

	put_varint(out, plain);
	put_varint(out, s->addresses);
	for (int bytes = 0; bytes < 2; bytes++) {
		for (uint32_t id = s->first[STRINGS]; id < strings_count(pool); id++) {
			const char *text = strings_get(pool, id);

			if (s->id[STRINGS][id] >= end) /* an address, or not wanted */
				continue;
			if (bytes)
				buf_puts(out, text);
			else
				put_varint(out, strlen(text));
		}
	}
}

/* For every address the location of a frame that has it as name: the number is near its offset. 0: none. */
static uint32_t *locate_addresses(const struct selection *s)
{
	const struct profile *k = s->e->known;
	uint32_t *locations = xcalloc(strings_count(k->strings), sizeof(*locations));

	for (uint32_t id = s->first[NODES]; id < k->nodes.n; id++)
		if (s->id[NODES][id] != UNMAPPED && !locations[k->frames.v[k->nodes.v[id].frame].name])
			locations[k->frames.v[k->nodes.v[id].frame].name] = k->nodes.v[id].location;
	return locations;
}

static void put_addresses(struct buf *out, const struct selection *s, uint32_t n)
{
	const struct profile *k = s->e->known;
	auto_free uint32_t *locations = locate_addresses(s);
	uint32_t begin = s->first[STRINGS] + n - s->addresses, before = 0;
	uint64_t number, more = 0;

	for (int column = 0; column < 3; column++) {
		for (uint32_t id = s->first[STRINGS]; id < strings_count(k->strings); id++) {
			uint32_t prefix, location = locations[id];

			if (s->id[STRINGS][id] < begin || s->id[STRINGS][id] == UNMAPPED)
				continue;
			prefix = prefix_of(k->strings, id, &number);
			if (column == 0) {
				put_varint(out, s->id[STRINGS][prefix]);
			} else if (column == 1) {
				put_next(out, s->id[LOCATIONS][location], before);
				before = s->id[LOCATIONS][location];
			} else {
				put_next(out, number - k->locations.v[location].offset, more);
				more = number - k->locations.v[location].offset;
			}
		}
	}
}

static void put_files(struct buf *out, const struct selection *s, const uint32_t n[KINDS])
{
	const struct profile *k = s->e->known;
	uint64_t before = 0;

	put_varint(out, n[IMAGES]);
	COLUMN(out, s, IMAGES, k->images, put_varint(out, s->id[STRINGS][x->path]));
	COLUMN(out, s, IMAGES, k->images, put_varint(out, s->id[STRINGS][x->build_id]));
	put_varint(out, n[LOCATIONS]);
	COLUMN(out, s, LOCATIONS, k->locations, put_varint(out, s->id[IMAGES][x->image]));
	COLUMN(out, s, LOCATIONS, k->locations, put_next(out, x->offset, before); before = x->offset);
}

static void put_stacks(struct buf *out, const struct selection *s, const uint32_t n[KINDS])
{
	const struct profile *k = s->e->known;
	uint32_t before = 0;

	put_varint(out, n[FRAMES]);
	COLUMN(out, s, FRAMES, k->frames, put_next(out, s->id[STRINGS][x->name], before); before = s->id[STRINGS][x->name]);
	before = 0;
	COLUMN(out, s, FRAMES, k->frames, put_varint(out, s->id[STRINGS][x->binary]));
	COLUMN(out, s, FRAMES, k->frames, put_varint(out, x->kind));
	put_varint(out, n[NODES]);
	COLUMN(out, s, NODES, k->nodes, put_varint(out, s->id[NODES][id] - s->id[NODES][x->parent]));
	COLUMN(out, s, NODES, k->nodes, put_next(out, s->id[FRAMES][x->frame], before); before = s->id[FRAMES][x->frame]);
	before = 0;
	COLUMN(out, s, NODES, k->nodes, put_next(out, s->id[LOCATIONS][x->location], before);
	       before = s->id[LOCATIONS][x->location]);
}

static void put_processes(struct buf *out, const struct selection *s, const uint32_t n[KINDS])
{
	const struct profile *k = s->e->known;
	uint64_t before = 0;

	put_varint(out, n[PROCESSES]);
	COLUMN(out, s, PROCESSES, k->processes, put_next(out, (int64_t)x->pid, before); before = (int64_t)x->pid);
	before = 0;
	COLUMN(out, s, PROCESSES, k->processes, put_next(out, x->identity, before); before = x->identity);
	COLUMN(out, s, PROCESSES, k->processes, put_varint(out, s->id[STRINGS][x->comm]));
	for (int i = 0; i < LABEL_N; i++)
		COLUMN(out, s, PROCESSES, k->processes, put_varint(out, s->id[STRINGS][x->labels[i]]));
	put_varint(out, n[THREADS]);
	COLUMN(out, s, THREADS, k->threads, put_varint(out, s->id[PROCESSES][x->process]));
	COLUMN(out, s, THREADS, k->threads, put_next(out, (int64_t)x->tid, (int64_t)k->processes.v[x->process].pid));
	COLUMN(out, s, THREADS, k->threads, put_varint(out, s->id[STRINGS][x->comm]));
}

static void put_elements(struct buf *out, struct selection *s, const uint32_t in_dictionary[KINDS], bool is_dictionary)
{
	uint32_t n[KINDS];

	number_elements(s, in_dictionary, n);
	put_varint(out, VERSION_1);
	put_varint(out, is_dictionary ? IS_DICTIONARY : 0);
	for (int i = 0; i < KINDS; i++)
		put_varint(out, in_dictionary[i]);
	put_strings(out, s, n[STRINGS]);
	put_files(out, s, n);
	put_addresses(out, s, n[STRINGS]);
	put_stacks(out, s, n);
	put_processes(out, s, n);
}

static void put_measurement(struct buf *out, const struct selection *s, const struct profile *p)
{
	const struct accounting *a = &p->accounting;
	struct strings *pool = s->e->known->strings;
	unsigned reasons = 0;

	put_varint(out, p->start_ns);
	put_varint(out, p->end_ns);
	put_varint(out, p->period_ns);
	put_varint(out, s->id[STRINGS][strings_add(pool, p->event ? p->event : "")]);
	put_varint(out, s->id[STRINGS][strings_add(pool, p->command ? p->command : "")]);
	put_varint(out, a->expected);
	put_varint(out, a->idle);
	put_varint(out, a->filtered);
	put_varint(out, a->recorded);
	for (int i = 0; i < LOST_N; i++)
		reasons += !!a->lost[i];
	put_varint(out, reasons);
	for (int i = 0; i < LOST_N; i++) {
		if (!a->lost[i])
			continue;
		put_varint(out, s->id[STRINGS][strings_add(pool, lost_reason_name(i))]);
		put_varint(out, a->lost[i]);
	}
}

/* The strings of the measurement are elements like others; added before the selection is made, so that it has room. */
static void learn_measurement(struct window_encoder *e, const struct profile *p)
{
	strings_add(e->known->strings, p->event ? p->event : "");
	strings_add(e->known->strings, p->command ? p->command : "");
	for (int i = 0; i < LOST_N; i++)
		if (p->accounting.lost[i])
			strings_add(e->known->strings, lost_reason_name(i));
}

static void want_measurement(struct selection *s, const struct profile *p)
{
	struct strings *pool = s->e->known->strings;

	want_string(s, strings_add(pool, p->event ? p->event : ""));
	want_string(s, strings_add(pool, p->command ? p->command : ""));
	for (int i = 0; i < LOST_N; i++)
		if (p->accounting.lost[i])
			want_string(s, strings_add(pool, lost_reason_name(i)));
}

struct mapped_sample {
	uint32_t thread, node;
	uint64_t count;
};

typedef VEC(struct mapped_sample) mapped_samples;

static int by_thread_and_node(const void *a, const void *b)
{
	const struct mapped_sample *x = a, *y = b;

	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

/* The samples of `p` with ids of e->known, which gets what it had not got yet. */
static void learn_samples(struct window_encoder *e, const struct profile *p, mapped_samples *ret)
{
	struct remap m;
	uint64_t number;

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
		prefix_of(e->known->strings, e->prefixes_of, &number);
	GROW(&e->node_windows, e->known->nodes.n - e->node_windows.n);
	GROW(&e->thread_windows, e->known->threads.n - e->thread_windows.n);
}

/* Counts the window in: what of it would be in the next dictionary, and what should have been in this one. */
static void count_window(struct window_encoder *e, const struct selection *s)
{
	for (uint32_t i = 1; i < e->known->nodes.n; i++) {
		if (s->id[NODES][i] == UNMAPPED || !s->id[NODES][i])
			continue;
		e->repeated += i >= e->from_dictionary[NODES] && e->node_windows.v[i];
		e->kept += ++e->node_windows.v[i] == 2;
	}
	for (uint32_t i = 0; i < e->known->threads.n; i++)
		if (s->id[THREADS][i] && s->id[THREADS][i] != UNMAPPED)
			e->thread_windows.v[i]++;
}

static void put_samples(struct buf *out, const struct selection *s, mapped_samples *samples)
{
	uint32_t before = 0;

	for (size_t i = 0; i < samples->n; i++) {
		samples->v[i].thread = s->id[THREADS][samples->v[i].thread];
		samples->v[i].node = s->id[NODES][samples->v[i].node];
	}
	if (samples->n)
		qsort(samples->v, samples->n, sizeof(*samples->v), by_thread_and_node);
	put_varint(out, samples->n);
	for (size_t i = 0; i < samples->n; before = samples->v[i++].thread)
		put_next(out, samples->v[i].thread, before);
	before = 0;
	for (size_t i = 0; i < samples->n; before = samples->v[i++].node)
		put_next(out, samples->v[i].node, before);
	for (size_t i = 0; i < samples->n; i++)
		put_varint(out, samples->v[i].count - 1);
}

static int pack(const struct buf *raw, struct buf *out)
{
	size_t bound = ZSTD_compressBound(raw->n), n;
	auto_free char *bytes = xmalloc(bound);
	ZSTD_CCtx *context = ZSTD_createCCtx();

	if (raw->n > MAX_RAW || !context) {
		ZSTD_freeCCtx(context);
		return raw->n > MAX_RAW ? -EFBIG : -ENOMEM;
	}
	ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	n = ZSTD_compress2(context, bytes, bound, raw->v, raw->n);
	ZSTD_freeCCtx(context);
	if (ZSTD_isError(n))
		return -ENOMEM;
	buf_add(out, bytes, n);
	return 0;
}

int window_encode(struct window_encoder *e, const struct profile *p, struct buf *out)
{
	mapped_samples samples = {0};
	struct selection s;
	struct buf raw = {0};
	int ret;

	learn_samples(e, p, &samples);
	learn_measurement(e, p);
	selection_init(&s, e);
	for (size_t i = 0; i < samples.n; i++) {
		want_thread(&s, samples.v[i].thread);
		want_node(&s, samples.v[i].node);
	}
	want_measurement(&s, p);
	count_window(e, &s);
	put_elements(&raw, &s, e->from_dictionary, false);
	put_measurement(&raw, &s, p);
	put_samples(&raw, &s, &samples);
	ret = pack(&raw, out);
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
	selection_init(&s, e);
	for (size_t i = 0; i < samples.n; i++) {
		want_thread(&s, samples.v[i].thread);
		want_node(&s, samples.v[i].node);
	}
	for (uint32_t i = 1; i < e->known->nodes.n; i++)
		if (e->node_windows.v[i] >= 2)
			want_node(&s, i);
	for (uint32_t i = 0; i < e->known->threads.n; i++)
		if (e->thread_windows.v[i] >= 2)
			want_thread(&s, i);
	put_elements(&raw, &s, no_dictionary, true);
	ret = pack(&raw, out);
	selection_free(&s);
	vec_free(&samples);
	buf_free(&raw);
	return ret;
}
