// SPDX-License-Identifier: Apache-2.0
#include "symbolize/names.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/strings.h"
#include "symbolize/helper.h"
#include "symbolize/namer.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#define NAMER_DEADLINE_NS (20 * NS_PER_SEC) /* wall time */
#define SYMBOL_CPU_NS (20 * NS_PER_MS) /* for one; the worst that fuzzing found take some hundred microseconds */
#define CHECK_NS (5 * NS_PER_MS)
#define FAILURES_MAX 8 /* namers of one owner that may fail before the rest of his symbols stay as they are, until the next time */

/* What one owner's symbols are. */
struct group {
	struct names_owner owner;
	struct strings *symbols; /* ids in the order in which they were asked for, from 1 on */
	VEC(size_t) answers; /* by id, of the first ones: where the text is. Id 0 has none */
	struct buf texts; /* NUL-terminated */
	unsigned failures;
	bool given_up; /* until names_forget() */
};

struct names {
	bool full;
	VEC(struct group) groups; /* ascending by owner: root's come first */
	struct buf scratch;
	struct names_counts counts;
};

struct names *names_new(bool full)
{
	struct names *n = xcalloc(1, sizeof(*n));

	n->full = full;
	return n;
}

void names_forget(struct names *n)
{
	for (size_t i = 0; i < n->groups.n; i++) {
		strings_free(n->groups.v[i].symbols);
		vec_free(&n->groups.v[i].answers);
		buf_free(&n->groups.v[i].texts);
	}
	vec_free(&n->groups);
	buf_free(&n->scratch);
}

void names_free(struct names *n)
{
	if (!n)
		return;
	names_forget(n);
	free(n);
}

struct names_counts names_counts(const struct names *n)
{
	return n->counts;
}

static int compare(const struct names_owner *a, const struct names_owner *b)
{
	if (a->user != b->user)
		return a->user < b->user ? -1 : 1;
	return (a->device > b->device) - (a->device < b->device);
}

/* Index of the owner's group, or of the place where it belongs. */
static size_t place_of(const struct names *n, const struct names_owner *owner)
{
	size_t low = 0, high = n->groups.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&n->groups.v[middle].owner, owner) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct group *find(const struct names *n, const struct names_owner *owner)
{
	size_t i = place_of(n, owner);

	return i < n->groups.n && !compare(&n->groups.v[i].owner, owner) ? &n->groups.v[i] : NULL;
}

static struct group *get(struct names *n, const struct names_owner *owner)
{
	struct group *g = find(n, owner);
	size_t i = place_of(n, owner);

	if (g)
		return g;
	vec_reserve(&n->groups, 1);
	g = &n->groups.v[i];
	memmove(g + 1, g, (n->groups.n++ - i) * sizeof(*g));
	*g = (struct group){.owner = *owner, .symbols = strings_new()};
	*vec_push(&g->answers) = 0;
	return g;
}

void names_want(struct names *n, const struct names_owner *owner, const char *symbol)
{
	if (demangle_is_mangled(symbol))
		strings_add(get(n, owner)->symbols, symbol);
}

/* The answer to the first symbol that has none. What is no name is none. */
static void add_answer(const struct names *n, struct group *g, const char *text, size_t length)
{
	const char *symbol = strings_get(g->symbols, g->answers.n);

	*vec_push(&g->answers) = g->texts.n;
	if (length && length <= NAMER_ANSWER_MAX)
		buf_add(&g->texts, text, length);
	else
		demangle_plain(&g->texts, symbol, n->full);
	buf_putc(&g->texts, '\0');
}

/* Takes the answers to symbols up to `end`, the last of which may be cut short. False: the namer did not come to read any. */
static bool take_answers(const struct names *n, struct group *g, const struct helper_result *r, uint32_t end)
{
	const char *at = r->bytes, *last = at + r->size, *nul;

	if (!at || *at++)
		return false;
	while (g->answers.n < end && (nul = memchr(at, '\0', last - at))) {
		add_answer(n, g, at, nul - at);
		at = nul + 1;
	}
	return true;
}

static uint64_t cpu_of(pid_t pid)
{
	struct timespec t;
	clockid_t clock;

	return !clock_getcpuclockid(pid, &clock) && !clock_gettime(clock, &t) ? t.tv_sec * NS_PER_SEC + t.tv_nsec : 0;
}

