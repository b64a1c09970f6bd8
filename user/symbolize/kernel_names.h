// SPDX-License-Identifier: Apache-2.0
/*
 * Names of kernel code at the time it ran. The kernel proper is read once from /proc/kallsyms. Modules, BPF programs and
 * trampolines come and go: programs tell of themselves in the side-band (PERF_RECORD_KSYMBOL), with times and sizes; a change of
 * /proc/modules, looked at once a drain while such code is sampled, makes /proc/kallsyms be read again. What that costs is bounded.
 */
#ifndef SYMBOLIZE_KERNEL_NAMES_H
#define SYMBOLIZE_KERNEL_NAMES_H

#include "base/strings.h"
#include "process/event.h"
#include "symbolize/code_map.h"
#include "symbolize/kallsyms.h"

struct kernel_names {
	struct kallsyms core; /* never changes once it was read, so indices into it may be kept */
	struct code_map code; /* the rest; tags are ids in `modules` */
	struct strings *modules;
	bool read;	      /* core has been */
	bool doubtful;	      /* something was loaded or lost that has not been read yet: `code` may be wrong */
	uint64_t modules_seen; /* a hash of what /proc/modules said last */
	uint64_t checked;      /* when it was asked */
	uint64_t next_read;    /* not before this time, so that a module that is loaded again and again costs little */
};

/* A kernel symbol: what both sources say of an address. */
struct kernel_name {
	const char *name, *module; /* module: "" for the kernel itself */
	const struct kernel_symbol *core; /* the same in k->core.symbols, or NULL */
};

/* What names `address`, sampled at `time`; false when nothing does for sure. Texts are valid until the next call. */
bool kernel_names_find(struct kernel_names *k, uint64_t address, uint64_t time, struct kernel_name *ret);
/* EVENT_KSYMBOL and EVENT_LOST; other events are ignored. */
void kernel_names_apply(struct kernel_names *k, const struct process_event *e);
void kernel_names_free(struct kernel_names *k);

/*
 * The text of /proc/kallsyms as read at time `now`. The first time it says what is there; later what changed since k->checked.
 * Pure; `text` is cut to pieces.
 */
void kernel_names_learn(struct kernel_names *k, char *text, uint64_t now);
/* A hash of which modules are where, of the text of /proc/modules; use counts and states do not matter. Cuts it to pieces. */
uint64_t kernel_modules_hash(char *text);

#endif
