// SPDX-License-Identifier: Apache-2.0
/*
 * The history: windows of profiles in one SQLite database, DIR/history.db. One writer, any number of readers.
 *
 * A window is one struct profile with the times, the rate and the accounting of what was measured. It is written in one
 * transaction: after a crash it is there whole or not at all, and nothing before it is touched. Windows are kept and
 * merged in the order in which they were recorded (their id), never by their times: the clock may jump.
 *
 * The writer keeps going: an operation that fails (disk full, read-only, input/output error) returns one sentence, and the
 * next call tries anew, from a freshly opened database if need be. A damaged database is set aside as
 * history.db.corrupt-YYYYMMDD-HHMMSS, what is readable in it is taken over, and store_take_notice() tells.
 *
 * Readers see a consistent state, never block the writer and need nothing but permission to read the files.
 * The meaning of the tables is documented in schema.h.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/error.h"
#include "profile/filter.h"
#include "profile/profile.h"

#include <stdbool.h>
#include <stdint.h>

#define STORE_DEFAULT_DIR "/var/lib/profiled"
#define STORE_FILE "history.db"

struct store; /* opaque */

enum store_mode { STORE_READ, STORE_WRITE };

/*
 * STORE_WRITE makes the directory (0750) when it is missing and locks it: a second writer gets -EBUSY with one sentence. It
 * succeeds even while the database cannot be opened for a reason that may pass (disk full, read-only): store_append() tells.
 * STORE_READ fails with -ENOENT when there is no history. NULL with one sentence in `err`.
 */
struct store *store_open(const char *dir, enum store_mode mode, struct error *err);
void store_close(struct store *s); /* NULL is fine */

/*
 * Appends a window: start_ns, end_ns, period_ns, event and accounting of the profile are its metadata. 0 or a negative
 * errno with the sentence in `err`; the window is then not in the history, and the caller may append the same profile
 * again later (or drop it and say so). Cost: an encoding of what the samples reach, and one commit.
 */
int store_append(struct store *s, const struct profile *p, struct error *err);

/*
 * What is kept. 0 switches a limit off. Merged windows keep all sums; what they give up is said at profile_coarsen().
 */
struct store_limits {
	uint64_t max_age_ns;      /* a window that ended longer ago is deleted */
	uint64_t max_bytes;       /* of all files of the history together; oldest windows go first */
	uint64_t min_free_bytes;  /* of the file system; likewise. Space that others take is theirs: see store_maintain() */
	uint64_t merge_10m_after_ns; /* windows become windows of 10 minutes when they are that old */
	uint64_t merge_1h_after_ns;  /* and windows of an hour */
};
/* 30 days, 1 GiB, 256 MiB free, 10 minutes after 2 hours, hours after 7 days. */
extern const struct store_limits store_default_limits;

/*
 * One bounded step (some 10 ms) of rolling up, deleting and giving back space. Returns 1 when there is more to do (call
 * again soon, e.g. at the next turn), 0 when everything is within the limits, or a negative errno with the sentence in
 * `err`. Call it after every store_append() at least. `now_ns`: CLOCK_REALTIME.
 *
 * Once it has returned 0 the files hold at most max_bytes less a sixteenth: the room the next windows need until the next
 * call. The newest window is never deleted, whatever the limits say.
 */
int store_maintain(struct store *s, const struct store_limits *limits, uint64_t now_ns, struct error *err);

/* A thing the user should hear although the call succeeded (a damaged database was set aside): once; false: nothing. */
bool store_take_notice(struct store *s, struct error *ret_notice);

struct store_status {
	uint64_t bytes;               /* of all files */
	uint64_t windows;             /* rows; a merged one counts once */
	uint64_t oldest_ns, newest_ns; /* start of the first and end of the last window by order of recording; 0: none */
	uint64_t appended, failed;    /* store_append() calls of this writer */
	uint64_t deleted, merged;     /* windows, by this writer */
};
int store_status(struct store *s, struct store_status *ret, struct error *err);

/* What to read: every window that has a part in [since_ns, until_ns), and of these the processes that the filter lets through. */
struct store_query {
	uint64_t since_ns, until_ns; /* CLOCK_REALTIME; UINT64_MAX: no end */
	const struct process_filter *filter; /* NULL: all */
};

struct store_window {
	int64_t id;
	unsigned level;  /* 0: as recorded, 1: merged to 10 minutes, 2: to an hour */
	uint64_t parts;  /* recorded windows in it */
	uint64_t start_ns, end_ns;
	uint64_t covered_ns; /* of it were measured: less than end - start when there were gaps */
	const char *host, *boot_id;
	uint64_t period_ns;
	const char *event;
	struct accounting accounting;
};

struct store_process {
	int64_t window;
	int32_t pid; /* 0: several short processes of equal comm and labels, put together when the window was merged */
	uint64_t identity;
	const char *comm;
	const char *labels[LABEL_N]; /* "": none */
	uint64_t samples; /* sampling periods: times the window's period_ns is CPU time */
};

/* Called in order of recording; a value other than 0 ends the iteration and is returned. Texts are valid during the call. */
typedef int store_window_fn(void *ctx, const struct store_window *w);
typedef int store_process_fn(void *ctx, const struct store_window *w, const struct store_process *p);

/* Metadata only: no profile is decoded. 0, what `fn` returned, or a negative errno with the sentence in `err`. */
int store_each_window(struct store *s, const struct store_query *q, store_window_fn *fn, void *ctx, struct error *err);
/*
 * Every window, first with process NULL and then with each of its processes that the filter lets through. One state of the
 * history, as everywhere here: no window is seen twice, or before and after it was merged.
 */
int store_each_process(struct store *s, const struct store_query *q, store_process_fn *fn, void *ctx, struct error *err);

struct store_coverage {
	uint64_t windows, parts;
	uint64_t unreadable; /* windows of the range whose profile is damaged: not in the result, told here */
	uint64_t start_ns, end_ns; /* of the windows: may reach beyond the range that was asked for */
	uint64_t covered_ns;
	bool several_periods; /* counts of the result stand for the greatest common divisor of the windows' periods */
	bool several_hosts;
};

/*
 * All windows of the range merged into one profile, without the processes that the filter holds back (their samples are
 * counted as filtered). *ret is the caller's (profile_free()); it has no samples when nothing matched. 0 or a negative
 * errno with the sentence in `err`.
 */
int store_read(struct store *s, const struct store_query *q, struct profile **ret, struct store_coverage *ret_coverage,
	       struct error *err);
/* The same, and `fn` is called with each of these windows that can be read, and what the filter lets through of it. */
typedef void store_profile_fn(void *ctx, const struct store_window *w, const struct profile *p);
int store_read_each(struct store *s, const struct store_query *q, store_profile_fn *fn, void *ctx, struct profile **ret,
		    struct store_coverage *ret_coverage, struct error *err);

#endif
