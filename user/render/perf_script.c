// SPDX-License-Identifier: Apache-2.0
#include "render/perf_script.h"

#include "base/lines.h"

#include <string.h>

/* A part of a line. */
struct part {
	const char *s;
	size_t n;
};

#define EMPTY ((struct part){"", 0})

/* A sample's first line, taken apart. */
struct header {
	struct part comm, event, rest; /* rest: what is behind the event */
	struct part pid, tid;
	uint64_t period; /* 1 where none is told */
	bool sure;       /* there is more than a name and a number, which any text could be */
};

struct frame {
	uint32_t name;
	enum frame_kind kind;
};

struct perf_script {
	const struct profile *profile;
	struct tree_builder *builder;
	struct perf_script_options options;
	struct perf_script_report report;
	struct lines lines;
	uint64_t line;        /* number of the last one */
	bool open;            /* a sample's header was read, or a frame without one */
	bool wanted;          /* the sample is of the event that counts */
	bool sure;            /* that its header is one */
	struct buf root;      /* its root frame; empty: it has none */
	struct buf rest;      /* of its header: a frame, if none follow */
	uint64_t period, header_line;
	uint64_t total;
	VEC(struct frame) frames; /* of it, leaf first */
	VEC(struct frame) stack;  /* what the builder holds: root first */
	struct buf name;          /* scratch */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool equals(struct part p, const char *text)
{
	return p.n == strlen(text) && !memcmp(p.s, text, p.n);
}

static bool starts(struct part p, const char *text)
{
	return p.n >= strlen(text) && !memcmp(p.s, text, strlen(text));
}

static bool ends(struct part p, const char *text)
{
	size_t n = strlen(text);

	return p.n >= n && !memcmp(p.s + p.n - n, text, n);
}

static struct part trimmed(struct part p)
{
	while (p.n && is_blank(p.s[p.n - 1]))
		p.n--;
	while (p.n && is_blank(*p.s))
		p.s++, p.n--;
	return p;
}

/* Takes the first word off. Empty at the end. */
static struct part first_word(struct part *p)
{
	struct part word;

	*p = trimmed(*p);
	word = (struct part){p->s, 0};
	while (word.n < p->n && !is_blank(p->s[word.n]))
		word.n++;
	p->s += word.n;
	p->n -= word.n;
	*p = trimmed(*p);
	return word;
}

static struct part last_word(struct part *p)
{
	struct part word;

	*p = trimmed(*p);
	word = (struct part){p->s + p->n, 0};
	while (p->n && !is_blank(p->s[p->n - 1]))
		word.s--, word.n++, p->n--;
	*p = trimmed(*p);
	return word;
}

static size_t digits(struct part p, size_t from)
{
	size_t i = from;

	while (i < p.n && is_digit(p.s[i]))
		i++;
	return i - from;
}

/* "123", "123/456", "-1" (a process that is gone). */
static bool is_pid(struct part w)
{
	size_t i = w.n && *w.s == '-', n = digits(w, i);

	if (!n)
		return false;
	i += n;
	if (i == w.n)
		return true;
	if (w.s[i++] != '/')
		return false;
	i += i < w.n && w.s[i] == '-';
	n = digits(w, i);
	return n && i + n == w.n;
}

/* "[003]" */
static bool is_cpu(struct part w)
{
	return w.n >= 3 && *w.s == '[' && w.s[w.n - 1] == ']' && digits(w, 1) == w.n - 2;
}

/* "1234.567890:", with --ns nine digits behind the point. */
static bool is_time(struct part w)
{
	size_t whole = digits(w, 0), fraction = whole && whole < w.n && w.s[whole] == '.' ? digits(w, whole + 1) : 0;

	return fraction >= 3 && whole + 1 + fraction + 1 == w.n && w.s[w.n - 1] == ':';
}

static bool parse_u64(struct part w, uint64_t *ret)
{
	uint64_t v = 0;

	if (!w.n || digits(w, 0) != w.n)
		return false;
	for (size_t i = 0; i < w.n; i++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, w.s[i] - '0', &v))
			return false;
	*ret = v;
	return true;
}

/*
 * Finds the first word that is a time, or a CPU: what is before it is who, what is behind it is what happened. Strict: only
 * one behind a word that can be a pid or a CPU.
 */
