// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum log_level max_level = LOG_LEVEL_INFO;
static bool for_journal;

void log_set_level(enum log_level level)
{
	max_level = level;
}

void log_for_journal(bool on)
{
	for_journal = on;
}

bool log_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char text[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st))
		return false;
	snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return !strcmp(stream, text);
}

/* What stands before a message. Priorities as in syslog(3). */
static const char *prefix(enum log_level level)
{
	static const char *const journal[] = {"<3>", "<4>", "<6>", "<7>"};

	if (for_journal)
		return journal[level];
	return level == LOG_LEVEL_WARN ? "profile: warning: " : "profile: ";
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
	buf_puts(&line, prefix(level));
	text_escape(&line, text, strlen(text));
	buf_puts(&line, "\n");
	fwrite(line.v, 1, line.n, stderr);
	buf_free(&line);
}
