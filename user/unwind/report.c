// SPDX-License-Identifier: Apache-2.0
#include "unwind/report.h"

#include "base/text.h"
#include "elf/symtab.h"

#include <inttypes.h>
#include <string.h>

/* What a rule is called here: its CFA, and what sets it apart. */
enum kind {
	KIND_SP,
	KIND_FP,
	KIND_REG,
	KIND_DEREF_SP,
	KIND_DEREF_FP,
	KIND_PLT,
	KIND_SIGNAL,
	KIND_STG,
	KIND_RA_ELSEWHERE,
	KIND_FP_UNKNOWN,
	KIND_RA_UNKNOWN,
	KIND_END,
	KIND_NONE,
	KINDS,
};

static const char *const kind_texts[KINDS] = {
	[KIND_SP] = "stack pointer + n",
	[KIND_FP] = "frame pointer + n",
	[KIND_REG] = "another register + n: innermost frame only",
	[KIND_DEREF_SP] = "*(stack pointer + n) + m",
	[KIND_DEREF_FP] = "*(frame pointer + n) + m: realigned stack",
	[KIND_PLT] = "procedure linkage table",
	[KIND_SIGNAL] = "signal trampoline",
	[KIND_STG] = "code of GHC's, which has no frames: on the frame of StgRun",
	[KIND_RA_ELSEWHERE] = "return address in a register or far from the frame",
	[KIND_FP_UNKNOWN] = "caller's frame pointer lost",
	[KIND_RA_UNKNOWN] = "return address in no place that a rule can tell",
	[KIND_END] = "end of the stack",
	[KIND_NONE] = "no rule",
};

static enum kind kind_of(const struct unwind_rule *r)
{
	static const enum kind by_cfa[] = {
		[UNWIND_CFA_NONE] = KIND_NONE,
		[UNWIND_CFA_SP] = KIND_SP,
		[UNWIND_CFA_FP] = KIND_FP,
		[UNWIND_CFA_REG] = KIND_REG,
		[UNWIND_CFA_DEREF_SP] = KIND_DEREF_SP,
		[UNWIND_CFA_DEREF_FP] = KIND_DEREF_FP,
		[UNWIND_CFA_PLT] = KIND_PLT,
		[UNWIND_CFA_SIGNAL] = KIND_SIGNAL,
		[UNWIND_CFA_STG] = KIND_STG,
	};

	if (r->ra == UNWIND_RA_END)
		return KIND_END;
	if (r->cfa == UNWIND_CFA_NONE || r->cfa == UNWIND_CFA_SIGNAL || r->cfa == UNWIND_CFA_STG)
		return by_cfa[r->cfa];
	if (r->ra == UNWIND_RA_NONE)
		return KIND_RA_UNKNOWN;
	if (r->ra == UNWIND_RA_REG || r->ra_offset != -8)
		return KIND_RA_ELSEWHERE;
	return r->fp == UNWIND_FP_UNKNOWN ? KIND_FP_UNKNOWN : by_cfa[r->cfa];
}

struct sums {
	uint64_t rows[KINDS], bytes[KINDS];
};

static struct sums sum_up(const struct unwind_table *t)
{
	struct sums s = {0};

	for (size_t i = 0; i < t->parts.n; i++) {
		struct unwind_span span = {.end = t->parts.v[i].start};

		while (unwind_part_next(&t->parts.v[i], &span)) {
			enum kind k = kind_of(span.rule);

			s.rows[k]++;
			s.bytes[k] += span.end - span.start;
		}
	}
	return s;
}

static void report_kinds(struct buf *out, const struct unwind_table *t)
{
	struct sums s = sum_up(t);
	uint64_t rows = 0;

	for (int k = 0; k < KINDS; k++)
		rows += s.rows[k];
	buf_printf(out, "%10s %8s %12s  rule\n", "rows", "", "text bytes");
	for (int k = 0; k < KINDS; k++)
		if (s.rows[k])
			buf_printf(out, "%10" PRIu64 " %6.2f %% %12" PRIu64 "  %s\n", s.rows[k], 100.0 * s.rows[k] / rows, s.bytes[k],
				   kind_texts[k]);
}

static void report_count(struct buf *out, size_t n, const char *text)
{
	if (n)
		buf_printf(out, "%10zu  %s\n", n, text);
}

static void report_losses(struct buf *out, const struct unwind_counts *c)
{
	report_count(out, c->bad, "functions whose rules cannot be read, or only in part");
	report_count(out, c->left_out, "functions left out: the table is as large as any may be");
	report_count(out, c->cut, "sections whose end is lost in an impossible length");
	report_count(out, c->clipped + c->hidden, "functions hidden, or partly, by others at the same addresses");
	report_count(out, c->outside, "functions outside of the executable segments");
	report_count(out, c->empty, "functions without a byte");
}

/* Is there a rule, and up to which address (at most `end`) is that so? */
static bool covered(const struct unwind_table *t, uint64_t at, uint64_t end, uint64_t *ret_until)
{
	const struct unwind_part *part = unwind_table_part(t, at);
	struct unwind_span span = {.end = at};

	*ret_until = end;
	if (part) {
		unwind_part_next(part, &span);
		*ret_until = span.end < end ? span.end : end;
		return kind_of(span.rule) != KIND_NONE;
	}
	for (size_t i = 0; i < t->parts.n; i++)
		if (t->parts.v[i].start > at) {
			*ret_until = t->parts.v[i].start < end ? t->parts.v[i].start : end;
			break;
		}
	return false;
}

