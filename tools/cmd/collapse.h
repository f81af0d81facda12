/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CMD_COLLAPSE_H
#define L1TUNE_CMD_COLLAPSE_H

#include "settings/collapse.h"
#include "ui/options.h"

/*
 * Sets huge_pages=collapse for a guest and prints what became of its memory;
 * quietly if is_quiet. STATUS_OK, or another exit status after a message: also
 * if it was stopped, or if nothing could be collapsed.
 */
int collapse_guest(const struct options *options, const struct host *host,
		   const struct guest *guest, bool is_quiet);

#endif
