// SPDX-License-Identifier: Apache-2.0
#ifndef SYMBOLIZE_DEMANGLE_H
#define SYMBOLIZE_DEMANGLE_H

#include "base/buf.h"

/* Longer input is returned as it is, longer output is cut and ends in "...". Real names reach 1,222 and 10,111 bytes. */
#define DEMANGLE_MAX_IN 4096
#define DEMANGLE_MAX_OUT 4096

/*
 * Appends the readable form of a linker symbol: C++ (Itanium ABI), Rust v0 and legacy, else the symbol itself. Per-build
 * parts (Rust's ::h<16 hex>, crate disambiguators) are left out, so that two builds compare. Compiler suffixes (.cold,
 * .part.0, .isra.0, .constprop.0, .llvm.N, @VERSION) are cut before demangling and not shown. Time and memory are bounded
 * whatever the symbol is.
 */
void demangle(struct buf *out, const char *symbol);

#endif
