// SPDX-License-Identifier: Apache-2.0
/*
 * MiniDebugInfo: a stripped program may carry, xz-compressed in .gnu_debugdata, an ELF file whose .symtab has the functions that
 * .dynsym lacks (GDB manual, "Debugging information in a special section"; Fedora and its relatives build all programs so).
 */
#ifndef ELF_MINIDEBUG_H
#define ELF_MINIDEBUG_H

#include "elf/symtab.h"

#define MINIDEBUG_BYTES_MAX (256u << 20) /* unpacked; the largest known are a tenth of that */
#define MINIDEBUG_MEMORY_MAX (72u << 20) /* of the decoder: enough for what xz -9 makes */

/*
 * 0; or -ENOENT, with `t` empty, when there is none, or it is damaged, or beyond these bounds. What it unpacks to is freed
 * again. `t` must be zeroed or freed.
 */
int minidebug_symbols(struct symtab *t, const struct elf *elf);

#define MINIDEBUG_SECTION ".gnu_debugdata"

#endif
