// SPDX-License-Identifier: Apache-2.0
#include "app/metrics.h"

#include "base/mem.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdbool.h>

#define PREFIX "profiled_"

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name, type);
}

static void metric(struct buf *out, const char *name, const char *type, const char *help, uint64_t value, uint64_t unit)
{
	head(out, name, type, help);
	if (unit)
		buf_printf(out, PREFIX "%s %" PRIu64 ".%09" PRIu64 "\n", name, value / unit, value % unit);
	else
		buf_printf(out, PREFIX "%s %" PRIu64 "\n", name, value);
}

/* The escapes of a label are those of JSON, as far as they can occur here. */
static void print_unwind(struct buf *out, const struct unwind_stats *s)
{
	head(out, "unwind_stacks_total", "counter", "User stacks, by how they end.");
	for (int end = UNWIND_WHOLE; end < UNWIND_ENDS; end++)
		buf_printf(out, PREFIX "unwind_stacks_total{end=\"%s\"} %" PRIu64 "\n", unwind_end_name(end), s->ends[end]);
	if (s->images.n)
		head(out, "unwind_cut_stacks_total", "counter", "Those that are not whole, by the image where they end.");
	for (size_t i = 0; i < s->images.n; i++)
		for (int end = UNWIND_WHOLE + 1; end < UNWIND_ENDS; end++) {
			if (!s->images.v[i].ends[end])
				continue;
			buf_puts(out, PREFIX "unwind_cut_stacks_total{image=");
			text_json(out, s->images.v[i].name);
			buf_printf(out, ",end=\"%s\"} %" PRIu64 "\n", unwind_end_name(end), s->images.v[i].ends[end]);
		}
}

void metrics_print(struct buf *out, const struct metrics *m)
{
	const struct accounting *a = &m->accounting;

	metric(out, "periods_expected_total", "counter", "Sampling periods; expected = idle + filtered + recorded + lost.",
	       a->expected, 0);
	metric(out, "periods_idle_total", "counter", "Those of an idle CPU.", a->idle, 0);
	metric(out, "periods_filtered_total", "counter", "Those of processes that are not profiled.", a->filtered, 0);
	metric(out, "samples_recorded_total", "counter", "Those that are in the profiles.", a->recorded, 0);
	head(out, "periods_lost_total", "counter", "Those that were lost, and why.");
	for (int i = 0; i < LOST_N; i++)
		buf_printf(out, PREFIX "periods_lost_total{reason=\"%s\"} %" PRIu64 "\n", lost_reason_name(i), a->lost[i]);
#define X(member, name, type, unit, help) metric(out, name, type, help, m->member, unit);
	METRICS(X)
#undef X
	if (m->unwind)
		print_unwind(out, m->unwind);
	head(out, "build_info", "gauge", "Version of the program.");
	buf_puts(out, PREFIX "build_info{version=\"" VERSION "\"} 1\n");
}

/* A frame that stands for the reason why a stack is cut. */
static bool is_note(const struct profile *p, uint32_t node)
{
	return p->frames.v[p->nodes.v[node].frame].kind == FRAME_NOTE;
}

/* "[image+0x1f00]", "[unknown]", "[anon]": symbols never begin like that. */
static bool is_nameless(const struct profile *p, uint32_t node)
{
	return strings_get(p->strings, p->frames.v[p->nodes.v[node].frame].name)[0] == '[';
}

void metrics_add_window(struct metrics *m, const struct profile *p)
{
	m->windows++;
	accounting_add(&m->accounting, &p->accounting);
	for (size_t i = 0; i < p->samples.n; i++) {
		const struct profile_sample *s = &p->samples.v[i];
		bool cut = false;

		for (uint32_t node = s->node; node && !cut; node = p->nodes.v[node].parent)
			cut = is_note(p, node);
		m->samples_cut += cut ? s->count : 0;
		m->samples_nameless += s->node && is_nameless(p, s->node) ? s->count : 0;
	}
}
