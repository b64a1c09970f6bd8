// SPDX-License-Identifier: Apache-2.0
/*
 * Call frame instructions: a function's program becomes rows that say, from an address on, where the canonical frame address
 * (CFA), the caller's frame pointer and the return address are. Pure: bytes in, rows out.
 * Sources: DWARF 5 section 6.4; LSB 5.0 Core "DWARF Extensions"; register numbers: x86-64 psABI 1.0 figure 3.36.
 */
#ifndef ELF_CFI_H
#define ELF_CFI_H

#include "elf/reader.h"

/* The registers that matter, by DWARF number. The return address column is what the CIE says, 16 on x86-64. */
#define CFI_FP 6 /* rbp */
#define CFI_SP 7 /* rsp */
#define CFI_REGISTERS 16 /* that a stopped thread has; higher numbers are no base of anything */

/* remember_state nests this deep at most; compilers need 1, hand-written code a few. */
#define CFI_REMEMBERED_MAX 64

enum cfi_how {
	CFI_UNSPECIFIED,      /* the CFI does not say */
	CFI_SAME,	      /* the register was not touched */
	CFI_UNDEFINED,	      /* lost; as a return address: this is the outermost frame */
	CFI_AT_CFA,	      /* in memory at CFA + offset */
	CFI_IS_CFA,	      /* the value CFA + offset */
	CFI_REGISTER,	      /* the value register + offset (a CFA), or the register (then offset is 0) */
	CFI_EXPRESSION,	      /* in memory where the expression says; for a CFA: the value of the expression */
	CFI_VALUE_EXPRESSION, /* the value of the expression */
};

struct cfi_place {
	uint8_t how;
	uint16_t reg;		  /* saturated: no machine has so many */
	uint32_t expression_size; /* bytes */
	union {
		int64_t offset;
		const uint8_t *expression; /* inside the section */
	};
};

struct cfi_state {
	struct cfi_place cfa, fp, ra;
	int64_t cfa_offset; /* of the last instruction that gave one: it outlives an expression */
};

/* Takes a row: `state` holds from `pc` to the next row's, or to the function's end. False: no further rows, please. */
typedef bool cfi_take_row(void *ctx, uint64_t pc, const struct cfi_state *state);

/* How pointers are written: enough to read one anywhere in a section. */
struct cfi_pointers {
	const uint8_t *bytes; /* of the section ... */
	uint64_t address;     /* ... and its virtual address */
	uint64_t data;	      /* what DW_EH_PE_datarel counts from */
	const struct elf *elf; /* where DW_EH_PE_indirect looks, or NULL */
};

/*
 * A pointer in encoding `encoding` (DW_EH_PE_*, LSB 5.0 "DWARF Exception Header Encoding"). What cannot be known from a file
 * (textrel, funcrel, omitted) fails.
 */
uint64_t cfi_read_pointer(struct reader *r, const struct cfi_pointers *p, uint8_t encoding);

/* What functions share. */
struct cfi_cie {
	uint64_t offset; /* in its section */
	const struct cfi_pointers *pointers;
	uint64_t code_align;
	int64_t data_align;
	uint64_t ra_column;
	uint8_t encoding; /* of addresses in its FDEs */
	bool sized;	  /* 'z': FDEs have augmentation data behind their range */
	bool signal;	  /* 'S': the caller of such a frame was interrupted, not calling */
	bool bad;	  /* cannot be read: neither can its FDEs */
	struct cfi_state initial;
};

/* Reads what stands behind a CIE's id; ret->offset and ret->pointers are set by the caller. On failure ret->bad is set. */
void cfi_read_cie(struct cfi_cie *ret, struct reader r);

/*
 * Hands out the rows of a function at [start, end) whose program is `r`: ascending, the first at `start`, none at or behind `end`,
 * no two at one address. 0, or -EINVAL when the program cannot be understood: the rows before that place hold, and the last one,
 * from there on, says nothing.
 */
int cfi_run(const struct cfi_cie *cie, struct reader r, uint64_t start, uint64_t end, cfi_take_row *take, void *ctx);

#endif
