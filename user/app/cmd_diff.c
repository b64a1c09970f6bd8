// SPDX-License-Identifier: Apache-2.0
/* profile diff: two profiles beside each other, and whether what differs is more than chance. */
#include "app/command.h"
#include "app/diff_side.h"
#include "app/streams.h"
#include "app/view_options.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "render/flamegraph.h"
#include "render/folded.h"
#include "render/format.h"
#include "profile/merge.h"
#include "render/functions.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ROWS 20
#define MIN_COUNT 20   /* samples on both sides together, below which nothing is said of a function */
#define MIN_WINDOWS 8  /* on each side, below which windows say too little about their own variation */
#define FALSE_SHARE 0.05 /* of what is called a change may be chance */
#define POWER_Z 2.80   /* a change that is seen 80 times in 100 at 0.05: 1.96 + 0.84 */

static const char help[] =
	"Usage: profile diff [processes] [-o FILE] BEFORE AFTER\n"
	"\n"
	"What changed between two profiles: a table on standard output, and a differential flame graph (-o).\n"
	"\n"
	"BEFORE and AFTER are files of folded stacks, flame graphs of ours, '-' for standard input, or time ranges of the history:\n"
	"FROM..TO, such as '-2h..-1h', '09:00..10:00', 'yesterday 03:00..yesterday 04:00', '-10m..' (until now).\n"
	"\n"
	"  -o, --output FILE      .svg, .html, or .folded with two counts a line; '-' is folded on standard output\n"
	"      --rows N           functions in the table (default 20)\n"
	"Of the history:\n"
	"      --comm NAME  --pid PID[,PID...]  --exe PATH|NAME  --unit UNIT  --container ID|NAME  --cgroup PATH\n"
	"      --pod NAME  --namespace NAME\n"
	"                         only these processes; see 'profile help export'\n"
	"      --state-dir DIR    where the history is (default " STORE_DEFAULT_DIR ")\n"
	VIEW_HELP
	"\n"
	"Ranges of the history are compared in CPU time: with 8 windows or more on each side, a change is called one when it is larger\n"
	"than the windows of each side differ among themselves (Welch's t-test; of all changes named, one in twenty may be chance).\n"
	"Files are compared by shares of their samples. How much one run differs from the next is not in them, so that p is for the\n"
	"sampling alone: a real change is smaller than any p says.\n";

struct options {
	struct history_options history;
	struct patterns *patterns;
	const char *output, *before, *after;
	char *ranges[2]; /* what guard_ranges() made */
	uint64_t rows;
};

static int take_output(void *to, const char *path, int which)
{
	const struct format *f = format_by_path(path);

	if (strcmp(path, "-") && f != &folded_format && f != &flamegraph_format && f != &html_format) {
		log_error("-o %s: a name that ends in .svg, .html or .folded is wanted", path);
		return EXIT_USAGE;
	}
	*(const char **)to = path;
	return 0;
}

static int take_rows(void *to, const char *value, int which)
{
	uint64_t *rows = to;

	return !option_number(to, value, which) && *rows && *rows <= 100000 ? 0 : OPTION_REFUSED;
}

static const struct option_row rows[] = {
	OPTION_TAKE('o', "output", struct options, output, take_output, 0),
	OPTION_TAKE(0, "rows", struct options, rows, take_rows, 0),
	HISTORY_PROCESS_OPTIONS(struct options, history),
	VIEW_OPTIONS(struct options, patterns),
};

/* "-2h..-1h" is no option: options_parse() gets to see it with a space before it. */
static void guard_ranges(struct options *o, int argc, char **argv)
{
	size_t n = 0;

	for (int i = 1; i < argc && n < ARRAY_SIZE(o->ranges); i++)
		if (argv[i][0] == '-' && argv[i][1] >= '0' && argv[i][1] <= '9' && strstr(argv[i], ".."))
			argv[i] = o->ranges[n++] = xasprintf(" %s", argv[i]);
}

