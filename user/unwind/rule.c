// SPDX-License-Identifier: Apache-2.0
#include "unwind/rule.h"

#include "base/mem.h"

#include <stdio.h>

/* DWARF 5 table 7.9. */
enum {
	DW_OP_deref = 0x06,
	DW_OP_const1u = 0x08,
	DW_OP_const1s = 0x09,
	DW_OP_const2u = 0x0a,
	DW_OP_const2s = 0x0b,
	DW_OP_const4u = 0x0c,
	DW_OP_const4s = 0x0d,
	DW_OP_const8u = 0x0e,
	DW_OP_const8s = 0x0f,
	DW_OP_constu = 0x10,
	DW_OP_consts = 0x11,
	DW_OP_and = 0x1a,
	DW_OP_plus = 0x22,
	DW_OP_plus_uconst = 0x23,
	DW_OP_shl = 0x24,
	DW_OP_ge = 0x2a,
	DW_OP_lit0 = 0x30,
	DW_OP_lit31 = 0x4f,
	DW_OP_breg0 = 0x70,
	DW_OP_breg31 = 0x8f,
	DW_OP_bregx = 0x92,
};

/* An operation in normal form: every constant is DW_OP_consts, adding one is DW_OP_plus_uconst, a register DW_OP_bregx. */
struct op {
	uint8_t code;
	uint16_t reg;
	int64_t operand;
};

#define OPS_MAX 12

struct ops {
	struct op v[OPS_MAX];
	size_t n;
};

static bool read_op(struct reader *r, struct op *op)
{
	uint8_t code = reader_u8(r);

	*op = (struct op){.code = DW_OP_consts};
	switch (code) {
	case DW_OP_lit0 ... DW_OP_lit31:
		op->operand = code - DW_OP_lit0;
		return true;
	case DW_OP_const1u:
		op->operand = reader_u8(r);
		return true;
	case DW_OP_const1s:
		op->operand = (int8_t)reader_u8(r);
		return true;
	case DW_OP_const2u:
		op->operand = reader_fixed(r, 2);
		return true;
	case DW_OP_const2s:
		op->operand = (int16_t)reader_fixed(r, 2);
		return true;
	case DW_OP_const4u:
		op->operand = reader_fixed(r, 4);
		return true;
	case DW_OP_const4s:
		op->operand = (int32_t)reader_fixed(r, 4);
		return true;
	case DW_OP_const8u:
	case DW_OP_const8s:
		op->operand = reader_fixed(r, 8);
		return true;
	case DW_OP_constu:
		op->operand = reader_uleb(r);
		return true;
	case DW_OP_consts:
		op->operand = reader_sleb(r);
		return true;
	case DW_OP_breg0 ... DW_OP_breg31:
		*op = (struct op){DW_OP_bregx, code - DW_OP_breg0, reader_sleb(r)};
		return true;
	case DW_OP_bregx: {
		uint64_t reg = reader_uleb(r);

		*op = (struct op){DW_OP_bregx, reg < UINT16_MAX ? reg : UINT16_MAX, reader_sleb(r)};
		return true;
	}
	case DW_OP_plus_uconst:
		*op = (struct op){code, 0, reader_uleb(r)};
		return true;
	case DW_OP_deref:
	case DW_OP_and:
	case DW_OP_plus:
	case DW_OP_shl:
	case DW_OP_ge:
		op->code = code;
		return true;
	}
	return false;
}

/* "register + m, plus n" is "register + (m + n)"; "constant, plus" is "plus constant". */
static void push_op(struct ops *ops, struct op op)
{
	struct op *last = ops->n ? &ops->v[ops->n - 1] : NULL;

	if (op.code == DW_OP_plus && last && last->code == DW_OP_consts) {
		op = (struct op){DW_OP_plus_uconst, 0, last->operand};
		ops->n--;
		last = ops->n ? &ops->v[ops->n - 1] : NULL;
	}
	if (op.code == DW_OP_plus_uconst && last && (last->code == DW_OP_bregx || last->code == DW_OP_plus_uconst))
		last->operand = (uint64_t)last->operand + op.operand;
	else
		ops->v[ops->n++] = op;
}

