// SPDX-License-Identifier: Apache-2.0
/*
 * Diagnostics on stderr, one escaped line a message: "profile: TEXT".
 *
 * Foreign bytes in a message (a comm, a path, a symbol) are escaped as text_escape() does, so no message can move the
 * cursor, forge a second line or colour a terminal.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* The most detailed level printed; LOG_LEVEL_INFO until set. */
void log_set_level(enum log_level level);

void log_message(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...) log_message(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_message(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_message(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_message(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
