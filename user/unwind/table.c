// SPDX-License-Identifier: Apache-2.0
#include "unwind/table.h"

#include "elf/eh_frame.h"
#include "unwind/rule.h"

#include <errno.h>
#include <string.h>

#define HEADER_WORDS (sizeof(struct unwind_extent) / 4)
#define RULE_WORDS (sizeof(struct unwind_rule) / 4)

/* A hole's directory costs a word per bucket; another part costs its rules anew, some kilobytes. */
#define HOLE_MAX (1u << 20)

static const struct unwind_rule no_rule = {.cfa = UNWIND_CFA_NONE};

static bool same_rule(const struct unwind_rule *a, const struct unwind_rule *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* Filled row by row. A bucket in which no further row might fit begins the next part, so that parts are cut between buckets. */
struct builder {
	struct unwind_table *table;
	bool open;		 /* a part is being filled */
	uint64_t start;		 /* of the part */
	uint64_t bucket;	 /* start of the bucket whose rows are being added */
	struct unwind_rule last; /* of the row added last */
	struct unwind_rule hole; /* of text that nothing describes */
	struct unwind_rule stg;	 /* found on the way: see UNWIND_CFA_STG */
	VEC(uint32_t) directory;
	VEC(uint32_t) rows;
	VEC(struct unwind_rule) rules;
	uint32_t *slots; /* hash table over `rules`: index + 1 */
	uint32_t slots_mask;
	size_t words; /* of closed parts */
	bool full;
};

/* At worst each byte has a row and each row a rule of its own. */
#define BUCKET_WORDS_MAX (1 + UNWIND_BUCKET_BYTES * (1 + RULE_WORDS))

static uint64_t rule_hash(const struct unwind_rule *rule)
{
	uint64_t a, b;

	memcpy(&a, rule, 8);
	memcpy(&b, (const char *)rule + 8, 8);
	a = (a ^ b * 0x9E3779B97F4A7C15ull) * 0xD6E8FEB86659FD93ull;
	return a ^ a >> 32;
}

static void add_slot(struct builder *b, uint32_t index)
{
	uint32_t at = rule_hash(&b->rules.v[index]) & b->slots_mask;

	while (b->slots[at])
		at = (at + 1) & b->slots_mask;
	b->slots[at] = index + 1;
}

static void clear_slots(struct builder *b, size_t n)
{
	if (n > b->slots_mask) {
		free(b->slots);
		b->slots = xcalloc(n, sizeof(*b->slots));
		b->slots_mask = n - 1;
	} else {
		memset(b->slots, 0, ((size_t)b->slots_mask + 1) * sizeof(*b->slots));
	}
}

/* The rule's index in this part, added if it is new. */
static uint32_t intern(struct builder *b, const struct unwind_rule *rule)
{
	for (uint32_t at = rule_hash(rule) & b->slots_mask; b->slots[at]; at = (at + 1) & b->slots_mask)
		if (same_rule(&b->rules.v[b->slots[at] - 1], rule))
			return b->slots[at] - 1;
	*vec_push(&b->rules) = *rule;
	if (b->rules.n * 2 > b->slots_mask) {
		clear_slots(b, ((size_t)b->slots_mask + 1) * 2);
		for (uint32_t i = 0; i < b->rules.n; i++)
			add_slot(b, i);
	} else {
		add_slot(b, b->rules.n - 1);
	}
	return b->rules.n - 1;
}

static uint32_t rules_word(size_t buckets, size_t rows)
{
	return (HEADER_WORDS + buckets + 1 + rows + RULE_WORDS - 1) / RULE_WORDS * RULE_WORDS;
}

static void close_part(struct builder *b)
{
	struct unwind_part part = {.start = b->start};
	struct unwind_extent h = {
		.buckets = b->directory.n,
		.rows_word = HEADER_WORDS + b->directory.n + 1,
		.rules_word = rules_word(b->directory.n, b->rows.n),
		.rules = b->rules.n,
	};
	uint32_t *words;

	b->open = false;
	part.end = part.start + (uint64_t)h.buckets * UNWIND_BUCKET_BYTES;
	part.n_words = h.rules_word + h.rules * RULE_WORDS;
	part.words = words = xcalloc(part.n_words, 4);
	memcpy(words, &h, sizeof(h));
	memcpy(words + HEADER_WORDS, b->directory.v, h.buckets * 4ull);
	words[HEADER_WORDS + h.buckets] = b->rows.n;
	memcpy(words + h.rows_word, b->rows.v, b->rows.n * 4);
	memcpy(words + h.rules_word, b->rules.v, h.rules * sizeof(struct unwind_rule));
	b->table->counts.rows += b->rows.n;
	b->table->counts.rules += h.rules;
	b->words += part.n_words;
	*vec_push(&b->table->parts) = part;
	b->full |= b->words + BUCKET_WORDS_MAX > UNWIND_TABLE_WORDS_MAX || b->table->parts.n == UNWIND_PARTS_MAX;
}

/* Begins a part with `bucket`, where the rule of b->last is in force. */
static void open_part(struct builder *b, uint64_t bucket)
{
	b->open = true;
	b->start = b->bucket = bucket;
	b->directory.n = b->rows.n = b->rules.n = 0;
	clear_slots(b, 256);
	*vec_push(&b->rows) = UNWIND_ROW(0, intern(b, &b->last));
	*vec_push(&b->directory) = b->rows.n;
}

static void next_bucket(struct builder *b)
{
	size_t words = rules_word(b->directory.n, b->rows.n) + b->rules.n * RULE_WORDS;

	if (b->words + words + BUCKET_WORDS_MAX > UNWIND_TABLE_WORDS_MAX) {
		b->full = true;
		return;
	}
	b->bucket += UNWIND_BUCKET_BYTES;
	if (words + BUCKET_WORDS_MAX > UNWIND_SLAB_WORDS || b->rules.n + UNWIND_BUCKET_BYTES > UNWIND_RULES_MAX) {
		close_part(b);
		if (!b->full)
			open_part(b, b->bucket);
	} else {
		*vec_push(&b->directory) = b->rows.n;
	}
}

/* A row at `pc`, above all before. */
static void add_row(struct builder *b, uint64_t pc, const struct unwind_rule *rule)
{
	uint64_t bucket = pc & ~(uint64_t)(UNWIND_BUCKET_BYTES - 1);

	if (same_rule(rule, &b->last))
		return;
	if (b->open && same_rule(&b->last, &no_rule) && bucket - b->bucket > HOLE_MAX)
		close_part(b);
	if (!b->open && !b->full)
		open_part(b, bucket);
	while (b->bucket < bucket && !b->full)
		next_bucket(b);
	if (b->full)
		return;
	*vec_push(&b->rows) = UNWIND_ROW(pc - bucket, intern(b, rule));
	b->last = *rule;
}

static void finish(struct builder *b)
{
	if (b->open)
		close_part(b);
	vec_free(&b->directory);
	vec_free(&b->rows);
	vec_free(&b->rules);
	free(b->slots);
}

/*
 * GCC describes the frame of a function that realigns its stack (CFA in r10 or r13, the caller's frame pointer at *rbp) up to its
 * `ret`, although `pop %rbp` has brought the caller's frame pointer back. With the CFA at rsp+8 nothing of the frame is left, so
 * it is the caller's.
 */
static void mend_realigned(struct unwind_rule *rule)
{
	if (rule->cfa == UNWIND_CFA_SP && rule->cfa_offset == 8 && rule->fp == UNWIND_FP_AT_FP && rule->fp_offset == 0) {
		rule->fp = UNWIND_FP_SAME;
		rule->fp_offset = 0;
	}
}

/*
 * The rule of GHC's StgRun, which takes the stack pointer for the CFA: above it lie 16,384 bytes for code that it runs, then rbx, rbp,
 * r12 to r15 and the return address (rts/StgCRun.c, rts/include/rts/Constants.h).
 */
static bool is_stg_run(const struct unwind_rule *rule)
{
	return rule->cfa == UNWIND_CFA_SP && !rule->cfa_offset && rule->ra == UNWIND_RA_AT_CFA && rule->ra_offset == 16384 + 48 &&
	       rule->fp == UNWIND_FP_AT_CFA && rule->fp_offset == 16384 + 8;
}

static bool take_row(void *ctx, uint64_t pc, const struct cfi_state *state)
{
	struct unwind_rule rule = unwind_rule_of(state);
	struct builder *b = ctx;

	mend_realigned(&rule);
	if (is_stg_run(&rule)) {
		b->stg = rule;
		b->stg.cfa = UNWIND_CFA_STG;
	}
	add_row(b, pc, &rule);
	b->table->counts.raw_rows++;
	return !b->full;
}

static void compile(struct builder *b, const struct eh_frame *f)
{
	struct unwind_counts *counts = &b->table->counts;
	uint64_t end = 0; /* of the function before; from there on no rule, unless another function begins */

	for (size_t i = 0; i < f->functions.n && !b->full; i++) {
		const struct eh_frame_function *function = &f->functions.v[i];

		if (end && function->start - end > UNWIND_PADDING_MAX)
			add_row(b, end, &b->hole);
		if (eh_frame_rows(f, function, take_row, b))
			counts->bad++;
		else
			counts->functions++;
		end = function->start + function->size;
	}
	if (end && !b->full)
		add_row(b, end, &b->hole);
}

/* Of a table that is full: the functions whose end it does not reach. */
static size_t left_out(const struct unwind_table *t, const struct eh_frame *f)
{
	uint64_t end = t->parts.n ? t->parts.v[t->parts.n - 1].end : 0;
	size_t n = 0;

	while (n < f->functions.n && f->functions.v[f->functions.n - 1 - n].start + f->functions.v[f->functions.n - 1 - n].size > end)
		n++;
	return n;
}

/* `hole` is the rule of what nothing describes. Returns the rule that it should be. */
static struct unwind_rule build(struct unwind_table *t, const struct eh_frame *f, struct unwind_rule hole)
{
	struct builder *b = xcalloc(1, sizeof(*b));
	struct unwind_rule better;

	b->table = t;
	b->hole = b->last = hole;
	t->counts = (struct unwind_counts){
		.bad = f->counts.bad,
		.empty = f->counts.empty,
		.outside = f->counts.outside,
		.hidden = f->counts.hidden,
		.clipped = f->counts.clipped,
		.cut = f->counts.cut,
	};
	compile(b, f);
	finish(b);
	if (b->full)
		t->counts.left_out = left_out(t, f);
	better = b->stg;
	free(b);
	return better;
}

int unwind_table_build(struct unwind_table *t, const struct elf *elf)
{
	struct unwind_rule stg;
	struct eh_frame f;
	int ret;

	if (elf->header.e_machine != EM_X86_64)
		return -ENOEXEC;
	ret = eh_frame_open(&f, elf);
	if (!ret) {
		stg = build(t, &f, no_rule);
		if (stg.cfa != UNWIND_CFA_NONE) {
			unwind_table_free(t);
			build(t, &f, stg);
		}
	}
	eh_frame_free(&f);
	return ret;
}

void unwind_table_free(struct unwind_table *t)
{
	for (size_t i = 0; i < t->parts.n; i++)
		free((void *)t->parts.v[i].words);
	vec_free(&t->parts);
	t->counts = (struct unwind_counts){0};
}

const struct unwind_part *unwind_table_part(const struct unwind_table *t, uint64_t vaddr)
{
	size_t low = 0, high = t->parts.n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (t->parts.v[middle].end <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < t->parts.n && t->parts.v[low].start <= vaddr ? &t->parts.v[low] : NULL;
}

/* The index of the row in force at an address of this bucket. */
static uint32_t find_row(const uint32_t *directory, const uint32_t *rows, uint64_t bucket, uint32_t pc_low)
{
	uint32_t low = directory[bucket], high = directory[bucket + 1];

	/* The first row above; the one before it is in force. */
	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (UNWIND_ROW_PC(rows[middle]) <= pc_low)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

const struct unwind_rule *unwind_table_find(const struct unwind_part *part, uint64_t vaddr)
{
	uint64_t bucket = (vaddr - part->start) / UNWIND_BUCKET_BYTES;
	const uint32_t *rows;
	struct unwind_extent h;
	uint32_t row;

	memcpy(&h, part->words, sizeof(h));
	if (vaddr < part->start || bucket >= h.buckets)
		return NULL;
	rows = part->words + h.rows_word;
	row = find_row(part->words + HEADER_WORDS, rows, bucket, vaddr % UNWIND_BUCKET_BYTES);
	return (const struct unwind_rule *)(part->words + h.rules_word) + UNWIND_ROW_RULE(rows[row]);
}

bool unwind_part_next(const struct unwind_part *part, struct unwind_span *span)
{
	const uint32_t *directory = part->words + HEADER_WORDS, *rows;
	uint64_t bucket = (span->end - part->start) / UNWIND_BUCKET_BYTES;
	struct unwind_extent h;
	uint32_t next;

	if (span->end >= part->end)
		return false;
	memcpy(&h, part->words, sizeof(h));
	rows = part->words + h.rows_word;
	span->start = span->end;
	span->rule = unwind_table_find(part, span->start);
	next = find_row(directory, rows, bucket, span->start % UNWIND_BUCKET_BYTES) + 1;
	/* In the bucket where the row after it begins. */
	while (bucket < h.buckets && directory[bucket + 1] <= next)
		bucket++;
	span->end = bucket < h.buckets ? part->start + bucket * UNWIND_BUCKET_BYTES + UNWIND_ROW_PC(rows[next]) : part->end;
	return true;
}

static bool is_register(int n)
{
	return n >= 0 && n < CFI_REGISTERS;
}

static bool rule_valid(const struct unwind_rule *r)
{
	return r->cfa <= UNWIND_CFA_STG && r->fp <= UNWIND_FP_AT_SP && r->ra <= UNWIND_RA_NONE && (r->cfa != UNWIND_CFA_REG || is_register(r->reg)) &&
	       (r->fp != UNWIND_FP_REG || is_register(r->fp_offset)) && (r->ra != UNWIND_RA_REG || is_register(r->ra_offset));
}

bool unwind_part_valid(const struct unwind_part *p)
{
	const uint32_t *directory = p->words + HEADER_WORDS, *rows;
	struct unwind_extent h;
	uint32_t n_rows;

	if (p->n_words < HEADER_WORDS || p->n_words > UNWIND_SLAB_WORDS)
		return false;
	memcpy(&h, p->words, sizeof(h));
	if (!h.buckets || h.buckets > UNWIND_SLAB_WORDS || h.rows_word != HEADER_WORDS + h.buckets + 1 || h.rules_word > p->n_words ||
	    h.rows_word >= h.rules_word || h.rules_word % RULE_WORDS || !h.rules || h.rules > UNWIND_RULES_MAX ||
	    p->n_words - h.rules_word != h.rules * RULE_WORDS)
		return false;
	if (p->start % UNWIND_BUCKET_BYTES || p->end - p->start != (uint64_t)h.buckets * UNWIND_BUCKET_BYTES)
		return false;
	rows = p->words + h.rows_word;
	n_rows = directory[h.buckets];
	if (n_rows > UNWIND_SLAB_WORDS || directory[0] != 1 || rules_word(h.buckets, n_rows) != h.rules_word || UNWIND_ROW_RULE(rows[0]) >= h.rules ||
	    UNWIND_ROW_PC(rows[0]))
		return false;
	for (uint32_t b = 0; b < h.buckets; b++) {
		if (directory[b] > directory[b + 1] || directory[b + 1] > n_rows)
			return false;
		for (uint32_t i = directory[b]; i < directory[b + 1]; i++)
			if (UNWIND_ROW_PC(rows[i]) >= UNWIND_BUCKET_BYTES || UNWIND_ROW_RULE(rows[i]) >= h.rules ||
			    (i > directory[b] && UNWIND_ROW_PC(rows[i]) <= UNWIND_ROW_PC(rows[i - 1])))
				return false;
	}
	for (uint32_t i = 0; i < h.rules; i++)
		if (!rule_valid((const struct unwind_rule *)(p->words + h.rules_word) + i))
			return false;
	return true;
}

bool unwind_table_valid(const struct unwind_table *t)
{
	uint64_t end = 0, words = 0;

	if (t->parts.n > UNWIND_PARTS_MAX)
		return false;
	for (size_t i = 0; i < t->parts.n; i++) {
		const struct unwind_part *p = &t->parts.v[i];

		if (p->start < end || p->end <= p->start || !unwind_part_valid(p))
			return false;
		end = p->end;
		words += p->n_words;
	}
	return words <= UNWIND_TABLE_WORDS_MAX;
}
