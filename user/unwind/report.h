// SPDX-License-Identifier: Apache-2.0
/* What rules an image has, as text for people: `profile doctor --unwind`. Pure: a file's bytes in, text out. */
#ifndef UNWIND_REPORT_H
#define UNWIND_REPORT_H

#include "base/buf.h"
#include "unwind/table.h"

/*
 * Appends the kinds of rules with their share of the text, what could not be used and why, how much of each executable section
 * has rules, and every range that has none with the symbols in it. Symbols and section names are escaped.
 */
void unwind_report(struct buf *out, const struct elf *elf, const struct unwind_table *t);

#endif
