/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_FILE_H
#define L1TUNE_FILE_H

#include <stddef.h>

/*
 * The first @most bytes of a file, whose size need not be known (as below /proc): a
 * copy with a NUL after it, or NULL with errno.
 */
char *file_read(int dirfd, const char *name, size_t most, size_t *len);

#endif