static bool read_ops(const struct cfi_place *p, struct ops *ops)
{
	struct reader r = reader_of(p->expression, p->expression_size);
	struct op op;

	ops->n = 0;
	while (r.at < r.end) {
		if (ops->n == OPS_MAX || !read_op(&r, &op))
			return false;
		push_op(ops, op);
	}
	return !r.failed;
}

static bool is_register(const struct ops *ops, uint16_t reg, int64_t offset)
{
	return ops->n == 1 && ops->v[0].code == DW_OP_bregx && ops->v[0].reg == reg && ops->v[0].operand == offset;
}

static bool fits(int64_t v, int bits)
{
	return v >= -(1ll << (bits - 1)) && v < 1ll << (bits - 1);
}

static void cfa_at_register(struct unwind_rule *rule, uint16_t reg, int64_t offset)
{
	if (reg >= CFI_REGISTERS || !fits(offset, 32))
		return;
	rule->cfa = reg == CFI_SP ? UNWIND_CFA_SP : reg == CFI_FP ? UNWIND_CFA_FP : UNWIND_CFA_REG;
	rule->reg = rule->cfa == UNWIND_CFA_REG ? reg : 0;
	rule->cfa_offset = offset;
}

#define RA_COLUMN 16 /* rip: as a register in an expression the address of the row's instruction */

/*
 * rsp + 8 + ((rip & 15) >= L ? 8 : 0), as linkers write it for their procedure linkage tables:
 * breg7 8, breg16 0, lit15, and, L, ge, lit3, shl, plus.
 */
static bool is_plt(const struct ops *ops, int64_t *ret_l)
{
	static const struct op plt[] = {
		{DW_OP_bregx, CFI_SP, 8}, {DW_OP_bregx, RA_COLUMN, 0}, {DW_OP_consts, 0, 15}, {DW_OP_and, 0, 0}, {DW_OP_consts, 0, 0},
		{DW_OP_ge, 0, 0},	  {DW_OP_consts, 0, 3},	       {DW_OP_shl, 0, 0},     {DW_OP_plus, 0, 0},
	};

	if (ops->n != ARRAY_SIZE(plt))
		return false;
	*ret_l = ops->v[4].operand;
	for (size_t i = 0; i < ops->n; i++)
		if (ops->v[i].code != plt[i].code || ops->v[i].reg != plt[i].reg || (i != 4 && ops->v[i].operand != plt[i].operand))
			return false;
	return *ret_l >= 0 && *ret_l < 16;
}

static void cfa_by_expression(struct unwind_rule *rule, const struct cfi_place *p)
{
	struct ops ops;
	int64_t l;

	if (!read_ops(p, &ops) || !ops.n || ops.v[0].code != DW_OP_bregx)
		return;
	if (ops.n == 1) {
		cfa_at_register(rule, ops.v[0].reg, ops.v[0].operand);
	} else if (is_plt(&ops, &l)) {
		rule->cfa = UNWIND_CFA_PLT;
		rule->reg = l;
	} else if (ops.v[1].code == DW_OP_deref && (ops.n == 2 || (ops.n == 3 && ops.v[2].code == DW_OP_plus_uconst))) {
		int64_t addend = ops.n == 3 ? ops.v[2].operand : 0;

		if ((ops.v[0].reg != CFI_SP && ops.v[0].reg != CFI_FP) || !fits(ops.v[0].operand, 32) || !fits(addend, 16))
			return;
		rule->cfa = ops.v[0].reg == CFI_SP ? UNWIND_CFA_DEREF_SP : UNWIND_CFA_DEREF_FP;
		rule->cfa_offset = ops.v[0].operand;
		rule->cfa_addend = addend;
	}
}

