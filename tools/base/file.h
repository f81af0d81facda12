/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_FILE_H
#define L1TUNE_FILE_H

#include <stddef.h>

/*
 * The whole of a file, whose size need not be known before, but no more than
 * this many bytes: a copy with a NUL behind it, or NULL with errno.
 */
char *file_read(int dirfd, const char *name, size_t most, size_t *len);

#endif
