// SPDX-License-Identifier: Apache-2.0
#include "symbolize/demangle.h"

#include "base/mem.h"

#include <ctype.h>
#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

/*
 * libiberty's demanglers hand out text piece by piece and cannot be told to stop: 240 bytes of symbol can mean 400 MB of text.
 * So a jump out of the callback ends them. They keep nothing on the heap meanwhile, with one exception: a Rust identifier in
 * punycode, while it is handed out. So with Rust names we jump at the next piece that is no identifier.
 */
struct sink {
	struct buf *out;
	size_t limit;
	bool identifiers; /* of Rust v0: may be on the heap */
	bool cut;
	jmp_buf full;
};

static void take(const char *text, size_t n, void *ctx)
{
	struct sink *s = ctx;
	size_t room = s->limit - s->out->n;
	bool identifier = n && (isalnum((unsigned char)*text) || *text == '_' || *text & 0x80);

	buf_add(s->out, text, n < room ? n : room);
	s->cut |= n > room;
	if (s->cut && !(s->identifiers && identifier))
		longjmp(s->full, 1);
}

/* Ends text that was cut in "...", not inside of a UTF-8 character. */
static void end_cut(struct buf *out, size_t start)
{
	size_t n = out->n;

	while (n > start && n > out->n - 4 && ((unsigned char)out->v[n - 1] & 0xC0) == 0x80)
		n--;
	if (n > start && (unsigned char)out->v[n - 1] >= 0xC0)
		n--;
	buf_truncate(out, n);
	buf_puts(out, "...");
}

/*
 * Where a Rust v0 name from `at` on may introduce thousands of lifetimes, or NULL: the "G" of "FG" or "DG", a number in base 62, "_"
 * (RFC 2603, binder). libiberty counts them one by one, up to 2^64, also in parts of a name that it does not print, where no
 * callback could stop it. Any place counts, since a back-reference may lead into the middle of an identifier or of a hash.
 */
static const char *long_binder(const char *at)
{
	for (; (at = strchr(at, 'G')); at++) {
		size_t digits = 0;

		if (at[-1] != 'F' && at[-1] != 'D')
			continue;
		while (isalnum((unsigned char)at[1 + digits]))
			digits++;
		if (digits > 2 && at[1 + digits] == '_')
			return at;
	}
	return NULL;
}

/* Appends the demangled name of a symbol that begins with _Z or _R and returns true, or leaves `out` as it was. */
static bool run_plain(struct buf *out, const char *symbol, int flags)
{
	const size_t start = out->n;
	struct sink s = {.out = out, .limit = start + DEMANGLE_MAX_OUT - 3, .identifiers = symbol[1] == 'R'};
	int ok;

	if (setjmp(s.full)) {
		end_cut(out, start);
		return true;
	}
	if (symbol[1] == 'R')
		ok = rust_demangle_callback(symbol, flags, take, &s);
	else
		ok = (!strncmp(symbol, "_ZN", 3) && rust_demangle_callback(symbol, flags, take, &s)) ||
		     (buf_truncate(out, start), cplus_demangle_v3_callback(symbol, flags | DMGL_ANSI, take, &s));
	if (!ok || out->n == start) {
		buf_truncate(out, start);
		return false;
	}
	if (s.cut)
		end_cut(out, start);
	return true;
}

/*
 * Nearly always such a place is in the hash of a crate, which is not shown, or in an identifier (DGEMM_x), which is shown as it
 * is: the name is that with another letter in place of each "G", where that shows. Two letters tell whether it does. A binder
 * reads as something else with each of them, or as nothing.
 */
static bool run_without_binders(struct buf *out, const char *symbol, int flags)
{
	static const char letters[] = {'a', 'b'};
	struct buf names[2] = {{0}, {0}};
	char other[DEMANGLE_MAX_IN + 1];
	bool ok = true;

	memcpy(other, symbol, strlen(symbol) + 1);
	for (size_t i = 0; ok && i < ARRAY_SIZE(letters); i++) {
		for (const char *at = symbol + 1; (at = long_binder(at)); at++)
			other[at - symbol] = letters[i];
		ok = run_plain(&names[i], other, flags);
	}
	ok = ok && names[0].n == names[1].n;
	for (size_t i = 0; ok && i < names[0].n; i++) {
		if (names[0].v[i] == names[1].v[i])
			continue;
		ok = names[0].v[i] == letters[0] && names[1].v[i] == letters[1];
		names[0].v[i] = 'G';
	}
	if (ok)
		buf_add(out, names[0].v, names[0].n);
	buf_free(&names[0]);
	buf_free(&names[1]);
	return ok;
}

