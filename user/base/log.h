// SPDX-License-Identifier: Apache-2.0
/*
 * Diagnostics on stderr, one escaped line a message: "profile: TEXT".
 *
 * Foreign bytes in a message (a comm, a path, a symbol) are escaped as text_escape() does, so no message can move the
 * cursor, forge a second line or colour a terminal.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* The most detailed level printed; LOG_LEVEL_INFO until set. */
void log_set_level(enum log_level level);

/*
 * For the journal: every line begins with "<N>", the syslog priority, and without our name, which the journal knows; see
 * sd-daemon(3). The form above until then.
 */
void log_for_journal(bool on);
/* Is stderr a stream to the journal? The service manager says so in $JOURNAL_STREAM, "DEVICE:INODE" of it. */
bool log_is_journal(void);

void log_message(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...) log_message(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_message(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_message(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_message(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
