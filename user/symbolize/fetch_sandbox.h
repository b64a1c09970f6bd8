// SPDX-License-Identifier: Apache-2.0
/* Where debug files are fetched: a process that may talk to servers, read what all may read of the system's files, and write one file. */
#ifndef SYMBOLIZE_FETCH_SANDBOX_H
#define SYMBOLIZE_FETCH_SANDBOX_H

#include <stdint.h>

#define FETCH_SANDBOX_CPU_SECONDS 60 /* decryption of a gigabyte takes a few */
#define FETCH_SANDBOX_MEMORY_BYTES (1ull << 30)

/*
 * Confines this process for the rest of its life: another user, no capabilities, no new ones; files that it writes end at `bytes`. What
 * libcurl, the system's resolver and TLS need is allowed: sockets (of no other kind than to servers, the resolver and the kernel's list
 * of addresses), threads, and to open files for reading; where the kernel has Landlock, only those below /etc, /usr, /lib and the
 * resolver's in /run. It never makes, executes or opens for writing any file, starts no process, listens to nobody, and makes no memory
 * executable but that of libraries. Trying to execute, trace or load BPF ends it with SIGSYS; of other calls it is told that there are
 * none (ENOSYS), as the libraries of another system may try some and do without. 0 or a negative errno, after which it must end.
 */
int fetch_sandbox_enter(uint64_t bytes);

#endif