static bool split_at(struct part line, bool (*is)(struct part), bool strict, struct part *before, struct part *after)
{
	struct part rest = line, word = first_word(&rest), last = EMPTY;

	for (; word.n; last = word, word = first_word(&rest)) {
		if (!is(word) || (strict && last.n && !is_pid(last) && !is_cpu(last)))
			continue;
		*before = trimmed((struct part){line.s, word.s - line.s});
		*after = rest;
		return true;
	}
	return false;
}

/* COMM PID/TID [CPU], or what there is of it. */
static void take_who(struct header *h, struct part who)
{
	struct part rest = who, word = last_word(&rest);

	if (is_cpu(word)) {
		who = rest;
		word = last_word(&rest);
	}
	if (is_pid(word)) {
		const char *slash = memchr(word.s, '/', word.n);

		who = rest;
		h->pid = word;
		if (slash) {
			h->pid.n = slash - word.s;
			h->tid = (struct part){slash + 1, word.n - h->pid.n - 1};
		}
	}
	h->comm = trimmed(who);
}

/* PERIOD EVENT: REST, or what there is of it. */
static void take_what(struct header *h, struct part what)
{
	struct part rest = what, word = first_word(&rest);

	if (parse_u64(word, &h->period)) {
		what = rest;
		word = first_word(&rest);
	}
	if (word.n && word.s[word.n - 1] == ':') {
		h->event = (struct part){word.s, word.n - 1};
		what = rest;
	}
	h->rest = what;
}

/* Does it say when or where? */
static bool has_anchor(struct part line)
{
	struct part before, after;

	return split_at(line, is_time, true, &before, &after) || split_at(line, is_cpu, true, &before, &after);
}

static void take_header(struct header *h, struct part line)
{
	struct part who = line, what = EMPTY;

	*h = (struct header){EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, .period = 1};
	h->sure = split_at(line, is_time, true, &who, &what) || split_at(line, is_cpu, true, &who, &what) ||
		  split_at(line, is_time, false, &who, &what);
	if (!h->sure) {
		/* COMM PID PERIOD EVENT:, of which any may be missing. */
		struct part rest = line, word = last_word(&rest), before;

		if (word.n > 1 && word.s[word.n - 1] == ':') {
			h->event = (struct part){word.s, word.n - 1};
			who = before = rest;
			word = last_word(&before);
			rest = before;
			if (is_pid(last_word(&rest)) && parse_u64(word, &h->period))
				who = before;
		}
	}
	if (what.n)
		take_what(h, what);
	take_who(h, who);
	h->sure |= h->event.n != 0;
	h->period = h->period ? h->period : 1;
}

/* SYMBOL (BINARY): where the binary starts, or n. It may hold spaces and brackets, so may the symbol. */
static size_t find_binary(struct part p)
{
	size_t depth = 0;

	if (!p.n || p.s[p.n - 1] != ')')
		return p.n;
	/* "+0x1f (" is a sure sign. */
	for (size_t i = p.n - 1; i > 5; i--) {
		size_t hex = i - 1;

		if (p.s[i] != '(' || p.s[i - 1] != ' ')
			continue;
		while (hex && is_hex(p.s[hex - 1]))
			hex--;
		if (hex < i - 1 && hex >= 3 && !memcmp(p.s + hex - 3, "+0x", 3))
			return i;
	}
	for (size_t i = p.n; i--;) {
		depth += p.s[i] == ')';
		depth -= p.s[i] == '(';
		if (!depth && (!i || is_blank(p.s[i - 1])))
			return i;
		if (!depth)
			break;
	}
	for (size_t i = p.n; i--;)
		if (p.s[i] == '(' && (!i || is_blank(p.s[i - 1])))
			return i;
	return p.n;
}

static void cut_offset(struct part *symbol)
{
	size_t i = symbol->n;

	while (i && is_hex(symbol->s[i - 1]))
		i--;
	if (i < symbol->n && i > 3 && !memcmp(symbol->s + i - 3, "+0x", 3))
		symbol->n = i - 3;
}

static bool is_map_file(struct part binary)
{
	return starts(binary, "/tmp/perf-") && ends(binary, ".map");
}