static int parse(struct options *o, int argc, char **argv)
{
	int first, status;

	history_options_init(&o->history);
	o->rows = ROWS;
	guard_ranges(o, argc, argv);
	status = options_parse(rows, ARRAY_SIZE(rows), o, "diff", false, argc, argv, &first);
	if (status)
		return status;
	if (argc - first != 2) {
		log_error("two profiles are wanted, BEFORE and AFTER; see 'profile help diff'");
		return EXIT_USAGE;
	}
	o->before = argv[first] + (argv[first][0] == ' ');
	o->after = argv[first + 1] + (argv[first + 1][0] == ' ');
	if (strcmp(o->before, "-") || strcmp(o->after, "-"))
		return 0;
	log_error("only one of both can be standard input");
	return EXIT_USAGE;
}

static void add_tree(struct tree_builder *b, const struct tree *t, uint64_t factor, bool is_before)
{
	for (uint32_t id = tree_next(t, 0); id; id = tree_next(t, id)) {
		const struct tree_node *n = &t->nodes.v[id];

		tree_builder_keep(b, n->depth - 1);
		tree_builder_push(b, n->name, n->binary, n->kind);
		if (!n->self)
			continue;
		if (is_before)
			tree_builder_count_baseline(b, n->self * factor);
		else
			tree_builder_count(b, n->self * factor);
	}
}

/* Counts of both sides become counts of one unit. */
static struct tree *both(struct profile *names, const struct view *view, const struct diff_side *before, const struct diff_side *after)
{
	struct tree_builder *b = tree_builder_new(names, view);
	const struct diff_side *sides[] = {before, after};
	uint64_t common = period_unit(before->unit_ns, after->unit_ns);
	bool thousandths = before->tree->thousandths || after->tree->thousandths;

	if (thousandths)
		tree_builder_thousandths(b);
	for (int i = 0; i < 2; i++) {
		uint64_t factor = before->unit_ns && after->unit_ns ? sides[i]->unit_ns / common : 1;

		add_tree(b, sides[i]->tree, sides[i]->tree->thousandths || !thousandths ? factor : 1000 * factor, !i);
	}
	tree_builder_folded(b);
	return tree_builder_end(b);
}

struct row {
	const struct function *function;
	double before, after; /* CPUs, or shares */
	double p;	      /* of no change; NAN: not tested */
};

struct comparison {
	const struct diff_side *before, *after;
	const struct tree *tree;
	double sample;		     /* counts of the tree that are one */
	double all_before, all_after; /* samples: all, or of the history those of one CPU that was busy all the time */
	bool is_history; /* both are: in CPUs */
	bool enough;	 /* of whatever the test needs */
	VEC(struct row) rows;
	double limit; /* p up to here are findings */
};

/* The variance that the counting of samples alone gives to a window's value. */
static double counting(const struct diff_side *s, double cpus)
{
	return cpus * s->windows.n * s->unit_ns / 1e9 / s->seconds;
}

static double windows_p(const struct comparison *c, struct sums a, struct sums b)
{
	/* Windows without it have 0. */
	a.n = c->before->windows.n;
	b.n = c->after->windows.n;
	return welch_p(&a, counting(c->before, sums_mean(&a)), &b, counting(c->after, sums_mean(&b)));
}

static void add_row(struct comparison *c, const struct function *f)
{
	double before = f->before / c->sample, after = f->self / c->sample;
	struct row r = {.function = f, .before = before / c->all_before, .after = after / c->all_after, .p = NAN};

	if (!f->before && !f->self)
		return;
	if (before + after >= MIN_COUNT && c->enough && c->is_history)
		r.p = windows_p(c, diff_side_function(c->before, f->name, f->kind), diff_side_function(c->after, f->name, f->kind));
	else if (before + after >= MIN_COUNT && c->enough)
		r.p = proportions_p(before, c->all_before, after, c->all_after);
	*vec_push(&c->rows) = r;
}