static bool run(struct buf *out, const char *symbol, bool full)
{
	int flags = DMGL_PARAMS | (full ? DMGL_VERBOSE : 0);

	return symbol[1] == 'R' && long_binder(symbol + 1) ? run_without_binders(out, symbol, flags) : run_plain(out, symbol, flags);
}

/* The start of a suffix that ends name[0 .. n), or n. Only at the end: "..cold.." inside of a Rust name is a module. */
static size_t suffix_start(const char *name, size_t n)
{
	static const struct {
		const char *text;
		bool numbered, bare; /* may be followed by .NUMBER, may stand alone */
	} suffixes[] = {
		{".cold", true, true},	     {".warm", true, true},	{".hot", true, true},	     {".part", true, false},
		{".isra", true, false},	     {".constprop", true, false}, {".llvm", true, false},    {".lto_priv", true, false},
		{".localalias", true, true}, {".clone", true, false},	{".specialized", true, false}, {".__uniq", true, false},
	};
	size_t digits = n;

	while (digits && name[digits - 1] >= '0' && name[digits - 1] <= '9')
		digits--;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		size_t length = strlen(suffixes[i].text);
		bool numbered = digits < n && digits && name[digits - 1] == '.';
		size_t end = numbered ? digits - 1 : n;

		if ((numbered ? suffixes[i].numbered : suffixes[i].bare) && end > length &&
		    !memcmp(name + end - length, suffixes[i].text, length))
			return end - length;
	}
	return n;
}

/* Where the linker's name ends and what was appended to it begins. */
static size_t base_length(const char *symbol)
{
	size_t n = strcspn(symbol, "@"), shorter;

	if (!n)
		return strlen(symbol);
	while ((shorter = suffix_start(symbol, n)) < n)
		n = shorter;
	return n;
}

static bool is_mangled(const char *symbol)
{
	return !strncmp(symbol, "_Z", 2) || !strncmp(symbol, "_R", 2);
}

/* n: of the symbol, or more than DEMANGLE_MAX_IN. */
static void demangle_function(struct buf *out, const char *symbol, size_t n, bool full, bool read)
{
	size_t start = out->n;
	char base[DEMANGLE_MAX_IN + 1];

	if (n <= DEMANGLE_MAX_IN) {
		n = base_length(symbol);
		memcpy(base, symbol, n);
		base[n] = '\0';
		if (read && is_mangled(base) && run(out, base, full)) {
			if (full)
				buf_puts(out, symbol + n);
			return;
		}
		if (full)
			n = strlen(symbol);
	}
	if (n <= DEMANGLE_MAX_OUT) {
		buf_add(out, symbol, n);
		return;
	}
	buf_add(out, symbol, DEMANGLE_MAX_OUT - 3);
	end_cut(out, start);
}

static void add_name(struct buf *out, const char *symbol, bool full, bool read)
{
	size_t n = strnlen(symbol, DEMANGLE_MAX_IN + 1), start = out->n;
	bool stub = n > 4 && n <= DEMANGLE_MAX_IN && !strcmp(symbol + n - 4, "@plt");

	demangle_function(out, symbol, n, full, read);
	if (stub && !full && out->n - start <= DEMANGLE_MAX_OUT - 4)
		buf_puts(out, "@plt");
}

void demangle(struct buf *out, const char *symbol, bool full)
{
	add_name(out, symbol, full, true);
}

void demangle_plain(struct buf *out, const char *symbol, bool full)
{
	add_name(out, symbol, full, false);
}

bool demangle_is_mangled(const char *symbol)
{
	return is_mangled(symbol) && strnlen(symbol, DEMANGLE_MAX_IN + 1) <= DEMANGLE_MAX_IN;
}
