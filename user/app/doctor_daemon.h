// SPDX-License-Identifier: Apache-2.0
#ifndef APP_DOCTOR_DAEMON_H
#define APP_DOCTOR_DAEMON_H

/*
 * profile doctor --daemon: does the daemon of this state directory run, and what does it say of itself? Printed on stdout. Returns
 * the exit status: 1 when it does not run or cannot be looked at.
 */
int doctor_daemon(const char *state_dir);

#endif
