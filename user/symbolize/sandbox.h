// SPDX-License-Identifier: Apache-2.0
/* Where foreign bytes are read: a process that can do nothing but compute, read what it has open and write its result. */
#ifndef SYMBOLIZE_SANDBOX_H
#define SYMBOLIZE_SANDBOX_H

#include <stdint.h>

struct sandbox_limits {
	unsigned cpu_seconds;
	uint64_t memory; /* bytes that it may allocate */
	uint64_t copies; /* bytes of address space beyond that, for copies of files */
	uint64_t result; /* bytes that a file it writes may have */
};

/*
 * Confines this process for the rest of its life: another user, no capabilities, no new ones, these limits, and of system calls
 * only those that allocate memory, read, write and end; any other one ends it with SIGSYS. 0 or a negative errno, after which the
 * process must end without reading anything. Descriptors are the caller's affair: what is open stays usable.
 */
int sandbox_enter(const struct sandbox_limits *limits);
/*
 * The part of it that every helper begins with: root becomes nobody; who is another user already cannot change that and has capabilities
 * to lose at most. 0 or a negative errno.
 */
int sandbox_drop_rights(void);

#endif