static int by_change(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	double dx = fabs(x->after - x->before), dy = fabs(y->after - y->before);

	if (dx != dy)
		return dx > dy ? -1 : 1;
	return x->function->name < y->function->name ? -1 : x->function->name > y->function->name;
}

static void find_changes(struct comparison *c, const struct functions *f)
{
	VEC(double) p = {0};

	for (size_t i = 0; i < f->all.n; i++)
		add_row(c, &f->all.v[i]);
	for (size_t i = 0; i < c->rows.n; i++)
		if (!isnan(c->rows.v[i].p))
			*vec_push(&p) = c->rows.v[i].p;
	c->limit = findings_limit(p.v, p.n, FALSE_SHARE);
	if (c->rows.n)
		qsort(c->rows.v, c->rows.n, sizeof(*c->rows.v), by_change);
	vec_free(&p);
}

static bool is_finding(const struct comparison *c, const struct row *r)
{
	return r->p <= c->limit; /* never when it was not tested */
}

static void print_p(struct buf *out, double p)
{
	if (p < 0.0001)
		buf_puts(out, "p < 0.0001");
	else
		buf_printf(out, "p = %.4f", p);
}

/* "+12.3 %", "new", "gone" */
static void print_change(struct buf *out, double before, double after)
{
	if (before > 0 && after > 0)
		buf_printf(out, "%+.1f %%", 100 * (after / before - 1));
	else
		buf_puts(out, before > 0 ? "gone" : after > 0 ? "new" : "none");
}

/* Did it get better? */
static void print_verdict(struct buf *out, const struct comparison *c)
{
	struct sums a = c->before->windows, b = c->after->windows;
	double p;

	if (!c->is_history) {
		buf_printf(out, "samples: %.15g before, %.15g after (", c->all_before, c->all_after);
		print_change(out, c->all_before, c->all_after);
		buf_puts(out, "): better when less for the same work, which a file does not tell; rows are shares of all samples\n");
		return;
	}
	p = windows_p(c, a, b);
	buf_printf(out, "CPU time: %.4g CPUs before, %.4g after (", sums_mean(&a), sums_mean(&b));
	print_change(out, sums_mean(&a), sums_mean(&b));
	buf_puts(out, "): ");
	if (!c->enough) {
		buf_printf(out, "%zu and %zu windows are too few to tell, %d on each side are wanted\n", a.n, b.n, MIN_WINDOWS);
		return;
	}
	if (p <= FALSE_SHARE)
		buf_puts(out, sums_mean(&b) < sums_mean(&a) ? "less CPU time, " : "more CPU time, ");
	else
		buf_puts(out, "no change that windows do not have among themselves, ");
	print_p(out, p);
	buf_printf(out, "; of %zu and %zu windows; a change of less than %.2g CPUs would hardly be seen\n", a.n, b.n,
		   POWER_Z * sqrt(fmax(sums_variance(&a), counting(c->before, sums_mean(&a))) / a.n +
				  fmax(sums_variance(&b), counting(c->after, sums_mean(&b))) / b.n));
}

static void print_row(struct buf *out, const struct comparison *c, const struct row *r)
{
	const char *name = strings_get(c->tree->profile->strings, r->function->name);
	struct buf change = {0};

	print_change(&change, r->before, r->after);
	buf_printf(out, "%8.2f%% %8.2f%% %10s  ", 100 * r->before, 100 * r->after, change.v);
	buf_free(&change);
	if (isnan(r->p)) {
		buf_puts(out, "too little         ");
	} else {
		buf_printf(out, "%-6s ", !is_finding(c, r) ? "same" : r->after < r->before ? "less" : "more");
		print_p(out, r->p);
		buf_puts(out, "  ");
	}
	text_escape(out, name, strlen(name));
	buf_puts(out, "\n");
}

