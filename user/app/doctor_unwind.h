// SPDX-License-Identifier: Apache-2.0
#ifndef APP_DOCTOR_UNWIND_H
#define APP_DOCTOR_UNWIND_H

/*
 * profile doctor --unwind PID: what share of the text of each image of a process has unwind rules, with the largest functions that
 * have none. With a FILE: all that unwind/report.h tells. Prints to stdout; returns the exit status. Files are read in a process of their own
 * with the rights of a parser (symbolize/sandbox.h).
 */
int doctor_unwind(const char *target);

#endif
