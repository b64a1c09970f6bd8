// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_libdw < FILES: our unwind tables beside elfutils' libdw, over every address of the text of these files (a name a line).
 *
 * Both are asked what a frame's CFA, the caller's frame pointer and the return address are, and both answers are *computed*: with
 * registers and a memory of arbitrary content, so that no form of a rule is compared, only what it means. libdw says how far
 * each of its rows reaches, so the walk sees the first and the last address of every row of either side. Text that libdw does not
 * describe is looked at address by address where it is short, else every HOLE_STRIDE bytes.
 *
 * Prints "NAME COUNT" lines that can be added up over processes, and a line "wrong: ..." for each of the first differences that no
 * documented rule explains. The exit status is 0 also then: who adds the counts judges.
 */
#include "base/mem.h"
#include "elf/eh_frame.h"
#include "unwind/rule.h"
#include "unwind/table.h"

#include <dwarf.h>
#include <errno.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PADDING_BYTES 15 /* what unwind/table.h says it keeps */
#define HOLE_STRIDE 16
#define HOLE_WHOLE 4096 /* shorter holes are looked at address by address */
#define RANDOM_PCS 500
#define WRONG_SHOWN 20

/*
 * Where we differ and mean it. Every comparison ends in `equal`, `none` or one of these, else it is `wrong`.
 */
enum difference {
	EQUAL,
	NONE,		     /* neither has a rule */
	PADDING,	     /* at most 15 bytes behind a function keep its last rule (unwind/table.h) */
	CFA_UNKNOWN,	     /* an expression, a register or an offset that no rule kind has for the CFA: we have no rule */
	FP_UNKNOWN,	     /* a frame pointer that no rule kind expresses: unknown */
	RA_UNKNOWN,	     /* the same for the return address */
	RA_UNSPECIFIED,	     /* CFI that says nothing of it: libdw calls it undefined, which would be the end of the stack */
	REALIGNED,	     /* rsp+8 with the frame pointer at *(rbp): it is restored by then (unwind/table.c) */
	NO_TABLE_ENTRY,	     /* a function that .eh_frame_hdr does not list: libdw does not see it */
	AFTER_EXPRESSION,    /* def_cfa_register behind def_cfa_expression: libdw gives up, as libgcc does not (elf/cfi.c) */
	WRONG,
	DIFFERENCES,
};

static const char *const difference_names[DIFFERENCES] = {
	"equal", "none", "padding", "cfa-unknown", "fp-unknown", "ra-unknown", "ra-unspecified", "realigned",
	"no-table-entry", "after-expression", "wrong",
};

static size_t differences[DIFFERENCES];
static struct {
	size_t files, with_tables, not_elf64, not_text, no_cfi, functions, bad, empty, outside, overlapping, cut, rows, rules, parts, fdes_missing;
} totals;
static const char *file_name;

/* ---- A machine with arbitrary contents ---- */

struct machine {
	uint64_t regs[32]; /* by DWARF number; 16 is the address asked for */
	uint64_t cfa;
};

static uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 31) * 0x7FB5D329728EA185ull;
	v = (v ^ v >> 27) * 0x81DADEF4BC2DD44Dull;
	return v ^ v >> 33;
}

static uint64_t memory(uint64_t address)
{
	return mix(address ^ 0x5555);
}

static struct machine machine_at(uint64_t pc)
{
	struct machine m;

	for (int i = 0; i < 32; i++)
		m.regs[i] = mix(i + 1) >> 8;
	m.regs[16] = pc;
	m.cfa = 0;
	return m;
}

enum known { UNKNOWN, KNOWN, UNDEFINED, SAME };

struct value {
	enum known known;
	uint64_t v;
};

struct answer {
	bool found;  /* there is a rule */
	bool simple; /* its CFA is a register and an offset */
	struct value cfa, fp, ra;
};

/* ---- What libdw says ---- */

