/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ARGS_H
#define L1TUNE_ARGS_H

#include <stddef.h>

/* A command line as /proc/PID/cmdline has it: arguments that end with NUL. */
struct args {
	char **argv;
	size_t argc;
	char *text;
};

void args_split(const char *cmdline, size_t len, struct args *args);
void args_free(struct args *args);

/* The program's file name; empty if there is no argument at all. */
const char *args_program(const struct args *args);

/*
 * The next value of an option from argument *i on: "--id X", "--id=X", with one
 * dash or two. Arguments after "--" are for another program. NULL at the end.
 * *i starts with 1.
 */
const char *args_next_value(const struct args *args, const char *option, size_t *i);

#endif
