// SPDX-License-Identifier: Apache-2.0
#include "kernel/unwind_tables.h"

#include "base/mem.h"
#include "base/space.h"
#include "base/table.h"
#include "bpf/unwind_maps.h"
#include "kernel/mapped.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

#define MAPPINGS_ROOM (64u * 1024) /* 2 MB: at ~30 a process, and few distinct slices, thousands of processes */
#define PROCESSES_ROOM (16u * 1024) /* 384 KB */
#define WORDS_ALIGN 4		   /* extents begin at such a multiple */
#define SLICE_BUCKETS 1024

struct slice {
	uint32_t first, n, refs;
	uint64_t hash;
	struct slice *next; /* with the same hash */
};

struct slab {
	int fd;
	struct mapped memory;
	struct space space; /* in units of WORDS_ALIGN words */
};

/* Units of a slab, or of the array of mappings, to be given back. */
struct retired {
	struct space *space; /* NULL: of slab number `slab` */
	uint32_t slab, start, n;
};

struct unwind_tables {
	int slabs_fd;
	size_t slabs_max;
	struct mapped processes, mappings;
	uint32_t processes_n, mappings_n;
	VEC(struct slab) slabs;
	struct space mapping_space;
	struct slice *buckets[SLICE_BUCKETS];
	struct slice **slice_of; /* by slot of `processes` */
	VEC(struct retired) retired;
	size_t rule_words, used_mappings, used_processes;
	uint64_t mappings_refused, processes_refused;
};

size_t unwind_tables_configure(const struct unwind_maps *maps, size_t bytes, uint32_t *process_mask)
{
	size_t slabs = bytes < UNWIND_SLAB_BYTES ? 1 : bytes / UNWIND_SLAB_BYTES;
	bool none = bytes == UNWIND_TABLES_NONE;

	bpf_map__set_max_entries(maps->processes, none ? 1 : PROCESSES_ROOM);
	bpf_map__set_max_entries(maps->mappings, none ? 1 : MAPPINGS_ROOM);
	bpf_map__set_max_entries(maps->slabs, slabs);
	*process_mask = none ? 0 : PROCESSES_ROOM - 1;
	return none ? 0 : slabs * UNWIND_SLAB_BYTES + MAPPINGS_ROOM * sizeof(struct unwind_mapping) +
			  PROCESSES_ROOM * sizeof(struct unwind_process);
}

struct unwind_tables *unwind_tables_new(const struct unwind_maps *maps, struct error *err)
{
	struct unwind_tables *t = xcalloc(1, sizeof(*t));
	int ret;

	t->slabs_fd = bpf_map__fd(maps->slabs);
	t->slabs_max = bpf_map__max_entries(maps->slabs);
	t->processes_n = bpf_map__max_entries(maps->processes);
	t->mappings_n = bpf_map__max_entries(maps->mappings);
	t->slice_of = xcalloc(t->processes_n, sizeof(*t->slice_of));
	space_init(&t->mapping_space, t->mappings_n);
	ret = mapped_open(&t->processes, maps->processes);
	ret = ret ? ret : mapped_open(&t->mappings, maps->mappings);
	if (!ret)
		return t;
	error_set(err, ret, "cannot map the unwind tables: %s", strerror(-ret));
	unwind_tables_free(t);
	return NULL;
}

void unwind_tables_free(struct unwind_tables *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->slabs.n; i++) {
		mapped_close(&t->slabs.v[i].memory);
		close(t->slabs.v[i].fd);
		space_free(&t->slabs.v[i].space);
	}
	for (size_t b = 0; b < SLICE_BUCKETS; b++)
		while (t->buckets[b]) {
			struct slice *s = t->buckets[b];

			t->buckets[b] = s->next;
			free(s);
		}
	mapped_close(&t->processes);
	mapped_close(&t->mappings);
	space_free(&t->mapping_space);
	vec_free(&t->slabs);
	vec_free(&t->retired);
	free(t->slice_of);
	free(t);
}

