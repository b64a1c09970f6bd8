// SPDX-License-Identifier: Apache-2.0
/*
 * DWARF 2 to 5 as far as symbolization needs it: units, abbreviations and attribute values of one file's .debug_info, read from
 * bounds-checked bytes. Own code because the bytes belong to other users, and because libdw finds no inlined function below a
 * namespace (dwarf_getscopes() skips entries without addresses), which is all of Rust.
 * Sources: DWARF 5 (section numbers below), DWARF 4 for .debug_ranges and older unit headers, the GNU extensions for split DWARF
 * (gcc wiki "DebugFission") and for dwz's shared files (DWARF proposal 120604.1).
 */
#ifndef ELF_DWARF_H
#define ELF_DWARF_H

#include "base/mem.h"
#include "base/table.h"
#include "elf/reader.h"
#include "elf/section.h"

#define DWARF_SECTIONS(X)                                                                                              \
	X(INFO, ".debug_info")                                                                                         \
	X(ABBREV, ".debug_abbrev")                                                                                     \
	X(STR, ".debug_str")                                                                                           \
	X(STR_OFFSETS, ".debug_str_offsets")                                                                           \
	X(LINE, ".debug_line")                                                                                         \
	X(LINE_STR, ".debug_line_str")                                                                                 \
	X(RANGES, ".debug_ranges")                                                                                     \
	X(RNGLISTS, ".debug_rnglists")                                                                                 \
	X(ADDR, ".debug_addr")

enum dwarf_section {
#define X(id, name) DWARF_##id,
	DWARF_SECTIONS(X)
#undef X
	DWARF_SECTION_N
};

/* 7.5.4 to 7.5.6: the tags and attributes that are looked at. */
enum {
	DW_TAG_compile_unit = 0x11,
	DW_TAG_inlined_subroutine = 0x1d,
	DW_TAG_subprogram = 0x2e,
	DW_TAG_partial_unit = 0x3c,
	DW_TAG_skeleton_unit = 0x4a,

	DW_AT_name = 0x03,
	DW_AT_stmt_list = 0x10,
	DW_AT_low_pc = 0x11,
	DW_AT_high_pc = 0x12,
	DW_AT_comp_dir = 0x1b,
	DW_AT_abstract_origin = 0x31,
	DW_AT_specification = 0x47,
	DW_AT_ranges = 0x55,
	DW_AT_call_file = 0x58,
	DW_AT_call_line = 0x59,
	DW_AT_linkage_name = 0x6e,
	DW_AT_str_offsets_base = 0x72,
	DW_AT_addr_base = 0x73,
	DW_AT_rnglists_base = 0x74,
	DW_AT_dwo_name = 0x76,
	DW_AT_MIPS_linkage_name = 0x2007,
	DW_AT_GNU_dwo_name = 0x2130,
	DW_AT_GNU_dwo_id = 0x2131,
	DW_AT_GNU_ranges_base = 0x2132,
	DW_AT_GNU_addr_base = 0x2133,
};

/* What an attribute's value is (7.5.5); `u` holds it as it stands in the file. */
enum dwarf_class {
	DWARF_NONE,	/* the attribute is not there */
	DWARF_CONSTANT, /* u */
	DWARF_ADDRESS,	/* u */
	DWARF_ADDRESS_INDEX,
	DWARF_STRING,	    /* `text`, NUL-terminated in the file's bytes; NULL when it leads nowhere */
	DWARF_REFERENCE,    /* u: offset in .debug_info of this file */
	DWARF_REFERENCE_ALT, /* u: offset in .debug_info of the shared file that dwz made */
	DWARF_SECTION_OFFSET,
	DWARF_LIST_INDEX, /* of a range list */
	DWARF_OTHER,	  /* nothing we read */
};

struct dwarf_value {
	enum dwarf_class class;
	uint64_t u;
	const char *text;
};

static inline struct dwarf_value dwarf_number(enum dwarf_class class, uint64_t u)
{
	return (struct dwarf_value){class, u, NULL};
}

struct dwarf_attribute {
	uint16_t name, form;
	int64_t implicit; /* DW_FORM_implicit_const */
};

struct dwarf_abbrev {
	uint64_t code;
	uint32_t first, count; /* in dwarf.attributes */
	uint16_t tag;
	bool children, readable; /* `readable`: all forms are known */
	uint16_t fixed, addresses, offsets; /* sizes of the values if all are fixed: bytes, and how many of the unit's sizes */
	bool is_fixed;
};

