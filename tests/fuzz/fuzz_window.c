// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as an encoded window, or a dictionary and a window. The bytes are what is compressed, so that they get past the
 * checksum of zstd; the first chooses how they are cut in two. What is read is encoded and read again, and is the same.
 */
#include "profile/merge.h"
#include "store/window_codec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static struct buf compress(const uint8_t *data, size_t size)
{
	struct buf b = {.v = xmalloc(ZSTD_compressBound(size) + 1), .cap = ZSTD_compressBound(size) + 1};

	b.n = ZSTD_compress(b.v, b.cap, data, size, 1);
	return b;
}

static void encode_again(const struct profile *p, const struct dictionary *d)
{
	struct window_encoder *e = window_encoder_new(d);
	struct buf out = {0};
	struct profile *q;

	if (!e)
		return;
	require(!window_encode(e, p, &out));
	require(!window_decode(out.v, out.n, d, &q));
	require(profile_total(q) == profile_total(p) && q->processes.n <= p->processes.n);
	require(!memcmp(&q->accounting, &p->accounting, sizeof(q->accounting)));
	buf_truncate(&out, 0);
	require(!window_encoder_dictionary(e, p, &out));
	profile_free(q);
	buf_free(&out);
	window_encoder_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t cut = size ? data[0] : 0;
	struct profile *p, *sum = profile_new();
	struct dictionary *d = NULL;
	struct buf window;

	/* As they are: damaged files. */
	dictionary_free(dictionary_new(data, size));
	if (size && cut && cut < size) {
		struct buf dictionary = compress(data + 1, cut - 1 < size - 1 ? cut : size - 1);

		d = dictionary_new(dictionary.v, dictionary.n);
		free(dictionary.v);
	}
	if (!d) {
		d = dictionary_new(NULL, 0);
		cut = 0;
	}
	if (size) {
		window = compress(data + 1 + (cut < size - 1 ? cut : size - 1), size - 1 - (cut < size - 1 ? cut : size - 1));
		if (!window_decode(window.v, window.n, d, &p)) {
			encode_again(p, d);
			profile_merge(sum, p, NULL);
			profile_free(p);
		}
		free(window.v);
	}
	profile_free(sum);
	dictionary_free(d);
	return 0;
}
