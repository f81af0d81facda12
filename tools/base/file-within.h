/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_FILE_WITHIN_H
#define L1TUNE_FILE_WITHIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

/*
 * As file_read() of a file that a process can keep from being read for as long as it
 * likes: below /proc/PID, where the kernel waits for a lock of that process. NULL with
 * ETIMEDOUT after at most @most_ns, which is shorter when others have not answered
 * either; and at once, without another wait, while the last read of a file of that
 * process, @pid, has not returned.
 */
char *file_read_within(int dirfd, const char *name, size_t most, size_t *len, uint64_t pid,
		       uint64_t most_ns);

/* Enough for a file that the kernel need not count anything for. */
#define SHORT_FILE_NS	(2 * NSEC_PER_SEC)

/* Has the last read of a file of that process not returned yet? */
bool file_is_withheld(uint64_t pid);

#endif
