// SPDX-License-Identifier: Apache-2.0
/*
 * A window's profile as few bytes, and back. Pure: bytes in, bytes out.
 *
 * What samples reach (strings, images, locations, frames, nodes, processes, threads) repeats from window to window. So the
 * encoder keeps a dictionary: a block of such elements that many windows refer to, each window adding only what the
 * dictionary has not got. A window needs its dictionary and nothing else: a damaged window harms no other.
 *
 * Format, version 2. All numbers are LEB128 varints of at most 10 bytes; "signed" ones are zigzag coded. A block is compressed
 * by zstd as one frame, whose checksum is on and whose content size is stated, and contains
 *
 *   version (2), flags (bit 0: this is a dictionary; the measurement and the samples are missing then)
 *   counts of the dictionary's elements, seven numbers in the order below: all 0 without a dictionary; they are what
 *   numbers start from, and must fit the dictionary that the block is read with
 *   strings:    n, number of addresses, n lengths, then the bytes of all (no NUL in them). String 0 is always "", and is not
 *               in the block
 *   images:     n, n paths, n build ids (strings). Image 0 is none, and is not in the block
 *   locations:  n, n images; 8 columns of n bytes: the offsets, highest byte first; n source files (signed, difference to the one
 *               before), n lines (likewise; 0: unknown). Location 0 likewise
 *   addresses:  the strings that follow: names of code that has no symbol, "[" prefix "+0x" number in hexadecimal "]". The
 *               prefixes (strings above), a location of each (signed, difference to the one before), how much more than the
 *               location's offset the number is (likewise)
 *   frames:     n, n names (signed, difference to the one before), n binaries, n kinds
 *   nodes:      n; n parents: how many steps up from the node before, or, when that is no less than the number of nodes that its
 *               stack has in this block, by how much the node of the dictionary is further on than the one that the stack was
 *               below; n frames: codes of a predictor, the context is the frame of the parent + 1; n locations: likewise, the
 *               context is the frame. Both predictors have learned the nodes of the dictionary. Node 0 likewise
 *   processes:  n, n pids (signed, difference), n identities (signed, difference), n comms, then n of each label
 *   threads:    n, n processes (signed, difference), n tids (signed, difference to the process's pid), n comms (to its comm)
 *   measurement: start, end, period, event, command (strings), expected, idle, filtered, recorded, number of reasons, then
 *               reason (string, its name in the accounting line), count
 *   samples:    n, n threads (difference; ascending), n nodes (signed; difference to the one before), n counts - 1
 */
#ifndef STORE_WINDOW_CODEC_H
#define STORE_WINDOW_CODEC_H

#include "base/buf.h"
#include "profile/profile.h"

#include <stddef.h>

struct dictionary; /* parsed; opaque */

/* NULL when the bytes are damaged. n = 0 is the empty dictionary. */
struct dictionary *dictionary_new(const void *bytes, size_t n);
void dictionary_free(struct dictionary *d); /* NULL is fine */

/*
 * The profile of a window, the caller's; it holds only what samples reach. `d`: what it was encoded with. 0, or -EBADMSG when
 * the bytes are damaged or of another dictionary.
 */
int window_decode(const void *bytes, size_t n, const struct dictionary *d, struct profile **ret);

struct window_encoder; /* opaque */

/* An encoder of windows with that dictionary, which is only read; NULL when it has an element twice (ours never have). */
struct window_encoder *window_encoder_new(const struct dictionary *d);
void window_encoder_free(struct window_encoder *e); /* NULL is fine */

/* Appends the encoded window to `out`, and remembers what it had for the next dictionary. 0, -EFBIG or -ENOMEM. */
int window_encode(struct window_encoder *e, const struct profile *p, struct buf *out);
/*
 * Would a new dictionary pay? When the windows since the last one have repeated more than it would cost; or has the encoder met
 * so much that it should forget, as under a storm of short processes?
 */
bool window_encoder_wants_dictionary(const struct window_encoder *e);
/* Appends a new dictionary: what more than one window reached, and what `p`, the next one, reaches. Same returns. */
int window_encoder_dictionary(struct window_encoder *e, const struct profile *p, struct buf *out);

/*
 * An encoder with a new dictionary, which is appended to `out`: of what `e` (NULL: nothing) met, and of `p`, the next window. Frees `e`.
 * NULL: too large.
 */
struct window_encoder *window_encoder_renew(struct window_encoder *e, const struct profile *p, struct buf *out);

size_t window_encoder_bytes(const struct window_encoder *e); /* memory it holds */

#endif