/* Runs a DWARF expression. With `location`, its result is where something is, and the value there is returned. */
static struct value run(const struct machine *m, const Dwarf_Op *ops, size_t n, bool location)
{
	uint64_t stack[64] = {0};
	size_t at = 1; /* stack[0] so that an empty stack can be read */

	for (size_t i = 0; i < n && at < 60; i++) {
		uint64_t a = ops[i].number, top = stack[at - 1], below = at > 1 ? stack[at - 2] : 0;

		switch (ops[i].atom) {
		case DW_OP_lit0 ... DW_OP_lit31: stack[at++] = ops[i].atom - DW_OP_lit0; break;
		case DW_OP_breg0 ... DW_OP_breg31: stack[at++] = m->regs[ops[i].atom - DW_OP_breg0] + a; break;
		case DW_OP_bregx: stack[at++] = (a < 32 ? m->regs[a] : 0) + ops[i].number2; break;
		case DW_OP_const1u: case DW_OP_const1s: case DW_OP_const2u: case DW_OP_const2s: case DW_OP_const4u: case DW_OP_const4s:
		case DW_OP_const8u: case DW_OP_const8s: case DW_OP_constu: case DW_OP_consts: stack[at++] = a; break;
		case DW_OP_call_frame_cfa: stack[at++] = m->cfa; break;
		case DW_OP_plus_uconst: stack[at - 1] += a; break;
		case DW_OP_deref: stack[at - 1] = memory(top); break;
		case DW_OP_dup: stack[at++] = top; break;
		case DW_OP_swap: stack[at - 1] = below; stack[at - 2] = top; break;
		case DW_OP_plus: stack[--at - 1] = below + top; break;
		case DW_OP_minus: stack[--at - 1] = below - top; break;
		case DW_OP_mul: stack[--at - 1] = below * top; break;
		case DW_OP_and: stack[--at - 1] = below & top; break;
		case DW_OP_or: stack[--at - 1] = below | top; break;
		case DW_OP_shl: stack[--at - 1] = below << (top & 63); break;
		case DW_OP_shr: stack[--at - 1] = below >> (top & 63); break;
		case DW_OP_ge: stack[--at - 1] = (int64_t)below >= (int64_t)top; break;
		case DW_OP_lt: stack[--at - 1] = (int64_t)below < (int64_t)top; break;
		case DW_OP_reg0 ... DW_OP_reg31: return (struct value){KNOWN, m->regs[ops[i].atom - DW_OP_reg0]};
		case DW_OP_regx: return (struct value){KNOWN, a < 32 ? m->regs[a] : 0};
		case DW_OP_stack_value: return (struct value){KNOWN, top};
		default: return (struct value){UNKNOWN, 0};
		}
		if (at < 1)
			at = 1;
	}
	return (struct value){KNOWN, location ? memory(stack[at - 1]) : stack[at - 1]};
}

static struct value theirs_of_register(Dwarf_Frame *frame, const struct machine *m, int reg)
{
	Dwarf_Op mem[3], *ops;
	size_t n;

	if (dwarf_frame_register(frame, reg, mem, &ops, &n))
		return (struct value){UNKNOWN, 0};
	if (!n)
		return (struct value){ops ? UNDEFINED : SAME, m->regs[reg]};
	return run(m, ops, n, true);
}

/* A general register and an offset of 32 bits: every rule table can hold that. */
static bool is_simple(const Dwarf_Op *ops, size_t n)
{
	return n == 1 && ops->atom >= DW_OP_breg0 && ops->atom <= DW_OP_breg15 && (int64_t)ops->number == (int32_t)ops->number;
}

/* libdw's answer at pc, and the end of the row. */
static struct answer ask_libdw(Dwarf_CFI *cfi, uint64_t pc, uint64_t *end)
{
	struct machine m = machine_at(pc);
	struct answer a = {0};
	Dwarf_Frame *frame;
	Dwarf_Addr start, row_end;
	Dwarf_Op *ops;
	bool signal;
	size_t n;