/* Waits for a namer. Returns how much it had written when it was found to be stuck over one symbol; else 0. */
static off_t watch(struct helper *h, uint64_t until)
{
	uint64_t cpu = 0, next;
	off_t written = 0;
	struct stat st;

	do {
		uint64_t used = cpu_of(h->pid);

		if (!fstat(h->result, &st) && st.st_size != written) {
			written = st.st_size;
			cpu = used;
		} else if (written && used > cpu + SYMBOL_CPU_NS) {
			return written;
		}
		next = clock_ns(CLOCK_MONOTONIC) + CHECK_NS;
	} while (!helper_wait(h, next < until ? next : until) && next < until);
	return 0;
}

static int start(struct names *n, const struct group *g, uint32_t end, struct helper *h)
{
	struct namer_request r = {n->full};
	struct buf request = {0};
	int ret;

	buf_add(&request, &r, sizeof(r));
	for (uint32_t id = g->answers.n; id < end; id++) {
		const char *symbol = strings_get(g->symbols, id);

		buf_add(&request, symbol, strlen(symbol) + 1);
	}
	ret = helper_start(h, NAMER_ARGUMENT, &request, NULL, 0, NAMER_DEADLINE_NS);
	buf_free(&request);
	return ret;
}

/* The symbol that a namer failed over stays as it is. */
static void fail(struct names *n, struct group *g, uint64_t *count)
{
	++*count;
	add_answer(n, g, NULL, 0);
	g->given_up = ++g->failures == FAILURES_MAX;
}

/* One namer, for the next symbols of one owner. */
static void ask(struct names *n, struct group *g, uint64_t until)
{
	uint32_t end = g->answers.n + NAMER_SYMBOLS_MAX;
	uint32_t before = g->answers.n;
	struct helper_result r;
	struct helper h;
	off_t stuck;
	int code;

	if (end > strings_count(g->symbols))
		end = strings_count(g->symbols);
	if (start(n, g, end, &h)) {
		n->counts.not_started++;
		g->given_up = true;
		return;
	}
	n->counts.namers++;
	stuck = watch(&h, until);
	code = helper_end(&h, &r);
	g->given_up = !take_answers(n, g, &r, end);
	if (!g->given_up && g->answers.n < end) {
		/* It may have gone on between the last look at it and its end. */
		if (stuck ? (size_t)stuck == r.size || g->answers.n == before : code == -ETIME && clock_ns(CLOCK_MONOTONIC) < until)
			fail(n, g, &n->counts.overran);
		else if (code != -ETIME)
			fail(n, g, &n->counts.died);
	}
	if (r.bytes)
		munmap(r.bytes, r.size);
}

bool names_answer(struct names *n, uint64_t until)
{
	uint64_t begun = clock_ns(CLOCK_MONOTONIC), now = begun, left = 0;

	for (size_t i = 0; i < n->groups.n; i++) {
		struct group *g = &n->groups.v[i];

		n->counts.symbols += strings_count(g->symbols) - g->answers.n;
		while (g->answers.n < strings_count(g->symbols) && !g->given_up && now < until) {
			ask(n, g, until);
			now = clock_ns(CLOCK_MONOTONIC);
		}
		left += strings_count(g->symbols) - g->answers.n;
	}
	n->counts.unanswered += left;
	n->counts.nanoseconds += now - begun;
	return !left;
}

const char *names_get(struct names *n, const struct names_owner *owner, const char *symbol)
{
	if (demangle_is_mangled(symbol)) {
		struct group *g = find(n, owner);
		uint32_t id = g ? strings_add(g->symbols, symbol) : 0;

		if (id && id < g->answers.n)
			return g->texts.v + g->answers.v[id];
	}
	buf_truncate(&n->scratch, 0);
	demangle_plain(&n->scratch, symbol, n->full);
	return n->scratch.n ? n->scratch.v : "";
}

void names_counts_print(struct buf *out, const struct names_counts *c)
{
	const struct {
		const char *text;
		uint64_t n;
	} counts[] = {
#define X(name, text) {text, c->name},
		NAMES_COUNTS(X)
#undef X
	};

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		if (counts[i].n || i < 2)
			buf_printf(out, "%s=%llu ", counts[i].text, (unsigned long long)counts[i].n);
	buf_printf(out, "in %.3f s", c->nanoseconds / 1e9);
}
