// SPDX-License-Identifier: Apache-2.0
/* A damaged history: put out of the way, and what can be read in it taken over. */
#ifndef STORE_SALVAGE_H
#define STORE_SALVAGE_H

#include "base/error.h"

#include <sqlite3.h>
#include <stdint.h>

/*
 * Renames the file to PATH.corrupt-YYYYMMDD-HHMMSS (local time), its write-ahead log with it. *ret is the new name, the caller's.
 * Copies set aside earlier are removed: one is enough to look at. 0 or a negative errno with the sentence in `err`.
 */
int salvage_set_aside(const char *path, char **ret, struct error *err);

/* Copies every window of the file at `path` that can be read, newest first, for some seconds at most; returns how many. */
uint64_t salvage_windows(const char *path, sqlite3 *to);

/* Bytes of all copies set aside; `remove`: also removes them. */
uint64_t salvage_copies(const char *path, int remove);

#endif
