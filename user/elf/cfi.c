// SPDX-License-Identifier: Apache-2.0
#include "elf/cfi.h"

#include "elf/elf.h"

#include <errno.h>

/* DWARF 5 table 7.29; the GNU ones: LSB 5.0, binutils and GCC. */
enum {
	DW_CFA_nop = 0x00,
	DW_CFA_set_loc = 0x01,
	DW_CFA_advance_loc1 = 0x02,
	DW_CFA_advance_loc2 = 0x03,
	DW_CFA_advance_loc4 = 0x04,
	DW_CFA_offset_extended = 0x05,
	DW_CFA_restore_extended = 0x06,
	DW_CFA_undefined = 0x07,
	DW_CFA_same_value = 0x08,
	DW_CFA_register = 0x09,
	DW_CFA_remember_state = 0x0a,
	DW_CFA_restore_state = 0x0b,
	DW_CFA_def_cfa = 0x0c,
	DW_CFA_def_cfa_register = 0x0d,
	DW_CFA_def_cfa_offset = 0x0e,
	DW_CFA_def_cfa_expression = 0x0f,
	DW_CFA_expression = 0x10,
	DW_CFA_offset_extended_sf = 0x11,
	DW_CFA_def_cfa_sf = 0x12,
	DW_CFA_def_cfa_offset_sf = 0x13,
	DW_CFA_val_offset = 0x14,
	DW_CFA_val_offset_sf = 0x15,
	DW_CFA_val_expression = 0x16,
	DW_CFA_MIPS_advance_loc8 = 0x1d,
	DW_CFA_GNU_args_size = 0x2e,
	DW_CFA_GNU_negative_offset_extended = 0x2f,
	DW_CFA_advance_loc = 0x40, /* with the delta in the low six bits */
	DW_CFA_offset = 0x80,	   /* with the register */
	DW_CFA_restore = 0xc0,	   /* with the register */
	DW_CFA_high_bits = 0xc0,
};

enum {
	DW_EH_PE_absptr = 0x00,
	DW_EH_PE_uleb128 = 0x01,
	DW_EH_PE_udata2 = 0x02,
	DW_EH_PE_udata4 = 0x03,
	DW_EH_PE_udata8 = 0x04,
	DW_EH_PE_sleb128 = 0x09,
	DW_EH_PE_sdata2 = 0x0a,
	DW_EH_PE_sdata4 = 0x0b,
	DW_EH_PE_sdata8 = 0x0c,
	DW_EH_PE_format = 0x0f,
	DW_EH_PE_pcrel = 0x10,
	DW_EH_PE_datarel = 0x30,
	DW_EH_PE_aligned = 0x50,
	DW_EH_PE_application = 0x70,
	DW_EH_PE_indirect = 0x80,
};

static uint64_t read_format(struct reader *r, uint8_t format)
{
	switch (format) {
	case DW_EH_PE_uleb128:
		return reader_uleb(r);
	case DW_EH_PE_sleb128:
		return reader_sleb(r);
	case DW_EH_PE_udata2:
		return reader_fixed(r, 2);
	case DW_EH_PE_sdata2:
		return (int16_t)reader_fixed(r, 2);
	case DW_EH_PE_udata4:
		return reader_fixed(r, 4);
	case DW_EH_PE_sdata4:
		return (int32_t)reader_fixed(r, 4);
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		return reader_fixed(r, 8);
	}
	reader_fail(r);
	return 0;
}

