// SPDX-License-Identifier: Apache-2.0
#include "symbolize/kernel_names.h"

#include "base/clock.h"
#include "base/file.h"

#include <string.h>

#define KALLSYMS_BYTES_MAX (256u << 20)
#define MODULES_BYTES_MAX (4u << 20)
#define READ_SHARE 100	       /* of the time at most one part in so many goes into reading kallsyms again */
#define PAST_NS (60 * NS_PER_SEC) /* longer than any sample waits to be drained */

/* A function outside the kernel proper, as kallsyms tells it. */
struct loaded {
	uint64_t start, end;
	const char *name, *module;
};

typedef VEC(struct loaded) loaded_list;

/*
 * Takes what belongs to modules and programs out of a freshly parsed table. Sizes are not told: one ends at the next symbol, or
 * after KALLSYMS_LAST_BYTES where that is nearer.
 */
static loaded_list take_loaded(struct kallsyms *all)
{
	loaded_list loaded = {0};
	size_t kept = 0;

	for (size_t i = 0; i < all->symbols.n; i++) {
		struct kernel_symbol *s = &all->symbols.v[i];
		uint64_t end = s->start + KALLSYMS_LAST_BYTES;

		if (i + 1 < all->symbols.n && s[1].start < end)
			end = s[1].start;
		if (s->module && s->start < end)
			*vec_push(&loaded) = (struct loaded){s->start, end, all->text.v + s->name, all->text.v + s->module};
		if (!s->module)
			all->symbols.v[kept++] = *s;
	}
	all->symbols.n = kept;
	return loaded;
}

/* The side-band does not tell which part of the kernel made a trampoline. */
static bool is_same(const struct kernel_names *k, const struct code_range *r, const struct loaded *l)
{
	return r->start == l->start && !strcmp(k->code.names.v + r->name, l->name) &&
	       (!r->tag || !strcmp(strings_get(k->modules, r->tag), l->module));
}

/*
 * What is gone was there until now, or, where something else came, until it was last seen; what came was there all the time,
 * or, where something else was, is there from now on. Between, nobody knows.
 */
static void compare(struct kernel_names *k, const loaded_list *loaded, uint64_t now)
{
	VEC(struct code_range) gone = {0};
	VEC(size_t) came = {0};
	size_t i = 0, j = 0;

	code_map_settle(&k->code);
	while (i < k->code.ranges.n || j < loaded->n) {
		const struct code_range *r = i < k->code.ranges.n ? &k->code.ranges.v[i] : NULL;
		const struct loaded *l = j < loaded->n ? &loaded->v[j] : NULL;

		if (r && l && is_same(k, r, l)) {
			i++;
			j++;
		} else if (r && (!l || r->start <= l->start)) {
			*vec_push(&gone) = *r;
			i++;
		} else {
			*vec_push(&came) = j++;
		}
	}
	for (size_t n = 0; n < came.n; n++) {
		const struct loaded *l = &loaded->v[came.v[n]];
		bool taken = code_map_is_taken(&k->code, l->start, l->end);

		came.v[n] = came.v[n] << 1 | taken;
	}
	for (size_t n = 0; n < came.n; n++)
		if (came.v[n] & 1)
			code_map_remove(&k->code, loaded->v[came.v[n] >> 1].start, loaded->v[came.v[n] >> 1].end, k->checked);
	code_map_settle(&k->code);
	for (size_t n = 0; n < gone.n; n++)
		code_map_remove(&k->code, gone.v[n].start, gone.v[n].end, now);
	code_map_settle(&k->code);
	for (size_t n = 0; n < came.n; n++) {
		const struct loaded *l = &loaded->v[came.v[n] >> 1];

		code_map_add(&k->code, l->start, l->end, came.v[n] & 1 ? now : 0, l->name, strlen(l->name),
			     strings_add(k->modules, l->module));
	}
	vec_free(&gone);
	vec_free(&came);
}

void kernel_names_learn(struct kernel_names *k, char *text, uint64_t now)
{
	struct kallsyms all = {0};
	loaded_list loaded;

	if (!k->modules)
		k->modules = strings_new();
	kallsyms_parse(&all, text);
	loaded = take_loaded(&all);
	compare(k, &loaded, now);
	vec_free(&loaded);
	if (!k->read)
		k->core = all;
	else
		kallsyms_free(&all);
	k->read = true;
	k->doubtful = false;
}

