// SPDX-License-Identifier: Apache-2.0
/*
 * How a failure travels from where it happens to the user.
 *
 * Functions that can fail for a reason a user must hear take a `struct error *` and return a negative errno value;
 * error_set() does both at once. The text is one sentence without a final newline, says what to do where it can,
 * and may contain foreign bytes: whoever prints it does so through log_error(), which escapes them.
 * Only user/app prints; everything below it returns.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

struct error {
	int code; /* negative errno; 0 while nothing failed */
	char text[512];
};

/* Records the first failure (a later one never hides it) and returns `code`, a negative errno. `err` may be NULL. */
int error_set(struct error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
