// SPDX-License-Identifier: Apache-2.0
/*
 * cfi_rules FILE: the section `expected` of a file (tests/programs/frames.S) beside its unwind table. Each entry is an address and,
 * as a string, the rule that must be in force there. A line each: "ok" or "not ok", address, what the table says, what is expected.
 */
#include "base/buf.h"
#include "base/file.h"
#include "elf/reader.h"
#include "unwind/rule.h"
#include "unwind/table.h"

#include <stdio.h>

static void compare(const struct unwind_table *t, struct elf_bytes expected)
{
	static const struct unwind_rule none;
	struct reader r = reader_of(expected.v, expected.n);

	while (reader_left(&r)) {
		uint64_t vaddr = reader_fixed(&r, 8);
		const char *rule = reader_string(&r);
		const struct unwind_part *part = unwind_table_part(t, vaddr);
		char text[UNWIND_RULE_TEXT];

		if (!rule)
			return;
		unwind_rule_text(part ? unwind_table_find(part, vaddr) : &none, text);
		printf("%s %llx %s | %s\n", strcmp(text, rule) ? "not ok" : "ok", (unsigned long long)vaddr, text, rule);
	}
}

int main(int argc, char **argv)
{
	struct unwind_table t = {0};
	struct buf file = {0};
	Elf64_Shdr section;
	struct elf elf;

	if (argc != 2 || file_read(argv[1], 1 << 30, &file) || elf_open(&elf, file.v, file.n) || unwind_table_build(&t, &elf) ||
	    !elf_section_by_name(&elf, "expected", &section))
		return 1;
	compare(&t, elf_contents(&elf, &section));
	printf("functions %zu, bad %zu\n", t.counts.functions, t.counts.bad);
	unwind_table_free(&t);
	buf_free(&file);
	return 0;
}
