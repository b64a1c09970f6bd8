// SPDX-License-Identifier: Apache-2.0
/* Where foreign bytes are read: a process that can do nothing but compute, read what it has open and write its result. */
#ifndef SYMBOLIZE_SANDBOX_H
#define SYMBOLIZE_SANDBOX_H

#include <stdint.h>

#define SANDBOX_CPU_SECONDS 10
#define SANDBOX_MEMORY_BYTES (1ull << 30) /* that it may allocate, beyond the copies of its files */
#define SANDBOX_RESULT_BYTES (512ull << 20)

/*
 * Confines this process for the rest of its life: another user, no capabilities, no new ones, the limits above, and of system calls
 * only those that allocate memory, read, write and end; any other one ends it with SIGSYS. `copies`: bytes of address space
 * that the copies of its files may take. 0 or a negative errno, after which the process must end without reading anything.
 * Descriptors are the caller's affair: what is open stays usable.
 */
int sandbox_enter(uint64_t copies);

#endif
