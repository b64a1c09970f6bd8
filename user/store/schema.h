// SPDX-License-Identifier: Apache-2.0
/*
 * The tables of history.db and what they mean. Reading them with `sqlite3 -readonly` is a supported way to look at metadata;
 * the profiles themselves are in a format of their own (window_codec.h), read by `profile export`.
 *
 * PRAGMA application_id is 0x50524f46 ("PROF"). PRAGMA user_version is the version of the schema, and meta.schema repeats it:
 *   2  what is described here
 * A version that adds tables or columns which older readers may ignore keeps the number. Any other number is refused.
 *
 * windows       one row per stretch of time; order of id is order of recording, also across steps of the clock
 *   level       0: as recorded; 1: merged to 10 minutes; 2: to an hour
 *   parts       how many recorded windows it consists of
 *   start_ns, end_ns   wall clock (CLOCK_REALTIME, nanoseconds since 1970, UTC) as it was then
 *   covered_ns  measured time in it: less than end - start when the profiler was off in between
 *   boot        -> boots: which host, and which run of its kernel (boot_id)
 *   period_ns   CPU time that one sample stands for: 1e9 / rate
 *   event       what was counted: cpu-clock, cycles
 *   expected, idle, filtered, recorded, lost   sampling periods; expected = idle + filtered + recorded + lost, always
 *   dictionary  -> dictionaries: what its profile is encoded with
 * losses        the lost periods of a window by reason (the names of the accounting line)
 * processes     one row per process that had samples in a window. Those of less than half a CPU second share one with all
 *               others like them: processes says how many they are, members which, pid and identity are 0 then (process_rows.h)
 *   pid         0: several short-lived processes of equal comm and labels, put together when windows were merged
 *   identity    tells processes apart that had the same pid one after another: process_identity()
 *   labels      -> labels: exe, cgroup, unit, container, container_name, pod, namespace; '' where it has none. last_window there: no
 *               window after it has them
 *   samples     times windows.period_ns is its CPU time in the window
 * profiles      the encoded profile of a window; dictionaries: blocks that many of them share
 *
 * View window_list: windows with host, boot id, rate and local times. View process_list: processes with all labels as
 * columns and CPU seconds.
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#define SCHEMA_VERSION 2
#define SCHEMA_APPLICATION_ID 0x50524f46

extern const char schema_sql[]; /* makes all of it in an empty database; to be run inside a transaction */

#endif