uint64_t cfi_read_pointer(struct reader *r, const struct cfi_pointers *p, uint8_t encoding)
{
	uint64_t place = p->address + (r->at - p->bytes), v;
	struct elf_bytes slot;

	switch (encoding & DW_EH_PE_application) {
	case DW_EH_PE_absptr:
		v = read_format(r, encoding & DW_EH_PE_format);
		break;
	case DW_EH_PE_pcrel:
		v = place + read_format(r, encoding & DW_EH_PE_format);
		break;
	case DW_EH_PE_datarel:
		v = p->data + read_format(r, encoding & DW_EH_PE_format);
		break;
	case DW_EH_PE_aligned: /* the format is always a whole address */
		reader_skip(r, -place & 7);
		v = reader_fixed(r, 8);
		break;
	default:
		reader_fail(r);
		return 0;
	}
	if (!(encoding & DW_EH_PE_indirect) || r->failed)
		return v;
	slot = p->elf ? elf_at_vaddr(p->elf, v) : (struct elf_bytes){0};
	if (slot.n < 8) {
		reader_fail(r);
		return 0;
	}
	memcpy(&v, slot.v, 8);
	return v;
}

/* An operand that is a block: its length, then its bytes. */
static struct cfi_place read_expression(struct reader *r, enum cfi_how how)
{
	uint64_t size = reader_uleb(r);
	const uint8_t *expression = reader_skip(r, size);

	return (struct cfi_place){.how = how, .expression_size = size, .expression = expression};
}

static uint16_t saturated(uint64_t reg)
{
	return reg < UINT16_MAX ? reg : UINT16_MAX;
}

static int64_t factored(const struct cfi_cie *cie, uint64_t v)
{
	return v * (uint64_t)cie->data_align;
}

/* Where the rule of that register is kept; of no interest: a place to throw it. */
static struct cfi_place *place_of(const struct cfi_cie *cie, struct cfi_state *s, uint64_t reg, struct cfi_place *other)
{
	return reg == CFI_FP ? &s->fp : reg == cie->ra_column ? &s->ra : other;
}

struct machine {
	const struct cfi_cie *cie;
	struct cfi_state state;
	struct cfi_state remembered[CFI_REMEMBERED_MAX];
	size_t depth;
};

/* Register rules that begin with a register number. False: not one of them. */
static bool run_register_rule(struct machine *m, struct reader *r, uint8_t op)
{
	const struct cfi_cie *cie = m->cie;
	struct cfi_place other, *p = place_of(cie, &m->state, reader_uleb(r), &other);
	const struct cfi_state *initial = &cie->initial;

	switch (op) {
	case DW_CFA_offset_extended:
		*p = (struct cfi_place){.how = CFI_AT_CFA, .offset = factored(cie, reader_uleb(r))};
		return true;
	case DW_CFA_offset_extended_sf:
		*p = (struct cfi_place){.how = CFI_AT_CFA, .offset = factored(cie, reader_sleb(r))};
		return true;
	case DW_CFA_GNU_negative_offset_extended:
		*p = (struct cfi_place){.how = CFI_AT_CFA, .offset = factored(cie, -reader_uleb(r))};
		return true;
	case DW_CFA_val_offset:
		*p = (struct cfi_place){.how = CFI_IS_CFA, .offset = factored(cie, reader_uleb(r))};
		return true;
	case DW_CFA_val_offset_sf:
		*p = (struct cfi_place){.how = CFI_IS_CFA, .offset = factored(cie, reader_sleb(r))};
		return true;
	case DW_CFA_restore_extended:
		*p = p == &m->state.fp ? initial->fp : initial->ra;
		return true;
	case DW_CFA_undefined:
		*p = (struct cfi_place){.how = CFI_UNDEFINED};
		return true;
	case DW_CFA_same_value:
		*p = (struct cfi_place){.how = CFI_SAME};
		return true;
	case DW_CFA_register:
		*p = (struct cfi_place){.how = CFI_REGISTER, .reg = saturated(reader_uleb(r))};
		return true;
	case DW_CFA_expression:
		*p = read_expression(r, CFI_EXPRESSION);
		return true;
	case DW_CFA_val_expression:
		*p = read_expression(r, CFI_VALUE_EXPRESSION);
		return true;
	}
	return false;
}

/*
 * Hand-written assembly (libgcrypt) goes from an expression back to a register and means the offset from before the expression.
 * DWARF does not say so; libgcc and gdb do it, elfutils refuses.
 */
