// SPDX-License-Identifier: Apache-2.0
/*
 * From what CFI says of an address (elf/cfi.h) to a rule that the BPF unwinder can apply (bpf/unwind_table.h).
 */
#ifndef UNWIND_RULE_H
#define UNWIND_RULE_H

#include "bpf/unwind_table.h"
#include "elf/cfi.h"

/*
 * Never a wrong rule: what no rule kind can express is UNWIND_CFA_NONE, UNWIND_FP_UNKNOWN or UNWIND_RA_NONE. Equal meanings give
 * equal bytes. An undefined return address is UNWIND_RA_END whatever else is known.
 */
struct unwind_rule unwind_rule_of(const struct cfi_state *state);

/* One line, "CFA=rsp+16 fp=*(CFA-16) ra=*(CFA-8)". `text` holds at least UNWIND_RULE_TEXT bytes. */
#define UNWIND_RULE_TEXT 128
const char *unwind_rule_text(const struct unwind_rule *rule, char *text);

#endif