/* One more slab. The only system calls of this module: while they run the sampler is blind on this CPU. */
static bool add_slab(struct unwind_tables *t)
{
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_MMAPABLE);
	uint32_t index = t->slabs.n;
	struct slab slab = {0};

	if (t->slabs.n == t->slabs_max)
		return false;
	slab.fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "slab", sizeof(uint32_t), UNWIND_SLAB_BYTES, 1, &o);
	if (slab.fd < 0)
		return false;
	if (mapped_open_fd(&slab.memory, slab.fd, UNWIND_SLAB_BYTES, 1) ||
	    bpf_map_update_elem(t->slabs_fd, &index, &slab.fd, BPF_ANY)) {
		mapped_close(&slab.memory);
		close(slab.fd);
		return false;
	}
	space_init(&slab.space, UNWIND_SLAB_WORDS / WORDS_ALIGN);
	*vec_push(&t->slabs) = slab;
	return true;
}

bool unwind_tables_put(struct unwind_tables *t, const uint32_t *words, uint32_t n, struct extent *ret)
{
	uint32_t units = (n + WORDS_ALIGN - 1) / WORDS_ALIGN, unit;
	size_t i = 0;

	if (!n || n > UNWIND_SLAB_WORDS)
		return false;
	while (i < t->slabs.n && !space_take(&t->slabs.v[i].space, units, &unit))
		i++;
	if (i == t->slabs.n && !(add_slab(t) && space_take(&t->slabs.v[i].space, units, &unit)))
		return false;
	*ret = (struct extent){i, unit * WORDS_ALIGN, n};
	memcpy(t->slabs.v[i].memory.bytes + (size_t)ret->word * 4, words, (size_t)n * 4);
	t->rule_words += units * WORDS_ALIGN;
	return true;
}

const uint32_t *unwind_tables_slab(const struct unwind_tables *t, uint32_t slab)
{
	return slab < t->slabs.n ? (const uint32_t *)t->slabs.v[slab].memory.bytes : NULL;
}

static struct unwind_mapping *mapping_at(const struct unwind_tables *t, uint32_t i)
{
	return (struct unwind_mapping *)t->mappings.bytes + i;
}

/* Where the rules of a mapping are: the slab and the word, which are one 8-byte word. */
static uint64_t *place_of(struct unwind_mapping *m)
{
	return (uint64_t *)&m->slab;
}
_Static_assert(offsetof(struct unwind_mapping, slab) % 8 == 0 && offsetof(struct unwind_mapping, word) ==
		       offsetof(struct unwind_mapping, slab) + 4, "slab and word are stored at once");

void unwind_tables_drop(struct unwind_tables *t, const struct extent *e)
{
	uint32_t units = (e->words + WORDS_ALIGN - 1) / WORDS_ALIGN;

	for (size_t b = 0; b < SLICE_BUCKETS; b++)
		for (struct slice *s = t->buckets[b]; s; s = s->next)
			for (uint32_t i = s->first; i < s->first + s->n; i++)
				if (mapping_at(t, i)->slab == e->slab && mapping_at(t, i)->word == e->word)
					__atomic_store_n(place_of(mapping_at(t, i)), (uint64_t)UNWIND_TABLE_OUT, __ATOMIC_RELEASE);
	*vec_push(&t->retired) = (struct retired){NULL, e->slab, e->word / WORDS_ALIGN, units};
	t->rule_words -= units * WORDS_ALIGN;
}

struct slice *slice_get(struct unwind_tables *t, const struct unwind_mapping *v, uint32_t n)
{
	uint64_t hash = hash_mix(hash_bytes(v, n * sizeof(*v)), n);
	struct slice **bucket = &t->buckets[hash & (SLICE_BUCKETS - 1)], *s;
	uint32_t first = 0;

	for (s = *bucket; s; s = s->next)
		if (s->hash == hash && s->n == n && !memcmp(mapping_at(t, s->first), v, n * sizeof(*v))) {
			s->refs++;
			return s;
		}
	if (!n || !space_take(&t->mapping_space, n, &first)) {
		t->mappings_refused += n > 0;
		return NULL;
	}
	memcpy(mapping_at(t, first), v, n * sizeof(*v));
	t->used_mappings += n;
	s = xcalloc(1, sizeof(*s));
	*s = (struct slice){first, n, 1, hash, *bucket};
	*bucket = s;
	return s;
}

void slice_release(struct unwind_tables *t, struct slice *s)
{
	struct slice **at;

	if (!s || --s->refs)
		return;
	at = &t->buckets[s->hash & (SLICE_BUCKETS - 1)];
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	*vec_push(&t->retired) = (struct retired){&t->mapping_space, 0, s->first, s->n};
	t->used_mappings -= s->n;
	free(s);
}