uint64_t kernel_modules_hash(char *text)
{
	uint64_t hash = 0;
	char *line;

	/* "name size uses users state address" */
	while ((line = strsep(&text, "\n"))) {
		char *name = strsep(&line, " "), *address = line ? strstr(line, " 0x") : NULL;

		hash = hash_mix(hash, hash_bytes(name, strlen(name)));
		if (address)
			hash = hash_mix(hash, hash_bytes(address, strcspn(address + 1, " ") + 1));
	}
	return hash;
}

static uint64_t modules_now(void)
{
	struct buf text = {0};
	uint64_t hash = 0;

	if (!file_read("/proc/modules", MODULES_BYTES_MAX, &text) && text.v)
		hash = kernel_modules_hash(text.v);
	buf_free(&text);
	return hash;
}

static void read_kallsyms(struct kernel_names *k)
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC), modules = modules_now(), end;
	struct buf text = {0};

	if (!file_read("/proc/kallsyms", KALLSYMS_BYTES_MAX, &text) && text.v)
		kernel_names_learn(k, text.v, start);
	buf_free(&text);
	k->read = true;
	k->modules_seen = modules;
	k->checked = start;
	end = clock_ns(CLOCK_MONOTONIC);
	k->next_read = end + READ_SHARE * (end - start);
}

/* Are the modules those that are known? Asked at most once a drain: what was sampled before the answer is settled by it. */
static void check(struct kernel_names *k, uint64_t time)
{
	uint64_t now;

	if (time <= k->checked)
		return;
	now = clock_ns(CLOCK_MONOTONIC);
	k->doubtful = k->doubtful || modules_now() != k->modules_seen;
	if (k->doubtful && now >= k->next_read)
		read_kallsyms(k);
	else if (!k->doubtful)
		k->checked = now;
}

bool kernel_names_find(struct kernel_names *k, uint64_t address, uint64_t time, struct kernel_name *ret)
{
	const struct code_range *r;

	if (!k->read)
		read_kallsyms(k);
	*ret = (struct kernel_name){.core = kallsyms_find(&k->core, address), .module = ""};
	if (ret->core) {
		ret->name = k->core.text.v + ret->core->name;
		return true;
	}
	check(k, time);
	r = k->doubtful ? NULL : code_map_find(&k->code, address, time);
	if (!r)
		return false;
	ret->name = k->code.names.v + r->name;
	ret->module = strings_get(k->modules, r->tag);
	return true;
}

/* kallsyms' name for what has no module. */
static const char *origin(const struct process_event *e)
{
	return e->ksymbol.type == PERF_RECORD_KSYMBOL_TYPE_BPF ? "bpf" : "";
}

void kernel_names_apply(struct kernel_names *k, const struct process_event *e)
{
	uint64_t start = e->ksymbol.start, end = start + e->ksymbol.len;
	const struct code_range *r;

	if (e->kind == EVENT_LOST)
		k->doubtful |= k->read;
	if (e->kind != EVENT_KSYMBOL)
		return;
	if (!k->modules)
		k->modules = strings_new();
	r = code_map_find(&k->code, start, UINT64_MAX);
	if (!e->ksymbol.unregister || !r || r->start != start) {
		/* One whose end was not known ends here at the latest. */
		if (r && r->start < start)
			code_map_remove(&k->code, start, r->end, e->time);
		code_map_add(&k->code, start, end, e->ksymbol.unregister ? 0 : e->time, e->ksymbol.name, strlen(e->ksymbol.name),
			     strings_add(k->modules, origin(e)));
	} else if (r->end > end) {
		end = r->end;
	}
	if (e->ksymbol.unregister)
		code_map_remove(&k->code, start, end, e->time);
	if (e->time > PAST_NS)
		code_map_expire(&k->code, e->time - PAST_NS);
}

void kernel_names_free(struct kernel_names *k)
{
	kallsyms_free(&k->core);
	code_map_free(&k->code);
	strings_free(k->modules);
	*k = (struct kernel_names){0};
}