static bool def_cfa_register(struct cfi_state *s, uint64_t reg, bool allowed)
{
	s->cfa = (struct cfi_place){.how = CFI_REGISTER, .reg = saturated(reg), .offset = s->cfa_offset};
	return allowed;
}

static bool def_cfa_offset(struct cfi_state *s, int64_t offset)
{
	s->cfa_offset = offset;
	if (s->cfa.how == CFI_REGISTER)
		s->cfa.offset = offset;
	return s->cfa.how != CFI_UNSPECIFIED;
}

/* Every instruction that does not move the location and is not one of DW_CFA_offset, _restore. False: it cannot be understood. */
static bool run_rule(struct machine *m, struct reader *r, uint8_t op)
{
	const struct cfi_cie *cie = m->cie;
	struct cfi_state *s = &m->state;

	switch (op) {
	case DW_CFA_nop:
		return true;
	case DW_CFA_def_cfa:
		return def_cfa_register(s, reader_uleb(r), true) && def_cfa_offset(s, reader_uleb(r));
	case DW_CFA_def_cfa_sf:
		return def_cfa_register(s, reader_uleb(r), true) && def_cfa_offset(s, factored(cie, reader_sleb(r)));
	case DW_CFA_def_cfa_register:
		return def_cfa_register(s, reader_uleb(r), s->cfa.how != CFI_UNSPECIFIED);
	case DW_CFA_def_cfa_offset:
		return def_cfa_offset(s, reader_uleb(r));
	case DW_CFA_def_cfa_offset_sf:
		return def_cfa_offset(s, factored(cie, reader_sleb(r)));
	case DW_CFA_def_cfa_expression:
		s->cfa = read_expression(r, CFI_EXPRESSION);
		return true;
	case DW_CFA_remember_state:
		if (m->depth == CFI_REMEMBERED_MAX)
			return false;
		m->remembered[m->depth++] = *s;
		return true;
	case DW_CFA_restore_state: /* the CFA too, as every producer expects */
		if (!m->depth)
			return false;
		*s = m->remembered[--m->depth];
		return true;
	case DW_CFA_GNU_args_size: /* for exceptions only */
		reader_uleb(r);
		return true;
	}
	return run_register_rule(m, r, op);
}

/* The new location of an instruction that moves it, UINT64_MAX when that leaves the address space. False: another instruction. */
static bool run_advance(const struct cfi_cie *cie, struct reader *r, uint8_t op, uint64_t *pc)
{
	uint64_t delta;

	switch (op) {
	case DW_CFA_advance_loc1:
		delta = reader_u8(r);
		break;
	case DW_CFA_advance_loc2:
		delta = reader_fixed(r, 2);
		break;
	case DW_CFA_advance_loc4:
		delta = reader_fixed(r, 4);
		break;
	case DW_CFA_MIPS_advance_loc8:
		delta = reader_fixed(r, 8);
		break;
	case DW_CFA_set_loc:
		*pc = cfi_read_pointer(r, cie->pointers, cie->encoding);
		return true;
	default:
		if ((op & DW_CFA_high_bits) != DW_CFA_advance_loc)
			return false;
		delta = op & ~DW_CFA_high_bits;
	}
	if (__builtin_mul_overflow(delta, cie->code_align, &delta) || __builtin_add_overflow(*pc, delta, pc))
		*pc = UINT64_MAX;
	return true;
}

/* One instruction, which may move *pc. What cannot be understood fails the reader. */
static inline void run_instruction(struct machine *m, struct reader *r, uint64_t *pc)
{
	uint8_t op = *r->at++, low = op & ~DW_CFA_high_bits;
	struct cfi_place other;

	switch (op & DW_CFA_high_bits) {
	case DW_CFA_offset:
		*place_of(m->cie, &m->state, low, &other) =
			(struct cfi_place){.how = CFI_AT_CFA, .offset = factored(m->cie, reader_uleb(r))};
		return;
	case DW_CFA_restore:
		if (low == CFI_FP)
			m->state.fp = m->cie->initial.fp;
		else if (low == m->cie->ra_column)
			m->state.ra = m->cie->initial.ra;
		return;
	}
	if (!run_advance(m->cie, r, op, pc) && !run_rule(m, r, op))
		reader_fail(r);
}

