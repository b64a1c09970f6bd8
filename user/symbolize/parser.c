// SPDX-License-Identifier: Apache-2.0
#include "symbolize/parser.h"

#include "symbolize/parse.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

int parser_start(struct helper *parser, int file, const int *roots, const struct buf *request)
{
	int more[1 + PARSE_ROOTS] = {file};

	_Static_assert(1 + PARSE_ROOTS <= HELPER_MORE_MAX, "they have room");
	memcpy(more + 1, roots, PARSE_ROOTS * sizeof(*roots));
	return helper_start(parser, PARSE_ARGUMENT, request, more, 1 + PARSE_ROOTS, PARSER_DEADLINE_NS);
}

/* What its exit status says. */
static int judge(int status)
{
	switch (status) {
	case PARSE_DONE:
	case PARSE_TOO_LARGE:
		return 0;
	case PARSE_NOTHING:
		return -ENOEXEC;
	default:
		return -ECHILD;
	}
}

int parser_take(struct helper *parser, struct parser_result *ret)
{
	struct helper_result r;
	int code = helper_end(parser, &r);

	*ret = (struct parser_result){.too_large = !code && r.status == PARSE_TOO_LARGE};
	code = code ? code : judge(r.status);
	if (!code)
		code = r.bytes ? image_file_open(&ret->file, r.bytes, r.size) : -EBADMSG;
	if (code) {
		if (r.bytes)
			munmap(r.bytes, r.size);
		return code;
	}
	ret->bytes = r.bytes;
	ret->size = r.size;
	return 0;
}
