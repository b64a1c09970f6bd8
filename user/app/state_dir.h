// SPDX-License-Identifier: Apache-2.0
/* The daemon's directory: one daemon at a time, and nobody else may write in it. */
#ifndef APP_STATE_DIR_H
#define APP_STATE_DIR_H

#include "base/error.h"

/*
 * Makes the directory (0750) if it is not there, refuses one that others own or can write to, and locks it until the descriptor
 * that is returned is closed. -EBUSY when another daemon uses it; a negative errno with one sentence otherwise.
 */
int state_dir_open(const char *dir, struct error *err);

#endif