struct dwarf_abbrevs { /* one table: what units with this offset share */
	uint64_t offset;
	uint32_t first, count; /* in dwarf.abbrevs, ascending by code */
};

struct dwarf_unit {
	uint64_t offset, first, end; /* in .debug_info: its header, its first entry, what follows */
	uint8_t version, address_size, offset_size;
	bool is_type; /* describes types only */
	uint32_t abbrevs; /* index in dwarf.abbrev_tables, or UINT32_MAX */
	uint64_t dwo_id; /* 0: none */
	/* Of the unit's own entry; of a split unit, of the skeleton that stands for it in the linked file. */
	uint64_t str_offsets_base, addr_base, rnglists_base, ranges_base;
	uint64_t low_pc; /* base of its ranges */
};

/* One file with DWARF: a program, a library, a debug file, what dwz made, a .dwo; or one unit's part of a .dwp (dwarf_package.h). */
struct dwarf {
	struct section sections[DWARF_SECTION_N];
	struct elf_bytes addr, ranges; /* .debug_addr and .debug_ranges: for a split unit those of the linked file */
	bool split; /* .debug_*.dwo */
	VEC(struct dwarf_unit) units; /* ascending by offset */
	VEC(struct dwarf_abbrevs) abbrev_tables;
	VEC(struct dwarf_abbrev) abbrevs;
	VEC(struct dwarf_attribute) attributes;
	struct table by_offset; /* of abbrev_tables */
	const struct dwarf *alt; /* what dwz made, if the file refers to it; not owned */
};

/*
 * Opens what DWARF `elf` has; its bytes must outlive `d`. `split`: the sections named ".debug_*.dwo". `budget` bounds what is
 * allocated for inflated sections. 0, or -ENOENT when there is no DWARF. Damaged units end the list and are no error.
 */
int dwarf_open(struct dwarf *d, const struct elf *elf, bool split, uint64_t *budget);
/* The same of sections of split units that are open already, in the order of DWARF_SECTIONS. Their bytes must outlive `d`. */
int dwarf_open_split(struct dwarf *d, const struct elf_bytes sections[DWARF_SECTION_N]);
void dwarf_free(struct dwarf *d);

/* section_open() by its name, which for those of split units ends in ".dwo". */
int dwarf_section_open(struct section *ret, const struct elf *elf, enum dwarf_section s, bool split, uint64_t *budget);

/* The unit that holds this offset of .debug_info, or NULL. */
const struct dwarf_unit *dwarf_unit_at(const struct dwarf *d, uint64_t offset);
/* What the unit's code stands for, or NULL: damaged. */
const struct dwarf_abbrev *dwarf_abbrev(const struct dwarf *d, const struct dwarf_unit *u, uint64_t code);
/* The bytes of the unit from an offset of .debug_info on. */
struct reader dwarf_entry(const struct dwarf *d, const struct dwarf_unit *u, uint64_t offset);
/* Reads the value of one attribute, moving past it. */
struct dwarf_value dwarf_read(const struct dwarf *d, const struct dwarf_unit *u, const struct dwarf_attribute *a, struct reader *r);
/* Moves past all values of an entry. */
void dwarf_skip(const struct dwarf *d, const struct dwarf_unit *u, const struct dwarf_abbrev *a, struct reader *r);
/* The address that a value means, if it means one. */
bool dwarf_address(const struct dwarf *d, const struct dwarf_unit *u, const struct dwarf_value *v, uint64_t *ret);

/* Ranges that DW_AT_low_pc/high_pc or DW_AT_ranges describe; `fn` gets each that is not empty. */
struct dwarf_pcs {
	struct dwarf_value low, high, ranges;
};
void dwarf_ranges(const struct dwarf *d, const struct dwarf_unit *u, const struct dwarf_pcs *pcs,
		  void (*fn)(void *ctx, uint64_t start, uint64_t end), void *ctx);

/*
 * The name of a function's entry: the linkage name of it or of what it refers to (DW_AT_abstract_origin, DW_AT_specification),
 * else the plain name; NULL when it has none. In the bytes of one of the files.
 */
const char *dwarf_function_name(const struct dwarf *d, const struct dwarf_value *reference);

#endif
