// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum log_level max_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	max_level = level;
}

void log_message(enum log_level level, const char *fmt, ...)
{
	struct buf line = {0};
	char text[2048];
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_puts(&line, level == LOG_LEVEL_WARN ? "profile: warning: " : "profile: ");
	text_escape(&line, text, strlen(text));
	buf_puts(&line, "\n");
	fwrite(line.v, 1, line.n, stderr);
	buf_free(&line);
}
