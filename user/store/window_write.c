// SPDX-License-Identifier: Apache-2.0
#include "store/window_write.h"

#include "profile/remap.h"
#include "store/varint.h"

#include <errno.h>
#include <string.h>
#include <zstd.h>

#define LEVEL 9

/* What is there before the first element of a block without dictionary: string "", image, location and node 0. */
static const uint32_t nothing[KINDS] = {[STRINGS] = 1, [IMAGES] = 1, [LOCATIONS] = 1, [NODES] = 1};

static void known_counts(const struct profile *k, uint32_t n[KINDS])
{
	n[STRINGS] = strings_count(k->strings);
	n[IMAGES] = k->images.n;
	n[LOCATIONS] = k->locations.n;
	n[FRAMES] = k->frames.n;
	n[NODES] = k->nodes.n;
	n[PROCESSES] = k->processes.n;
	n[THREADS] = k->threads.n;
}

/* Is the text "[" prefix "+0x" number "]", exactly as it would be printed? A prefix that might be such a text itself is refused. */
static bool split_address(const char *text, size_t *ret_prefix, uint64_t *ret_number)
{
	size_t n = strlen(text), at;
	uint64_t number = 0;

	if (n < sizeof("[+0x0]") - 1 || text[0] != '[' || text[1] == '[' || text[n - 1] != ']')
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

void know_prefix(struct profile *known, uint32_t string)
{
	uint64_t number;

	prefix_of(known->strings, string, &number);
}

void selection_init(struct selection *s, struct profile *known, const uint32_t in_dictionary[KINDS])
{
	uint32_t n[KINDS];

	known_counts(known, n);
	*s = (struct selection){.known = known};
	for (int i = 0; i < KINDS; i++) {
		s->first[i] = in_dictionary[i] > nothing[i] ? in_dictionary[i] : nothing[i];
		s->number[i] = xcalloc(n[i] + 1, sizeof(*s->number[i]));
		for (uint32_t id = 0; id < n[i]; id++)
			s->number[i][id] = id < s->first[i] ? id : UNMAPPED;
	}
	s->nodes = xcalloc(n[NODES] + 1, sizeof(*s->nodes));
	s->threads = xcalloc(n[THREADS] + 1, sizeof(*s->threads));
}

void selection_free(struct selection *s)
{
	for (int i = 0; i < KINDS; i++) {
		free(s->number[i]);
		vec_free(&s->order[i]);
	}
	vec_free(&s->addresses);
	free(s->nodes);
	free(s->threads);
}

void selection_reach_node(struct selection *s, uint32_t id)
{
	for (; id && !s->nodes[id]; id = s->known->nodes.v[id].parent)
		s->nodes[id] = true;
}

void selection_reach_thread(struct selection *s, uint32_t id)
{
	s->threads[id] = true;
}

/* The next number for an element; false when it has one. */
static bool take(struct selection *s, int kind, uint32_t id)
{
	if (s->number[kind][id] != UNMAPPED)
		return false;
	s->number[kind][id] = s->first[kind] + s->order[kind].n;
	*vec_push(&s->order[kind]) = id;
	return true;
}

/* An address gets its number when all other strings have theirs. */
static void take_string(struct selection *s, uint32_t id)
{
	const struct strings *pool = s->known->strings;

	if (s->number[STRINGS][id] != UNMAPPED)
		return;
	if (!is_address(pool, id)) {
		take(s, STRINGS, id);
		return;
	}
	s->number[STRINGS][id] = 0;
	*vec_push(&s->addresses) = id;
	take_string(s, prefix_of(s->known->strings, id, &(uint64_t){0}));
}

static void take_location(struct selection *s, uint32_t id)
{
	const struct profile_location *l = &s->known->locations.v[id];

	if (!take(s, LOCATIONS, id))
		return;
	take_string(s, l->file);
	if (take(s, IMAGES, l->image)) {
		take_string(s, s->known->images.v[l->image].path);
		take_string(s, s->known->images.v[l->image].build_id);
	}
}

static void take_node(struct selection *s, uint32_t id)
{
	const struct profile_node *n = &s->known->nodes.v[id];
	const struct profile_frame *f = &s->known->frames.v[n->frame];

	take(s, NODES, id);
	if (take(s, FRAMES, n->frame)) {
		take_string(s, f->name);
		take_string(s, f->binary);
	}
	take_location(s, n->location);
}

/* New nodes by the node of the dictionary that they are below, each before its children: neighbours are near in the tree. */
static void take_nodes(struct selection *s)
{
	const struct profile *k = s->known;
	auto_free uint32_t *child = xcalloc(k->nodes.n, sizeof(*child)), *sibling = xcalloc(k->nodes.n, sizeof(*sibling));

	for (uint32_t id = k->nodes.n; id-- > s->first[NODES];) {
		uint32_t parent = k->nodes.v[id].parent;

		if (!s->nodes[id])
			continue;
		sibling[id] = child[parent];
		child[parent] = id;
	}
	for (uint32_t top = 0; top < s->first[NODES]; top++) {
		for (uint32_t id = child[top]; id && id != top;) {
			take_node(s, id);
			if (child[id]) {
				id = child[id];
				continue;
			}
			while (id != top && !sibling[id])
				id = k->nodes.v[id].parent;
			id = id == top ? top : sibling[id];
		}
	}
}

static void take_thread(struct selection *s, uint32_t id)
{
	const struct profile_thread *t = &s->known->threads.v[id];
	const struct profile_process *p = &s->known->processes.v[t->process];

	if (!take(s, THREADS, id))
		return;
	take_string(s, t->comm);
	if (!take(s, PROCESSES, t->process))
		return;
	take_string(s, p->comm);
	for (int i = 0; i < LABEL_N; i++)
		take_string(s, p->labels[i]);
}

/* The strings of the measurement are elements like others. */
void know_measurement(struct profile *known, const struct profile *p)
{
	strings_add(known->strings, p->event ? p->event : "");
	strings_add(known->strings, p->command ? p->command : "");
	for (int i = 0; i < LOST_N; i++)
		if (p->accounting.lost[i])
			strings_add(known->strings, lost_reason_name(i));
}

static void take_measurement(struct selection *s, const struct profile *p)
{
	struct strings *pool = s->known->strings;

	take_string(s, strings_add(pool, p->event ? p->event : ""));
	take_string(s, strings_add(pool, p->command ? p->command : ""));
	for (int i = 0; i < LOST_N; i++)
		if (p->accounting.lost[i])
			take_string(s, strings_add(pool, lost_reason_name(i)));
}

void selection_number(struct selection *s, const struct profile *measured)
{
	take_nodes(s);
	for (uint32_t id = 0; id < s->known->threads.n; id++)
		if (s->threads[id])
			take_thread(s, id);
	if (measured)
		take_measurement(s, measured);
	for (size_t i = 0; i < s->addresses.n; i++)
		s->number[STRINGS][s->addresses.v[i]] = s->first[STRINGS] + s->order[STRINGS].n + i;
}

/* One column: `value` of every new element of a kind, with `x` its place in the array. */
#define COLUMN(out, s, kind, array, put)                                                                               \
	for (size_t i = 0; i < (s)->order[kind].n; i++) {                                                              \
		const __typeof__((array).v[0]) *x = &(array).v[(s)->order[kind].v[i]];                                 \
		put;                                                                                                   \
	}

static void put_strings(struct buf *out, const struct selection *s)
{
	const struct strings *pool = s->known->strings;

	put_varint(out, s->order[STRINGS].n);
	put_varint(out, s->addresses.n);
	for (size_t i = 0; i < s->order[STRINGS].n; i++)
		put_varint(out, strlen(strings_get(pool, s->order[STRINGS].v[i])));
	for (size_t i = 0; i < s->order[STRINGS].n; i++)
		buf_puts(out, strings_get(pool, s->order[STRINGS].v[i]));
}

/* By string of `known`, the location of a frame that has it as name: the number of an address is near its offset. 0: none. */
static uint32_t *locate_names(const struct selection *s)
{
	const struct profile *k = s->known;
	uint32_t *locations = xcalloc(strings_count(k->strings), sizeof(*locations));

	for (size_t i = s->order[NODES].n; i--;) {
		const struct profile_node *n = &k->nodes.v[s->order[NODES].v[i]];

		locations[k->frames.v[n->frame].name] = n->location;
	}
	return locations;
}

static void put_addresses(struct buf *out, const struct selection *s)
{
	const struct profile *k = s->known;
	auto_free uint32_t *locations = locate_names(s);
	uint32_t before = 0;
	uint64_t number, more = 0;

	for (int column = 0; column < 3; column++) {
		for (size_t i = 0; i < s->addresses.n; i++) {
			uint32_t id = s->addresses.v[i], location = locations[id], prefix = prefix_of(k->strings, id, &number);

			if (column == 0) {
				put_varint(out, s->number[STRINGS][prefix]);
			} else if (column == 1) {
				put_next(out, s->number[LOCATIONS][location], before);
				before = s->number[LOCATIONS][location];
			} else {
				put_next(out, number - k->locations.v[location].offset, more);
				more = number - k->locations.v[location].offset;
			}
		}
	}
}

static void put_files(struct buf *out, const struct selection *s)
{
	const struct profile *k = s->known;
	uint64_t before = 0;

	put_varint(out, s->order[IMAGES].n);
	COLUMN(out, s, IMAGES, k->images, put_varint(out, s->number[STRINGS][x->path]));
	COLUMN(out, s, IMAGES, k->images, put_varint(out, s->number[STRINGS][x->build_id]));
	put_varint(out, s->order[LOCATIONS].n);
	COLUMN(out, s, LOCATIONS, k->locations, put_varint(out, s->number[IMAGES][x->image]));
	for (int byte = 7; byte >= 0; byte--)
		COLUMN(out, s, LOCATIONS, k->locations, buf_putc(out, (char)(x->offset >> 8 * byte)));
	COLUMN(out, s, LOCATIONS, k->locations, put_next(out, s->number[STRINGS][x->file], before); before = s->number[STRINGS][x->file]);
	before = 0;
	COLUMN(out, s, LOCATIONS, k->locations, put_next(out, x->line, before); before = x->line);
}

static void put_frames(struct buf *out, const struct selection *s)
{
	const struct profile *k = s->known;
	uint32_t before = 0;

	put_varint(out, s->order[FRAMES].n);
	COLUMN(out, s, FRAMES, k->frames, put_next(out, s->number[STRINGS][x->name], before); before = s->number[STRINGS][x->name]);
	COLUMN(out, s, FRAMES, k->frames, put_varint(out, s->number[STRINGS][x->binary]));
	COLUMN(out, s, FRAMES, k->frames, put_varint(out, x->kind));
}

/* How many steps up from the node before the parent is; below a new top: more than there are, by how much it is further on. */
static void put_parents(struct buf *out, const struct selection *s)
{
	const struct profile_node *nodes = s->known->nodes.v;
	uint32_t top = 0, depth = 0, before = 0;

	for (size_t i = 0; i < s->order[NODES].n; i++) {
		uint32_t id = s->order[NODES].v[i], parent = nodes[id].parent, up = 0;

		if (parent < s->first[NODES]) {
			put_varint(out, depth + (parent - top));
			top = parent;
			depth = 1;
		} else {
			for (; before != parent; before = nodes[before].parent)
				up++;
			put_varint(out, up);
			depth -= up;
			depth++;
		}
		before = id;
	}
}

static void put_nodes(struct buf *out, const struct selection *s)
{
	const struct profile *k = s->known;
	size_t frames = s->first[FRAMES] + s->order[FRAMES].n;
	struct predictor callees, places;

	predictor_init(&callees, frames + 1, s->first[FRAMES]);
	predictor_init(&places, frames, s->first[LOCATIONS]);
	learn_nodes(k, s->first[NODES], &callees, &places);
	put_varint(out, s->order[NODES].n);
	put_parents(out, s);
	COLUMN(out, s, NODES, k->nodes, uint32_t caller = x->parent ? s->number[FRAMES][k->nodes.v[x->parent].frame] + 1 : 0;
	       put_varint(out, predictor_code(&callees, caller, s->number[FRAMES][x->frame])));
	COLUMN(out, s, NODES, k->nodes,
	       put_varint(out, predictor_code(&places, s->number[FRAMES][x->frame], s->number[LOCATIONS][x->location])));
	predictor_free(&callees);
	predictor_free(&places);
}

static void put_processes(struct buf *out, const struct selection *s)
{
	const struct profile *k = s->known;
	uint64_t before = 0;

	put_varint(out, s->order[PROCESSES].n);
	COLUMN(out, s, PROCESSES, k->processes, put_next(out, (int64_t)x->pid, before); before = (int64_t)x->pid);
	before = 0;
	COLUMN(out, s, PROCESSES, k->processes, put_next(out, x->identity, before); before = x->identity);
	COLUMN(out, s, PROCESSES, k->processes, put_varint(out, s->number[STRINGS][x->comm]));
	for (int label = 0; label < LABEL_N; label++)
		COLUMN(out, s, PROCESSES, k->processes, put_varint(out, s->number[STRINGS][x->labels[label]]));
	before = 0;
	put_varint(out, s->order[THREADS].n);
	COLUMN(out, s, THREADS, k->threads, put_next(out, s->number[PROCESSES][x->process], before);
	       before = s->number[PROCESSES][x->process]);
	COLUMN(out, s, THREADS, k->threads, put_next(out, (int64_t)x->tid, (int64_t)k->processes.v[x->process].pid));
	COLUMN(out, s, THREADS, k->threads, put_next(out, s->number[STRINGS][x->comm], s->number[STRINGS][k->processes.v[x->process].comm]));
}

void put_elements(struct buf *out, const struct selection *s, const uint32_t in_dictionary[KINDS], bool is_dictionary)
{
	put_varint(out, WINDOW_VERSION);
	put_varint(out, is_dictionary ? IS_DICTIONARY : 0);
	for (int i = 0; i < KINDS; i++)
		put_varint(out, in_dictionary[i]);
	put_strings(out, s);
	put_files(out, s);
	put_addresses(out, s);
	put_frames(out, s);
	put_nodes(out, s);
	put_processes(out, s);
}

void put_measurement(struct buf *out, const struct selection *s, const struct profile *p)
{
	const struct accounting *a = &p->accounting;
	struct strings *pool = s->known->strings;
	unsigned reasons = 0;

	put_varint(out, p->start_ns);
	put_varint(out, p->end_ns);
	put_varint(out, p->period_ns);
	put_varint(out, s->number[STRINGS][strings_add(pool, p->event ? p->event : "")]);
	put_varint(out, s->number[STRINGS][strings_add(pool, p->command ? p->command : "")]);
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
		put_varint(out, s->number[STRINGS][strings_add(pool, lost_reason_name(i))]);
		put_varint(out, a->lost[i]);
	}
}

static int by_thread_and_node(const void *a, const void *b)
{
	const struct mapped_sample *x = a, *y = b;

	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

void put_samples(struct buf *out, const struct selection *s, mapped_samples *samples)
{
	uint32_t before = 0;

	for (size_t i = 0; i < samples->n; i++) {
		samples->v[i].thread = s->number[THREADS][samples->v[i].thread];
		samples->v[i].node = s->number[NODES][samples->v[i].node];
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

int window_pack(const struct buf *raw, struct buf *out)
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
