// SPDX-License-Identifier: Apache-2.0
/* Any bytes as folded stacks: they read without harm, and what is then written reads back and writes as the same bytes. */
#include "base/buf.h"
#include "profile/profile.h"
#include "profile/tree.h"
#include "render/folded.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_and_write(struct buf *out, const char *text, size_t n, struct folded_errors *errors)
{
	struct view view = {.process = ALL_PROCESSES};
	struct profile *p = profile_new();
	struct tree *tree;

	folded_read(p, text, n, errors);
	buf_puts(out, ""); /* never NULL, even without a stack */
	tree = tree_new(p, &view);
	folded_write(out, tree);
	tree_free(tree);
	profile_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct folded_errors errors = {0}, none = {0};
	struct buf once = {0}, twice = {0};

	read_and_write(&once, (const char *)data, size, &errors);
	read_and_write(&twice, once.v, once.n, &none);
	if (none.lines || once.n != twice.n || memcmp(once.v, twice.v, once.n))
		abort();
	buf_free(&once);
	buf_free(&twice);
	return 0;
}
