// SPDX-License-Identifier: Apache-2.0
#include "store/window_write.h"

#include "profile/remap.h"

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

void know_prefix(struct profile *known, uint32_t string)
{
	uint64_t number;

	prefix_of(known->strings, string, &number);
}

void want_string(struct selection *s, uint32_t id)
{
	uint64_t number;

	if (s->id[STRINGS][id])
		return;
	s->id[STRINGS][id] = 1;
	s->id[STRINGS][prefix_of(s->known->strings, id, &number)] = 1;
}

static void want_location(struct selection *s, uint32_t id)
{
	const struct profile *k = s->known;
	uint32_t image = k->locations.v[id].image;

	s->id[LOCATIONS][id] = 1;
	s->id[IMAGES][image] = 1;
	want_string(s, k->images.v[image].path);
	want_string(s, k->images.v[image].build_id);
	want_string(s, k->locations.v[id].file);
}

void want_node(struct selection *s, uint32_t id)
{
	const struct profile *k = s->known;

	for (; id && !s->id[NODES][id]; id = k->nodes.v[id].parent) {
		const struct profile_frame *f = &k->frames.v[k->nodes.v[id].frame];

		s->id[NODES][id] = 1;
		s->id[FRAMES][k->nodes.v[id].frame] = 1;
		want_string(s, f->name);
		want_string(s, f->binary);
		want_location(s, k->nodes.v[id].location);
	}
}

void want_thread(struct selection *s, uint32_t id)
{
	const struct profile_thread *t = &s->known->threads.v[id];
	const struct profile_process *p = &s->known->processes.v[t->process];

	if (s->id[THREADS][id])
		return;
	s->id[THREADS][id] = s->id[PROCESSES][t->process] = 1;
	want_string(s, t->comm);
	want_string(s, p->comm);
	for (int i = 0; i < LABEL_N; i++)
		want_string(s, p->labels[i]);
}

void selection_init(struct selection *s, struct profile *known)
{
	uint32_t n[KINDS];

	known_counts(known, n);
	*s = (struct selection){.known = known};
	for (int i = 0; i < KINDS; i++)
		s->id[i] = xcalloc(n[i] + 1, sizeof(*s->id[i]));
}

void selection_free(struct selection *s)
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
	const struct strings *pool = s->known->strings;
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

	known_counts(s->known, n);
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
	const struct strings *pool = s->known->strings;
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
	const struct profile *k = s->known;
	uint32_t *locations = xcalloc(strings_count(k->strings), sizeof(*locations));

	for (uint32_t id = s->first[NODES]; id < k->nodes.n; id++)
		if (s->id[NODES][id] != UNMAPPED && !locations[k->frames.v[k->nodes.v[id].frame].name])
			locations[k->frames.v[k->nodes.v[id].frame].name] = k->nodes.v[id].location;
	return locations;
}

static void put_addresses(struct buf *out, const struct selection *s, uint32_t n)
{
	const struct profile *k = s->known;
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
	const struct profile *k = s->known;
	uint64_t before = 0;

	put_varint(out, n[IMAGES]);
	COLUMN(out, s, IMAGES, k->images, put_varint(out, s->id[STRINGS][x->path]));
	COLUMN(out, s, IMAGES, k->images, put_varint(out, s->id[STRINGS][x->build_id]));
	put_varint(out, n[LOCATIONS]);
	COLUMN(out, s, LOCATIONS, k->locations, put_varint(out, s->id[IMAGES][x->image]));
	COLUMN(out, s, LOCATIONS, k->locations, put_next(out, x->offset, before); before = x->offset);
	before = 0;
	COLUMN(out, s, LOCATIONS, k->locations, put_next(out, s->id[STRINGS][x->file], before); before = s->id[STRINGS][x->file]);
	before = 0;
	COLUMN(out, s, LOCATIONS, k->locations, put_next(out, x->line, before); before = x->line);
}

static void put_stacks(struct buf *out, const struct selection *s, const uint32_t n[KINDS])
{
	const struct profile *k = s->known;
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
	const struct profile *k = s->known;
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

void put_elements(struct buf *out, struct selection *s, const uint32_t in_dictionary[KINDS], bool is_dictionary)
{
	uint32_t n[KINDS];

	number_elements(s, in_dictionary, n);
	put_varint(out, WINDOW_VERSION);
	put_varint(out, is_dictionary ? IS_DICTIONARY : 0);
	for (int i = 0; i < KINDS; i++)
		put_varint(out, in_dictionary[i]);
	put_strings(out, s, n[STRINGS]);
	put_files(out, s, n);
	put_addresses(out, s, n[STRINGS]);
	put_stacks(out, s, n);
	put_processes(out, s, n);
}

void put_measurement(struct buf *out, const struct selection *s, const struct profile *p)
{
	const struct accounting *a = &p->accounting;
	struct strings *pool = s->known->strings;
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
void know_measurement(struct profile *known, const struct profile *p)
{
	strings_add(known->strings, p->event ? p->event : "");
	strings_add(known->strings, p->command ? p->command : "");
	for (int i = 0; i < LOST_N; i++)
		if (p->accounting.lost[i])
			strings_add(known->strings, lost_reason_name(i));
}

void want_measurement(struct selection *s, const struct profile *p)
{
	struct strings *pool = s->known->strings;

	want_string(s, strings_add(pool, p->event ? p->event : ""));
	want_string(s, strings_add(pool, p->command ? p->command : ""));
	for (int i = 0; i < LOST_N; i++)
		if (p->accounting.lost[i])
			want_string(s, strings_add(pool, lost_reason_name(i)));
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