/* Text to look at: executable sections, or segments where there are no section headers. */
struct text {
	uint64_t start, end;
	const char *name; /* in the file's bytes, or a constant; at most name_size bytes */
	size_t name_size;
};

typedef VEC(struct text) texts;

#define TEXTS_MAX 256 /* more than any linker makes; a forged file may name the same text a thousand times */

static void find_sections(const struct elf *elf, texts *out)
{
	struct elf_bytes names = {0};
	Elf64_Shdr sh;

	if (elf_section_names(elf, &sh))
		names = elf_contents(elf, &sh);
	for (uint32_t i = 1; elf_section(elf, i, &sh) && out->n < TEXTS_MAX; i++) {
		struct text text = {.start = sh.sh_addr, .name = "?", .name_size = 1};

		if (!(sh.sh_flags & SHF_EXECINSTR) || !(sh.sh_flags & SHF_ALLOC) ||
		    __builtin_add_overflow(sh.sh_addr, sh.sh_size, &text.end) || !sh.sh_size)
			continue;
		if (sh.sh_name < names.n) {
			text.name = (const char *)names.v + sh.sh_name;
			text.name_size = strnlen(text.name, names.n - sh.sh_name < 64 ? names.n - sh.sh_name : 64);
		}
		*vec_push(out) = text;
	}
}

static void find_segments(const struct elf *elf, texts *out)
{
	Elf64_Phdr ph;

	for (uint32_t i = 0; elf_segment(elf, i, &ph) && out->n < TEXTS_MAX; i++) {
		struct text text = {.start = ph.p_vaddr, .name = "segment", .name_size = 7};

		if (ph.p_type == PT_LOAD && ph.p_flags & PF_X && !__builtin_add_overflow(ph.p_vaddr, ph.p_memsz, &text.end) && ph.p_memsz)
			*vec_push(out) = text;
	}
}

static void report_coverage(struct buf *out, const struct unwind_table *t, const texts *all)
{
	uint64_t total = 0, with_rules = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct text *text = &all->v[i];
		uint64_t until, n = 0;

		for (uint64_t at = text->start; at < text->end; at = until)
			if (covered(t, at, text->end, &until))
				n += until - at;
		buf_printf(out, "%6.2f %% of %" PRIu64 " bytes  ", 100.0 * n / (text->end - text->start), text->end - text->start);
		text_escape(out, text->name, text->name_size);
		buf_putc(out, '\n');
		total += text->end - text->start;
		with_rules += n;
	}
	if (total)
		buf_printf(out, "%6.2f %% of %" PRIu64 " bytes of text have rules\n", 100.0 * with_rules / total, total);
}

#define SYMBOLS_SHOWN 3

/* The first symbols in [start, end), and how many more there are. */
static void report_symbols(struct buf *out, const struct symtab *symbols, uint64_t start, uint64_t end)
{
	size_t i = 0, high = symbols->symbols.n, shown = 0;

	while (i < high) {
		size_t middle = (i + high) / 2;

		if (symbols->symbols.v[middle].end <= start)
			i = middle + 1;
		else
			high = middle;
	}
	for (; i < symbols->symbols.n && symbols->symbols.v[i].start < end; i++, shown++) {
		const char *name = symbols->names.v + symbols->symbols.v[i].name;

		if (shown >= SYMBOLS_SHOWN)
			continue;
		buf_puts(out, shown ? ", " : "  ");
		text_escape(out, name, strnlen(name, 200));
	}
	if (shown > SYMBOLS_SHOWN)
		buf_printf(out, " and %zu more", shown - SYMBOLS_SHOWN);
}

static void report_holes(struct buf *out, const struct unwind_table *t, const texts *all, const struct symtab *symbols)
{
	buf_puts(out, "text without rules:\n");
	for (size_t i = 0; i < all->n; i++) {
		const struct text *text = &all->v[i];
		uint64_t until;

		for (uint64_t at = text->start; at < text->end; at = until) {
			uint64_t next;

			if (covered(t, at, text->end, &until))
				continue;
			while (until < text->end && !covered(t, until, text->end, &next))
				until = next;
			buf_printf(out, "  %#" PRIx64 "-%#" PRIx64 " %8" PRIu64 " bytes  ", at, until, until - at);
			text_escape(out, text->name, text->name_size);
			report_symbols(out, symbols, at, until);
			buf_putc(out, '\n');
		}
	}
}

void unwind_report(struct buf *out, const struct elf *elf, const struct unwind_table *t)
{
	struct symtab symbols = {0};
	texts all = {0};
	size_t words = 0;

	for (size_t i = 0; i < t->parts.n; i++)
		words += t->parts.v[i].n_words;
	buf_printf(out, "%zu functions, %zu rows, %zu rules, %zu bytes in %zu extents\n", t->counts.functions, t->counts.rows,
		   t->counts.rules, words * 4, t->parts.n);
	report_kinds(out, t);
	report_losses(out, &t->counts);
	find_sections(elf, &all);
	if (!all.n)
		find_segments(elf, &all);
	report_coverage(out, t, &all);
	if (symtab_build(&symbols, elf, SYMTAB_FULL))
		symtab_build(&symbols, elf, SYMTAB_DYNAMIC);
	report_holes(out, t, &all, &symbols);
	symtab_free(&symbols);
	vec_free(&all);
}