/* Where `how` is CFI_EXPRESSION: memory at CFA + *offset, if the expression says that in one way or the other. */
static bool is_at_cfa(const struct unwind_rule *rule, const struct ops *ops, int64_t *offset)
{
	const struct op *op = &ops->v[0];

	if (ops->n != 1)
		return false;
	*offset = op->operand; /* the CFA is on the stack to begin with (DWARF 5 section 6.4.2.3) */
	if (op->code == DW_OP_plus_uconst)
		return true;
	*offset -= rule->cfa_offset;
	return op->code == DW_OP_bregx && ((rule->cfa == UNWIND_CFA_SP && op->reg == CFI_SP) ||
					    (rule->cfa == UNWIND_CFA_FP && op->reg == CFI_FP));
}

static void fp_at_cfa(struct unwind_rule *rule, int64_t offset)
{
	if (!fits(offset, 32))
		return;
	rule->fp = UNWIND_FP_AT_CFA;
	rule->fp_offset = offset;
}

static void set_fp(struct unwind_rule *rule, const struct cfi_place *p)
{
	struct ops ops;
	int64_t offset;

	rule->fp = UNWIND_FP_UNKNOWN;
	switch (p->how) {
	case CFI_UNSPECIFIED: /* callee-saved (psABI figure 3.4) */
	case CFI_SAME:
		rule->fp = UNWIND_FP_SAME;
		return;
	case CFI_AT_CFA:
		fp_at_cfa(rule, p->offset);
		return;
	case CFI_REGISTER:
		if (p->reg >= CFI_REGISTERS)
			return;
		rule->fp = p->reg == CFI_FP ? UNWIND_FP_SAME : UNWIND_FP_REG;
		rule->fp_offset = p->reg == CFI_FP ? 0 : p->reg;
		return;
	case CFI_EXPRESSION:
		if (!read_ops(p, &ops))
			return;
		if (is_at_cfa(rule, &ops, &offset)) {
			fp_at_cfa(rule, offset);
		} else if (ops.n == 1 && ops.v[0].code == DW_OP_bregx && fits(ops.v[0].operand, 32) &&
			   (ops.v[0].reg == CFI_FP || ops.v[0].reg == CFI_SP)) {
			rule->fp = ops.v[0].reg == CFI_FP ? UNWIND_FP_AT_FP : UNWIND_FP_AT_SP;
			rule->fp_offset = ops.v[0].operand;
		}
		return;
	}
}

static void ra_at_cfa(struct unwind_rule *rule, int64_t offset)
{
	if (!fits(offset, 16))
		return;
	rule->ra = UNWIND_RA_AT_CFA;
	rule->ra_offset = offset;
}

static void set_ra(struct unwind_rule *rule, const struct cfi_place *p)
{
	struct ops ops;
	int64_t offset;

	rule->ra = UNWIND_RA_NONE;
	switch (p->how) {
	case CFI_UNDEFINED:
		rule->ra = UNWIND_RA_END;
		return;
	case CFI_AT_CFA:
		ra_at_cfa(rule, p->offset);
		return;
	case CFI_REGISTER:
		if (p->reg >= CFI_REGISTERS)
			return;
		rule->ra = UNWIND_RA_REG;
		rule->ra_offset = p->reg;
		return;
	case CFI_EXPRESSION:
		if (read_ops(p, &ops) && is_at_cfa(rule, &ops, &offset))
			ra_at_cfa(rule, offset);
		return;
	}
}

/*
 * The frame that Linux builds on x86-64 for a signal handler, as its trampoline describes it: rsp points to the ucontext, whose
 * sigcontext has rbp at +120, rsp at +160 and rip at +168 (asm/sigcontext.h behind 40 bytes of struct ucontext).
 */
static bool is_signal_frame(const struct cfi_state *s)
{
	struct ops cfa, fp, ra;

	if (s->fp.how != CFI_EXPRESSION || s->ra.how != CFI_EXPRESSION)
		return false;
	return read_ops(&s->cfa, &cfa) && read_ops(&s->fp, &fp) && read_ops(&s->ra, &ra) && cfa.n == 2 &&
	       cfa.v[0].code == DW_OP_bregx && cfa.v[0].reg == CFI_SP && cfa.v[0].operand == 160 && cfa.v[1].code == DW_OP_deref &&
	       is_register(&fp, CFI_SP, 120) && is_register(&ra, CFI_SP, 168);
}

