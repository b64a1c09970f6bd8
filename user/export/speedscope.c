// SPDX-License-Identifier: Apache-2.0
/* speedscope: https://www.speedscope.app/file-format-schema.json, one "sampled" profile a process. */
#include "base/mem.h"
#include "base/text.h"
#include "render/format.h"

#include <inttypes.h>
#include <string.h>

/* One a function, for speedscope does not put together what has several: its line is the one with the most samples. */
static void frames(struct buf *out, const struct profile *p)
{
	auto_free uint32_t *locations = profile_frame_locations(p);

	buf_puts(out, "\"shared\":{\"frames\":[");
	for (size_t i = 0; i < p->frames.n; i++) {
		const struct profile_location *at = &p->locations.v[locations[i]];

		buf_puts(out, i ? ",{\"name\":" : "{\"name\":");
		text_json(out, strings_get(p->strings, p->frames.v[i].name));
		if (at->file || p->frames.v[i].binary) {
			buf_puts(out, ",\"file\":");
			text_json(out, strings_get(p->strings, at->file ? at->file : p->frames.v[i].binary));
		}
		if (at->file)
			buf_printf(out, ",\"line\":%" PRIu32, at->line);
		buf_putc(out, '}');
	}
	buf_puts(out, "]}");
}

/* [root, ..., leaf] as frame indices; `nodes` are leaf first */
static void stack(struct buf *out, const struct profile *p, const uint32_t *nodes, size_t n)
{
	const char *separator = "";

	buf_putc(out, '[');
	for (size_t i = n; i--; separator = ",")
		buf_printf(out, "%s%u", separator, p->nodes.v[nodes[i]].frame);
	buf_putc(out, ']');
}

/* The samples of each process: first[process], then next[sample]; NO_SAMPLE ends. */
#define NO_SAMPLE UINT32_MAX

struct by_process {
	uint32_t *first, *next;
};

static struct by_process group_samples(const struct profile *p)
{
	struct by_process g = {xmalloc((p->processes.n + 1) * sizeof(*g.first)), xmalloc((p->samples.n + 1) * sizeof(*g.next))};

	for (size_t i = 0; i < p->processes.n; i++)
		g.first[i] = NO_SAMPLE;
	for (uint32_t i = p->samples.n; i--;) {
		uint32_t process = p->threads.v[p->samples.v[i].thread].process;

		g.next[i] = g.first[process];
		g.first[process] = i;
	}
	return g;
}

static void process_profile(struct buf *out, const struct profile *p, struct view_stacks *stacks, uint32_t process,
			    const struct by_process *g)
{
	const struct profile_process *pr = &p->processes.v[process];
	struct buf weights = {0}, name = {0};
	uint64_t total = 0, weight;
	const char *separator = "";

	buf_puts(&name, pr->comm ? strings_get(p->strings, pr->comm) : pr->pid ? "[unnamed]" : "stacks");
	if (pr->pid)
		buf_printf(&name, " (%d)", pr->pid);
	buf_puts(out, "{\"type\":\"sampled\",\"name\":");
	text_json(out, name.v);
	buf_printf(out, ",\"unit\":\"%s\",\"startValue\":0,\"samples\":[", p->period_ns ? "nanoseconds" : "none");
	for (uint32_t i = g->first[process]; i != NO_SAMPLE; i = g->next[i]) {
		const uint32_t *nodes;
		size_t n;

		if (!view_stacks_get(stacks, &p->samples.v[i], &nodes, &n))
			continue;
		buf_puts(out, separator);
		stack(out, p, nodes, n);
		weight = p->samples.v[i].count * (p->period_ns ? p->period_ns : 1);
		buf_printf(&weights, "%s%" PRIu64, separator, weight);
		total += weight;
		separator = ",";
	}
	buf_printf(out, "],\"weights\":[%s],\"endValue\":%" PRIu64 "}", weights.v ? weights.v : "", total);
	buf_free(&weights);
	buf_free(&name);
}

/* What was profiled; and, as the format has no other place for it, what is missing. */
static void title(struct buf *out, const struct profile *p)
{
	uint64_t lost = accounting_lost(&p->accounting);
	struct buf text = {0};

	buf_puts(&text, p->command && *p->command ? p->command : "profile");
	if (lost)
		buf_printf(&text, " [lost: %" PRIu64 " of %" PRIu64 " samples]", lost, p->accounting.recorded + lost);
	text_json(out, text.v);
	buf_free(&text);
}

static int write_speedscope(struct buf *out, const struct profile *p, const struct view *view, struct error *err)
{
	struct by_process g = group_samples(p);
	struct view_stacks *stacks = view_stacks_new(p, view);
	const char *separator = "";

	buf_puts(out, "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\"exporter\":\"profile " VERSION "\",\"name\":");
	title(out, p);
	buf_putc(out, ',');
	frames(out, p);
	buf_puts(out, ",\"profiles\":[");
	for (uint32_t i = 0; i < p->processes.n; i++) {
		if (g.first[i] == NO_SAMPLE || (view->process != ALL_PROCESSES && view->process != i))
			continue;
		buf_puts(out, separator);
		process_profile(out, p, stacks, i, &g);
		separator = ",";
	}
	buf_puts(out, "]}\n");
	view_stacks_free(stacks);
	free(g.first);
	free(g.next);
	return 0;
}

const struct format speedscope_format = {".json", "speedscope", write_speedscope};
