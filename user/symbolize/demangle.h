// SPDX-License-Identifier: Apache-2.0
#ifndef SYMBOLIZE_DEMANGLE_H
#define SYMBOLIZE_DEMANGLE_H

#include "base/buf.h"

#include <stdbool.h>

/*
 * Real names reach 1,222 and 10,111 bytes. A longer symbol is not demangled; what is longer than DEMANGLE_MAX_OUT, demangled or
 * not, is cut at a character and ends in "...".
 */
#define DEMANGLE_MAX_IN 4096
#define DEMANGLE_MAX_OUT 4096

/*
 * Appends the readable form of a linker symbol: C++ (Itanium ABI), Rust v0 and legacy, else the symbol itself. Per-build
 * parts (Rust's ::h<16 hex>, crate disambiguators) are left out, so that two builds compare. What the compiler appends to a name
 * (.cold, .part.0, .isra.0, .constprop.0, .lto_priv.0, .llvm.N, several of them, @VERSION) is cut before demangling and not
 * shown; but @plt is, since a stub that leads to a function is not the function. `full` keeps all of it. Time and memory are bounded
 * whatever the symbol is. Runs libiberty's demanglers, on bytes that whoever made the file has chosen: only in a namer
 * (symbolize/namer.h).
 */
void demangle(struct buf *out, const char *symbol, bool full);
/* Does it take a demangler to read this symbol? */
bool demangle_is_mangled(const char *symbol);
/* The same as demangle(), but without the demanglers: a mangled symbol stays as it is. Safe anywhere. */
void demangle_plain(struct buf *out, const char *symbol, bool full);

#endif
