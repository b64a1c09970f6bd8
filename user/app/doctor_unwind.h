// SPDX-License-Identifier: Apache-2.0
#ifndef APP_DOCTOR_UNWIND_H
#define APP_DOCTOR_UNWIND_H

/*
 * profile doctor --unwind PID|FILE: what unwind rules the images have, and what share of their text is covered, with the largest
 * functions that are not. Prints to stdout; returns the exit status.
 */
int doctor_unwind(const char *target);

#endif
