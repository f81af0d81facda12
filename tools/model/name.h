/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_NAME_H
#define L1TUNE_NAME_H

#include <stddef.h>

/*
 * The name that the VMM's command line gives the guest. The command line is what
 * /proc/PID/cmdline holds: arguments that end with NUL. *source says which
 * option it came from; NULL when there is none.
 */
char *name_from_cmdline(const char *cmdline, size_t len, const char **source);

#endif