static void print_table(struct buf *out, const struct comparison *c, size_t most)
{
	size_t changed = 0;

	print_verdict(out, c);
	for (size_t i = 0; i < c->rows.n; i++)
		changed += is_finding(c, &c->rows.v[i]);
	buf_printf(out, "functions with a change that is more than chance%s: %zu of %zu\n", c->is_history ? "" : " of sampling", changed, c->rows.n);
	buf_printf(out, "  before     after     change  verdict             function itself, %s\n", c->is_history ? "of one CPU" : "of all samples");
	for (size_t i = 0; i < c->rows.n && i < most; i++)
		print_row(out, c, &c->rows.v[i]);
}

static int write_graph(const struct options *o, const struct tree *t, struct error *err)
{
	struct flamegraph_options graph = flamegraph_defaults;
	auto_free char *subtitle = xasprintf("%s, compared with %s", o->after, o->before);
	bool to_stdout = !strcmp(o->output, "-");
	struct buf out = {0};
	int ret;

	graph.title = "Differential flame graph";
	graph.subtitle = subtitle;
	graph.factor = t->thousandths ? 0.001 : 1;
	if (to_stdout || format_by_path(o->output) == &folded_format) {
		folded_write(&out, t);
	} else {
		graph.html = format_by_path(o->output) == &html_format;
		flamegraph_write(&out, t, &graph);
	}
	ret = stream_write(to_stdout ? NULL : o->output, &out, err);
	buf_free(&out);
	return ret;
}

static int compare(const struct options *o, const struct tree *t, const struct diff_side *before, const struct diff_side *after)
{
	bool is_history = before->windows.n && after->windows.n && before->seconds > 0 && after->seconds > 0;
	struct comparison c = {
		.before = before,
		.after = after,
		.tree = t,
		.sample = t->thousandths ? 1000 : 1,
		.is_history = is_history,
		.enough = !is_history || (before->windows.n >= MIN_WINDOWS && after->windows.n >= MIN_WINDOWS),
	};
	uint64_t unit = period_unit(before->unit_ns, after->unit_ns);
	bool table_on_stdout = !o->output || strcmp(o->output, "-");
	struct functions f;
	struct error err = {0};
	struct buf out = {0};
	int ret;

	c.all_before = is_history ? before->seconds * 1e9 / unit : t->baseline[0].total / c.sample;
	c.all_after = is_history ? after->seconds * 1e9 / unit : t->nodes.v[0].total / c.sample;
	functions_make(&f, t);
	find_changes(&c, &f);
	print_table(&out, &c, o->rows);
	ret = o->output ? write_graph(o, t, &err) : 0;
	if (!ret && table_on_stdout)
		ret = stream_write(NULL, &out, &err);
	else if (!ret)
		fputs(out.v, stderr);
	if (ret)
		log_error("%s", err.text);
	vec_free(&c.rows);
	functions_free(&f);
	buf_free(&out);
	return !!ret;
}

static int run_diff(int argc, char **argv)
{
	struct options o = {0};
	struct diff_side before = {0}, after = {0};
	struct profile *names = profile_new();
	struct view view = {.process = ALL_PROCESSES};
	struct tree *t = NULL;
	int status = parse(&o, argc, argv);

	view.patterns = o.patterns;
	status = status ? status : diff_side_read(&before, o.before, &o.history, names, &view);
	status = status ? status : diff_side_read(&after, o.after, &o.history, names, &view);
	if (!status) {
		t = both(names, &view, &before, &after);
		status = compare(&o, t, &before, &after);
	}
	tree_free(t);
	diff_side_free(&before);
	diff_side_free(&after);
	profile_free(names);
	patterns_free(o.patterns);
	history_options_free(&o.history);
	for (size_t i = 0; i < ARRAY_SIZE(o.ranges); i++)
		free(o.ranges[i]);
	return status;
}

const struct command diff_command = {
	.name = "diff",
	.summary = "two profiles, or two times of the history, compared",
	.help = help,
	.run = run_diff,
};
