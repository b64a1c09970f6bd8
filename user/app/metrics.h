// SPDX-License-Identifier: Apache-2.0
/* What the daemon says of itself: Prometheus text format 0.0.4, as node_exporter's textfile collector reads it. Pure. */
#ifndef APP_METRICS_H
#define APP_METRICS_H

#include "app/unwind_stats.h"
#include "base/buf.h"
#include "profile/accounting.h"
#include "profile/profile.h"

#include <stdint.h>

/* One list gives the members, the lines and what is said of each: X(member, name, type, unit per second or 0, help). */
#define METRICS(X)                                                                                                     \
	X(windows, "windows_total", "counter", 0, "Windows that ended.")                                               \
	X(windows_unsaved, "windows_unsaved_total", "counter", 0, "Windows that could not be written to the history.") \
	X(samples_cut, "samples_truncated_total", "counter", 0, "Samples whose stack does not reach its root.")        \
	X(samples_nameless, "samples_unsymbolized_total", "counter", 0, "Samples whose innermost frame has no name.")  \
	X(images_too_large, "images_too_large_total", "counter", 0, "Programs and libraries of which something was not read for its size.") \
	X(names_unread, "names_unread_total", "counter", 0, "Functions called by their mangled names, since reading those failed or was not done in time.") \
	X(debug_fetched, "debug_files_fetched_total", "counter", 0, "Debug files that came from debuginfod servers.") \
	X(debug_not_found, "debug_files_not_found_total", "counter", 0, "Those that no server has.")                  \
	X(debug_failed, "debug_files_failed_total", "counter", 0, "Those that did not come: no answer, or not the file that was asked for.") \
	X(parsers, "parsers_total", "counter", 0, "Processes that read a program or library, for its names or its unwind rules.") \
	X(parsers_failed, "parsers_failed_total", "counter", 0, "Those that died or took too long: the file has none.")  \
	X(images_cached, "images_cached_total", "counter", 0, "Names or unwind rules of a file that were in the cache.")  \
	X(processes, "processes", "gauge", 0, "Processes followed at present.")                                        \
	X(cpu_ns, "cpu_seconds_total", "counter", 1000000000, "CPU time of the daemon, its helpers and its sampler.")  \
	X(sampler_ns, "sampler_cpu_seconds_total", "counter", 1000000000, "The sampler's part of it, in the kernel.")  \
	X(resident_bytes, "resident_memory_bytes", "gauge", 0, "Resident memory of the daemon, without BPF maps and program files.")                       \
	X(map_bytes, "bpf_map_bytes", "gauge", 0, "Kernel memory of BPF maps.")                                        \
	X(unwind_bytes, "unwind_table_bytes", "gauge", 0, "Unwind rules in that memory.")                              \
	X(unwind_mappings, "unwind_mappings", "gauge", 0, "Executable mappings that the sampler knows.")               \
	X(unwind_built, "unwind_tables_built_total", "counter", 0, "Tables of unwind rules that were loaded.")  \
	X(unwind_evicted, "unwind_tables_evicted_total", "counter", 0, "Those that had to give way to others.")        \
	X(unwind_late, "unwind_late_walks_total", "counter", 0, "Stacks walked when their mappings became known.")     \
	X(frequency, "frequency_hertz", "gauge", 0, "Samples per second and CPU; lower than configured above the CPU ceiling.") \
	X(memory_drops, "memory_ceiling_total", "counter", 0, "Times that caches were dropped to stay below the memory ceiling.") \
	X(history_bytes, "history_bytes", "gauge", 0, "Size of the history.")                                          \
	X(history_windows, "history_windows", "gauge", 0, "Windows in the history; a merged one counts once.")         \
	X(history_oldest_ns, "history_oldest_timestamp_seconds", "gauge", 1000000000, "Start of the oldest window.")   \
	X(history_newest_ns, "history_newest_timestamp_seconds", "gauge", 1000000000, "End of the newest window.")     \
	X(last_error_ns, "last_error_timestamp_seconds", "gauge", 1000000000, "When something last failed; 0: never.") \
	X(start_ns, "start_timestamp_seconds", "gauge", 1000000000, "When the daemon started.")

struct metrics {
	struct accounting accounting; /* of all windows */
	const struct unwind_stats *unwind; /* or NULL; not owned */
#define X(member, name, type, unit, help) uint64_t member;
	METRICS(X)
#undef X
};

void metrics_print(struct buf *out, const struct metrics *m);

/* Adds what the samples of a window show: accounting, stacks that are cut, leaves without a name. */
void metrics_add_window(struct metrics *m, const struct profile *p);

#endif
