// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as call frame information. An input that begins like an ELF file is read as one; any other is the .eh_frame (or, after
 * an odd first byte, the .debug_frame) of a small file made around it. Whatever comes: functions are disjoint and inside the text,
 * rows ascend inside their function, tables keep every promise of bpf/unwind_table.h, and say what the rows say.
 */
#include "elf/eh_frame.h"
#include "unwind/report.h"
#include "unwind/rule.h"
#include "unwind/table.h"

#include "tests/unit/elf_maker.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool promise)
{
	if (!promise)
		abort();
}

static bool in_text(const struct eh_frame *f, uint64_t start, uint64_t size)
{
	for (size_t i = 0; i < f->texts; i++)
		if (start >= f->text[i].start && start - f->text[i].start + size <= f->text[i].end - f->text[i].start)
			return true;
	return false;
}

struct walk {
	const struct unwind_table *table;
	const struct eh_frame_function *function;
	uint64_t rows, last;
};

static bool check_row(void *ctx, uint64_t pc, const struct cfi_state *state)
{
	struct walk *w = ctx;
	const struct unwind_part *part = unwind_table_part(w->table, pc);
	struct unwind_rule rule = unwind_rule_of(state);
	char text[UNWIND_RULE_TEXT];

	check(w->rows ? pc > w->last : pc == w->function->start);
	check(pc - w->function->start < w->function->size);
	w->rows++;
	w->last = pc;
	check(strlen(unwind_rule_text(&rule, text)) < UNWIND_RULE_TEXT);
	if (w->table->counts.left_out || rule.fp == UNWIND_FP_AT_FP)
		return true; /* the latter may have been mended */
	check(part ? !memcmp(unwind_table_find(part, pc), &rule, sizeof(rule)) :
		     rule.cfa == UNWIND_CFA_NONE && rule.ra == UNWIND_RA_AT_CFA);
	return true;
}

static void check_functions(const struct elf *elf, const struct unwind_table *t)
{
	struct eh_frame f;

	if (!eh_frame_open(&f, elf)) {
		for (size_t i = 0; i < f.functions.n; i++) {
			const struct eh_frame_function *function = &f.functions.v[i];
			struct walk w = {.table = t, .function = function};

			check(function->size && in_text(&f, function->start, function->size));
			check(!i || function->start - function[-1].start >= function[-1].size);
			eh_frame_rows(&f, function, check_row, &w);
			check(w.rows);
		}
	}
	eh_frame_free(&f);
}

/* The spans of a part are all of it. */
static void check_spans(const struct unwind_part *part)
{
	struct unwind_span span = {.end = part->start};
	uint64_t at = part->start;

	while (unwind_part_next(part, &span)) {
		check(span.start == at && span.end > at && span.rule == unwind_table_find(part, span.end - 1));
		at = span.end;
	}
	check(at == part->end);
}

static void check_elf(const void *bytes, size_t size)
{
	struct unwind_table t = {0};
	struct buf text = {0};
	uint64_t offset, n, end = 0;
	struct elf elf;

	if (elf_open(&elf, bytes, size))
		return;
	for (unsigned i = 0; eh_frame_range(&elf, i, &offset, &n); i++)
		check(i < 16);
	if (unwind_table_build(&t, &elf))
		return;
	for (size_t i = 0; i < t.parts.n; i++) {
		const struct unwind_part *part = &t.parts.v[i];

		check(part->start >= end && part->start < part->end && unwind_part_valid(part));
		check(unwind_table_find(part, part->start) && unwind_table_find(part, part->end - 1));
		check(!unwind_table_find(part, part->end) && unwind_table_part(&t, part->start) == part);
		check_spans(part);
		end = part->end;
	}
	unwind_report(&text, &elf, &t);
	buf_free(&text);
	check_functions(&elf, &t);
	unwind_table_free(&t);
}

#define FRAME_ADDRESS 0x2000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_maker m;
	bool debug;

	if (size >= SELFMAG && !memcmp(data, ELFMAG, SELFMAG)) {
		check_elf(data, size);
		return 0;
	}
	if (!size)
		return 0;
	debug = data[0] & 1;
	maker_start(&m);
	maker_segment(&m, (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 0x1000, .p_memsz = 0x1000000});
	maker_segment(&m, (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 1ull << 40, .p_memsz = 1ull << 28});
	maker_section(&m, debug ? ".debug_frame" : ".eh_frame",
		      (Elf64_Shdr){.sh_type = SHT_PROGBITS, .sh_addr = FRAME_ADDRESS, .sh_size = size - 1,
				   .sh_offset = maker_bytes(&m, data + 1, size - 1)});
	maker_end(&m, true);
	check_elf(m.file.v, m.file.n);
	maker_free(&m);
	return 0;
}
