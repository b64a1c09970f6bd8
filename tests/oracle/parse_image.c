// SPDX-License-Identifier: Apache-2.0
/* parse_image FILE unwind|names|debug: the image file that a parser process makes of an ELF file, on stdout. */
#include "base/file.h"
#include "symbolize/parse.h"
#include "symbolize/parser.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static const char *const what[] = {[PARSE_UNWIND] = "unwind", [PARSE_NAMES] = "names", [PARSE_DEBUG_INFO] = "debug"};
	struct parse_request request = {.what = PARSE_UNWIND};
	struct parsers *parsers = parsers_new();
	struct parser_result result;
	struct helper parser;
	int file, ret = 1;

	if (helper_is_wanted(argc, argv))
		return helper_main(argv);
	while (argc == 3 && request.what <= PARSE_DEBUG_INFO && strcmp(argv[2], what[request.what]))
		request.what++;
	file = argc == 3 ? open(argv[1], O_PATH | O_CLOEXEC) : -1;
	if (file >= 0 && !parser_start(parsers, &parser, file, NULL, &(struct buf){.v = (char *)&request, .n = sizeof(request)})) {
		helper_wait(&parser, UINT64_MAX);
		if (!parser_take(&parser, &result))
			ret = file_write_fd(STDOUT_FILENO, result.bytes, result.size) ? 1 : 0;
	}
	parsers_free(parsers);
	return ret;
}