struct unwind_rule unwind_rule_of(const struct cfi_state *s)
{
	struct unwind_rule rule = {.cfa = UNWIND_CFA_NONE};

	if (s->cfa.how == CFI_REGISTER) {
		cfa_at_register(&rule, s->cfa.reg, s->cfa.offset);
	} else if (s->cfa.how == CFI_EXPRESSION) {
		if (is_signal_frame(s))
			return (struct unwind_rule){.cfa = UNWIND_CFA_SIGNAL};
		cfa_by_expression(&rule, &s->cfa);
	}
	if (s->ra.how == CFI_UNDEFINED) {
		rule.fp = UNWIND_FP_UNKNOWN;
		rule.ra = UNWIND_RA_END;
		return rule;
	}
	if (rule.cfa == UNWIND_CFA_NONE)
		return rule;
	set_fp(&rule, &s->fp);
	set_ra(&rule, &s->ra);
	return rule;
}

static const char *register_name(unsigned reg)
{
	static const char *const names[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp",
					    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

	return reg < ARRAY_SIZE(names) ? names[reg] : "?";
}

static int cfa_text(const struct unwind_rule *r, char *text, size_t n)
{
	switch (r->cfa) {
	case UNWIND_CFA_SP:
		return snprintf(text, n, "CFA=rsp%+d", r->cfa_offset);
	case UNWIND_CFA_FP:
		return snprintf(text, n, "CFA=rbp%+d", r->cfa_offset);
	case UNWIND_CFA_REG:
		return snprintf(text, n, "CFA=%s%+d", register_name(r->reg), r->cfa_offset);
	case UNWIND_CFA_DEREF_SP:
	case UNWIND_CFA_DEREF_FP:
		return snprintf(text, n, "CFA=*(%s%+d)%+d", r->cfa == UNWIND_CFA_DEREF_SP ? "rsp" : "rbp", r->cfa_offset, r->cfa_addend);
	case UNWIND_CFA_PLT:
		return snprintf(text, n, "CFA=rsp+8+(rip&15>=%u?8:0)", r->reg);
	case UNWIND_CFA_SIGNAL:
		return snprintf(text, n, "signal frame");
	case UNWIND_CFA_STG:
		return snprintf(text, n, "CFA=StgRun's rsp");
	}
	return snprintf(text, n, "no rule");
}

const char *unwind_rule_text(const struct unwind_rule *r, char *text)
{
	int at = cfa_text(r, text, UNWIND_RULE_TEXT);

	if (r->cfa == UNWIND_CFA_SIGNAL || (r->cfa == UNWIND_CFA_NONE && r->ra != UNWIND_RA_END))
		return text;
	if (r->fp == UNWIND_FP_AT_CFA || r->fp == UNWIND_FP_AT_FP || r->fp == UNWIND_FP_AT_SP)
		at += snprintf(text + at, UNWIND_RULE_TEXT - at, " fp=*(%s%+d)",
			       r->fp == UNWIND_FP_AT_CFA ? "CFA" : r->fp == UNWIND_FP_AT_FP ? "rbp" : "rsp", r->fp_offset);
	else if (r->fp == UNWIND_FP_REG)
		at += snprintf(text + at, UNWIND_RULE_TEXT - at, " fp=%s", register_name(r->fp_offset));
	else
		at += snprintf(text + at, UNWIND_RULE_TEXT - at, r->fp == UNWIND_FP_SAME ? " fp=same" : " fp=unknown");
	if (r->ra == UNWIND_RA_AT_CFA)
		snprintf(text + at, UNWIND_RULE_TEXT - at, " ra=*(CFA%+d)", r->ra_offset);
	else if (r->ra == UNWIND_RA_REG)
		snprintf(text + at, UNWIND_RULE_TEXT - at, " ra=%s", register_name(r->ra_offset));
	else
		snprintf(text + at, UNWIND_RULE_TEXT - at, r->ra == UNWIND_RA_END ? " ra=end of stack" : " ra=unknown");
	return text;
}
