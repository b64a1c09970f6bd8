// SPDX-License-Identifier: Apache-2.0
/* The flame graph as an output format: what was measured becomes title and subtitle. */
#include "base/clock.h"
#include "render/flamegraph.h"
#include "render/format.h"
#include "render/svg.h"

#include <inttypes.h>
#include <time.h>

#define DOT " \xC2\xB7 "

/* "COMM (PID)" of the process in view, else what was profiled. */
static void add_title(struct buf *out, const struct profile *p, const struct view *view)
{
	if (view->process != ALL_PROCESSES && p->processes.v[view->process].pid) {
		const struct profile_process *process = &p->processes.v[view->process];

		buf_printf(out, "%s (%d)", strings_get(p->strings, process->comm), process->pid);
	} else {
		buf_puts(out, p->command && *p->command ? p->command : "Flame graph");
	}
}

/* Nanoseconds as seconds, rounded to tenths below 100 s. */
static void add_seconds(struct buf *out, uint64_t ns)
{
	uint64_t tenths = ns / (NS_PER_SEC / 10) + (ns % (NS_PER_SEC / 10) >= NS_PER_SEC / 20);

	if (tenths < 1000)
		buf_printf(out, "%" PRIu64 ".%" PRIu64 " s", tenths / 10, tenths % 10);
	else
		buf_printf(out, "%" PRIu64 " s", (tenths + 5) / 10);
}

/* UTC: the file does not depend on where it was made. */
static void add_time(struct buf *out, uint64_t ns)
{
	time_t t = ns / NS_PER_SEC;
	struct tm tm;
	char text[40];

	if (gmtime_r(&t, &tm) && strftime(text, sizeof(text), DOT "%Y-%m-%d %H:%M:%S UTC", &tm))
		buf_puts(out, text);
}

/* "CPU time of 10.0 s · cpu-clock, 99 Hz · 1,234 samples = 12.4 s of CPU · 2026-01-31 23:59:00 UTC" */
static void add_subtitle(struct buf *out, const struct profile *p, uint64_t samples)
{
	uint64_t cpu;

	buf_puts(out, "on CPU");
	if (p->end_ns > p->start_ns) {
		buf_puts(out, DOT);
		add_seconds(out, p->end_ns - p->start_ns);
	}
	if (p->event)
		buf_printf(out, DOT "%s", p->event);
	if (p->period_ns)
		buf_printf(out, "%s%" PRIu64 " Hz", p->event ? " at " : DOT,
			   (uint64_t)(NS_PER_SEC + p->period_ns / 2) / p->period_ns);
	buf_puts(out, DOT);
	svg_count(out, samples);
	buf_puts(out, " samples");
	if (p->period_ns && !__builtin_mul_overflow(samples, p->period_ns, &cpu)) {
		buf_puts(out, ", ");
		add_seconds(out, cpu);
		buf_puts(out, " of CPU time");
	}
	if (p->start_ns)
		add_time(out, p->start_ns);
}

/* Thread frames are offered to choose from where they mean something and do not make the file much larger. */
#define MAX_THREADED_FRAMES 300000

static struct tree *thread_tree(const struct profile *p, const struct view *view)
{
	struct view threads = *view;
	size_t n = 0;
	struct tree *t;

	for (size_t i = 0; i < p->threads.n; i++)
		n += p->threads.v[i].tid && (view->process == ALL_PROCESSES || p->threads.v[i].process == view->process);
	if (n < 2 || view->threads || view->reversed || view->in_order || view->patterns)
		return NULL;
	threads.threads = true;
	t = tree_new(p, &threads);
	if (t->nodes.n <= MAX_THREADED_FRAMES)
		return t;
	tree_free(t);
	return NULL;
}

static int write_picture(struct buf *out, const struct profile *p, const struct view *view, bool html)
{
	struct flamegraph_options o = flamegraph_defaults;
	struct tree *t = tree_new(p, view), *threads = view->no_script ? NULL : thread_tree(p, view);
	struct buf title = {0}, subtitle = {0}, accounting = {0};

	add_title(&title, p, view);
	add_subtitle(&subtitle, p, t->nodes.v[0].total);
	o.title = title.v;
	o.subtitle = subtitle.v;
	o.html = html;
	o.no_script = view->no_script;
	o.threads = threads;
	o.thread_frames = view->threads && !view->reversed && !view->patterns;
	if (p->accounting.expected) {
		accounting_print(&accounting, &p->accounting);
		o.accounting = accounting.v;
	}
	flamegraph_write(out, t, &o);
	buf_free(&title);
	buf_free(&subtitle);
	buf_free(&accounting);
	tree_free(threads);
	tree_free(t);
	return 0;
}

static int write_svg(struct buf *out, const struct profile *p, const struct view *view, struct error *err)
{
	return write_picture(out, p, view, false);
}

static int write_html(struct buf *out, const struct profile *p, const struct view *view, struct error *err)
{
	return write_picture(out, p, view, true);
}

const struct format flamegraph_format = {".svg", "interactive flame graph", write_svg};
const struct format html_format = {".html", "the same as a web page", write_html};