static struct unwind_process *process_at(const struct unwind_tables *t, uint32_t slot)
{
	return (struct unwind_process *)(t->processes.bytes + slot * t->processes.stride);
}

/* The slot of a process, or -1; `vacant`: the first that it could have, or -1. */
static int64_t find_slot(const struct unwind_tables *t, int32_t pid, int64_t *vacant)
{
	uint32_t slot;

	*vacant = -1;
	for (uint32_t i = 0; i < UNWIND_PROCESS_PROBES; i++) {
		slot = (unwind_process_hash(pid) + i) & (t->processes_n - 1);
		if (process_at(t, slot)->tgid == (uint32_t)pid)
			return slot;
		if (*vacant < 0 && (!process_at(t, slot)->tgid || process_at(t, slot)->tgid == UNWIND_PROCESS_GONE))
			*vacant = slot;
		if (!process_at(t, slot)->tgid)
			break;
	}
	return -1;
}

void unwind_tables_assign(struct unwind_tables *t, int32_t pid, uint64_t exec_id, struct slice *s, uint32_t flags)
{
	int64_t vacant, slot = find_slot(t, pid, &vacant);
	bool new = slot < 0;
	struct unwind_process *p;

	if (new && vacant < 0) {
		t->processes_refused++;
		slice_release(t, s);
		return;
	}
	if (new)
		slot = vacant;
	p = process_at(t, slot);
	if (new || p->exec_id != exec_id) {
		__atomic_store_n(&p->slice, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&p->exec_id, exec_id, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&p->slice, s ? (uint64_t)s->first << 32 | s->n | flags : 0, __ATOMIC_RELEASE);
	if (new) {
		__atomic_store_n(&p->tgid, (uint32_t)pid, __ATOMIC_RELEASE);
		t->used_processes++;
	}
	slice_release(t, t->slice_of[slot]);
	t->slice_of[slot] = s;
}

void unwind_tables_remove(struct unwind_tables *t, int32_t pid)
{
	int64_t vacant, slot = find_slot(t, pid, &vacant);
	struct unwind_process *p;
	bool last;

	if (slot < 0)
		return;
	p = process_at(t, slot);
	last = !process_at(t, (slot + 1) & (t->processes_n - 1))->tgid;
	__atomic_store_n(&p->slice, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&p->tgid, last ? 0 : UNWIND_PROCESS_GONE, __ATOMIC_RELEASE);
	/* Vacant slots in front of one that ends the search end it as well. */
	for (uint32_t i = slot - 1; last && process_at(t, i & (t->processes_n - 1))->tgid == UNWIND_PROCESS_GONE; i--)
		__atomic_store_n(&process_at(t, i & (t->processes_n - 1))->tgid, 0, __ATOMIC_RELEASE);
	slice_release(t, t->slice_of[slot]);
	t->slice_of[slot] = NULL;
	t->used_processes--;
}

bool unwind_tables_retired(const struct unwind_tables *t)
{
	return t->retired.n;
}

void unwind_tables_reclaim(struct unwind_tables *t)
{
	for (size_t i = 0; i < t->retired.n; i++) {
		const struct retired *r = &t->retired.v[i];

		space_give(r->space ? r->space : &t->slabs.v[r->slab].space, r->start, r->n);
	}
	t->retired.n = 0;
}

size_t unwind_tables_bytes(const struct unwind_tables *t)
{
	return t->processes.size + t->mappings.size + t->slabs.n * (size_t)UNWIND_SLAB_BYTES;
}

void unwind_tables_usage(const struct unwind_tables *t, struct unwind_tables_usage *ret)
{
	*ret = (struct unwind_tables_usage){
		.bytes = unwind_tables_bytes(t),
		.rule_bytes = t->rule_words * 4,
		.rule_limit = t->slabs_max * (size_t)UNWIND_SLAB_BYTES,
		.mappings = t->used_mappings,
		.mappings_limit = t->mappings_n,
		.processes = t->used_processes,
		.processes_limit = t->processes_n,
		.mappings_refused = t->mappings_refused,
		.processes_refused = t->processes_refused,
	};
}