	if (!cfi || dwarf_cfi_addrframe(cfi, pc, &frame))
		return a;
	dwarf_frame_info(frame, &start, &row_end, &signal);
	*end = row_end;
	a.found = true;
	if (!dwarf_frame_cfa(frame, &ops, &n) && n) {
		a.cfa = run(&m, ops, n, false);
		a.simple = is_simple(ops, n);
	}
	m.cfa = a.cfa.v;
	a.fp = theirs_of_register(frame, &m, 6);
	a.ra = theirs_of_register(frame, &m, 16);
	free(frame);
	return a;
}

/* ---- What we say ---- */

static struct value known(uint64_t v)
{
	return (struct value){KNOWN, v};
}

static struct answer apply(const struct unwind_rule *r, uint64_t pc)
{
	struct machine m = machine_at(pc);
	struct answer a = {.found = r->cfa != UNWIND_CFA_NONE || r->ra == UNWIND_RA_END};

	switch (r->cfa) {
	case UNWIND_CFA_SP: a.cfa = known(m.regs[7] + r->cfa_offset); break;
	case UNWIND_CFA_FP: a.cfa = known(m.regs[6] + r->cfa_offset); break;
	case UNWIND_CFA_REG: a.cfa = known(m.regs[r->reg] + r->cfa_offset); break;
	case UNWIND_CFA_DEREF_SP: a.cfa = known(memory(m.regs[7] + r->cfa_offset) + r->cfa_addend); break;
	case UNWIND_CFA_DEREF_FP: a.cfa = known(memory(m.regs[6] + r->cfa_offset) + r->cfa_addend); break;
	case UNWIND_CFA_PLT: a.cfa = known(m.regs[7] + 8 + ((pc & 15) >= r->reg ? 8 : 0)); break;
	case UNWIND_CFA_SIGNAL: /* Linux, struct sigcontext in struct ucontext */
		return (struct answer){true, false, known(memory(m.regs[7] + 160)), known(memory(m.regs[7] + 120)), known(memory(m.regs[7] + 168))};
	}
	switch (r->fp) {
	case UNWIND_FP_SAME: a.fp = (struct value){SAME, m.regs[6]}; break;
	case UNWIND_FP_AT_CFA: a.fp = known(memory(a.cfa.v + r->fp_offset)); break;
	case UNWIND_FP_AT_FP: a.fp = known(memory(m.regs[6] + r->fp_offset)); break;
	case UNWIND_FP_AT_SP: a.fp = known(memory(m.regs[7] + r->fp_offset)); break;
	case UNWIND_FP_REG: a.fp = known(m.regs[r->fp_offset]); break;
	}
	switch (r->ra) {
	case UNWIND_RA_AT_CFA: a.ra = known(memory(a.cfa.v + r->ra_offset)); break;
	case UNWIND_RA_REG: a.ra = known(m.regs[r->ra_offset]); break;
	case UNWIND_RA_END: a.ra = (struct value){UNDEFINED, 0}; break;
	}
	return a;
}

/* ---- Side by side ---- */

struct file {
	struct unwind_table table;
	struct eh_frame frames;
	Dwarf_CFI *eh, *debug;
	size_t next_part;
	uint64_t covered_end; /* where libdw's last row before the address asked for ended */
};

static bool same_value(struct value a, struct value b)
{
	bool has_a = a.known == KNOWN || a.known == SAME, has_b = b.known == KNOWN || b.known == SAME;

	return has_a && has_b ? a.v == b.v : a.known == b.known || (a.known != KNOWN && b.known != KNOWN && !has_a && !has_b);
}

