// SPDX-License-Identifier: Apache-2.0
/*
 * Telling the service manager how we are: the protocol of sd_notify(3), one datagram of NAME=VALUE lines to the unix socket
 * in $NOTIFY_SOCKET. The protocol is stable and public and these are 40 lines; libsystemd would bring compression and crypto
 * libraries into a process that holds many privileges.
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdint.h>

/*
 * Sends "NAME=VALUE\n..." lines. Returns 1 when sent, 0 when no manager listens ($NOTIFY_SOCKET is not set), or a negative
 * errno. Never blocks.
 */
int notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* How often the manager wants WATCHDOG=1, in nanoseconds; 0: it does not. */
uint64_t notify_watchdog_ns(void);

#endif
