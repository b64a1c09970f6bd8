// SPDX-License-Identifier: Apache-2.0
/* Points in time as people write them, in the local time zone. Pure: the present is passed in; the zone is the C library's. */
#ifndef BASE_TIMERANGE_H
#define BASE_TIMERANGE_H

#include <stdint.h>

/*
 *   now  today  yesterday            today and yesterday mean their midnight
 *   -30s  -10m  -2h  -1d             before now; a day is 24 hours
 *   HH:MM[:SS]                       the last time the clock showed that: today, or yesterday when today's is still to come
 *   today HH:MM[:SS]   yesterday HH:MM[:SS]
 *   YYYY-MM-DD   YYYY-MM-DD HH:MM[:SS]   (also with T between)
 *   @SECONDS                         since 1970
 *
 * A time that the clock skips when summer begins is read with the offset before the change, so it is as long after midnight
 * as it looks; of one that comes twice when summer ends, the first is meant. Result in nanoseconds of CLOCK_REALTIME.
 * 0, -EINVAL for anything else, -ERANGE for a date or time that does not exist (2026-02-30, 24:30) or is before 1970.
 */
int timerange_point(const char *text, uint64_t now_ns, uint64_t *ret_ns);

#endif