static const struct eh_frame_function *function_at(const struct file *f, uint64_t pc)
{
	size_t low = 0, high = f->frames.functions.n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (f->frames.functions.v[middle].start <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low && pc - f->frames.functions.v[low - 1].start < f->frames.functions.v[low - 1].size ? &f->frames.functions.v[low - 1] : NULL;
}

struct expression_search {
	uint64_t pc;
	bool expression, after;
};

static bool search_expression(void *ctx, uint64_t pc, const struct cfi_state *state)
{
	struct expression_search *s = ctx;

	if (pc > s->pc)
		return false;
	s->after |= s->expression && state->cfa.how == CFI_REGISTER;
	s->expression |= state->cfa.how == CFI_EXPRESSION;
	return true;
}

/* Does the function's program have an expression as CFA and a register behind it, before pc? */
static bool after_expression(const struct file *f, uint64_t pc)
{
	const struct eh_frame_function *function = function_at(f, pc);
	struct expression_search s = {.pc = pc};

	if (function)
		eh_frame_rows(&f->frames, function, search_expression, &s);
	return s.after;
}

static enum difference compare(const struct file *f, const struct unwind_rule *rule, uint64_t pc, const struct answer *theirs)
{
	struct answer ours = apply(rule, pc);
	bool realigned = rule->cfa == UNWIND_CFA_SP && rule->cfa_offset == 8 && rule->fp == UNWIND_FP_SAME;

	if (!theirs->found && !ours.found)
		return NONE;
	if ((!theirs->found || theirs->cfa.known != KNOWN) && ours.found && after_expression(f, pc))
		return AFTER_EXPRESSION;
	if (!theirs->found) {
		if (pc - f->covered_end < PADDING_BYTES)
			return PADDING;
		return function_at(f, pc) ? NO_TABLE_ENTRY : WRONG;
	}
	if (ours.ra.known == UNDEFINED && theirs->ra.known == UNDEFINED)
		return EQUAL;
	if (!ours.found)
		return theirs->cfa.known != KNOWN ? NONE : theirs->simple ? WRONG : CFA_UNKNOWN;
	if (!same_value(ours.cfa, theirs->cfa))
		return WRONG;
	if (!same_value(ours.ra, theirs->ra))
		return rule->ra != UNWIND_RA_NONE ? WRONG : theirs->ra.known == UNDEFINED ? RA_UNSPECIFIED : RA_UNKNOWN;
	if (same_value(ours.fp, theirs->fp))
		return EQUAL;
	if (realigned && theirs->fp.known == KNOWN && theirs->fp.v == memory(machine_at(pc).regs[6]))
		return REALIGNED;
	return rule->fp == UNWIND_FP_UNKNOWN && theirs->fp.known == KNOWN ? FP_UNKNOWN : WRONG;
}

static void show(const char *what, struct value v, FILE *out)
{
	static const char *const names[] = {"unknown", "", "undefined", "same"};

	fprintf(out, " %s=%s", what, names[v.known]);
	if (v.known == KNOWN)
		fprintf(out, "%llx", (unsigned long long)v.v);
}

static void tell(enum difference d, uint64_t pc, const struct unwind_rule *rule, const struct answer *theirs)
{
	char text[UNWIND_RULE_TEXT];

	printf("%s: %s %llx ours: %s; libdw:", difference_names[d], file_name, (unsigned long long)pc, unwind_rule_text(rule, text));
	if (!theirs->found)
		printf(" none");
	show("cfa", theirs->cfa, stdout);
	show("fp", theirs->fp, stdout);
	show("ra", theirs->ra, stdout);
	printf("\n");
}

static const struct unwind_rule *our_rule(const struct file *f, uint64_t pc)
{
	static const struct unwind_rule none;
	const struct unwind_part *part = unwind_table_part(&f->table, pc);

	const struct unwind_rule *rule = part ? unwind_table_find(part, pc) : &none;

	/* What GHC's code gets is no call frame information, and only where there is none. */
	return rule->cfa == UNWIND_CFA_STG ? &none : rule;
}

/* Compares at one address. Returns the end of libdw's row, or 0 when it has none there. */
static uint64_t look(struct file *f, uint64_t pc)
{
	const struct unwind_rule *rule = our_rule(f, pc);
	uint64_t end = 0;
	struct answer theirs = ask_libdw(f->eh, pc, &end);
	enum difference d;

	if (!theirs.found)
		theirs = ask_libdw(f->debug, pc, &end);
	d = compare(f, rule, pc, &theirs);
	differences[d]++;
	if ((d == WRONG && differences[WRONG] <= WRONG_SHOWN) || getenv("CFI_LIBDW_ALL"))
		if (d > PADDING)
			tell(d, pc, rule, &theirs);
	return theirs.found ? end : 0;
}

/* Every row of either side in [start, end), where our rule is one and the same. */
static void walk_row(struct file *f, uint64_t start, uint64_t end)
{
	bool hole = our_rule(f, start)->cfa == UNWIND_CFA_NONE;
	uint64_t stride = hole && end - start > HOLE_WHOLE ? HOLE_STRIDE : 1;

	if (start == end)
		return;
	for (uint64_t pc = start; pc < end;) {
		uint64_t their_end = look(f, pc);

		if (!their_end) {
			pc += stride;
			continue;
		}
		if (their_end > end)
			their_end = end;
		if (their_end - 1 > pc)
			look(f, their_end - 1);
		pc = f->covered_end = their_end;
	}
}

static void walk_part(struct file *f, const struct unwind_part *part)
{
	struct unwind_span span = {.end = part->start};

	while (unwind_part_next(part, &span))
		walk_row(f, span.start, span.end);
}

/* All executable segments: parts row by row, and what is between them. */
static void walk_text(struct file *f)
{
	uint64_t at = 0;

	for (size_t i = 0; i < f->frames.texts; i++) {
		uint64_t start = f->frames.text[i].start, end = f->frames.text[i].end;

		if (start < at)
			start = at;
		for (size_t k = 0; k < f->table.parts.n; k++) {
			const struct unwind_part *part = &f->table.parts.v[k];

			if (part->end <= start || part->start >= end)
				continue;
			if (part->start > start)
				walk_row(f, start, part->start);
			walk_part(f, part);
			start = part->end;
		}
		if (start < end)
			walk_row(f, start, end);
		at = start > end ? start : end;
	}
}

static void random_pcs(struct file *f)
{
	uint64_t seed = 1;

	for (size_t i = 0; i < f->frames.texts; i++)
		for (int k = 0; k < RANDOM_PCS; k++) {
			f->covered_end = ~0ull;
			seed = mix(seed + k + 1);
			uint64_t pc = f->frames.text[i].start + seed % (f->frames.text[i].end - f->frames.text[i].start);

			/* Padding is known by where the function before it ends. */
			for (uint64_t back = 1; back <= PADDING_BYTES && back <= pc; back++) {
				uint64_t end = 0;

				if (ask_libdw(f->eh, pc - back, &end).found || ask_libdw(f->debug, pc - back, &end).found) {
					f->covered_end = pc - back + 1;
					break;
				}
			}
			look(f, pc);
		}
}

/* The number of FDEs as libdw counts them. */
static size_t count_fdes(Elf *elf, const char *section, bool eh)
{
	size_t names, n = 0;
	Elf_Scn *scn = NULL;

	if (elf_getshdrstrndx(elf, &names))
		return 0;
	while ((scn = elf_nextscn(elf, scn))) {
		Elf64_Shdr *sh = elf64_getshdr(scn);
		const char *name = sh ? elf_strptr(elf, names, sh->sh_name) : NULL;
		Dwarf_Off at = 0, next;
		Dwarf_CFI_Entry entry;
		Elf_Data *bytes;

		if (!name || strcmp(name, section) || sh->sh_type == SHT_NOBITS)
			continue;
		if (sh->sh_flags & SHF_COMPRESSED)
			elf_compress(scn, 0, 0);
		bytes = elf_getdata(scn, NULL);
		if (!bytes)
			continue;
		while (dwarf_next_cfi((const unsigned char *)elf_getident(elf, NULL), bytes, eh, at, &next, &entry) == 0) {
			n += !dwarf_cfi_cie_p(&entry);
			at = next;
		}
		break;
	}
	return n;
}

static void compare_file(struct file *f, int fd)
{
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	Dwarf *dwarf;
	size_t theirs, ours = f->table.counts.functions + f->table.counts.bad + f->table.counts.empty + f->table.counts.outside +
			      f->table.counts.hidden;

	if (!elf)
		return;
	f->eh = dwarf_getcfi_elf(elf);
	dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	f->debug = dwarf ? dwarf_getcfi(dwarf) : NULL;
	walk_text(f);
	random_pcs(f);
	theirs = count_fdes(elf, ".eh_frame", true) + count_fdes(elf, ".debug_frame", false);
	if (theirs && theirs != ours) {
		totals.fdes_missing++;
		printf("functions: %s ours %zu, libdw %zu\n", file_name, ours, theirs);
	}
	if (f->eh)
		dwarf_cfi_end(f->eh);
	if (dwarf)
		dwarf_end(dwarf);
	elf_end(elf);
}

/* A file in which we find nothing: libdw counts no functions either. */
static void compare_without_table(int fd)
{
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	size_t theirs = elf ? count_fdes(elf, ".eh_frame", true) + count_fdes(elf, ".debug_frame", false) : 0;

	if (theirs) {
		totals.fdes_missing++;
		printf("functions: %s none, libdw %zu\n", file_name, theirs);
	}
	elf_end(elf);
}

static void check_file(const char *path)
{
	auto_close int fd = open(path, O_RDONLY);
	struct file f = {0};
	struct stat st;
	struct elf elf;
	void *bytes;
	int ret;

	if (fd < 0 || fstat(fd, &st) || !st.st_size)
		return;
	bytes = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return;
	totals.files++;
	ret = elf_open(&elf, bytes, st.st_size);
	totals.not_elf64 += ret != 0;
	if (!ret) {
		ret = unwind_table_build(&f.table, &elf);
		totals.not_text += ret == -ENOEXEC;
		totals.no_cfi += ret == -ENOENT;
		if (ret == -ENOENT)
			compare_without_table(fd);
	}
	if (!ret) {
		totals.with_tables++;
		eh_frame_open(&f.frames, &elf);
		compare_file(&f, fd);
		eh_frame_free(&f.frames);
	}
	totals.functions += f.table.counts.functions;
	totals.bad += f.table.counts.bad;
	totals.empty += f.table.counts.empty;
	totals.outside += f.table.counts.outside;
	totals.overlapping += f.table.counts.hidden + f.table.counts.clipped;
	totals.cut += f.table.counts.cut;
	totals.rows += f.table.counts.rows;
	totals.rules += f.table.counts.rules;
	totals.parts += f.table.parts.n;
	unwind_table_free(&f.table);
	munmap(bytes, st.st_size);
}

int main(void)
{
	char path[4096];

	elf_version(EV_CURRENT);
	while (fgets(path, sizeof(path), stdin)) {
		path[strcspn(path, "\n")] = '\0';
		file_name = path;
		check_file(path);
	}
	printf("files %zu\nwith-tables %zu\nnot-elf64 %zu\nnot-text %zu\nno-cfi %zu\n", totals.files, totals.with_tables, totals.not_elf64,
	       totals.not_text, totals.no_cfi);
	printf("functions %zu\nbad %zu\nempty %zu\noutside %zu\noverlapping %zu\ncut %zu\nrows %zu\nrules %zu\nparts %zu\nfdes-missing %zu\n",
	       totals.functions, totals.bad, totals.empty, totals.outside, totals.overlapping, totals.cut, totals.rows, totals.rules,
	       totals.parts, totals.fdes_missing);
	for (int i = 0; i < DIFFERENCES; i++)
		printf("%s %zu\n", difference_names[i], differences[i]);
	return 0;
}
