// SPDX-License-Identifier: Apache-2.0
#include "profile/merge.h"

#include "profile/remap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

uint64_t period_unit(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static void scale_accounting(struct accounting *a, uint64_t factor)
{
	a->expected *= factor;
	a->idle *= factor;
	a->filtered *= factor;
	a->recorded *= factor;
	for (int i = 0; i < LOST_N; i++)
		a->lost[i] *= factor;
}

/* Brings both to one period; returns what a count of `from` is worth in it. */
static uint64_t common_period(struct profile *into, const struct profile *from)
{
	uint64_t common, factor;

	if (!from->period_ns || from->period_ns == into->period_ns)
		return 1;
	if (!into->period_ns) {
		into->period_ns = from->period_ns;
		return 1;
	}
	common = period_unit(into->period_ns, from->period_ns);
	factor = into->period_ns / common;
	for (size_t i = 0; i < into->samples.n; i++)
		into->samples.v[i].count *= factor;
	scale_accounting(&into->accounting, factor);
	into->period_ns = common;
	return from->period_ns / common;
}

static void merge_event(struct profile *into, const struct profile *from)
{
	if (!from->event || (into->event && !strcmp(into->event, from->event)))
		return;
	if (!into->event) {
		into->event = xstrdup(from->event);
		return;
	}
	free(into->event);
	into->event = xstrdup("mixed");
}

static void merge_times(struct profile *into, const struct profile *from)
{
	if (from->start_ns && (!into->start_ns || from->start_ns < into->start_ns))
		into->start_ns = from->start_ns;
	if (from->end_ns > into->end_ns)
		into->end_ns = from->end_ns;
}

static bool lets_through(const struct process_filter *filter, const struct profile *p, const struct profile_process *process)
{
	const char *labels[LABEL_N];

	if (process_filter_is_empty(filter))
		return true;
	for (int i = 0; i < LABEL_N; i++)
		labels[i] = strings_get(p->strings, process->labels[i]);
	return process_filter_matches(filter, process->pid, strings_get(p->strings, process->comm), labels);
}

void profile_merge(struct profile *into, const struct profile *from, const struct process_filter *filter)
{
	auto_free bool *passes = xcalloc(from->processes.n + 1, sizeof(*passes));
	struct accounting a = from->accounting;
	uint64_t factor = common_period(into, from);
	struct remap m;

	remap_init(&m, into, from, NULL, 0);
	for (size_t i = 0; i < from->processes.n; i++)
		passes[i] = lets_through(filter, from, &from->processes.v[i]);
	for (size_t i = 0; i < from->samples.n; i++) {
		const struct profile_sample *s = &from->samples.v[i];
		uint64_t held;

		if (passes[from->threads.v[s->thread].process]) {
			profile_add(into, remap_thread(&m, s->thread), remap_node(&m, 0, s->node), s->count * factor);
			continue;
		}
		held = s->count < a.recorded ? s->count : a.recorded;
		a.recorded -= held;
		a.filtered += held;
	}
	scale_accounting(&a, factor);
	accounting_add(&into->accounting, &a);
	merge_event(into, from);
	merge_times(into, from);
	if (!into->command && from->command)
		into->command = xstrdup(from->command);
	remap_free(&m);
}

static const char *const group_names[] = {"process", "comm", "unit", "container"};

const char *group_by_name(enum group_by by)
{
	return group_names[by];
}

int group_by_parse(const char *name, enum group_by *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(group_names); i++) {
		if (!strcmp(name, group_names[i])) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *group_name(enum group_by by, const char *comm, const char *const labels[], char short_id[13])
{
	switch (by) {
	case GROUP_BY_UNIT:
		return *labels[LABEL_UNIT] ? labels[LABEL_UNIT] : "[no unit]";
	case GROUP_BY_CONTAINER:
		if (*labels[LABEL_CONTAINER_NAME])
			return labels[LABEL_CONTAINER_NAME];
		if (!*labels[LABEL_CONTAINER])
			return "[no container]";
		snprintf(short_id, 13, "%s", labels[LABEL_CONTAINER]);
		return short_id;
	default:
		return comm;
	}
}

/* A profile of the same measurement, without samples. */
static struct profile *like(const struct profile *p)
{
	struct profile *q = profile_new();

	q->start_ns = p->start_ns;
	q->end_ns = p->end_ns;
	q->period_ns = p->period_ns;
	q->event = p->event ? xstrdup(p->event) : NULL;
	q->command = p->command ? xstrdup(p->command) : NULL;
	q->accounting = p->accounting;
	return q;
}

/* `roots`: by process of m->from, the node its stacks hang under; NULL: none. */
static void carry_samples(struct remap *m, const uint32_t *roots)
{
	for (size_t i = 0; i < m->from->samples.n; i++) {
		const struct profile_sample *s = &m->from->samples.v[i];
		uint32_t process = m->from->threads.v[s->thread].process;
		uint32_t node = remap_node(m, roots ? roots[process] : 0, s->node);

		profile_add(m->into, remap_thread(m, s->thread), node, s->count);
	}
}

/* Maps process `id` to the one of its group, before its first thread is met. */
static void put_into_group(struct remap *m, uint32_t id, enum group_by by, uint32_t *ret_root)
{
	const struct profile_process *p = &m->from->processes.v[id];
	const struct strings *s = m->from->strings;
	const char *comm = strings_get(s, p->comm), *labels[LABEL_N];
	char short_id[13];

	for (int i = 0; i < LABEL_N; i++)
		labels[i] = strings_get(s, p->labels[i]);
	const char *name = group_name(by, comm, labels, short_id);
	m->processes[id] = profile_process(m->into, 0, hash_bytes(name, strlen(name)), name);
	if (by == GROUP_BY_UNIT || by == GROUP_BY_CONTAINER)
		*ret_root = profile_node(m->into, 0, profile_frame(m->into, *comm ? comm : "[unnamed]", "", FRAME_USER));
}

struct profile *profile_group(const struct profile *p, enum group_by by)
{
	auto_free uint32_t *roots = xcalloc(p->processes.n + 1, sizeof(*roots));
	struct profile *q = like(p);
	struct remap m;

	remap_init(&m, q, p, NULL, 0);
	for (size_t i = 0; by != GROUP_BY_PROCESS && i < p->samples.n; i++) {
		uint32_t process = p->threads.v[p->samples.v[i].thread].process;

		if (m.processes[process] == UNMAPPED)
			put_into_group(&m, process, by, &roots[process]);
	}
	carry_samples(&m, roots);
	remap_free(&m);
	return q;
}

/* Equal comm and labels, equal identity: those are what such processes are put together by. */
static void fold_process(struct remap *m, uint32_t id)
{
	const struct profile_process *p = &m->from->processes.v[id];
	const struct strings *s = m->from->strings;
	const char *comm = strings_get(s, p->comm);
	uint64_t identity = hash_bytes(comm, strlen(comm));
	uint32_t to;

	for (int i = 0; i < LABEL_N; i++) {
		const char *label = strings_get(s, p->labels[i]);

		identity = hash_mix(identity, hash_bytes(label, strlen(label)));
	}
	to = profile_process(m->into, 0, identity, comm);
	for (int i = 0; i < LABEL_N; i++)
		m->into->processes.v[to].labels[i] = remap_string(m, p->labels[i]);
	m->processes[id] = to;
}

/* Maps every node that has samples: to its like, or to a note under the last frame of its stack that is kept. */
static void cut_rare_frames(struct remap *m, uint64_t min_frame)
{
	const struct profile *p = m->from;
	auto_free uint64_t *totals = profile_node_totals(p);
	uint32_t note = profile_frame(m->into, "[rare]", "", FRAME_NOTE);

	for (uint32_t i = 1; i < p->nodes.n; i++) {
		uint32_t parent = p->nodes.v[i].parent;

		if (!totals[i] || totals[i] >= min_frame)
			continue;
		if (parent && totals[parent] < min_frame)
			m->nodes[i] = m->nodes[parent];
		else
			m->nodes[i] = profile_node(m->into, remap_node(m, 0, parent), note);
	}
}

/* Maps the processes that are small, and their threads: those of one group and name are one, without a tid. */
static void join_small_processes(struct remap *m, uint64_t min_process)
{
	const struct profile *p = m->from;
	auto_free uint64_t *totals = profile_process_totals(p);

	for (uint32_t i = 0; i < p->processes.n; i++)
		if (totals[i] && totals[i] < min_process)
			fold_process(m, i);
	for (uint32_t i = 0; i < p->threads.n; i++) {
		const struct profile_thread *t = &p->threads.v[i];

		if (totals[t->process] && totals[t->process] < min_process)
			m->threads[i] = profile_thread(m->into, m->processes[t->process], 0, strings_get(p->strings, t->comm));
	}
}

struct profile *profile_coarsen(const struct profile *p, uint64_t min_process, uint64_t min_frame)
{
	struct profile *q = like(p);
	struct remap m;

	remap_init(&m, q, p, NULL, 0);
	m.one_location = true;
	join_small_processes(&m, min_process);
	cut_rare_frames(&m, min_frame);
	carry_samples(&m, NULL);
	remap_free(&m);
	return q;
}