static bool is_jit(struct part binary)
{
	const char *slash = memrchr(binary.s, '/', binary.n);
	struct part name = {slash ? slash + 1 : binary.s, slash ? binary.n - (slash + 1 - binary.s) : binary.n};

	return starts(binary, "[JIT]") || is_map_file(binary) || (starts(name, "jitted-") && ends(name, ".so"));
}

/* Brackets stand for the kernel and its modules, but not all of them do. */
static bool is_kernel(struct part binary)
{
	static const char *const user[] = {"[vdso]", "[vsyscall]", "[heap]", "[stack]", "[uprobes]", "[unknown]"};

	if (ends(binary, "vmlinux") || ends(binary, ".ko") || ends(binary, ".ko.xz") || ends(binary, ".ko.gz") ||
	    ends(binary, ".ko.zst"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(user); i++)
		if (equals(binary, user[i]))
			return false;
	return starts(binary, "[") && ends(binary, "]") && !starts(binary, "[anon") && !starts(binary, "[stack:");
}

static enum frame_kind kind_of(struct part address, struct part binary)
{
	if (equals(binary, "inlined"))
		return FRAME_INLINE;
	if (is_jit(binary))
		return FRAME_JIT;
	/* The upper half of the addresses is the kernel's on every 64-bit machine; garbage seldom looks like it. */
	if (is_kernel(binary) || (address.n == 16 && starts(address, "ffff")))
		return FRAME_KERNEL;
	return FRAME_USER;
}

/* "[libc.so.6]" for a function that perf has no name of. */
static void name_unknown(struct perf_script *r, struct part address, struct part binary)
{
	const char *slash = memrchr(binary.s, '/', binary.n);
	struct buf *out = &r->name;

	if (slash)
		binary = (struct part){slash + 1, binary.n - (slash + 1 - binary.s)};
	/* [kernel.kallsyms] has its brackets already. */
	if (binary.n > 2 && *binary.s == '[' && binary.s[binary.n - 1] == ']')
		binary = (struct part){binary.s + 1, binary.n - 2};
	if (!binary.n)
		binary = (struct part){"unknown", 7};
	buf_putc(out, '[');
	buf_add(out, binary.s, binary.n);
	if (r->options.addresses && address.n) {
		buf_puts(out, " <");
		buf_add(out, address.s, address.n);
		buf_putc(out, '>');
	}
	buf_putc(out, ']');
}

static void add_frame(struct perf_script *r, struct part name, enum frame_kind kind)
{
	/* A NUL cannot stand in a name; perf prints none. */
	const char *nul = memchr(name.s, '\0', name.n);

	if (nul)
		name.n = nul - name.s;
	if (name.n)
		*vec_push(&r->frames) = (struct frame){strings_add_n(r->profile->strings, name.s, name.n), kind};
}

/* "Ljava/lang/String;::length" is, "LazyCompile:*run /app/x.js" is not. */
static bool is_java_class(struct part name)
{
	size_t i = 0;

	while (i < name.n && !strchr(";:. /", name.s[i]))
		i++;
	return starts(name, "L") && i < name.n && name.s[i] == '/';
}

/*
 * A JIT compiler's map can say "outer->inner->innermost" of one address: the later ones were inlined. Java's agent writes
 * class names as the virtual machine does, "Ljava/lang/String;::length"; people know them without the L.
 */
static void add_compiled(struct perf_script *r, struct part symbol)
{
	VEC(struct part) names = {0};

	while (symbol.n) {
		const char *arrow = memmem(symbol.s, symbol.n, "->", 2);
		struct part name = {symbol.s, arrow ? (size_t)(arrow - symbol.s) : symbol.n};
		size_t used = name.n + (arrow ? 2 : 0);

		if (is_java_class(name))
			name.s++, name.n--;
		*vec_push(&names) = name;
		symbol.s += used;
		symbol.n -= used;
	}
	for (size_t i = names.n; i--;)
		add_frame(r, names.v[i], i ? FRAME_INLINE : FRAME_JIT);
	vec_free(&names);
}

/*
 * Takes the address off that a frame's line starts with. perf pads it to 16 columns behind a tab; elsewhere short words of
 * these letters are taken for names, unless a name follows. Empty: there is none.
 */
static struct part take_address(struct part *line)
{
	bool tab = line->n && *line->s == '\t';
	const char *start = line->s;
	struct part rest = *line, word = first_word(&rest);
	size_t hex = 0;

	while (hex < word.n && is_hex(word.s[hex]))
		hex++;
	if (!hex || hex < word.n)
		return EMPTY;
	if (hex < 5 && !(tab && word.s + word.n == start + 17) && (!rest.n || *rest.s == '('))
		return EMPTY;
	*line = rest;
	return word;
}

/* Is it an address without doubt? */
static bool is_address(struct part line)
{
	const char *start = line.s;
	bool tab = line.n && *start == '\t';
	struct part address = take_address(&line);

	return address.n >= 5 || (address.n && tab && address.s + address.n == start + 17);
}

/* ADDRESS SYMBOL (BINARY), any two of which may be missing. */
static bool take_frame(struct perf_script *r, struct part line)
{
	struct part address = take_address(&line), rest = trimmed(line), symbol, binary = EMPTY;
	size_t start = find_binary(rest);
	enum frame_kind kind;

	symbol = trimmed((struct part){rest.s, start});
	if (start < rest.n)
		binary = (struct part){rest.s + start + 1, rest.n - start - 2};
	cut_offset(&symbol);
	kind = kind_of(address, binary);
	if (!symbol.n || equals(symbol, "[unknown]")) {
		buf_truncate(&r->name, 0);
		name_unknown(r, address, equals(binary, "[unknown]") ? EMPTY : binary);
		symbol = (struct part){r->name.v, r->name.n};
	} else if (kind == FRAME_JIT && is_map_file(binary)) {
		add_compiled(r, symbol);
		return true;
	}
	add_frame(r, symbol, kind);
	return symbol.n;
}

static bool same_frame(struct frame a, struct frame b)
{
	return a.name == b.name && a.kind == b.kind;
}

/* Gives the sample to the builder, which keeps the frames that it has in common with the one before. */
static void push_stack(struct perf_script *r, uint64_t count)
{
	size_t common = 0;

	if (r->root.n)
		*vec_push(&r->frames) = (struct frame){strings_add_n(r->profile->strings, r->root.v, r->root.n), FRAME_USER};
	while (common < r->stack.n && common < r->frames.n &&
	       same_frame(r->stack.v[common], r->frames.v[r->frames.n - 1 - common]))
		common++;
	tree_builder_keep(r->builder, common);
	r->stack.n = common;
	for (size_t i = r->frames.n - common; i--;) {
		tree_builder_push(r->builder, r->frames.v[i].name, 0, r->frames.v[i].kind);
		*vec_push(&r->stack) = r->frames.v[i];
	}
	tree_builder_count(r->builder, count);
}

static void bad_line(struct perf_script *r, uint64_t line)
{
	if (!r->report.bad++)
		r->report.first = line;
}

static void end_sample(struct perf_script *r)
{
	uint64_t count = r->options.each_is_one ? 1 : r->period;

	if (!r->open)
		return;
	/* Without stacks the one frame there is stands behind the event. */
	if (!r->frames.n && r->rest.n)
		take_frame(r, (struct part){r->rest.v, r->rest.n});
	if ((!r->sure && !r->frames.n) || (r->wanted && __builtin_add_overflow(r->total, count, &r->total))) {
		bad_line(r, r->header_line);
	} else if (r->wanted) {
		r->report.samples++;
		push_stack(r, count);
	} else {
		r->report.others++;
	}
	r->open = false;
	r->frames.n = 0;
}

/* "cycles:ppp" is asked for as that or as "cycles". */
static bool is_event(struct part event, const char *wanted)
{
	size_t n = strlen(wanted);

	return equals(event, wanted) || (event.n > n && event.s[n] == ':' && starts(event, wanted));
}

static bool is_wanted(struct perf_script *r, struct part event)
{
	const char *wanted = r->options.event;

	if (wanted && !is_event(event, wanted))
		return false;
	if (!r->report.event && event.n)
		r->report.event = xstrndup(event.s, event.n);
	return wanted || !event.n || equals(event, r->report.event);
}

/* COMM, COMM-PID or COMM-PID/TID. */
static void set_root(struct perf_script *r, const struct header *h)
{
	struct part tid = h->tid.n ? h->tid : h->pid, pid = h->tid.n ? h->pid : (struct part){"?", 1};

	buf_truncate(&r->root, 0);
	buf_add(&r->root, h->comm.s, h->comm.n);
	if (!h->comm.n && h->pid.n) { /* as perf itself calls such a process */
		buf_putc(&r->root, ':');
		buf_add(&r->root, tid.s, tid.n);
	}
	if (!r->options.pids && !r->options.tids)
		return;
	/* A lone number is the thread's; perf prints that of the process only when asked for both. */
	buf_putc(&r->root, '-');
	buf_add(&r->root, pid.s, pid.n);
	if (r->options.tids) {
		buf_putc(&r->root, '/');
		buf_add(&r->root, tid.n ? tid.s : "?", tid.n ? tid.n : 1);
	}
}

/* Records of perf.data that are no samples (--show-mmap-events and the like) come as lines of that form too. */
static bool is_sample(const struct header *h)
{
	return !starts(h->rest, "PERF_RECORD_") && !starts(h->event, "PERF_RECORD_");
}

static bool begin_sample(struct perf_script *r, struct part line)
{
	struct header h;

	take_header(&h, line);
	if (!h.comm.n && !h.pid.n)
		return false;
	if (memchr(line.s, '\0', line.n))
		return false;
	if (!is_sample(&h))
		return true;
	r->open = true;
	r->sure = h.sure;
	r->header_line = r->line;
	r->wanted = is_wanted(r, h.event);
	r->period = h.period;
	set_root(r, &h);
	buf_truncate(&r->rest, 0);
	if (is_address(h.rest)) /* what a tracepoint says is none */
		buf_add(&r->rest, h.rest.s, h.rest.n);
	return true;
}

/* A frame that no header came before (-F ip,sym). */
static bool begin_bare(struct perf_script *r, struct part line)
{
	if (!is_blank(*line.s) || !is_address(line) || has_anchor(line))
		return false;
	r->open = true;
	r->sure = true;
	r->header_line = r->line;
	r->wanted = is_wanted(r, EMPTY);
	r->period = 1;
	buf_truncate(&r->root, 0);
	buf_truncate(&r->rest, 0);
	return take_frame(r, line);
}

/* A source line below its frame (-F srcline): two spaces in, where frames have a tab. */
static bool is_source_line(struct part line)
{
	struct part text = trimmed(line);
	size_t i = text.n;

	if (!starts(line, "  ") || starts(line, "   ") || is_address(line))
		return false;
	if (ends(text, "]")) { /* BINARY[ADDRESS] */
		for (i--; i && is_hex(text.s[i - 1]);)
			i--;
		return i && text.s[i - 1] == '[';
	}
	while (i && is_digit(text.s[i - 1]))
		i--;
	return i && i < text.n && text.s[i - 1] == ':';
}

static void take_line(void *reader, const char *text, size_t n)
{
	struct perf_script *r = reader;
	struct part line = {text, n}, bare = trimmed(line);
	bool good;

	r->line++;
	if (!bare.n) {
		end_sample(r);
		return;
	}
	if (*bare.s == '#' && !r->open)
		return;
	if (r->open && *text == '\t')
		good = take_frame(r, line);
	else if (r->open && is_source_line(line))
		good = true;
	else if (r->open && (is_blank(*text) || (is_address(line) && ends(bare, ")"))) && !has_anchor(line))
		good = take_frame(r, line); /* of text that lost its tabs, or its indentation */
	else {
		end_sample(r);
		good = begin_bare(r, line) || begin_sample(r, bare);
	}
	if (!good)
		bad_line(r, r->line);
}

struct perf_script *perf_script_new(const struct profile *p, struct tree_builder *b, const struct perf_script_options *o)
{
	struct perf_script *r = xcalloc(1, sizeof(*r));

	r->profile = p;
	r->builder = b;
	r->options = *o;
	r->lines = (struct lines){.take = take_line, .ctx = r};
	return r;
}

void perf_script_add(struct perf_script *r, const char *text, size_t n)
{
	lines_add(&r->lines, text, n);
}

void perf_script_end(struct perf_script *r, struct perf_script_report *report)
{
	lines_end(&r->lines);
	end_sample(r);
	*report = r->report;
	buf_free(&r->root);
	buf_free(&r->rest);
	buf_free(&r->name);
	vec_free(&r->frames);
	vec_free(&r->stack);
	free(r);
}