int cfi_run(const struct cfi_cie *cie, struct reader r, uint64_t start, uint64_t end, cfi_take_row *take, void *ctx)
{
	uint64_t pc = start;
	struct machine m;

	m.cie = cie;
	m.state = cie->initial;
	m.depth = 0;
	while (r.at < r.end) {
		uint64_t next = pc;

		run_instruction(&m, &r, &next);
		if (next == pc)
			continue; /* no row at pc yet: what follows belongs to it */
		if (next < pc)
			reader_fail(&r);
		if (r.failed)
			break;
		if (!take(ctx, pc, &m.state))
			return 0;
		pc = next;
		if (pc >= end)
			return 0;
	}
	if (r.failed)
		m.state = (struct cfi_state){0};
	take(ctx, pc, &m.state);
	return r.failed ? -EINVAL : 0;
}

/* The initial rules. A CIE has no locations: an instruction that moves has no effect. */
static bool run_initial(struct cfi_cie *cie, struct reader r)
{
	struct machine m;
	uint64_t pc = 0;

	m.cie = cie;
	m.state = cie->initial;
	m.depth = 0;
	while (r.at < r.end)
		run_instruction(&m, &r, &pc);
	cie->initial = m.state;
	return !r.failed;
}

/* What the letters of the augmentation string stand for. False: data of unknown size lies before the instructions. */
static bool read_augmentation(struct cfi_cie *cie, struct reader *r, const char *letters)
{
	for (; *letters; letters++) {
		switch (*letters) {
		case 'R':
			cie->encoding = reader_u8(r);
			break;
		case 'P': { /* the personality routine: of no interest */
			uint8_t encoding = reader_u8(r);

			cfi_read_pointer(r, cie->pointers, encoding & ~DW_EH_PE_indirect);
			break;
		}
		case 'L': /* encoding of a pointer in the FDE's augmentation data, which is skipped */
			reader_u8(r);
			break;
		case 'S':
			cie->signal = true;
			break;
		case 'B': /* arm64: return addresses are signed with key B */
		case 'G': /* arm64: the stack is tagged */
			break;
		default:
			return cie->sized; /* its size is known, so what we do not know can be skipped */
		}
	}
	return true;
}

void cfi_read_cie(struct cfi_cie *ret, struct reader r)
{
	uint8_t version = reader_u8(&r);
	const char *letters = reader_string(&r);
	struct reader augmentation;

	ret->bad = true;
	if (!letters || (version != 1 && version != 3 && version != 4))
		return;
	if (!strncmp(letters, "eh", 2)) { /* before GCC 3 */
		reader_fixed(&r, 8);
		letters += 2;
	}
	if (version == 4 && (reader_u8(&r) != 8 || reader_u8(&r) != 0)) /* 8-byte addresses, no segments */
		return;
	ret->code_align = reader_uleb(&r);
	ret->data_align = reader_sleb(&r);
	ret->ra_column = version == 1 ? reader_u8(&r) : reader_uleb(&r);
	ret->encoding = DW_EH_PE_absptr;
	ret->sized = *letters == 'z';
	augmentation = r;
	if (ret->sized) {
		uint64_t size = reader_uleb(&r);

		augmentation.at = reader_skip(&r, size);
		augmentation.end = r.at;
		letters++;
	}
	if (!read_augmentation(ret, &augmentation, letters) || augmentation.failed)
		return;
	if (!ret->sized)
		r.at = augmentation.at;
	ret->bad = r.failed || !run_initial(ret, r);
}
